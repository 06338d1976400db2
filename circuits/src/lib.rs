//! The statement: manifest, integer semantics, transcript and the one verifier.
//!
//! Nothing here is async, touches a file or a socket, or depends on a prover.
#![forbid(unsafe_code)]

pub mod argument;
pub mod arith;
pub mod compile;
pub mod curve;
pub mod fraction;
pub mod manifest;
pub mod opening;
pub mod poseidon;
pub mod quant;
pub mod relation;
pub mod schedule;
pub mod transcript;
pub mod verifier;
