//! The R1CS form of the verifier: as strict as the native one, and proven with Groth16.

use crate::common;

use ark_bn254::{Fr, G1Affine};
use ark_ff::{One, UniformRand};
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem};
use common::Run;
use common::cases::{Case, case};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::Native;
use zktrain_argument::fraction;
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_argument::transcript::Transcript;
use zktrain_backends::compress::{PublicInputs, constrain};
use zktrain_backends::r1cs::{ONE, R1csCompression, R1csTerm, compile};
use zktrain_ceremony::groth16::{insecure_key, prove};
use zktrain_model::relation::Relation;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::{TrainingStatement, opening_seed, transcript_start};
use zktrain_verify::groth16::{Groth16Error, verify};

/// The public inputs of a proof, compressed.
fn inputs(
    key: &TrainingKey,
    statement: &TrainingStatement,
    proof: &SheetProof,
) -> PublicInputs<Fr> {
    let known = [&statement.data, &statement.model, &statement.state, &key.tables];
    let rows: Vec<G1Affine> = known.into_iter().flatten().chain(&proof.rows).copied().collect();
    let h = transcript_start(&statement.to_bytes(), &rows, &proof.mask);
    let mut transcript = Transcript::new(&mut Native);
    let opening = zktrain_argument::verifier::verify(
        &mut Native,
        &mut transcript,
        &key.relation,
        &h,
        &proof.argument,
    )
    .unwrap();
    let seed = opening_seed(&h, &opening.point, &opening.gamma, &opening.value, &proof.blinding);
    PublicInputs::new(h, &seed, &opening)
}

/// Native verdict and circuit's, which have to agree; the circuit's shape must not differ.
fn verdict(
    relation: &Relation,
    digest: &[u8; 32],
    inputs: &PublicInputs<Fr>,
    argument: &Argument<Fr>,
) -> bool {
    let native = constrain(&mut Native, relation, inputs, argument).is_ok();
    let synthesis = R1csCompression::new(relation, inputs, argument).unwrap().synthesize().unwrap();
    assert_eq!(synthesis.system.digest(), *digest, "the shape depends on values");
    let circuit = synthesis.system.first_broken(&synthesis.assignment).is_none();
    assert_eq!(synthesis.is_satisfied(), circuit);
    assert_eq!(native, circuit, "native and circuit disagree");
    native
}

fn agrees(case: &Case, seed: u64) {
    let Some(run) = Run::of(case, 1) else { return };
    let relation = &run.key.relation;
    let digest = compile(relation).unwrap().digest();
    let (statement, proof) = run.prove(1).remove(0);
    let honest = inputs(&run.key, &statement, &proof);
    assert!(verdict(relation, &digest, &honest, &proof.argument));

    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let shape = ArgumentShape::of(relation);
    let elements = proof.argument.to_elements();
    for _ in 0..6 {
        let mut altered = elements.clone();
        let index = rng.gen_range(0..altered.len());
        altered[index] += if rng.r#gen() { Fr::one() } else { Fr::rand(&mut rng) };
        let argument = Argument::from_elements(&shape, altered).unwrap();
        assert!(!verdict(relation, &digest, &honest, &argument), "element {index}");
    }
    for index in 0..3 {
        let mut altered = honest.to_array();
        altered[index] += Fr::rand(&mut rng);
        let altered = PublicInputs::from_array(altered);
        assert!(!verdict(relation, &digest, &altered, &proof.argument), "input {index}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 0, ..Default::default() })]
    #[test]
    fn the_circuit_is_as_strict_as_the_native_verifier(case in case(), seed in any::<u64>()) {
        agrees(&case, seed);
    }
}

#[test]
fn every_element_of_a_small_argument_matters() {
    let case = Case { row_log: 6, batch: 1, ..Case::plain(&[2, 2]) };
    let run = Run::of(&case, 1).unwrap();
    let relation = &run.key.relation;
    let (statement, proof) = run.prove(1).remove(0);
    let honest = inputs(&run.key, &statement, &proof);
    let shape = ArgumentShape::of(relation);
    let elements = proof.argument.to_elements();
    for index in (0..elements.len()).step_by(3) {
        let mut altered = elements.clone();
        altered[index] += Fr::one();
        let argument = Argument::from_elements(&shape, altered).unwrap();
        let compression = R1csCompression::new(relation, &honest, &argument).unwrap();
        let synthesis = compression.synthesize().unwrap();
        assert!(!synthesis.is_satisfied(), "element {index}");
    }
}

/// Nothing but the inputs and the argument is the prover's to choose: every further variable is
/// what one constraint makes of earlier ones, and the rest of the constraints are assertions.
#[test]
fn every_variable_is_computed_from_earlier_ones() {
    let case = Case { momentum: 0.9, steps: 1, ..Case::plain(&[5, 4, 3]) };
    let run = Run::of(&case, 1).unwrap();
    let relation = &run.key.relation;
    let system = compile(relation).unwrap();
    let combinations: Vec<_> = system.combinations().collect();
    let mut next = (system.public() + ArgumentShape::of(relation).elements()) as u32;
    let mut assertions = 0;
    for (index, row) in system.constraints().iter().enumerate() {
        let [a, b, c] = [row.a, row.b, row.c].map(|number| combinations[number as usize]);
        let earlier = |terms: &[R1csTerm]| terms.iter().all(|term| term.variable < next);
        assert!(earlier(a) && earlier(b), "constraint {index}");
        match c.split_last() {
            Some((last, rest)) if last.variable == next => {
                assert!(last.coefficient.is_one() && earlier(rest), "constraint {index}");
                next += 1;
            }
            // An assertion: something that is known times one is zero.
            _ => {
                let one = [R1csTerm { variable: ONE, coefficient: Fr::one() }];
                assert!(c.is_empty() && *b == one, "constraint {index}");
                assertions += 1;
            }
        }
    }
    assert_eq!(next as usize, system.variables());
    let layers = fraction::layer_variables(ArgumentShape::of(relation).log_leaves).count();
    // Relations, sum and layers of the lookups, reduction, fold.
    assert_eq!(assertions, 4 + layers);
}

#[test]
fn arguments_of_another_shape_are_refused() {
    let run = Run::of(&Case::plain(&[3, 4, 2]), 1).unwrap();
    let (statement, proof) = run.prove(1).remove(0);
    let inputs = inputs(&run.key, &statement, &proof);
    let mut argument = proof.argument.clone();
    argument.reduction.pop();
    let error = R1csCompression::new(&run.key.relation, &inputs, &argument).unwrap_err();
    assert_eq!(error.got, error.expected - 2);
}

/// From training to a compressed proof.
#[test]
fn a_training_proof_is_compressed() {
    let case = Case { row_log: 7, batch: 1, ..Case::plain(&[3, 4, 2]) };
    let run = Run::of(&case, 1).unwrap();
    let (statement, proof) = run.prove(1).remove(0);
    let inputs = inputs(&run.key, &statement, &proof);
    let compression = R1csCompression::new(&run.key.relation, &inputs, &proof.argument).unwrap();
    let system = compile(&run.key.relation).unwrap();
    let key = insecure_key(&system, &mut ChaCha20Rng::seed_from_u64(1));
    let (compressed, _) = prove(&key, &compression.synthesize().unwrap()).unwrap();
    let bytes = compressed.to_bytes();
    let inputs = inputs.to_array();
    assert_eq!(verify(&key.key, &inputs, &bytes), Ok(()));
    for index in 0..3 {
        let mut altered = inputs;
        altered[index] += Fr::one();
        assert_eq!(verify(&key.key, &altered, &bytes), Err(Groth16Error::Pairing));
    }
}

/// arkworks' own checker agrees with ours.
#[test]
fn arkworks_finds_the_same_circuit_satisfied() {
    let case = Case { row_log: 6, batch: 1, ..Case::plain(&[2, 2]) };
    let run = Run::of(&case, 1).unwrap();
    let (statement, proof) = run.prove(1).remove(0);
    let honest = inputs(&run.key, &statement, &proof);
    let mut argument = proof.argument.clone();
    for satisfied in [true, false] {
        let compression = R1csCompression::new(&run.key.relation, &honest, &argument).unwrap();
        let cs = ConstraintSystem::new_ref();
        compression.generate_constraints(cs.clone()).unwrap();
        cs.finalize();
        assert_eq!(cs.is_satisfied().unwrap(), satisfied);
        assert_eq!(cs.num_constraints(), compile(&run.key.relation).unwrap().constraints().len());
        argument.value += Fr::one();
    }
}
