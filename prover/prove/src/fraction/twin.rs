//! Pairs of small integers: range lookups at their second variable.
//!
//! The first challenge `t` makes field elements of the integers:
//! `u = (1 − t)·low + t·high`. The second variable's sums are still of integers: `e_k` has
//! degree `k` in `t`, so it follows from the integers' `e_k` at the first `k` of
//! the points 0, 1, −1, 2 and from its leading coefficient. Both challenges are
//! bound at once.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One};

use super::block::{Batching, Binding, Block, Full, Node, Ones, Parts};
use super::limbs::{self, IntegerSum, Limbs};
use super::symmetric::{Powers, SUMS, SymmetricSums};

/// The points in the first challenge where the integers are summed.
const POINTS: [i64; 4] = [0, 1, -1, 2];
/// All sums: of the weights, and the symmetric ones at the points and infinity.
const TOTALS: usize = 1 + SUMS * (POINTS.len() + 1);

/// Four fractions with numerators one and denominators
/// `base + (1 − t)·low[i] + t·high[i]`.
#[derive(Clone, Copy)]
pub(super) struct Twin {
    pub(super) low: [u16; 4],
    pub(super) high: [u16; 4],
}

/// What the blocks of a region share.
#[derive(Clone)]
pub(super) struct Bound {
    powers: Powers,
    t: Fr,
    /// Entry `k − 1`: what a polynomial of degree `k` at `t` is of its values at
    /// the first `k` points and, at the end, its leading coefficient.
    interpolation: [[Fr; 5]; 4],
}

impl Bound {
    pub(super) fn new(powers: Powers, t: Fr) -> Self {
        let interpolation = core::array::from_fn(|k| {
            let points = &POINTS[..=k];
            let mut weights = [Fr::ZERO; 5];
            for (i, point) in points.iter().enumerate() {
                let others = points.iter().filter(|other| *other != point);
                let (above, below) =
                    others.fold((Fr::one(), Fr::one()), |(above, below), other| {
                        (above * (t - Fr::from(*other)), below * Fr::from(point - other))
                    });
                weights[i] = above * below.inverse().unwrap_or_default();
            }
            weights[4] = points.iter().map(|point| t - Fr::from(*point)).product();
            weights
        });
        Self { powers, t, interpolation }
    }
}

/// Multipliers of `1` and of the integers in a bound denominator times `λ`, shifted.
pub(super) struct Binder([Limbs; 5]);

/// A variable's sums: of the weights, and the symmetric ones at the points and infinity.
#[derive(Default)]
pub(super) struct Sums {
    weight: IntegerSum,
    symmetric: [SymmetricSums; 5],
}

impl Twin {
    fn denominators(&self, shared: &Bound) -> [Fr; 4] {
        let value = |i: usize| {
            let (low, high) = (Fr::from(self.low[i]), Fr::from(self.high[i]));
            shared.powers.0[1] + low + shared.t * (high - low)
        };
        core::array::from_fn(value)
    }

    #[inline(always)]
    fn at(&self, i: usize, point: i64) -> i64 {
        let (low, high) = (i64::from(self.low[i]), i64::from(self.high[i]));
        low + (high - low) * point
    }

    #[inline(always)]
    fn slope(&self, i: usize) -> i64 {
        i64::from(self.high[i]) - i64::from(self.low[i])
    }
}

impl Block for Twin {
    type Bound = Ones;
    type Shared = Box<Bound>;
    type Binder = Binder;
    type Sums = Sums;
    type Totals = [Fr; TOTALS];

    fn node(&self, shared: &Box<Bound>) -> Node {
        Ones { q: self.denominators(shared) }.node(&())
    }

    fn prepare(&mut self, _: &Batching) {}

    fn full(&self, shared: &Box<Bound>, batching: &Batching) -> Full {
        let mut full = Full { p: [Fr::one(); 4], q: self.denominators(shared) };
        full.prepare(batching);
        full
    }

    #[inline]
    fn accumulate(sums: &mut Sums, weight: &Fr, low: &Self, high: &Self) {
        let weight = limbs::of(weight);
        sums.weight.add(weight, 1);
        let [finite @ .., infinite] = &mut sums.symmetric;
        for (lowest, (sums, point)) in (1u32..).zip(finite.iter_mut().zip(POINTS)) {
            let lines = core::array::from_fn(|i| [low.at(i, point), high.at(i, point)]);
            sums.add(weight, lines, lowest);
        }
        infinite.add(weight, core::array::from_fn(|i| [low.slope(i), high.slope(i)]), 1);
    }

    fn totals(sums: &Sums) -> [Fr; TOTALS] {
        let mut totals = [Fr::ZERO; TOTALS];
        totals[0] = sums.weight.finish();
        for (to, sums) in totals[1..].chunks_mut(SUMS).zip(&sums.symmetric) {
            to.copy_from_slice(&sums.totals());
        }
        totals
    }

    fn parts(totals: &[Fr; TOTALS], shared: &Box<Bound>, batching: &Batching) -> Parts {
        // Of which e_k, less 1, each of the symmetric sums is.
        const DEGREES: [usize; SUMS] = [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3];
        let at_t: [Fr; SUMS] = core::array::from_fn(|sum| {
            let values = totals[1 + sum..].iter().step_by(SUMS);
            values.zip(&shared.interpolation[DEGREES[sum]]).map(|(v, w)| *v * w).sum()
        });
        shared.powers.parts(totals[0], at_t, batching.lambda)
    }

    fn bound_shared(_: &Box<Bound>, _: &Binding) {}

    fn binder(shared: &Box<Bound>, Binding { t, batching }: &Binding) -> Binder {
        let first = [Fr::one() - shared.t, shared.t];
        let second = [Fr::one() - t, *t];
        let weight = |i: usize, j: usize| batching.lambda * first[i] * second[j];
        let constant = batching.lambda * shared.powers.0[1];
        let all = [constant, weight(0, 0), weight(1, 0), weight(0, 1), weight(1, 1)];
        Binder(all.map(limbs::shifted))
    }

    #[inline]
    fn bind(low: &Self, high: &Self, Binder(multipliers): &Binder) -> Ones {
        let value = |i: usize| {
            let [a, b, c, d] = [low.low[i], low.high[i], high.low[i], high.high[i]].map(u64::from);
            limbs::combination(multipliers, &[1, a, b, c, d])
        };
        Ones { q: core::array::from_fn(value) }
    }
}
