//! What is computed, and what has to hold of it: manifests, integer semantics, the relation of a
//! training step, its size, the trace that fills it, and what can be certified of it.
//!
//! Integers only: no field, no curve, no proof. Nothing here is async or touches a file or a socket.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod certificate;
pub mod chunks;
pub mod compile;
pub mod manifest;
pub mod quant;
pub mod relation;
pub mod schedule;
pub mod size;
pub mod trace;

/// A digest by Keccak-256.
pub type Hash = [u8; 32];
