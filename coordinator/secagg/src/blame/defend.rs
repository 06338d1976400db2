//! A member's side of a test.

use alloy_primitives::{Address, B256};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, UniformRand};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use zeroize::Zeroizing;
use zktrain_argument::curve::blinding_base;

use super::proof::{Commitments, Proof, Response};
use super::{Agreed, BlameChallenge, BlameEvidence, Point};
use crate::dleq::Statement;
use crate::eq::{eq_table, evaluate};
use crate::error::SecaggError;
use crate::group::Shared;
use crate::keys::{Pair, Secret};
use crate::messages::{Defence, PairOpening, Signed};
use crate::plan::Plan;
use crate::stream::Sign;
use crate::vector::VectorError;

/// What hides a defence. Fresh for each test, and for each statement in it: all that a defence
/// commits to besides is in the derivation of its seed, so that no two challenges meet the same
/// randomness.
pub(super) struct Randomness {
    /// `m`
    row: Zeroizing<Vec<Fr>>,
    /// `b_M`
    blinding: Fr,
    /// `t_i`
    link: Fr,
    /// `t_M`
    mask_link: Fr,
}

impl Randomness {
    pub(super) fn new(secret: &Secret, known: B256, row_log: u32) -> Self {
        let rng = &mut ChaCha20Rng::from_seed(*secret.defence(known));
        let row = Zeroizing::new((0..1usize << row_log).map(|_| Fr::rand(rng)).collect::<Vec<_>>());
        let [blinding, link, mask_link] = core::array::from_fn(|_| Fr::rand(rng));
        Self { row, blinding, link, mask_link }
    }
}

/// The update, folded to one row at the point.
pub(super) struct Folded {
    row: Zeroizing<Vec<Fr>>,
    blinding: Fr,
}

impl Folded {
    pub(super) fn new(evidence: &BlameEvidence<'_>, point: &Point) -> Result<Self, SecaggError> {
        let shape = evidence.shape;
        let values = shape.values(evidence.update)?;
        let high = eq_table(&point.high);
        let mask = (1u64 << shape.row_log) - 1;
        let mut row = Zeroizing::new(vec![Fr::ZERO; 1 << shape.row_log]);
        for (address, value) in shape.addresses().zip(values) {
            let weight = high.get((address >> shape.row_log) as usize);
            if let (Some(cell), Some(weight)) = (row.get_mut((address & mask) as usize), weight) {
                *cell += *weight * Fr::from(*value);
            }
        }
        let rows = point.rows(shape);
        let blinding = rows.iter().zip(&evidence.update.blinds).map(|(w, b)| *w * b).sum();
        Ok(Self { row, blinding })
    }
}

/// `value·G + blinding·H`
fn pedersen(g: &G1Affine, value: Fr, blinding: Fr) -> G1Projective {
    *g * value + blinding_base() * blinding
}

/// The pair's commitment, `E_ij`, with its blinding.
pub(super) fn pair_commitment(
    shared: &Shared,
    challenge: &BlameChallenge,
    weights: &[Fr],
    g: &G1Affine,
    pair: Pair,
    point: &RistrettoPoint,
) -> (G1Affine, Fr) {
    let value = pair.mask(shared, point).inner(weights);
    let blinding = pair.blinding(shared, point, challenge.digest);
    (pedersen(g, value, blinding).into_affine(), blinding)
}

/// Defends a vector. `pairs` are the other counted members, in order.
pub(crate) fn defend(
    plan: &Plan,
    shared: &Shared,
    account: Address,
    challenge: &BlameChallenge,
    pairs: &[Agreed],
    secret: &Secret,
    evidence: &BlameEvidence<'_>,
) -> Result<Defence, SecaggError> {
    let shape = evidence.shape;
    let unknown = SecaggError::Stranger { account, set: "the members of the plan" };
    let weight = plan.member(account).ok_or(unknown)?.weight;
    let length = 1usize << shape.row_log;
    let short = || SecaggError::Count {
        what: "powers of the reference string",
        expected: length,
        got: evidence.opener.powers().len(),
    };
    let powers = evidence.opener.powers().get(..length).ok_or_else(short)?;
    let g = powers.first().ok_or_else(short)?;
    let point = challenge.point(shape);
    let folded = Folded::new(evidence, &point)?;

    let weights = point.weights(shape)?;
    let mut balance = Fr::ZERO;
    let mut commit = |agreed: &Agreed| {
        let pair = Pair::new(account, agreed.with);
        let made = pair_commitment(shared, challenge, &weights, g, pair, &agreed.point);
        match pair.sign(account) {
            Sign::Plus => balance -= made.1,
            Sign::Minus => balance += made.1,
        }
        made.0
    };
    let pairs: Vec<G1Affine> = pairs.iter().map(&mut commit).collect();
    let known = Commitments::known(challenge.digest, account, &pairs, evidence.commitments);
    let random = Randomness::new(secret, known, shape.row_log);
    balance -= Fr::from(weight) * random.link;

    let at = |row: &[Fr]| evaluate(row, &point.low);
    let (value, mask) = (at(&folded.row), at(&random.row));
    let held = |value: Fr, blinding: Fr| point.scale * value + point.eta * blinding;
    let row = G1Projective::msm(powers, &random.row).map_err(|_| short())?
        + blinding_base() * random.blinding;
    let commitments = Commitments {
        test: challenge.digest,
        value: pedersen(g, held(value, folded.blinding), random.link).into_affine(),
        mask: row.into_affine(),
        mask_value: pedersen(g, held(mask, random.blinding), random.mask_link).into_affine(),
        pairs,
    };
    let response = respond(account, evidence, &point, &folded, &random, &commitments, balance)?;
    Ok(Defence { account, proof: Proof { commitments, response }.to_bytes().into() })
}

pub(super) fn respond(
    account: Address,
    evidence: &BlameEvidence<'_>,
    point: &Point,
    folded: &Folded,
    random: &Randomness,
    commitments: &Commitments,
    balance: Fr,
) -> Result<Response, SecaggError> {
    let (expected, got) = (evidence.shape.rows(), evidence.commitments.len());
    if got != expected {
        return Err(VectorError::Blinds { expected, got }.into());
    }
    let (gamma, digest) = commitments.challenge(account, evidence.commitments);
    let row: Vec<Fr> = folded.row.iter().zip(&*random.row).map(|(f, m)| gamma * m + f).collect();
    let value = evaluate(&row, &point.low);
    let blinding = folded.blinding + gamma * random.blinding;
    let link = random.link + gamma * random.mask_link;
    let seed = Response::seed(digest, &value, &blinding, &link, &balance);
    let opened = folded_commitment(evidence.commitments, &point.rows(evidence.shape))
        .ok_or(VectorError::Blinds { expected, got })?
        + commitments.mask * gamma
        - blinding_base() * blinding;
    let opening = evidence.opener.open(&opened.into_affine(), row, &point.low, seed);
    Ok(Response { value, blinding, link, balance, opening })
}

/// `Σ_k eq(ρ_hi, k)·C_k`; none if there is not one commitment a row.
pub(super) fn folded_commitment(commitments: &[G1Affine], rows: &[Fr]) -> Option<G1Projective> {
    G1Projective::msm(commitments, rows).ok()
}

/// Whether another member's defence contradicts one's own in the pair that both share.
pub(crate) fn contradict(
    plan: &Plan,
    shared: &Shared,
    account: Address,
    challenge: &BlameChallenge,
    evidence: &BlameEvidence<'_>,
    agreed: &Agreed,
    defence: &Signed<Defence>,
) -> Result<(), SecaggError> {
    let other = agreed.with;
    let wrong = |why| SecaggError::Defence { account: other, why };
    if !defence.is_by(plan, other) {
        return Err(SecaggError::Signature { what: "the defence", account: other });
    }
    let counted = &challenge.counted;
    let proof = Proof::from_bytes(&defence.body.proof, counted.len().saturating_sub(1));
    let commitments = proof.map_err(|_| wrong("it has another encoding"))?.commitments;
    if commitments.test != challenge.digest {
        return Err(wrong("it is about another test"));
    }
    let said =
        pair_of(&commitments, counted, other, account).ok_or(wrong("it has no such pair"))?;
    let g = evidence.opener.powers().first();
    let g = g.ok_or(wrong("there is no reference string"))?;
    let weights = challenge.point(evidence.shape).weights(evidence.shape)?;
    let pair = Pair::new(account, other);
    let own = pair_commitment(shared, challenge, &weights, g, pair, &agreed.point).0;
    if said == own { Err(wrong("it contradicts nothing")) } else { Ok(()) }
}

/// What one counted member says of its pair with another.
pub(super) fn pair_of(
    commitments: &Commitments,
    counted: &[Address],
    of: Address,
    with: Address,
) -> Option<G1Affine> {
    let others = counted.iter().filter(|account| **account != of);
    let mut pairs = others.zip(&commitments.pairs);
    pairs.find(|(account, _)| **account == with).map(|(_, pair)| *pair)
}

/// What a proof about a pair's point is about.
pub(super) fn reveal_statement(
    digest: &[u8; 32],
    key: RistrettoPoint,
    base: RistrettoPoint,
    shared: RistrettoPoint,
) -> Statement<'_> {
    Statement { label: "reveal", context: digest, key, base, shared }
}

/// Shows a pair's point. `base` is the other one's key.
pub(crate) fn reveal(
    plan: &Plan,
    agreed: &Agreed,
    base: RistrettoPoint,
    secret: &Scalar,
) -> PairOpening {
    let (digest, key) = (plan.digest(), RistrettoPoint::mul_base(secret));
    let proof = reveal_statement(&digest.0, key, base, *agreed.point).prove(secret);
    PairOpening { with: agreed.with, shared: agreed.point.compress().0, proof }
}
