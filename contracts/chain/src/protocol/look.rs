//! What the contracts say about domains, members and rounds.

use core::time::Duration;

use alloy::primitives::{Address, B256, U256};
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::{DomainRegistry, IDomainRegistry};
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::{IRounds, Rounds};

use super::client::Client;
use super::error::ClientError;
use crate::ChainError;

/// Between two looks whether a block is final: the time of one.
const LONGEST_PAUSE: Duration = Duration::from_secs(12);

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

    /// A round as final blocks know it; none while they do not know its draw.
    ///
    /// # Errors
    /// If the node refuses, or does not tell which blocks are final.
    pub async fn drawn(&self, round: u64) -> Result<Option<IRounds::Round>, ClientError> {
        let call = Rounds::getCall { round };
        let known = match self.sender().chain().view_final(self.at().rounds, call).await {
            // Its opening is not final yet.
            Err(ChainError::Reverted(revert)) if revert.is::<Rounds::UnknownRound>() => None,
            known => known?,
        };
        Ok(known.filter(|known| known.status != 0 && !known.nonce.is_zero()))
    }

    /// Requires of a round that final blocks know it, with this draw and these members: what a signature
    /// rests on. It is asked for again right before anything is signed.
    ///
    /// # Errors
    /// [`ClientError::NotFinal`], [`ClientError::Redrawn`], or if the node does not answer.
    pub async fn require_drawn(
        &self,
        round: u64,
        nonce: B256,
        members: B256,
    ) -> Result<IRounds::Round, ClientError> {
        let finality = self.sender().chain().finality();
        let known = self.drawn(round).await?.ok_or(ClientError::NotFinal { round, finality })?;
        match (known.nonce, known.members) == (nonce, members) {
            true => Ok(known),
            false => Err(ClientError::Redrawn { round }),
        }
    }

    /// Waits until the draw of a round is final, making blocks on a test chain, and for as long as the
    /// sender waits for anything. The round as it is then known.
    ///
    /// # Errors
    /// [`ClientError::NotFinal`] if that takes too long, or the round is not drawn; if the node refuses.
    pub async fn until_drawn(&self, round: u64) -> Result<IRounds::Round, ClientError> {
        let (chain, until) = (self.sender().chain(), self.sender().until());
        let mut pause = chain.poll();
        loop {
            if let Some(known) = self.drawn(round).await? {
                return Ok(known);
            }
            let is_drawn = !self.round(round).await?.nonce.is_zero();
            if !is_drawn || tokio::time::Instant::now() >= until {
                return Err(ClientError::NotFinal { round, finality: chain.finality() });
            }
            if !chain.next_block().await {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
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

    /// The accounts that can be in a domain's rounds, in the order of addresses.
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
