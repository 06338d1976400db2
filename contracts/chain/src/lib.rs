//! A chain with the contracts on it: what they are called with, how transactions get there and
//! survive, accounts' keys, and what each party does.
//!
//! What contracts say and compute, without a node, is in `zktrain_ledger`.
//!
//! ```
//! use zktrain_chain::Endpoint;
//!
//! let node: Endpoint = "https://user:secret@node.example/key".parse()?;
//! assert_eq!(node.to_string(), "https://node.example");
//! assert!("ftp://node.example".parse::<Endpoint>().is_err());
//! # Ok::<(), zktrain_chain::ChainError>(())
//! ```
#![forbid(unsafe_code)]

pub mod amount;
mod chain;
mod endpoint;
mod error;
mod finality;
pub mod keystore;
mod outbox;
pub mod protocol;
mod sender;
mod watch;

pub use chain::{Chain, TEST_CHAIN};
pub use endpoint::{Embed, Endpoint};
pub use error::{ChainError, FailureKind};
pub use finality::Finality;
pub use outbox::{Outbox, OutboxError};
pub use sender::{Sender, SenderCounters, WaitPolicy};
