//! Who has how much at stake, as `StakeManager.sol` tells it.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use crate::bindings::stakes::StakeManager::{self, StakeManagerEvents};

/// Stake of one kind with an account: what counts, and what is on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// An account's own stake, and what others have delegated to it.
#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    own: Part,
    delegated: Part,
}

impl Pool {
    fn part(&mut self, is_own: bool) -> &mut Part {
        if is_own { &mut self.own } else { &mut self.delegated }
    }

    /// As `StakeManager` does it: of an account's own stake a slash takes the active part first. What it
    /// takes of delegated stake that unbonds depends on the days on which that began: here it is taken
    /// of both parts alike.
    fn slash(&mut self, event: &StakeManager::Slashed) {
        let first = event.own.min(self.own.active);
        self.own.less(first, event.own.saturating_sub(first));
        let Part { active, unbonding } = self.delegated;
        let total = active.saturating_add(unbonding);
        // Amounts have 96 bits.
        let first = event.delegated.saturating_mul(active).checked_div(total).unwrap_or_default();
        self.delegated.less(first, event.delegated.saturating_sub(first));
    }
}

/// All accounts' stake, in the reward token's smallest unit.
#[derive(Clone, Debug, Default)]
pub struct StakePools {
    pools: BTreeMap<Address, Pool>,
}

impl StakePools {
    /// The next event, in the order of the chain.
    pub fn apply(&mut self, event: &StakeManagerEvents) {
        match event {
            StakeManagerEvents::Staked(event) => {
                let part = self.part(event.operator, event.staker);
                part.active = part.active.saturating_add(event.amount);
            }
            StakeManagerEvents::Unbonding(event) => {
                let part = self.part(event.operator, event.staker);
                part.less(event.amount, U256::ZERO);
                part.unbonding = part.unbonding.saturating_add(event.amount);
            }
            StakeManagerEvents::Withdrawn(event) => {
                self.part(event.operator, event.staker).less(U256::ZERO, event.amount);
            }
            StakeManagerEvents::Slashed(event) => {
                self.pools.entry(event.operator).or_default().slash(event);
            }
            _ => {}
        }
    }

    /// What each account has at stake and is not unbonding, its own and what others have delegated to it.
    pub fn active(&self) -> BTreeMap<Address, U256> {
        let active = |pool: &Pool| pool.own.active.saturating_add(pool.delegated.active);
        self.pools.iter().map(|(account, pool)| (*account, active(pool))).collect()
    }

    fn part(&mut self, account: Address, staker: Address) -> &mut Part {
        self.pools.entry(account).or_default().part(account == staker)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn a_slash_takes_an_accounts_own_stake_first() {
        let [account, other] = [1, 2].map(Address::repeat_byte);
        let n = |n: u64| U256::from(n);
        let mut stakes = StakePools::default();
        for staker in [account, other] {
            let (amount, shares, ticket) = (n(100), n(100), U256::from_be_slice(staker.as_slice()));
            let staked = StakeManager::Staked { operator: account, staker, amount, shares };
            stakes.apply(&StakeManagerEvents::Staked(staked));
            let (amount, shares, release) = (n(70), n(70), 0);
            let unbonding = StakeManager::Unbonding {
                operator: account,
                staker,
                ticket,
                amount,
                shares,
                releaseTime: release,
            };
            stakes.apply(&StakeManagerEvents::Unbonding(unbonding));
        }
        let mut slash = |own: u64, delegated: u64| -> [u64; 4] {
            let (challenger, reason, bounty, since) = (other, B256::ZERO, n(own / 2), 0);
            let (own, delegated) = (n(own), n(delegated));
            stakes.apply(&StakeManagerEvents::Slashed(StakeManager::Slashed {
                operator: account,
                challenger,
                reason,
                own,
                delegated,
                bounty,
                since,
            }));
            let Pool { own, delegated } = stakes.pools[&account];
            [own.active, own.unbonding, delegated.active, delegated.unbonding].map(|part| part.to())
        };
        assert_eq!(slash(20, 0), [10, 70, 30, 70]);
        // Of others' stake 11 * 30 / 100 = 3 are of the active part.
        assert_eq!(slash(40, 11), [0, 40, 27, 62]);
        let (staker, ticket, amount) = (other, U256::ONE, n(62));
        let withdrawn = StakeManager::Withdrawn { operator: account, staker, ticket, amount };
        stakes.apply(&StakeManagerEvents::Withdrawn(withdrawn));
        assert_eq!(stakes.active(), [(account, n(27))].into());
    }
}
