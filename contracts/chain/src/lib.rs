//! A chain with the contracts on it: what they are called with, how transactions get there and
//! survive, accounts' keys, and what each party does.
//!
//! The bytecode is that of `contracts/artifacts`, which `contracts/build.sh` writes and the
//! tests compare with a fresh build.
#![forbid(unsafe_code)]

pub mod bindings;
mod chain;
mod endpoint;
mod error;
mod finality;
pub mod keystore;
mod outbox;
pub mod protocol;
mod revert;
mod sender;
mod watch;

pub use chain::Chain;
pub use endpoint::{Embed, Endpoint};
pub use error::{ChainError, Trouble};
pub use finality::Finality;
pub use outbox::{Outbox, OutboxError};
pub use revert::Revert;
pub use sender::{Counters, Patience, Sender};
