//! How fast members come and go, and how often they stay silent.

use std::collections::BTreeSet;

use alloy::primitives::Address;

use super::history::{Change, ChangeKind, MeasuredOutcome, MetricsHistory};

/// Who came, went and stayed silent around the last rounds.
///
/// Source: the customer-churn rate of economics; for peers that come and go, D. Stutzbach and
/// R. Rejaie, *Understanding Churn in Peer-to-Peer Networks*, IMC 2006.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    /// Rounds that were looked at.
    pub rounds: usize,
    /// Members before the first of them was prepared.
    pub before: usize,
    /// Became members since.
    pub joined: usize,
    /// Resigned or were slashed since.
    pub left: usize,
    /// Seats in those of the rounds that were settled.
    pub seats: usize,
    /// Seats whose members delivered nothing.
    pub silent: usize,
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Churn {
    /// Newcomers among all who were members at some time. Unit: none. Range: 0 to 1.
    pub fn join_rate(&self) -> Option<f64> {
        ratio(self.joined, self.before + self.joined)
    }

    /// Who left, among all who were members at some time. Unit: none. Range: 0 to 1.
    pub fn leave_rate(&self) -> Option<f64> {
        ratio(self.left, self.before + self.joined)
    }

    /// Seats without a delivery. Unit: none. Range: 0 to 1.
    pub fn silence_rate(&self) -> Option<f64> {
        ratio(self.silent, self.seats)
    }
}

/// Keeps a list of members up to date; whether that changed it.
fn apply(members: &mut BTreeSet<Address>, change: &Change) -> bool {
    match change.kind {
        ChangeKind::Joined => members.insert(change.account),
        // A member that has resigned is in no new round: leaving for good later is no second loss.
        ChangeKind::Resigned | ChangeKind::Exited | ChangeKind::Slashed => {
            members.remove(&change.account)
        }
    }
}

impl MetricsHistory {
    /// Who can be in a new round.
    pub(super) fn members_now(&self) -> BTreeSet<Address> {
        let mut members = BTreeSet::new();
        self.changes.iter().for_each(|change| {
            apply(&mut members, change);
        });
        members
    }

    /// Churn around the last rounds that were opened. Changes between two openings belong to the
    /// later one; those since the last one count too.
    pub fn churn(&self, last: usize) -> Churn {
        let first = self.rounds.len().saturating_sub(last);
        let mut members = BTreeSet::new();
        let mut churn = Churn { rounds: self.rounds.len() - first, ..Churn::default() };
        for change in self.changes.iter().filter(|change| change.after < first) {
            apply(&mut members, change);
        }
        churn.before = members.len();
        for change in self.changes.iter().filter(|change| change.after >= first) {
            let counted = usize::from(apply(&mut members, change));
            match change.kind {
                ChangeKind::Joined => churn.joined += counted,
                _ => churn.left += counted,
            }
        }
        let settled =
            self.rounds.iter().skip(first).filter(|r| r.outcome == MeasuredOutcome::Settled);
        for seat in settled.flat_map(|round| &round.seats) {
            churn.seats += 1;
            churn.silent += usize::from(!seat.delivered);
        }
        churn
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{account, domain, round};
    use super::*;

    fn change(who: u8, kind: ChangeKind, after: usize) -> Change {
        Change { account: account(who), kind, after }
    }

    #[test]
    fn it_counts_who_came_went_and_was_silent() {
        let mut history = domain(4);
        history.rounds.push(round(0, &[(0, 1, true), (1, 1, false), (2, 1, false), (3, 1, true)]));
        history.changes.push(change(1, ChangeKind::Resigned, 1));
        history.changes.push(change(2, ChangeKind::Slashed, 1));
        history.changes.push(change(4, ChangeKind::Joined, 1));
        history.rounds.push(round(1, &[(0, 1, true), (3, 1, false), (4, 1, true)]));
        history.changes.push(change(1, ChangeKind::Exited, 2));
        let churn = history.churn(1);
        let expected = Churn { rounds: 1, before: 4, joined: 1, left: 2, seats: 3, silent: 1 };
        assert_eq!(churn, expected);
        assert_eq!(churn.join_rate(), Some(0.2));
        assert_eq!(churn.leave_rate(), Some(0.4));
        assert_eq!(churn.silence_rate(), Some(1.0 / 3.0));
        let all = history.churn(9);
        let expected = Churn { rounds: 2, before: 0, joined: 5, left: 2, seats: 7, silent: 3 };
        assert_eq!(all, expected);
        assert_eq!(history.members_now(), [0, 3, 4].map(account).into());
    }

    #[test]
    fn void_rounds_make_nobody_silent_and_nothing_has_no_rate() {
        let mut history = domain(1);
        history.rounds.push(round(0, &[(0, 1, false)]));
        history.rounds[0].outcome = MeasuredOutcome::Void;
        assert_eq!(history.churn(1).silence_rate(), None);
        let nothing = MetricsHistory::default().churn(3);
        assert_eq!((nothing.join_rate(), nothing.leave_rate()), (None, None));
    }

    #[test]
    fn who_comes_back_has_joined_twice() {
        let mut history = domain(1);
        history.rounds.push(round(0, &[(0, 1, true)]));
        history.changes.push(change(0, ChangeKind::Resigned, 1));
        history.changes.push(change(0, ChangeKind::Exited, 1));
        history.changes.push(change(0, ChangeKind::Joined, 1));
        let churn = history.churn(1);
        assert_eq!((churn.before, churn.joined, churn.left), (0, 2, 1));
        assert!(churn.leave_rate().unwrap() <= 1.0);
    }
}
