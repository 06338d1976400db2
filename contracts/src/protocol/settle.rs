//! The coordinator's part: proposing and settling; answering demands.

use alloy::primitives::{Address, B256, Bytes};
use alloy::rpc::types::TransactionReceipt;
use alloy::sol_types::SolStruct;

use super::client::{Client, ClientError};
use super::round::{SignedBatch, SignedSubmission};
use super::typed::{self, Batch, Submission};
use crate::bindings::rounds::{IRounds, Rounds};
use crate::chain::ChainError;

impl Client {
    /// Signs a submission: what goes to the coordinator of an optimistic domain, beside the
    /// statement and the proof.
    ///
    /// # Errors
    /// If the key refuses.
    pub fn sign_submission(&self, submission: Submission) -> Result<SignedSubmission, ClientError> {
        let domain = typed::domain(self.at().chain_id, self.at().rounds);
        let signature = typed::sign(&submission, &domain, self.sender().signer());
        let signature = signature.map_err(ChainError::from)?.into();
        Ok(SignedSubmission { submission, signature })
    }

    /// What the coordinator says that each member delivered: in an eager domain what the contract
    /// has checked, otherwise the submissions given.
    ///
    /// # Errors
    /// If the round is unknown.
    pub async fn deliveries(
        &self,
        round: u64,
        submissions: &[Submission],
    ) -> Result<Vec<IRounds::Delivery>, ClientError> {
        let optimistic = self.round(round).await?.optimistic;
        let mut deliveries = Vec::new();
        for member in self.members(round).await?.0 {
            let account = member.account;
            let given = submissions.iter().find(|s| s.member == account);
            let (update, submission) = match given {
                Some(given) if optimistic => (given.update, given.eip712_hash_struct()),
                _ if optimistic => (B256::ZERO, B256::ZERO),
                _ => {
                    let call = Rounds::deliveredCall { round, account };
                    (self.view(self.at().rounds, call).await?, B256::ZERO)
                }
            };
            deliveries.push(IRounds::Delivery { update, submission });
        }
        Ok(deliveries)
    }

    /// Signs a batch.
    ///
    /// # Errors
    /// If the round is unknown or the key refuses.
    pub async fn sign_batch(
        &self,
        round: u64,
        deliveries: &[IRounds::Delivery],
        aggregate: B256,
        model: B256,
    ) -> Result<SignedBatch, ClientError> {
        let root = self.members(round).await?.delivery_root(deliveries);
        let batch = Batch { round, root, aggregate, model };
        let domain = typed::domain(self.at().chain_id, self.at().rounds);
        let signature = typed::sign(&batch, &domain, self.sender().signer());
        let signature = signature.map_err(ChainError::from)?.into();
        Ok(SignedBatch { batch, signature })
    }

    /// Proposes a batch that the coordinator has signed.
    ///
    /// # Errors
    /// If the contract refuses it.
    pub async fn propose(
        &self,
        signed: &SignedBatch,
        deliveries: Vec<IRounds::Delivery>,
    ) -> Result<TransactionReceipt, ClientError> {
        let SignedBatch { batch, signature } = signed.clone();
        let Batch { round, aggregate, model, .. } = batch;
        let members = self.members(round).await?.0;
        let call = Rounds::proposeCall { round, members, deliveries, aggregate, model, signature };
        self.send(&format!("propose/{round}"), self.at().rounds, call).await
    }

    /// Settles a round: pays, moves reputations, advances the model.
    ///
    /// # Errors
    /// If the challenge window is open, or the round was settled.
    pub async fn settle(&self, round: u64) -> Result<Rounds::Settled, ClientError> {
        let members = self.members(round).await?.0;
        let void = self.round(round).await?.status == VOID;
        let deliveries = match void {
            true => Vec::new(),
            false => self.proposed(round).await?.deliveries,
        };
        let call = Rounds::settleCall { round, members, deliveries };
        let receipt = self.send(&format!("settle/{round}"), self.at().rounds, call).await?;
        Self::logged(&receipt)
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
        let (member, path) = self.member(round, account).await?;
        let [statement, proof] = [statement, proof].map(Bytes::copy_from_slice);
        let call = Rounds::answerCall { round, member, memberPath: path, statement, proof };
        self.send(&format!("answer/{round}/{account}"), self.at().rounds, call).await
    }
}

/// `IRounds.Status.Void`
const VOID: u8 = 4;
