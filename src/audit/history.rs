//! A domain's history, as its events tell it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, U256};
use zktrain_contracts::bindings::registry::IDomainRegistry::Config;
use zktrain_contracts::bindings::rounds::IRounds::Delivery;
use zktrain_contracts::protocol::Members;
use zktrain_contracts::protocol::export::Block;

/// All that happened in a domain.
#[derive(Debug, Default)]
pub struct History {
    /// What it was opened with, and the digest of manifest and reference string.
    pub opened: Option<(Config, B256)>,
    /// Its rounds, oldest first.
    pub rounds: Vec<Round>,
    /// Versions after the first, oldest first.
    pub versions: Vec<Version>,
    /// Whoever was slashed.
    pub slashes: Vec<Slash>,
    /// With which datasets accounts have joined: root and windows.
    pub joined: BTreeMap<Address, BTreeSet<(B256, u64)>>,
}

impl History {
    /// A round by its number.
    pub fn round(&mut self, id: u64) -> Option<&mut Round> {
        // The last ones are asked for most.
        self.rounds.iter_mut().rev().find(|round| round.id == id)
    }
}

/// A round.
#[derive(Clone, Debug)]
pub struct Round {
    /// Its number.
    pub id: u64,
    /// Who answers for it.
    pub coordinator: Address,
    /// The model that it starts from.
    pub parent: B256,
    /// What it can pay.
    pub budget: U256,
    /// Its members.
    pub members: Members,
    /// Their reputations when it was opened.
    pub scores: Vec<u32>,
    /// The block that it was opened in.
    pub opened: Block,
    /// Draws windows.
    pub nonce: Option<B256>,
    /// Eager domains: the updates that the contract has checked.
    pub delivered: BTreeMap<Address, B256>,
    /// What its coordinator proposed.
    pub proposal: Option<Proposal>,
    /// How it ended.
    pub outcome: Outcome,
    /// When it ended.
    pub ended: Option<Block>,
    /// What was paid to whom, by settlement.
    pub payments: Vec<(Address, U256)>,
    /// What was burned of it.
    pub burned: U256,
}

impl Round {
    /// Members whose updates are in the sum, with their deliveries, in order.
    pub fn counted(&self) -> Vec<Counted> {
        let Some(proposal) = &self.proposal else { return Vec::new() };
        let pairs = self.members.0.iter().zip(&proposal.deliveries);
        let pairs = pairs.filter(|(_, delivery)| !delivery.update.is_zero());
        let counted = pairs.map(|(member, delivery)| Counted {
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
        matches!(self.outcome, Outcome::Settled { .. })
    }
}

/// A member whose update is in a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The member.
    pub account: Address,
    /// Its dataset's root.
    pub dataset: B256,
    /// The dataset's windows.
    pub windows: u64,
    /// Its weight.
    pub weight: u32,
    /// `keccak256` of its update's rows.
    pub update: B256,
    /// Hash of its submission; zero in eager domains.
    pub submission: B256,
}

/// What a coordinator proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Merkle root of the deliveries.
    pub root: B256,
    /// `keccak256` of the aggregate's rows.
    pub aggregate: B256,
    /// `keccak256` of the next model's rows.
    pub model: B256,
    /// One a member.
    pub deliveries: Vec<Delivery>,
}

/// How a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not.
    Open,
    /// With this version of the model.
    Settled {
        /// The version's number.
        version: u64,
    },
    /// Nobody delivered.
    Empty,
    /// Without a new version.
    Void {
        /// Why, as the contract says.
        reason: String,
    },
}

/// A version of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// The round that made it.
    pub round: u64,
    /// `keccak256` of its rows.
    pub model: B256,
    /// When.
    pub block: Block,
}

/// Somebody lost stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slash {
    /// In which round.
    pub round: u64,
    /// Who.
    pub account: Address,
    /// Why, as the contract says.
    pub reason: String,
    /// Whether it was the coordinator.
    pub coordinator: bool,
    /// Reward tokens that were burned.
    pub burned: U256,
    /// Reward tokens that went to whoever showed it.
    pub bounty: U256,
}

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
    fn reasons_are_words_where_they_can_be() {
        let mut word = B256::ZERO;
        word[..16].copy_from_slice(b"verifier stopped");
        assert_eq!(reason(&word), "verifier stopped");
        assert!(reason(&B256::repeat_byte(0xc3)).starts_with("0xc3c3"));
    }
}
