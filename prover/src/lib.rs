//! The prover: witness layout, commitments, sumcheck and lookup provers, kernels.

pub mod fraction;
