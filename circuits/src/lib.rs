//! The statement: manifest, integer semantics, transcript and the one verifier.
//!
//! Nothing here is async, touches a file or a socket, or depends on a prover.
#![forbid(unsafe_code)]

pub mod arith;
pub mod fraction;
pub mod poseidon;
pub mod transcript;
