//! What an owner asks of a domain and of a round's pay, and what contracts ask of an account that joins.

use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use zktrain_chain::amount;
use zktrain_chain::protocol::Client;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::rounds::IRounds::Round;
use zktrain_ledger::payments;

use super::OwnerError;
use crate::Error;

/// What an owner works for; by default for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What a round has to pay at least, all members and the coordinator together.
    pub budget: U256,
    /// What the owner itself has to get of it at least.
    pub pay: U256,
    /// Deliveries of an optimistic round that are drawn to be proven on chain, at least.
    pub audits: u16,
    /// Time to challenge a batch of an optimistic round, at least.
    pub challenge: Duration,
}

/// Why an owner does not work in a domain. Its terms never change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// Fewer deliveries are proven on chain than the owner asks for.
    #[error(
        "of an optimistic round of domain {domain} contracts check {got} proofs, fewer than {least}: \
         choose another domain, or accept it by `policy.least_audits`"
    )]
    Audits {
        domain: u64,
        /// What the owner asks for.
        least: u16,
        /// What the domain has.
        got: u16,
    },
    /// There is less time to challenge than the owner asks for.
    #[error(
        "a batch of domain {domain} can be challenged for {}, shorter than {}: choose another domain, \
         or accept it by `policy.least_challenge`",
        humantime::format_duration(*got),
        humantime::format_duration(*least)
    )]
    Challenge {
        domain: u64,
        /// What the owner asks for.
        least: Duration,
        /// What the domain has.
        got: Duration,
    },
}

/// Why a contract would not let somebody join a domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The dataset is smaller than the domain asks for.
    #[error(
        "domain {domain} takes datasets of {least} windows and more, this one has {got}: register \
         more data, `zktrain data commit --force`"
    )]
    Windows {
        domain: u64,
        /// What it asks for.
        least: u64,
        /// What the dataset has.
        got: u64,
    },
    /// The dataset stands for another member.
    #[error(
        "{holder} is a member of domain {domain} with this very dataset: it stands for one member. If \
         that account is yours, resign and exit with it first"
    )]
    Taken { domain: u64, holder: Address },
}

impl Asked {
    /// Looks at what a domain's rounds are worth: the chain keeps it as it is for good.
    ///
    /// # Errors
    /// What the owner does not agree to.
    pub fn check(&self, domain: u64, config: &Config) -> Result<(), TermsError> {
        // Contracts of other domains check every proof, and what they have checked nobody challenges.
        if !config.optimistic {
            return Ok(());
        }
        let (least, got) = (self.audits, config.audits);
        if got < least {
            return Err(TermsError::Audits { domain, least, got });
        }
        let (least, got) = (self.challenge, Duration::from_secs(config.challengeWindow));
        if got < least {
            return Err(TermsError::Challenge { domain, least, got });
        }
        Ok(())
    }
}

/// What a member of a weight gets of a round if it delivers, given the coordinator's basis points.
pub fn pay(round: &Round, share: u16, weight: u32) -> U256 {
    let (_, pool) = payments::split(U256::from(round.budget), share);
    payments::member(pool, weight, round.settlementFee).0
}

/// Whether the contracts will let an account join a domain with a dataset; nothing is sent.
///
/// # Errors
/// Why they will not; if the node refuses.
pub async fn may_join(
    client: &Client,
    domain: u64,
    config: &Config,
    (dataset, windows): (B256, u64),
) -> Result<(), Error> {
    let (least, got) = (config.minWindows, windows);
    if got < least {
        return Err(OwnerError::from(JoinError::Windows { domain, least, got }).into());
    }
    match client.holder_of(domain, dataset).await? {
        Some(holder) if holder != client.address() => {
            Err(OwnerError::from(JoinError::Taken { domain, holder }).into())
        }
        _ => Ok(()),
    }
}

/// Tells on which terms a domain's rounds are.
pub fn tell(domain: u64, config: &Config) {
    let window = Duration::from_secs(config.challengeWindow);
    tracing::info!(
        domain,
        coordinator = %config.coordinator,
        optimistic = config.optimistic,
        audits = config.audits,
        challenge = %humantime::format_duration(window),
        coordinator_percent = f64::from(config.coordinatorShare) / 100.0,
        most_budget = amount::show(U256::from(config.maxBudget)),
        least_budget = amount::show(U256::from(config.minBudget)),
        "the domain's terms"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(optimistic: bool, audits: u16, hours: u64) -> Config {
        Config {
            manifest: B256::ZERO,
            verifier: B256::ZERO,
            key: B256::ZERO,
            genesis: B256::ZERO,
            coordinator: Address::ZERO,
            token: Address::ZERO,
            optimistic,
            challengeWindow: 3_600 * hours,
            trainerBond: 0,
            coordinatorBond: 0,
            coordinatorShare: 1_000,
            minMembers: 3,
            maxBudget: 0,
            minBudget: 0,
            minDuration: 600,
            minWindows: 1,
            threshold: 6_666,
            audits,
            uri: String::new(),
        }
    }

    #[test]
    fn a_domain_without_what_the_owner_asks_for_is_not_worked_in() {
        let hours = |hours: u64| Duration::from_secs(3_600 * hours);
        let asked = Asked { audits: 2, challenge: hours(6), ..Asked::default() };
        assert_eq!(asked.check(7, &config(true, 2, 6)), Ok(()));
        let few = TermsError::Audits { domain: 7, least: 2, got: 1 };
        assert_eq!(asked.check(7, &config(true, 1, 6)), Err(few.clone()));
        let (least, got) = (hours(6), hours(5));
        let short = TermsError::Challenge { domain: 7, least, got };
        assert_eq!(asked.check(7, &config(true, 3, 5)), Err(short.clone()));
        for (error, key) in [(few, "policy.least_audits"), (short, "policy.least_challenge")] {
            assert!(error.to_string().contains(key), "{error}");
        }
        // Every proof is checked there.
        assert_eq!(asked.check(7, &config(false, 0, 0)), Ok(()));
    }
}
