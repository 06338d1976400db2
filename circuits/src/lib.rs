//! The statement: manifest, integer semantics, transcript and the one verifier.

pub mod manifest;
pub mod quant;
pub mod schedule;
