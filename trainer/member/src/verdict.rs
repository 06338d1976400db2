//! What an owner does about an error in a round: it does not leave the network because of a round
//! that it does not trust, nor because somebody is away for a while.

use zktrain_chain::protocol::ClientError;
use zktrain_project::Error as ProjectError;
use zktrain_wire::messages::Refusal;

use super::{OwnerError, PlanError};
use crate::Error;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerVerdict {
    /// It may be otherwise in a while: try the same again.
    Again,
    /// Nothing that this owner agrees to comes of this round: wait for the next one.
    PassOver,
    /// Only a person can help.
    Stop,
}

impl OwnerVerdict {
    /// What to do about an error in a round.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Client(error) => match **error {
                // The chain has taken back what this owner's part in the round was about.
                ClientError::Redrawn { .. } => Self::PassOver,
                _ => Self::Again,
            },
            Error::Peer(error) => peer(error),
            Error::Plan(error) => match **error {
                PlanError::NotOpen { .. } => Self::Again,
                PlanError::Signature { .. }
                | PlanError::Field { .. }
                | PlanError::Budget { .. }
                | PlanError::Pay { .. }
                | PlanError::Threshold { .. } => Self::PassOver,
            },
            Error::Owner(error) => member(error),
            // The coordinator's: another plan than before, a model that does not follow from the
            // versions before it, or a round that asks for an update twice.
            Error::OtherPlan(_)
            | Error::Parent(_)
            | Error::Repeat(_)
            | Error::Project(ProjectError::Model { .. })
            | Error::Project(ProjectError::GenesisRange { .. })
            | Error::ParentModel { .. } => Self::PassOver,
            _ => Self::Stop,
        }
    }
}

fn peer(error: &zktrain_wire::PeerError) -> OwnerVerdict {
    match error {
        zktrain_wire::PeerError::Replaced { .. } | zktrain_wire::PeerError::Io { .. } => {
            OwnerVerdict::Stop
        }
        zktrain_wire::PeerError::Refused(refusal) => refused(refusal),
        zktrain_wire::PeerError::Digest { .. } | zktrain_wire::PeerError::TooLarge { .. } => {
            OwnerVerdict::PassOver
        }
        _ => OwnerVerdict::Again,
    }
}

fn refused(refusal: &Refusal) -> OwnerVerdict {
    match refusal {
        // It was restarted and has not opened the round yet, or not this account's door.
        Refusal::UnknownRound
        | Refusal::Busy
        | Refusal::Internal
        | Refusal::NotMember
        | Refusal::Missing => OwnerVerdict::Again,
        _ => OwnerVerdict::PassOver,
    }
}

fn member(error: &OwnerError) -> OwnerVerdict {
    match error {
        OwnerError::Refused(refusal) => refused(refusal),
        OwnerError::Silent => OwnerVerdict::Again,
        OwnerError::Aggregation(_)
        | OwnerError::Unexpected { .. }
        | OwnerError::Receipt(_)
        | OwnerError::Ended { .. }
        | OwnerError::Late { .. }
        | OwnerError::Over { .. } => OwnerVerdict::PassOver,
        OwnerError::Signed(error) if error.is_of_a_round() => OwnerVerdict::PassOver,
        _ => OwnerVerdict::Stop,
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, U256};
    use zktrain_secagg::policy::PolicyError;
    use zktrain_wire::messages::Phase;
    use zktrain_wire::receipts::ReceiptError;

    use super::*;
    use crate::signed::{SignedError, What};
    use crate::{OtherPlan, ParentError, RepeatError, TermsError};

    #[test]
    fn rounds_that_are_not_trusted_are_passed_over() {
        let policy = PolicyError::TooFewWeights { set: "the plan", needed: 5, got: 3 };
        let [budget, least] = [1, 2].map(U256::from);
        let (expected, got) = (B256::ZERO, B256::repeat_byte(1));
        let (pay, members) = (budget, 3);
        let errors: [Error; 17] = [
            ParentError::Planted { round: 1, expected, got }.into(),
            ParentError::Genesis { file: "genesis", expected, got }.into(),
            ParentError::Withheld { file: "rounds/1/sum.safetensors".into() }.into(),
            RepeatError::Update { round: 2, earlier: 1, window: 0 }.into(),
            OwnerError::Receipt(ReceiptError::Field { field: "plan" }).into(),
            OwnerError::Aggregation(zktrain_secagg::SecaggError::Policy(policy)).into(),
            OwnerError::Unexpected { what: "a second plan" }.into(),
            OwnerError::Refused(Refusal::WrongPhase { now: Phase::Ended }).into(),
            PlanError::Signature { round: 1, coordinator: Address::ZERO }.into(),
            PlanError::Field { round: 1, field: "nonce" }.into(),
            PlanError::Budget { round: 1, budget, least }.into(),
            PlanError::Pay { round: 1, budget, pay, least }.into(),
            PlanError::Threshold { round: 1, members, least: 3, got: 2 }.into(),
            OtherPlan { round: 1 }.into(),
            SignedError::Otherwise { round: 1, what: What::Submission }.into(),
            SignedError::Unknown { round: 1 }.into(),
            SignedError::Before { round: 1 }.into(),
        ];
        for error in &errors {
            assert_eq!(OwnerVerdict::of(error), OwnerVerdict::PassOver, "{error}");
        }
        let parent = Error::ParentModel { expected: String::new(), got: String::new() };
        assert_eq!(OwnerVerdict::of(&parent), OwnerVerdict::PassOver);
        let digest = zktrain_wire::PeerError::Digest { expected: B256::ZERO, got: B256::ZERO };
        assert_eq!(OwnerVerdict::of(&Error::Peer(Box::new(digest))), OwnerVerdict::PassOver);
    }

    #[test]
    fn a_party_that_is_away_is_waited_for() {
        let refusals = [Refusal::UnknownRound, Refusal::Busy, Refusal::Internal];
        for refusal in refusals {
            assert_eq!(OwnerVerdict::of(&OwnerError::Refused(refusal).into()), OwnerVerdict::Again);
        }
        assert_eq!(OwnerVerdict::of(&PlanError::NotOpen { round: 1 }.into()), OwnerVerdict::Again);
        let away = zktrain_wire::PeerError::Deadline {
            at: "there:1".into(),
            last: zktrain_wire::Lost::Silence,
        };
        assert_eq!(OwnerVerdict::of(&Error::Peer(Box::new(away))), OwnerVerdict::Again);
    }

    #[test]
    fn what_only_a_person_can_mend_ends_it() {
        let account = Address::ZERO;
        let terms = TermsError::Audits { domain: 1, least: 1, got: 0 };
        let errors: [Error; 7] = [
            OwnerError::Terms(terms).into(),
            OwnerError::NotMember { account, domain: 1 }.into(),
            OwnerError::OtherDataset { account, domain: 1 }.into(),
            Error::WorkerStopped,
            SignedError::Damaged { path: "signed.log".into(), line: 1 }.into(),
            SignedError::Changed { path: "signed.log".into() }.into(),
            SignedError::Link { path: "signed.log".into() }.into(),
        ];
        for error in &errors {
            assert_eq!(OwnerVerdict::of(error), OwnerVerdict::Stop, "{error}");
        }
        let replaced = zktrain_wire::PeerError::Replaced { account };
        assert_eq!(OwnerVerdict::of(&Error::Peer(Box::new(replaced))), OwnerVerdict::Stop);
    }
}
