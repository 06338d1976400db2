//! What is computed, and what has to hold of it: manifests, integer semantics, the relation of a
//! training step, its size, the trace that fills it, and what can be certified of it.
//!
//! Integers only: no field, no curve, no proof. Nothing here is async or touches a file or a socket.
//!
//! ```
//! use zktrain_model::compile::compile_training;
//! use zktrain_model::manifest::Manifest;
//! use zktrain_model::size::Limits;
//!
//! let manifest = Manifest::from_toml(&std::fs::read_to_string("tests/manifest.toml")?)?;
//! let network = Limits::default().admit(manifest.network()?)?;
//! let (relation, _) = compile_training(&network)?;
//! assert_eq!((network.parameters(), relation.layout.row_log), (12, network.row_log));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod certificate;
pub mod chunks;
pub mod compile;
pub mod graph;
pub mod manifest;
pub mod operators;
pub mod quant;
pub mod relation;
pub mod schedule;
pub mod size;
pub mod trace;

/// A digest by Keccak-256.
pub type Hash = [u8; 32];
