//! What the coordinator computes in a round: verdicts on submissions, and the check of the sum.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy::primitives::Address;
use ark_bn254::{Fr, G1Affine};
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_audit::submission::{SubmissionError, SubmissionVerifier};
use zktrain_coordinator::driver::{Judged, RoundComputations, Settled, Timed};
use zktrain_coordinator::machine::ProofVerdict;
use zktrain_coordinator::metrics::{Judgement, ProcessMetrics};
use zktrain_ledger::files::SubmissionFile;
use zktrain_project::session::Session;
use zktrain_secagg::messages::Upload;
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_secagg::vector::{VectorShape, unpack};
use zktrain_statement::statements::TrainingStatement;
use zktrain_statement::sum::Sum;
use zktrain_verify::circuit::CircuitKey;
use zktrain_wire::Scoped;

use super::models::Model;
use super::next::{NextModelError, SummedRound};
use super::pending::Pending;

/// One round's checks.
pub struct RoundWork {
    /// Manifest, reference string, key.
    pub session: Arc<Session>,
    /// The circuit's key.
    pub circuit: Arc<CircuitKey>,
    /// The round's model.
    pub parent: Model,
    pub shape: VectorShape,
    /// Where sums are kept until they are settled.
    pub pending: Pending,
    /// What is measured.
    pub metrics: Arc<ProcessMetrics>,
}

impl RoundComputations for RoundWork {
    fn shape(&self) -> &VectorShape {
        &self.shape
    }

    fn kzg(&self) -> &KzgVerifierKey {
        &self.session.key.kzg
    }

    fn judge(
        &self,
        plan: &Plan,
        member: &PlanMember,
        upload: &Upload,
        submission: &[u8],
    ) -> Result<Judged, ProofVerdict> {
        let scope = plan.scope();
        let judge = SubmissionVerifier {
            scope: &scope,
            key: &self.session.key,
            circuit: &self.circuit,
            model: &self.parent.rows,
        };
        let rejected = |verdict: SubmissionError| {
            let signed = matches!(verdict, SubmissionError::False(_));
            ProofVerdict::Rejected { signed, why: verdict.to_string() }
        };
        let file = judge.read(member.account, upload.submission, submission).map_err(rejected)?;
        let judged = judge.judge(plan, member, &file).map_err(rejected)?;
        Ok(Judged { update: judged.update })
    }

    fn update(&self, submission: &[u8]) -> Option<Vec<G1Affine>> {
        let file: SubmissionFile = serde_json::from_slice(submission).ok()?;
        Some(TrainingStatement::from_bytes(&file.statement).ok()?.update)
    }

    fn settle(
        &self,
        plan: &Plan,
        updates: &BTreeMap<Address, Vec<G1Affine>>,
        sum: &[Fr],
    ) -> Settled {
        let weight = |account: &Address| plan.member(*account).map_or(0, |m| m.weight);
        let updates = updates.iter().map(|(a, rows)| (*a, (weight(a), rows.clone()))).collect();
        // What cannot be unpacked, or is too large, is no sum of updates either.
        let Ok(sum) = unpack(&self.shape, sum) else { return Settled::Wrong };
        let sum = Sum { values: sum.values, blinds: sum.blinds };
        let given = SummedRound { round: plan.round, updates, sum: sum.clone() };
        let next = match self.pending.next(&self.session, &self.parent, given) {
            Ok(next) => next,
            Err(NextModelError::Sum(_)) => return Settled::Wrong,
            Err(
                error @ (NextModelError::Rows(_)
                | NextModelError::Version(_)
                | NextModelError::Model(_)),
            ) => {
                tracing::error!(round = plan.round, %error, "the sum gives no model");
                return Settled::Failed;
            }
        };
        // Before anyone is told: without the sum nobody can go on from it.
        match self.pending.keep(plan.round, &sum) {
            Ok(()) => Settled::Right { model: next.model.hash },
            Err(error) => {
                tracing::error!(round = plan.round, %error, "the sum could not be kept");
                Settled::Failed
            }
        }
    }

    fn observe(&self, what: Timed) {
        match what {
            Timed::Phase(phase, took) => self.metrics.phase_ended(phase, took),
            Timed::Proof(true, took) => self.metrics.proof(Judgement::Verified, took),
            Timed::Proof(false, took) => self.metrics.proof(Judgement::Rejected, took),
        }
    }
}
