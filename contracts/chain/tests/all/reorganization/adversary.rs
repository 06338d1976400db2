//! Who brings all that was signed on a branch that was given up.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy::providers::Provider;
use alloy::sol_types::{SolCall, SolValue};
use serde_json::json;
use zktrain_ledger::Revert;
use zktrain_ledger::bindings::rounds::IRounds::{Delivery, Member};
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::slashing::{IRounds, ISlashing, Slashing};
use zktrain_ledger::typed::{Batch, Receipt, Submission};
use zktrain_ledger::{Members, SignedBatch, SignedSubmission};

use super::{STATEMENT, Signed};
use zktrain_testchains::economy::Economy;

/// Brings whatever may pay. Anvil has its key.
const ADVERSARY: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");

fn said(of: &SignedSubmission) -> IRounds::Submission {
    let Submission { round, member, statement, proof, update, length } = of.submission.clone();
    IRounds::Submission { round, member, statement, proof, update, length }
}

fn seat(of: &Member) -> IRounds::Member {
    let Member { account, dataset, windows, weight } = of.clone();
    IRounds::Member { account, dataset, windows, weight }
}

fn delivery(of: &Delivery) -> IRounds::Delivery {
    IRounds::Delivery { update: of.update, submission: of.submission }
}

fn batch(of: &SignedBatch) -> IRounds::Batch {
    let Batch { round, root, aggregate, model } = of.batch.clone();
    IRounds::Batch { round, root, aggregate, model }
}

/// Somebody who has kept all that was signed on both branches.
pub struct Adversary<'a> {
    pub economy: &'a Economy,
    pub round: u64,
    pub members: Members,
    /// Of the branch that was given up.
    pub old: Signed,
    /// Of the one that won.
    pub new: Signed,
}

impl Adversary<'_> {
    /// Sends a transaction; whether it succeeds.
    async fn send(&self, to: Address, data: &Bytes) -> bool {
        let backend = &self.economy.backend;
        let request = json!([{ "from": ADVERSARY, "to": to, "data": data, "gas": "0xf42400" }]);
        let hash: B256 =
            serde_json::from_value(backend.ask("eth_sendTransaction", request).await).unwrap();
        for _ in 0..3_000 {
            let receipt = backend.chain.provider().get_transaction_receipt(hash).await.unwrap();
            if let Some(receipt) = receipt {
                return receipt.status();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{hash} is not mined");
    }

    /// Commits to evidence and reveals it, each in a block of its own; whether it is taken.
    pub async fn bring(&self, call: &Bytes) -> bool {
        let (slashing, salt) = (self.economy.at.slashing, keccak256(call));
        let commitment = keccak256((ADVERSARY, salt, keccak256(call)).abi_encode());
        let commit = Slashing::commitCall { commitment }.abi_encode();
        assert!(self.send(slashing, &commit.into()).await);
        let reveal = Slashing::revealCall { salt, call: call.clone() }.abi_encode();
        self.send(slashing, &reveal.into()).await
    }

    /// The contract does not take this; why not.
    async fn refusal(&self, call: impl SolCall) -> Revert {
        let (call, slashing) = (Bytes::from(call.abi_encode()), self.economy.at.slashing);
        assert!(!self.bring(&call).await, "it was taken: {call}");
        let tried = self.economy.backend.chain.attempt(slashing, slashing, call).await;
        tried.unwrap_err().revert().unwrap().clone()
    }

    /// The accused has not signed this, on this branch.
    async fn is_unsigned(&self, call: impl SolCall, accused: Address) {
        let refusal = self.refusal(call).await;
        let wrong = refusal.get::<Slashing::WrongSignature>();
        assert_eq!(wrong.map(|wrong| wrong.expected), Some(accused), "{refusal}");
    }

    /// The batch of this is not the one that was proposed on this branch.
    async fn is_no_batch(&self, call: impl SolCall) {
        let refusal = self.refusal(call).await;
        let expected = Some(Slashing::WrongBatch { round: self.round });
        assert_eq!(refusal.get::<Slashing::WrongBatch>(), expected, "{refusal}");
    }

    /// The first member's.
    fn evidence(&self, of: &Signed) -> ISlashing::Evidence {
        let signed = &of.submissions[0];
        let (member, path) = self.members.find(signed.submission.member).unwrap();
        ISlashing::Evidence {
            submission: said(signed),
            signature: signed.signature.clone(),
            member: seat(&member),
            memberPath: path,
            statement: STATEMENT.to_vec().into(),
            proof: of.proof.clone().into(),
        }
    }

    pub fn equivocation(
        &self,
        first: &SignedSubmission,
        second: &SignedSubmission,
    ) -> impl SolCall {
        let (member, path) = self.members.find(first.submission.member).unwrap();
        Slashing::equivocationCall {
            member: seat(&member),
            path,
            first: said(first),
            firstSignature: first.signature.clone(),
            second: said(second),
            secondSignature: second.signature.clone(),
        }
    }

    /// All that can be held against the first member.
    pub async fn accuse_member(&self) {
        let (old, new) = (&self.old, &self.new);
        let (before, after) = (&old.submissions[0], &new.submissions[0]);
        let account = before.submission.member;
        let proof = Slashing::invalidProofCall { evidence: self.evidence(old) };
        self.is_unsigned(proof, account).await;
        for (first, second) in [(before, after), (after, before), (before, &old.long)] {
            self.is_unsigned(self.equivocation(first, second), account).await;
        }
        let (member, path) = self.members.find(account).unwrap();
        let (submission, signature) = (said(&old.long), old.long.signature.clone());
        let member = seat(&member);
        let long = Slashing::tooLongCall { member, path, submission, signature };
        self.is_unsigned(long, account).await;
    }

    /// What can be held against the coordinator whether it has proposed or not.
    pub async fn accuse_coordinator(&self) {
        let account = self.economy.coordinator.address();
        let (old, new) = (&self.old.batch, &self.new.batch);
        for (first, second) in [(old, new), (new, old)] {
            let both = Slashing::batchEquivocationCall {
                first: batch(first),
                firstSignature: first.signature.clone(),
                second: batch(second),
                secondSignature: second.signature.clone(),
            };
            self.is_unsigned(both, account).await;
        }
        let (round, late) = (self.round, Some(Slashing::NotLate { round: self.round }));
        let refusal = self.refusal(Slashing::missedDeadlineCall { round }).await;
        assert_eq!(refusal.get::<Slashing::NotLate>(), late, "{refusal}");
        let refusal = self.refusal(Slashing::unauditedCall { round }).await;
        assert_eq!(refusal.get::<Slashing::NotLate>(), late, "{refusal}");
        // The demand was made on the branch that was given up.
        let account = self.members.0[0].account;
        let refusal = self.refusal(Slashing::unansweredCall { round, account }).await;
        let expected = Some(Slashing::NotDemanded { round, account });
        assert_eq!(refusal.get::<Slashing::NotDemanded>(), expected, "{refusal}");
    }

    /// The first member's place in a batch.
    fn listed(&self, of: &Signed) -> (IRounds::Delivery, Vec<B256>) {
        let account = of.submissions[0].submission.member;
        let (found, path) = self.members.delivery(&of.deliveries, account).unwrap();
        (delivery(&found), path)
    }

    /// What can be held against the coordinator by its proposal, of either branch.
    pub async fn accuse_proposal(&self) {
        let (old, new) = (&self.old, &self.new);
        let coordinator = self.economy.coordinator.address();
        let member = self.members.find(old.submissions[0].submission.member).unwrap().0;
        let account = member.account;
        let invalid = |of: &Signed, listed: &Signed| Slashing::invalidDeliveryCall {
            evidence: self.evidence(of),
            batch: batch(&listed.batch),
            batchPath: self.listed(listed).1,
        };
        self.is_unsigned(invalid(old, new), account).await;
        self.is_unsigned(invalid(old, old), account).await;
        self.is_no_batch(invalid(new, old)).await;
        let omitted = |of: &Signed, listed: &Signed| {
            let Receipt { round, member: account, plan, masked, submission, time } =
                of.receipt.receipt.clone();
            let (delivery, path) = self.listed(listed);
            Slashing::omittedCall {
                batch: batch(&listed.batch),
                member: seat(&member),
                delivery,
                path,
                receipt: IRounds::Receipt {
                    round,
                    member: account,
                    plan,
                    masked,
                    submission,
                    time,
                },
                signature: of.receipt.signature.clone(),
            }
        };
        self.is_unsigned(omitted(old, new), coordinator).await;
        self.is_no_batch(omitted(new, old)).await;
        self.accuse_sum().await;
    }

    /// The sum of the batch that was given up.
    async fn accuse_sum(&self) {
        let batch = batch(&self.old.batch);
        let members: Vec<_> = self.members.0.iter().map(seat).collect();
        let deliveries: Vec<_> = self.old.deliveries.iter().map(delivery).collect();
        let (updates, aggregate) = (Vec::new(), Bytes::new());
        self.is_no_batch(Slashing::undisclosedAggregateCall {
            batch: batch.clone(),
            members: members.clone(),
            deliveries: deliveries.clone(),
            updates: Vec::new(),
        })
        .await;
        let row = U256::ZERO;
        self.is_no_batch(Slashing::wrongAggregateCall {
            batch,
            members,
            deliveries,
            updates,
            aggregate,
            row,
        })
        .await;
    }

    /// Anyone may propose what the coordinator has signed, but not for another draw.
    pub async fn propose_the_old(&self) {
        let (rounds, Batch { round, aggregate, model, .. }) =
            (self.economy.at.rounds, self.old.batch.batch.clone());
        let (members, deliveries) = (self.members.0.clone(), self.old.deliveries.clone());
        let signature = self.old.batch.signature.clone();
        let call = Rounds::proposeCall { round, members, deliveries, aggregate, model, signature };
        let data = Bytes::from(call.abi_encode());
        assert!(!self.send(rounds, &data).await);
        let tried = self.economy.backend.chain.attempt(ADVERSARY, rounds, data).await.unwrap_err();
        let wrong = tried.revert().unwrap().get::<Rounds::WrongSignature>();
        let coordinator = self.economy.coordinator.address();
        assert_eq!(wrong.map(|wrong| wrong.expected), Some(coordinator), "{tried}");
    }
}
