//! What a member agrees to: the conditions under which a sum says little about it.

use alloy::primitives::Address;
use zktrain_prover::average::WEIGHT_LOG;

use super::group;
use crate::plan::{Plan, VERSION};

/// Limits that a member sets for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Members with weight in a sum at least, the member itself included.
    pub least: u32,
    /// Share of one member in the counted weight at most, in units of `2^-16`.
    pub max_share: u32,
}

impl Default for Policy {
    /// Three members, and none with more than three quarters of the weight.
    fn default() -> Self {
        Self { least: 3, max_share: 3 << (WEIGHT_LOG - 2) }
    }
}

/// Why a plan or a set of members is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Another version of the messages.
    #[error("the plan is of version {got}; this is version {expected}")]
    Version {
        /// The version known here.
        expected: u32,
        /// The plan's.
        got: u32,
    },
    /// Not a member.
    #[error("{account} is no member of the plan")]
    Stranger {
        /// Who is not.
        account: Address,
    },
    /// Accounts are not in strictly ascending order.
    #[error("members of the plan are not in strictly ascending order at position {position}")]
    Order {
        /// The first one out of order.
        position: usize,
    },
    /// Weights do not sum to `2^16`.
    #[error("weights sum to {got}, not to {expected}")]
    Weights {
        /// `2^16`.
        expected: u64,
        /// Their sum.
        got: u64,
    },
    /// At or below half of the members, or above their number.
    #[error("a threshold of {got} for {members} members")]
    Threshold {
        /// Members of the plan.
        members: usize,
        /// The threshold.
        got: u32,
    },
    /// Fewer members than it takes.
    #[error("{set}: {got} members, at least {needed} are needed")]
    TooFew {
        /// Which set.
        set: &'static str,
        /// Those needed.
        needed: usize,
        /// Those there.
        got: usize,
    },
    /// Fewer members with weight than it takes.
    #[error("{set}: {got} members have weight, at least {needed} must have")]
    TooFewWeights {
        /// Which set.
        set: &'static str,
        /// Those needed.
        needed: usize,
        /// Those there.
        got: usize,
    },
    /// One member has nearly all of the weight.
    #[error("{account} has {weight} of the weight {total}, more than the share {most}/2^16")]
    Dominant {
        /// Who.
        account: Address,
        /// Its weight.
        weight: u64,
        /// All weight that counts.
        total: u64,
        /// The largest share.
        most: u32,
    },
}

impl Policy {
    /// Checks a plan: that it is one, and that this member is in it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_plan(&self, plan: &Plan, account: Address) -> Result<(), PolicyError> {
        check_plan(plan)?;
        if plan.member(account).is_none() {
            return Err(PolicyError::Stranger { account });
        }
        let all: Vec<Address> = plan.members.iter().map(|m| m.account).collect();
        self.check_set(plan, "the plan", &all)
    }

    /// Checks that a set of the plan's members is large enough.
    ///
    /// # Errors
    /// If fewer than the threshold are in it, or too few have weight.
    pub fn check_set(
        &self,
        plan: &Plan,
        set: &'static str,
        accounts: &[Address],
    ) -> Result<(), PolicyError> {
        check_threshold(plan, set, accounts.len())?;
        let needed = self.least.max(plan.least) as usize;
        let got = weights(plan, accounts).filter(|(_, weight)| *weight > 0).count();
        if got < needed {
            return Err(PolicyError::TooFewWeights { set, needed, got });
        }
        Ok(())
    }

    /// Checks a set whose updates are summed.
    ///
    /// # Errors
    /// As [`Self::check_set`], and if one member has more than its share.
    pub fn check_counted(&self, plan: &Plan, accounts: &[Address]) -> Result<(), PolicyError> {
        self.check_set(plan, "the counted", accounts)?;
        let total = weights(plan, accounts).map(|(_, weight)| weight).sum::<u64>();
        let most = self.max_share;
        let above = |(_, weight): &(Address, u64)| weight << WEIGHT_LOG > u64::from(most) * total;
        match weights(plan, accounts).find(above) {
            Some((account, weight)) => Err(PolicyError::Dominant { account, weight, total, most }),
            None => Ok(()),
        }
    }
}

/// Checks that as many members as the threshold are in a set.
pub(super) fn check_threshold(
    plan: &Plan,
    set: &'static str,
    got: usize,
) -> Result<(), PolicyError> {
    let needed = plan.threshold as usize;
    if got < needed { Err(PolicyError::TooFew { set, needed, got }) } else { Ok(()) }
}

/// Accounts with their weights.
fn weights<'a>(
    plan: &'a Plan,
    accounts: &'a [Address],
) -> impl Iterator<Item = (Address, u64)> + 'a {
    let members = accounts.iter().filter_map(|account| plan.member(*account));
    members.map(|member| (member.account, u64::from(member.weight)))
}

/// Checks what holds for every plan.
///
/// # Errors
/// What is wrong with it.
pub fn check_plan(plan: &Plan) -> Result<(), PolicyError> {
    if plan.version != VERSION {
        return Err(PolicyError::Version { expected: VERSION, got: plan.version });
    }
    let accounts: Vec<Address> = plan.members.iter().map(|m| m.account).collect();
    if let Some(position) = group::unordered(&accounts) {
        return Err(PolicyError::Order { position });
    }
    let (expected, got) = (1 << WEIGHT_LOG, plan.members.iter().map(|m| u64::from(m.weight)).sum());
    if got != expected {
        return Err(PolicyError::Weights { expected, got });
    }
    let (members, got) = (accounts.len(), plan.threshold);
    if got as usize * 2 <= members || got as usize > members {
        return Err(PolicyError::Threshold { members, got });
    }
    Ok(())
}
