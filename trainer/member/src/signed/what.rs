//! Whose record it is, what stands in it, and why something is not signed.

use std::fmt;
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use zktrain_chain::protocol::Client;

use crate::Error;
use crate::OwnerError;

/// Why something is not signed, or not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignedError {
    /// A line of the file is none, or contradicts another.
    #[error(
        "{}: line {line} is damaged, and what this key has signed is not known any more. Move the file \
         away and start again: a round that is open then is left out, and the next one taken",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from one.
        line: usize,
    },
    /// The file is about something else.
    #[error(
        "{}: this is the record of {got}, and {expected} signs here. Move the file to where it belongs, \
         or away: a round that is open then is left out, and the next one taken",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Who signs.
        expected: Box<Of>,
        /// Whose file it is.
        got: Box<Of>,
    },
    /// What was written to the file is gone from it.
    #[error(
        "{}: somebody has changed this file while it was used, and what this key has signed is not known \
         any more. Move the file away and start again: a round that is open then is left out, and the \
         next one taken",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The file is a link to another one.
    #[error(
        "{}: this record is a symbolic link, to which nothing is added. Put the file itself there, or name \
         the folder that it is in (`--outbox`, in the trainer's settings `outbox`)",
        path.display()
    )]
    Link {
        /// The file.
        path: PathBuf,
    },
    /// Something else was signed.
    #[error(
        "another {what} was signed or promised for round {round} before: a second one could be held \
         against this owner. The project is older than that, as one restored from a backup: nothing more \
         is signed for this round, and the next one is taken"
    )]
    Otherwise {
        /// The round.
        round: u64,
        /// What.
        what: What,
    },
    /// Nobody knows what was signed.
    #[error(
        "what this key has signed for round {round} is not known on this machine: its record began later. \
         Nothing is signed for this round, and the next one is taken"
    )]
    Unknown {
        /// The round.
        round: u64,
    },
    /// The round is older than the process, and nothing stands in the record of it.
    #[error(
        "round {round} was opened before this program was started, and its record of what this key has \
         signed has nothing of it: a record from a backup would be the same. Nothing is signed for this \
         round, and the next one is taken"
    )]
    Before {
        /// The round.
        round: u64,
    },
}

impl SignedError {
    /// Whether nothing but a round is lost.
    pub fn is_of_a_round(&self) -> bool {
        matches!(self, Self::Otherwise { .. } | Self::Unknown { .. } | Self::Before { .. })
    }
}

impl From<SignedError> for Error {
    fn from(error: SignedError) -> Self {
        OwnerError::from(error).into()
    }
}

/// Whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Of {
    /// The chain.
    pub chain_id: u64,
    /// The contract with the rounds.
    pub contract: Address,
    /// The domain.
    pub domain: u64,
    /// The owner.
    pub account: Address,
}

impl Of {
    /// The account that acts on a chain, in one of its domains.
    pub fn client(client: &Client, domain: u64) -> Self {
        let (at, account) = (client.at(), client.address());
        Self { chain_id: at.chain_id, contract: at.rounds, domain, account }
    }

    /// Where its record is, in a folder for the transactions of all accounts.
    pub fn path(&self, outbox: &Path) -> PathBuf {
        let Self { chain_id, contract, domain, account } = self;
        let folder = outbox.join(format!("{chain_id}-{account}"));
        folder.join(format!("signed-{contract}-{domain}.log"))
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain_id, contract, domain, account } = self;
        write!(f, "{account} in domain {domain} of {contract} on chain {chain_id}")
    }
}

/// What binds an owner in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// What everything random in secure aggregation follows from: keys, shares and masks.
    Secret,
    /// The roster that shares were made for.
    Roster,
    /// The list of those that have shared, which masks are for.
    Shared,
    /// The model and the window of the update that was masked.
    Update,
    /// The masked vector, with the submission that it belongs to.
    Upload,
    /// The counted set that was confirmed.
    Confirm,
    /// The test that was answered.
    Test,
    /// The submission, with its signature.
    Submission,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => "secret",
            Self::Roster => "roster",
            Self::Shared => "list of those that have shared",
            Self::Update => "update",
            Self::Upload => "upload",
            Self::Confirm => "counted set",
            Self::Test => "test",
            Self::Submission => "submission",
        })
    }
}
