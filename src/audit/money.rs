//! A domain's money: what rounds pay to whom, by the contracts' rules.

use std::collections::VecDeque;

use alloy::primitives::{Address, U256};
use zktrain_contracts::bindings::escrow::Escrow::EscrowEvents;
use zktrain_contracts::bindings::registry::IDomainRegistry::Config;
use zktrain_contracts::bindings::rounds::Rounds;
use zktrain_contracts::protocol::export::ExportedLog;
use zktrain_contracts::protocol::payments;

use super::findings::{Findings, Kind, Place};
use super::history::{Outcome, Round};
use super::replay::Replay;
use crate::lineage::CHAIN;

/// What a domain has, and what the escrow has to tell next.
#[derive(Debug, Default)]
pub(super) struct Money {
    /// Basis points that are burned of settlements.
    pub fee: u16,
    /// The domain's mode.
    pub optimistic: bool,
    /// What has to be reserved next.
    pub reserve: Option<U256>,
    token: Address,
    share: u16,
    burns: bool,
    available: U256,
    reserved: U256,
    credits: VecDeque<(Address, U256)>,
    shared: Option<(U256, U256, U256)>,
}

impl Money {
    /// A domain's rules.
    pub fn open(&mut self, config: &Config, reward: Address) {
        self.token = config.token;
        self.share = config.coordinatorShare;
        self.burns = config.token == reward;
        self.optimistic = config.optimistic;
    }

    /// What the escrow has to tell when it shares out a budget. Payments of nothing are not told.
    pub fn expect(&mut self, payments: Vec<(Address, U256)>, burned: U256, budget: U256) {
        if budget.is_zero() {
            return;
        }
        let paid: U256 = payments.iter().map(|(_, amount)| *amount).sum();
        self.credits = payments.into_iter().filter(|(_, amount)| !amount.is_zero()).collect();
        self.shared = Some((paid, burned, budget.saturating_sub(paid + burned)));
    }

    /// Whether everything that had to be told was. Payments are due only as long as it is that the
    /// budget is shared out.
    pub fn is_even(&self) -> bool {
        self.reserve.is_none() && self.shared.is_none()
    }

    /// Forgets what had to be told.
    pub fn clear(&mut self) {
        (self.reserve, self.shared) = (None, None);
        self.credits.clear();
    }

    /// The coordinator's part of a budget and the members', and what is burned of each payment.
    fn parts(&self, budget: U256) -> (U256, U256, u16) {
        let (coordinator, pool) = payments::split(budget, self.share);
        (coordinator, pool, if self.burns { self.fee } else { 0 })
    }

    fn event(&mut self, event: EscrowEvents, findings: &mut Findings) {
        let place = Place::file(CHAIN);
        let mut check = |field: &str, holds: bool, problem: String| {
            findings.check(Kind::Payment, &place, field, holds, || problem);
        };
        match event {
            EscrowEvents::Funded(event) => self.available += event.amount,
            EscrowEvents::Reserved(event) => {
                let expected = self.reserve.take();
                let holds = expected == Some(event.amount) && event.amount <= self.available;
                check("reserved", holds, format!("{} is not the budget", event.amount));
                self.available = self.available.saturating_sub(event.amount);
                self.reserved += event.amount;
            }
            // Without a settlement of ours it is another domain's.
            EscrowEvents::Credited(event) if self.shared.is_some() => {
                let got = (event.account, event.amount);
                let expected = self.credits.pop_front();
                let text = format!("{:#x} was credited {}: ", got.0, got.1);
                let due = expected.map_or_else(
                    || "nothing was due".to_owned(),
                    |(account, amount)| format!("{account:#x} was due {amount}"),
                );
                let holds = expected == Some(got) && event.token == self.token;
                check("payment", holds, text + &due);
            }
            EscrowEvents::Shared(event) => {
                let got = (event.paid, event.burned, event.returned);
                let holds = self.shared.take() == Some(got) && self.credits.is_empty();
                let problem = format!("{} paid, {} burned, {} returned", got.0, got.1, got.2);
                check("shared", holds, problem + ": this does not follow");
                self.reserved = self.reserved.saturating_sub(got.0 + got.1 + got.2);
                self.available += event.returned;
                self.credits.clear();
            }
            EscrowEvents::Refunded(event) => {
                let holds = event.amount == self.available;
                check("refunded", holds, format!("{} is not what was left", event.amount));
                self.available = U256::ZERO;
            }
            _ => {}
        }
    }
}

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
    pub(super) fn escrow(&mut self, event: EscrowEvents) {
        self.money.event(event, self.findings);
    }

    /// A round is paid: either what was proposed, or what was checked in a void round.
    pub(super) fn settled(&mut self, event: &Rounds::Settled, log: &ExportedLog) {
        let place = Place::round(CHAIN, event.round);
        let found = self.history.rounds.iter().position(|round| round.id == event.round);
        let Some(round) = found.and_then(|at| self.history.rounds.get(at)).cloned() else {
            return;
        };
        let void = matches!(round.outcome, Outcome::Void { .. });
        let empty = !void && round.counted().is_empty();
        let settlement = match empty {
            true => Settlement::default(),
            false => self.settlement(&round, void),
        };
        let proposal = round.proposal.as_ref();
        let problem = || "nothing was proposed".to_owned();
        let known = void || proposal.is_some();
        self.findings.check(Kind::Export, &place, "settled", known, problem);
        let expected = match (void, proposal) {
            (false, Some(proposal)) => proposal.model,
            _ => Default::default(),
        };
        self.findings.equal(Kind::Export, &place, "model", expected, event.model);
        self.findings.equal(Kind::Payment, &place, "paid", settlement.paid(), event.paid);
        if let (false, false, Some(proposal)) = (void, empty, proposal) {
            self.advance = Some((round.id, proposal.model, proposal.aggregate));
        }
        for (account, delivered) in &settlement.moves {
            let score = self.standings.settle(*account, *delivered);
            self.scores.extend(score.map(|score| (*account, score)));
        }
        let version = self.history.versions.len() as u64 + 1;
        self.money.expect(settlement.payments.clone(), settlement.burned, round.budget);
        let Some(round) = self.history.round(event.round) else { return };
        (round.payments, round.burned) = (settlement.payments, settlement.burned);
        if !void {
            round.outcome = if empty { Outcome::Empty } else { Outcome::Settled { version } };
            round.ended = Some(log.block);
        }
    }

    fn settlement(&self, round: &Round, void: bool) -> Settlement {
        let (coordinator, pool, fee) = self.money.parts(round.budget);
        let mut settlement = Settlement::default();
        let none = Vec::new();
        let deliveries = round.proposal.as_ref().map_or(&none, |proposal| &proposal.deliveries);
        for (index, member) in round.members.0.iter().enumerate() {
            let account = member.account;
            let delivered = match void {
                true => round.delivered.contains_key(&account),
                false => deliveries.get(index).is_some_and(|d| !d.update.is_zero()),
            };
            // Who had delivered nothing in a void round may have had no time to.
            if delivered || !void {
                settlement.moves.push((account, delivered));
            }
            if delivered && !self.standings.of(account).slashed {
                let (pay, burned) = payments::member(pool, member.weight, fee);
                settlement.payments.push((account, pay));
                settlement.burned += burned;
            }
        }
        if !void {
            settlement.payments.push((round.coordinator, coordinator));
        }
        settlement
    }
}
