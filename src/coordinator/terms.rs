//! What a domain asks of its rounds and of the coordinator, which opens them. Contracts would refuse it only when
//! members are there and wait.

use std::time::Duration;

use alloy::primitives::U256;
use zktrain_chain::amount;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_ledger::bindings::registry::IDomainRegistry::Domain;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::stakes::IStakeManager::Pool;
use zktrain_secagg::policy;

use super::{Coordinator, Options};
use crate::error::Error;

/// Why a coordinator with this configuration could open no round of its domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Rounds would be too short.
    #[error(
        "`round_duration` is {}; rounds of domain {domain} are open for {} at least",
        humantime::format_duration(*got),
        humantime::format_duration(*least)
    )]
    Duration {
        domain: u64,
        /// What it asks for.
        least: Duration,
        /// What is configured.
        got: Duration,
    },
    /// Rounds would pay too much.
    #[error(
        "`budget` is {}; a round of domain {domain} pays {} at most",
        amount::show(*got),
        amount::show(*most)
    )]
    Budget {
        domain: u64,
        /// What it allows.
        most: U256,
        /// What is configured.
        got: U256,
    },
    /// Rounds would pay too little.
    #[error(
        "`budget` is {}; a round of domain {domain} that pays anything pays {} at least: raise it, or pay \
         nothing, with 0",
        amount::show(*got),
        amount::show(*least)
    )]
    LeastBudget {
        domain: u64,
        /// What it asks for.
        least: U256,
        /// What is configured.
        got: U256,
    },
    /// No round would have enough members for the domain.
    #[error("`members.most` is {got}; a round of domain {domain} has {least} members at least")]
    Members {
        domain: u64,
        /// What it asks for.
        least: usize,
        /// What is configured.
        got: usize,
    },
    /// The network is too large for so many members.
    #[error(
        "a round of domain {domain} has {most} members at most, as evidence of a wrong sum of more \
         updates of {rows} rows would not fit a transaction; `members.least` is {least}: lower it, or \
         train a network with fewer rows, in another domain"
    )]
    Rows {
        domain: u64,
        /// Rows of an update.
        rows: usize,
        /// Members that contracts take.
        most: usize,
        /// What is needed.
        least: usize,
    },
    /// Sums of fewer members than the domain's rule says.
    #[error(
        "`threshold` is {got}; by the rule of domain {domain} it is {least} in rounds of {members} \
         members, and owners take part in no others: raise it, or leave it out for that rule"
    )]
    Threshold {
        domain: u64,
        /// Members of the largest round.
        members: usize,
        /// What the rule gives.
        least: u32,
        /// What is configured.
        got: u32,
    },
}

/// The account's stake does not cover another round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a round's bond is {}, and this account answers with {} already: for another round it needs {} more of \
     its own, with `zktrain chain stake`",
    amount::show(*bond),
    amount::show(*obligations),
    amount::show(*missing)
)]
pub struct StakeError {
    pub bond: U256,
    /// What the account answers with.
    pub obligations: U256,
    /// What it has to add to its own stake.
    pub missing: U256,
}

/// A domain's rules for rounds. They never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub domain: u64,
    /// Members of a round at least.
    pub members: usize,
    /// What a round pays at most.
    pub budget: u128,
    /// What a round pays at least, unless it pays nothing.
    pub least_budget: u128,
    /// Seconds that a round is open at least.
    pub duration: u64,
    /// Rows of an update.
    pub rows: usize,
    /// Rows of all updates of a round at most: `Rounds.MAX_ROWS`.
    pub most_rows: usize,
    /// Basis points of a round's members that have to be in a sum.
    pub threshold: u16,
    /// What the coordinator answers with in each round.
    pub bond: U256,
}

impl Terms {
    /// Those of a domain.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn of(client: &Client, domain: u64, known: &Domain) -> Result<Self, ClientError> {
        let most_rows = client.view(client.at().rounds, Rounds::MAX_ROWSCall {}).await?;
        let config = &known.config;
        Ok(Self {
            domain,
            members: usize::from(config.minMembers),
            budget: config.maxBudget,
            least_budget: config.minBudget,
            duration: config.minDuration,
            rows: usize::try_from(known.rows).unwrap_or(usize::MAX),
            most_rows: usize::try_from(most_rows).unwrap_or(usize::MAX),
            threshold: config.threshold,
            bond: U256::from(config.coordinatorBond),
        })
    }

    /// Members of a round at most.
    fn most(&self) -> usize {
        self.most_rows / self.rows.max(1)
    }

    /// Fits what is configured to the domain. What would be refused in each round is refused here; the
    /// number of members is brought between what the domain asks for and what contracts take.
    ///
    /// # Errors
    /// What does not fit.
    pub fn fit(&self, options: &mut Options) -> Result<(), TermsError> {
        let domain = self.domain;
        if options.duration < self.duration {
            let [least, got] = [self.duration, options.duration].map(Duration::from_secs);
            return Err(TermsError::Duration { domain, least, got });
        }
        if options.pay.budget > self.budget {
            let [most, got] = [self.budget, options.pay.budget].map(U256::from);
            return Err(TermsError::Budget { domain, most, got });
        }
        if self.at_least(options.pay.budget) != options.pay.budget {
            let [least, got] = [self.least_budget, options.pay.budget].map(U256::from);
            return Err(TermsError::LeastBudget { domain, least, got });
        }
        if options.most < self.members {
            let (least, got) = (self.members, options.most);
            return Err(TermsError::Members { domain, least, got });
        }
        let (rows, most, least) = (self.rows, self.most(), options.least.max(self.members));
        if least > most {
            return Err(TermsError::Rows { domain, rows, most, least });
        }
        options.least = least;
        options.most = options.most.min(most);
        options.rules.points = self.threshold;
        self.fits_threshold(options)
    }

    /// What a round pays that would pay so much: nothing, or what the domain asks for at least.
    pub fn at_least(&self, budget: u128) -> u128 {
        if budget == 0 { 0 } else { budget.max(self.least_budget) }
    }

    /// The rule asks for the most where there are the most members.
    fn fits_threshold(&self, options: &Options) -> Result<(), TermsError> {
        let (domain, members) = (self.domain, options.most);
        let least = policy::required(members, self.threshold);
        match options.rules.threshold {
            Some(got) if got < least => Err(TermsError::Threshold { domain, members, least, got }),
            _ => Ok(()),
        }
    }

    /// Whether an account's stake covers another round: `StakeManager.obligate`.
    ///
    /// # Errors
    /// How much is missing.
    pub fn is_covered(&self, pool: &Pool) -> Result<(), StakeError> {
        let [own, delegated, answers, limit] =
            [pool.own, pool.delegated, pool.obligations, pool.limit].map(U256::from);
        let needed = answers.saturating_add(self.bond);
        let beyond = |has: U256| needed.saturating_sub(has);
        let mut missing = beyond(own.saturating_add(delegated));
        // At least half of it is its own, and what is not, within the limit that it has announced.
        missing = missing.max(needed.div_ceil(U256::from(2)).saturating_sub(own));
        if needed > limit {
            missing = missing.max(beyond(own));
        }
        match missing.is_zero() {
            true => Ok(()),
            false => Err(StakeError { bond: self.bond, obligations: answers, missing }),
        }
    }
}

impl Coordinator {
    /// Whether the account's stake covers another round.
    pub(super) async fn require_stake(&self) -> Result<(), Error> {
        let pool = self.client.pool(self.client.address()).await?;
        Ok(self.terms.is_covered(&pool).map_err(super::CoordinatorError::from)?)
    }
}

#[cfg(test)]
mod tests {
    use zktrain_secagg::plan::Timing;

    use super::super::{Pay, Rules};
    use super::*;

    const TERMS: Terms = Terms {
        domain: 7,
        members: 3,
        budget: 100,
        least_budget: 5,
        duration: 600,
        rows: 30,
        most_rows: 1_800,
        threshold: 6_666,
        bond: U256::from_limbs([100, 0, 0, 0]),
    };

    fn options() -> Options {
        let silence = Duration::from_secs(1);
        Options {
            domain: 7,
            least: 3,
            most: 16,
            rules: Rules { threshold: None, points: 0, least: 3, timing: Timing::even(1) },
            duration: 600,
            pay: Pay { budget: 100, least: 1.0, full_at: 1.0 },
            silence,
            gathering: silence,
            rounds: None,
            retention: 1,
            fast_forward: false,
        }
    }

    fn refused(change: impl FnOnce(&mut Options)) -> TermsError {
        let mut options = options();
        change(&mut options);
        TERMS.fit(&mut options).unwrap_err()
    }

    #[test]
    fn what_contracts_would_refuse_in_each_round_is_refused_at_the_start() {
        let mut fine = options();
        TERMS.fit(&mut fine).unwrap();
        assert_eq!((fine.least, fine.most, fine.rules.points), (3, 16, 6_666));
        let short = refused(|o| o.duration = 599);
        assert!(matches!(short, TermsError::Duration { .. }), "{short}");
        assert!(short.to_string().contains("`round_duration` is 9m 59s"), "{short}");
        let dear = refused(|o| o.pay.budget = 101);
        assert!(matches!(dear, TermsError::Budget { .. }), "{dear}");
        let poor = refused(|o| o.pay.budget = 4);
        assert!(matches!(poor, TermsError::LeastBudget { .. }), "{poor}");
        let few = refused(|o| o.most = 2);
        assert_eq!(few, TermsError::Members { domain: 7, least: 3, got: 2 });
        // 60 members of 30 rows have 1,800.
        let large = refused(|o| (o.least, o.most) = (61, 61));
        assert_eq!(large, TermsError::Rows { domain: 7, rows: 30, most: 60, least: 61 });
    }

    #[test]
    fn a_round_pays_nothing_or_what_the_domain_asks_for() {
        let mut nothing = options();
        nothing.pay.budget = 0;
        TERMS.fit(&mut nothing).unwrap();
        // What the last version is worth may be less than that.
        assert_eq!([0, 1, 4, 5, 6].map(|budget| TERMS.at_least(budget)), [0, 5, 5, 5, 6]);
    }

    #[test]
    fn as_many_members_are_asked_as_the_domain_asks_for_and_contracts_take() {
        let mut many = Options { least: 2, most: 256, ..options() };
        TERMS.fit(&mut many).unwrap();
        assert_eq!((many.least, many.most), (3, 60));
        assert_eq!(many.rules.least, 3, "what a sum needs is the coordinator's");
    }

    #[test]
    fn a_threshold_below_the_domains_rule_is_refused() {
        let with = |threshold, most| {
            let rules = Rules { threshold: Some(threshold), ..options().rules };
            TERMS.fit(&mut Options { rules, most, ..options() })
        };
        // Of 16 members 10 + 1 by 66.66 %.
        let (domain, members, least, got) = (7, 16, 11, 10);
        let low = TermsError::Threshold { domain, members, least, got };
        assert_eq!(with(10, 16), Err(low));
        assert_eq!(with(11, 16), Ok(()));
        assert_eq!(with(3, 3), Ok(()));
    }

    fn pool(own: u128, delegated: u128, obligations: u128, limit: u128) -> Pool {
        Pool {
            own,
            delegated,
            delegatedShares: 0,
            generation: 0,
            obligations,
            limit,
            nextLimit: limit,
            nextLimitAt: 0,
        }
    }

    /// How much is missing for another round, of a bond of 100.
    fn missing(own: u128, delegated: u128, obligations: u128, limit: u128) -> u64 {
        match TERMS.is_covered(&pool(own, delegated, obligations, limit)) {
            Ok(()) => 0,
            Err(error) => error.missing.to(),
        }
    }

    #[test]
    fn stake_covers_a_round_as_the_contract_says() {
        assert_eq!(missing(100, 0, 0, 0), 0);
        assert_eq!(missing(60, 0, 0, 0), 40);
        assert_eq!(missing(150, 0, 100, 0), 50);
        // With what others have staked: half of it is one's own, and the limit has to allow it.
        assert_eq!(missing(50, 50, 0, 100), 0);
        assert_eq!(missing(50, 50, 0, 99), 50);
        assert_eq!(missing(40, 500, 0, 100), 10);
        assert_eq!(missing(50, 30, 0, 100), 20);
        let error = TERMS.is_covered(&pool(0, 0, 0, 0)).unwrap_err();
        assert!(error.to_string().contains("zktrain chain stake"), "{error}");
    }
}
