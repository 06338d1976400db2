//! Which verifiers there are, and when they were out of use: meanwhile nobody can deliver to the contract,
//! answer a demand or convict with a proof.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};

use super::super::findings::{CheckKind, Place};
use super::super::history::RoundHistory;
use super::{Replay, rules};
use crate::bindings::router::VerifierRouter::{self, VerifierRouterEvents};
use crate::export::CHAIN;
use crate::time;

/// The last stop of a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// When the stops began that count as one with it.
    from: u64,
    /// When it began itself.
    time: u64,
    /// When it ends; never once it is final.
    until: u64,
}

impl Stop {
    /// The next stop of the same verifier. What comes soon after another one counts as one with it, as
    /// rounds of before may still be under way.
    fn after(last: Option<Self>, time: u64) -> Self {
        let apart = rules::STOP_TERM + rules::MAX_ROUND;
        let same = last.filter(|last| time <= last.time.saturating_add(apart));
        let from = same.map_or(time, |last| last.from);
        Self { from, time, until: time.saturating_add(rules::STOP_TERM) }
    }

    /// Whether nothing could be done at this time, so that nobody is to blame for not doing it.
    pub fn covers(&self, time: u64) -> bool {
        (self.from..self.until).contains(&time)
    }

    /// Whether a round can be given up because of it: `Settlement.abandon`. `pending`: something besides
    /// the challenge window keeps the round from being settled.
    pub fn ends(&self, round: &RoundHistory, pending: bool, now: u64) -> bool {
        let settleable =
            round.proposed().is_some_and(|said| said.challenge_end < self.from) && !pending;
        let over = self.from.saturating_add(rules::GRACE);
        round.opened.time < self.until && !settleable && now > over
    }

    fn told(&self) -> String {
        match self.is_final() {
            true => format!("on {}, for good", time(self.time)),
            false => format!("from {} until {}", time(self.time), time(self.until)),
        }
    }

    fn is_final(&self) -> bool {
        self.until == u64::MAX
    }
}

/// All verifiers of a router.
#[derive(Debug, Default)]
pub(super) struct Verifiers {
    added: BTreeSet<B256>,
    guardian: Option<Address>,
    /// Who has stopped what: once each.
    spent: BTreeSet<(Address, B256)>,
    last: BTreeMap<B256, Stop>,
}

impl Verifiers {
    /// Whether a verifier is there and not stopped.
    pub fn is_usable(&self, id: B256, now: u64) -> bool {
        self.added.contains(&id) && self.last.get(&id).is_none_or(|stop| now >= stop.until)
    }

    fn stop(&mut self, event: &VerifierRouter::VerifierStopped, now: u64) -> bool {
        let (id, guardian) = (event.id, event.guardian);
        let stop = Stop::after(self.last.get(&id).copied(), now);
        let may = self.guardian == Some(guardian) && self.is_usable(id, now);
        let holds = may && self.spent.insert((guardian, id)) && event.until == stop.until;
        self.last.insert(id, stop);
        holds
    }

    fn ratify(&mut self, id: B256, now: u64) -> bool {
        let Some(stop) = self.last.get_mut(&id) else { return false };
        let holds = now < stop.until && !stop.is_final();
        stop.until = u64::MAX;
        holds
    }
}

impl Replay<'_> {
    pub(super) fn router(&mut self, event: &VerifierRouterEvents, now: u64) {
        let place = Place::file(CHAIN);
        let (id, holds) = match event {
            VerifierRouterEvents::VerifierAdded(event) => {
                (event.id, self.verifiers.added.insert(event.id))
            }
            VerifierRouterEvents::VerifierStopped(event) => {
                (event.id, self.verifiers.stop(event, now))
            }
            VerifierRouterEvents::StopRatified(event) => {
                (event.id, self.verifiers.ratify(event.id, now))
            }
            VerifierRouterEvents::GuardianChanged(event) => {
                self.verifiers.guardian = Some(event.guardian);
                return;
            }
        };
        let problem =
            || "a verifier was added or stopped that could not be, or by another".to_owned();
        self.findings.check(CheckKind::Export, &place, "verifier", holds, problem);
        // Others' are none of this domain's.
        if let Some(stop) = self.stop_of_domain().filter(|_| self.verifier() == Some(id)) {
            let about = format!("the domain's verifier was stopped {}", stop.told());
            self.findings.notice(&place, about);
        }
    }

    /// The domain's verifier.
    fn verifier(&self) -> Option<B256> {
        self.rules.config.as_ref().map(|config| config.verifier)
    }

    /// The last stop of the domain's verifier, in force or not.
    pub(super) fn stop_of_domain(&self) -> Option<Stop> {
        self.verifiers.last.get(&self.verifier()?).copied()
    }

    /// Whether the contracts refuse what needs the domain's verifier.
    pub(super) fn is_stopped(&self, now: u64) -> bool {
        !self.verifier().is_some_and(|id| self.verifiers.is_usable(id, now))
    }

    /// Records whether something of a round could be done, which needs the verifier.
    pub(super) fn needs_verifier(&mut self, round: u64, now: u64) {
        let holds = !self.is_stopped(now);
        let problem = "the verifier that it needs was stopped at that time, or never there";
        self.about(CheckKind::Export, round, "verifier", holds, problem);
    }

    /// That a round was settled although the chain could check no proof for a part of its time.
    pub(super) fn tell_of_stop(&mut self, round: &RoundHistory, now: u64) {
        let begun = round.opened.time;
        let during = |stop: &Stop| begun < stop.until && stop.time <= now;
        let Some(stop) = self.stop_of_domain().filter(during) else { return };
        let about = format!(
            "it was settled on {}, and its verifier stopped {}: meanwhile no proof of it could be checked on \
             chain",
            time(now),
            stop.told()
        );
        self.findings.notice(&Place::round(CHAIN, round.id), about);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: u64 = rules::STOP_TERM;
    const ID: B256 = B256::repeat_byte(1);

    fn stopped(verifiers: &mut Verifiers, guardian: Address, now: u64) -> bool {
        let event = VerifierRouter::VerifierStopped { id: ID, guardian, until: now + TERM };
        verifiers.stop(&event, now)
    }

    #[test]
    fn a_guardian_stops_a_verifier_once_and_for_a_term() {
        let [first, second] = [1, 2].map(Address::repeat_byte);
        let mut verifiers = Verifiers { guardian: Some(first), ..Verifiers::default() };
        assert!(!verifiers.is_usable(ID, 5), "it is not there");
        assert!(!stopped(&mut verifiers, first, 5), "nor can it be stopped");
        verifiers = Verifiers { guardian: Some(first), ..Verifiers::default() };
        assert!(verifiers.added.insert(ID) && verifiers.is_usable(ID, 5));
        assert!(!verifiers.ratify(ID, 5), "no stop is in force");
        assert!(stopped(&mut verifiers, first, 10));
        assert!(!verifiers.is_usable(ID, 9 + TERM) && verifiers.is_usable(ID, 10 + TERM));
        verifiers.guardian = Some(second);
        assert!(stopped(&mut verifiers, second, 20 + TERM));
        assert!(!stopped(&mut verifiers, second, 30 + 2 * TERM), "once each");
    }

    #[test]
    fn a_stop_is_made_final_as_long_as_it_is_in_force() {
        let stopped_at = |now| {
            let guardian = Some(Address::ZERO);
            let mut verifiers = Verifiers { guardian, ..Verifiers::default() };
            verifiers.added.insert(ID);
            assert!(stopped(&mut verifiers, Address::ZERO, now));
            verifiers
        };
        let mut late = stopped_at(10);
        assert!(!late.ratify(ID, 10 + TERM));
        let mut verifiers = stopped_at(10);
        assert!(verifiers.ratify(ID, 9 + TERM));
        assert!(!verifiers.ratify(ID, 9 + TERM) && !verifiers.is_usable(ID, u64::MAX - 1));
        assert!(verifiers.last[&ID].told().ends_with(", for good"));
    }

    #[test]
    fn stops_that_follow_each_other_count_as_one_from_the_first_on() {
        let first = Stop::after(None, 10);
        assert!(first.covers(10) && first.covers(9 + TERM));
        assert!(!first.covers(9) && !first.covers(10 + TERM));
        let last = 10 + TERM + rules::MAX_ROUND;
        assert_eq!(Stop::after(Some(first), last).from, 10);
        assert_eq!(Stop::after(Some(first), last + 1).from, last + 1);
    }
}
