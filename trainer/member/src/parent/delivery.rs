//! What members of a settled round delivered, checked one by one, and its weighted sum.

use std::sync::Arc;

use ark_bn254::G1Affine;
use zktrain_argument::opening::point_bytes;
use zktrain_audit::submission::{SubmissionError, SubmissionVerifier};
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::is_summed;
use zktrain_ledger::typed::Scope;
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_verify::aggregate::weighted_rows;
use zktrain_verify::circuit::CircuitKey;

use super::{ParentError, blocking};
use crate::{Error, PublicProject};

/// Members whose updates are in the sum, with what they delivered.
pub(super) fn delivered<'p>(
    plan: &'p Plan,
    deliveries: &'p [Delivery],
) -> impl Iterator<Item = (&'p PlanMember, &'p Delivery)> {
    let pairs = plan.members.iter().zip(deliveries);
    pairs.filter(|(_, delivery)| is_summed(delivery))
}

pub(super) fn row_bytes(rows: &[G1Affine]) -> Vec<u8> {
    rows.iter().flat_map(point_bytes).collect()
}

pub(super) async fn weigh(
    round: u64,
    updates: Vec<(u32, Vec<G1Affine>)>,
) -> Result<Vec<G1Affine>, Error> {
    let rows = blocking(move || {
        let pairs: Vec<(u32, &[G1Affine])> =
            updates.iter().map(|(weight, rows)| (*weight, rows.as_slice())).collect();
        weighted_rows(&pairs)
    })
    .await?;
    rows.map_err(|source| ParentError::Rows { round, source }.into())
}

/// One delivery to be checked.
pub(super) struct Task {
    pub at: zktrain_ledger::Deployment,
    pub facts: PublicProject,
    pub circuit: Arc<CircuitKey>,
    pub model: Vec<G1Affine>,
    pub plan: Plan,
    pub member: PlanMember,
    pub delivery: Delivery,
}

impl Task {
    /// Row commitments of the update, if its submission is the one that was delivered and holds.
    pub fn rows(&self, bytes: &[u8]) -> Result<Vec<G1Affine>, SubmissionError> {
        let (key, circuit) = (&*self.facts.key, &*self.circuit);
        let scope = Scope::new(self.at.chain_id, self.at.rounds, self.plan.nonce);
        let judge = SubmissionVerifier { scope: &scope, key, circuit, model: &self.model };
        // Contracts of eager domains have checked the proof, and know it by the update alone.
        let named = match self.plan.optimistic {
            true => self.delivery.submission,
            false => {
                let file: SubmissionFile = serde_json::from_slice(bytes)
                    .map_err(|error| SubmissionError::Unsigned(error.to_string()))?;
                scope.hash(&file.signed.submission)
            }
        };
        let file = judge.read(self.member.account, named, bytes)?;
        let statement = judge.judge(&self.plan, &self.member, &file)?;
        if file.signed.submission.update != self.delivery.update {
            return Err(SubmissionError::False("another update than the chain was told".into()));
        }
        Ok(statement.update)
    }
}
