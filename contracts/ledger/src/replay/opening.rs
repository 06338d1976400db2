//! How rounds begin: who opens them, for how long and how much, with whom, and what is drawn.

use alloy_primitives::{B256, U256};

use super::super::findings::{CheckKind, Place};
use super::{Replay, rules};
use crate::beacon::{DRAW_DELAY, nonce};
use crate::bindings::registry::IDomainRegistry::Config;
use crate::bindings::rounds::Rounds;
use crate::export::CHAIN;
use crate::export::{Drawing, ExportedLog};
use crate::reputation::ReputationStanding;
use crate::weights::weights;

impl Replay<'_> {
    pub(super) fn opened(&mut self, event: Rounds::RoundOpened, log: &ExportedLog) {
        let id = event.round;
        let Some(config) = self.rules.config.clone() else {
            self.about(CheckKind::Export, id, "round", false, "its domain was not opened");
            return;
        };
        self.openable(&event);
        self.terms(&event, &config, log);
        self.needs_verifier(id, log.block.time);
        let standings = self.mustered(&event, &config);
        self.current = Some(id);
        self.due.obligations.push_back(event.coordinator);
        self.money.reserve = Some(event.budget).filter(|budget| !budget.is_zero());
        let scores = standings.iter().map(|standing| standing.score).collect();
        self.history.open(event, scores, log.block);
    }

    /// Whether this one may open a round now, and it is the next one.
    fn openable(&mut self, event: &Rounds::RoundOpened) {
        let (id, coordinator) = (event.round, event.coordinator);
        let alone = self.current.is_none() && coordinator == self.rules.coordinator;
        let may = alone && !self.barred.contains(&coordinator) && !self.rules.closed;
        self.about(CheckKind::Export, id, "round", may, "it was not the coordinator's to open");
        let at = &self.export.deployment;
        let series = rules::series(at.chain_id, at.rounds);
        let last = self.history.rounds.last().map_or(0, |round| round.id);
        let next = id >> 32 == series && id > last;
        self.about(
            CheckKind::Export,
            id,
            "number",
            next,
            "it is not a number of a later round there",
        );
        let from = event.parent == self.head;
        self.about(
            CheckKind::Export,
            id,
            "parent",
            from,
            "it does not start from the last version",
        );
    }

    /// For how long and how much a round is, and which of governance's numbers it keeps.
    fn terms(&mut self, event: &Rounds::RoundOpened, config: &Config, log: &ExportedLog) {
        let id = event.round;
        let lasts = event.deadline.saturating_sub(log.block.time);
        let holds = (config.minDuration..=rules::MAX_DURATION).contains(&lasts);
        self.about(
            CheckKind::Export,
            id,
            "deadline",
            holds,
            "shorter or longer than rounds may be",
        );
        let [least, most] = [config.minBudget, config.maxBudget].map(U256::from);
        let within = event.budget.is_zero() || (least..=most).contains(&event.budget);
        let problem = "more than the domain lets a round pay, or less, and not nothing";
        self.about(CheckKind::Payment, id, "budget", within, problem);
        let (fee, burn) = self.rules.now(self.export.deployment.reward_token);
        let place = Place::round(CHAIN, id);
        self.findings.equal(CheckKind::Payment, &place, "fee", fee, event.settlementFee);
        self.findings.equal(CheckKind::Payment, &place, "burnShare", burn, event.burnShare);
    }

    /// The members' standings, whose weights follow from them.
    fn mustered(
        &mut self,
        event: &Rounds::RoundOpened,
        config: &Config,
    ) -> Vec<ReputationStanding> {
        let id = event.round;
        let ascending = event.members.windows(2).all(|pair| match pair {
            [a, b] => a.account < b.account,
            _ => true,
        });
        let problem = "members are not in the order of their addresses";
        self.about(CheckKind::Membership, id, "members", ascending, problem);
        let some = usize::from(config.minMembers)..=rules::MAX_MEMBERS;
        let holds = some.contains(&event.members.len());
        self.about(
            CheckKind::Membership,
            id,
            "count",
            holds,
            "fewer or more members than rounds have",
        );
        let standings: Vec<ReputationStanding> =
            event.members.iter().map(|m| self.standings.of(m.account)).collect();
        let fair = weights(&standings);
        for (index, member) in event.members.iter().enumerate() {
            let place = Place::member(CHAIN, id, member.account);
            let same = self.may_work(member.account, member.dataset, member.windows);
            let problem = || "it has not joined with this dataset".to_owned();
            self.findings.check(CheckKind::Membership, &place, "dataset", same, problem);
            let expected = fair.get(index).copied().unwrap_or_default();
            self.findings.equal(CheckKind::Weights, &place, "weight", expected, member.weight);
        }
        standings
    }

    /// From the randomness of the second block after the one that opened it.
    pub(super) fn drawn(&mut self, event: &Rounds::Drawn, log: &ExportedLog) {
        let place = Place::round(CHAIN, event.round);
        let Some(round) = self.find(event.round) else { return };
        let waits = round.is_open() && round.nonce.is_none();
        round.nonce = Some(event.nonce);
        let target = round.opened.number.saturating_add(DRAW_DELAY);
        let (members, parent) = (round.members.root(), round.parent);
        let in_time = waits && is_remembered(target, log);
        let problem = "it was drawn before, too early or too late";
        self.about(CheckKind::Nonce, event.round, "drawn", in_time, problem);
        let drawing = self.export.drawn_by(event.round).filter(|d| d.block.number == target);
        let Some(random) = self.randomness(event.round, target, drawing) else { return };
        let at = &self.export.deployment;
        let domain = self.export.domain;
        let expected = nonce(random, event.round, at.rounds, domain, members, parent);
        self.findings.equal(CheckKind::Nonce, &place, "nonce", expected, event.nonce);
    }

    /// The randomness that a header in the export has: it is hashed, so that a node need only be asked
    /// for the hash. Chains without randomness say zero or one, and draw nothing.
    pub(super) fn randomness(
        &mut self,
        round: u64,
        target: u64,
        drawing: Option<&Drawing>,
    ) -> Option<B256> {
        let place = Place::round(CHAIN, round);
        let random = drawing.and_then(Drawing::random);
        let problem =
            || format!("block {target}, which draws, is not in the export with its header");
        self.findings.check(CheckKind::Nonce, &place, "drawing", random.is_some(), problem);
        let random = random?;
        let some = U256::from_be_bytes(random.0) >= U256::from(2);
        let problem = "the block that draws has no randomness";
        self.about(CheckKind::Nonce, round, "randomness", some, problem);
        Some(random)
    }
}

/// Whether a block is past at this event, and the chain still knows its hash.
pub(super) fn is_remembered(target: u64, log: &ExportedLog) -> bool {
    let passed = log.block.number.saturating_sub(target);
    (1..=rules::HASHES).contains(&passed)
}
