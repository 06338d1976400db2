//! How a relation is proven: the arithmetic that the verifier is written over, Poseidon, the
//! transcript, the argument's messages, the lookup argument, openings of commitments, and the one
//! verifier.
//!
//! Nothing here knows a circuit, a file or whose proof it is.
//!
//! ```
//! use zktrain_argument::arith::Native;
//! use zktrain_argument::transcript::Transcript;
//!
//! let challenge = |value: u64| {
//!     let mut transcript = Transcript::new(&mut Native);
//!     transcript.absorb(&mut Native, "values", &[value.into()]);
//!     transcript.challenge(&mut Native, "point")
//! };
//! assert_eq!(challenge(7), challenge(7));
//! assert_ne!(challenge(7), challenge(8));
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
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
