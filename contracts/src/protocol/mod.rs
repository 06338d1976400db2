//! What the contracts of rounds compute, computed here: weights, Merkle trees, what is signed.

pub mod merkle;
pub mod typed;
pub mod weights;
