//! Keys and proofs against `halo2_proofs`; what the blinding hides.

use ark_bn254::{Fr, G1Affine};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use ark_poly::EvaluationDomain as _;
use halo2_proofs::halo2curves::bn256::{Bn256, G1Affine as TheirPoint};
use halo2_proofs::plonk::{keygen_vk_custom, verify_proof};
use halo2_proofs::poly::kzg::{
    commitment::{KZGCommitmentScheme, ParamsKZG},
    multiopen::VerifierSHPLONK,
    strategy::SingleStrategy,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_backends::halo2::gates::{ADVICE, RowKind};
use zktrain_backends::halo2::reference::circuit::TapeCircuit;
use zktrain_backends::halo2::reference::convert::{from_point, to_point, to_point_g2, to_scalar};
use zktrain_backends::halo2::reference::transcript::ReferenceReader;
use zktrain_backends::halo2::tape::{BLINDING_ROWS, Cell, Tape, TapeRow};
use zktrain_commit::random::LocalKey;
use zktrain_commit::srs::{CheckedSrs, Srs};
use zktrain_msm::polynomial::evaluate;
use zktrain_verify::halo2::{Halo2Error, PROOF_LENGTH, verify};

use super::constraints::{Challenges, Constraints, CosetColumns};
use super::domain::PIECES;
use super::kernels::{Basis, Cpu, Kernels};
use super::prove::{prove_blinded, prove_with, quotient};
use super::*;

const LOG: u32 = 5;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The secret behind [`srs`].
fn tau() -> Fr {
    Fr::rand(&mut rng(4))
}

fn srs() -> CheckedSrs {
    Srs::generate_g1(LOG, &mut rng(4)).check().unwrap()
}

fn params() -> Halo2Params {
    Halo2Params::new(&srs(), LOG).unwrap()
}

/// A satisfied circuit: constants, then rows that compute `c_3` from cells of rows above.
fn tape(seed: u64) -> Tape {
    let rng = &mut rng(seed);
    let mut fixed = rand_chacha::ChaCha20Rng::seed_from_u64(99);
    let inputs = [(); 3].map(|()| Fr::rand(rng));
    let mut rows: Vec<TapeRow> = Vec::new();
    let mut copies = Vec::new();
    for index in 0..20usize {
        let arithmetic = index < 3 || fixed.gen_bool(0.7);
        let coefficients = [(); 5].map(|()| Fr::rand(&mut fixed));
        let mut advice = [(); ADVICE].map(|()| Fr::rand(rng));
        for (column, cell) in advice.iter_mut().enumerate().filter(|(column, _)| *column != 3) {
            if index > 3 && fixed.gen_bool(0.5) {
                let from = Cell { row: fixed.gen_range(0..index), column: fixed.gen_range(0..5) };
                *cell = rows[from.row].advice[from.column];
                copies.push((Cell { row: index, column }, from));
            }
        }
        let kind = if arithmetic { RowKind::Arithmetic } else { RowKind::Idle };
        let [q0, q1, q2, q3, q4] = coefficients;
        let [c0, c1, c2, _, c4] = advice;
        let input = inputs.get(index).copied().unwrap_or_default();
        advice[3] = c4 * (q0 * c0 * c1 + q1 * c0 + q2 * c1 + q4) + q3 * c2 + input;
        // An idle row with coefficients is a constant; these have none.
        let coefficients = if arithmetic { coefficients } else { [Fr::ZERO; 5] };
        rows.push(TapeRow { kind, coefficients, advice });
    }
    // The same pair once more, and a cell with itself.
    copies.extend([copies[0], (copies[1].1, copies[1].0), (copies[2].0, copies[2].0)]);
    let tape = Tape { rows, copies, inputs };
    assert_eq!((tape.violations(), tape.log_rows()), (Vec::new(), LOG));
    tape
}

fn blinding(seed: u64) -> Blinding {
    let rng = &mut rng(seed);
    Blinding {
        advice: [(); ADVICE].map(|()| [(); BLINDING_ROWS].map(|()| Fr::rand(rng))),
        product: [(); BLINDING_ROWS - 1].map(|()| Fr::rand(rng)),
        random: [(); 2].map(|()| Fr::rand(rng)),
        pieces: [(); PIECES - 1].map(|()| Fr::rand(rng)),
    }
}

fn theirs(params: &Halo2Params) -> ParamsKZG<Bn256> {
    let [powers, basis] = [&params.powers()[..1 << LOG], params.lagrange()]
        .map(|points| points.iter().map(to_point).collect::<Vec<TheirPoint>>());
    let [g2, tau] = params.g2().each_ref().map(to_point_g2);
    ParamsKZG::<Bn256>::setup(1, rng(1)).from_parts(LOG, powers, Some(basis), g2, tau)
}

#[test]
fn keys_are_halo2s() {
    let params = params();
    let keys = derive_tape(&tape(1), &params).unwrap();
    let expected = keygen_vk_custom(&theirs(&params), &TapeCircuit::new(&tape(1)), false).unwrap();
    let points = |points: &[TheirPoint]| points.iter().map(from_point).collect::<Vec<G1Affine>>();
    assert_eq!(keys.verifying.fixed.to_vec(), points(expected.fixed_commitments()));
    let permutation = points(expected.permutation().commitments());
    assert_eq!(keys.verifying.permutation.to_vec(), permutation);
    assert_eq!(derive_tape(&tape(2), &params).unwrap().verifying, keys.verifying);
}

/// What both verifiers say, which has to be the same.
fn accepted(keys: &Halo2Keys, tape: &Tape, proof: &[u8]) -> bool {
    let params = theirs(&params());
    let ours = verify(&srs().verifier_key(), &keys.verifying, &tape.inputs, proof);
    let key = keygen_vk_custom(&params, &TapeCircuit::new(tape), false).unwrap();
    let inputs = tape.inputs.map(|input| to_scalar(&input));
    let mut reader = ReferenceReader::new(keys.digest, proof);
    let result = verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        &params,
        &key,
        SingleStrategy::new(&params),
        &[&[&inputs]],
        &mut reader,
    );
    assert_eq!(ours.is_ok(), result.is_ok() && reader.is_finished());
    assert!(matches!(ours, Ok(()) | Err(Halo2Error::Pairing)));
    ours.is_ok()
}

#[test]
fn both_verifiers_accept_proofs_and_refuse_those_of_false_circuits() {
    let params = params();
    let keys = derive_tape(&tape(1), &params).unwrap();
    for seed in 1..4 {
        let tape = tape(seed);
        let proof = prove_tape(&params, &keys, &tape).unwrap();
        assert_eq!(proof.len(), PROOF_LENGTH);
        assert!(accepted(&keys, &tape, &proof));
    }
    // A gate broken, then a copy, then a public input.
    let honest = tape(1);
    let mut gate = honest.clone();
    gate.rows[4].advice[3] += Fr::ONE;
    let mut input = honest.clone();
    input.inputs[1] += Fr::ONE;
    let mut copy = honest.clone();
    let idle = (3..20).find(|row| copy.rows[*row].kind == RowKind::Idle).unwrap();
    let (left, right) = (Cell { row: idle, column: 3 }, Cell { row: 0, column: 0 });
    copy.rows[idle].advice[3] = copy.rows[0].advice[0];
    copy.copies = vec![(left, right)];
    let its_keys = derive_tape(&copy, &params).unwrap();
    assert!(accepted(&its_keys, &copy, &prove_tape(&params, &its_keys, &copy).unwrap()));
    copy.rows[idle].advice[3] += Fr::ONE;
    for (keys, tape) in [(&keys, gate), (&keys, input), (&its_keys, copy)] {
        let proof = prove_tape(&params, keys, &tape).unwrap();
        assert!(!accepted(keys, &tape, &proof));
    }
}

/// The kernels by their definitions.
struct Plain<'a> {
    params: &'a Halo2Params,
    domain: &'a domain::EvaluationDomain,
}

impl Kernels for Plain<'_> {
    fn commit(&self, basis: Basis, columns: &[Vec<Fr>]) -> Vec<G1Affine> {
        let bases = match basis {
            Basis::Lagrange => self.params.lagrange(),
            Basis::Monomial => self.params.powers(),
        };
        let sum = |column: &Vec<Fr>| {
            let terms = column.iter().zip(bases).map(|(scalar, base)| *base * scalar);
            terms.sum::<ark_bn254::G1Projective>().into()
        };
        columns.iter().map(sum).collect()
    }

    fn interpolate(&self, columns: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
        let n = Fr::from(columns[0].len() as u64).inverse().unwrap();
        let roots = self.domain.roots();
        let coefficient = |column: &[Fr], k: usize| {
            let value = |(r, v): (usize, &Fr)| *v * roots[(r * (roots.len() - k)) % roots.len()];
            column.iter().enumerate().map(value).sum::<Fr>() * n
        };
        let all = |c: &Vec<Fr>| (0..c.len()).map(|k| coefficient(c, k)).collect();
        columns.iter().map(all).collect()
    }

    fn extend(&self, coset: usize, polynomials: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
        let shift = self.domain.coset(coset).offset;
        let points: Vec<Fr> = self.domain.roots().iter().map(|root| *root * shift).collect();
        polynomials.iter().map(|f| points.iter().map(|x| evaluate(f, *x)).collect()).collect()
    }

    fn interpolate_coset(&self, coset: usize, values: Vec<Fr>) -> Vec<Fr> {
        let inverse = self.domain.coset(coset).offset.inverse().unwrap();
        let mut scale = Fr::ONE;
        let mut polynomial = self.interpolate(&[values]).remove(0);
        for coefficient in &mut polynomial {
            *coefficient *= scale;
            scale *= inverse;
        }
        polynomial
    }

    fn constraints(&self, constraints: &Constraints, columns: &CosetColumns<'_>) -> Vec<Fr> {
        (0..columns.roots.len()).map(|r| constraints.at(columns, r)).collect()
    }
}

#[test]
fn a_proof_depends_on_circuit_key_and_blinding_alone() {
    let params = params();
    let (tape, blinding) = (tape(1), blinding(5));
    let keys = derive_tape(&tape, &params).unwrap();
    let proof = prove_blinded(&params, &keys, &tape, &blinding).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(|| prove_blinded(&params, &keys, &tape, &blinding).unwrap());
        assert_eq!(again, proof, "{threads} threads");
    }
    let fresh = derive_tape(&tape, &params).unwrap();
    let plain = Plain { params: &params, domain: &fresh.proving.domain };
    assert_eq!(prove_with(&plain, &fresh, &tape, &blinding), proof, "other kernels");
}

#[test]
fn blinding_depends_on_key_inputs_and_advice_even_if_the_system_repeats_itself() {
    let params = params();
    let keys = derive_tape(&tape(1), &params).unwrap();
    let broken = LocalKey::with_repeating_system([0; 32], [7; 32]);
    let by = |tape: &Tape| Blinding::by(&broken, &keys, tape).unwrap();
    let honest = tape(1);
    let mut cell = honest.clone();
    cell.rows[7].advice[2] += Fr::ONE;
    let mut input = honest.clone();
    input.inputs[0] += Fr::ONE;
    let other = Halo2Keys { digest: [1; 32], ..keys.clone() };
    let all = [by(&honest), by(&cell), by(&input), Blinding::by(&broken, &other, &honest).unwrap()];
    for (index, one) in all.iter().enumerate() {
        assert!(all[..index].iter().all(|earlier| earlier.advice[0][0] != one.advice[0][0]));
    }
    assert_eq!(by(&honest), all[0], "the system repeats itself, or the test shows nothing");
    assert_ne!(Blinding::fresh(&keys, &honest).unwrap(), Blinding::fresh(&keys, &honest).unwrap());
    let failing = LocalKey::with_failing_system([0; 32]);
    assert!(Blinding::by(&failing, &keys, &honest).is_err());
}

const PIECE_WORDS: std::ops::Range<usize> = 14..26;

/// Someone who has guessed the witness and all other blinding computes the pieces, and compares.
#[test]
fn without_blinding_of_their_own_pieces_follow_from_the_rest() {
    let params = params();
    let tape = tape(1);
    let keys = derive_tape(&tape, &params).unwrap();
    let prove = |pieces: [Fr; 5]| {
        let proof =
            prove_blinded(&params, &keys, &tape, &Blinding { pieces, ..blinding(5) }).unwrap();
        assert!(accepted(&keys, &tape, &proof));
        proof.chunks(32).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let bare = prove([Fr::ZERO; 5]);
    let proofs: Vec<_> = (0..6).map(|seed| prove(blinding(seed).pieces)).collect();
    for (index, proof) in proofs.iter().enumerate() {
        assert_eq!(proof[..PIECE_WORDS.start], bare[..PIECE_WORDS.start]);
        for other in proofs[..index].iter().chain([&bare]) {
            assert!(PIECE_WORDS.clone().all(|word| proof[word] != other[word]));
        }
    }
    assert_eq!(prove([Fr::ZERO; 5]), bare);
    // Fresh blinding is what proofs are made with.
    let fresh = [(); 2].map(|()| Blinding::fresh(&keys, &tape).unwrap().pieces);
    assert!(fresh.concat().iter().all(|b| *b != Fr::ZERO));
    assert!(fresh[0].iter().all(|b| !fresh[1].contains(b)));
}

/// All numbers that a reader learns in the exponent or sees, and those that `h(τ)` depends on,
/// for fixed challenges: five lists of advice at `τ`, `ωτ`, `x`, `ωx`; the product at the same;
/// the random polynomial at `τ`, `x`; the pieces at `τ`.
fn seen(params: &Halo2Params, keys: &Halo2Keys, tape: &Tape, blinding: &Blinding) -> Vec<Vec<Fr>> {
    let key = &keys.proving;
    let kernels = Cpu::new(params, &key.domain);
    let [beta, gamma, y, x] = challenges();
    let rows = key.domain.size();
    let mut advice = columns::advice(tape, rows);
    for (column, cells) in advice.iter_mut().zip(&blinding.advice) {
        column[rows - BLINDING_ROWS..].copy_from_slice(cells);
    }
    let product = product::product(&advice, &key.permutation, &key.roots, beta, gamma, blinding);
    advice.push(product);
    let polynomials = kernels.interpolate(&advice);
    let constraints = Constraints::new(Challenges { beta, gamma, y }, tape.inputs);
    let mut pieces = quotient(&kernels, key, &polynomials, &constraints);
    blinding.blind(&mut pieces);
    let omega = key.domain.omega();
    let points = [tau(), omega * tau(), x, omega * x];
    let at = |f: &Vec<Fr>| points.iter().map(|point| evaluate(f, *point)).collect();
    let mut seen: Vec<Vec<Fr>> = polynomials.iter().map(at).collect();
    seen.push([tau(), x].map(|point| evaluate(&blinding.random, point)).to_vec());
    seen.push(pieces.iter().map(|piece| evaluate(piece, tau())).collect());
    seen
}

fn challenges() -> [Fr; 4] {
    let rng = &mut rng(12);
    [(); 4].map(|()| Fr::rand(rng))
}

/// The blinding as a list, and back.
fn listed(blinding: &Blinding) -> Vec<Vec<Fr>> {
    let advice = blinding.advice.iter().map(|cells| cells.to_vec());
    let rest = [blinding.product.to_vec(), blinding.random.to_vec(), blinding.pieces.to_vec()];
    advice.chain(rest).collect()
}

fn unlisted(lists: &[Vec<Fr>]) -> Blinding {
    Blinding {
        advice: core::array::from_fn(|i| lists[i].clone().try_into().unwrap()),
        product: lists[5].clone().try_into().unwrap(),
        random: lists[6].clone().try_into().unwrap(),
        pieces: lists[7].clone().try_into().unwrap(),
    }
}

fn rank(mut rows: Vec<Vec<Fr>>) -> usize {
    let mut rank = 0;
    for column in 0..rows.first().map_or(0, Vec::len) {
        let Some(pivot) = (rank..rows.len()).find(|row| rows[*row][column] != Fr::ZERO) else {
            continue;
        };
        rows.swap(rank, pivot);
        let inverse = rows[rank][column].inverse().unwrap();
        for row in rank + 1..rows.len() {
            let factor = rows[row][column] * inverse;
            for k in column..rows[row].len() {
                let term = factor * rows[rank][k];
                rows[row][k] -= term;
            }
        }
        rank += 1;
    }
    rank
}

/// The proof of zero knowledge, block by block: from blinding to what is seen the map is affine in
/// each list of blinding, triangular between the lists, and of full rank in each, but for the one
/// equation that makes the pieces sum to `h(τ)`.
#[test]
fn what_is_seen_is_uniform_whatever_the_witness() {
    let params = params();
    let tape = tape(1);
    let keys = derive_tape(&tape, &params).unwrap();
    let base = listed(&blinding(5));
    let origin = seen(&params, &keys, &tape, &unlisted(&base));
    assert_eq!(base.len(), origin.len());
    let expected = [4, 4, 4, 4, 4, 4, 2, 5];
    for (list, expected) in expected.into_iter().enumerate() {
        let step = |cell: usize, by: u64| {
            let mut lists = base.clone();
            lists[list][cell] += Fr::from(by);
            seen(&params, &keys, &tape, &unlisted(&lists))
        };
        let mut block = Vec::new();
        for cell in 0..base[list].len() {
            let (once, thrice) = (step(cell, 1), step(cell, 3));
            for other in 0..list {
                assert_eq!(once[other], origin[other], "list {other} depends on list {list}");
            }
            let slope = |moved: &[Fr]| -> Vec<Fr> {
                moved.iter().zip(&origin[list]).map(|(a, b)| *a - b).collect()
            };
            let (one, three) = (slope(&once[list]), slope(&thrice[list]));
            assert!(one.iter().zip(&three).all(|(a, b)| *a * Fr::from(3u64) == *b), "affine");
            block.push(one);
        }
        assert_eq!(rank(block), expected, "list {list}");
    }
    // The one equation: the pieces' sum is what advice and product determine.
    let pieces = origin.last().unwrap();
    let power = tau().pow([1u64 << LOG]);
    let sum = |pieces: &[Fr]| evaluate(pieces, power);
    let moved =
        seen(&params, &keys, &tape, &Blinding { pieces: blinding(6).pieces, ..blinding(5) });
    assert_ne!(moved.last(), Some(pieces));
    assert_eq!(sum(moved.last().unwrap()), sum(pieces));
    let elsewhere = Blinding { advice: blinding(6).advice, ..blinding(5) };
    let elsewhere = seen(&params, &keys, &tape, &elsewhere);
    assert_ne!(sum(elsewhere.last().unwrap()), sum(pieces));
}

#[test]
fn a_reference_string_without_the_one_power_more_is_refused() {
    let mut srs = srs().into_unchecked();
    assert_eq!(srs.g1.len(), powers(LOG));
    let bytes = params().to_bytes();
    srs.g1.pop();
    let srs = srs.check().unwrap();
    let error = ParamsError::TooSmall { expected: 33, got: 32 };
    assert_eq!(Halo2Params::new(&srs, LOG).unwrap_err(), error);
    assert_eq!(Halo2Params::from_bytes(&srs, LOG, &bytes).unwrap_err(), error);
    assert!(Halo2Params::new(&srs, LOG - 1).is_ok());
}

#[test]
fn coset_domains_are_those_of_the_transforms() {
    let keys = derive_tape(&tape(1), &params()).unwrap();
    let domain = &keys.proving.domain;
    assert_eq!(domain.omega(), zktrain_backends::halo2::key::omega(LOG));
    assert!(domain.rows().elements().eq(domain.roots()));
}
