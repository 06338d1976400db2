//! What coordinators and members do in rounds, and how rounds are read.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::rpc::types::TransactionReceipt;
use alloy::sol_types::{SolEvent, SolValue};
use zktrain_ledger::Members;
use zktrain_ledger::beacon::DRAW_DELAY;
use zktrain_ledger::bindings::rounds::{IRounds, Rounds};
use zktrain_ledger::bindings::router::VerifierRouter;

use super::client::{Client, decode};
use super::error::ClientError;
use super::header::RawHeader;
use super::index::{Search, read};
use crate::ChainError;

impl Client {
    /// Opens a round; its number.
    ///
    /// # Errors
    /// If the contract refuses a member or the budget is not there.
    pub async fn open_round(
        &self,
        domain: u64,
        duration: u64,
        budget: u128,
        mut accounts: Vec<Address>,
    ) -> Result<u64, ClientError> {
        accounts.sort_unstable();
        accounts.dedup();
        let call = Rounds::openCall { domain, duration, budget, accounts };
        // A domain has one round at a time: of two openings the contract refuses one.
        let receipt = self.send_anew(&format!("open/{domain}"), self.at().rounds, call).await?;
        Ok(Self::logged::<Rounds::RoundOpened>(&receipt)?.round)
    }

    /// Draws a round's nonce; waits for the block that draws it, and makes it on a test chain.
    ///
    /// # Errors
    /// If it was drawn, or too late.
    pub async fn draw(&self, round: u64) -> Result<B256, ClientError> {
        let known = self.round(round).await?;
        if !known.nonce.is_zero() {
            return Ok(known.nonce);
        }
        let target = known.openedAt + DRAW_DELAY;
        // The block's hash is known from the next one on.
        self.until_block(target + 1).await?;
        let header = RawHeader::of(self.sender().chain(), target).await?.encoded;
        let call = Rounds::drawCall { round, header };
        // With the block: after a reorganization it is another attempt.
        let action = format!("draw/{round}/{}", keccak256(&call.header));
        let sent = self.send(&action, self.at().rounds, call).await;
        // Anyone may draw: if somebody was faster, it is drawn all the same.
        match self.round(round).await?.nonce {
            nonce if nonce.is_zero() => sent.map(|_| nonce),
            nonce => Ok(nonce),
        }
    }

    /// A round.
    ///
    /// # Errors
    /// If there is none with this number.
    pub async fn round(&self, round: u64) -> Result<IRounds::Round, ClientError> {
        self.view(self.at().rounds, Rounds::getCall { round }).await
    }

    /// A round's members.
    ///
    /// # Errors
    /// If the chain has no such round.
    pub async fn members(&self, round: u64) -> Result<Members, ClientError> {
        let known = self.round(round).await?;
        if let Some(members) = self.index().members(round, known.members) {
            return Ok(members);
        }
        let (contract, event) = (self.at().rounds, Rounds::RoundOpened::SIGNATURE_HASH);
        let (topic, from) = (Some(B256::from(U256::from(round))), known.openedAt);
        let search = Search { contract, event, topic, from };
        let chain = self.sender().chain();
        let mut opened = decode(&read(chain, &search, from, from).await?);
        if opened.is_empty() {
            // Rollups number blocks otherwise in contracts than for their nodes' users.
            opened = self.events::<Rounds::RoundOpened>(contract, topic).await?;
        }
        let what = || ClientError::NoEvent { what: format!("round {round}") };
        let opened: Rounds::RoundOpened = opened.into_iter().next().ok_or_else(what)?;
        let members = Members(opened.members);
        self.index().keep_members(round, &members);
        Ok(members)
    }

    /// What was proposed in a round.
    ///
    /// # Errors
    /// If nothing was.
    pub async fn proposed(&self, round: u64) -> Result<Rounds::Proposed, ClientError> {
        let topic = Some(B256::from(U256::from(round)));
        let opened = self.round(round).await?.openedAt;
        let proposed =
            self.events_since::<Rounds::Proposed>(self.at().rounds, topic, opened).await?;
        let what = || ClientError::NoEvent { what: format!("proposal in round {round}") };
        proposed.into_iter().next().ok_or_else(what)
    }

    pub(super) fn found<T>(
        found: Option<T>,
        account: Address,
        round: u64,
    ) -> Result<T, ClientError> {
        found.ok_or(ClientError::NotMember { account, round })
    }

    /// A member of a round, with its path.
    pub(super) async fn member(
        &self,
        round: u64,
        account: Address,
    ) -> Result<(IRounds::Member, Vec<B256>), ClientError> {
        Self::found(self.members(round).await?.find(account), account, round)
    }

    /// Has the contracts judge a proof as they would in a challenge, without a transaction: that it
    /// holds, and that it is what the round asks of this member.
    ///
    /// # Errors
    /// What the contracts say against it.
    pub async fn judge(
        &self,
        round: u64,
        account: Address,
        statement: &[u8],
        proof: &[u8],
    ) -> Result<(), ClientError> {
        let (member, _) = self.member(round, account).await?;
        let config = self.domain(self.round(round).await?.domain).await?.config;
        let [statement, proof] = [statement, proof].map(Bytes::copy_from_slice);
        let (id, key) = (config.verifier, config.key);
        let call = VerifierRouter::verifyCall { id, key, statement, proof };
        let claim = self.view(self.at().router, call).await?;
        let claim = Rounds::TrainingClaim::abi_decode(&claim.abi_encode());
        let claim = claim.map_err(ChainError::Return)?;
        self.view(self.at().rounds, Rounds::requireExpectedCall { round, member, claim }).await?;
        Ok(())
    }

    /// Hands in a proof to the contract, for the member that it is by. In an optimistic domain that is
    /// for members whom the coordinator leaves out: it has to propose what was handed in here.
    ///
    /// # Errors
    /// If the contract refuses it, or the deadline has passed.
    pub async fn submit(
        &self,
        round: u64,
        account: Address,
        statement: &[u8],
        proof: &[u8],
    ) -> Result<TransactionReceipt, ClientError> {
        let (member, path) = self.member(round, account).await?;
        let [statement, proof] = [statement, proof].map(Bytes::copy_from_slice);
        let call = Rounds::submitCall { round, member, path, statement, proof };
        self.send(&format!("submit/{round}/{account}"), self.at().rounds, call).await
    }
}
