//! The verifier: checks a proof, and a chain of proofs.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod batch;
pub mod circuit;
pub mod contract_key;
pub mod dataset;
pub mod evm;
pub mod file;
pub mod groth16;
pub mod halo2;
pub mod mercury;
pub mod pairing;
pub mod round;
pub mod sheet;
pub mod training;
