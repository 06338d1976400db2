//! Zero knowledge, shown: a party that knows `τ` makes compressed proofs without any witness.
//!
//! The simulator is given a statement's public part and the secret behind the reference string,
//! no data, no trace, no model but its commitments. Everything that it draws is uniform; the rest
//! follows from the verifier's equations. The verifier accepts.

use crate::common;

use std::sync::OnceLock;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{Field, One, UniformRand, Zero};
use common::cases::Case;
use common::{Run, srs};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::curve::blinding_base;
use zktrain_argument::opening::{point_bytes, scalar_bytes};
use zktrain_argument::verifier::Opening;
use zktrain_backends::compress::PublicInputs;
use zktrain_backends::halo2::gates::{ADVICE, FIXED, View, gates};
use zktrain_backends::halo2::key::{delta, omega};
use zktrain_backends::halo2::transcript::ChallengeChain;
use zktrain_commit::mercury;
use zktrain_model::relation::Group;
use zktrain_msm::eq::evaluate_field;
use zktrain_msm::msm_full;
use zktrain_prove::compress::Compressor;
use zktrain_prove::halo2::{Halo2Keys, Halo2Params, derive, log_rows};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::proof::own_rows;
use zktrain_statement::statements::{TrainingStatement, opening_seed, transcript_start};
use zktrain_verify::halo2::{PROOF_LENGTH, verify as verify_circuit};
use zktrain_verify::training::{known_rows, verify};

const PIECES: usize = 6;

/// The secret behind [`srs`], which is generated from the same seed.
fn tau() -> Fr {
    let tau = Fr::rand(&mut ChaCha20Rng::seed_from_u64(7));
    assert_eq!((G2Affine::generator() * tau).into_affine(), srs().g2[1], "τ is known");
    tau
}

/// Commitments to polynomials of which nothing is known but their values at `τ`.
fn commit(values: &[Fr]) -> Vec<G1Affine> {
    let points: Vec<_> = values.iter().map(|value| G1Affine::generator() * value).collect();
    G1Projective::normalize_batch(&points)
}

struct Simulator {
    tau: Fr,
    rng: ChaCha20Rng,
}

impl Simulator {
    fn new(seed: u64) -> Self {
        Self { tau: tau(), rng: ChaCha20Rng::seed_from_u64(seed) }
    }

    fn scalars(&mut self, count: usize) -> Vec<Fr> {
        (0..count).map(|_| Fr::rand(&mut self.rng)).collect()
    }

    /// A proof of the halo2 circuit, for any public inputs.
    fn circuit(&mut self, keys: &Halo2Keys, inputs: [Fr; 3]) -> Vec<u8> {
        let mut sent = Sent::new(keys, &inputs);
        let tau = self.tau;
        // Advice and product: values at τ, which are committed to; at ωτ, which nobody sees.
        let at_tau = self.scalars(ADVICE + 1);
        let at_omega_tau = self.scalars(ADVICE + 1);
        sent.points(&at_tau[..ADVICE]);
        let _theta = sent.chain.challenge();
        let (beta, gamma) = (sent.chain.challenge(), sent.chain.challenge());
        let random = self.scalars(1)[0];
        sent.points(&[at_tau[ADVICE], random]);
        let y = sent.chain.challenge();
        let constraints = Constraints { keys, inputs, beta, gamma, y };
        let mut pieces = self.scalars(PIECES - 1);
        let power = tau.pow([1u64 << keys.verifying.log_rows]);
        let sum = constraints.quotient(tau, &at_tau, &at_omega_tau);
        let last = power.pow([PIECES as u64 - 1]).inverse().unwrap();
        pieces.push((sum - weighted(&pieces, power)) * last);
        sent.points(&pieces);

        let x = sent.chain.challenge();
        let below = x * keys.verifying.omega();
        let (at_x, at_below) = (self.scalars(ADVICE + 1), self.scalars(ADVICE + 1));
        let random_at_x = self.scalars(1)[0];
        let fixed_at_x = keys.evaluate(x);
        let (fixed, sigma) = fixed_at_x.split_at(FIXED);
        sent.scalars(&at_x[..ADVICE]);
        sent.scalars(&at_below[..ADVICE]);
        sent.scalars(fixed);
        sent.scalars(&[random_at_x]);
        sent.scalars(sigma);
        sent.scalars(&[at_x[ADVICE], at_below[ADVICE]]);

        // The opening's commitments are functions of what was sent.
        let (joint, v) = (sent.chain.challenge(), sent.chain.challenge());
        let x_power = x.pow([1u64 << keys.verifying.log_rows]);
        let whole = weighted(&pieces, x_power);
        let once_at_tau: Vec<Fr> = keys.evaluate(tau).into_iter().chain([whole, random]).collect();
        let quotient_at_x = constraints.quotient(x, &at_x, &at_below);
        let once_at_x: Vec<Fr> =
            fixed_at_x.iter().copied().chain([quotient_at_x, random_at_x]).collect();
        let twice = |at: Fr| -> Fr {
            let slope = (at - x) * (below - x).inverse().unwrap();
            let line = at_x.iter().zip(&at_below).map(|(a, b)| *a + slope * (*b - a));
            let differences: Vec<Fr> = at_tau.iter().zip(line).map(|(a, l)| *a - l).collect();
            weighted(&differences, joint)
        };
        let differences: Vec<Fr> =
            once_at_tau.iter().zip(&once_at_x).map(|(a, b)| *a - b).collect();
        let once = weighted(&differences, joint);
        let inverse = |value: Fr| value.inverse().unwrap();
        let first = twice(tau) * inverse((tau - x) * (tau - below)) + v * once * inverse(tau - x);
        sent.points(&[first]);
        let u = sent.chain.challenge();
        let line = twice(u) + v * (u - below) * once - (u - x) * (u - below) * first;
        sent.points(&[line * inverse(tau - u)]);
        sent.proof
    }

    /// A compressed training proof of a step from the given model and window.
    fn training(&mut self, run: &Run, keys: &Halo2Keys) -> (TrainingStatement, CompressedProof) {
        let relation = &run.key.relation;
        let scalars = self.scalars(own_rows(relation));
        let rows = commit(&scalars);
        let statement = statement(run, &rows);
        let all: Vec<G1Affine> =
            known_rows(&run.key, &statement).into_iter().chain(rows.iter().copied()).collect();
        let point = self.scalars(relation.layout.address_log as usize);
        let (gamma, blinding) = (Fr::rand(&mut self.rng), Fr::rand(&mut self.rng));
        let row_log = relation.layout.row_log as usize;
        let masked = self.scalars(1 << row_log);
        let value = evaluate_field(&masked, &point[..row_log]);
        let commitment = msm_full(&srs().g1[..masked.len()], &masked).into_affine();
        let weights: Vec<Fr> =
            relation.layout.rows.iter().map(|slot| select(&point[row_log..], slot.index)).collect();
        let folded = G1Projective::msm(&all, &weights).unwrap();
        let mask = (commitment + blinding_base() * blinding - folded) * gamma.inverse().unwrap();
        let mask = mask.into_affine();
        let h = transcript_start(&statement.to_bytes(), &all, &mask);
        let seed = opening_seed(&h, &point, &gamma, &value, &blinding);
        let opening =
            mercury::prove_committed(srs().g1(), &commitment, masked, &point[..row_log], seed);
        let claim = Opening { point, gamma, value };
        let inputs = PublicInputs::new(h, &seed, &claim);
        let circuit_proof = self.circuit(keys, inputs.to_array());
        let system = ProofSystem::Halo2;
        let proof = CompressedProof { rows, mask, claim, blinding, opening, system, circuit_proof };
        (statement, proof)
    }
}

/// `Σ_j weight^j·values_j`
fn weighted(values: &[Fr], weight: Fr) -> Fr {
    values.iter().rev().fold(Fr::zero(), |sum, value| sum * weight + value)
}

/// `eq(point, index)`
fn select(point: &[Fr], index: u64) -> Fr {
    let bits = point.iter().enumerate();
    bits.map(|(k, r)| if (index >> k) & 1 == 1 { *r } else { Fr::one() - r }).product()
}

/// A statement about the run's first window, given commitments to the rows of a proof.
fn statement(run: &Run, own: &[G1Affine]) -> TrainingStatement {
    let (block, steps) = (run.start.model.points.len(), run.key.network.steps);
    let mut update = vec![G1Projective::default(); block];
    let left = run.key.relation.layout.group_rows(Group::Update(0)).count();
    for step in own.chunks(left).take(steps) {
        update.iter_mut().zip(step).for_each(|(sum, row)| *sum -= row);
    }
    let state = run.key.relation.layout.group_rows(Group::State).count();
    let last = steps * left - state..steps * left;
    TrainingStatement {
        spec: run.key.spec,
        binding: run.binding,
        step: 0,
        dataset: run.dataset.tree.root(),
        windows: run.dataset.windows.len() as u64,
        window: 0,
        data: run.dataset.windows[0].points.clone(),
        path: run.dataset.tree.path(0),
        model: run.start.model.points.clone(),
        state: run.start.state.points.clone(),
        update: G1Projective::normalize_batch(&update),
        state_after: own[last].to_vec(),
    }
}

/// What has been sent.
struct Sent {
    chain: ChallengeChain,
    proof: Vec<u8>,
}

impl Sent {
    fn new(keys: &Halo2Keys, inputs: &[Fr]) -> Self {
        let mut chain = ChallengeChain::new(keys.digest);
        inputs.iter().for_each(|input| chain.scalar(input));
        Self { chain, proof: Vec::new() }
    }

    fn points(&mut self, values: &[Fr]) {
        for point in commit(values) {
            self.chain.point(&point);
            self.proof.extend_from_slice(&point_bytes(&point));
        }
    }

    fn scalars(&mut self, scalars: &[Fr]) {
        for scalar in scalars {
            self.chain.scalar(scalar);
            self.proof.extend_from_slice(&scalar_bytes(scalar));
        }
    }
}

/// The constraints of `docs/halo2-circuit.md`, at any point.
struct Constraints<'a> {
    keys: &'a Halo2Keys,
    inputs: [Fr; 3],
    beta: Fr,
    gamma: Fr,
    y: Fr,
}

impl Constraints<'_> {
    /// `h(point)`, given advice and product at `point` and at `ω·point`.
    fn quotient(&self, point: Fr, at: &[Fr], below: &[Fr]) -> Fr {
        let log = self.keys.verifying.log_rows;
        let size = 1u64 << log;
        let vanishing = point.pow([size]) - Fr::one();
        let lagrange = |row: u64| {
            let root = omega(log).pow([row]);
            vanishing * root * (Fr::from(size) * (point - root)).inverse().unwrap()
        };
        let all = self.keys.evaluate(point);
        let (fixed, sigma) = all.split_at(FIXED);
        let list = |values: &[Fr]| -> [Fr; ADVICE] { values[..ADVICE].try_into().unwrap() };
        let instance = (0..3).map(|row| self.inputs[row as usize] * lagrange(row)).sum();
        let mut constraints = gates(&View {
            current: list(at),
            next: list(below),
            coefficients: list(fixed),
            selectors: [fixed[5], fixed[6]],
            instance,
        });
        let (z, z_below) = (at[ADVICE], below[ADVICE]);
        let (mut left, mut right, mut name) = (z_below, z, self.beta * point);
        for (cell, image) in at.iter().zip(sigma) {
            left *= *cell + self.beta * image + self.gamma;
            right *= *cell + name + self.gamma;
            name *= delta();
        }
        let last = lagrange(size - 6);
        let blinding: Fr = (size - 5..size).map(lagrange).sum();
        constraints.push(lagrange(0) * (Fr::one() - z));
        constraints.push(last * (z.square() - z));
        constraints.push((Fr::one() - last - blinding) * (left - right));
        let joined = constraints.iter().fold(Fr::zero(), |sum, value| sum * self.y + value);
        joined * vanishing.inverse().unwrap()
    }
}

struct Made {
    run: Run,
    keys: Halo2Keys,
    compressor: Compressor,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let case = Case { momentum: 0.9, batch: 2, row_log: 13, ..Case::plain(&[5, 4, 3]) };
        let run = Run::of(&case, 2).unwrap();
        let relation = run.key.relation.clone();
        let params = Halo2Params::new(srs(), log_rows(&relation).unwrap()).unwrap();
        let keys = derive(&relation, &params).unwrap();
        let compressor = Compressor::halo2(relation, params).unwrap();
        Made { run, keys, compressor }
    })
}

#[test]
fn the_verifier_accepts_proofs_made_without_a_witness() {
    let Made { run, keys, compressor } = made();
    let circuit = compressor.key();
    for seed in 0..2 {
        let (statement, proof) = Simulator::new(seed).training(run, keys);
        assert_eq!(verify(&run.key, &circuit, &statement, &proof), Ok(()));
        // The check is one: with any other public inputs the same bytes are refused.
        let mut altered = proof.clone();
        altered.blinding += Fr::one();
        assert!(verify(&run.key, &circuit, &statement, &altered).is_err());
    }
}

/// Who does not know `τ` cannot: with another secret nothing is accepted.
#[test]
fn without_the_secret_nothing_can_be_simulated() {
    let Made { run, keys, compressor } = made();
    let mut simulator = Simulator::new(3);
    simulator.tau += Fr::one();
    let (statement, proof) = simulator.training(run, keys);
    assert!(verify(&run.key, &compressor.key(), &statement, &proof).is_err());
}

/// Statements that are false have proofs too, made this way: what a proof says besides its
/// statement is nothing.
#[test]
fn any_public_inputs_have_simulated_proofs() {
    let Made { keys, .. } = made();
    let mut simulator = Simulator::new(4);
    let inputs: [Fr; 3] = simulator.scalars(3).try_into().unwrap();
    let proof = simulator.circuit(keys, inputs);
    assert_eq!(proof.len(), PROOF_LENGTH);
    let kzg = srs().verifier_key();
    assert_eq!(verify_circuit(&kzg, &keys.verifying, &inputs, &proof), Ok(()));
    let other = [inputs[0] + Fr::one(), inputs[1], inputs[2]];
    assert!(verify_circuit(&kzg, &keys.verifying, &other, &proof).is_err());
}

#[test]
fn real_and_simulated_proofs_have_one_shape() {
    let Made { run, keys, compressor } = made();
    let (statement, simulated) = Simulator::new(5).training(run, keys);
    let (window, trace) = run.traces(1).remove(0);
    let position = run.position(0, window);
    let proved = run.prover().prove(&run.start, position, &trace).unwrap();
    let real = compressor.compress(proved.proof).unwrap();
    let (real, simulated) = (real.to_bytes(), simulated.to_bytes());
    assert_eq!(real.len(), simulated.len());
    assert_eq!(proved.statement.to_bytes().len(), statement.to_bytes().len());
    let words = |bytes: &[u8]| bytes.chunks(32).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let constant = |(a, b): &(Vec<u8>, Vec<u8>)| a == b;
    let equal = words(&real).into_iter().zip(words(&simulated)).filter(constant).count();
    assert_eq!(equal, 0, "no word of a proof is the same in all proofs");
    // Both are points and scalars in the same places.
    for bytes in [&real, &simulated] {
        let relation = &run.key.relation;
        let decoded = CompressedProof::from_bytes(relation, ProofSystem::Halo2, bytes).unwrap();
        assert_eq!(&decoded.to_bytes(), bytes);
    }
}
