//! A history from the contracts' events, one after the other.
//!
//! How rounds and versions go is `zktrain_ledger`'s to say, as it is for audits. Here is what only
//! measures ask for: who came and went, what was credited, who has how much at stake.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Log, U256};
use alloy::sol_types::SolEvent;
use zktrain_ledger::Deployment;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::bindings::token::RewardToken;
use zktrain_ledger::export::Block;
use zktrain_ledger::history::{self as ledger, STOPPED};

use super::history::{
    Change, ChangeKind, MeasuredOutcome, MeasuredRound, MeasuredSlash, MeasuredVersion,
    MetricsHistory, Payment, Role, Seat, Transfer,
};

/// An event and where the chain has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub block: Block,
    pub transaction: B256,
    /// The event.
    pub log: Log,
}

/// Stake of one kind with an operator: what counts, and what is on its way out.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    active: U256,
    unbonding: U256,
}

impl Part {
    /// What is left after some of both was taken.
    fn less(&mut self, active: U256, unbonding: U256) {
        self.active = self.active.saturating_sub(active);
        self.unbonding = self.unbonding.saturating_sub(unbonding);
    }
}

/// An operator's pool: its own stake, and what others have delegated to it.
#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    own: Part,
    delegated: Part,
}

impl Pool {
    fn part(&mut self, is_own: bool) -> &mut Part {
        if is_own { &mut self.own } else { &mut self.delegated }
    }
}

/// A settlement whose payments are being credited.
#[derive(Clone, Debug)]
struct Settling {
    transaction: B256,
    round: u64,
    credits: Vec<(Address, U256)>,
}

/// Reads events in the order of the chain.
#[derive(Clone, Debug)]
pub(super) struct Replay<'a> {
    at: &'a Deployment,
    domain: u64,
    /// The token of the domain's budgets.
    token: Address,
    pools: BTreeMap<Address, Pool>,
    settling: Option<Settling>,
    /// Rounds and versions.
    domain_history: ledger::DomainHistory,
    /// Everything else.
    history: MetricsHistory,
}

/// An event of this kind, if it is one.
fn read<E: SolEvent>(log: &Log) -> Option<E> {
    E::decode_log(log).ok().map(|event| event.data)
}

impl<'a> Replay<'a> {
    pub fn new(at: &'a Deployment, domain: u64) -> Self {
        let custody = [at.stakes, at.registry, at.escrow, at.rounds].into();
        Self {
            at,
            domain,
            token: Address::ZERO,
            pools: BTreeMap::new(),
            settling: None,
            domain_history: ledger::DomainHistory::default(),
            history: MetricsHistory { custody, ..MetricsHistory::default() },
        }
    }

    /// The kinds of events that it reads.
    pub fn kinds() -> Vec<B256> {
        vec![
            DomainRegistry::DomainOpened::SIGNATURE_HASH,
            DomainRegistry::ModelAdvanced::SIGNATURE_HASH,
            Rounds::Joined::SIGNATURE_HASH,
            Rounds::Leaving::SIGNATURE_HASH,
            Rounds::Exited::SIGNATURE_HASH,
            Rounds::RoundOpened::SIGNATURE_HASH,
            Rounds::Delivered::SIGNATURE_HASH,
            Rounds::Proposed::SIGNATURE_HASH,
            Rounds::Settled::SIGNATURE_HASH,
            Rounds::Voided::SIGNATURE_HASH,
            Rounds::MemberSlashed::SIGNATURE_HASH,
            Escrow::Credited::SIGNATURE_HASH,
            Escrow::Shared::SIGNATURE_HASH,
            StakeManager::Staked::SIGNATURE_HASH,
            StakeManager::Unbonding::SIGNATURE_HASH,
            StakeManager::Withdrawn::SIGNATURE_HASH,
            StakeManager::Slashed::SIGNATURE_HASH,
            RewardToken::Transfer::SIGNATURE_HASH,
        ]
    }

    /// The contracts whose events it reads.
    pub fn contracts(at: &Deployment) -> Vec<Address> {
        vec![at.registry, at.rounds, at.escrow, at.stakes, at.reward_token]
    }

    /// The next event. Those of other contracts and domains change nothing.
    pub fn apply(&mut self, entry: &Entry) {
        let (log, from) = (&entry.log, entry.log.address);
        if from == self.at.rounds {
            self.membership(log);
            self.round(entry);
        } else if from == self.at.registry {
            self.model(entry);
        } else if from == self.at.escrow {
            self.payment(entry);
        } else if from == self.at.stakes {
            self.stake(log);
        } else if from == self.at.reward_token
            && let Some(RewardToken::Transfer { from, to, value: amount }) = read(log)
        {
            let time = entry.block.time;
            self.history.transfers.push(Transfer { time, from, to, amount });
        }
    }

    /// What it comes to; `None` if the domain was never opened.
    pub fn finish(mut self) -> Option<MetricsHistory> {
        let worth = |(operator, pool): (&Address, &Pool)| {
            (*operator, pool.own.active.saturating_add(pool.delegated.active))
        };
        self.history.stakes = self.pools.iter().map(worth).collect();
        self.history.rounds = self.domain_history.rounds.iter().map(round).collect();
        self.history.versions = self.domain_history.versions.iter().map(version).collect();
        // Only an opened domain has a token.
        (!self.token.is_zero()).then_some(self.history)
    }

    fn model(&mut self, entry: &Entry) {
        let log = &entry.log;
        if let Some(opened) = read::<DomainRegistry::DomainOpened>(log)
            && opened.domain == self.domain
        {
            self.token = opened.config.token;
            self.history.genesis = opened.config.genesis;
            self.domain_history.opened = Some((opened.config, opened.spec));
        }
        if let Some(next) = read::<DomainRegistry::ModelAdvanced>(log)
            && next.domain == self.domain
        {
            self.domain_history.advance(&next, entry.block);
        }
    }

    fn change(&mut self, domain: u64, account: Address, kind: ChangeKind) {
        if domain == self.domain {
            let after = self.domain_history.rounds.len();
            self.history.changes.push(Change { account, kind, after });
        }
    }

    fn membership(&mut self, log: &Log) {
        if let Some(Rounds::Joined { domain, account, .. }) = read(log) {
            self.change(domain, account, ChangeKind::Joined);
        } else if let Some(Rounds::Leaving { domain, account, .. }) = read(log) {
            self.change(domain, account, ChangeKind::Resigned);
        } else if let Some(Rounds::Exited { domain, account }) = read(log) {
            self.change(domain, account, ChangeKind::Exited);
        } else if let Some(slashed) = read::<Rounds::MemberSlashed>(log) {
            let Rounds::MemberSlashed { round, account, reason, .. } = slashed;
            if self.domain_history.round(round).is_some() {
                self.change(self.domain, account, ChangeKind::Slashed);
                self.history.slashes.push(MeasuredSlash {
                    round,
                    account,
                    role: Role::Member,
                    reason,
                });
            }
        }
    }

    fn round(&mut self, entry: &Entry) {
        let (log, block) = (&entry.log, entry.block);
        if let Some(opened) = read::<Rounds::RoundOpened>(log) {
            if opened.domain == self.domain {
                self.domain_history.open(opened, Vec::new(), block);
            }
        } else if let Some(delivered) = read::<Rounds::Delivered>(log) {
            if let Some(round) = self.domain_history.round(delivered.round) {
                round.deliver(&delivered);
            }
        } else if let Some(proposed) = read::<Rounds::Proposed>(log) {
            if let Some(round) = self.domain_history.round(proposed.round) {
                round.propose(proposed, block);
            }
        } else if let Some(Rounds::Settled { round, .. }) = read(log) {
            if self.domain_history.settle(round, block).is_some() {
                let (transaction, credits) = (entry.transaction, Vec::new());
                self.settling = Some(Settling { transaction, round, credits });
            }
        } else if let Some(voided) = read::<Rounds::Voided>(log)
            && let Some(round) = self.domain_history.round(voided.round)
        {
            round.void(&voided, block);
            let Rounds::Voided { round, coordinator: account, reason } = voided;
            if ledger::reason(&reason) != STOPPED {
                let role = Role::Coordinator;
                self.history.slashes.push(MeasuredSlash { round, account, role, reason });
            }
        }
    }

    /// A settlement credits everybody, in the same transaction, and then says how much it was. No
    /// other contract's call comes between.
    fn payment(&mut self, entry: &Entry) {
        let Some(settling) = &mut self.settling else { return };
        if settling.transaction != entry.transaction {
            self.settling = None;
        } else if let Some(Escrow::Credited { token, account, amount }) = read(&entry.log) {
            if token == self.token {
                settling.credits.push((account, amount));
            }
        } else if let Some(Escrow::Shared { domain, .. }) = read(&entry.log)
            && domain == self.domain
        {
            for (account, amount) in std::mem::take(&mut settling.credits) {
                let round = settling.round;
                self.history.payments.push(Payment { round, account, amount });
            }
            self.settling = None;
        }
    }

    /// As `StakeManager` does it: of an operator's own stake a slash takes the active part first. What it
    /// takes of delegated stake that unbonds depends on the days on which that began: here it is taken
    /// of both parts alike.
    fn stake(&mut self, log: &Log) {
        if let Some(StakeManager::Staked { operator, staker, amount, .. }) = read(log) {
            let part = self.pools.entry(operator).or_default().part(operator == staker);
            part.active = part.active.saturating_add(amount);
        } else if let Some(StakeManager::Unbonding { operator, staker, amount, .. }) = read(log) {
            let part = self.pools.entry(operator).or_default().part(operator == staker);
            part.less(amount, U256::ZERO);
            part.unbonding = part.unbonding.saturating_add(amount);
        } else if let Some(StakeManager::Withdrawn { operator, staker, amount, .. }) = read(log) {
            let part = self.pools.entry(operator).or_default().part(operator == staker);
            part.less(U256::ZERO, amount);
        } else if let Some(StakeManager::Slashed { operator, own, delegated, .. }) = read(log) {
            let pool = self.pools.entry(operator).or_default();
            let first = own.min(pool.own.active);
            pool.own.less(first, own.saturating_sub(first));
            let Part { active, unbonding } = pool.delegated;
            let total = active.saturating_add(unbonding);
            // Amounts have 96 bits.
            let first = delegated.saturating_mul(active).checked_div(total).unwrap_or_default();
            pool.delegated.less(first, delegated.saturating_sub(first));
        }
    }
}

/// A round as measures see it.
fn round(of: &ledger::RoundHistory) -> MeasuredRound {
    let counted = of.counted();
    let seats = of.members.0.iter().map(|member| {
        let account = member.account;
        // Without a sum the listed are paid all the same; without a batch whose proof was checked.
        let delivered = match of.listed(account) {
            Some(said) => !said.update.is_zero(),
            None => of.delivered.contains_key(&account),
        };
        let summed = counted.iter().any(|counted| counted.account == account);
        Seat { account, weight: member.weight, delivered, summed }
    });
    MeasuredRound {
        number: of.id,
        coordinator: of.coordinator,
        opened: of.opened.time,
        proposed: of.proposal.as_ref().map(|proposal| proposal.block.time),
        ended: of.ended.map(|block| block.time),
        outcome: match of.outcome {
            ledger::RoundOutcome::Open => MeasuredOutcome::Open,
            ledger::RoundOutcome::Settled { .. } => MeasuredOutcome::Settled,
            ledger::RoundOutcome::Empty => MeasuredOutcome::Unchanged,
            ledger::RoundOutcome::Void { .. } => MeasuredOutcome::Void,
        },
        seats: seats.collect(),
    }
}

/// A version as measures see it.
fn version(of: &ledger::ModelVersion) -> MeasuredVersion {
    let ledger::ModelVersion { number, round, parent, model, .. } = *of;
    MeasuredVersion { number, round, parent, model }
}

#[cfg(test)]
mod tests;
