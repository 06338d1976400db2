//! Bringing evidence of fraud.

use alloy::primitives::{Address, Bytes, U256};
use alloy::rpc::types::TransactionReceipt;

use super::client::{Client, ClientError};
use super::round::{SignedBatch, SignedSubmission};
use super::typed::{Batch, Submission};
use crate::bindings::parameters::Parameters;
use crate::bindings::rounds::{IRounds as OfRounds, Rounds};
use crate::bindings::slashing::{IRounds, ISlashing, Slashing};

/// A signed submission with what it speaks of.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The submission and its signature.
    pub signed: SignedSubmission,
    /// The statement.
    pub statement: Vec<u8>,
    /// The proof.
    pub proof: Vec<u8>,
}

fn submission(s: &Submission) -> IRounds::Submission {
    let Submission { round, member, statement, proof, update } = s.clone();
    IRounds::Submission { round, member, statement, proof, update }
}

fn batch(b: &Batch) -> IRounds::Batch {
    let Batch { round, root, aggregate, model } = b.clone();
    IRounds::Batch { round, root, aggregate, model }
}

fn member(m: &OfRounds::Member) -> IRounds::Member {
    let OfRounds::Member { account, dataset, windows, weight } = m.clone();
    IRounds::Member { account, dataset, windows, weight }
}

fn delivery(d: &OfRounds::Delivery) -> IRounds::Delivery {
    IRounds::Delivery { update: d.update, submission: d.submission }
}

impl Client {
    async fn evidence(&self, evidence: &Evidence) -> Result<ISlashing::Evidence, ClientError> {
        let signed = &evidence.signed;
        let (round, account) = (signed.submission.round, signed.submission.member);
        let (found, path) = self.member(round, account).await?;
        Ok(ISlashing::Evidence {
            submission: submission(&signed.submission),
            signature: signed.signature.clone(),
            member: member(&found),
            memberPath: path,
            statement: evidence.statement.clone().into(),
            proof: evidence.proof.clone().into(),
        })
    }

    /// A signed submission whose proof does not hold, or is not what the round asked for.
    ///
    /// # Errors
    /// If the contract is not convinced.
    pub async fn challenge_proof(
        &self,
        evidence: &Evidence,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = Slashing::invalidProofCall { evidence: self.evidence(evidence).await? };
        let Submission { round, member, .. } = evidence.signed.submission;
        self.send(&format!("invalid/{round}/{member}"), self.at().slashing, call).await
    }

    /// The same, of a submission in the batch that was proposed: the coordinator answers for it.
    ///
    /// # Errors
    /// If the contract is not convinced.
    pub async fn challenge_delivery(
        &self,
        evidence: &Evidence,
    ) -> Result<TransactionReceipt, ClientError> {
        let Submission { round, member: account, .. } = evidence.signed.submission;
        let proposed = self.proposed(round).await?;
        let members = self.members(round).await?;
        let found = members.delivery(&proposed.deliveries, account);
        let (_, batch_path) = Self::found(found, account, round)?;
        let call = Slashing::invalidDeliveryCall {
            evidence: self.evidence(evidence).await?,
            batch: of_event(&proposed),
            batchPath: batch_path,
        };
        self.send(&format!("delivery/{round}/{account}"), self.at().slashing, call).await
    }

    /// Two signed submissions of one member for one round.
    ///
    /// # Errors
    /// If the contract is not convinced.
    pub async fn challenge_equivocation(
        &self,
        [first, second]: [&SignedSubmission; 2],
    ) -> Result<TransactionReceipt, ClientError> {
        let Submission { round, member, .. } = first.submission;
        let call = Slashing::equivocationCall {
            first: submission(&first.submission),
            firstSignature: first.signature.clone(),
            second: submission(&second.submission),
            secondSignature: second.signature.clone(),
        };
        self.send(&format!("equivocation/{round}/{member}"), self.at().slashing, call).await
    }

    /// Two signed batches for one round.
    ///
    /// # Errors
    /// If the contract is not convinced.
    pub async fn challenge_batches(
        &self,
        [first, second]: [&SignedBatch; 2],
    ) -> Result<TransactionReceipt, ClientError> {
        let round = first.batch.round;
        let call = Slashing::batchEquivocationCall {
            first: batch(&first.batch),
            firstSignature: first.signature.clone(),
            second: batch(&second.batch),
            secondSignature: second.signature.clone(),
        };
        self.send(&format!("batches/{round}"), self.at().slashing, call).await
    }

    /// An aggregate that is not the weighted sum of the updates. `updates` are the row commitments
    /// of every update that was delivered, in the members' order, `aggregate` those of the sum;
    /// without a sum to point at, all rows are summed on chain.
    ///
    /// # Errors
    /// If the contract is not convinced.
    pub async fn challenge_aggregate(
        &self,
        round: u64,
        updates: Vec<Bytes>,
        aggregate: Option<(Bytes, U256)>,
    ) -> Result<TransactionReceipt, ClientError> {
        let proposed = self.proposed(round).await?;
        let batch = of_event(&proposed);
        let members = self.members(round).await?.0.iter().map(member).collect();
        let deliveries = proposed.deliveries.iter().map(delivery).collect();
        let (slashing, action) = (self.at().slashing, format!("aggregate/{round}"));
        match aggregate {
            Some((aggregate, row)) => {
                let call = Slashing::wrongAggregateCall {
                    batch,
                    members,
                    deliveries,
                    updates,
                    aggregate,
                    row,
                };
                self.send(&action, slashing, call).await
            }
            None => {
                let call =
                    Slashing::undisclosedAggregateCall { batch, members, deliveries, updates };
                self.send(&action, slashing, call).await
            }
        }
    }

    /// A coordinator that proposed nothing until the deadline.
    ///
    /// # Errors
    /// If it is not late.
    pub async fn challenge_deadline(&self, round: u64) -> Result<TransactionReceipt, ClientError> {
        let call = Slashing::missedDeadlineCall { round };
        self.send(&format!("late/{round}"), self.at().slashing, call).await
    }

    /// Demands that a delivery be proven on chain.
    ///
    /// # Errors
    /// If the round is not proposed, or the account cannot pay the bond.
    pub async fn demand(
        &self,
        round: u64,
        account: Address,
    ) -> Result<TransactionReceipt, ClientError> {
        let proposed = self.proposed(round).await?;
        let members = self.members(round).await?;
        let (member, _) = Self::found(members.find(account), account, round)?;
        let found = members.delivery(&proposed.deliveries, account);
        let (delivery, path) = Self::found(found, account, round)?;
        let action = format!("demand/{round}/{account}");
        let bond = self.view(self.at().parameters, Parameters::getCall {}).await?.demandBond;
        self.allow(&action, self.at().reward_token, self.at().rounds, U256::from(bond)).await?;
        let call = Rounds::demandCall { round, member, delivery, path };
        self.send(&action, self.at().rounds, call).await
    }

    /// A demand that nobody answered in time.
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

    /// Takes back the bond of a demand in a void round.
    ///
    /// # Errors
    /// If there is none to take back.
    pub async fn refund_demand(
        &self,
        round: u64,
        account: Address,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = Rounds::refundDemandCall { round, account };
        self.send(&format!("refund/{round}/{account}"), self.at().rounds, call).await
    }
}

fn of_event(proposed: &Rounds::Proposed) -> IRounds::Batch {
    let Rounds::Proposed { round, root, aggregate, model, .. } = *proposed;
    IRounds::Batch { round, root, aggregate, model }
}
