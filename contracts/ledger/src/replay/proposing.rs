//! What is delivered to the contract, and what coordinators say that everybody delivered.

use alloy_primitives::{Address, B256};

use super::super::findings::{CheckKind, Place};
use super::super::history::{RoundHistory, is_summed};
use super::{Replay, rules};
use crate::MARK;
use crate::bindings::rounds::IRounds::Delivery;
use crate::bindings::rounds::Rounds;
use crate::export::CHAIN;
use crate::export::ExportedLog;

impl Replay<'_> {
    pub(super) fn delivered(&mut self, event: &Rounds::Delivered, log: &ExportedLog) {
        let account = event.account;
        let here = self.members.contains_key(&account);
        self.needs_verifier(event.round, log.block.time);
        let Some(round) = self.find(event.round) else { return };
        let due = round.is_open() && round.nonce.is_some() && log.block.time <= round.deadline;
        let seated = round.members.0.iter().any(|member| member.account == account);
        let first = round.deliver(event);
        let place = Place::member(CHAIN, event.round, account);
        let problem = || "it could not be delivered then, or by this account".to_owned();
        let holds = due && seated && first && here && !event.update.is_zero();
        self.findings.check(CheckKind::Export, &place, "delivered", holds, problem);
    }

    pub(super) fn proposed(&mut self, event: Rounds::Proposed, log: &ExportedLog) {
        let id = event.round;
        let window = self.rules.config.as_ref().map_or(0, |config| config.challengeWindow);
        let Some(round) = self.find(id) else { return };
        let in_turn = round.is_open() && round.nonce.is_some();
        let whole = round.members.0.len() == event.deliveries.len()
            && round.members.delivery_root(&event.deliveries) == event.root;
        let stranger = not_allowed(round, &event.deliveries);
        let timely = is_timely(round, &event.deliveries, log.block.time);
        let summed = is_sum(round, &event);
        let ends = log.block.time.saturating_add(window) == event.challengeEnd;
        round.propose(event, log.block);

        self.about(CheckKind::Export, id, "proposed", in_turn, "nothing was to be proposed then");
        self.about(
            CheckKind::Export,
            id,
            "deliveries",
            whole,
            "the root is not that of the deliveries",
        );
        let problem = "outside of its time, or before the deadline without everybody";
        self.about(CheckKind::Export, id, "time", timely, problem);
        let problem = "a sum of nothing, or without a sum another model than the parent";
        self.about(CheckKind::Export, id, "sum", summed, problem);
        self.about(
            CheckKind::Export,
            id,
            "challengeEnd",
            ends,
            "not the domain's challenge window",
        );
        let place = Place { member: stranger, ..Place::round(CHAIN, id) };
        let problem = || "the batch leaves out what was delivered to the contract".to_owned();
        self.findings.check(CheckKind::Export, &place, "delivery", stranger.is_none(), problem);
    }
}

/// A member of whom a batch may not say this: `Deliveries.isAllowed`.
fn not_allowed(round: &RoundHistory, deliveries: &[Delivery]) -> Option<Address> {
    let mut pairs = round.members.0.iter().zip(deliveries);
    let wrong = pairs.find(|(member, said)| {
        let checked = round.delivered.get(&member.account).copied().unwrap_or_default();
        !is_allowed(said, round.optimistic, checked)
    });
    wrong.map(|(member, _)| member.account)
}

/// Without a submission it is what the contract has checked. An eager domain's batch marks what is in the
/// sum, and says nothing else than what was checked.
fn is_allowed(said: &Delivery, optimistic: bool, checked: B256) -> bool {
    match (optimistic, said.submission.is_zero()) {
        (_, true) => said.update == checked,
        (true, false) => !said.update.is_zero(),
        (false, false) => said.submission == MARK && said.update == checked && !checked.is_zero(),
    }
}

/// Nobody is shut out as long as there is time to deliver.
fn is_timely(round: &RoundHistory, deliveries: &[Delivery], now: u64) -> bool {
    let everybody = deliveries.iter().all(|said| !said.update.is_zero());
    let until = round.deadline.saturating_add(rules::PROPOSE_WINDOW);
    now <= until && (now > round.deadline || everybody)
}

/// Who has no sum says so, and then nothing else.
fn is_sum(round: &RoundHistory, event: &Rounds::Proposed) -> bool {
    if event.aggregate.is_zero() {
        return event.model == round.parent;
    }
    event.deliveries.iter().any(is_summed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_says_of_eager_rounds_what_was_checked_and_what_is_in_the_sum() {
        let [checked, other] = [1, 2].map(B256::repeat_byte);
        let allowed = |update, submission, checked| {
            is_allowed(&Delivery { update, submission }, false, checked)
        };
        let (nothing, unsigned) = (B256::ZERO, B256::ZERO);
        for named in [unsigned, MARK] {
            assert!(allowed(checked, named, checked), "{named}");
            assert!(!allowed(other, named, checked), "{named}");
            assert!(!allowed(nothing, named, checked), "{named}");
        }
        assert!(!allowed(checked, other, checked), "a submission");
        assert!(allowed(nothing, unsigned, nothing) && !allowed(nothing, MARK, nothing));
        // In optimistic rounds whatever was signed.
        let said = Delivery { update: checked, submission: other };
        assert!(is_allowed(&said, true, other));
    }
}
