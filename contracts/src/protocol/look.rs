//! What the contracts say about domains, members and rounds.

use alloy::primitives::{Address, B256, U256};

use super::client::{Client, ClientError};
use crate::bindings::escrow::Escrow;
use crate::bindings::registry::{DomainRegistry, IDomainRegistry};
use crate::bindings::reputation::Reputation;
use crate::bindings::rounds::Rounds;

/// Where a round stands: `IRounds.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is no such round.
    None,
    /// Members work.
    Open,
    /// A batch is proposed and can be challenged.
    Proposed,
    /// Paid, and the model advanced.
    Settled,
    /// Ended without a new model.
    Void,
}

impl Status {
    /// From the contract's number.
    pub const fn of(code: u8) -> Self {
        match code {
            1 => Self::Open,
            2 => Self::Proposed,
            3 => Self::Settled,
            4 => Self::Void,
            _ => Self::None,
        }
    }
}

/// A member that can be in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its address.
    pub account: Address,
    /// Merkle root of its dataset.
    pub dataset: B256,
    /// The dataset's windows.
    pub windows: u64,
    /// Its reputation, of 65,536.
    pub score: u32,
}

impl Client {
    /// The round under way in a domain.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn current(&self, domain: u64) -> Result<Option<u64>, ClientError> {
        let round = self.view(self.at().rounds, Rounds::currentCall { domain }).await?;
        Ok((round != 0).then_some(round))
    }

    /// Where a round stands.
    ///
    /// # Errors
    /// If there is no such round.
    pub async fn status(&self, round: u64) -> Result<Status, ClientError> {
        Ok(Status::of(self.round(round).await?.status))
    }

    /// A member that has joined, is not leaving and was not slashed.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn candidate(
        &self,
        domain: u64,
        account: Address,
    ) -> Result<Option<Candidate>, ClientError> {
        let at = self.at();
        let joined = self.view(at.rounds, Rounds::membershipCall { domain, account }).await?;
        if joined.windows == 0 || joined.leavesAt != 0 {
            return Ok(None);
        }
        let standing = self.view(at.reputation, Reputation::standingCall { domain, account });
        let score = standing.await?.score;
        let (dataset, windows) = (joined.dataset, joined.windows);
        Ok((score != 0).then_some(Candidate { account, dataset, windows, score }))
    }

    /// Whoever can be in a domain's rounds, in the order of addresses.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn candidates(&self, domain: u64) -> Result<Vec<Candidate>, ClientError> {
        let topic = Some(B256::from(U256::from(domain)));
        let joined = self.events::<Rounds::Joined>(self.at().rounds, topic).await?;
        let mut accounts: Vec<Address> = joined.iter().map(|event| event.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let mut found = Vec::new();
        for account in accounts {
            found.extend(self.candidate(domain, account).await?);
        }
        Ok(found)
    }

    /// Members of a proposed round whose proofs somebody wants to see.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn demanded(&self, round: u64) -> Result<Vec<Address>, ClientError> {
        let topic = Some(B256::from(U256::from(round)));
        let mut open = Vec::new();
        for demand in self.events::<Rounds::Demanded>(self.at().rounds, topic).await? {
            let account = demand.account;
            let call = Rounds::demandOfCall { round, account };
            let by = self.view(self.at().rounds, call).await?.by;
            if !by.is_zero() && !open.contains(&account) {
                open.push(account);
            }
        }
        Ok(open)
    }

    /// A version of a domain's model; zero is the first one.
    ///
    /// # Errors
    /// If there is none with this number.
    pub async fn version(
        &self,
        domain: u64,
        number: u64,
    ) -> Result<IDomainRegistry::Version, ClientError> {
        let call = DomainRegistry::versionCall { domain, number };
        self.view(self.at().registry, call).await
    }

    /// What an account can claim in a token.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn owed(&self, token: Address, account: Address) -> Result<U256, ClientError> {
        self.view(self.at().escrow, Escrow::owedCall { token, account }).await
    }

    /// Lets time pass on a test chain; other chains refuse.
    ///
    /// # Errors
    /// If the chain's time is not ours to move.
    pub async fn pass(&self, seconds: u64) -> Result<(), ClientError> {
        Ok(self.sender().chain().pass(seconds).await?)
    }
}
