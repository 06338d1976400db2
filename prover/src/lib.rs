//! The prover: witness layout, commitments, sumcheck and lookup provers, kernels.

pub mod commit;
pub mod hyperkzg;
pub mod kernels;
pub mod srs;
pub mod trace;
