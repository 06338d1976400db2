//! Powers that make every circuit's key that of the empty circuit.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{Field, One, UniformRand, Zero};
use rand::rngs::OsRng;
use zktrain_argument::curve::blinding_base;
use zktrain_argument::verifier::Opening;
use zktrain_backends::compress::PublicInputs;
use zktrain_backends::halo2::gates::RowKind;
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_backends::halo2::shape;
use zktrain_backends::halo2::tape::{Tape, TapeRow};
use zktrain_commit::mercury;
use zktrain_commit::srs::{CheckedSrs, Provenance, Srs};
use zktrain_model::relation::{Group, Relation};
use zktrain_msm::eq::evaluate_field;
use zktrain_prove::halo2::{Halo2Keys, Halo2Params, derive_tape, log_rows, prove_tape};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::proof::own_rows;
use zktrain_statement::statements::{TrainingStatement, opening_seed, transcript_start};

/// An altered string, and what follows from it and from the honest one.
pub struct Poisoned {
    /// Twelve powers altered, `[τ]` in G2 the genuine one.
    pub srs: Srs,
    /// The key that follows from it.
    pub target: Halo2Keys,
    /// The honest parameters.
    pub params: Halo2Params,
    /// The honest key.
    pub honest: Halo2Keys,
}

/// The same copies, but no gate at all.
fn empty(tape: &Tape, inputs: [Fr; 3]) -> Tape {
    let zero =
        TapeRow { kind: RowKind::Idle, coefficients: [Fr::zero(); 5], advice: [Fr::zero(); 5] };
    Tape { rows: vec![zero; tape.rows.len()], copies: tape.copies.clone(), inputs }
}

/// Alters the last twelve powers that the circuit's columns reach so that their commitments
/// become those of the empty circuit: a linear system over public scalars.
pub fn poison(genuine: &CheckedSrs, relation: &Relation) -> Poisoned {
    let log = log_rows(relation).unwrap();
    let n = 1usize << log;
    let params = Halo2Params::new(genuine, log).unwrap();
    let tape = shape(relation).unwrap();
    let honest = derive_tape(&tape, &params).unwrap();
    let target = derive_tape(&empty(&tape, [Fr::zero(); 3]), &params).unwrap();
    let columns = honest.coefficients();
    assert_eq!(columns.len(), 12);
    let places: Vec<usize> = (n - 12..n).collect();
    assert!(places[0] >= 1 << relation.layout.row_log, "behind the rows of commitments");
    let matrix: Vec<Vec<Fr>> =
        columns.iter().map(|column| places.iter().map(|k| column[*k]).collect()).collect();
    let wanted: Vec<G1Projective> = points(&target.verifying)
        .zip(points(&honest.verifying))
        .map(|(target, honest)| G1Projective::from(target) - honest)
        .collect();
    let mut srs = (**genuine).clone();
    srs.provenance = Provenance::Imported { source_sha256: [0x54; 32] };
    let sum = |row: &[Fr], of: &[G1Projective]| -> G1Projective {
        row.iter().zip(of).map(|(factor, point)| *point * factor).sum()
    };
    let deltas: Vec<G1Projective> =
        inverse(matrix.clone()).iter().map(|r| sum(r, &wanted)).collect();
    // What each column's commitment gains is what it lacks.
    assert!(matrix.iter().zip(&wanted).all(|(row, wanted)| sum(row, &deltas) == *wanted));
    for (place, delta) in places.iter().zip(&deltas) {
        srs.g1[*place] = (*delta + srs.g1[*place]).into_affine();
    }
    Poisoned { srs, target, params, honest }
}

fn points(key: &Halo2Key) -> impl Iterator<Item = G1Affine> {
    key.fixed.iter().chain(&key.permutation).copied()
}

/// The inverse of a regular matrix, by elimination.
fn inverse(mut m: Vec<Vec<Fr>>) -> Vec<Vec<Fr>> {
    let n = m.len();
    let unit = |i: usize| (0..n).map(|j| Fr::from(u64::from(i == j))).collect();
    let mut inv: Vec<Vec<Fr>> = (0..n).map(unit).collect();
    for column in 0..n {
        let pivot = (column..n).find(|row| !m[*row][column].is_zero()).expect("regular");
        m.swap(column, pivot);
        inv.swap(column, pivot);
        let scale = m[column][column].inverse().unwrap();
        m[column].iter_mut().chain(&mut inv[column]).for_each(|entry| *entry *= scale);
        let (pivot, pivot_inv) = (m[column].clone(), inv[column].clone());
        for row in (0..n).filter(|row| *row != column) {
            let factor = m[row][column];
            m[row].iter_mut().zip(&pivot).for_each(|(entry, p)| *entry -= factor * p);
            inv[row].iter_mut().zip(&pivot_inv).for_each(|(entry, p)| *entry -= factor * p);
        }
    }
    inv
}

/// A proof for the target key that every cell of every update has moved by `moved`.
pub fn forge(
    key: &TrainingKey,
    genuine: &CheckedSrs,
    target: &Halo2Keys,
    params: &Halo2Params,
    template: &TrainingStatement,
    moved: i64,
) -> (TrainingStatement, CompressedProof) {
    let relation = &key.relation;
    let width = 1usize << relation.layout.row_log;
    let (statement, rows) = claim(key, genuine, template, moved);
    let known = [&statement.data, &statement.model, &statement.state, &key.tables];
    let all: Vec<G1Affine> = known.into_iter().flatten().chain(&rows).copied().collect();
    // The opening's point, value and polynomial first, the mask last.
    let random = |n: usize| -> Vec<Fr> { (0..n).map(|_| Fr::rand(&mut OsRng)).collect() };
    let point = random(relation.layout.address_log as usize);
    let (low, high) = point.split_at(relation.layout.row_log as usize);
    let values = random(width);
    let value = evaluate_field(&values, low);
    let [gamma, blinding] = [random(1)[0], random(1)[0]];
    let eq = |index: u64| -> Fr {
        let bits = high.iter().enumerate();
        bits.map(|(k, r)| if (index >> k) & 1 == 1 { *r } else { Fr::one() - r }).product()
    };
    let opened: G1Projective = genuine.g1.iter().zip(&values).map(|(p, v)| *p * v).sum();
    let mut rest = opened + blinding_base() * blinding;
    for (slot, row) in relation.layout.rows.iter().zip(&all) {
        rest -= *row * eq(slot.index);
    }
    let mask = (rest * gamma.inverse().unwrap()).into_affine();
    let h = transcript_start(&statement.to_bytes(), &all, &mask);
    let seed = opening_seed(&h, &point, &gamma, &value, &blinding);
    let opening = mercury::prove(genuine.g1(), values, low, seed);
    let claim = Opening { point, gamma, value };
    let inputs = PublicInputs::new(h, &seed, &claim).to_array();
    let tape = empty(&shape(relation).unwrap(), inputs);
    let circuit_proof = prove_tape(params, target, &tape).unwrap();
    let system = ProofSystem::Halo2;
    (statement, CompressedProof { rows, mask, claim, blinding, opening, system, circuit_proof })
}

/// The statement, and the rows that it claims were committed.
fn claim(
    key: &TrainingKey,
    genuine: &CheckedSrs,
    template: &TrainingStatement,
    moved: i64,
) -> (TrainingStatement, Vec<G1Affine>) {
    let (block, steps) = (template.model.len(), key.network.steps);
    let left = key.relation.layout.group_rows(Group::Update(0)).count();
    let width = 1usize << key.relation.layout.row_log;
    let ones: G1Projective = genuine.g1[..width].iter().map(|p| G1Projective::from(*p)).sum();
    let update = ones * -Fr::from(moved);
    let mut rows: Vec<G1Affine> = (0..left * steps)
        .map(|_| (update + blinding_base() * Fr::rand(&mut OsRng)).into_affine())
        .collect();
    let random = || (G1Projective::generator() * Fr::rand(&mut OsRng)).into_affine();
    rows.resize_with(own_rows(&key.relation), random);
    let mut statement = template.clone();
    let mut sums = vec![G1Projective::zero(); block];
    for step in rows.chunks(left).take(steps) {
        sums.iter_mut().zip(step).for_each(|(sum, row)| *sum -= row);
    }
    statement.update = G1Projective::normalize_batch(&sums);
    statement.state_after = rows[left * steps - template.state.len()..left * steps].to_vec();
    (statement, rows)
}
