//! The sumcheck of one layer.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One};
use rayon::prelude::*;
use zktrain_argument::arith::Native;
use zktrain_argument::fraction::{FractionLayer, LeafClaim};
use zktrain_argument::transcript::Transcript;

use super::block::{Batching, Binding, Block, Full, Node, Parts};
use super::level::{AnyRegion, Level, Run};
use super::weights::{EqTables, weight_of};

/// A region and `eq` of its place among its equals, which no variable changes
/// before the region's own variables are bound.
struct Placed {
    region: AnyRegion,
    weight: Fr,
    /// `P + λ·Q` of the blocks that are not stored, times the weight. Binding
    /// equal blocks leaves them as they are.
    rest: Fr,
}

/// The state between two variables.
struct Layer {
    regions: Vec<Placed>,
    run: Run,
    /// What fills the level behind the run.
    zero: Full,
    batching: Batching,
}

/// Reduces the claim on the parents to one on the nodes of `level`.
pub(super) fn prove(
    transcript: &mut Transcript<Fr>,
    level: Level,
    claim: &LeafClaim<Fr>,
) -> (FractionLayer<Fr>, LeafClaim<Fr>) {
    let lambda = transcript.challenge(&mut Native, "fraction batching");
    let mut running = claim.numerator + lambda * claim.denominator;
    let mut layer = Layer::new(level, &claim.point, Batching::new(lambda));
    let mut univariates = Vec::with_capacity(claim.point.len());
    let mut bound = Vec::with_capacity(claim.point.len());
    for (k, r) in claim.point.iter().enumerate() {
        let z = &claim.point[k + 1..];
        let (parts, rest) = layer.univariate(z);
        let coefficients = interpolate(&parts, running - rest, r);
        let [c0, higher @ ..] = coefficients;
        transcript.absorb(&mut Native, "fraction round", &higher);
        let t = transcript.challenge(&mut Native, "fraction round challenge");
        running = higher.iter().rev().fold(Fr::ZERO, |value, c| (value + c) * t) + c0 + rest;
        layer.bind(&t);
        univariates.push(higher);
        bound.push(t);
    }
    let Full { p: numerators, q: denominators } = layer.children();
    transcript.absorb(&mut Native, "fraction child numerators", &numerators);
    transcript.absorb(&mut Native, "fraction child denominators", &denominators);
    let mut point = transcript.challenges(&mut Native, "fraction children", 2);
    let at = |v: &[Fr; 4]| super::interpolate(v, &point);
    let (numerator, denominator) = (at(&numerators), at(&denominators));
    point.extend(bound);
    (
        FractionLayer { univariates, numerators, denominators },
        LeafClaim { point, numerator, denominator },
    )
}

impl Layer {
    fn new(mut level: Level, r: &[Fr], batching: Batching) -> Self {
        level.prepare(&batching);
        let mut zero = Full::of([Node::zero(); 4]);
        zero.prepare(&batching);
        let mut start = 0usize;
        let place = |region: AnyRegion| {
            let log = region.log() as usize;
            let weight = weight_of(&r[log..], start >> log);
            start += 1 << log;
            let rest = region.rest_value(&batching) * weight;
            Placed { region, weight, rest }
        };
        let regions = level.regions.into_iter().map(place).collect();
        let mut layer = Self { regions, run: level.run, zero, batching };
        layer.dissolve();
        layer
    }

    /// The stored pairs' polynomial, and the constant of all the others.
    fn univariate(&self, z: &[Fr]) -> (Parts, Fr) {
        let eq = EqTables::new(z);
        let share = |placed: &Placed| {
            let share = placed.region.share(&eq, z, &self.batching);
            let rest = share.rest * placed.rest;
            (share.parts.map(|value| value * placed.weight), rest)
        };
        let run = self.run.parts(&eq, z.len(), &self.zero);
        let rest = self.run.rest(z) * self.zero.value();
        let add = |(a, rest_a): (Parts, Fr), (b, rest_b): (Parts, Fr)| {
            (core::array::from_fn(|i| a[i] + b[i]), rest_a + rest_b)
        };
        let none = || ([Fr::ZERO; 4], Fr::ZERO);
        add((run, rest), self.regions.par_iter().map(share).reduce(none, add))
    }

    fn bind(&mut self, t: &Fr) {
        let binding = Binding { t: *t, batching: self.batching };
        let regions = std::mem::take(&mut self.regions);
        self.regions = regions
            .into_par_iter()
            .map(|placed| Placed { region: placed.region.bind(&binding), ..placed })
            .collect();
        self.run.bind(&binding, &self.zero);
        self.dissolve();
    }

    /// Moves regions that have become a single block to the front of the run.
    fn dissolve(&mut self) {
        let kept = self.regions.partition_point(|placed| placed.region.log() > 0);
        if kept == self.regions.len() {
            return;
        }
        let singles = self.regions.drain(kept..).map(|placed| placed.region.single(&self.batching));
        let mut blocks: Vec<Full> = singles.collect();
        self.run.first -= blocks.len();
        blocks.append(&mut self.run.blocks);
        self.run.blocks = blocks;
    }

    /// The four children at the bound point.
    fn children(&self) -> Full {
        let mut children = self.run.blocks.first().copied().unwrap_or(self.zero);
        children.p[0] -= self.batching.lambda * children.q[0];
        children
    }
}

/// The coefficients of `h` from its parts and `claim = (1 − r)·h(0) + r·h(1)`.
fn interpolate(parts: &Parts, claim: Fr, r: &Fr) -> [Fr; 5] {
    let [at_1, low, high, c4] = parts;
    // No proof comes of r = 1, whose probability is 2^−254.
    let inverse = (Fr::one() - r).inverse().unwrap_or_default();
    let c0 = (claim - *r * at_1) * inverse;
    let c1 = *low - c0.double();
    let c3 = *high - c4.double();
    [c0, c1, *at_1 - c0 - c1 - c3 - c4, c3, *c4]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_returns_the_coefficients() {
        let c: [Fr; 5] = [3u64, 5, 7, 11, 13].map(Fr::from);
        let at = |t: Fr| c.iter().rev().fold(Fr::ZERO, |value, c| value * t + c);
        let r = Fr::from(17u64);
        let claim = (Fr::one() - r) * at(Fr::ZERO) + r * at(Fr::one());
        let parts = [at(Fr::one()), c[1] + c[0].double(), c[3] + c[4].double(), c[4]];
        assert_eq!(interpolate(&parts, claim, &r), c);
    }
}
