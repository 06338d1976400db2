//! Proves an opening. The protocol is in [`zktrain_circuits::opening`].

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zktrain_circuits::opening::{OpeningProof, OpeningTranscript};

use crate::kernels::msm_full;

/// Opens the multilinear polynomial with `values` over the cube, committed to as
/// `Σ_j values[j]·g1[j]`, at `point` (coordinate `k` belongs to bit `k` of the index).
///
/// The commitment itself enters the transcript; this function computes it. Use
/// [`prove_committed`] where it is already known.
///
/// # Panics
/// If `values` does not have `2^point.len()` entries, or there are fewer powers `g1`.
pub fn prove(g1: &[G1Affine], values: Vec<Fr>, point: &[Fr], seed: [u8; 32]) -> OpeningProof {
    let commitment = msm_full(&g1[..values.len()], &values).into_affine();
    prove_committed(g1, &commitment, values, point, seed)
}

/// As [`prove`], for a commitment that the caller has.
///
/// A wrong commitment gives a proof that is rejected.
///
/// # Panics
/// If `values` does not have `2^point.len()` entries, or there are fewer powers `g1`.
pub fn prove_committed(
    g1: &[G1Affine],
    commitment: &G1Affine,
    values: Vec<Fr>,
    point: &[Fr],
    seed: [u8; 32],
) -> OpeningProof {
    assert!(!point.is_empty(), "an opening has at least one variable");
    assert_eq!(values.len(), 1 << point.len(), "one value for each corner of the cube");
    let polynomials = fold(values, point);
    let (folds, value) = commit_folds(g1, &polynomials, point);

    let mut transcript = OpeningTranscript::new(seed, commitment, point, &value);
    let r = transcript.evaluation_point(&folds);
    let r2 = r.square();
    let evaluations: Vec<(Fr, Fr)> = polynomials.iter().map(|f| evaluate_pair(f, r, r2)).collect();

    let gamma = transcript.batching_scalar(&evaluations);
    let (first, mut batch) = batch_folds(polynomials, gamma);
    let q = quotient(first.clone(), &batch, r2);
    let quotient = msm_full(&g1[..q.len()], &q).into_affine();

    let z = transcript.linearisation_point(&quotient);
    linearise(&mut batch, &first, &q, r2, z);
    divide_by_linear(&mut batch, z);
    let linearisation = msm_full(&g1[..batch.len()], &batch).into_affine();
    OpeningProof { folds, evaluations, quotient, linearisation }
}

/// `f_0 … f_{c−1}`, each half as long as the one before.
fn fold(values: Vec<Fr>, point: &[Fr]) -> Vec<Vec<Fr>> {
    let mut polynomials = vec![values];
    for x in &point[..point.len() - 1] {
        let next = fold_once(&polynomials[polynomials.len() - 1], x);
        polynomials.push(next);
    }
    polynomials
}

/// `even(f) + x·(odd(f) − even(f))`.
fn fold_once(f: &[Fr], x: &Fr) -> Vec<Fr> {
    f.par_chunks_exact(2)
        .with_min_len(1 << 10)
        .map(|pair| pair[0] + *x * (pair[1] - pair[0]))
        .collect()
}

/// Commitments to `f_1 … f_{c−1}`, and the constant `f_c`.
fn commit_folds(g1: &[G1Affine], polynomials: &[Vec<Fr>], point: &[Fr]) -> (Vec<G1Affine>, Fr) {
    let commit = |f: &Vec<Fr>| msm_full(&g1[..f.len()], f);
    let folds: Vec<G1Projective> = polynomials[1..].iter().map(commit).collect();
    let value = fold_once(&polynomials[point.len() - 1], &point[point.len() - 1])[0];
    (G1Projective::normalize_batch(&folds), value)
}

/// `(f(r), f(−r))` from the even and the odd part at `r²`.
fn evaluate_pair(f: &[Fr], r: Fr, r2: Fr) -> (Fr, Fr) {
    let (mut even, mut odd) = (Fr::ZERO, Fr::ZERO);
    for pair in f.chunks_exact(2).rev() {
        even = even * r2 + pair[0];
        odd = odd * r2 + pair[1];
    }
    (even + r * odd, even - r * odd)
}

/// `f_0`, and `Σ_{k≥1} γ^k·f_k` with as many coefficients.
fn batch_folds(polynomials: Vec<Vec<Fr>>, gamma: Fr) -> (Vec<Fr>, Vec<Fr>) {
    let mut polynomials = polynomials.into_iter();
    let first = polynomials.next().unwrap_or_default();
    let mut batch = vec![Fr::ZERO; first.len()];
    let mut power = Fr::ONE;
    for f in polynomials {
        power *= gamma;
        batch.par_iter_mut().zip(&f).with_min_len(1 << 10).for_each(|(b, f)| *b += power * f);
    }
    (first, batch)
}

/// The quotients of `first` by `X² − r²` and of `batch` by `(X² − r²)(X − r²)`, added. The
/// remainders are the interpolants `R_k`, which nobody needs in coefficients.
fn quotient(mut first: Vec<Fr>, batch: &[Fr], r2: Fr) -> Vec<Fr> {
    let mut batch = batch.to_vec();
    rayon::join(
        || divide_by_pair(&mut first, r2),
        || {
            divide_by_pair(&mut batch, r2);
            divide_by_linear(&mut batch, r2);
        },
    );
    for (q, b) in first.iter_mut().zip(&batch) {
        *q += b;
    }
    first
}

/// Replaces `f` by its quotient by `X² − a`; the remainder is dropped.
fn divide_by_pair(f: &mut Vec<Fr>, a: Fr) {
    for i in (2..f.len()).rev() {
        let carried = f[i] * a;
        f[i - 2] += carried;
    }
    f.drain(..2.min(f.len()));
}

/// Replaces `f` by its quotient by `X − a`; the remainder is dropped.
fn divide_by_linear(f: &mut Vec<Fr>, a: Fr) {
    for i in (1..f.len()).rev() {
        let carried = f[i] * a;
        f[i - 1] += carried;
    }
    f.drain(..1.min(f.len()));
}

/// Turns `batch` into `L` up to its constant term, which the next division drops.
fn linearise(batch: &mut [Fr], first: &[Fr], q: &[Fr], r2: Fr, z: Fr) {
    let first_scale = z - r2;
    let q_scale = (z.square() - r2) * first_scale;
    batch.par_iter_mut().enumerate().with_min_len(1 << 10).for_each(|(i, b)| {
        *b += first_scale * first[i];
        if let Some(q) = q.get(i) {
            *b -= q_scale * q;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::Srs;
    use ark_ec::PrimeGroup;
    use ark_ff::UniformRand;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use zktrain_circuits::opening::{KzgVerifierKey, OpeningError};
    use zktrain_verifier::hyperkzg::verify;

    struct Case {
        vk: KzgVerifierKey,
        commitment: G1Projective,
        point: Vec<Fr>,
        value: Fr,
        proof: OpeningProof,
    }

    const SEED: [u8; 32] = [5; 32];

    impl Case {
        fn new(c: usize) -> Self {
            let mut rng = ChaCha20Rng::seed_from_u64(c as u64);
            let srs = Srs::generate_g1(c as u32, &mut rng);
            let values: Vec<Fr> = (0..1 << c).map(|_| Fr::rand(&mut rng)).collect();
            let point: Vec<Fr> = (0..c).map(|_| Fr::rand(&mut rng)).collect();
            let eq = |j: usize| -> Fr {
                let factor = |(k, x): (usize, &Fr)| if j >> k & 1 == 1 { *x } else { Fr::ONE - x };
                point.iter().enumerate().map(factor).product()
            };
            let value = values.iter().enumerate().map(|(j, v)| *v * eq(j)).sum();
            let commitment = msm_full(&srs.g1[..1 << c], &values);
            let proof = prove(&srs.g1, values, &point, SEED);
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
    fn zero_polynomial_opens() {
        let case = Case::new(3);
        let srs = Srs::generate_g1(3, &mut ChaCha20Rng::seed_from_u64(3));
        let proof = prove(&srs.g1, vec![Fr::ZERO; 8], &case.point, SEED);
        assert_eq!(
            verify(&case.vk, &G1Projective::ZERO, &case.point, Fr::ZERO, SEED, &proof),
            Ok(())
        );
    }

    #[test]
    fn wrong_statements_are_rejected() {
        for c in [1, 2, 5] {
            let case = Case::new(c);
            let Case { vk, commitment, point, value, proof } = &case;
            let wrong_value = verify(vk, commitment, point, *value + Fr::ONE, SEED, proof);
            assert_eq!(wrong_value, Err(OpeningError::Value));
            let g = G1Projective::generator();
            assert!(verify(vk, &(*commitment + g), point, *value, SEED, proof).is_err());
            assert!(verify(vk, commitment, point, *value, [6; 32], proof).is_err());
            for k in 0..c {
                let mut other = point.clone();
                other[k] += Fr::ONE;
                assert!(verify(vk, commitment, &other, *value, SEED, proof).is_err());
            }
        }
    }

    #[test]
    fn a_forged_value_needs_more_than_consistent_evaluations() {
        // Adjusting the last pair so that the fold gives another value must fail in the pairing.
        let mut case = Case::new(4);
        case.value += Fr::ONE;
        case.proof.evaluations[3].0 += Fr::ONE;
        case.proof.evaluations[3].1 += Fr::ONE;
        let r =
            OpeningTranscript::new(SEED, &case.commitment.into_affine(), &case.point, &case.value)
                .evaluation_point(&case.proof.folds);
        // The folds are the same but the transcript is not: recompute the honest evaluations at the
        // new r, then shift the constant term of the last line.
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let _ = Srs::generate_g1(4, &mut rng);
        let values: Vec<Fr> = (0..16).map(|_| Fr::rand(&mut rng)).collect();
        let polynomials = fold(values, &case.point);
        case.proof.evaluations =
            polynomials.iter().map(|f| evaluate_pair(f, r, r.square())).collect();
        let x = case.point[3];
        // even·(1 − x) + odd·x must grow by one: move even only.
        let shift = (Fr::ONE - x).inverse().unwrap();
        case.proof.evaluations[3].0 += shift;
        case.proof.evaluations[3].1 += shift;
        assert_eq!(case.check(), Err(OpeningError::Pairing));
    }

    #[test]
    fn every_altered_field_is_rejected() {
        let c = 4;
        let case = Case::new(c);
        let reject = |alter: &dyn Fn(&mut OpeningProof)| {
            let mut proof = case.proof.clone();
            alter(&mut proof);
            assert_ne!(proof, case.proof);
            verify(&case.vk, &case.commitment, &case.point, case.value, SEED, &proof).unwrap_err()
        };
        let g = G1Projective::generator();
        for k in 0..c - 1 {
            reject(&|p| p.folds[k] = (p.folds[k] + g).into_affine());
        }
        for k in 0..c {
            reject(&|p| p.evaluations[k].0 += Fr::ONE);
            reject(&|p| p.evaluations[k].1 += Fr::ONE);
        }
        reject(&|p| p.quotient = (p.quotient + g).into_affine());
        assert_eq!(
            reject(&|p| p.linearisation = (p.linearisation + g).into_affine()),
            OpeningError::Pairing
        );
    }

    #[test]
    fn wrong_shapes_are_typed_errors() {
        let mut case = Case::new(3);
        let fold = case.proof.folds.pop().unwrap();
        assert_eq!(case.check(), Err(OpeningError::FoldCount { expected: 2, got: 1 }));
        case.proof.folds.push(fold);
        case.proof.evaluations.push((Fr::ZERO, Fr::ZERO));
        assert_eq!(case.check(), Err(OpeningError::EvaluationCount { expected: 3, got: 4 }));
        case.point.clear();
        assert_eq!(case.check(), Err(OpeningError::Variables { got: 0 }));
    }

    #[test]
    fn encoded_proofs_verify() {
        let mut case = Case::new(6);
        case.proof = OpeningProof::from_bytes(6, &case.proof.to_bytes()).unwrap();
        assert_eq!(case.check(), Ok(()));
    }
}
