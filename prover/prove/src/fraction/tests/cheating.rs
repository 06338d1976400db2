//! A prover written straight from the statement, honest or not.
//!
//! Each assertion of the verifier stops one kind of forgery. A verifier that
//! lacks the assertion accepts it, so no assertion is idle.

use zktrain_argument::arith::Arithmetic;
use zktrain_argument::fraction::FractionLayer;
use zktrain_argument::poseidon::{WIDTH, permute};

use super::*;

/// Adds up neighbouring fours of fractions.
fn parents(p: &[Fr], q: &[Fr]) -> (Vec<Fr>, Vec<Fr>) {
    p.chunks(4).zip(q.chunks(4)).map(|(p, q)| add(p, q)).unzip()
}

fn add(p: &[Fr], q: &[Fr]) -> (Fr, Fr) {
    let product: Fr = q.iter().product();
    (p.iter().zip(q).map(|(p, q)| *p * product / q).sum(), product)
}

/// `P + λ·Q` with every value at `t` on the line through neighbouring blocks.
fn inner(p: &[Fr], q: &[Fr], t: Fr, lambda: Fr) -> Fr {
    let line = |v: &[Fr]| -> Vec<Fr> { (0..4).map(|i| v[i] + (v[i + 4] - v[i]) * t).collect() };
    let (p, q) = add(&line(p), &line(q));
    p + lambda * q
}

/// The values at 0..4 to coefficients.
fn coefficients(values: [Fr; 5]) -> [Fr; 5] {
    let mut sum = [Fr::zero(); 5];
    for (i, value) in values.into_iter().enumerate() {
        let mut basis = vec![value];
        for j in (0..5).filter(|j| *j != i) {
            let (root, scale) = (Fr::from(j as u64), Fr::from(i as i64 - j as i64));
            let shifted: Vec<Fr> = [Fr::zero()].into_iter().chain(basis.clone()).collect();
            basis.push(Fr::zero());
            basis = shifted.iter().zip(&basis).map(|(a, b)| (*a - root * b) / scale).collect();
        }
        sum.iter_mut().zip(basis).for_each(|(sum, c)| *sum += c);
    }
    sum
}

/// Proves a layer. A false claim is carried on to the children if `forge`,
/// otherwise the children are the true ones.
fn prove_layer(
    transcript: &mut Transcript<Fr>,
    (mut p, mut q): (Vec<Fr>, Vec<Fr>),
    claim: LeafClaim<Fr>,
    forge: bool,
) -> (FractionLayer<Fr>, LeafClaim<Fr>) {
    let lambda = transcript.challenge(&mut Native, "fraction batching");
    let mut running = claim.numerator + lambda * claim.denominator;
    let (mut univariates, mut bound) = (vec![], vec![]);
    for (k, r) in claim.point.iter().enumerate() {
        let h = coefficients(core::array::from_fn(|t| {
            let pairs = p.chunks(8).zip(q.chunks(8)).enumerate();
            let values = pairs.map(|(i, (p, q))| {
                weights::weight_of(&claim.point[k + 1..], i)
                    * inner(p, q, Fr::from(t as u64), lambda)
            });
            values.sum()
        }));
        let univariate = [h[1], h[2], h[3], h[4]];
        transcript.absorb(&mut Native, "fraction round", &univariate);
        let t = transcript.challenge(&mut Native, "fraction round challenge");
        running -= *r * univariate.iter().sum::<Fr>();
        running += univariate.iter().rev().fold(Fr::zero(), |value, c| (value + c) * t);
        let bind = |v: &[Fr]| -> Vec<Fr> {
            v.chunks(8).flat_map(|v| (0..4).map(|i| v[i] + (v[i + 4] - v[i]) * t)).collect()
        };
        (p, q) = (bind(&p), bind(&q));
        univariates.push(univariate);
        bound.push(t);
    }
    if forge {
        let (numerator, denominator) = add(&p, &q);
        p[0] += (running - numerator - lambda * denominator) / (q[1] * q[2] * q[3]);
    }
    transcript.absorb(&mut Native, "fraction child numerators", &p);
    transcript.absorb(&mut Native, "fraction child denominators", &q);
    let mut point = transcript.challenges(&mut Native, "fraction children", 2);
    let (numerator, denominator) = (interpolate(&p, &point), interpolate(&q, &point));
    point.extend(bound);
    let (numerators, denominators) = (p.try_into().unwrap(), q.try_into().unwrap());
    (
        FractionLayer { univariates, numerators, denominators },
        LeafClaim { point, numerator, denominator },
    )
}

/// Proves the sum of the leaves, which is made zero at the top if `forged_layers`
/// is given; that many layers then hand the false claim down.
fn prove_plainly(
    leaves: (Vec<Fr>, Vec<Fr>),
    forged_layers: Option<usize>,
) -> (FractionProof<Fr>, LeafClaim<Fr>) {
    let mut transcript = transcript();
    let mut levels = vec![leaves];
    while levels[levels.len() - 1].0.len() > 16 {
        let (p, q) = &levels[levels.len() - 1];
        levels.push(parents(p, q));
    }
    let (mut p, q) = levels.pop().unwrap();
    if forged_layers.is_some() {
        let sum: Fr = p.iter().zip(&q).map(|(p, q)| *p / q).sum();
        p[0] -= sum * q[0];
    }
    transcript.absorb(&mut Native, "fraction top numerators", &p);
    transcript.absorb(&mut Native, "fraction top denominators", &q);
    let point = transcript.challenges(&mut Native, "fraction top point", 4);
    let (numerator, denominator) = (interpolate(&p, &point), interpolate(&q, &point));
    let mut claim = LeafClaim { point, numerator, denominator };
    let mut layers = vec![];
    while let Some(level) = levels.pop() {
        let forge = forged_layers.is_some_and(|forged| layers.len() < forged);
        let (layer, next) = prove_layer(&mut transcript, level, claim, forge);
        layers.push(layer);
        claim = next;
    }
    (FractionProof { top_numerators: p, top_denominators: q, layers }, claim)
}

/// Native arithmetic without one of the checks.
struct Without(Check);

impl Arithmetic for Without {
    type Var = Fr;
    type Error = Check;

    fn constant(&mut self, c: Fr) -> Fr {
        c
    }
    fn add(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a + b
    }
    fn sub(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a - b
    }
    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }
    fn scale(&mut self, a: &Fr, c: Fr) -> Fr {
        *a * c
    }
    fn shift(&mut self, a: &Fr, c: Fr) -> Fr {
        *a + c
    }
    fn permute(&mut self, state: &mut [Fr; WIDTH]) {
        permute(state);
    }
    fn assert_equal(&mut self, check: Check, a: &Fr, b: &Fr) -> Result<(), Check> {
        if check == self.0 || a == b { Ok(()) } else { Err(check) }
    }
}

fn verify_without(
    check: Check,
    log_leaves: u32,
    proof: &FractionProof<Fr>,
) -> Result<LeafClaim<Fr>, Check> {
    fraction::verify(&mut Without(check), &mut transcript(), log_leaves, proof)
}

const LOG_LEAVES: u32 = 10;

/// Leaves whose sum is not zero.
fn bad_segments() -> Vec<Segment> {
    let mut segments = random_segments(LOG_LEAVES, 11);
    segments.pop();
    segments
}

#[test]
fn both_provers_agree() {
    for seed in 0..4 {
        let segments = random_segments(LOG_LEAVES, seed);
        let plain = prove_plainly(leaves(LOG_LEAVES, &segments), None);
        assert_eq!(prove(&mut transcript(), LOG_LEAVES, segments), plain);
    }
}

#[test]
fn the_sum_is_asserted() {
    let (proof, claim) = prove(&mut transcript(), LOG_LEAVES, bad_segments());
    assert_eq!(verify(LOG_LEAVES, &proof), Err(Check::LookupSum));
    assert_eq!(verify_without(Check::LookupSum, LOG_LEAVES, &proof), Ok(claim));
}

#[test]
fn every_layer_is_asserted() {
    let (p, q) = leaves(LOG_LEAVES, &bad_segments());
    for depth in 0..3u32 {
        let (proof, claim) = prove_plainly((p.clone(), q.clone()), Some(depth as usize));
        let check = Check::LookupLayer(depth);
        assert_eq!(verify(LOG_LEAVES, &proof), Err(check));
        // Without the check, a true claim about leaves that do not sum to zero.
        assert_eq!(claim.numerator, interpolate(&p, &claim.point));
        assert_eq!(claim.denominator, interpolate(&q, &claim.point));
        assert_eq!(verify_without(check, LOG_LEAVES, &proof), Ok(claim));
    }
}

#[test]
fn a_forgery_carried_to_the_leaves_ends_in_a_false_claim() {
    let (p, q) = leaves(LOG_LEAVES, &bad_segments());
    let (proof, claim) = prove_plainly((p.clone(), q), Some(3));
    assert_eq!(verify(LOG_LEAVES, &proof).as_ref(), Ok(&claim));
    assert_ne!(claim.numerator, interpolate(&p, &claim.point));
}
