//! What contracts say, and what they would do: events, calls and errors as types, what is signed for
//! them, the file of a domain's events, their rules, and a replay that holds such a file against these.
//!
//! Nothing here asks a node or keeps a key: it computes what contracts have computed, from what they
//! have told. The rules are written once, for those who follow a domain from outside: auditors,
//! coordinators, owners.
//!
//! ```
//! use alloy_primitives::U256;
//! use zktrain_ledger::payments;
//!
//! // A budget of 99 of which the coordinator has a tenth, and a member with a third of the weight.
//! let (coordinator, members) = payments::split(U256::from(99), 1000);
//! assert_eq!((coordinator, members), (U256::from(9), U256::from(90)));
//! assert_eq!(payments::member(members, 21_846, 0), (U256::from(30), U256::ZERO));
//! ```
//!
//! The bytecode is that of `contracts/artifacts`, which `contracts/build.sh` writes and the
//! tests compare with a fresh build.
//!
//! ```
//! use zktrain_ledger::reputation::ReputationStanding;
//! use zktrain_ledger::weights::{WEIGHT_LOG, weights};
//!
//! let members = [1, 3].map(|score| ReputationStanding { score, rounds: 1000, slashed: false });
//! assert_eq!(weights(&members), [1 << (WEIGHT_LOG - 2), 3 << (WEIGHT_LOG - 2)]);
//! ```
#![forbid(unsafe_code)]

pub mod beacon;
pub mod bindings;
mod deployment;
pub mod export;
pub mod files;
pub mod findings;
pub mod follow;
pub mod history;
pub mod merkle;
mod money;
pub mod payments;
pub mod replay;
pub mod reputation;
mod revert;
mod round;
pub mod stakes;
mod time;
pub mod typed;
pub mod weights;

pub use deployment::Deployment;
pub use export::ChainExport;
pub use files::Evidence;
pub use revert::Revert;
pub use round::{
    MARK, Members, SignedBatch, SignedReceipt, SignedSubmission, is_proven, is_summed,
};
pub use time::time;
