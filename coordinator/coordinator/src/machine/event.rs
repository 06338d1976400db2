//! What happens to a round, and what is to be done about it.

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use zktrain_wire::messages::{End, MemberMessage, Phase};

use super::bounds::Bounds;

/// Something that happens in a round. Stored before it is handled: a round is what its events make
/// of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoundEvent {
    /// A member has sent something, which [`super::Machine::check`] found to be new.
    Contribution { from: Address, what: Box<MemberMessage> },
    /// A member's proof was verified: answers [`Action::Judge`].
    Judged {
        account: Address,
        /// The result.
        verdict: ProofVerdict,
    },
    /// The sum was made and checked: answers [`Action::Sum`].
    Summed(SumResult),
    /// Defences were judged: answers [`Action::Try`].
    Tried(TrialResult),
    /// The coordinator calls the round off.
    CalledOff,
    /// Time has passed.
    Tick,
    /// What the round has to keep to became known.
    Bounded(Bounds),
}

impl core::fmt::Debug for RoundEvent {
    /// Tells what it is, without what members have sent: shares are secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Contribution { from, what } => {
                let mut out = f.debug_struct("Contribution");
                out.field("from", from).field("what", &kind(what)).finish()
            }
            Self::Judged { account, verdict } => {
                let mut out = f.debug_struct("Judged");
                out.field("account", account).field("verdict", verdict).finish()
            }
            Self::Summed(result) => f.debug_tuple("Summed").field(result).finish(),
            Self::Tried(result) => f.debug_tuple("Tried").field(result).finish(),
            Self::CalledOff => f.write_str("CalledOff"),
            Self::Tick => f.write_str("Tick"),
            Self::Bounded(bounds) => f.debug_tuple("Bounded").field(bounds).finish(),
        }
    }
}

/// The name of a contribution's kind.
fn kind(what: &MemberMessage) -> &'static str {
    match what {
        MemberMessage::Keys(_) => "keys",
        MemberMessage::Sharing(_) => "sharing",
        MemberMessage::Complaint(_) => "complaint",
        MemberMessage::Upload(_) => "upload",
        MemberMessage::Confirm(_) => "confirm",
        MemberMessage::Unmask(_) => "unmask",
        MemberMessage::Defence(_) => "defence",
        MemberMessage::Reveal(_) => "reveal",
    }
}

/// What verifying a member's submission came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProofVerdict {
    /// The proof holds.
    Accepted,
    /// It does not, or is none.
    Rejected {
        /// Whether the member signed the submission as it is, so that others can be shown that it
        /// did.
        signed: bool,
        why: String,
    },
}

/// What adding up came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SumResult {
    /// The sum opens the sum of the commitments.
    Right {
        /// `keccak256` of the next model's row commitments.
        model: B256,
    },
    /// It does not: some upload is wrong.
    Wrong,
    /// Of these members' secrets fewer shares than the threshold are valid.
    Short(Vec<Address>),
    /// These members have dealt shares of something else than they announced.
    Guilty(Vec<Address>),
    /// The coordinator could not do it.
    Failed,
}

/// What judging defences came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrialResult {
    /// These members are to blame, in ascending order: whose defence does not hold, and who gave
    /// none.
    Guilty(Vec<Address>),
    /// Who is to answer whose defences, both in ascending order. Only before anyone has answered.
    Disputes(Vec<(Address, Vec<Address>)>),
    /// The coordinator could not do it.
    Failed,
}

/// Something that the machine's owner is to do. Jobs are answered with an [`RoundEvent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// There are new notices: members that wait for one are to be woken.
    Published,
    /// Verify the submission of this member, whose [`super::Machine::uploads`] names it by hash.
    Judge { account: Address },
    /// Recover secrets, add up, check the sum.
    Sum,
    /// Judge defences; and what was shown in disputes, if there were any.
    Try,
    /// The round is over.
    Ended(End),
}

/// That something a member sends is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// It is to be stored and handled.
    New,
    /// It was taken before: there is nothing to do.
    Known,
}

/// What a member did wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MisdeedKind {
    /// A share that it sealed does not open, as its receiver has shown.
    Share {
        /// The receiver.
        to: Address,
    },
    /// Its submission was rejected.
    Submission {
        /// Whether it signed the submission as it is.
        signed: bool,
        why: String,
    },
    /// Its shares recover something else than it announced.
    Dealer,
    /// It answered all that it was asked when the sum was wrong, and is to blame for that.
    Blamed,
    /// It did not answer when the sum was wrong: to blame in this round, but no cheat that could be
    /// shown to others.
    Undefended,
    /// It was silent in a phase in which others depended on it: it had shared its secrets, was
    /// counted, or had confirmed. It may have lost its connection.
    Absent { phase: Phase },
}

/// A member did something wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misdeed {
    pub account: Address,
    pub kind: MisdeedKind,
}

/// How far a round is. Accounts are in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub phase: Phase,
    /// When it ends at the latest, in milliseconds; none once the round is over.
    pub deadline: Option<u64>,
    /// Who has sent keys.
    pub roster: Vec<Address>,
    /// Who has shared its secrets.
    pub shared: Vec<Address>,
    /// Who has uploaded.
    pub uploaded: Vec<Address>,
    /// Whose proof was accepted, less those convicted by a complaint.
    pub counted: Vec<Address>,
    /// Who has confirmed.
    pub confirmed: Vec<Address>,
    /// Who has sent shares that unmask.
    pub unmasked: Vec<Address>,
    /// What members did wrong, in the order in which it was found.
    pub misdeeds: Vec<Misdeed>,
    /// How it ended.
    pub end: Option<End>,
}
