//! Events that were looked up before, so that a look-up reads the blocks since the last one and not
//! all since the deployment.
//!
//! The last blocks are read again each time, as the chain may take them back. If it has taken back
//! more, the hash of the last block that counted as read has changed, and everything is read again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256};
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use zktrain_ledger::Members;

use crate::{Chain, ChainError};

/// Blocks below the latest that are read again each time.
const FRESH: u64 = 64;
/// Look-ups, and rounds, that are remembered at most: those that were asked for last.
const MOST: usize = 64;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// Whose events.
    pub contract: Address,
    /// Which kind.
    pub event: B256,
    /// Their first indexed value, if not any.
    pub topic: Option<B256>,
    /// The first block that can have them.
    pub from: u64,
}

/// What was found so far.
#[derive(Clone, Debug)]
struct Found {
    /// The first block that is read again.
    next: u64,
    /// The hash of the block before it; none before anything was read.
    tip: Option<B256>,
    /// Events before that block, oldest first.
    logs: Vec<Log>,
}

/// What a process remembers of the chain; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    searches: Vec<(Search, Found)>,
    /// By number and Merkle root: what was read of a round that was reorganized has another root.
    rounds: Vec<((u64, B256), Members)>,
}

/// Puts a value last, in the place of an earlier one of this key, and forgets the oldest.
fn remember<K: PartialEq, V>(memory: &mut Vec<(K, V)>, key: K, value: V) {
    memory.retain(|(known, _)| *known != key);
    memory.push((key, value));
    let surplus = memory.len().saturating_sub(MOST);
    memory.drain(..surplus);
}

fn recall<K: PartialEq, V: Clone>(memory: &[(K, V)], key: &K) -> Option<V> {
    memory.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
}

impl Index {
    /// What it holds stays whole whatever a thread that had it did.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round's members, if those with this Merkle root were read before.
    pub fn members(&self, round: u64, root: B256) -> Option<Members> {
        recall(&self.memory().rounds, &(round, root))
    }

    /// Remembers a round's members.
    pub fn keep_members(&self, round: u64, members: &Members) {
        remember(&mut self.memory().rounds, (round, members.root()), members.clone());
    }

    /// All events that a search finds, oldest first.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn logs(&self, chain: &Chain, search: Search) -> Result<Vec<Log>, ChainError> {
        let latest = chain.provider().get_block_number().await?;
        let known = recall(&self.memory().searches, &search);
        let mut found = match known {
            Some(found) if is_on_chain(chain, &found).await? => found,
            _ => Found { next: search.from, tip: None, logs: Vec::new() },
        };
        let fresh = read(chain, &search, found.next, latest).await?;
        let all: Vec<Log> = found.logs.iter().chain(&fresh).cloned().collect();
        let next = (latest + 1).saturating_sub(FRESH);
        // Not at each block: what it would spare to read is less than to ask for the block.
        if next > found.next.saturating_add(FRESH) || (found.tip.is_none() && next > found.next) {
            let before = |log: &Log| log.block_number.is_some_and(|number| number < next);
            found.logs.extend(fresh.into_iter().filter(before));
            (found.next, found.tip) = (next, hash(chain, next - 1).await?);
            if found.tip.is_some() {
                remember(&mut self.memory().searches, search, found);
            }
        }
        Ok(all)
    }
}

/// A block's hash; none if the node has no such block.
async fn hash(chain: &Chain, number: u64) -> Result<Option<B256>, ChainError> {
    let block = chain.provider().get_block_by_number(BlockNumberOrTag::Number(number)).await?;
    Ok(block.map(|block| block.header.hash))
}

/// Whether the chain still has the blocks that were read.
async fn is_on_chain(chain: &Chain, found: &Found) -> Result<bool, ChainError> {
    Ok(hash(chain, found.next.saturating_sub(1)).await? == found.tip)
}

/// Events in these blocks.
pub(super) async fn read(
    chain: &Chain,
    search: &Search,
    mut from: u64,
    latest: u64,
) -> Result<Vec<Log>, ChainError> {
    let filter = Filter::new().address(search.contract).event_signature(search.event);
    let filter = match search.topic {
        Some(topic) => filter.topic1(topic),
        None => filter,
    };
    let mut logs = Vec::new();
    while from <= latest {
        let to = latest.min(from.saturating_add(chain.span()));
        logs.extend(chain.logs(&filter.clone().from_block(from).to_block(to)).await?);
        from = to + 1;
    }
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_is_remembered() {
        let mut memory = Vec::new();
        for key in 0..MOST {
            remember(&mut memory, key, key);
        }
        remember(&mut memory, 0, 7);
        remember(&mut memory, MOST, 1);
        assert_eq!(memory.len(), MOST);
        assert_eq!((recall(&memory, &0), recall(&memory, &1)), (Some(7), None));
    }
}
