//! Secure aggregation: the coordinator learns the sum of the members' weighted updates, and
//! nothing else of any of them.
//!
//! | | |
//! |---|---|
//! | [`vector`] | an update as field elements, and the sum read from their sum |
//! | [`member`] | what a member sends, and what it refuses |
//! | [`sealed`] | what is sent only after it is promised on disk |
//! | [`coordinator`] | what the coordinator takes, and the secrets that unmask |
//! | [`unmasking`] | adding vectors up, taking masks off |
//! | [`blame`] | whose vector is wrong, if the sum is |
//! | [`plan`], [`messages`] | what a round is, and what is said and signed in it |
//! | [`analysis`] | what somebody works out who has come by secrets |
//! | [`policy`], [`group`], [`error`] | plans and sets that a member accepts, and errors |
//!
//! `docs/secure-aggregation.md` describes the whole with what it rests on. Nothing here reads
//! clocks, files or sockets, knows a chain, or proves anything: messages are checked, openings come
//! from outside ([`zktrain_argument::opening::Opener`]).
//!
//! ```
//! use zktrain_secagg::group::default_threshold;
//!
//! // Of twenty members six may drop out, or collude with the coordinator.
//! assert_eq!(default_threshold(20), 14);
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod analysis;
pub mod blame;
pub mod coordinator;
mod dleq;
mod eip712;
mod eq;
pub mod error;
pub mod group;
mod keys;
pub mod member;
pub mod merkle;
pub mod messages;
pub mod plan;
pub mod policy;
pub mod sealed;
mod shamir;
mod sharing;
mod stream;
pub mod unmasking;
pub mod vector;

#[cfg(test)]
mod tests;

pub use error::SecaggError;
pub use policy::Policy;
