//! Files that go between members, coordinators, challengers and auditors: JSON.

use alloy_primitives::{Address, Bytes};
use serde::{Deserialize, Serialize};

use super::round::{SignedBatch, SignedSubmission};
use super::typed::Scope;

/// A member's signed submission with all that it speaks of: what a coordinator takes, and
/// evidence for a challenger that has reason to bring it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmissionFile {
    /// The submission and its signature.
    pub signed: SignedSubmission,
    pub statement: Bytes,
    pub proof: Bytes,
}

impl SubmissionFile {
    /// Bytes of the file at most.
    pub const MOST: u64 = 32 << 20;

    /// Whether its hashes and its length are those of its bytes, and its signature is the member's
    /// for this round.
    pub fn is_signed(&self, scope: &Scope) -> bool {
        let submission = &self.signed.submission;
        submission.is_of(&self.statement, &self.proof)
            && scope.signer(submission, &self.signed.signature) == Some(submission.member)
    }

    /// As evidence.
    pub fn evidence(self) -> Evidence {
        let (statement, proof) = (self.statement.to_vec(), self.proof.to_vec());
        Evidence { signed: self.signed, statement, proof }
    }
}

/// A signed submission with what it speaks of.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The submission and its signature.
    pub signed: SignedSubmission,
    pub statement: Vec<u8>,
    pub proof: Vec<u8>,
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
    pub updates: Vec<MemberUpdate>,
}

/// One member's update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberUpdate {
    /// The member.
    pub account: Address,
    /// Its weight in the round.
    pub weight: u32,
    /// Row commitments, 64 bytes each.
    pub rows: Bytes,
}
