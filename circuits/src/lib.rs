//! The statement: manifest, integer semantics, transcript and the one verifier.

pub mod curve;
pub mod opening;
