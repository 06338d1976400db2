//! Checks an opening. The protocol is in [`zktrain_argument::opening::mercury`].

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, Field};
use zktrain_argument::opening::mercury::{
    OpeningError, OpeningProof, OpeningTranscript, eq_polynomial, split,
};
use zktrain_argument::opening::{KzgVerifierKey, MAX_VARIABLES};

use crate::pairing::PairingTerms;

/// Checks that `commitment` opens to `value` at `point` (coordinate `k` belongs to bit `k` of the
/// index), under a transcript that starts from `seed`.
///
/// # Errors
/// If the point has no or too many coordinates, or the proof does not convince.
pub fn verify(
    vk: &KzgVerifierKey,
    commitment: &G1Projective,
    point: &[Fr],
    value: Fr,
    seed: [u8; 32],
    proof: &OpeningProof,
) -> Result<(), OpeningError> {
    match reduce(vk, commitment, point, value, seed, proof)?.hold(vk) {
        true => Ok(()),
        false => Err(OpeningError::Pairing),
    }
}

/// Everything but the pairing.
///
/// # Errors
/// If the point has no or too many coordinates, or a challenge falls on an excluded value.
pub fn reduce(
    vk: &KzgVerifierKey,
    commitment: &G1Projective,
    point: &[Fr],
    value: Fr,
    seed: [u8; 32],
    proof: &OpeningProof,
) -> Result<PairingTerms, OpeningError> {
    if !(1..=MAX_VARIABLES).contains(&point.len()) {
        return Err(OpeningError::Variables { got: point.len() });
    }
    let commitment = commitment.into_affine();
    let mut transcript = OpeningTranscript::new(seed, &commitment, point, &value);
    let challenges = Challenges::new(&mut transcript, proof)?;
    let claims = Claims::new(&challenges, point, value, proof)?;
    Ok(pairing(vk, &commitment, &challenges, &claims, point.len(), proof))
}

/// All challenges, and the inverse of `ζ`.
struct Challenges {
    alpha: Fr,
    gamma: Fr,
    zeta: Fr,
    zeta_inverse: Fr,
    beta: Fr,
    z: Fr,
    delta: Fr,
}

impl Challenges {
    fn new(transcript: &mut OpeningTranscript, proof: &OpeningProof) -> Result<Self, OpeningError> {
        let alpha = transcript.alpha(&proof.fold);
        let gamma = transcript.gamma(&proof.quotient, &proof.remainder);
        let zeta = transcript.zeta(&proof.products, &proof.reversal);
        let beta = transcript.beta(&proof.evaluations);
        let (z, delta) = transcript.linearisation(&proof.batch);
        let zeta_inverse = zeta.inverse().ok_or(OpeningError::DegenerateChallenge)?;
        Ok(Self { alpha, gamma, zeta, zeta_inverse, beta, z, delta })
    }
}

/// What the evaluations claim.
struct Claims {
    /// `R(z)`: the line through `p(ζ)` and `p(1/ζ)`, at `z`.
    line: Fr,
    /// `h(α)`
    fold: Fr,
    /// `D(ζ)`
    reversal: Fr,
}

impl Claims {
    fn new(
        challenges: &Challenges,
        point: &[Fr],
        value: Fr,
        proof: &OpeningProof,
    ) -> Result<Self, OpeningError> {
        let Challenges { gamma, zeta, zeta_inverse, beta, z, .. } = *challenges;
        let evaluations = &proof.evaluations;
        let ([g, g_inverse], [h, h_inverse], [s, s_inverse]) =
            (evaluations.remainder, evaluations.fold, evaluations.products);
        let (low_count, high_count) = split(point.len());
        let low: Vec<Fr> = point.iter().take(low_count).copied().collect();
        let high: Vec<Fr> = point.iter().skip(low_count).copied().collect();

        let product = |u: &[Fr], at: Fr, at_inverse: Fr| {
            at * eq_polynomial(u, zeta_inverse) + at_inverse * eq_polynomial(u, zeta)
        };
        let sum = product(&low, g, g_inverse) + gamma * product(&high, h, h_inverse);
        let half = Fr::ONE.double().inverse().ok_or(OpeningError::DegenerateChallenge)?;
        let fold = (sum - zeta * s - zeta_inverse * s_inverse) * half - gamma * value;

        let power = |log: usize| zeta.pow([1 << log]) * zeta_inverse;
        let reversal = power(low_count) * g_inverse + gamma * power(high_count) * h_inverse;

        let batched = |g: Fr, h: Fr, s: Fr| g + beta * (h + beta * s);
        let (at_zeta, at_inverse) = (batched(g, h, s), batched(g_inverse, h_inverse, s_inverse));
        let run = (zeta - zeta_inverse).inverse().ok_or(OpeningError::DegenerateChallenge)?;
        let line = at_zeta + (at_zeta - at_inverse) * run * (z - zeta);
        Ok(Self { line, fold, reversal })
    }
}

/// `e([L] + z·[L/(X − z)], [1]) = e([L/(X − z)], [τ])`.
fn pairing(
    vk: &KzgVerifierKey,
    commitment: &G1Affine,
    challenges: &Challenges,
    claims: &Claims,
    c: usize,
    proof: &OpeningProof,
) -> PairingTerms {
    let Challenges { alpha, zeta, zeta_inverse, beta, z, delta, .. } = *challenges;
    let (at_zeta, at_inverse) = (z - zeta, z - zeta_inverse);
    // Weights of p − R, D − D(ζ) and h − h(α) in L.
    let line = delta * (z - alpha);
    let reversal = beta.pow([3]) * line * at_inverse;
    let fold = delta * beta.pow([4]) * at_zeta * at_inverse;
    let terms: [(G1Affine, Fr); 8] = [
        (proof.quotient, alpha - z.pow([1 << split(c).0])),
        (proof.remainder, line - Fr::ONE),
        (proof.fold, line * beta + fold),
        (proof.products, line * beta.square()),
        (proof.reversal, reversal),
        (proof.batch, -line * at_zeta * at_inverse),
        (vk.g1(), -(line * claims.line + reversal * claims.reversal + fold * claims.fold)),
        (proof.linearisation, z),
    ];
    let (bases, scalars): (Vec<G1Affine>, Vec<Fr>) = terms.into_iter().unzip();
    let right = G1Projective::msm_unchecked(&bases, &scalars) + commitment;
    PairingTerms { left: proof.linearisation.into(), right }
}
