//! Checks a compressed proof of the halo2 backend.
//!
//! **Statement.** The circuit behind the key, [`zktrain_backends::halo2`], is
//! satisfied with these public inputs. **Messages**, with the transcript of
//! [`ChallengeChain`]: commitments to the five advice columns; challenges `θ` (unused),
//! `β`, `γ`; the permutation's product `Z` and a random polynomial `R`; `y`; the
//! quotient's six pieces; `x`; evaluations of advice at `x` and at `ωx`, of the
//! fixed columns, of `R`, of the permutation columns, of `Z` at `x` and at `ωx`;
//! SHPLONK's `y'`, `v`; its quotient `H_1`; `u`; its second quotient `H_2`.
//!
//! This is what halo2's own verifier does for this constraint system, written
//! for arkworks' types and without a way to panic; tests compare the two.
//!
//! Sources: Gabizon, Williamson, Ciobotaru, *PLONK*, eprint 2019/953; Boneh,
//! Drake, Fisch, Gabizon, eprint 2020/081 (SHPLONK); the halo2 book.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;
use ark_ff::{Field, One, Zero, batch_inversion};
use zktrain_argument::opening::{KzgVerifierKey, OpeningDecodeError, Words};
use zktrain_backends::compress::INPUTS;
use zktrain_backends::halo2::gates::{ADVICE, COEFFICIENTS, DEGREE, FIXED, View, gates};
use zktrain_backends::halo2::key::{Halo2Key, delta};
use zktrain_backends::halo2::tape::BLINDING_ROWS;
use zktrain_backends::halo2::transcript::ChallengeChain;

pub use crate::pairing::PairingTerms;

/// Pieces of the quotient.
const PIECES: usize = DEGREE - 1;
const POINTS: usize = ADVICE + 2 + PIECES + 2;
const SCALARS: usize = 2 * ADVICE + FIXED + 1 + ADVICE + 2;

/// Bytes of a proof.
pub const PROOF_LENGTH: usize = 64 * POINTS + 32 * SCALARS;

/// Why a proof is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Halo2Error {
    /// Too short, or followed by trailing bytes.
    #[error("a halo2 proof has {expected} bytes, not {got}")]
    Length {
        /// The only length.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// A point or scalar is not valid.
    #[error(transparent)]
    Element(#[from] OpeningDecodeError),
    /// A challenge fell on one of a few excluded values; an honest prover meets this with
    /// probability below `2^-220`.
    #[error("challenge fell on an excluded value")]
    DegenerateChallenge,
    /// The pairing equation does not hold.
    #[error("the compressed proof's pairing equation does not hold")]
    Pairing,
}

/// Checks a proof.
///
/// # Errors
/// If it is not the encoding of a proof, or does not convince.
pub fn verify(
    kzg: &KzgVerifierKey,
    key: &Halo2Key,
    inputs: &[Fr; INPUTS],
    proof: &[u8],
) -> Result<(), Halo2Error> {
    match reduce(kzg, key, inputs, proof)?.hold(kzg) {
        true => Ok(()),
        false => Err(Halo2Error::Pairing),
    }
}

/// Everything but the pairing.
///
/// # Errors
/// If the proof is not the encoding of one.
pub fn reduce(
    kzg: &KzgVerifierKey,
    key: &Halo2Key,
    inputs: &[Fr; INPUTS],
    proof: &[u8],
) -> Result<PairingTerms, Halo2Error> {
    let proof = Proof::read(proof)?;
    let challenges = Challenges::draw(key, inputs, &proof);
    let domain = Domain::new(key, challenges.x)?;
    let quotient = quotient(inputs, &proof, &challenges, &domain);
    open(kzg, key, &proof, &challenges, &domain, quotient)
}

struct Proof {
    advice: [G1Affine; ADVICE],
    product: G1Affine,
    random: G1Affine,
    pieces: [G1Affine; PIECES],
    advice_at_x: [Fr; ADVICE],
    advice_below: [Fr; ADVICE],
    fixed_at_x: [Fr; FIXED],
    random_at_x: Fr,
    permutation_at_x: [Fr; ADVICE],
    product_at_x: Fr,
    product_below: Fr,
    quotients: [G1Affine; 2],
}

impl Proof {
    fn read(bytes: &[u8]) -> Result<Self, Halo2Error> {
        let (expected, got) = (PROOF_LENGTH, bytes.len());
        if expected != got {
            return Err(Halo2Error::Length { expected, got });
        }
        let words = &mut Words::new(bytes, 0);
        Ok(Self {
            advice: points(words)?,
            product: words.point()?,
            random: words.point()?,
            pieces: points(words)?,
            advice_at_x: scalars(words)?,
            advice_below: scalars(words)?,
            fixed_at_x: scalars(words)?,
            random_at_x: words.scalar()?,
            permutation_at_x: scalars(words)?,
            product_at_x: words.scalar()?,
            product_below: words.scalar()?,
            quotients: points(words)?,
        })
    }

    /// Evaluations in the order in which they are sent.
    fn evaluations(&self) -> impl Iterator<Item = &Fr> {
        let advice = self.advice_at_x.iter().chain(&self.advice_below);
        advice
            .chain(&self.fixed_at_x)
            .chain([&self.random_at_x])
            .chain(&self.permutation_at_x)
            .chain([&self.product_at_x, &self.product_below])
    }
}

fn points<const N: usize>(words: &mut Words<'_>) -> Result<[G1Affine; N], OpeningDecodeError> {
    let mut all = [G1Affine::default(); N];
    for point in &mut all {
        *point = words.point()?;
    }
    Ok(all)
}

fn scalars<const N: usize>(words: &mut Words<'_>) -> Result<[Fr; N], OpeningDecodeError> {
    let mut all = [Fr::zero(); N];
    for scalar in &mut all {
        *scalar = words.scalar()?;
    }
    Ok(all)
}

struct Challenges {
    beta: Fr,
    gamma: Fr,
    /// Joins the constraints.
    y: Fr,
    /// Where everything is evaluated.
    x: Fr,
    /// Joins polynomials that are opened at the same points.
    joint: Fr,
    /// Joins the two sets of points.
    v: Fr,
    /// Where the opening's quotient is tested.
    u: Fr,
}

impl Challenges {
    fn draw(key: &Halo2Key, inputs: &[Fr; INPUTS], proof: &Proof) -> Self {
        let mut chain = ChallengeChain::new(key.digest());
        inputs.iter().for_each(|input| chain.scalar(input));
        proof.advice.iter().for_each(|point| chain.point(point));
        let _theta = chain.challenge(); // for lookups, of which there are none
        let (beta, gamma) = (chain.challenge(), chain.challenge());
        chain.point(&proof.product);
        chain.point(&proof.random);
        let y = chain.challenge();
        proof.pieces.iter().for_each(|point| chain.point(point));
        let x = chain.challenge();
        proof.evaluations().for_each(|scalar| chain.scalar(scalar));
        let (joint, v) = (chain.challenge(), chain.challenge());
        let [first, _] = &proof.quotients;
        chain.point(first);
        let u = chain.challenge();
        Self { beta, gamma, y, x, joint, v, u }
    }
}

/// The rows' domain as seen from `x`.
struct Domain {
    /// `ωx`
    below: Fr,
    /// `x^n`
    power: Fr,
    /// `1/(x^n − 1)`
    vanishing_inverse: Fr,
    /// The Lagrange polynomials of the rows of public inputs.
    first: [Fr; INPUTS],
    /// That of the last row before the blinding.
    last: Fr,
    /// The sum of those of the blinding.
    blinding: Fr,
}

impl Domain {
    fn new(key: &Halo2Key, x: Fr) -> Result<Self, Halo2Error> {
        let omega = key.omega();
        let size = Fr::from(1u64 << key.log_rows.min(63));
        let mut power = x;
        for _ in 0..key.log_rows {
            power.square_in_place();
        }
        let vanishing = power - Fr::one();
        let inverse = omega.inverse().ok_or(Halo2Error::DegenerateChallenge)?;
        let mut roots = [Fr::one(); INPUTS + BLINDING_ROWS];
        let (heads, tails) = roots.split_at_mut(INPUTS);
        let mut root = Fr::one();
        for head in heads {
            *head = root;
            root *= omega;
        }
        let mut root = Fr::one();
        for tail in tails {
            root *= inverse;
            *tail = root;
        }
        let mut inverses = roots.map(|root| size * (x - root)).to_vec();
        inverses.push(vanishing);
        if x.is_zero() || inverses.iter().any(Fr::is_zero) {
            return Err(Halo2Error::DegenerateChallenge);
        }
        batch_inversion(&mut inverses);
        // One for each root, and one for the vanishing polynomial: none is missing.
        let missing = Halo2Error::DegenerateChallenge;
        let vanishing_inverse = inverses.pop().ok_or(missing)?;
        let values = inverses.iter().zip(&roots).map(|(i, root)| vanishing * root * i);
        let values: Vec<Fr> = values.collect();
        let (first, tails) = values.split_first_chunk::<INPUTS>().ok_or(missing)?;
        let (last, rest) = tails.split_last().ok_or(missing)?;
        let (first, last, blinding) = (*first, *last, rest.iter().sum());
        Ok(Self { below: omega * x, power, vanishing_inverse, first, last, blinding })
    }
}

/// What the quotient has to be at `x`: all constraints, joined by powers of `y`.
fn quotient(inputs: &[Fr; INPUTS], proof: &Proof, challenges: &Challenges, domain: &Domain) -> Fr {
    let instance = inputs.iter().zip(&domain.first).map(|(input, l)| *input * l).sum();
    let mut coefficients = [Fr::zero(); COEFFICIENTS];
    coefficients.iter_mut().zip(&proof.fixed_at_x).for_each(|(to, from)| *to = *from);
    let [.., x, y] = proof.fixed_at_x;
    let constraints = gates(&View {
        current: proof.advice_at_x,
        next: proof.advice_below,
        coefficients,
        selectors: [x, y],
        instance,
    });
    let permutation = permutation(proof, challenges, domain);
    let all = constraints.into_iter().chain(permutation);
    all.fold(Fr::zero(), |sum, value| sum * challenges.y + value) * domain.vanishing_inverse
}

fn permutation(proof: &Proof, challenges: &Challenges, domain: &Domain) -> [Fr; 3] {
    let Challenges { beta, gamma, x, .. } = *challenges;
    let (z, below) = (proof.product_at_x, proof.product_below);
    let [start, ..] = domain.first;
    let (mut left, mut right) = (below, z);
    let (mut identity, delta) = (beta * x, delta());
    for (value, image) in proof.advice_at_x.iter().zip(&proof.permutation_at_x) {
        left *= *value + beta * image + gamma;
        right *= *value + identity + gamma;
        identity *= delta;
    }
    let active = Fr::one() - domain.last - domain.blinding;
    [start * (Fr::one() - z), domain.last * (z.square() - z), active * (left - right)]
}

/// SHPLONK over two sets of points: `{x, ωx}` for advice and `Z`, `{x}` for the rest.
fn open(
    kzg: &KzgVerifierKey,
    key: &Halo2Key,
    proof: &Proof,
    challenges: &Challenges,
    domain: &Domain,
    quotient: Fr,
) -> Result<PairingTerms, Halo2Error> {
    let Challenges { x, joint, v, u, .. } = *challenges;
    let gap = (domain.below - x).inverse().ok_or(Halo2Error::DegenerateChallenge)?;
    let mut terms = Terms { bases: Vec::new(), scalars: Vec::new(), constant: Fr::zero() };

    let along = (u - x) * gap;
    let below = proof.advice_below.iter().chain([&proof.product_below]);
    let at_x = proof.advice_at_x.iter().chain([&proof.product_at_x]);
    let mut weight = Fr::one();
    for ((point, at_x), below) in proof.advice.iter().chain([&proof.product]).zip(at_x).zip(below) {
        terms.push(*point, weight, *at_x + along * (*below - at_x));
        weight *= joint;
    }

    let mut weight = v * (u - domain.below);
    let single = key.fixed.iter().zip(&proof.fixed_at_x);
    for (point, value) in single.chain(key.permutation.iter().zip(&proof.permutation_at_x)) {
        terms.push(*point, weight, *value);
        weight *= joint;
    }
    terms.constant += weight * quotient;
    let mut power = weight;
    for piece in &proof.pieces {
        terms.push(*piece, power, Fr::zero());
        power *= domain.power;
    }
    weight *= joint;
    terms.push(proof.random, weight, proof.random_at_x);

    let [first, second] = proof.quotients;
    terms.push(first, -(u - x) * (u - domain.below), Fr::zero());
    terms.push(second, u, Fr::zero());
    terms.push(kzg.g1(), -terms.constant, Fr::zero());
    let right = G1Projective::msm_unchecked(&terms.bases, &terms.scalars);
    Ok(PairingTerms { left: second.into(), right })
}

struct Terms {
    bases: Vec<G1Affine>,
    scalars: Vec<Fr>,
    constant: Fr,
}

impl Terms {
    /// Adds `weight·(point − [value])`.
    fn push(&mut self, point: G1Affine, weight: Fr, value: Fr) {
        self.bases.push(point);
        self.scalars.push(weight);
        self.constant += weight * value;
    }
}
