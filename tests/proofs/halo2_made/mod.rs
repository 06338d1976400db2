//! Arguments with the public inputs of their compressed proofs.
#![allow(dead_code)]

use ark_bn254::{Fr, G1Affine};
use zktrain_argument::arith::{Check, Native};
use zktrain_argument::messages::Argument;
use zktrain_argument::transcript::Transcript;
use zktrain_argument::verifier;
use zktrain_backends::compress::{PublicInputs, constrain};
use zktrain_model::relation::Relation;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::{TrainingStatement, opening_seed, transcript_start};

use crate::common::Run;

/// The public inputs of a proof about the run's manifest.
pub fn inputs(run: &Run, statement: &TrainingStatement, proof: &SheetProof) -> PublicInputs<Fr> {
    let known = [&statement.data, &statement.model, &statement.state, &run.key.tables];
    let rows: Vec<G1Affine> = known.into_iter().flatten().chain(&proof.rows).copied().collect();
    let h = transcript_start(&statement.to_bytes(), &rows, &proof.mask);
    let mut transcript = Transcript::new(&mut Native);
    let relation = &run.key.relation;
    let opening =
        verifier::verify(&mut Native, &mut transcript, relation, &h, &proof.argument).unwrap();
    let (point, gamma, value) = (&opening.point, &opening.gamma, &opening.value);
    let seed = opening_seed(&h, point, gamma, value, &proof.blinding);
    PublicInputs::new(h, &seed, &opening)
}

/// What the verifier says natively.
pub fn natively(
    relation: &Relation,
    inputs: &PublicInputs<Fr>,
    argument: &Argument<Fr>,
) -> Result<(), Check> {
    constrain(&mut Native, relation, inputs, argument)
}
