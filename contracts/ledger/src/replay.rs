//! Replays a domain's events by the contracts' rules.
//!
//! What follows from earlier events is computed and compared: weights from reputations, reputations
//! and payments from deliveries, what is drawn from blocks' randomness, versions from proposals, what
//! a slash takes from bonds. Who may do something, and when, is checked too. An event that contracts
//! would not have emitted, or that is missing, is a failure.

mod demands;
mod domain;
mod due;
mod members;
mod opening;
mod proposing;
mod rules;
mod settling;
mod verifiers;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use due::Due;
use rules::Rules;
use verifiers::Verifiers;

use super::findings::{CheckKind, Findings, Place};
use super::history::{DomainHistory, RoundHistory};
use super::money::Money;
use crate::bindings::parameters::Parameters::ParametersEvents;
use crate::bindings::reputation::Reputation::ReputationEvents;
use crate::bindings::rounds::Rounds::RoundsEvents;
use crate::bindings::slashing::Slashing::SlashingEvents;
use crate::bindings::stakes::StakeManager::StakeManagerEvents;
use crate::export::CHAIN;
use crate::export::{ChainEvent, ChainExport, Drawing, ExportedLog, VERSION};
use crate::reputation::Standings;

/// Replays an export.
pub fn replay(export: &ChainExport, findings: &mut Findings) -> DomainHistory {
    let whole = Place::file(CHAIN);
    match export.digest() {
        Ok(digest) => {
            findings.equal(CheckKind::Export, &whole, "checksum", digest, export.checksum);
        }
        Err(error) => {
            findings.check(CheckKind::Export, &whole, "checksum", false, || error.to_string());
        }
    }
    findings.equal(CheckKind::Export, &whole, "version", VERSION, export.version);
    let mut replay = Replay::new(export, findings);
    replay.order();
    for transaction in export.logs.chunk_by(|a, b| a.transaction == b.transaction) {
        for log in transaction {
            replay.log(log);
        }
        replay.finish(transaction);
    }
    replay.drawings();
    replay.history
}

/// A member of the domain.
#[derive(Clone, Copy)]
struct Membership {
    dataset: B256,
    windows: u64,
    /// From when it can leave; none as long as it does not want to.
    leaves_at: Option<u64>,
}

struct Replay<'a> {
    export: &'a ChainExport,
    findings: &'a mut Findings,
    history: DomainHistory,
    money: Money,
    standings: Standings,
    rules: Rules,
    members: BTreeMap<Address, Membership>,
    /// Whose datasets are.
    holders: BTreeMap<B256, Address>,
    head: B256,
    current: Option<u64>,
    /// Accounts that were slashed as a coordinator.
    barred: BTreeSet<Address>,
    verifiers: Verifiers,
    due: Due,
}

impl<'a> Replay<'a> {
    fn new(export: &'a ChainExport, findings: &'a mut Findings) -> Self {
        Self {
            export,
            findings,
            history: DomainHistory::default(),
            money: Money::new(export.domain),
            standings: Standings::default(),
            rules: Rules::default(),
            members: BTreeMap::new(),
            holders: BTreeMap::new(),
            head: B256::ZERO,
            current: None,
            barred: BTreeSet::new(),
            verifiers: Verifiers::default(),
            due: Due::default(),
        }
    }

    /// Events are in order, and blocks are consistent.
    fn order(&mut self) {
        let place = Place::file(CHAIN);
        let logs = &self.export.logs;
        let pairs = logs.iter().zip(logs.iter().skip(1));
        let ordered = |(a, b): &(&ExportedLog, &ExportedLog)| {
            let same = a.block.number == b.block.number;
            (same && a.block == b.block && a.index < b.index)
                || (a.block.number < b.block.number && a.block.time <= b.block.time)
        };
        let wrong = pairs.clone().position(|pair| !ordered(&pair));
        let problem = || format!("event {} is out of order", wrong.unwrap_or_default() + 1);
        self.findings.check(CheckKind::Export, &place, "logs", wrong.is_none(), problem);
        let late = logs.last().is_some_and(|log| log.block.number > self.export.head.number);
        let problem = || "there are events after the last block".to_owned();
        self.findings.check(CheckKind::Export, &place, "head", !late, problem);
    }

    /// Every block that draws belongs to one round, and is the block that events name where they do.
    fn drawings(&mut self) {
        let known = |round: u64| self.history.rounds.iter().find(|known| known.id == round);
        let audited = |round: u64| known(round).is_some_and(|round| round.audit.drawn.is_some());
        let ascending = |drawing: &[Drawing]| {
            drawing.iter().zip(drawing.iter().skip(1)).all(|(a, b)| a.round < b.round)
        };
        let (drawing, audits) = (&self.export.drawing, &self.export.audits);
        let holds = ascending(drawing)
            && drawing.iter().all(|drawing| known(drawing.round).is_some())
            && ascending(audits)
            && audits.iter().all(|drawing| audited(drawing.round));
        let problem = || "blocks that draw are not one a round".to_owned();
        let place = Place::file(CHAIN);
        self.findings.check(CheckKind::Export, &place, "drawing", holds, problem);
        let blocks: BTreeMap<u64, _> =
            self.export.logs.iter().map(|log| (log.block.number, log.block)).collect();
        let another = |drawing: &&Drawing| {
            blocks.get(&drawing.block.number).is_some_and(|block| *block != drawing.block)
        };
        let wrong = drawing.iter().chain(audits).find(another).map(|drawing| drawing.round);
        let place = Place { round: wrong, ..Place::file(CHAIN) };
        let problem = || "the block that draws is another than that of its events".to_owned();
        self.findings.check(CheckKind::Export, &place, "drawing", wrong.is_none(), problem);
    }

    /// Records a check of an event about a round.
    fn about(
        &mut self,
        kind: CheckKind,
        round: u64,
        field: &str,
        holds: bool,
        problem: &str,
    ) -> bool {
        let place = Place::round(CHAIN, round);
        self.findings.check(kind, &place, field, holds, || problem.to_owned())
    }

    /// A round that was opened, which all events about it rest on.
    fn find(&mut self, id: u64) -> Option<&mut RoundHistory> {
        let at = self.history.rounds.iter().rposition(|round| round.id == id);
        self.about(CheckKind::Export, id, "round", at.is_some(), "no such round was opened");
        self.history.rounds.get_mut(at?)
    }

    fn log(&mut self, log: &ExportedLog) {
        let place = Place::file(CHAIN);
        let event = log.event(&self.export.deployment);
        let Some(event) = self.findings.result(CheckKind::Export, &place, "logs", event) else {
            return;
        };
        match event {
            ChainEvent::Domain(event) => self.domain(event, log),
            ChainEvent::Rounds(event) => self.rounds(event, log),
            ChainEvent::Reputation(event) => self.reputation(&event),
            ChainEvent::Escrow(event) => {
                let closing = &mut self.due.closing;
                self.money.event(event, log.block.time, closing, self.findings);
            }
            ChainEvent::Stakes(StakeManagerEvents::Slashed(event)) => self.taken(&event),
            ChainEvent::Stakes(StakeManagerEvents::Obligations(event)) => {
                // Other domains' change in the same transaction, perhaps.
                if self.due.obligations.front() == Some(&event.operator) {
                    self.due.obligations.pop_front();
                }
            }
            ChainEvent::Slashing(SlashingEvents::Proven(event)) => self.shown(&event),
            ChainEvent::Demands(event) => self.demands(event, log),
            ChainEvent::Parameters(ParametersEvents::Changed(event)) => {
                self.rules.values = Some(event.values);
            }
            ChainEvent::Router(event) => self.router(&event, log.block.time),
            ChainEvent::Stakes(_) | ChainEvent::Slashing(_) => {}
        }
    }

    fn reputation(&mut self, event: &ReputationEvents) {
        let place = Place::file(CHAIN);
        match event {
            ReputationEvents::Scored(event) => {
                let expected = self.due.scores.pop_front();
                let place = Place { member: Some(event.account), ..place };
                let holds = expected == Some((event.account, event.score));
                let problem = || format!("the score {} does not follow", event.score);
                self.findings.check(CheckKind::Reputation, &place, "score", holds, problem);
            }
            ReputationEvents::Barred(event) => {
                let holds = self.due.bar.take() == Some(event.account);
                let problem = || format!("{:#x} was barred without a slash", event.account);
                self.findings.check(CheckKind::Reputation, &place, "barred", holds, problem);
                self.barred.insert(event.account);
            }
        }
    }

    fn rounds(&mut self, event: RoundsEvents, log: &ExportedLog) {
        match event {
            RoundsEvents::Joined(event) => self.joined(&event),
            RoundsEvents::Leaving(event) => self.leaving(&event, log),
            RoundsEvents::Exited(event) => self.exited(&event, log),
            RoundsEvents::RoundOpened(event) => self.opened(event, log),
            RoundsEvents::Drawn(event) => self.drawn(&event, log),
            RoundsEvents::Delivered(event) => self.delivered(&event, log),
            RoundsEvents::Proposed(event) => self.proposed(event, log),
            RoundsEvents::Settled(event) => self.settled(&event, log),
            RoundsEvents::Voided(event) => self.voided(&event, log),
            RoundsEvents::MemberSlashed(event) => self.member_slashed(&event, log),
            RoundsEvents::EIP712DomainChanged(_) => {}
        }
    }

    /// Nothing that a transaction owes is missing.
    fn finish(&mut self, transaction: &[ExportedLog]) {
        let complete = self.due.is_even() && self.money.is_even();
        let hash = transaction.first().map(|log| log.transaction).unwrap_or_default();
        let problem = || format!("transaction {hash:#x} lacks events that belong to it");
        self.findings.check(CheckKind::Export, &Place::file(CHAIN), "logs", complete, problem);
        if !complete {
            self.due = Due::default();
            self.money.clear();
        }
    }
}
