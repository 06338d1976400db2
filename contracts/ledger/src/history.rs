//! A domain's history, as its events tell it. What an event changes in it is in `changes`, once for all
//! who follow a domain; whether contracts would have emitted it is the replay's question.

mod changes;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};

use crate::Members;
use crate::bindings::registry::IDomainRegistry::Config;
use crate::bindings::rounds::IRounds::{Delivery, Member};
use crate::export::Block;
pub(crate) use crate::{is_proven, is_summed};

/// All that happened in a domain, as its events tell it.
#[derive(Clone, Debug, Default)]
pub struct DomainHistory {
    /// What it was opened with, and the digest of manifest and reference string.
    pub opened: Option<(Config, B256)>,
    /// Its rounds, oldest first.
    pub rounds: Vec<RoundHistory>,
    /// Versions after the first, oldest first.
    pub versions: Vec<ModelVersion>,
    /// Members and coordinators that were slashed.
    pub slashes: Vec<SlashRecord>,
    /// With which datasets accounts have joined: root and windows.
    pub joined: BTreeMap<Address, BTreeSet<(B256, u64)>>,
    /// Who came and went, in order.
    pub changes: Vec<Change>,
}

impl DomainHistory {
    /// A round by its number.
    pub fn round(&mut self, id: u64) -> Option<&mut RoundHistory> {
        // The last ones are asked for most.
        self.rounds.iter_mut().rev().find(|round| round.id == id)
    }
}

/// A round of a domain, as its events tell it.
#[derive(Clone, Debug)]
pub struct RoundHistory {
    /// Its number.
    pub id: u64,
    /// Who answers for it.
    pub coordinator: Address,
    /// The model that it starts from.
    pub parent: B256,
    /// Whether proofs are not checked on submission.
    pub optimistic: bool,
    /// What it can pay.
    pub budget: U256,
    /// Basis points of a payment that are burned.
    pub fee: u16,
    /// Basis points of a slash that are burned.
    pub burn_share: u16,
    pub members: Members,
    /// Their reputations when it was opened.
    pub scores: Vec<u32>,
    /// The block that it was opened in.
    pub opened: Block,
    /// Until when members deliver, in Unix seconds.
    pub deadline: u64,
    /// Draws windows.
    pub nonce: Option<B256>,
    /// The updates that the contract has checked.
    pub delivered: BTreeMap<Address, B256>,
    /// What its coordinator proposed.
    pub proposal: Option<ProposedBatch>,
    /// Deliveries that somebody, or the audit, demanded to be proven on chain.
    pub demands: BTreeMap<Address, Demand>,
    pub audit: AuditProgress,
    /// How it ended.
    pub outcome: RoundOutcome,
    /// When it ended.
    pub ended: Option<Block>,
    /// Whether nothing is to be paid any more.
    pub paid: bool,
    /// What was paid to whom, by settlement.
    pub payments: Vec<(Address, U256)>,
    /// What was burned of it.
    pub burned: U256,
}

impl RoundHistory {
    /// Members whose updates are in the sum, with their deliveries, in order. What was handed in to the
    /// contract alone is paid for, and in no sum.
    pub fn counted(&self) -> Vec<CountedMember> {
        let pairs = self.listings().filter_map(|(member, said)| Some((member, said?)));
        let pairs = pairs.filter(|(_, said)| self.sums(said));
        let counted = pairs.map(|(member, delivery)| CountedMember {
            account: member.account,
            dataset: member.dataset,
            windows: member.windows,
            weight: member.weight,
            update: delivery.update,
            submission: delivery.submission,
        });
        counted.collect()
    }

    /// Whether it made a new version.
    pub fn is_settled(&self) -> bool {
        matches!(self.outcome, RoundOutcome::Settled { .. })
    }

    /// Whether its coordinator is still to propose.
    pub fn is_open(&self) -> bool {
        self.outcome == RoundOutcome::Open && self.proposal.is_none()
    }

    /// What was proposed, while it is neither settled nor void.
    pub fn proposed(&self) -> Option<&ProposedBatch> {
        self.proposal.as_ref().filter(|_| self.outcome == RoundOutcome::Open)
    }

    /// Whether a demand waits for its answer.
    pub fn is_demanded(&self) -> bool {
        self.demands.values().any(|demand| demand.answered_by.is_none())
    }

    /// Whom its settlement pays for a delivery: all that a batch lists, the sum's or not; of a void round
    /// those whose proof the contract has checked.
    pub fn has_delivered(&self, account: Address) -> bool {
        if matches!(self.outcome, RoundOutcome::Void { .. }) {
            return self.delivered.contains_key(&account);
        }
        self.listed(account).is_some_and(|said| !said.update.is_zero())
    }

    /// The members in their order, each with what the batch says of it; none without a batch.
    pub fn listings(&self) -> impl Iterator<Item = (&Member, Option<&Delivery>)> {
        let deliveries = self.proposal.as_ref().map(|proposal| proposal.deliveries.as_slice());
        let deliveries = deliveries.unwrap_or_default();
        self.members.0.iter().enumerate().map(|(at, member)| (member, deliveries.get(at)))
    }

    /// What the batch says of a member; none without a batch.
    pub fn listed(&self, account: Address) -> Option<&Delivery> {
        let mut own = self.listings().filter(|(member, _)| member.account == account);
        own.next()?.1
    }

    /// Whether a member is in the sum of whom the batch says this: there is a sum, and not the contract
    /// alone has the delivery.
    pub fn sums(&self, said: &Delivery) -> bool {
        let has_sum = self.proposal.as_ref().is_some_and(|batch| !batch.aggregate.is_zero());
        has_sum && is_summed(said)
    }
}

/// A demand that a delivery be proven on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Whose: the contract's own where the audit demands.
    pub by: Address,
    /// Until when it can be answered, in Unix seconds.
    pub until: u64,
    /// Who has answered it.
    pub answered_by: Option<Address>,
    /// Wei that are still to be paid out.
    pub bond: U256,
}

/// Most deliveries that are drawn of a batch: `Demands.MOST_AUDITS`.
const MOST_AUDITS: usize = 64;

/// How far a round's audit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditProgress {
    /// The block that draws instead of the first one, which the chain has forgotten.
    pub target: Option<u64>,
    /// How often another block was named.
    pub postponed: u32,
    /// How many deliveries it has demanded; none before it was drawn.
    pub drawn: Option<usize>,
}

impl AuditProgress {
    /// How many deliveries it draws in a domain that has so many audited: as many again each time that
    /// nobody drew in time, so that waiting for a better draw is worth nothing.
    pub fn draws(&self, audits: usize) -> usize {
        let times = usize::try_from(self.postponed).unwrap_or(usize::MAX);
        audits.saturating_mul(times.saturating_add(1)).min(MOST_AUDITS)
    }
}

/// A member whose update is in a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedMember {
    /// The member.
    pub account: Address,
    /// Its dataset's root.
    pub dataset: B256,
    /// The dataset's windows.
    pub windows: u64,
    pub weight: u32,
    /// `keccak256` of its update's rows.
    pub update: B256,
    /// Hash of its submission; a mark in eager domains.
    pub submission: B256,
}

/// What a coordinator proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct ProposedBatch {
    /// Merkle root of the deliveries.
    pub root: B256,
    /// `keccak256` of the aggregate's rows.
    pub aggregate: B256,
    /// `keccak256` of the next model's rows.
    pub model: B256,
    /// One a member.
    pub deliveries: Vec<Delivery>,
    /// The block that it was proposed in.
    pub block: Block,
    /// Until when it can be challenged, in Unix seconds.
    pub challenge_end: u64,
}

/// How a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoundOutcome {
    /// It has not.
    Open,
    /// With this version of the model.
    Settled {
        /// The version's number.
        version: u64,
    },
    /// Without a sum: what was delivered is paid for, and the model stays as it is.
    Empty,
    /// Without a new version.
    Void {
        /// Why, as the contract says.
        reason: String,
    },
}

/// A version of the model, which a settled round has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelVersion {
    pub number: u64,
    /// The round that made it.
    pub round: u64,
    /// `keccak256` of the rows of the one before.
    pub parent: B256,
    /// `keccak256` of its rows.
    pub model: B256,
    /// When.
    pub block: Block,
}

/// Somebody came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub account: Address,
    /// What.
    pub kind: ChangeKind,
    /// So many rounds had been opened by then: what tells in which round it first shows.
    pub after: usize,
}

/// How a membership changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Became a member.
    Joined,
    /// Takes part in no new round.
    Resigned,
    /// Got its bond back.
    Exited,
    /// Lost its bond.
    Slashed,
}

/// Somebody lost stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlashRecord {
    /// In which round.
    pub round: u64,
    /// Who.
    pub account: Address,
    /// Why, as the contract says.
    pub reason: String,
    /// Whether it was the coordinator.
    pub coordinator: bool,
    /// Whether stake was taken for it.
    pub taken: bool,
    /// Reward tokens that were burned; none before stake was taken.
    pub burned: U256,
    /// Reward tokens that went to the challenger who showed it; none before stake was taken.
    pub bounty: U256,
}

/// Why rounds are void without anybody's fault: a constant of `rounds/Settlement.sol`.
pub const STOPPED: &str = "verifier stopped";

/// Reasons are words where contracts give them as words.
pub fn reason(bytes: &B256) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match bytes.get(..end).and_then(|text| std::str::from_utf8(text).ok()) {
        Some(text) if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') => text.to_owned(),
        _ => format!("{bytes:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_draws_more_each_time_that_it_is_put_off() {
        let draws = |postponed| AuditProgress { postponed, ..AuditProgress::default() }.draws(2);
        // 64 at most, as `Demands.sol` has it.
        assert_eq!([0, 1, 3, 31, 32, u32::MAX].map(draws), [2, 4, 8, 64, 64, 64]);
        assert_eq!(AuditProgress::default().draws(0), 0);
    }

    #[test]
    fn reasons_are_words_where_they_can_be() {
        let mut word = B256::ZERO;
        word[..16].copy_from_slice(b"verifier stopped");
        assert_eq!(reason(&word), "verifier stopped");
        assert!(reason(&B256::repeat_byte(0xc3)).starts_with("0xc3c3"));
    }
}
