//! What was checked, and what does not hold.

use std::collections::BTreeMap;
use std::fmt::Display;

use alloy_primitives::Address;
use serde::Serialize;

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// A file is there and has the one encoding that its content has.
    Encoding,
    /// The reference string is consistent.
    ReferenceString,
    /// The export is consistent.
    Export,
    /// The export is what a live node says.
    Live,
    /// Roots are the ones that the auditor has named.
    Root,
    /// Manifest, key and first model are the domain's.
    Domain,
    /// Members of rounds have joined with the data that they are listed with.
    Membership,
    /// Weights follow from reputations.
    Weights,
    /// Reputations follow from deliveries.
    Reputation,
    /// What is drawn follows from the randomness of later blocks.
    Nonce,
    /// Demands are due, audits drawn by lot, and both answered before a round is settled.
    Demand,
    /// Registered datasets are well formed and have the roots that members joined with.
    Registration,
    /// Plans say what the chain says, signed by the coordinator.
    Plan,
    /// Submissions are signed by their members and are what the chain was told.
    Submission,
    /// Statements say what the round asked for.
    Statement,
    /// Proofs of training hold.
    Proof,
    /// Batches are signed by the coordinator and are what the chain was told.
    Batch,
    /// Aggregates are the weighted sums of the proven updates.
    Aggregate,
    /// Sums open the aggregates.
    Sum,
    /// Each version is the one before, moved by the rounded sum.
    Version,
    /// Payments follow from budgets and weights.
    Payment,
    /// Receipts are the coordinators', and what they were given for was counted.
    Receipt,
    /// The model asked about is the last version.
    Model,
}

impl CheckKind {
    /// All of them, in the order of an audit.
    pub const ALL: [Self; 23] = [
        Self::Encoding,
        Self::ReferenceString,
        Self::Export,
        Self::Live,
        Self::Root,
        Self::Domain,
        Self::Membership,
        Self::Weights,
        Self::Reputation,
        Self::Nonce,
        Self::Demand,
        Self::Registration,
        Self::Plan,
        Self::Submission,
        Self::Statement,
        Self::Proof,
        Self::Batch,
        Self::Aggregate,
        Self::Sum,
        Self::Version,
        Self::Payment,
        Self::Receipt,
        Self::Model,
    ];

    /// What holds if all checks of this kind do.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Encoding => "files are there, each in the one encoding of its content",
            Self::ReferenceString => "the reference string's powers belong together",
            Self::Export => "the chain's export is whole and its events follow the contracts",
            Self::Live => "the export is what the node says, until its last version",
            Self::Root => "roots are the ones that you named",
            Self::Domain => "manifest, proof key and first model are the domain's",
            Self::Membership => "members have joined with the data that rounds list them with",
            Self::Weights => "weights follow from reputations",
            Self::Reputation => "reputations follow from what was delivered",
            Self::Nonce => "windows were drawn by the randomness of later blocks",
            Self::Demand => {
                "audits are drawn by lot, and demands answered before rounds are settled"
            }
            Self::Registration => "registered data are well formed and have the members' roots",
            Self::Plan => "plans say what the chain says, signed by the coordinator",
            Self::Submission => "submissions are signed by their members, as the chain was told",
            Self::Statement => "proofs are about the work that the round asked for",
            Self::Proof => "proofs of training hold",
            Self::Batch => "batches are signed by the coordinator, as the chain was told",
            Self::Aggregate => "aggregates are the weighted sums of the proven updates",
            Self::Sum => "sums open the aggregates",
            Self::Version => "each version is the one before, moved by the rounded sum",
            Self::Payment => "payments follow from budgets, deliveries and weights",
            Self::Receipt => "receipts are signed, and what they are for is in the batches",
            Self::Model => "the model is the last version",
        }
    }
}

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    /// The round, where it is about one.
    pub round: Option<u64>,
    /// The member, where it is about one.
    pub member: Option<Address>,
}

impl Place {
    pub fn file(name: &str) -> Self {
        Self { file: name.to_owned(), round: None, member: None }
    }

    /// A file about a round.
    pub fn round(name: &str, round: u64) -> Self {
        Self { round: Some(round), ..Self::file(name) }
    }

    /// A file about a round's member.
    pub fn member(name: &str, round: u64, member: Address) -> Self {
        Self { member: Some(member), ..Self::round(name, round) }
    }
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What kind of check.
    pub check: CheckKind,
    pub file: String,
    pub round: Option<u64>,
    pub member: Option<Address>,
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(round) = self.round {
            write!(f, ", round {round}")?;
        }
        if let Some(member) = self.member {
            write!(f, ", member {member:#x}")?;
        }
        write!(f, ", {}: {}", self.field, self.problem)
    }
}

/// Something that breaks no rule of the domain, but that readers of an audit should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditNotice {
    /// The file that it is from.
    pub file: String,
    pub round: Option<u64>,
    pub member: Option<Address>,
    /// What it is.
    pub about: String,
}

impl Display for AuditNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(round) = self.round {
            write!(f, ", round {round}")?;
        }
        if let Some(member) = self.member {
            write!(f, ", member {member:#x}")?;
        }
        write!(f, ": {}", self.about)
    }
}

/// How many checks of a kind were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub made: u64,
    /// That do not hold.
    pub failed: u64,
}

/// All checks so far.
#[derive(Debug, Default)]
pub struct Findings {
    counts: BTreeMap<CheckKind, Count>,
    failures: Vec<Failure>,
    notices: Vec<AuditNotice>,
}

impl Findings {
    /// Records a check; whether it holds.
    pub fn check(
        &mut self,
        kind: CheckKind,
        place: &Place,
        field: &str,
        holds: bool,
        problem: impl FnOnce() -> String,
    ) -> bool {
        let count = self.counts.entry(kind).or_default();
        count.made += 1;
        if !holds {
            count.failed += 1;
            let Place { file, round, member } = place.clone();
            let (field, problem) = (field.to_owned(), problem());
            self.failures.push(Failure { check: kind, file, round, member, field, problem });
        }
        holds
    }

    /// Records that two values have to be equal.
    pub fn equal<T: PartialEq + Display>(
        &mut self,
        kind: CheckKind,
        place: &Place,
        field: &str,
        expected: T,
        got: T,
    ) -> bool {
        let holds = expected == got;
        self.check(kind, place, field, holds, || format!("expected {expected}, got {got}"))
    }

    /// Records a result; its value.
    pub fn result<T, E: Display>(
        &mut self,
        kind: CheckKind,
        place: &Place,
        field: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                self.check(kind, place, field, true, String::new);
                Some(value)
            }
            Err(error) => {
                self.check(kind, place, field, false, || error.to_string());
                None
            }
        }
    }

    /// Records what breaks no rule and should be known.
    pub fn notice(&mut self, place: &Place, about: impl Into<String>) {
        let Place { file, round, member } = place.clone();
        self.notices.push(AuditNotice { file, round, member, about: about.into() });
    }

    /// What should be known.
    pub fn notices(&self) -> &[AuditNotice] {
        &self.notices
    }

    /// What does not hold.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// How many checks of a kind were made.
    pub fn count(&self, kind: CheckKind) -> Count {
        self.counts.get(&kind).copied().unwrap_or_default()
    }
}
