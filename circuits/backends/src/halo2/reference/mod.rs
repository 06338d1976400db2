//! The circuit, its values and its transcript in the form of `halo2_proofs`: the reference that
//! tests hold our own keys, prover and verifier to. Nothing else uses that crate.

pub mod circuit;
pub mod convert;
pub mod transcript;
