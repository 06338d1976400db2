//! A history from the contracts' events, one after the other.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Log, U256};
use alloy::sol_types::SolEvent;
use zktrain_chain::bindings::escrow::Escrow;
use zktrain_chain::bindings::registry::DomainRegistry;
use zktrain_chain::bindings::rounds::{IRounds, Rounds};
use zktrain_chain::bindings::stakes::StakeManager;
use zktrain_chain::bindings::token::RewardToken;
use zktrain_chain::protocol::{Deployment, is_summed};

use super::history::{
    Change, ChangeKind, History, Outcome, Payment, Role, Round, Seat, Slash, Transfer, Version,
};

/// Why rounds are void without anybody's fault: a constant of `rounds/Settlement.sol`.
const VERIFIER_STOPPED: &[u8] = b"verifier stopped";

/// An event and where the chain has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Seconds since 1970, of the block.
    pub time: u64,
    /// The transaction.
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
#[derive(Debug)]
struct Settling {
    transaction: B256,
    round: u64,
    credits: Vec<(Address, U256)>,
}

/// Reads events in the order of the chain.
#[derive(Debug)]
pub(super) struct Replay<'a> {
    at: &'a Deployment,
    domain: u64,
    /// The token of the domain's budgets.
    token: Address,
    pools: BTreeMap<Address, Pool>,
    settling: Option<Settling>,
    history: History,
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
            history: History { custody, ..History::default() },
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
            self.model(log);
        } else if from == self.at.escrow {
            self.payment(entry);
        } else if from == self.at.stakes {
            self.stake(log);
        } else if from == self.at.reward_token
            && let Some(RewardToken::Transfer { from, to, value: amount }) = read(log)
        {
            let time = entry.time;
            self.history.transfers.push(Transfer { time, from, to, amount });
        }
    }

    /// What it comes to; `None` if the domain was never opened.
    pub fn finish(mut self) -> Option<History> {
        let worth = |(operator, pool): (&Address, &Pool)| {
            (*operator, pool.own.active.saturating_add(pool.delegated.active))
        };
        self.history.stakes = self.pools.iter().map(worth).collect();
        // Only an opened domain has a token.
        (!self.token.is_zero()).then_some(self.history)
    }

    fn model(&mut self, log: &Log) {
        if let Some(opened) = read::<DomainRegistry::DomainOpened>(log)
            && opened.domain == self.domain
        {
            self.token = opened.config.token;
            self.history.genesis = opened.config.genesis;
        }
        if let Some(next) = read::<DomainRegistry::ModelAdvanced>(log)
            && next.domain == self.domain
        {
            let DomainRegistry::ModelAdvanced { version: number, round, parent, model, .. } = next;
            self.history.versions.push(Version { number, round, parent, model });
        }
    }

    fn change(&mut self, domain: u64, account: Address, kind: ChangeKind) {
        if domain == self.domain {
            let after = self.history.rounds.len();
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
            if self.history.round(round).is_some() {
                self.change(self.domain, account, ChangeKind::Slashed);
                self.history.slashes.push(Slash { round, account, role: Role::Member, reason });
            }
        }
    }

    fn known(&mut self, number: u64) -> Option<&mut Round> {
        self.history.rounds.iter_mut().rev().find(|round| round.number == number)
    }

    fn round(&mut self, entry: &Entry) {
        let (log, time) = (&entry.log, entry.time);
        if let Some(opened) = read::<Rounds::RoundOpened>(log) {
            self.opened(opened, time);
        } else if let Some(Rounds::Delivered { round, account, .. }) = read(log) {
            let seats = self.known(round).map(|round| round.seats.iter_mut());
            if let Some(seat) = seats.into_iter().flatten().find(|seat| seat.account == account) {
                seat.delivered = true;
            }
        } else if let Some(proposed) = read::<Rounds::Proposed>(log) {
            self.proposed(proposed, time);
        } else if let Some(Rounds::Settled { round: number, .. }) = read(log) {
            self.settled(number, entry);
        } else if let Some(Rounds::Voided { round: number, coordinator, reason }) = read(log)
            && let Some(round) = self.known(number)
        {
            (round.outcome, round.ended) = (Outcome::Void, Some(time));
            if reason != B256::right_padding_from(VERIFIER_STOPPED) {
                let role = Role::Coordinator;
                let slash = Slash { round: number, account: coordinator, role, reason };
                self.history.slashes.push(slash);
            }
        }
    }

    fn opened(&mut self, opened: Rounds::RoundOpened, time: u64) {
        if opened.domain != self.domain {
            return;
        }
        let seat = |member: &IRounds::Member| Seat {
            account: member.account,
            weight: member.weight,
            delivered: false,
            summed: false,
        };
        self.history.rounds.push(Round {
            number: opened.round,
            coordinator: opened.coordinator,
            opened: time,
            proposed: None,
            ended: None,
            outcome: Outcome::Open,
            seats: opened.members.iter().map(seat).collect(),
        });
    }

    /// Without a sum the listed are paid all the same. What is listed without a submission, or a mark, was
    /// delivered to the contract alone, and is in no sum.
    fn proposed(&mut self, proposed: Rounds::Proposed, time: u64) {
        let Rounds::Proposed { round, deliveries, aggregate, .. } = proposed;
        let Some(round) = self.known(round) else { return };
        round.proposed = Some(time);
        for (seat, said) in round.seats.iter_mut().zip(deliveries) {
            seat.delivered = !said.update.is_zero();
            seat.summed = is_summed(&said) && !aggregate.is_zero();
        }
    }

    /// Void rounds are settled as well, to pay for what was checked: they stay void. No sum is of
    /// nothing.
    fn settled(&mut self, number: u64, entry: &Entry) {
        let Some(round) = self.known(number) else { return };
        if round.outcome == Outcome::Open {
            let sum = round.seats.iter().any(|seat| seat.summed);
            round.outcome = if sum { Outcome::Settled } else { Outcome::Unchanged };
            round.ended = Some(entry.time);
        }
        let (transaction, credits) = (entry.transaction, Vec::new());
        self.settling = Some(Settling { transaction, round: number, credits });
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

#[cfg(test)]
mod tests;
