//! Evidence of fraud that nobody but its holder sees before it counts.

use alloy::primitives::{Bytes, U256};
use alloy::rpc::types::TransactionReceipt;
use zktrain_ledger::bindings::rounds::{IRounds as OfRounds, Rounds};
use zktrain_ledger::bindings::slashing::{IRounds, ISlashing, Slashing};
use zktrain_ledger::typed::{Batch, Submission};
use zktrain_ledger::{Evidence, SignedBatch, SignedSubmission};

use super::client::Client;
use super::error::ClientError;

fn submission(s: &Submission) -> IRounds::Submission {
    let Submission { round, member, statement, proof, update, length } = *s;
    IRounds::Submission { round, member, statement, proof, update, length }
}

fn batch(b: &Batch) -> IRounds::Batch {
    let Batch { round, root, aggregate, model } = b.clone();
    IRounds::Batch { round, root, aggregate, model }
}

pub(super) fn member(m: &OfRounds::Member) -> IRounds::Member {
    let OfRounds::Member { account, dataset, windows, weight } = m.clone();
    IRounds::Member { account, dataset, windows, weight }
}

pub(super) fn delivery(d: &OfRounds::Delivery) -> IRounds::Delivery {
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
        self.reveal(&format!("invalid/{round}/{member}"), &call).await
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
        self.reveal(&format!("delivery/{round}/{account}"), &call).await
    }

    /// Two signed submissions of one member for one round. The member is shown with its path: who was
    /// not in the round answers for nothing in it.
    ///
    /// # Errors
    /// If the contract is not convinced, or the account is no member of the round.
    pub async fn challenge_equivocation(
        &self,
        [first, second]: [&SignedSubmission; 2],
    ) -> Result<TransactionReceipt, ClientError> {
        let Submission { round, member: account, .. } = first.submission;
        let (found, path) = self.member(round, account).await?;
        let call = Slashing::equivocationCall {
            member: member(&found),
            path,
            first: submission(&first.submission),
            firstSignature: first.signature.clone(),
            second: submission(&second.submission),
            secondSignature: second.signature.clone(),
        };
        self.reveal(&format!("equivocation/{round}/{account}"), &call).await
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
        self.reveal(&format!("batches/{round}"), &call).await
    }

    /// An aggregate that is not the weighted sum of the updates. `updates` are the row commitments
    /// of every update that is part of the sum, in the members' order, `aggregate` those of the sum;
    /// without a row to point at, all of them are summed on chain.
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
        let action = format!("aggregate/{round}");
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
                self.reveal(&action, &call).await
            }
            None => {
                let call =
                    Slashing::undisclosedAggregateCall { batch, members, deliveries, updates };
                self.reveal(&action, &call).await
            }
        }
    }

    /// A coordinator that proposed nothing in time: neither until the deadline nor in the window
    /// after it. Everybody sees that, so it is brought without a commitment.
    ///
    /// # Errors
    /// If it is not late.
    pub async fn challenge_deadline(&self, round: u64) -> Result<TransactionReceipt, ClientError> {
        let call = Slashing::missedDeadlineCall { round };
        self.send(&format!("late/{round}"), self.at().slashing, call).await
    }

    /// A signed submission that says to be longer than any valid one.
    ///
    /// # Errors
    /// If the contract is not convinced, or the account is no member of the round.
    pub async fn challenge_length(
        &self,
        signed: &SignedSubmission,
    ) -> Result<TransactionReceipt, ClientError> {
        let Submission { round, member: account, .. } = signed.submission;
        let (found, path) = self.member(round, account).await?;
        let call = Slashing::tooLongCall {
            member: member(&found),
            path,
            submission: submission(&signed.submission),
            signature: signed.signature.clone(),
        };
        self.reveal(&format!("length/{round}/{account}"), &call).await
    }
}

pub(super) fn of_event(proposed: &Rounds::Proposed) -> IRounds::Batch {
    let Rounds::Proposed { round, root, aggregate, model, .. } = *proposed;
    IRounds::Batch { round, root, aggregate, model }
}
