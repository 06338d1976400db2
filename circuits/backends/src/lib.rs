//! The one verifier as circuits: what a compressed proof shows (`compress`), as halo2's cells and as
//! rank-one constraints.
//!
//! Nothing here proves anything: it gives circuits, their shapes and their keys' encodings.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod compress;
pub mod halo2;
pub mod r1cs;
pub mod rows;
#[cfg(test)]
mod tests;
