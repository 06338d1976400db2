//! Demands that deliveries be proven on chain: for a bond in ether, or drawn by a round's audit.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionReceipt;
use zktrain_ledger::bindings::demands::{Demands, IDemands, IRounds};
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::rounds::IRounds as OfRounds;
use zktrain_ledger::bindings::router::VerifierRouter;
use zktrain_ledger::bindings::slashing::Slashing;

use super::client::Client;
use super::error::ClientError;
use super::header::RawHeader;
use crate::ChainError;

/// Wei that a bond pays for a gas at least: `Demands.LEAST_FEE`.
const LEAST_FEE: u64 = 10_000_000;
/// So many times what the verification may cost: `Demands.FACTOR`.
const FACTOR: u64 = 2;

fn member(m: &OfRounds::Member) -> IRounds::Member {
    let OfRounds::Member { account, dataset, windows, weight } = m.clone();
    IRounds::Member { account, dataset, windows, weight }
}

fn delivery(d: &OfRounds::Delivery) -> IRounds::Delivery {
    IRounds::Delivery { update: d.update, submission: d.submission }
}

/// A proposed round's audit that is still to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingAudit {
    /// Until when, in Unix seconds: after that the coordinator can be slashed.
    pub until: u64,
    /// The block that draws.
    pub target: u64,
}

impl Client {
    /// Wei that a demand in a round costs at least, at the base fee of the latest block. Nodes run
    /// views without a base fee, so the contract itself cannot be asked.
    ///
    /// # Errors
    /// If the round is unknown.
    pub async fn demand_price(&self, round: u64) -> Result<U256, ClientError> {
        let domain = self.round(round).await?.domain;
        let checked = DomainRegistry::checkOfCall { domain };
        let checked = self.view(self.at().registry, checked).await?;
        let bound = VerifierRouter::gasBoundCall { id: checked.verifier, key: checked.key };
        let gas = self.view(self.at().router, bound).await?;
        let latest = self.sender().chain().provider().get_block_by_number(Default::default());
        let latest = latest.await.map_err(ChainError::from)?;
        let fee = latest.and_then(|block| block.header.inner.base_fee_per_gas).unwrap_or_default();
        Ok(gas * U256::from(fee.max(LEAST_FEE)) * U256::from(FACTOR))
    }

    /// The bond that a demand in a round is made with: half as much again as the least, as base fees
    /// rise.
    ///
    /// # Errors
    /// If the round is unknown.
    pub async fn demand_bond(&self, round: u64) -> Result<U256, ClientError> {
        let least = self.demand_price(round).await?;
        Ok(least + least / U256::from(2))
    }

    /// Demands that a delivery be proven on chain, for the bond that is usual. If the round becomes void
    /// it comes back, otherwise it is paid to the account that answered.
    ///
    /// # Errors
    /// If the round is not proposed, the delivery was demanded before, it names no submission and the
    /// contract has checked it, or the account cannot pay the bond.
    pub async fn demand(
        &self,
        round: u64,
        account: Address,
    ) -> Result<TransactionReceipt, ClientError> {
        self.demand_for(round, account, self.demand_bond(round).await?).await
    }

    /// As [`Self::demand`], for a bond in wei.
    ///
    /// # Errors
    /// As [`Self::demand`], or if the bond is too low.
    pub async fn demand_for(
        &self,
        round: u64,
        account: Address,
        bond: U256,
    ) -> Result<TransactionReceipt, ClientError> {
        let proposed = self.proposed(round).await?;
        let members = self.members(round).await?;
        let (found, _) = Self::found(members.find(account), account, round)?;
        let delivered = members.delivery(&proposed.deliveries, account);
        let (delivered, path) = Self::found(delivered, account, round)?;
        let (member, delivery) = (member(&found), delivery(&delivered));
        let call = Demands::demandCall { round, member, delivery, path };
        self.send_with(&format!("demand/{round}/{account}"), self.at().demands, call, bond).await
    }

    /// A demand, also one that was answered; none if there is none.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn demand_of(
        &self,
        round: u64,
        account: Address,
    ) -> Result<Option<IDemands::Demand>, ClientError> {
        let call = Demands::demandOfCall { round, account };
        let found = self.view(self.at().demands, call).await?;
        Ok((!found.by.is_zero()).then_some(found))
    }

    /// Answers a demand with a member's statement and proof.
    ///
    /// # Errors
    /// If the contract refuses them, or nothing was demanded.
    pub async fn answer(
        &self,
        round: u64,
        account: Address,
        statement: &[u8],
        proof: &[u8],
    ) -> Result<TransactionReceipt, ClientError> {
        let (found, path) = self.member(round, account).await?;
        let [statement, proof] = [statement, proof].map(Bytes::copy_from_slice);
        let member = member(&found);
        let call = Demands::answerCall { round, member, memberPath: path, statement, proof };
        self.send(&format!("answer/{round}/{account}"), self.at().demands, call).await
    }

    /// Pays out the bond of a demand whose round is over: to the account that answered, or, if the
    /// round is void, to the demander.
    ///
    /// # Errors
    /// If the round is under way, or there is no bond any more.
    pub async fn collect(
        &self,
        round: u64,
        account: Address,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = Demands::collectCall { round, account };
        self.send(&format!("collect/{round}/{account}"), self.at().demands, call).await
    }

    /// A proposed round's audit; none if it was drawn, or the domain has none.
    ///
    /// # Errors
    /// If the round is unknown.
    pub async fn audit_of(&self, round: u64) -> Result<Option<PendingAudit>, ClientError> {
        let call = Demands::auditOfCall { round };
        let found = self.view(self.at().demands, call).await?;
        let (until, target) = (found.until, found.target);
        Ok((until != 0).then_some(PendingAudit { until, target }))
    }

    /// Draws the deliveries of a round that are audited, as soon as the block is there that draws
    /// them; makes blocks on a test chain. Whose they are; none if nothing is to be drawn (any more).
    /// If the chain has forgotten that block, another one is named, and waited for.
    ///
    /// # Errors
    /// If the round is unknown, or it is too late.
    pub async fn audit(&self, round: u64) -> Result<Option<Vec<Address>>, ClientError> {
        while let Some(PendingAudit { target, .. }) = self.audit_of(round).await? {
            // It is in the past from the next block on.
            self.until_block(target + 1).await?;
            let header = RawHeader::of(self.sender().chain(), target).await?.encoded;
            let members = self.members(round).await?.0.iter().map(member).collect();
            let proposed = self.proposed(round).await?.deliveries;
            let deliveries = proposed.iter().map(delivery).collect();
            let call = Demands::auditCall { round, header, members, deliveries };
            // With the block, so that a second attempt is another one.
            let action = format!("audit/{round}/{target}");
            let receipt = self.send(&action, self.at().demands, call).await?;
            if Self::logged::<Demands::Audited>(&receipt).is_ok() {
                let demanded = Self::all_logged::<Demands::Demanded>(&receipt);
                return Ok(Some(demanded.into_iter().map(|event| event.account).collect()));
            }
        }
        Ok(None)
    }

    /// What keeps a proposed round from being settled beside its challenge window: an audit that was
    /// not drawn, or demands that are open.
    ///
    /// # Errors
    /// If the round is unknown.
    pub async fn is_pending(&self, round: u64) -> Result<bool, ClientError> {
        self.view(self.at().demands, Demands::isPendingCall { round }).await
    }

    /// A demand that nobody answered in time: the bounty is the demander's, or, if the audit demanded,
    /// the caller's.
    ///
    /// # Errors
    /// If it can still be answered.
    pub async fn challenge_unanswered(
        &self,
        round: u64,
        account: Address,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = Slashing::unansweredCall { round, account };
        self.send(&format!("unanswered/{round}/{account}"), self.at().slashing, call).await
    }

    /// An audit that nobody drew in time.
    ///
    /// # Errors
    /// If it was drawn, or still can be.
    pub async fn challenge_unaudited(&self, round: u64) -> Result<TransactionReceipt, ClientError> {
        let call = Slashing::unauditedCall { round };
        self.send(&format!("unaudited/{round}"), self.at().slashing, call).await
    }

    /// Members of a proposed round whose proofs somebody wants to see.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn demanded(&self, round: u64) -> Result<Vec<Address>, ClientError> {
        let made = self.demands_of(round).await?;
        let open = made.into_iter().filter(|(_, demand)| demand.answeredBy.is_zero());
        Ok(open.map(|(account, _)| account).collect())
    }

    /// Members for whose proofs, which this account has shown, a bond is still to be collected.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn bonds(&self, round: u64) -> Result<Vec<Address>, ClientError> {
        let made = self.demands_of(round).await?.into_iter();
        let own = made.filter(|(_, d)| d.answeredBy == self.address() && !d.bond.is_zero());
        Ok(own.map(|(account, _)| account).collect())
    }

    /// All demands that were made in a round, whether answered or not.
    async fn demands_of(
        &self,
        round: u64,
    ) -> Result<Vec<(Address, IDemands::Demand)>, ClientError> {
        let topic = Some(B256::from(U256::from(round)));
        let (demands, opened) = (self.at().demands, self.round(round).await?.openedAt);
        let mut all: Vec<(Address, IDemands::Demand)> = Vec::new();
        for made in self.events_since::<Demands::Demanded>(demands, topic, opened).await? {
            let account = made.account;
            if all.iter().any(|(known, _)| *known == account) {
                continue;
            }
            // None after a reorganization.
            if let Some(demand) = self.demand_of(round, account).await? {
                all.push((account, demand));
            }
        }
        Ok(all)
    }
}
