//! Groth16: keys from a ceremony's second phase or, for tests, from one party, and proofs with them.

pub mod groth16;
pub mod phase_two;
