//! Checks an opening. The protocol is in [`zktrain_circuits::opening`].

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{AdditiveGroup, Field};
use zktrain_circuits::opening::{
    KzgVerifierKey, MAX_VARIABLES, OpeningError, OpeningProof, OpeningTranscript,
};

/// Checks that `commitment` opens to `value` at `point` (coordinate `k` belongs to bit `k` of the
/// index), under a transcript that starts from `seed`.
///
/// # Errors
/// If the proof has the wrong shape for the point, or does not convince.
pub fn verify(
    vk: &KzgVerifierKey,
    commitment: &G1Projective,
    point: &[Fr],
    value: Fr,
    seed: [u8; 32],
    proof: &OpeningProof,
) -> Result<(), OpeningError> {
    check_shape(point.len(), proof)?;
    let commitment = commitment.into_affine();
    let mut transcript = OpeningTranscript::new(seed, &commitment, point, &value);
    let r = transcript.evaluation_point(&proof.folds);
    let lines = EvenOddLines::new(r, proof)?;
    let squares = lines.fold(point);
    if squares.last() != Some(&value) {
        return Err(OpeningError::Value);
    }
    let gamma = transcript.batching_scalar(&proof.evaluations);
    let z = transcript.linearisation_point(&proof.quotient);
    let terms = Linearisation::new(r, gamma, z).terms(&commitment, &lines, &squares, proof)?;
    check_pairing(vk, &terms, z, proof)
}

fn check_shape(c: usize, proof: &OpeningProof) -> Result<(), OpeningError> {
    if !(1..=MAX_VARIABLES).contains(&c) {
        return Err(OpeningError::Variables { got: c });
    }
    let (expected, got) = (c - 1, proof.folds.len());
    if got != expected {
        return Err(OpeningError::FoldCount { expected, got });
    }
    let (expected, got) = (c, proof.evaluations.len());
    if got != expected {
        return Err(OpeningError::EvaluationCount { expected, got });
    }
    Ok(())
}

/// For every `k`, the line through `(r, f_k(r))` and `(−r, f_k(−r))`: its constant term is
/// `even(f_k)(r²)`, its slope `odd(f_k)(r²)`.
struct EvenOddLines(Vec<(Fr, Fr)>);

impl EvenOddLines {
    fn new(r: Fr, proof: &OpeningProof) -> Result<Self, OpeningError> {
        let half = Fr::ONE.double().inverse().ok_or(OpeningError::DegenerateChallenge)?;
        let half_over_r = half * r.inverse().ok_or(OpeningError::DegenerateChallenge)?;
        let line =
            |&(plus, minus): &(Fr, Fr)| ((plus + minus) * half, (plus - minus) * half_over_r);
        Ok(Self(proof.evaluations.iter().map(line).collect()))
    }

    /// `f_1(r²) … f_c(r²)`, as the lines fold.
    fn fold(&self, point: &[Fr]) -> Vec<Fr> {
        self.0.iter().zip(point).map(|((even, odd), x)| *even + *x * (*odd - even)).collect()
    }
}

/// The challenges and what derives from them alone.
struct Linearisation {
    r: Fr,
    gamma: Fr,
    z: Fr,
}

impl Linearisation {
    fn new(r: Fr, gamma: Fr, z: Fr) -> Self {
        Self { r, gamma, z }
    }

    /// The commitment to `L` but for its constant term, as bases and scalars, and that term.
    fn terms(
        &self,
        commitment: &G1Affine,
        lines: &EvenOddLines,
        squares: &[Fr],
        proof: &OpeningProof,
    ) -> Result<Terms, OpeningError> {
        let Self { r, gamma, z } = *self;
        let r2 = r.square();
        let pair_at_z = z.square() - r2;
        let at = |(even, odd): &(Fr, Fr), x: Fr| *even + *odd * x;
        // R_k(X) = line(X) + bend·(X² − r²), with bend such that R_k(r²) = f_k(r²).
        let bend_scale = (r2.square() - r2).inverse().ok_or(OpeningError::DegenerateChallenge)?;

        let mut bases = vec![*commitment];
        let mut scalars = vec![z - r2];
        let mut constant = Fr::ZERO;
        if let Some(line) = lines.0.first() {
            constant += (z - r2) * at(line, z);
        }
        let mut power = Fr::ONE;
        for ((fold, line), square) in proof.folds.iter().zip(lines.0.iter().skip(1)).zip(squares) {
            power *= gamma;
            bases.push(*fold);
            scalars.push(power);
            let bend = (*square - at(line, r2)) * bend_scale;
            constant += power * (at(line, z) + bend * pair_at_z);
        }
        bases.push(proof.quotient);
        scalars.push(-pair_at_z * (z - r2));
        Ok(Terms { bases, scalars, constant })
    }
}

struct Terms {
    bases: Vec<G1Affine>,
    scalars: Vec<Fr>,
    constant: Fr,
}

/// `e([L] + z·[L/(X − z)], [1]) = e([L/(X − z)], [τ])`.
fn check_pairing(
    vk: &KzgVerifierKey,
    terms: &Terms,
    z: Fr,
    proof: &OpeningProof,
) -> Result<(), OpeningError> {
    let quotient = proof.linearisation;
    let left = G1Projective::msm_unchecked(&terms.bases, &terms.scalars) - vk.g1 * terms.constant
        + quotient * z;
    let product = Bn254::multi_pairing([left.into_affine(), -quotient], [vk.g2, vk.tau_g2]);
    if product.0 == <Bn254 as Pairing>::TargetField::ONE {
        Ok(())
    } else {
        Err(OpeningError::Pairing)
    }
}
