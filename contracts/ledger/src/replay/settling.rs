//! How rounds end: settled, or void, and who loses stake for it.

use alloy_primitives::{Address, U256};

use super::super::findings::{CheckKind, Place};
use super::super::history::{RoundHistory, RoundOutcome, STOPPED, reason};
use super::demands::audit_until;
use super::due::{Guilty, Proven};
use super::{Replay, rules};
use crate::bindings::rounds::Rounds;
use crate::bindings::slashing::Slashing;
use crate::bindings::stakes::StakeManager;
use crate::export::CHAIN;
use crate::export::ExportedLog;
use crate::payments;

/// What a settlement comes to.
#[derive(Default)]
struct Settlement {
    payments: Vec<(Address, U256)>,
    burned: U256,
    /// Who moves, and whether it delivered.
    moves: Vec<(Address, bool)>,
}

impl Settlement {
    fn paid(&self) -> U256 {
        self.payments.iter().map(|(_, amount)| *amount).sum()
    }
}

impl Replay<'_> {
    /// A round is paid: either what was proposed, or what was checked in a void round.
    pub(super) fn settled(&mut self, event: &Rounds::Settled, log: &ExportedLog) {
        let (id, place) = (event.round, Place::round(CHAIN, event.round));
        let Some(round) = self.find(id).cloned() else { return };
        let void = matches!(round.outcome, RoundOutcome::Void { .. });
        self.may_end(&round, void, log);
        if !void {
            self.tell_of_stop(&round, log.block.time);
        }
        let proposal = round.proposal.as_ref();
        let sum = proposal.filter(|proposal| !void && !proposal.aggregate.is_zero());
        let settlement = self.settlement(&round, sum.is_some());
        let expected = proposal.filter(|_| !void).map(|proposal| proposal.model);
        self.findings.equal(
            CheckKind::Export,
            &place,
            "model",
            expected.unwrap_or_default(),
            event.model,
        );
        self.findings.equal(CheckKind::Payment, &place, "paid", settlement.paid(), event.paid);
        self.due.advance = sum.map(|sum| (id, sum.model, sum.aggregate));
        // Reputation that costs nobody anything would be worth nothing.
        for (account, delivered) in settlement.moves.iter().filter(|_| !round.budget.is_zero()) {
            let score = self.standings.settle(*account, *delivered);
            self.due.scores.extend(score.map(|score| (*account, score)));
        }
        self.money.expect(settlement.payments.clone(), settlement.burned, round.budget);
        self.close(&round, settlement, log);
    }

    /// Whether nothing can be said any more against what is paid.
    fn may_end(&mut self, round: &RoundHistory, void: bool, log: &ExportedLog) {
        let known = (void || round.proposed().is_some()) && !round.paid;
        let problem = "nothing was proposed, or it was settled before";
        self.about(CheckKind::Export, round.id, "settled", known, problem);
        if let Some(proposal) = round.proposed() {
            let over = log.block.time > proposal.challenge_end;
            let problem = "it was settled before it could not be challenged any more";
            self.about(CheckKind::Export, round.id, "window", over, problem);
            let pending = self.is_pending(round);
            let problem =
                "settled before its audit was drawn, or with a demand that nobody answered";
            self.about(CheckKind::Demand, round.id, "pending", !pending, problem);
        }
    }

    fn close(&mut self, round: &RoundHistory, settlement: Settlement, log: &ExportedLog) {
        if self.current == Some(round.id) {
            self.current = None;
        }
        let Some(ended) = self.history.settle(round.id, log.block) else { return };
        (ended.payments, ended.burned) = (settlement.payments, settlement.burned);
        if !matches!(round.outcome, RoundOutcome::Void { .. }) {
            self.due.obligations.push_back(round.coordinator);
        }
    }

    /// As `Settlement.sol` pays. `sum`: whether what was proposed has one.
    fn settlement(&self, round: &RoundHistory, sum: bool) -> Settlement {
        let share = self.rules.config.as_ref().map_or(0, |config| config.coordinatorShare);
        let (most, pool) = payments::split(round.budget, share);
        let mut settlement = Settlement::default();
        for member in &round.members.0 {
            let account = member.account;
            let delivered = round.has_delivered(account);
            // Who had delivered nothing in a void round may have had no time to, and without a sum no
            // part in it.
            if delivered || sum {
                settlement.moves.push((account, delivered));
            }
            if delivered && !self.standings.of(account).slashed {
                let (pay, burned) = payments::member(pool, member.weight, round.fee);
                settlement.payments.push((account, pay));
                settlement.burned += burned;
            }
        }
        if sum {
            // Weights of an export can be any numbers.
            let weights = round.counted().into_iter().map(|member| member.weight);
            let summed = weights.fold(0, u32::saturating_add);
            let pay = payments::coordinator(most, summed);
            settlement.payments.push((round.coordinator, pay));
        }
        settlement
    }

    pub(super) fn voided(&mut self, event: &Rounds::Voided, log: &ExportedLog) {
        let (id, why) = (event.round, reason(&event.reason));
        let Some(round) = self.find(id).cloned() else { return };
        let due = self.is_due(&round, &why, log) && event.coordinator == round.coordinator;
        let problem = format!("{why}: no round becomes void for that, or not then");
        self.about(CheckKind::Export, id, "void", due, &problem);
        self.due.obligations.push_back(round.coordinator);
        if why == STOPPED {
            let about = "it was abandoned, because its verifier was stopped";
            self.findings.notice(&Place::round(CHAIN, id), about);
        } else {
            self.convicted(event, &round);
        }
        let nothing = round.delivered.is_empty();
        // It stays under way until what was checked is paid.
        if nothing {
            self.money.expect(Vec::new(), U256::ZERO, round.budget);
            self.current = None;
        }
        self.history.void(event, log.block);
    }

    /// Whether a round can be void for this reason now.
    fn is_due(&self, round: &RoundHistory, why: &str, log: &ExportedLog) -> bool {
        let (now, proposed) = (log.block.time, round.proposed());
        let disputed =
            proposed.is_some_and(|said| now <= said.challenge_end) || self.is_pending(round);
        let optimistic = round.optimistic;
        let stop = self.stop_of_domain();
        // Not for what could not be done because the verifier was stopped.
        let late = |until: u64| now > until && !stop.is_some_and(|stop| stop.covers(until));
        match why {
            STOPPED => {
                let waits = round.is_open() || (proposed.is_some() && optimistic);
                waits && stop.is_some_and(|stop| stop.ends(round, self.is_pending(round), now))
            }
            "missed deadline" => {
                round.is_open() && late(round.deadline.saturating_add(rules::PROPOSE_WINDOW))
            }
            "unanswered" => {
                let mut open = round.demands.values().filter(|made| made.answered_by.is_none());
                proposed.is_some() && open.any(|made| late(made.until))
            }
            "unaudited" => audit_until(round, self.audits()).is_some_and(late),
            "invalid delivery" => {
                proposed.is_some() && disputed && optimistic && !self.is_stopped(now)
            }
            "omitted" => proposed.is_some() && disputed && optimistic,
            "wrong aggregate" => proposed.is_some_and(|said| !said.aggregate.is_zero()) && disputed,
            "batch equivocation" => round.is_open() || (proposed.is_some() && disputed),
            _ => false,
        }
    }

    /// The coordinator answers for it.
    fn convicted(&mut self, event: &Rounds::Voided, round: &RoundHistory) {
        let (id, coordinator) = (round.id, round.coordinator);
        let proven = self.due.proven.take();
        let shown = proven.is_some_and(|proven| {
            (proven.round, proven.guilty, proven.reason) == (id, coordinator, event.reason)
        });
        self.about(CheckKind::Export, id, "evidence", shown, "a slash without its evidence");
        self.due.bar = Some(coordinator);
        let (account, reason) = (coordinator, event.reason);
        let guilty = Guilty { round: id, account, reason, coordinator: true };
        self.due.guilty = Some((guilty, proven));
    }

    /// Evidence about a round of the domain; others' are none of ours.
    pub(super) fn shown(&mut self, event: &Slashing::Proven) {
        let Slashing::Proven { round, guilty, challenger, reason } = *event;
        if self.history.round(round).is_some() {
            self.due.proven = Some(Proven { round, guilty, challenger, reason });
        }
    }

    /// Stake is taken for what was shown: at most the bond, and of what the guilty account has staked itself
    /// the challenger gets what is not burned.
    pub(super) fn taken(&mut self, event: &StakeManager::Slashed) {
        let Some((guilty, proven)) = self.due.guilty.take() else { return };
        let Guilty { round: id, account, reason: why, coordinator } = guilty;
        let challenger = proven.map(|proven| proven.challenger);
        let same = (event.operator, event.reason) == (account, why)
            && challenger.is_none_or(|challenger| challenger == event.challenger);
        self.about(
            CheckKind::Export,
            id,
            "slash",
            same,
            "somebody else was slashed, or for another reason",
        );
        let bond = self.bond(coordinator);
        let Some(round) = self.history.round(id) else { return };
        let (since, share) = (round.opened.time, U256::from(round.burn_share));
        let kept = (event.own * share).div_ceil(U256::from(10_000));
        let total = event.own.saturating_add(event.delegated);
        let fair =
            event.bounty == event.own.saturating_sub(kept) && total <= bond && event.since == since;
        self.about(CheckKind::Payment, id, "slash", fair, "more than the bond, or another bounty");
        self.history.take(id, account, event);
    }

    fn bond(&self, coordinator: bool) -> U256 {
        let Some(config) = &self.rules.config else { return U256::ZERO };
        U256::from(if coordinator { config.coordinatorBond } else { config.trainerBond })
    }
}
