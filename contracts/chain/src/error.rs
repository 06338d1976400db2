//! What can go wrong between us and a chain.

use alloy::primitives::{Address, B256, U256};
use alloy::transports::{RpcError, TransportErrorKind};
use zktrain_ledger::Revert;

use super::{Finality, OutboxError};

/// What kind of trouble an error is, by what helps against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The node is away, overloaded, or behind: the same again, after a while.
    Away,
    /// A contract refuses, before or after the transaction was sent: the same again is refused again
    /// until something else has changed on the chain.
    Reverted,
    /// The node does not take the request or the transaction, or the account cannot pay for it: somebody
    /// has to do something, and then the same again helps.
    Refused,
    /// Nothing is wrong yet: a transaction is not mined, or a block is not final.
    Pending,
    /// Something is wrong on this side: a file, a key, a setting.
    Here,
}

impl FailureKind {
    /// Whether the same helps after a while, without anybody's doing.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Away | Self::Pending)
    }

    /// What a node's error is.
    fn of_node(error: &RpcError<TransportErrorKind>) -> Self {
        match error {
            RpcError::ErrorResp(answer) => Self::of_answer(answer.code, &answer.message),
            RpcError::Transport(TransportErrorKind::HttpError(http)) => match http.status {
                // A wrong password, or no node at this address.
                401 | 403 | 404 | 405 => Self::Refused,
                _ => Self::Away,
            },
            _ => Self::Away,
        }
    }

    /// What a node's refusal is, from what nodes call things.
    fn of_answer(code: i64, message: &str) -> Self {
        const UNKNOWN_METHOD: i64 = -32601;
        const INVALID: i64 = -32602;
        let said = message.to_lowercase();
        let words =
            ["insufficient funds", "lack of funds", "nonce too", "underpriced", "intrinsic gas"];
        let more = ["exceeds block gas", "exceeds the configured cap", "less than block base fee"];
        let refused = words.iter().chain(&more).any(|words| said.contains(words));
        match code {
            UNKNOWN_METHOD | INVALID => Self::Refused,
            _ if refused => Self::Refused,
            // Limits of requests, blocks that this node has not seen yet, a fault of its own.
            _ => Self::Away,
        }
    }
}

/// Why a call or a transaction did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// An address of a node that is none.
    #[error("{got:?} is not the address of a chain: expected embedded:PATH, http://… or https://…")]
    Url { got: String },
    /// The node does not answer, or not as it should.
    #[error("the chain's node: {}", without_addresses(&.0.to_string()))]
    Node(#[from] RpcError<TransportErrorKind>),
    /// The embedded node cannot be used.
    #[error(transparent)]
    Embedded(Box<dyn core::error::Error + Send + Sync>),
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
    /// A node does not tell which blocks are final.
    #[error(
        "the chain's node does not tell which block is {finality}: set `finality` to a number of blocks"
    )]
    NotTold {
        /// What was asked for.
        finality: Finality,
    },
    /// Another transaction took the nonce.
    #[error("nonce {nonce} of {account} was used by {}", by.map_or("another transaction".to_owned(), |hash| format!("transaction {hash}")))]
    Replaced {
        /// The sender.
        account: Address,
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

    /// What kind of trouble it is.
    pub fn trouble(&self) -> FailureKind {
        match self {
            Self::Node(error) => FailureKind::of_node(error),
            Self::NoBlock => FailureKind::Away,
            Self::Reverted(_) | Self::Failed { .. } => FailureKind::Reverted,
            Self::NotMined { refusal: None, .. } => FailureKind::Pending,
            Self::NotMined { refusal: Some(_), .. }
            | Self::Replaced { .. }
            | Self::Funds { .. }
            | Self::Gas { .. }
            | Self::NotTold { .. } => FailureKind::Refused,
            Self::Url { .. }
            | Self::Embedded(_)
            | Self::Return(_)
            | Self::KeyReused { .. }
            | Self::Outbox(_)
            | Self::Signer(_)
            | Self::NotCreated { .. } => FailureKind::Here,
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
    use alloy::rpc::json_rpc::ErrorPayload;

    use super::*;

    #[test]
    fn a_nodes_address_is_not_told() {
        let text = "error sending request for url (https://node.example/v3/secret?key=1): refused";
        let error = ChainError::Node(TransportErrorKind::custom_str(text));
        let shown = error.to_string();
        assert!(shown.contains("error sending request for url (its address)"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("node.example"), "{shown}");
    }

    #[test]
    fn what_helps_differs() {
        let answer = |code, message: &str| {
            let payload = ErrorPayload { code, message: message.to_owned().into(), data: None };
            ChainError::from_rpc(RpcError::ErrorResp(payload)).trouble()
        };
        assert_eq!(answer(3, "execution reverted"), FailureKind::Reverted);
        assert_eq!(
            answer(-32000, "insufficient funds for gas * price + value"),
            FailureKind::Refused
        );
        assert_eq!(answer(-32000, "Nonce too low"), FailureKind::Refused);
        assert_eq!(answer(-32601, "the method eth_x does not exist"), FailureKind::Refused);
        assert_eq!(answer(-32005, "daily request count exceeded"), FailureKind::Away);
        assert_eq!(answer(-32000, "header not found"), FailureKind::Away);
        let http = |status| {
            let error = TransportErrorKind::http_error(status, String::new());
            ChainError::Node(error).trouble()
        };
        assert_eq!([401, 404].map(http), [FailureKind::Refused; 2]);
        assert_eq!([429, 500, 503].map(http), [FailureKind::Away; 3]);
        let hash = B256::ZERO;
        let waiting = ChainError::NotMined { hash, refusal: None };
        assert_eq!(waiting.trouble(), FailureKind::Pending);
        let poor = ChainError::NotMined { hash, refusal: Some("insufficient funds".to_owned()) };
        assert_eq!(poor.trouble(), FailureKind::Refused);
        let all = [
            FailureKind::Away,
            FailureKind::Pending,
            FailureKind::Reverted,
            FailureKind::Refused,
            FailureKind::Here,
        ];
        assert_eq!(all.map(FailureKind::is_transient), [true, true, false, false, false]);
    }
}
