//! What can go wrong between us and a chain.

use alloy::primitives::{Address, B256, U256};
use alloy::transports::{RpcError, TransportErrorKind};

use super::{OutboxError, Revert};
use crate::node::NodeError;

/// Why a call or a transaction did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// An address of a node that is none.
    #[error("{got:?} is not the address of a chain: expected embedded:PATH, http://… or https://…")]
    Url {
        /// What was given.
        got: String,
    },
    /// The node does not answer, or not as it should.
    #[error("the chain's node: {}", without_addresses(&.0.to_string()))]
    Node(#[from] RpcError<TransportErrorKind>),
    /// The embedded node cannot be used.
    #[error(transparent)]
    Embedded(#[from] NodeError),
    /// The node has no block.
    #[error("the node has no block")]
    NoBlock,
    /// A contract reverts.
    #[error("the contract refuses: {0}")]
    Reverted(Revert),
    /// A contract returned something that its interface does not allow.
    #[error("unexpected return data: {0}")]
    Return(alloy::sol_types::Error),
    /// A transaction was mined and reverted.
    #[error("transaction {hash} reverted: {revert}")]
    Failed {
        /// The transaction.
        hash: B256,
        /// What its replay reverts with.
        revert: Revert,
    },
    /// Another transaction took the nonce.
    #[error("nonce {nonce} of {account} was used by {}", by.map_or("another transaction".to_owned(), |hash| format!("transaction {hash}")))]
    Replaced {
        /// The sender.
        account: Address,
        /// The nonce.
        nonce: u64,
        /// The transaction that took it, where it could be found.
        by: Option<B256>,
    },
    /// A transaction is not mined yet; it stays in the outbox.
    #[error("transaction {hash} is not mined yet: it will be looked for again{}", refusal.as_ref().map_or(String::new(), |reason| format!("; the node refuses it: {reason}")))]
    NotMined {
        /// The latest version of the transaction.
        hash: B256,
        /// Why the node does not take it, in its words.
        refusal: Option<String>,
    },
    /// The account cannot pay for a transaction.
    #[error("{account} has {got} wei; the transaction may take {needed}")]
    Funds {
        /// The sender.
        account: Address,
        /// Value and fees at most.
        needed: U256,
        /// What it has.
        got: U256,
    },
    /// The key was used for another transaction.
    #[error("{key:?} was sent before, as another transaction")]
    KeyReused {
        /// The idempotency key.
        key: String,
    },
    /// The outbox cannot be read or written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A transaction cannot be signed.
    #[error("signing failed: {0}")]
    Signer(#[from] alloy::signers::Error),
    /// A transaction takes more gas than a block has.
    #[error("the transaction takes {got} gas; {limit} are possible")]
    Gas {
        /// The most that a transaction can have.
        limit: u64,
        /// What it takes.
        got: u64,
    },
    /// A contract is not where it should be.
    #[error("{name} was not created at {expected}")]
    NotCreated {
        /// The contract.
        name: String,
        /// Where it should be.
        expected: Address,
    },
}

/// An error's text without the node's address, in which providers put their customers' keys.
fn without_addresses(text: &str) -> String {
    let shown = |word: &str| match word.contains("://") {
        true => "(its address)".to_owned(),
        false => word.to_owned(),
    };
    text.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}

impl ChainError {
    /// Takes a revert's data out of a node's answer.
    pub(super) fn from_rpc(error: RpcError<TransportErrorKind>) -> Self {
        let reverted = error.as_error_resp().and_then(|response| {
            let data = response.as_revert_data();
            // A node that reverts without data says so only in words.
            let words = response.code == 3 || response.message.contains("revert");
            data.or_else(|| words.then(Default::default))
        });
        match reverted {
            Some(data) => Self::Reverted(Revert::decode(&data)),
            None => Self::Node(error),
        }
    }

    /// What a contract reverted with, if one did.
    pub fn revert(&self) -> Option<&Revert> {
        match self {
            Self::Reverted(revert) | Self::Failed { revert, .. } => Some(revert),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_address_is_not_told() {
        let text = "error sending request for url (https://node.example/v3/secret?key=1): refused";
        let error = ChainError::Node(TransportErrorKind::custom_str(text));
        let shown = error.to_string();
        assert!(shown.contains("error sending request for url (its address)"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("node.example"), "{shown}");
    }
}
