//! A history from the contracts' events, one after the other.
//!
//! What events come to is `zktrain_ledger`'s to say, as it is for audits. Here it is put as measures see it,
//! beside the moves of the token, which are no domain's.

use alloy::primitives::{Address, B256, Log};
use alloy::sol_types::SolEvent;
use zktrain_ledger::Deployment;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::bindings::token::RewardToken;
use zktrain_ledger::export::{Block, ChainEvent};
use zktrain_ledger::follow::DomainFollower;
use zktrain_ledger::history as ledger;

use super::history::{
    MeasuredOutcome, MeasuredRound, MeasuredSlash, MeasuredVersion, MetricsHistory, Role, Seat,
    Transfer,
};

/// An event and where the chain has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub block: Block,
    pub transaction: B256,
    /// The event.
    pub log: Log,
}

/// Reads events in the order of the chain.
#[derive(Clone, Debug)]
pub(super) struct Replay<'a> {
    at: &'a Deployment,
    domain: DomainFollower,
    /// Moves of the reward token.
    transfers: Vec<Transfer>,
}

impl<'a> Replay<'a> {
    pub fn new(at: &'a Deployment, domain: u64) -> Self {
        Self { at, domain: DomainFollower::new(domain), transfers: Vec::new() }
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
        let Entry { block, transaction, log } = entry;
        if log.address == self.at.reward_token {
            if let Ok(moved) = RewardToken::Transfer::decode_log(log) {
                let RewardToken::Transfer { from, to, value: amount } = moved.data;
                self.transfers.push(Transfer { time: block.time, from, to, amount });
            }
            return;
        }
        let (topics, data) = (log.topics(), &log.data.data);
        if let Ok(event) = ChainEvent::decode(self.at, log.address, topics, data) {
            self.domain.apply(event, *block, *transaction);
        }
    }

    /// What it comes to; `None` if the domain was never opened.
    pub fn finish(self) -> Option<MetricsHistory> {
        let Self { at, domain: DomainFollower { history, payments, stakes, .. }, transfers } = self;
        // Only an opened domain has a token.
        let (config, _) = history.opened.filter(|(config, _)| !config.token.is_zero())?;
        Some(MetricsHistory {
            genesis: config.genesis,
            rounds: history.rounds.iter().map(round).collect(),
            versions: history.versions.iter().map(version).collect(),
            changes: history.changes,
            payments,
            stakes: stakes.active(),
            transfers,
            custody: [at.stakes, at.registry, at.escrow, at.rounds].into(),
            slashes: history.slashes.into_iter().map(slash).collect(),
            ..MetricsHistory::default()
        })
    }
}

/// A round as measures see it.
fn round(of: &ledger::RoundHistory) -> MeasuredRound {
    let seats = of.listings().map(|(member, said)| {
        let account = member.account;
        // Without a sum the listed are paid all the same; without a batch whose proof was checked.
        let delivered = match said {
            Some(said) => !said.update.is_zero(),
            None => of.delivered.contains_key(&account),
        };
        let summed = said.is_some_and(|said| of.sums(said));
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

/// A slash as measures see it.
fn slash(of: ledger::SlashRecord) -> MeasuredSlash {
    let role = if of.coordinator { Role::Coordinator } else { Role::Member };
    MeasuredSlash { round: of.round, account: of.account, role, reason: of.reason }
}

/// A version as measures see it.
fn version(of: &ledger::ModelVersion) -> MeasuredVersion {
    let ledger::ModelVersion { number, round, parent, model, .. } = *of;
    MeasuredVersion { number, round, parent, model }
}

#[cfg(test)]
mod tests;
