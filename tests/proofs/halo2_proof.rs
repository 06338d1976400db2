//! Compressed proofs of the halo2 backend: accepted by both verifiers, and not
//! a word of them can be altered.

use crate::common;
use crate::halo2_made;

use std::sync::OnceLock;

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{One, PrimeField};
use common::cases::Case;
use common::made::made;
use common::{Run, srs};
use halo2_made::inputs;
use halo2_proofs::halo2curves::bn256::{self, Bn256};
use halo2_proofs::plonk::{
    VerifyingKey, create_proof_from_advice, keygen_pk2, keygen_vk_custom, verify_proof,
};
use halo2_proofs::poly::kzg::{
    commitment::{KZGCommitmentScheme, ParamsKZG},
    multiopen::{ProverSHPLONK, VerifierSHPLONK},
    strategy::SingleStrategy,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::opening::{Words, point_bytes, scalar_bytes};
use zktrain_backends::compress::PublicInputs;
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_backends::halo2::reference::circuit::TapeCircuit;
use zktrain_backends::halo2::reference::convert::{from_point, to_point, to_point_g2, to_scalar};
use zktrain_backends::halo2::reference::transcript::{ReferenceReader, Writer};
use zktrain_backends::halo2::tape::Tape;
use zktrain_backends::halo2::{record, shape};
use zktrain_prove::halo2::{
    Halo2Keys, Halo2Params, Halo2ProveError as ProveError, derive, log_rows, prove, prove_tape,
};
use zktrain_statement::proof::SheetProof;
use zktrain_verify::halo2::{Halo2Error, PROOF_LENGTH, verify};

const POINTS_BEFORE: usize = 13;
const SCALARS: usize = 25;

struct Made {
    params: Halo2Params,
    keys: Halo2Keys,
    /// What halo2 derives from the same.
    theirs: (ParamsKZG<Bn256>, VerifyingKey<bn256::G1Affine>),
    argument: SheetProof,
    inputs: PublicInputs<Fr>,
    proof: Vec<u8>,
}

fn compressed() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let (run, proofs) = made();
        let (statement, argument) = proofs[0].clone();
        let relation = &run.key.relation;
        let params = Halo2Params::new(srs(), log_rows(relation).unwrap()).unwrap();
        let keys = derive(relation, &params).unwrap();
        let inputs = inputs(run, &statement, &argument);
        let proof = prove(&params, &keys, relation, inputs, &argument.argument).unwrap();
        let theirs = theirs(&params, &shape(relation).unwrap());
        Made { params, keys, theirs, argument, inputs, proof }
    })
}

/// Parameters and key in halo2's own form; the key is its own derivation.
fn theirs(params: &Halo2Params, tape: &Tape) -> (ParamsKZG<Bn256>, VerifyingKey<bn256::G1Affine>) {
    let rows = params.lagrange().len();
    let [powers, basis] = [&params.powers()[..rows], params.lagrange()]
        .map(|points| points.iter().map(to_point).collect::<Vec<_>>());
    let [g2, tau] = params.g2().each_ref().map(to_point_g2);
    // Parameters are only made from parameters; these are of two rows.
    let some = ParamsKZG::<Bn256>::setup(1, ChaCha20Rng::seed_from_u64(1));
    let params = some.from_parts(params.log_rows, powers, Some(basis), g2, tau);
    let key = keygen_vk_custom(&params, &TapeCircuit::new(tape), false).unwrap();
    (params, key)
}

fn check(inputs: [Fr; 3], proof: &[u8]) -> Result<(), Halo2Error> {
    verify(&srs().verifier_key(), &compressed().keys.verifying, &inputs, proof)
}

/// What halo2's own verifier says.
fn check_with_halo2(inputs: [Fr; 3], proof: &[u8]) -> bool {
    let Made { keys, theirs: (params, key), .. } = compressed();
    let inputs = inputs.map(|input| to_scalar(&input));
    let mut reader = ReferenceReader::new(keys.digest, proof);
    let result = verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        key,
        SingleStrategy::new(params),
        &[&[&inputs]],
        &mut reader,
    );
    result.is_ok() && reader.is_finished()
}

#[test]
fn both_verifiers_accept_an_honest_proof() {
    let Made { inputs, proof, .. } = compressed();
    assert_eq!(proof.len(), PROOF_LENGTH);
    assert_eq!(check(inputs.to_array(), proof), Ok(()));
    assert!(check_with_halo2(inputs.to_array(), proof));
}

#[test]
fn keys_are_those_that_halo2_derives() {
    let Made { keys, theirs: (_, key), .. } = compressed();
    let points = |points: &[bn256::G1Affine]| points.iter().map(from_point).collect::<Vec<_>>();
    assert_eq!(keys.verifying.fixed.to_vec(), points(key.fixed_commitments()));
    assert_eq!(keys.verifying.permutation.to_vec(), points(key.permutation().commitments()));
}

/// Our prover and halo2's are two: the verifiers take either's proofs.
#[test]
fn halo2s_own_prover_is_accepted_by_the_same_verifiers() {
    let (run, _) = made();
    let Made { keys, theirs: (params, _), argument, inputs, .. } = compressed();
    let tape = record(&run.key.relation, *inputs, &argument.argument).unwrap();
    let proving = keygen_pk2(params, &TapeCircuit::new(&tape), false).unwrap();
    let mut transcript = Writer::new(keys.digest);
    create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _>(
        params,
        &proving,
        &[&tape.inputs.map(|input| to_scalar(&input))],
        TapeCircuit::advice(&tape, keys.verifying.log_rows),
        ChaCha20Rng::seed_from_u64(2),
        &mut transcript,
    )
    .unwrap();
    let proof = transcript.finish();
    assert_eq!(check(inputs.to_array(), &proof), Ok(()));
    assert!(check_with_halo2(inputs.to_array(), &proof));
}

#[test]
fn no_word_of_a_proof_can_be_altered() {
    let Made { inputs, proof, .. } = compressed();
    let inputs = inputs.to_array();
    let other = |position: usize| {
        let point = Words::new(proof, position).point().unwrap();
        point_bytes(&(point + G1Affine::generator()).into_affine())
    };
    let scalars = 64 * POINTS_BEFORE..64 * POINTS_BEFORE + 32 * SCALARS;
    let mut position = 0;
    while position < proof.len() {
        let mut altered = proof.clone();
        if scalars.contains(&position) {
            let scalar = Words::new(proof, position).scalar().unwrap() + Fr::one();
            altered[position..position + 32].copy_from_slice(&scalar_bytes(&scalar));
            position += 32;
        } else {
            altered[position..position + 64].copy_from_slice(&other(position));
            position += 64;
        }
        assert_eq!(check(inputs, &altered), Err(Halo2Error::Pairing), "before {position}");
        assert!(!check_with_halo2(inputs, &altered), "before {position}");
    }
    assert_eq!(position, PROOF_LENGTH);
}

#[test]
fn every_word_has_one_encoding() {
    let Made { inputs, proof, .. } = compressed();
    let inputs = inputs.to_array();
    for word in (0..proof.len()).step_by(32) {
        let mut unreduced = proof.clone();
        unreduced[word..word + 32].fill(0xff);
        assert!(matches!(check(inputs, &unreduced), Err(Halo2Error::Element(_))), "{word}");
        let mut flipped = proof.clone();
        flipped[word + 31] ^= 1;
        assert!(check(inputs, &flipped).is_err(), "{word}");
    }
    // A scalar's other representative.
    let at = 64 * POINTS_BEFORE;
    let mut shifted = proof.clone();
    let mut carry = 0u16;
    let modulus: Vec<u8> = Fr::MODULUS.0.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    for (byte, m) in shifted[at..at + 32].iter_mut().rev().zip(modulus.iter().rev()) {
        let sum = u16::from(*byte) + u16::from(*m) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert!(matches!(check(inputs, &shifted), Err(Halo2Error::Element(_))));
}

#[test]
fn other_lengths_are_refused() {
    let Made { inputs, proof, .. } = compressed();
    let inputs = inputs.to_array();
    let longer = [proof.as_slice(), &[0]].concat();
    let twice = [proof.as_slice(), proof].concat();
    for wrong in [&proof[..0], &proof[..31], &proof[..PROOF_LENGTH - 32], &longer, &twice] {
        let expected = Halo2Error::Length { expected: PROOF_LENGTH, got: wrong.len() };
        assert_eq!(check(inputs, wrong), Err(expected));
    }
}

#[test]
fn neutral_elements_prove_nothing() {
    let inputs = compressed().inputs.to_array();
    assert!(check(inputs, &vec![0; PROOF_LENGTH]).is_err());
}

#[test]
fn public_inputs_are_bound() {
    let Made { inputs, proof, .. } = compressed();
    for index in 0..3 {
        let mut altered = inputs.to_array();
        altered[index] += Fr::one();
        assert_eq!(check(altered, proof), Err(Halo2Error::Pairing));
    }
    let [h, kappa, fold] = inputs.to_array();
    assert_eq!(check([kappa, h, fold], proof), Err(Halo2Error::Pairing));
}

#[test]
fn every_part_of_the_key_matters() {
    let Made { keys, inputs, proof, .. } = compressed();
    let rejects = |key: &Halo2Key| {
        assert!(verify(&srs().verifier_key(), key, &inputs.to_array(), proof).is_err());
    };
    let other = |point: &G1Affine| (*point + G1Affine::generator()).into_affine();
    let key = &keys.verifying;
    for i in 0..key.fixed.len() {
        let mut altered = key.clone();
        altered.fixed[i] = other(&key.fixed[i]);
        rejects(&altered);
    }
    for i in 0..key.permutation.len() {
        let mut altered = key.clone();
        altered.permutation[i] = other(&key.permutation[i]);
        rejects(&altered);
    }
    rejects(&Halo2Key { log_rows: key.log_rows + 1, ..key.clone() });
}

#[test]
fn keys_depend_on_the_relation_alone() {
    let (run, _) = made();
    let Made { params, keys, .. } = compressed();
    let again = derive(&run.key.relation, params).unwrap();
    assert_eq!(again.verifying, keys.verifying);
    let case = Case { momentum: 0.0, batch: 2, row_log: 5, ..Case::plain(&[7, 5, 3]) };
    let other = Run::of(&case, 1).unwrap().key.relation;
    if let Ok(other) = derive(&other, params) {
        assert_ne!(other.digest, keys.digest);
    }
}

#[test]
fn two_proofs_of_one_witness_share_nothing() {
    let (run, _) = made();
    let Made { params, keys, argument, inputs, proof, .. } = compressed();
    let again = prove(params, keys, &run.key.relation, *inputs, &argument.argument).unwrap();
    assert_eq!(check(inputs.to_array(), &again), Ok(()));
    for (word, (a, b)) in proof.chunks(32).zip(again.chunks(32)).enumerate() {
        assert_ne!(a, b, "word {word}");
    }
}

#[test]
fn a_false_argument_is_not_proven() {
    let (run, _) = made();
    let Made { params, keys, argument, inputs, .. } = compressed();
    let relation = &run.key.relation;
    let mut altered = argument.argument.clone();
    altered.value += Fr::one();
    let error = prove(params, keys, relation, *inputs, &altered).unwrap_err();
    assert!(matches!(error, ProveError::Argument(_)));
    // Nor does a prover that goes on regardless convince anyone.
    let tape = record(relation, *inputs, &altered).unwrap();
    let proof = prove_tape(params, keys, &tape).unwrap();
    assert_eq!(check(inputs.to_array(), &proof), Err(Halo2Error::Pairing));
    altered.reduction.pop();
    let error = prove(params, keys, relation, *inputs, &altered).unwrap_err();
    assert!(matches!(error, ProveError::Shape));
}

#[test]
fn parameters_of_another_size_are_refused() {
    let (run, _) = made();
    let rows = log_rows(&run.key.relation).unwrap();
    let params = Halo2Params::new(srs(), 6).unwrap();
    let error = derive(&run.key.relation, &params).unwrap_err();
    assert!(matches!(error, ProveError::Rows { expected, got: 6 } if expected == rows));
}
