//! Kernels over BN254: sums of points with small and full scalars, sums of products, tables of `eq`.
//!
//! They are loops over field and group elements that know nothing of transcripts or relations. Every
//! kernel is deterministic: its result depends on its inputs only, never on the number of threads,
//! nor on which instructions the processor has.
//!
//! All `unsafe` blocks of the workspace are here: in `simd/x86.rs`, and where [`floor`] asks the
//! processor. Elsewhere the compiler refuses them.

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
