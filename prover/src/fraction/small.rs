//! Blocks of small integers: range lookups until their first variable is bound.
//!
//! With all numerators one and denominators `q_i = b + u_i`, the parent is
//! `Q = b⁴ + b³·e1 + b²·e2 + b·e3 + e4` and `P = dQ/db`, where `e_k` are the
//! elementary symmetric polynomials of the `u_i`. They are machine integers,
//! also at the few points where the first round's polynomial is evaluated. So
//! the round sums integers with field weights, and a parent costs the products
//! of four constants by one-limb integers.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One};

use super::block::{Batching, Binding, Block, Evaluations, Full, Node, Ones, Totals};
use super::limbs::{self, IntegerSum, Limbs};

/// Four fractions with numerators one and denominators `base + values[i]`.
#[derive(Clone, Copy)]
pub(super) struct Small {
    pub(super) values: [u16; 4],
}

/// What the blocks of a region share.
#[derive(Clone)]
pub(super) struct Base {
    /// `b^k` for `k ≤ 4`.
    powers: [Fr; 5],
    /// Multipliers of `1, e1, e2, e3, e4` in the denominator, shifted.
    denominator: [Limbs; 5],
    /// Multipliers of `1, e1, e2, e3` in the numerator, shifted.
    numerator: [Limbs; 4],
}

/// Multipliers of `1`, the low and the high value in a bound denominator times `λ`, shifted.
pub(super) struct Binder {
    constant: Limbs,
    low: Limbs,
    high: Limbs,
}

impl Base {
    pub(super) fn new(base: Fr) -> Self {
        let one = Fr::one();
        let square = base.square();
        let powers = [one, base, square, square * base, square.square()];
        let [_, b1, b2, b3, b4] = powers;
        let numerator = [b3.double().double(), b2.double() + b2, b1.double(), one];
        Self {
            powers,
            denominator: [b4, b3, b2, b1, one].map(limbs::shifted),
            numerator: numerator.map(limbs::shifted),
        }
    }

    /// `P + λ·Q` from the sums of the weights and of the weighted `e1..e4`.
    fn combine(&self, [w, e1, e2, e3, e4]: [Fr; 5], lambda: Fr) -> Fr {
        let [_, b1, b2, b3, b4] = &self.powers;
        let three = Fr::from(3u64);
        let p = (*b3 * w).double().double() + three * b2 * e1 + (*b1 * e2).double() + e3;
        p + lambda * (*b4 * w + *b3 * e1 + *b2 * e2 + *b1 * e3 + e4)
    }
}

/// `e1..e4` of four integers below 2^17 in magnitude.
#[inline(always)]
fn symmetric([u0, u1, u2, u3]: [i64; 4]) -> (i64, i64, i64, i128) {
    let (s, t) = (u0 + u1, u2 + u3);
    let (a, b) = (u0 * u1, u2 * u3);
    (s + t, a + b + s * t, a * t + b * s, i128::from(a) * i128::from(b))
}

/// A round's sums: of the weights, and of the weighted symmetric polynomials.
#[derive(Default)]
pub(super) struct Sums {
    weight: IntegerSum,
    /// At 1, and the coefficient of `t`.
    first: [IntegerSum; 2],
    /// At 1, −1 and 2.
    second: [IntegerSum; 3],
    /// At 1, −1 and 2.
    third: [IntegerSum; 3],
    /// At 1, −1, 2, and the coefficient of `t^4`.
    fourth: [IntegerSum; 4],
}

impl Block for Small {
    type Bound = Ones;
    type Shared = Base;
    type Binder = Binder;
    type Sums = Sums;
    type Totals = [Fr; 13];

    fn node(&self, base: &Base) -> Node {
        let (e1, e2, e3, e4) = symmetric(self.values.map(i64::from));
        // All below 2^64, and with 1 they sum to at most 2^64: the product of the u_i + 1.
        let e = [1, e1 as u64, e2 as u64, e3 as u64, e4 as u64];
        Node {
            p: limbs::combination(&base.numerator, &[e[0], e[1], e[2], e[3]]),
            q: limbs::combination(&base.denominator, &e),
        }
    }

    fn prepare(&mut self, _: &Batching) {}

    fn full(&self, base: &Base, batching: &Batching) -> Full {
        let q = self.values.map(|value| base.powers[1] + Fr::from(value));
        let mut full = Full { p: [Fr::one(); 4], q };
        full.prepare(batching);
        full
    }

    #[inline]
    fn accumulate(sums: &mut Sums, weight: &Fr, low: &Self, high: &Self) {
        let weight = limbs::of(weight);
        let low = low.values.map(i64::from);
        let high = high.values.map(i64::from);
        let slope: [i64; 4] = core::array::from_fn(|i| high[i] - low[i]);
        let points = [
            high,
            core::array::from_fn(|i| low[i] - slope[i]),
            core::array::from_fn(|i| high[i] + slope[i]),
        ];
        sums.weight.add(weight, 1);
        for (i, point) in points.into_iter().enumerate() {
            let (e1, e2, e3, e4) = symmetric(point);
            if i == 0 {
                sums.first[0].add(weight, e1);
            }
            sums.second[i].add(weight, e2);
            sums.third[i].add(weight, e3);
            sums.fourth[i].add_wide(weight, e4);
        }
        sums.first[1].add(weight, slope.iter().sum());
        sums.fourth[3].add_wide(weight, symmetric(slope).3);
    }

    fn totals(sums: &Sums) -> [Fr; 13] {
        let Sums { weight, first, second, third, fourth } = sums;
        let all = [core::slice::from_ref(weight), first, second, third, fourth];
        let mut totals = <[Fr; 13]>::zero();
        totals.iter_mut().zip(all.into_iter().flatten()).for_each(|(to, sum)| *to = sum.finish());
        totals
    }

    fn evaluations(totals: &[Fr; 13], base: &Base, batching: &Batching) -> Evaluations {
        let [w, first, slope, e2_0, e2_1, e2_2, e3_0, e3_1, e3_2, fourth @ ..] = totals;
        let (second, third) = ([e2_0, e2_1, e2_2], [e3_0, e3_1, e3_2]);
        let lambda = batching.lambda;
        let first = [*first, *first - slope.double(), *first + slope];
        let at = |i: usize| base.combine([*w, first[i], *second[i], *third[i], fourth[i]], lambda);
        [at(0), at(1), at(2), lambda * fourth[3]]
    }

    fn binder(base: &Base, Binding { t, batching }: &Binding) -> Binder {
        let high = batching.lambda * t;
        Binder {
            constant: limbs::shifted(batching.lambda * base.powers[1]),
            low: limbs::shifted(batching.lambda - high),
            high: limbs::shifted(high),
        }
    }

    #[inline]
    fn bind(low: &Self, high: &Self, binder: &Binder) -> Ones {
        let multipliers = [binder.constant, binder.low, binder.high];
        let value = |i: usize| [1, u64::from(low.values[i]), u64::from(high.values[i])];
        Ones { q: core::array::from_fn(|i| limbs::combination(&multipliers, &value(i))) }
    }
}
