//! Arithmetic kernels: loops over field and group elements that know nothing of transcripts.
//!
//! Every kernel is deterministic: its result depends on its inputs only, never on the number of
//! threads.

pub mod accumulate;
mod affine;
pub(crate) mod buckets;
pub(crate) mod fixed_base;
pub mod floor;
mod lanes;
pub mod msm;
pub(crate) mod polynomial;
pub(crate) mod rows;
mod simd;

pub use accumulate::{SignedAccumulator, WideAccumulator, dot_i32, fold_rows};
pub use msm::msm_full;
