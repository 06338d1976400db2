//! What goes wrong on the wire.

use std::io;

use alloy::primitives::{Address, B256};

use crate::messages::Refusal;

/// Why something did not come about. Lost connections are not among them: calls reconnect until
/// their time is over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The coordinator refused what was asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The other side speaks another version.
    #[error("the coordinator speaks version {got} of the protocol; this program, {expected}")]
    Version {
        /// Ours.
        expected: u32,
        /// Theirs.
        got: u32,
    },
    /// The other side did not prove the address that it should have.
    #[error("expected coordinator {expected} at the other end, got {got:?}")]
    Identity {
        /// Who should be there.
        expected: Address,
        /// Who signed, if anyone.
        got: Option<Address>,
    },
    /// Our proof of identity was not taken.
    #[error("the coordinator did not take our proof of being {account}: {why}")]
    Unproven {
        /// Our account.
        account: Address,
        /// What it said.
        why: String,
    },
    /// Another connection of the same account took the place of ours.
    #[error("another process has connected as {account}")]
    Replaced {
        /// Our account.
        account: Address,
    },
    /// Time was over; what went wrong last.
    #[error("no answer in time; last: {last}")]
    Deadline {
        /// What went wrong last.
        last: String,
    },
    /// What was downloaded is not what was announced.
    #[error("the download's digest is {got}, expected {expected}")]
    Digest {
        /// Announced.
        expected: B256,
        /// Of what came.
        got: B256,
    },
    /// More than was to be taken.
    #[error("the download has {got} bytes; at most {most} are taken")]
    TooLarge {
        /// Bytes at most.
        most: u64,
        /// Bytes announced.
        got: u64,
    },
    /// The other side broke the protocol.
    #[error("the coordinator broke the protocol: {0}")]
    Protocol(&'static str),
    /// A file or socket of our own.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The signer refused.
    #[error("the signer refused: {0}")]
    Signer(#[from] alloy::signers::Error),
    /// Certificate or TLS configuration.
    #[error("TLS: {0}")]
    Tls(String),
}
