//! Proofs: honest ones hold, and those of every cheating prover do not.

mod average;
mod batch;
mod certificates;
#[path = "../common/mod.rs"]
mod common;
mod compressed;
mod contract_fixtures;
mod determined;
mod encoding;
mod fixtures;
mod groth16;
mod halo2_circuit;
mod halo2_made;
mod halo2_proof;
mod proof;
mod round_fixtures;
mod simulator;
mod soundness;
mod tamper;
mod transcript;
mod windows;
mod zero_knowledge;
