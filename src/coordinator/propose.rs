//! From a round's sum to its settlement on the chain.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use ark_bn254::G1Affine;
use zktrain_argument::opening::point_bytes;
use zktrain_chain::FailureKind;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_ledger::SignedBatch;
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::files::{BatchFile, MemberUpdate, SubmissionFile};
use zktrain_ledger::typed::{Batch, Submission};
use zktrain_secagg::plan::Plan;
use zktrain_statement::statements::TrainingStatement;
use zktrain_wire::Scoped;

use super::CoordinatorError;
use super::batch::Contents;
use super::next::NextModel;

/// A counted member's work.
#[derive(Clone, Debug)]
pub struct Counted {
    /// What the member signed, with all that it speaks of.
    pub file: SubmissionFile,
    pub statement: TrainingStatement,
    /// The member's weight.
    pub weight: u32,
}

impl Counted {
    /// The member.
    pub fn account(&self) -> Address {
        self.submission().member
    }

    /// What it signed.
    pub fn submission(&self) -> &Submission {
        &self.file.signed.submission
    }
}

/// A batch, signed, with all that others need to check it.
pub struct Proposal {
    /// The batch and the rows in it.
    pub file: BatchFile,
    /// What each member delivered.
    pub deliveries: Vec<Delivery>,
}

fn bytes_of(rows: &[G1Affine]) -> Bytes {
    rows.iter().flat_map(point_bytes).collect::<Vec<u8>>().into()
}

/// Hands in the proofs of an eager round that the contract has not checked yet, as long as it takes any.
/// What it refuses is left out, and then there is no sum: the others are paid all the same.
///
/// # Errors
/// If the chain does not answer.
pub async fn hand_in(
    client: &Client,
    round: u64,
    counted: &[Counted],
) -> Result<(), CoordinatorError> {
    let deadline = client.round(round).await?.deadline;
    for work in counted {
        let account = work.account();
        if !client.delivered(round, account).await?.is_zero() {
            continue;
        }
        if client.sender().chain().time().await.map_err(ClientError::from)? > deadline {
            tracing::error!(round, "the deadline has passed: no proof is handed in any more");
            return Ok(());
        }
        let SubmissionFile { statement, proof, .. } = &work.file;
        match client.submit(round, account, statement, proof).await {
            Ok(_) => {}
            Err(error) if error.trouble() == FailureKind::Reverted => {
                tracing::error!(round, %account, %error, "a proof was not taken");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Signs what a round ended with; without a sum, that there is none.
///
/// The same round always gives the same batch: two different ones would be fraud.
///
/// # Errors
/// If the chain does not know the round's members, or the key refuses.
pub async fn proposal(
    client: &Client,
    plan: &Plan,
    contents: &Contents,
    counted: &[Counted],
    next: Option<&NextModel>,
) -> Result<Proposal, CoordinatorError> {
    let (round, deliveries) = (plan.round, contents.deliveries.clone());
    let rows = next.map_or_else(Bytes::new, |next| bytes_of(&next.aggregate));
    let (aggregate, model) = match next {
        Some(next) => (keccak256(&rows), next.model.hash),
        None => (B256::ZERO, plan.parent),
    };
    let root = client.members(round).await?.delivery_root(&deliveries);
    let batch = Batch { round, root, aggregate, model };
    let signed = SignedBatch::new(batch, &plan.scope(), client.sender().signer())?;
    let updates = counted.iter().map(|c| MemberUpdate {
        account: c.account(),
        weight: c.weight,
        rows: bytes_of(&c.statement.update),
    });
    let file = BatchFile { signed, aggregate: rows, updates: updates.collect() };
    Ok(Proposal { file, deliveries })
}
