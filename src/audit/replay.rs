//! Replays a domain's events by the contracts' rules.
//!
//! What follows from earlier events is computed and compared: weights from reputations,
//! reputations and payments from deliveries, nonces from block hashes, versions from proposals.
//! An event that contracts would not have emitted, or that is missing, is a failure.

use std::collections::{BTreeMap, VecDeque};

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use zktrain_contracts::bindings::parameters::Parameters::ParametersEvents;
use zktrain_contracts::bindings::registry::DomainRegistry::{self, DomainRegistryEvents};
use zktrain_contracts::bindings::reputation::Reputation::ReputationEvents;
use zktrain_contracts::bindings::rounds::Rounds::{self, RoundsEvents};
use zktrain_contracts::bindings::stakes::StakeManager::StakeManagerEvents;
use zktrain_contracts::protocol::export::{ChainExport, DRAW_DELAY, Event, ExportedLog, VERSION};
use zktrain_contracts::protocol::reputation::Standings;
use zktrain_contracts::protocol::weights::weights;
use zktrain_contracts::protocol::{Members, export};

use super::findings::{Findings, Kind, Place};
use super::history::{History, Outcome, Proposal, Round, Slash, Version, reason};
use super::money::Money;
use crate::lineage::CHAIN;

/// Replays an export.
pub fn replay(export: &ChainExport, findings: &mut Findings) -> History {
    let whole = Place::file(CHAIN);
    let digest = export.digest();
    findings.equal(Kind::Export, &whole, "checksum", digest, export.checksum);
    findings.equal(Kind::Export, &whole, "version", VERSION, export.version);
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

#[derive(Clone, Copy)]
struct Membership {
    dataset: B256,
    windows: u64,
    leaving: bool,
}

pub(super) struct Replay<'a> {
    export: &'a ChainExport,
    pub(super) findings: &'a mut Findings,
    pub(super) history: History,
    pub(super) money: Money,
    pub(super) standings: Standings,
    members: BTreeMap<Address, Membership>,
    coordinator: Address,
    head: B256,
    current: Option<u64>,
    /// Scores that have to be told next.
    pub(super) scores: VecDeque<(Address, u32)>,
    /// The version that has to be told next.
    pub(super) advance: Option<(u64, B256, B256)>,
    /// Whose stake is about to be slashed, why, and whether as a coordinator.
    guilty: Option<(u64, Address, String, bool)>,
}

impl<'a> Replay<'a> {
    fn new(export: &'a ChainExport, findings: &'a mut Findings) -> Self {
        Self {
            export,
            findings,
            history: History::default(),
            money: Money::default(),
            standings: Standings::default(),
            members: BTreeMap::new(),
            coordinator: Address::ZERO,
            head: B256::ZERO,
            current: None,
            scores: VecDeque::new(),
            advance: None,
            guilty: None,
        }
    }

    /// Events are in order, blocks are consistent, and there is one drawing block a round.
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
        self.findings.check(Kind::Export, &place, "logs", wrong.is_none(), problem);
        let late = logs.last().is_some_and(|log| log.block.number > self.export.head.number);
        let problem = || "there are events after the last block".to_owned();
        self.findings.check(Kind::Export, &place, "head", !late, problem);
    }

    /// Every drawing block belongs to one round.
    fn drawings(&mut self) {
        let known = |round: u64| self.history.rounds.iter().any(|known| known.id == round);
        let drawing = &self.export.drawing;
        let strange = drawing.iter().find(|drawing| !known(drawing.round));
        let ascending = drawing.iter().zip(drawing.iter().skip(1)).all(|(a, b)| a.round < b.round);
        let holds = strange.is_none() && ascending;
        let problem = || "drawing blocks are not one a round".to_owned();
        self.findings.check(Kind::Export, &Place::file(CHAIN), "drawing", holds, problem);
    }

    /// Records a check of an event about a round.
    fn about(&mut self, kind: Kind, round: u64, field: &str, holds: bool, problem: &str) -> bool {
        let place = Place::round(CHAIN, round);
        self.findings.check(kind, &place, field, holds, || problem.to_owned())
    }

    fn log(&mut self, log: &ExportedLog) {
        let place = Place::file(CHAIN);
        let event = log.event(&self.export.deployment);
        let Some(event) = self.findings.result(Kind::Export, &place, "logs", event) else {
            return;
        };
        match event {
            Event::Domain(event) => self.domain(event, log),
            Event::Rounds(event) => self.rounds(event, log),
            Event::Reputation(ReputationEvents::Scored(event)) => {
                let expected = self.scores.pop_front();
                let place = Place { member: Some(event.account), ..place };
                let holds = expected == Some((event.account, event.score));
                let problem = || format!("the score {} does not follow", event.score);
                self.findings.check(Kind::Reputation, &place, "score", holds, problem);
            }
            Event::Escrow(event) => self.escrow(event),
            Event::Stakes(StakeManagerEvents::Slashed(event)) => {
                let Some((round, account, reason, coordinator)) = self.guilty.take() else {
                    return;
                };
                let (burned, bounty) = (event.burned, event.bounty);
                let known = account == event.operator;
                self.about(Kind::Export, round, "slash", known, "somebody else was slashed");
                let slash = Slash { round, account, reason, coordinator, burned, bounty };
                self.history.slashes.push(slash);
            }
            Event::Parameters(ParametersEvents::Changed(event)) => {
                self.money.fee = event.values.settlementFee;
            }
            Event::Stakes(_) | Event::Slashing(_) => {}
        }
    }

    fn domain(&mut self, event: DomainRegistryEvents, log: &ExportedLog) {
        match event {
            DomainRegistryEvents::DomainOpened(event) => {
                let place = Place::file(CHAIN);
                let number = self.export.domain;
                self.findings.equal(Kind::Export, &place, "domain", number, event.domain);
                self.coordinator = event.config.coordinator;
                self.head = event.config.genesis;
                let reward = self.export.deployment.reward_token;
                self.money.open(&event.config, reward);
                self.history.opened = Some((event.config, event.spec));
            }
            DomainRegistryEvents::CoordinatorChanged(event) => {
                self.coordinator = event.coordinator;
            }
            DomainRegistryEvents::ModelAdvanced(event) => self.advanced(&event, log),
            DomainRegistryEvents::DomainClosed(_) => {}
        }
    }

    fn advanced(&mut self, event: &DomainRegistry::ModelAdvanced, log: &ExportedLog) {
        let number = self.history.versions.len() as u64 + 1;
        let expected = self.advance.take();
        let got = Some((event.round, event.model, event.aggregate));
        let holds = expected == got && event.version == number && event.parent == self.head;
        let problem = "the version does not follow from the proposal and the version before";
        self.about(Kind::Export, event.round, "version", holds, problem);
        let (round, model, block) = (event.round, event.model, log.block);
        self.head = model;
        self.history.versions.push(Version { number, round, model, block });
    }

    fn rounds(&mut self, event: RoundsEvents, log: &ExportedLog) {
        match event {
            RoundsEvents::Joined(event) => self.joined(&event),
            RoundsEvents::Leaving(event) => {
                if let Some(member) = self.members.get_mut(&event.account) {
                    member.leaving = true;
                }
            }
            RoundsEvents::Exited(event) => {
                self.members.remove(&event.account);
            }
            RoundsEvents::RoundOpened(event) => self.opened(event, log),
            RoundsEvents::Drawn(event) => self.drawn(&event),
            RoundsEvents::Delivered(event) => {
                if let Some(round) = self.history.round(event.round) {
                    round.delivered.insert(event.account, event.update);
                }
            }
            RoundsEvents::Proposed(event) => self.proposed(event),
            RoundsEvents::Settled(event) => {
                if self.current == Some(event.round) {
                    self.current = None;
                }
                self.settled(&event, log);
            }
            RoundsEvents::Voided(event) => self.voided(&event, log),
            RoundsEvents::MemberSlashed(event) => {
                self.members.remove(&event.account);
                self.standings.ruin(event.account);
                self.scores.push_back((event.account, 0));
                let why = reason(&event.reason);
                self.guilty = Some((event.round, event.account, why, false));
            }
            _ => {}
        }
    }

    fn joined(&mut self, event: &Rounds::Joined) {
        let (account, dataset, windows) = (event.account, event.dataset, event.windows);
        self.members.insert(account, Membership { dataset, windows, leaving: false });
        self.history.joined.entry(account).or_default().insert((dataset, windows));
        let score = self.standings.admit(account);
        self.scores.extend(score.map(|score| (account, score)));
    }

    fn opened(&mut self, event: Rounds::RoundOpened, log: &ExportedLog) {
        let id = event.round;
        let alone = self.current.is_none() && event.coordinator == self.coordinator;
        self.about(Kind::Export, id, "round", alone, "it was not the coordinator's to open");
        let from = event.parent == self.head;
        self.about(Kind::Export, id, "parent", from, "it does not start from the last version");
        let ascending = event.members.windows(2).all(|pair| match pair {
            [a, b] => a.account < b.account,
            _ => true,
        });
        let problem = "members are not in the order of their addresses";
        self.about(Kind::Membership, id, "members", ascending, problem);
        let scores: Vec<u32> =
            event.members.iter().map(|m| self.standings.of(m.account).score).collect();
        let fair = weights(&scores);
        for (index, member) in event.members.iter().enumerate() {
            let place = Place::member(CHAIN, id, member.account);
            let known = self.members.get(&member.account);
            let same = known.is_some_and(|known| {
                !known.leaving && (known.dataset, known.windows) == (member.dataset, member.windows)
            });
            let problem = || "it has not joined with this dataset".to_owned();
            self.findings.check(Kind::Membership, &place, "dataset", same, problem);
            let expected = fair.get(index).copied().unwrap_or_default();
            self.findings.equal(Kind::Weights, &place, "weight", expected, member.weight);
        }
        self.current = Some(id);
        self.money.reserve = Some(event.budget).filter(|budget| !budget.is_zero());
        self.history.rounds.push(Round {
            id,
            coordinator: event.coordinator,
            parent: event.parent,
            budget: event.budget,
            members: Members(event.members),
            scores,
            opened: log.block,
            nonce: None,
            delivered: BTreeMap::new(),
            proposal: None,
            outcome: Outcome::Open,
            ended: None,
            payments: Vec::new(),
            burned: U256::ZERO,
        });
    }

    /// `keccak256(abi.encode(blockhash, round, contract))`
    fn drawn(&mut self, event: &Rounds::Drawn) {
        let place = Place::round(CHAIN, event.round);
        let Some(round) = self.history.round(event.round) else { return };
        round.nonce = Some(event.nonce);
        let number = round.opened.number.saturating_add(DRAW_DELAY);
        let block = self.export.drawn_by(event.round).filter(|block| block.number == number);
        let problem = || format!("block {number}, which draws it, is not in the export");
        if !self.findings.check(Kind::Nonce, &place, "drawing", block.is_some(), problem) {
            return;
        }
        let hash = block.map(|block: &export::Block| block.hash).unwrap_or_default();
        let contract = self.export.deployment.rounds;
        let expected = keccak256((hash, event.round, contract).abi_encode());
        self.findings.equal(Kind::Nonce, &place, "nonce", expected, event.nonce);
    }

    fn proposed(&mut self, event: Rounds::Proposed) {
        let place = Place::round(CHAIN, event.round);
        let Some(round) = self.history.round(event.round) else { return };
        let expected = round.members.delivery_root(&event.deliveries);
        let whole = round.members.0.len() == event.deliveries.len();
        let (root, aggregate, model) = (event.root, event.aggregate, event.model);
        let deliveries = event.deliveries;
        round.proposal = Some(Proposal { root, aggregate, model, deliveries });
        let problem = || "the root is not that of the deliveries".to_owned();
        let holds = whole && expected == root;
        self.findings.check(Kind::Export, &place, "deliveries", holds, problem);
    }

    fn voided(&mut self, event: &Rounds::Voided, log: &ExportedLog) {
        let optimistic = self.money.optimistic;
        let why = reason(&event.reason);
        self.guilty = Some((event.round, event.coordinator, why.clone(), true));
        let Some(round) = self.history.round(event.round) else { return };
        round.outcome = Outcome::Void { reason: why };
        round.ended = Some(log.block);
        // In eager domains it stays under way until what was checked is paid.
        if optimistic {
            let budget = round.budget;
            self.money.expect(Vec::new(), U256::ZERO, budget);
            self.current = None;
        }
    }

    /// Nothing that a transaction owes is missing.
    fn finish(&mut self, transaction: &[ExportedLog]) {
        // A verifier that was stopped makes rounds void without a slash.
        self.guilty = None;
        let complete = self.scores.is_empty() && self.advance.is_none() && self.money.is_even();
        let hash = transaction.first().map(|log| log.transaction).unwrap_or_default();
        let problem = || format!("transaction {hash:#x} lacks events that belong to it");
        self.findings.check(Kind::Export, &Place::file(CHAIN), "logs", complete, problem);
        if !complete {
            self.scores.clear();
            self.advance = None;
            self.money.clear();
        }
    }
}
