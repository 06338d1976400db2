//! Files that go between members, coordinators and challengers: JSON.

use std::path::Path;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zktrain_contracts::protocol::typed;
use zktrain_contracts::protocol::{Deployment, Evidence, SignedBatch, SignedSubmission};

use crate::error::Error;
use crate::project::read_json;

/// A member's signed submission with all that it speaks of: what a coordinator takes, and
/// evidence for whoever has reason to bring it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmissionFile {
    /// The submission and its signature.
    pub signed: SignedSubmission,
    /// The statement.
    pub statement: Bytes,
    /// The proof.
    pub proof: Bytes,
}

impl SubmissionFile {
    /// Whether its hashes are those of its bytes and its signature is the member's.
    pub fn is_signed(&self, at: &Deployment) -> bool {
        let submission = &self.signed.submission;
        let domain = typed::domain(at.chain_id, at.rounds);
        submission.statement == keccak256(&self.statement)
            && submission.proof == keccak256(&self.proof)
            && typed::signer(submission, &domain, &self.signed.signature) == Some(submission.member)
    }

    /// As evidence.
    pub fn evidence(self) -> Evidence {
        let (statement, proof) = (self.statement.to_vec(), self.proof.to_vec());
        Evidence { signed: self.signed, statement, proof }
    }
}

/// A coordinator's signed batch with the rows behind its hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchFile {
    /// The batch and its signature.
    pub signed: SignedBatch,
    /// Row commitments of the weighted sum, 64 bytes each.
    pub aggregate: Bytes,
    /// Those of each update that was delivered, in the order of the members' addresses.
    pub updates: Vec<Update>,
}

/// One member's update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The member.
    pub account: Address,
    /// Its weight in the round.
    pub weight: u32,
    /// Row commitments, 64 bytes each.
    pub rows: Bytes,
}

impl BatchFile {
    /// `keccak256` of the sum's rows.
    pub fn aggregate_hash(&self) -> B256 {
        keccak256(&self.aggregate)
    }
}

/// Reads one of these files.
///
/// # Errors
/// If it is missing, or something else.
pub fn read<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, Error> {
    read_json(path, hint)
}

/// A block's time, for people.
pub fn time(seconds: u64) -> String {
    let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds));
    time.map_or("never".to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}
