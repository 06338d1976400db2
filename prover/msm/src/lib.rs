//! Kernels over BN254: sums of points with small and full scalars, sums of products, tables of `eq`.
//!
//! They are loops over field and group elements that know nothing of transcripts or relations. Every
//! kernel is deterministic: its result depends on its inputs only, never on the number of threads,
//! nor on which instructions the processor has.
//!
//! All `unsafe` blocks of the workspace are here: in `simd/x86.rs`, and where [`floor`] asks the
//! processor. Elsewhere the compiler refuses them.
//!
//! ```
//! use ark_bn254::Fr;
//! use zktrain_msm::eq::evaluate;
//!
//! // The multilinear polynomial with these values at 00, 10, 01 and 11, at the point (2, 3).
//! let point = [Fr::from(2u64), Fr::from(3u64)];
//! assert_eq!(evaluate(&[5, 7, -1, 0], &point), -Fr::from(15u64));
//! ```

pub mod accumulate;
mod affine;
mod buckets;
pub mod eq;
pub mod fixed_base;
pub mod floor;
mod full;
mod lanes;
pub mod polynomial;
pub mod rows;
mod simd;

pub use accumulate::{SignedAccumulator, WideAccumulator, dot_i32, fold_rows};
pub use full::msm_full;
pub use rows::Row;
