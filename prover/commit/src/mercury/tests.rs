use super::*;
use crate::srs::{CheckedSrs, Srs};
use ark_bn254::G1Projective;
use ark_ec::{AffineRepr, PrimeGroup};
use ark_ff::UniformRand;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::curve::blinding_base;
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_argument::opening::mercury::OpeningError;
use zktrain_verify::mercury::verify;

pub(super) const SEED: [u8; 32] = [5; 32];

struct Case {
    vk: KzgVerifierKey,
    commitment: G1Projective,
    point: Vec<Fr>,
    value: Fr,
    proof: OpeningProof,
}

pub(super) fn random(n: usize, seed: u64) -> Vec<Fr> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..n).map(|_| Fr::rand(&mut rng)).collect()
}

pub(super) fn srs(log: u32) -> CheckedSrs {
    Srs::generate_g1(log, &mut ChaCha20Rng::seed_from_u64(9)).check().unwrap()
}

/// The sum over the corners, straight from the definition.
pub(super) fn multilinear(values: &[Fr], point: &[Fr]) -> Fr {
    let eq = |j: usize| -> Fr {
        let factor = |(k, x): (usize, &Fr)| if j >> k & 1 == 1 { *x } else { Fr::ONE - x };
        point.iter().enumerate().map(factor).product()
    };
    values.iter().enumerate().map(|(j, v)| *v * eq(j)).sum()
}

impl Case {
    fn new(c: usize) -> Self {
        let srs = srs(c as u32);
        let (values, point) = (random(1 << c, 1), random(c, 2));
        let value = multilinear(&values, &point);
        let commitment = msm_full(&srs.g1[..1 << c], &values);
        let proof = prove(srs.g1(), values, &point, SEED);
        Self { vk: srs.verifier_key(), commitment, point, value, proof }
    }

    fn check(&self) -> Result<(), OpeningError> {
        verify(&self.vk, &self.commitment, &self.point, self.value, SEED, &self.proof)
    }
}

#[test]
fn complete_for_every_number_of_variables() {
    for c in 1..=12 {
        assert_eq!(Case::new(c).check(), Ok(()), "c = {c}");
    }
}

#[test]
fn a_longer_reference_string_changes_nothing() {
    let case = Case::new(5);
    let proof = prove(srs(8).g1(), random(32, 1), &case.point, SEED);
    assert_eq!(proof, case.proof);
}

#[test]
fn zero_and_constant_polynomials_open() {
    for c in 1..=5 {
        let case = Case::new(c);
        for value in [Fr::ZERO, Fr::ONE, -Fr::from(7u64)] {
            let values = vec![value; 1 << c];
            let srs = srs(c as u32);
            let commitment = msm_full(&srs.g1[..1 << c], &values);
            let proof = prove(srs.g1(), values, &case.point, SEED);
            let accepted = verify(&case.vk, &commitment, &case.point, value, SEED, &proof);
            assert_eq!(accepted, Ok(()), "c = {c}");
        }
    }
}

#[test]
fn corners_of_the_cube_open() {
    let (srs, values) = (srs(3), random(8, 1));
    let commitment = msm_full(&srs.g1[..8], &values);
    for (corner, value) in values.iter().enumerate() {
        let point: Vec<Fr> = (0..3).map(|k| Fr::from(corner as u64 >> k & 1)).collect();
        let proof = prove(srs.g1(), values.clone(), &point, SEED);
        let accepted = verify(&srs.verifier_key(), &commitment, &point, *value, SEED, &proof);
        assert_eq!(accepted, Ok(()));
    }
}

#[test]
fn wrong_statements_are_rejected() {
    for c in [1, 2, 5] {
        let case = Case::new(c);
        let Case { vk, commitment, point, value, proof } = &case;
        let reject = |commitment: &G1Projective, point: &[Fr], value: Fr, seed: [u8; 32]| {
            let rejected = verify(vk, commitment, point, value, seed, proof);
            assert_eq!(rejected, Err(OpeningError::Pairing), "c = {c}");
        };
        let g = G1Projective::generator();
        reject(commitment, point, *value + Fr::ONE, SEED);
        reject(&(*commitment + g), point, *value, SEED);
        reject(&(*commitment + blinding_base()), point, *value, SEED);
        reject(commitment, point, *value, [6; 32]);
        reject(commitment, &[point.as_slice(), &[Fr::ZERO]].concat(), *value, SEED);
        for k in 0..c {
            let mut other = point.clone();
            other[k] += Fr::ONE;
            reject(commitment, &other, *value, SEED);
        }
    }
}

#[test]
fn every_altered_field_is_rejected() {
    for c in [1, 4, 5] {
        let case = Case::new(c);
        let reject = |alter: &dyn Fn(&mut OpeningProof)| {
            let mut proof = case.proof.clone();
            alter(&mut proof);
            assert_ne!(proof, case.proof);
            let rejected =
                verify(&case.vk, &case.commitment, &case.point, case.value, SEED, &proof);
            assert_eq!(rejected, Err(OpeningError::Pairing));
        };
        let points: [fn(&mut OpeningProof) -> &mut G1Affine; 7] = [
            |p| &mut p.fold,
            |p| &mut p.quotient,
            |p| &mut p.remainder,
            |p| &mut p.products,
            |p| &mut p.reversal,
            |p| &mut p.batch,
            |p| &mut p.linearisation,
        ];
        for point in points {
            reject(&|p| *point(p) = (*point(p) + G1Affine::generator()).into_affine());
            reject(&|p| *point(p) = (*point(p) + blinding_base()).into_affine());
        }
        for k in 0..2 {
            reject(&|p| p.evaluations.remainder[k] += Fr::ONE);
            reject(&|p| p.evaluations.fold[k] += Fr::ONE);
            reject(&|p| p.evaluations.products[k] += Fr::ONE);
        }
    }
}

#[test]
fn wrong_numbers_of_variables_are_typed_errors() {
    let mut case = Case::new(3);
    for got in [0, 29] {
        case.point.resize(got, Fr::ONE);
        assert_eq!(case.check(), Err(OpeningError::Variables { got }));
    }
}

#[test]
fn encoded_proofs_verify() {
    let mut case = Case::new(6);
    case.proof = OpeningProof::from_bytes(&case.proof.to_bytes()).unwrap();
    assert_eq!(case.check(), Ok(()));
}
