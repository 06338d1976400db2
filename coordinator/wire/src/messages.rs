//! What peers of a round say: calls and answers, and what they carry.
//!
//! What is signed in it, and why, is in [`zktrain_secagg::messages`].

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use zktrain_ledger::SignedReceipt;
use zktrain_secagg::messages::{
    Complaint, Confirm, Defence, Keys, Passed, Reveal, Sharing, Signed, Test, Unmask, Upload,
};
use zktrain_secagg::plan::Plan;

/// What a member sends in a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // held one at a time, and boxed where it is not
pub enum MemberMessage {
    /// Phase 1.
    Keys(Signed<Keys>),
    /// Phase 2.
    Sharing(Sharing),
    /// Between phases 2 and 4.
    Complaint(Complaint),
    /// Phase 3, once masked vector and submission are uploaded.
    Upload(Signed<Upload>),
    /// Phase 4.
    Confirm(Signed<Confirm>),
    /// Phase 5.
    Unmask(Signed<Unmask>),
    /// Phase 6, rarely.
    Defence(Signed<Defence>),
    /// Phase 7, more rarely still.
    Reveal(Signed<Reveal>),
}

/// What the coordinator tells members; each of a round's notices has a number, from zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // held one at a time, and boxed where it is not
pub enum Notice {
    /// The round.
    Plan(Signed<Plan>),
    /// Who takes part, in the order of addresses.
    Roster(Vec<Signed<Keys>>),
    /// For one member: what the others share with it, in the order of addresses.
    Shares(Vec<Passed>),
    /// Whose updates are counted, in the order of addresses.
    Counted(Vec<Address>),
    /// That enough members know so.
    Confirmed(Vec<Signed<Confirm>>),
    /// The sum is wrong.
    Test(Test),
    /// For one member: the defences that contradict its own.
    Dispute(Vec<Signed<Defence>>),
    /// It is over.
    End(End),
}

/// How a round ended for its members. What it ended with is downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// There is a sum, which has been checked.
    Summed {
        /// `keccak256` of the next model's row commitments.
        model: B256,
        /// Whose updates are in it.
        counted: Vec<Address>,
    },
    /// There is none.
    Void(Reason),
}

/// Why a round has no sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Too few members took part in a phase.
    TooFew { phase: Phase, needed: u32, got: u32 },
    /// Members uploaded something else than their proven updates.
    Blamed(Vec<Address>),
    /// Fewer shares are valid than it takes.
    Unrecovered(Address),
    /// It was called off by the coordinator, or the chain did not take it.
    CalledOff,
}

/// Phases of a round, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    Keys,
    Shares,
    /// Training, proving, uploading.
    Uploads,
    /// Whose updates are counted.
    Confirm,
    Unmask,
    /// The coordinator adds up and checks the sum.
    Sum,
    /// Finding out whose upload is wrong.
    Defence,
    /// Settling which of two contradicting defences is wrong.
    Dispute,
    /// Over.
    Ended,
}

/// Large things that peers send, in parts that can be resumed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Item {
    /// To the coordinator: a dataset's registration proof, as in its file.
    Registration { domain: u64 },
    /// To the coordinator: a masked vector.
    Masked { round: u64 },
    /// To the coordinator: the signed submission with statement and proof, JSON.
    Submission { round: u64 },
    /// Nothing any more: owners recompute models and download none. It stays so that what comes after
    /// keeps its number; coordinators have no such thing.
    Retired {
        /// Of no meaning.
        number: u64,
    },
    /// From the coordinator: a file of the lineage, by its path there.
    Lineage {
        /// The path, of at most 200 letters, digits, `-`, `.`, `_` and `/`.
        path: String,
    },
}

/// What a member asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The round under way in a domain.
    Current { domain: u64 },
    /// A notice; answered once it is there, or with [`Response::Later`] after some seconds.
    Notice { round: u64, number: u32 },
    /// Takes part. Sending the same again is fine.
    Send {
        round: u64,
        /// What is sent.
        what: Box<MemberMessage>,
    },
}

/// What the coordinator answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// The round under way, if any.
    Current(Option<u64>),
    Notice(Box<Notice>),
    /// Not there yet: ask again.
    Later,
    /// Stored: it survives a crash from here on. An upload is answered so until it is counted.
    Taken,
    /// Refused; asking again does not help.
    Refused(Refusal),
    /// An upload is stored, as [`Self::Taken`], and counted: its proof holds, nobody has complained,
    /// and the coordinator answers for that with its key.
    Received(Box<SignedReceipt>),
}

/// Why the coordinator refuses something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Nothing is known of this round.
    #[error("no such round here")]
    UnknownRound,
    /// The peer is not a member.
    #[error("not a member of this round")]
    NotMember,
    /// It came when the phase was over, or before it began.
    #[error("not now: the round is in phase {now:?}")]
    WrongPhase { now: Phase },
    /// Something else was sent before; the first counts.
    #[error("something else was sent before")]
    Conflict,
    /// It does not hold.
    #[error("refused: {0}")]
    Invalid(String),
    /// Larger than such a thing can be.
    #[error("{got} bytes; at most {most} are taken")]
    TooLarge {
        /// Bytes at most.
        most: u64,
        /// Bytes announced.
        got: u64,
    },
    /// There is no such thing to download.
    #[error("there is no such thing")]
    Missing,
    /// Too many requests.
    #[error("too many requests; slow down")]
    Busy,
    /// The coordinator has trouble of its own; asking again may help.
    #[error("the coordinator could not store it")]
    Internal,
}
