//! What a member agrees to: the conditions under which a sum says little about it.

use alloy_primitives::Address;

use super::group;
use crate::plan::{MAX_MEMBERS, Plan, VERSION, WEIGHT_LOG};

/// Limits that a member sets for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Members with weight in a sum at least, the member itself included.
    pub least: u32,
    /// Share of one member in the counted weight at most, in units of `2^-16`.
    pub max_share: u32,
    /// Members that may collude with the coordinator without learning more than the sum; none: a
    /// third of the plan's members, [`third`]. A plan's threshold has to bear so many.
    pub colluders: Option<u32>,
    /// Members that this one knows.
    pub known: Vec<Address>,
    /// Known members in a sum at least, with weight, the member itself not included. They weigh
    /// together as much as the member itself at least, so that its update is no more than half of
    /// what a sum says of honest members even if all others collude.
    pub least_known: u32,
}

impl Default for Policy {
    /// Sixteen members, none with more than a quarter of the weight, a third of which may collude.
    fn default() -> Self {
        Self {
            least: 16,
            max_share: 1 << (WEIGHT_LOG - 2),
            colluders: None,
            known: Vec::new(),
            least_known: 0,
        }
    }
}

/// Fewer than a third of so many members: `⌊(n − 1)/3⌋`.
pub fn third(members: usize) -> u32 {
    u32::try_from(members.saturating_sub(1) / 3).unwrap_or(u32::MAX)
}

/// Basis points of one.
const ONE: usize = 10_000;

/// What a domain asks of its rounds' plans, in basis points of their members: `⌊n·points/10000⌋ + 1`,
/// at most all. The chain says it, for all rounds of the domain.
pub fn required(members: usize, points: u16) -> u32 {
    let least = members.saturating_mul(usize::from(points)) / ONE + 1;
    u32::try_from(least.min(members)).unwrap_or(u32::MAX)
}

/// Why a plan or a set of members is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// More members than a round can have.
    #[error("the plan has {got} members; a round has {MAX_MEMBERS} at most")]
    TooMany {
        /// Members of the plan.
        got: usize,
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
    /// Colluding members could have two sums unmasked.
    #[error(
        "a threshold of {threshold} for {members} members bears fewer colluders than {colluders} \
         (`policy.colluders`)"
    )]
    Collusion {
        /// Members of the plan.
        members: usize,
        /// The threshold.
        threshold: u32,
        /// How many may collude.
        colluders: u32,
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
    /// Fewer members that are known than it takes.
    #[error("{set}: {got} known members have weight, at least {needed} must have")]
    TooFewKnown {
        /// Which set.
        set: &'static str,
        /// Those needed.
        needed: usize,
        /// Those there.
        got: usize,
    },
    /// Known members weigh less than the member itself.
    #[error("{set}: known members weigh {got}, at least {needed} is needed")]
    LightKnown {
        /// Which set.
        set: &'static str,
        /// The member's own weight.
        needed: u64,
        /// Theirs together.
        got: u64,
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
    /// Checks a plan: that it is one, that this member is in it, and that its threshold bears the
    /// members that may collude.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_plan(&self, plan: &Plan, account: Address) -> Result<(), PolicyError> {
        check_plan(plan)?;
        let own = plan.member(account).ok_or(PolicyError::Stranger { account })?;
        let (members, threshold) = (plan.members.len(), plan.threshold);
        let colluders = self.colluders.unwrap_or_else(|| third(members));
        if !bears(members, threshold, colluders) {
            return Err(PolicyError::Collusion { members, threshold, colluders });
        }
        let all: Vec<Address> = plan.members.iter().map(|m| m.account).collect();
        self.check_set(plan, account, "the plan", &all)?;
        // Its own share can only grow if others drop out.
        self.check_share(account, u64::from(own.weight), total(plan, &all))
    }

    /// Checks that a set of the plan's members is large enough for this one.
    ///
    /// # Errors
    /// If fewer than the threshold are in it, too few have weight, or too few are known.
    pub fn check_set(
        &self,
        plan: &Plan,
        account: Address,
        set: &'static str,
        accounts: &[Address],
    ) -> Result<(), PolicyError> {
        check_threshold(plan, set, accounts.len())?;
        let needed = self.least.max(plan.least) as usize;
        let got = weights(plan, accounts).filter(|(_, weight)| *weight > 0).count();
        if got < needed {
            return Err(PolicyError::TooFewWeights { set, needed, got });
        }
        self.check_known(plan, account, set, accounts)
    }

    fn check_known(
        &self,
        plan: &Plan,
        account: Address,
        set: &'static str,
        accounts: &[Address],
    ) -> Result<(), PolicyError> {
        let needed = self.least_known as usize;
        if needed == 0 {
            return Ok(());
        }
        let is_known = |other: Address| other != account && self.known.contains(&other);
        let known = weights(plan, accounts).filter(|(other, w)| *w > 0 && is_known(*other));
        let known: Vec<u64> = known.map(|(_, weight)| weight).collect();
        if known.len() < needed {
            return Err(PolicyError::TooFewKnown { set, needed, got: known.len() });
        }
        let needed = plan.member(account).map_or(0, |own| u64::from(own.weight));
        let got = known.iter().sum();
        if got < needed { Err(PolicyError::LightKnown { set, needed, got }) } else { Ok(()) }
    }

    fn check_share(&self, account: Address, weight: u64, total: u64) -> Result<(), PolicyError> {
        let most = self.max_share;
        if weight << WEIGHT_LOG > u64::from(most) * total {
            return Err(PolicyError::Dominant { account, weight, total, most });
        }
        Ok(())
    }

    /// Checks a set whose updates are summed.
    ///
    /// # Errors
    /// As [`Self::check_set`], and if one member has more than its share.
    pub fn check_counted(
        &self,
        plan: &Plan,
        account: Address,
        accounts: &[Address],
    ) -> Result<(), PolicyError> {
        self.check_set(plan, account, "the counted", accounts)?;
        let total = total(plan, accounts);
        let mut counted = weights(plan, accounts);
        counted.try_for_each(|(account, weight)| self.check_share(account, weight, total))
    }
}

/// Whether two different sets need more confirmations than there are, if so many members sign
/// twice: `2t − n > c`.
pub fn bears(members: usize, threshold: u32, colluders: u32) -> bool {
    u64::from(threshold) * 2 > members as u64 + u64::from(colluders)
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

/// The weight of all of them.
fn total(plan: &Plan, accounts: &[Address]) -> u64 {
    weights(plan, accounts).map(|(_, weight)| weight).sum()
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
    if accounts.len() > MAX_MEMBERS {
        return Err(PolicyError::TooMany { got: accounts.len() });
    }
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
