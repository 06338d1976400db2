//! Why an action with the contracts cannot be done.

use alloy::primitives::utils::format_units;
use alloy::primitives::{Address, B256, U256};

use crate::{ChainError, FailureKind, Finality};

/// Why an action cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The chain or a contract refuses.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An event that must be there is not.
    #[error("the chain has no {what}")]
    NoEvent {
        /// What was looked for.
        what: String,
    },
    /// The account is not in the round.
    #[error("{account} is not a member of round {round}")]
    NotMember { account: Address, round: u64 },
    /// The account has staked less.
    #[error("{} are staked, not {}", tokens(got), tokens(asked))]
    Stake {
        /// What was asked for.
        asked: U256,
        /// What is there.
        got: U256,
    },
    /// No reorganization is to be feared of what a signature rests on; of this one is.
    #[error("the draw of round {round} is not final yet: `finality` is {finality}")]
    NotFinal {
        round: u64,
        /// Which blocks count.
        finality: Finality,
    },
    /// The chain has taken back what was read of a round before.
    #[error(
        "the chain was reorganized: round {round} has another draw, or other members, than before"
    )]
    Redrawn { round: u64 },
    /// A block's header has parts that this program does not know.
    #[error(
        "the header of block {number} is not one that hashes to {hash}: the chain's blocks have \
         something that this program does not know; use a newer one"
    )]
    Header {
        /// The block.
        number: u64,
        /// Its hash, as the node says.
        hash: B256,
    },
    /// The deployment is on another chain.
    #[error("the contracts are on chain {expected}; the node's is {got}")]
    OtherChain {
        /// The deployment's chain id.
        expected: u64,
        /// The node's.
        got: u64,
    },
    /// What the chain said has no encoding, and so no checksum.
    #[error("the chain's export cannot be written: {0}")]
    Export(#[from] serde_json::Error),
}

impl ClientError {
    /// What kind of trouble it is.
    pub fn trouble(&self) -> FailureKind {
        match self {
            Self::Chain(error) => error.trouble(),
            // Of nodes behind one address some may be behind.
            Self::NoEvent { .. } => FailureKind::Away,
            Self::NotFinal { .. } => FailureKind::Pending,
            Self::Stake { .. } => FailureKind::Refused,
            Self::NotMember { .. }
            | Self::Redrawn { .. }
            | Self::Header { .. }
            | Self::OtherChain { .. }
            | Self::Export(_) => FailureKind::Here,
        }
    }
}

/// An amount of reward tokens.
fn tokens(amount: &U256) -> String {
    let text = format_units(*amount, 18).unwrap_or_else(|_| amount.to_string());
    format!("{} ZKT", text.trim_end_matches('0').trim_end_matches('.'))
}
