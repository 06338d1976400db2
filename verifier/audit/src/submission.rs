//! Whether a submission is what its member had to do, and proven.

use alloy_primitives::{Address, B256};
use ark_bn254::G1Affine;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::typed::Scope;
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::round::{MemberTask, RoundTask, check};

use zktrain_verify::round::rows_hash;

/// Why a submission is not counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmissionError {
    /// Not signed by the member: worth nothing, and no evidence against anyone.
    #[error("not a submission signed by the member: {0}")]
    Unsigned(String),
    /// Signed by the member, but it does not hold: evidence.
    #[error("signed, but it does not hold: {0}")]
    False(String),
}

/// What checks submissions of one round.
pub struct SubmissionVerifier<'a> {
    /// What the round's submissions are signed for.
    pub scope: &'a Scope,
    pub key: &'a TrainingKey,
    /// The circuit's key.
    pub circuit: &'a CircuitKey,
    /// The model's rows.
    pub model: &'a [G1Affine],
}

impl SubmissionVerifier<'_> {
    /// Reads a submission that this member signed, the one of the struct hash that its upload
    /// names.
    ///
    /// # Errors
    /// [`SubmissionError::Unsigned`].
    pub fn read(
        &self,
        account: Address,
        named: B256,
        bytes: &[u8],
    ) -> Result<SubmissionFile, SubmissionError> {
        let unsigned = |why: String| SubmissionError::Unsigned(why);
        let file: SubmissionFile =
            serde_json::from_slice(bytes).map_err(|error| unsigned(error.to_string()))?;
        let submission = &file.signed.submission;
        if submission.member != account || !file.is_signed(self.scope) {
            return Err(unsigned("the signature is another's, or over something else".into()));
        }
        if self.scope.hash(submission) != named {
            return Err(unsigned("not the one that the upload names".into()));
        }
        Ok(file)
    }

    /// Checks a member's submission in all it says.
    ///
    /// # Errors
    /// Why it is not counted.
    pub fn judge(
        &self,
        plan: &Plan,
        member: &PlanMember,
        file: &SubmissionFile,
    ) -> Result<TrainingStatement, SubmissionError> {
        let wrong = |error: String| SubmissionError::False(error);
        let said = &file.signed.submission;
        let statement = TrainingStatement::from_bytes(&file.statement)
            .map_err(|error| wrong(error.to_string()))?;
        if said.round != plan.round || said.update.0 != rows_hash(&statement.update) {
            return Err(wrong("what was signed is not what the statement says".into()));
        }
        let round = RoundTask {
            chain_id: plan.chain_id,
            contract: plan.rounds.into_array(),
            domain: plan.domain,
            round: plan.round,
            nonce: plan.nonce.0,
            model: self.model,
        };
        let task = MemberTask {
            account: member.account.into_array(),
            dataset: member.dataset.0,
            windows: member.windows,
        };
        check(self.key, &round, &task, &statement).map_err(|error| wrong(error.to_string()))?;
        // The plan's fault, which says nothing against its member.
        let system = ProofSystem::from_code(plan.system).ok_or_else(|| {
            SubmissionError::Unsigned("for a proof system that is not known".into())
        })?;
        let proof = CompressedProof::from_bytes(&self.key.relation, system, &file.proof)
            .map_err(|error| wrong(error.to_string()))?;
        zktrain_verify::training::verify(self.key, self.circuit, &statement, &proof)
            .map_err(|error| wrong(error.to_string()))?;
        Ok(statement)
    }
}
