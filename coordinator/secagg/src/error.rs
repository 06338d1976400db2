//! What is refused, and why.

use alloy_primitives::{Address, B256};

use super::policy::PolicyError;
use super::vector::VectorError;

/// Why a message is refused, by a member or by the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecaggError {
    /// The plan or a set of members would not protect the member.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No vector of this network.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The account has no place in the round, or in the set that matters.
    #[error("{account} is not among {set}")]
    Stranger {
        /// Whose.
        account: Address,
        /// Which set.
        set: &'static str,
    },
    /// A list of accounts is not in strictly ascending order.
    #[error("{what}: accounts are not in strictly ascending order at position {position}")]
    Order {
        /// Which list.
        what: &'static str,
        /// The first one out of order.
        position: usize,
    },
    /// Signed by someone else, or by nobody.
    #[error("{what} of {account} is not signed by it")]
    Signature {
        /// What is signed.
        what: &'static str,
        /// Whose it says it is.
        account: Address,
    },
    /// No point of the group, or the neutral one.
    #[error("{what} of {account} is no point")]
    Point {
        /// Which.
        what: &'static str,
        /// Whose.
        account: Address,
    },
    /// A list has another length.
    #[error("{what}: {got}, expected {expected}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many there must be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// It speaks of something else than the receiver knows.
    #[error("{what} of {account} is {got}, expected {expected}")]
    Mismatch {
        /// Of what.
        what: &'static str,
        /// Whose.
        account: Address,
        /// What the receiver knows.
        expected: B256,
        /// What is said.
        got: B256,
    },
    /// Shares that could not be sealed: nothing is sent in their place.
    #[error("the shares for {account} could not be sealed")]
    Unsealed {
        /// Whom they are for.
        account: Address,
    },
    /// An envelope that does not belong to the signed root.
    #[error("the envelope of {account} does not lead to the root that it signed")]
    Envelope {
        /// Who sealed it.
        account: Address,
    },
    /// A complaint about an envelope that opens.
    #[error("the complaint about {account} does not hold: {why}")]
    Unfounded {
        /// Who is complained about.
        account: Address,
        /// Which part of it is wrong.
        why: &'static str,
    },
    /// A member signs one of these a round, and has signed another.
    #[error("another {what} was agreed to before")]
    Conflict {
        /// What.
        what: &'static str,
    },
    /// It comes before what it builds on.
    #[error("{what} is not known yet")]
    Early {
        /// What is missing.
        what: &'static str,
    },
    /// A defence that is none, or that nobody asked for.
    #[error("the defence of {account} does not hold: {why}")]
    Defence {
        /// Whose.
        account: Address,
        /// What is wrong.
        why: &'static str,
    },
}
