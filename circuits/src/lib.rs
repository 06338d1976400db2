//! The statement: manifest, integer semantics, transcript and the one verifier.
//!
//! Nothing here is async, touches a file or a socket, or depends on a prover.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod argument;
pub mod arith;
pub mod certificate;
pub mod chunks;
pub mod compile;
pub mod compress;
pub mod compressed;
pub mod curve;
pub mod fraction;
pub mod halo2;
pub mod key;
pub mod manifest;
pub mod merkle;
pub mod opening;
pub mod poseidon;
pub mod proof;
pub mod quant;
pub mod r1cs;
pub mod relation;
pub mod schedule;
pub mod size;
pub mod statement;
pub mod transcript;
pub mod verifier;
pub mod wire;
