//! Demands that deliveries be proven on chain, and audits, which draw some of them by lot.

use alloy_primitives::{Address, B256, U256};

use super::super::findings::{CheckKind, Place};
use super::super::history::{Demand, RoundHistory, RoundOutcome, is_proven};
use super::opening::is_remembered;
use super::{Replay, rules};
use crate::beacon::{DRAW_DELAY, audit_seed, draw};
use crate::bindings::demands::Demands::{self, DemandsEvents};
use crate::export::CHAIN;
use crate::export::ExportedLog;
use crate::typed::{Batch, StakedMessage};

impl Replay<'_> {
    pub(super) fn demands(&mut self, event: DemandsEvents, log: &ExportedLog) {
        match event {
            DemandsEvents::Demanded(event) => self.demanded(&event, log),
            DemandsEvents::Answered(event) => self.answered(&event, log),
            DemandsEvents::Collected(event) => self.collected(&event),
            DemandsEvents::Audited(event) => self.audited(&event, log),
            DemandsEvents::Postponed(event) => self.postponed(&event, log),
        }
    }

    /// Records a check of what is demanded of a member.
    fn about_demand(&mut self, (round, account): (u64, Address), holds: bool, problem: &str) {
        let place = Place::member(CHAIN, round, account);
        self.findings.check(CheckKind::Demand, &place, "demand", holds, || problem.to_owned());
    }

    fn demanded(&mut self, event: &Demands::Demanded, log: &ExportedLog) {
        let (id, account, by, bond) = (event.round, event.account, event.by, event.bond);
        let contract = self.export.deployment.demands;
        // What the audit demands is drawn, and told in the order of the draw.
        let drawn = by == contract && self.due.demands.pop_front() == Some(account);
        let Some(round) = self.find(id) else { return };
        let open = round.proposed().is_some_and(|said| log.block.time <= said.challenge_end);
        let new = unproven(round).any(|(other, _)| other == account) && round.optimistic;
        let until = log.block.time.saturating_add(rules::ANSWER_WINDOW) == event.until;
        let lawful = if by == contract { drawn && bond.is_zero() } else { open && !bond.is_zero() };
        let demand = Demand { by, until: event.until, answered_by: None, bond };
        round.demands.insert(account, demand);
        let problem = "what was demanded then was not to be, or was not drawn";
        self.about_demand((id, account), new && until && lawful, problem);
    }

    fn answered(&mut self, event: &Demands::Answered, log: &ExportedLog) {
        let (id, account) = (event.round, event.account);
        let Some(round) = self.find(id) else { return };
        let proposed = round.proposed().is_some();
        let open = round.demands.get_mut(&account).filter(|made| made.answered_by.is_none());
        let in_time = proposed && open.as_ref().is_some_and(|made| log.block.time <= made.until);
        if let Some(made) = open {
            made.answered_by = Some(event.by);
        }
        self.about_demand((id, account), in_time, "an answer to no demand, or too late");
        self.needs_verifier(id, log.block.time);
    }

    /// A bond is paid to the account that answered; of a void round, to the demander.
    fn collected(&mut self, event: &Demands::Collected) {
        let (id, account) = (event.round, event.account);
        let Some(round) = self.find(id) else { return };
        let void = matches!(round.outcome, RoundOutcome::Void { .. });
        let over = round.outcome != RoundOutcome::Open;
        let due = round.demands.get_mut(&account).map(|made| {
            let to = if void { Some(made.by) } else { made.answered_by };
            (to, std::mem::take(&mut made.bond))
        });
        let holds = over && due == Some((Some(event.to), event.amount)) && !event.amount.is_zero();
        self.about_demand((id, account), holds, "a bond that is not due, or is somebody else's");
    }

    /// Which deliveries are drawn follows from the batch and the randomness of a block after it.
    fn audited(&mut self, event: &Demands::Audited, log: &ExportedLog) {
        let id = event.round;
        let some = self.audits();
        // Whose proof is demanded has to be able to bring it.
        self.needs_verifier(id, log.block.time);
        let Some(round) = self.find(id) else { return };
        let due = audit_until(round, some).is_some_and(|until| log.block.time <= until);
        let (tickets, target) = (unproven(round).collect::<Vec<_>>(), target(round));
        let drawn = tickets.len().min(round.audit.draws(some));
        let batch = batch_hash(round);
        round.audit.drawn = Some(drawn);
        self.about(CheckKind::Demand, id, "audit", due, "nothing was to be audited then");
        let mut seed = B256::ZERO;
        if tickets.len() > drawn {
            let past = is_remembered(target, log);
            self.about(CheckKind::Demand, id, "audit", past, "it was drawn too early, or too late");
            let drawing = self.export.audited_by(id).filter(|d| d.block.number == target);
            let Some(random) = self.randomness(id, target, drawing) else { return };
            seed = audit_seed(random, id, self.export.deployment.demands, batch);
        }
        let place = Place::round(CHAIN, id);
        self.findings.equal(CheckKind::Demand, &place, "seed", seed, event.seed);
        self.findings.equal(CheckKind::Demand, &place, "demands", U256::from(drawn), event.demands);
        self.due.demands = draw(seed, tickets, drawn).into();
    }

    /// Another block draws, as the chain has forgotten the one that would have.
    fn postponed(&mut self, event: &Demands::Postponed, log: &ExportedLog) {
        let id = event.round;
        let some = self.audits();
        self.needs_verifier(id, log.block.time);
        let Some(round) = self.find(id) else { return };
        let due = audit_until(round, some).is_some_and(|until| log.block.time <= until);
        let forgotten = log.block.number > target(round).saturating_add(rules::HASHES);
        let next = log.block.number.saturating_add(DRAW_DELAY) == event.target;
        round.audit.target = Some(event.target);
        round.audit.postponed = round.audit.postponed.saturating_add(1);
        let holds = due && forgotten && next;
        self.about(CheckKind::Demand, id, "audit", holds, "another block draws without need");
    }

    /// Deliveries that are audited of each batch.
    pub(super) fn audits(&self) -> usize {
        self.rules.config.as_ref().map_or(0, |config| usize::from(config.audits))
    }

    /// What keeps a round from being settled.
    pub(super) fn is_pending(&self, round: &RoundHistory) -> bool {
        round.is_demanded() || audit_until(round, self.audits()).is_some()
    }
}

/// Until when an audit has to be drawn; none if there is none, or it was.
pub(super) fn audit_until(round: &RoundHistory, audits: usize) -> Option<u64> {
    let waits = round.optimistic && audits > 0 && round.audit.drawn.is_none();
    let proposed = round.proposed().filter(|_| waits)?;
    Some(proposed.block.time.saturating_add(rules::ANSWER_WINDOW))
}

/// The block that draws.
fn target(round: &RoundHistory) -> u64 {
    let proposed = round.proposal.as_ref().map_or(0, |proposal| proposal.block.number);
    round.audit.target.unwrap_or_else(|| proposed.saturating_add(DRAW_DELAY))
}

/// Deliveries of a batch that were neither proven to the contract nor demanded, in order, each with the weight
/// that it is paid and drawn by. One that names a submission is to be proven in any case: its coordinator says
/// that it has that.
fn unproven(round: &RoundHistory) -> impl Iterator<Item = (Address, u32)> {
    let said = round.proposal.iter().flat_map(|proposal| &proposal.deliveries);
    let open = round.members.0.iter().zip(said).filter(|(member, said)| {
        let checked = round.delivered.get(&member.account).copied().unwrap_or_default();
        !said.update.is_zero()
            && !round.demands.contains_key(&member.account)
            && !is_proven(said, checked)
    });
    open.map(|(member, _)| (member.account, member.weight))
}

/// What was proposed, as it is signed.
fn batch_hash(round: &RoundHistory) -> B256 {
    let Some(proposal) = &round.proposal else { return B256::ZERO };
    let (root, aggregate, model) = (proposal.root, proposal.aggregate, proposal.model);
    let batch = Batch { round: round.id, root, aggregate, model };
    batch.hash(round.nonce.unwrap_or_default())
}
