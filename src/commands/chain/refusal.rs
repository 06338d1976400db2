//! What commands refuse by themselves: before anything is signed or paid for, and with a way out.

use alloy::primitives::{Address, U256};
use zktrain_chain::amount::{show, show_ether};
use zktrain_chain::protocol::ClientError;
use zktrain_ledger::time;
use zktrain_verify::training::TrainingError;

use crate::error::Error;

/// Why a command does not even try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainRefusal {
    /// The contracts do not allow this value.
    #[error("{option}: expected {expected}, got {got}")]
    Rule {
        option: &'static str,
        /// What the contracts allow.
        expected: String,
        got: String,
        /// Why, and what to do about it.
        hint: &'static str,
    },
    /// Who proposes does not cancel or execute, and the other way round.
    #[error("{account} is named by {first} and by {second}")]
    TwoRoles {
        /// Who it is.
        account: Address,
        /// One option.
        first: &'static str,
        second: &'static str,
    },
    /// An account may lose more of others' stake than the delegator has said to accept.
    #[error(
        "{account} may lose up to {} of what others have staked with it, now or soon; {}",
        show(*exposure),
        most.map_or("nothing is said of how much you accept".to_owned(), |most| format!("you accept {}", show(most)))
    )]
    Exposure {
        account: Address,
        /// What all its delegators can lose together.
        exposure: U256,
        /// What the delegator accepts, if it says so.
        most: Option<U256>,
    },
    /// A demand costs more ether than the caller has agreed to, or nobody could be asked.
    #[error(
        "this demand takes a bond of {}{}",
        show_ether(*bond),
        most.map_or(String::new(), |most| format!("; you agreed to {}", show_ether(most)))
    )]
    Bond {
        /// Wei.
        bond: U256,
        /// Wei that were agreed to, if any.
        most: Option<U256>,
    },
    /// Somebody was asked, and said no.
    #[error("nothing was sent")]
    Declined,
    /// The files given are not those of what is summed.
    #[error("{counted} members have delivered; submissions of {given} are given")]
    Undelivered {
        /// Members whose updates would be in the sum.
        counted: usize,
        /// Members of whom there is a file.
        given: usize,
    },
    /// Updates, each checked before, have different numbers of rows.
    #[error("the submissions' updates have no sum: {0}")]
    Rows(#[source] TrainingError),
    /// As long as somebody may still deliver, nobody is shut out.
    #[error(
        "round {round} can be proposed once its deadline has passed, {}: {delivered} of {members} \
         members have delivered, and until then the others may (NotEverybody)",
        time(*deadline)
    )]
    NotEverybody {
        round: u64,
        members: usize,
        /// Of these, who has delivered.
        delivered: usize,
        /// Unix seconds.
        deadline: u64,
    },
    /// Nothing is taken for this round any more.
    #[error("round {round} could be proposed until {} (TooLate)", time(*until))]
    Late {
        round: u64,
        /// Unix seconds.
        until: u64,
    },
    /// What was proposed can still be challenged.
    #[error("round {round} can be settled after {}: it may be challenged until then (TooEarly)", time(*until))]
    Challengeable {
        round: u64,
        /// Unix seconds.
        until: u64,
    },
    /// Something has to be proven first.
    #[error(
        "round {round} cannot be settled yet: {} (StillPending)",
        match audit { true => "its audit is not drawn".to_owned(), false => format!("{demands} demands are open") }
    )]
    Pending {
        round: u64,
        /// Whether the audit is still to be drawn.
        audit: bool,
        /// Demands without an answer.
        demands: usize,
    },
    /// The evidence shows no fraud. To find that out on chain would cost two transactions.
    #[error("there is nothing to challenge: {why}")]
    NoEvidence { why: String },
}

impl ChainRefusal {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Rule { hint, .. } => (*hint).to_owned(),
            Self::TwoRoles { .. } => {
                "nobody may both propose and cancel or execute: name accounts of \
                 different parties"
                    .to_owned()
            }
            Self::Exposure { exposure, .. } => format!(
                "if you accept that, say so: `--most {}`; or wait until the account has lowered its \
                 limit",
                show(*exposure).trim_end_matches(" ZKT")
            ),
            Self::Bond { bond, .. } => format!(
                "it is paid to the account that answers, and comes back if none does; to agree to it: `--most \
                 {}`",
                show_ether(*bond).trim_end_matches(" ETH")
            ),
            Self::Declined | Self::NoEvidence { .. } | Self::Rows(_) => return None,
            Self::Undelivered { .. } => {
                "name the submission of each member that is in the sum, and no other; if \
                 there is no sum, say so: `--no-sum`"
                    .to_owned()
            }
            Self::NotEverybody { .. } => "wait until then, or have everybody deliver".to_owned(),
            Self::Late { round, .. } => format!(
                "the round ends when somebody says so: `zktrain chain challenge late {round}`"
            ),
            Self::Challengeable { .. } => "wait until then".to_owned(),
            Self::Pending { round, audit: true, .. } => {
                format!("anyone may draw it: `zktrain chain audit {round}`")
            }
            Self::Pending { round, audit: false, .. } => format!(
                "who has the submission answers: `zktrain chain answer FILE`; `zktrain chain status \
                 --round {round}` says for whom"
            ),
        })
    }

    pub(super) fn no_evidence(why: impl Into<String>) -> Error {
        Self::NoEvidence { why: why.into() }.into()
    }
}

impl From<ChainRefusal> for Error {
    fn from(refusal: ChainRefusal) -> Self {
        Self::Refusal(Box::new(refusal))
    }
}

/// The name of the error that a contract reverts with, without its arguments; empty if none does.
pub(super) fn reason(error: &ClientError) -> &str {
    let ClientError::Chain(error) = error else { return "" };
    let name = error.revert().map_or("", |revert| revert.name.as_str());
    name.split([' ', '(', '{']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_names_what_and_how_much() {
        let account = Address::repeat_byte(7);
        let token = U256::from(10).pow(U256::from(18));
        let exposure = ChainRefusal::Exposure { account, exposure: token, most: Some(U256::ZERO) };
        assert!(exposure.to_string().contains("up to 1 ZKT"), "{exposure}");
        assert!(exposure.to_string().ends_with("you accept 0 ZKT"), "{exposure}");
        assert!(exposure.hint().is_some_and(|hint| hint.contains("--most 1`")));
        let bond = ChainRefusal::Bond { bond: token / U256::from(4), most: None };
        assert_eq!(bond.to_string(), "this demand takes a bond of 0.25 ETH");
        assert!(bond.hint().is_some_and(|hint| hint.contains("--most 0.25`")));
        let early = ChainRefusal::NotEverybody { round: 7, members: 3, delivered: 2, deadline: 0 };
        assert!(early.to_string().contains("1970-01-01T00:00:00Z: 2 of 3"), "{early}");
        for audit in [true, false] {
            let pending = ChainRefusal::Pending { round: 7, audit, demands: 1 };
            let hint = pending.hint().unwrap();
            assert_eq!(hint.contains("chain audit 7"), audit, "{hint}");
        }
    }
}
