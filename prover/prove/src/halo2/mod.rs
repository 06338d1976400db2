//! Compresses an argument with halo2.
//!
//! [`Halo2Params`] are the reference string with a second basis, the same for all
//! manifests; [`Halo2Keys`] follow from the relation and the string alone, so that
//! anyone can derive them again; [`prove`] makes the proof that
//! [`zktrain_verify::halo2`] checks.
//!
//! The prover is our own: one circuit, blinded so that its proofs are perfectly zero-knowledge
//! (`docs/privacy.md`). Tests hold keys and proofs to `halo2_proofs`. What takes time is behind
//! [`kernels::Kernels`].

pub mod blinding;
mod columns;
pub mod constraints;
pub mod domain;
pub mod kernels;
mod keys;
mod lagrange;
mod params;
mod product;
mod prove;
mod shplonk;
#[cfg(test)]
mod tests;
mod transcript;

pub use blinding::Blinding;
pub use keys::{Halo2Keys, derive, derive_tape, log_rows, power};
pub use params::{Halo2Params, ParamsError, powers};
pub use prove::{prove, prove_by, prove_tape};

use zktrain_argument::arith::Check;
use zktrain_commit::random::NoRandomness;

/// Why there are no keys or no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Halo2ProveError {
    /// The argument lacks the relation's shape.
    #[error("the argument is not one for this relation")]
    Shape,
    /// The argument does not convince the verifier.
    #[error("the verifier rejects the argument: {0}")]
    Argument(Check),
    /// The parameters are for fewer or more rows than the circuit has.
    #[error("parameters for 2^{got} rows; the circuit has 2^{expected}")]
    Rows {
        /// Logarithm of the circuit's rows.
        expected: u32,
        /// Logarithm of the parameters' rows.
        got: u32,
    },
    /// The keys are those of another relation.
    #[error("the keys belong to another relation")]
    Keys,
    /// Nothing to blind with.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}
