//! How a relation is proven: the arithmetic that the verifier is written over, Poseidon, the
//! transcript, the argument's messages, the lookup argument, openings of commitments, and the one
//! verifier.
//!
//! Nothing here knows a circuit, a file or whose proof it is.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod arith;
pub mod counter;
pub mod curve;
pub mod fraction;
pub mod messages;
pub mod opening;
pub mod poseidon;
pub mod transcript;
pub mod verifier;
