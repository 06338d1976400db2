//! The coordinator's part: proposing and settling.

use alloy::primitives::B256;
use alloy::rpc::types::TransactionReceipt;
use zktrain_ledger::bindings::rounds::{IRounds, Rounds};
use zktrain_ledger::typed::{Batch, Scope, Submission};
use zktrain_ledger::{MARK, SignedBatch, SignedSubmission};

use super::client::Client;
use super::error::ClientError;
use crate::ChainError;

impl Client {
    /// What signatures about a round are for: its nonce is read from the chain.
    ///
    /// # Errors
    /// If the round is unknown.
    pub async fn scope(&self, round: u64) -> Result<Scope, ClientError> {
        Ok(Scope::new(self.at().chain_id, self.at().rounds, self.round(round).await?.nonce))
    }

    /// Signs a submission: what goes to the coordinator of an optimistic domain, beside the
    /// statement and the proof.
    ///
    /// # Errors
    /// If the round is unknown or not drawn, or the key refuses.
    pub async fn sign_submission(
        &self,
        submission: Submission,
    ) -> Result<SignedSubmission, ClientError> {
        let scope = self.scope(submission.round).await?;
        let signed = SignedSubmission::new(submission, &scope, self.sender().signer());
        Ok(signed.map_err(ChainError::from)?)
    }

    /// What the coordinator says that each member delivered: the submissions given, which are in the sum,
    /// and, of members that have given none, what the contract has checked all the same, which is paid
    /// for and is not part of the sum. In an eager domain a submission counts if the contract has checked
    /// its update, and is named by [`MARK`].
    ///
    /// # Errors
    /// If the round is unknown.
    pub async fn deliveries(
        &self,
        round: u64,
        submissions: &[Submission],
    ) -> Result<Vec<IRounds::Delivery>, ClientError> {
        let known = self.round(round).await?;
        let scope = Scope::new(self.at().chain_id, self.at().rounds, known.nonce);
        let mut deliveries = Vec::new();
        for member in self.members(round).await?.0 {
            let account = member.account;
            let given = submissions.iter().find(|said| said.member == account);
            let (update, submission) = match given.filter(|_| known.optimistic) {
                Some(given) => (given.update, scope.hash(given)),
                None if known.checked == 0 => (B256::ZERO, B256::ZERO),
                None => {
                    let checked = self.delivered(round, account).await?;
                    let summed = given.is_some_and(|given| given.update == checked);
                    (checked, if summed { MARK } else { B256::ZERO })
                }
            };
            deliveries.push(IRounds::Delivery { update, submission });
        }
        Ok(deliveries)
    }

    /// Signs a batch.
    ///
    /// # Errors
    /// If the round is unknown or not drawn, or the key refuses.
    pub async fn sign_batch(
        &self,
        round: u64,
        deliveries: &[IRounds::Delivery],
        aggregate: B256,
        model: B256,
    ) -> Result<SignedBatch, ClientError> {
        let root = self.members(round).await?.delivery_root(deliveries);
        let batch = Batch { round, root, aggregate, model };
        let signed = SignedBatch::new(batch, &self.scope(round).await?, self.sender().signer());
        Ok(signed.map_err(ChainError::from)?)
    }

    /// Proposes a batch that the coordinator has signed.
    ///
    /// # Errors
    /// If the contract refuses it: before the deadline unless everybody has delivered, and once the
    /// window after it is over.
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
    /// If the challenge window is open, a demand is open, the audit was not drawn, or the round was
    /// settled.
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
}

/// `IRounds.Status.Void`
const VOID: u8 = 4;
