//! The prover: witness layout, commitments, sumcheck and lookup provers, kernels.

pub mod average;
pub mod ceremony;
pub mod commit;
pub mod compress;
pub mod eq;
pub mod fraction;
pub mod groth16;
pub mod halo2;
pub mod kernels;
pub mod lookups;
pub mod materialize;
pub mod memory;
pub mod mercury;
pub mod prove;
pub mod random;
pub mod reduction;
pub mod regular;
pub mod relations;
pub mod sheet;
pub mod srs;
pub mod trace;
pub mod training;
pub mod witness;
