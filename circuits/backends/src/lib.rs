//! The one verifier as circuits: what a compressed proof shows (`compress`), as halo2's cells and as
//! rank-one constraints.
//!
//! Nothing here proves anything: it gives circuits, their shapes and their keys' encodings.
//!
//! ```
//! use zktrain_backends::{halo2, r1cs};
//! use zktrain_model::compile::compile_training;
//! use zktrain_model::manifest::Manifest;
//! use zktrain_model::size::Limits;
//!
//! let manifest = Manifest::from_toml(&std::fs::read_to_string("../model/tests/manifest.toml")?)?;
//! let network = Limits::default().admit(manifest.network()?)?;
//! let (relation, _) = compile_training(&network)?;
//! let (tape, system) = (halo2::shape(&relation)?, r1cs::compile(&relation)?);
//! assert!(tape.rows.len() <= 1 << tape.log_rows());
//! assert!(system.constraints().len() > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
