//! Transactions whose turn has not come: their nonces leave gaps.

use std::collections::BTreeMap;

use alloy::consensus::Transaction as _;
use alloy::primitives::{Address, B256};

use super::block::Executed;

/// Transactions that wait at most.
const CAPACITY: usize = 1024;

#[derive(Default)]
pub(super) struct Pool(BTreeMap<(Address, u64), Executed>);

impl Pool {
    /// Keeps a transaction, also in place of a cheaper one with its nonce; false if there is no
    /// room or the other one pays as much.
    pub fn insert(&mut self, pending: Executed) -> bool {
        let key = (pending.from, pending.transaction.nonce());
        let fee = pending.transaction.max_fee_per_gas();
        match self.0.get(&key) {
            Some(other) if other.hash() == pending.hash() => return true,
            Some(other) if other.transaction.max_fee_per_gas() >= fee => return false,
            None if self.0.len() >= CAPACITY => return false,
            _ => {}
        }
        self.0.insert(key, pending);
        true
    }

    pub fn take(&mut self, from: Address, nonce: u64) -> Option<Executed> {
        self.0.remove(&(from, nonce))
    }

    pub fn find(&self, hash: B256) -> Option<&Executed> {
        self.0.values().find(|pending| pending.hash() == hash)
    }

    /// The first nonce from here on that nothing waits with.
    pub fn after(&self, from: Address, mut nonce: u64) -> u64 {
        while self.0.contains_key(&(from, nonce)) {
            nonce += 1;
        }
        nonce
    }
}
