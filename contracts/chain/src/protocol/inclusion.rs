//! What makes a batch contain what members have done: deliveries to the contract, and receipts.

use alloy::primitives::{Address, B256};
use alloy::rpc::types::TransactionReceipt;
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::slashing::{IRounds, Slashing};
use zktrain_ledger::typed::Receipt;

use super::client::Client;
use super::error::ClientError;

impl Client {
    /// The update that a member has delivered to the contract; zero for nothing.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn delivered(&self, round: u64, account: Address) -> Result<B256, ClientError> {
        self.view(self.at().rounds, Rounds::deliveredCall { round, account }).await
    }

    /// As [`Self::delivered`], in final blocks: that is never taken back.
    ///
    /// # Errors
    /// If the node refuses, or does not tell which blocks are final.
    pub async fn delivered_for_good(
        &self,
        round: u64,
        account: Address,
    ) -> Result<B256, ClientError> {
        let call = Rounds::deliveredCall { round, account };
        let found = self.sender().chain().view_final(self.at().rounds, call).await?;
        Ok(found.unwrap_or_default())
    }

    /// Makes a round void whose verifier was stopped more than a day ago.
    ///
    /// # Errors
    /// If it is in use, or the day is not over.
    pub async fn abandon(&self, round: u64) -> Result<TransactionReceipt, ClientError> {
        let call = Rounds::abandonCall { round };
        self.send(&format!("abandon/{round}"), self.at().rounds, call).await
    }

    /// A submission that the coordinator has signed a receipt for, and proposed another or none in
    /// its place.
    ///
    /// # Errors
    /// If the contract is not convinced.
    pub async fn challenge_omission(
        &self,
        signed: &SignedReceipt,
    ) -> Result<TransactionReceipt, ClientError> {
        let Receipt { round, member: account, plan, masked, submission, time } = signed.receipt;
        let proposed = self.proposed(round).await?;
        let members = self.members(round).await?;
        let (member, _) = Self::found(members.find(account), account, round)?;
        let found = members.delivery(&proposed.deliveries, account);
        let (delivery, path) = Self::found(found, account, round)?;
        let call = Slashing::omittedCall {
            batch: super::challenge::of_event(&proposed),
            member: super::challenge::member(&member),
            delivery: super::challenge::delivery(&delivery),
            path,
            receipt: IRounds::Receipt { round, member: account, plan, masked, submission, time },
            signature: signed.signature.clone(),
        };
        self.reveal(&format!("omitted/{round}/{account}"), &call).await
    }
}
