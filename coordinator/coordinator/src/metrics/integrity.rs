//! Whether what is in the model may be there: provenance, slashes, attempts at poisoning.

use std::collections::BTreeMap;

use alloy::primitives::Address;

use super::history::{MeasuredOutcome, MetricsHistory, Role, VerdictKind};

/// The reason of slashes that says nothing about what was to go into the model: a constant of
/// `Slashing.sol`.
const MISSED_DEADLINE: &str = "missed deadline";

/// How far back to the first model a model can be followed. Unit: versions. Range: 0 to `versions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProvenanceDepth {
    /// Versions that the chain has after the first.
    pub versions: u64,
    /// Versions from the first on, each of which continues the one before and was made by a round
    /// that was settled.
    pub depth: u64,
    /// Of these, versions from the first on before any that counts a delivery that was later shown
    /// to be wrong.
    pub untainted: u64,
}

/// How often somebody is slashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slashing {
    /// Slashes of members.
    pub members: usize,
    /// Members of all rounds that have ended, counted once a round.
    pub seats: usize,
    /// Slashes of coordinators.
    pub coordinators: usize,
    /// Rounds that have ended.
    pub rounds: usize,
}

impl Slashing {
    /// Slashes of members over members and rounds. Unit: 1 per member-round. Range: 0 to 1, as a
    /// member is slashed at most once a domain.
    pub fn member_frequency(&self) -> Option<f64> {
        (self.seats > 0).then(|| self.members as f64 / self.seats as f64)
    }

    /// Slashes of coordinators over rounds. Unit: 1 per round. Range: 0 to 1.
    pub fn coordinator_frequency(&self) -> Option<f64> {
        (self.rounds > 0).then(|| self.coordinators as f64 / self.rounds as f64)
    }
}

/// Attempts to get something wrong into the model, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Poisoning {
    /// Attempts: a delivery that was rejected, blamed, disproved, or for which somebody was
    /// slashed. All that one account did in one round in one office is one.
    pub attempts: usize,
    /// Attempts that are in a settled sum.
    pub succeeded: usize,
    /// Attempts in rounds that have not ended.
    pub undecided: usize,
}

impl Poisoning {
    /// Successes over attempts that are decided. Unit: none. Range: 0 to 1. `None` without any.
    pub fn success_rate(&self) -> Option<f64> {
        let decided = self.attempts.saturating_sub(self.undecided);
        (decided > 0).then(|| self.succeeded as f64 / decided as f64)
    }
}

impl MetricsHistory {
    /// Deliveries that somebody tried to get into the model although they were wrong; for each,
    /// whether it was shown on grounds that cannot be had without it having been counted.
    fn attempts(&self) -> BTreeMap<(u64, Address, Role), bool> {
        let mut attempts = BTreeMap::new();
        for slash in self.slashes.iter().filter(|slash| slash.reason != MISSED_DEADLINE) {
            attempts.entry((slash.round, slash.account, slash.role)).or_insert(false);
        }
        for verdict in &self.verdicts {
            let disproved = verdict.kind == VerdictKind::Disproved;
            if verdict.kind != VerdictKind::Accepted {
                let key = (verdict.round, verdict.account, Role::Member);
                *attempts.entry(key).or_insert(false) |= disproved;
            }
        }
        attempts
    }

    /// Whether a member's delivery is in the sum that its round proposed.
    fn summed(&self, round: u64, account: Address) -> bool {
        let seat = self.round(round).and_then(|round| round.seat(account));
        seat.is_some_and(|seat| seat.summed)
    }

    /// Attempts at poisoning the model, in all rounds. What members do succeeds if the round was
    /// settled with their delivery; what coordinators do, if it was settled.
    pub fn poisoning(&self) -> Poisoning {
        let mut poisoning = Poisoning::default();
        for ((number, account, role), disproved) in self.attempts() {
            poisoning.attempts += 1;
            let outcome = self.round(number).map(|round| round.outcome);
            let counted = disproved || role == Role::Coordinator || self.summed(number, account);
            match outcome {
                Some(MeasuredOutcome::Open) => poisoning.undecided += 1,
                Some(MeasuredOutcome::Settled) if counted => poisoning.succeeded += 1,
                _ => {}
            }
        }
        poisoning
    }

    /// How far the model can be followed back.
    pub fn provenance(&self) -> ProvenanceDepth {
        let tainted: Vec<u64> = self
            .attempts()
            .into_iter()
            .filter(|((round, account, role), disproved)| {
                *disproved || *role == Role::Coordinator || self.summed(*round, *account)
            })
            .map(|((round, ..), _)| round)
            .collect();
        let mut provenance =
            ProvenanceDepth { versions: self.versions.len() as u64, ..ProvenanceDepth::default() };
        let (mut head, mut clean) = (self.genesis, true);
        for (number, version) in (1..).zip(&self.versions) {
            let settled = self.round(version.round).map(|round| round.outcome);
            let continues = version.number == number && version.parent == head;
            if !continues || settled != Some(MeasuredOutcome::Settled) {
                break;
            }
            head = version.model;
            clean &= !tainted.contains(&version.round);
            provenance.depth += 1;
            provenance.untainted += u64::from(clean);
        }
        provenance
    }

    /// How often somebody was slashed, in all rounds that have ended.
    pub fn slashing(&self) -> Slashing {
        let ended = || self.rounds.iter().filter(|round| round.outcome != MeasuredOutcome::Open);
        let slashed = |role| self.slashes.iter().filter(|slash| slash.role == role).count();
        Slashing {
            members: slashed(Role::Member),
            seats: ended().map(|round| round.seats.len()).sum(),
            coordinators: slashed(Role::Coordinator),
            rounds: ended().count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::super::cases::{account, domain, round, version};
    use super::super::history::{DeliveryVerdict, MeasuredSlash};
    use super::*;

    fn slash(round: u64, who: u8, role: Role, reason: &str) -> MeasuredSlash {
        MeasuredSlash { round, account: account(who), role, reason: reason.to_owned() }
    }

    fn verdict(round: u64, who: u8, kind: VerdictKind) -> DeliveryVerdict {
        DeliveryVerdict { round, account: account(who), kind, seconds: None }
    }

    /// Three settled rounds of three, one version each; a void and an open one.
    fn history() -> MetricsHistory {
        let mut history = domain(3);
        for number in 0..5 {
            history.rounds.push(round(number, &[(0, 1, true), (1, 1, true), (2, 1, false)]));
        }
        history.rounds[3].outcome = MeasuredOutcome::Void;
        history.rounds[4].outcome = MeasuredOutcome::Open;
        for number in 0..3 {
            let next = version(&history, number);
            history.versions.push(next);
        }
        history
    }

    #[test]
    fn an_attempt_succeeds_if_it_is_in_a_settled_sum() {
        let mut history = history();
        assert_eq!(history.poisoning(), Poisoning::default());
        assert_eq!(history.poisoning().success_rate(), None);
        history.verdicts.push(verdict(0, 0, VerdictKind::Accepted));
        history.verdicts.push(verdict(0, 2, VerdictKind::Rejected));
        history.verdicts.push(verdict(1, 2, VerdictKind::Blamed));
        // The same attempt once more, on chain.
        history.slashes.push(slash(1, 2, Role::Member, "invalid proof"));
        assert_eq!(history.poisoning(), Poisoning { attempts: 2, succeeded: 0, undecided: 0 });
        // It was counted.
        history.slashes.push(slash(2, 1, Role::Member, "invalid proof"));
        // Delivered to the contract alone: it is in no sum.
        history.rounds[0].seats[2].delivered = true;
        // A void round and an open one.
        history.slashes.push(slash(3, 1, Role::Coordinator, "wrong aggregate"));
        history.slashes.push(slash(4, 1, Role::Member, "equivocation"));
        let poisoning = history.poisoning();
        assert_eq!(poisoning, Poisoning { attempts: 5, succeeded: 1, undecided: 1 });
        assert_eq!(poisoning.success_rate(), Some(0.25));
        // To be late is none.
        history.slashes.push(slash(3, 9, Role::Coordinator, "missed deadline"));
        assert_eq!(history.poisoning(), poisoning);
        history.slashes.push(slash(3, 9, Role::Coordinator, "missed deadlines"));
        assert_eq!(history.poisoning().attempts, 6);
    }

    #[test]
    fn what_is_disproved_later_was_a_success() {
        let mut history = history();
        history.verdicts.push(verdict(1, 0, VerdictKind::Accepted));
        assert_eq!(history.provenance().untainted, 3);
        history.verdicts.push(verdict(1, 0, VerdictKind::Disproved));
        assert_eq!(history.poisoning(), Poisoning { attempts: 1, succeeded: 1, undecided: 0 });
        assert_eq!(history.provenance(), ProvenanceDepth { versions: 3, depth: 3, untainted: 1 });
    }

    #[test]
    fn provenance_ends_at_the_first_gap() {
        let whole = history();
        assert_eq!(whole.provenance(), ProvenanceDepth { versions: 3, depth: 3, untainted: 3 });
        let mut foreign = whole.clone();
        foreign.versions[1].parent = B256::repeat_byte(9);
        assert_eq!(foreign.provenance().depth, 1);
        let mut skipped = whole.clone();
        skipped.versions.remove(0);
        assert_eq!(skipped.provenance(), ProvenanceDepth { versions: 2, depth: 0, untainted: 0 });
        let mut void = whole.clone();
        void.versions[2].round = 3;
        assert_eq!(void.provenance().depth, 2);
        let mut renumbered = whole;
        renumbered.versions[0].number = 2;
        assert_eq!(renumbered.provenance().depth, 0);
    }

    #[test]
    fn slashes_are_counted_by_office() {
        let mut history = history();
        history.slashes.push(slash(1, 2, Role::Member, "invalid proof"));
        history.slashes.push(slash(3, 2, Role::Coordinator, "missed deadline"));
        let slashing = history.slashing();
        let expected = Slashing { members: 1, seats: 12, coordinators: 1, rounds: 4 };
        assert_eq!(slashing, expected);
        assert_eq!(slashing.member_frequency(), Some(1.0 / 12.0));
        assert_eq!(slashing.coordinator_frequency(), Some(0.25));
        assert_eq!(Slashing::default().member_frequency(), None);
    }
}
