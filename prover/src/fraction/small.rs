//! Blocks of small integers: range lookups until their first variable is bound.
//!
//! With all numerators one and denominators `q_i = b + u_i`, the parent is
//! `Q = b⁴ + b³·e1 + b²·e2 + b·e3 + e4` and `P = dQ/db`, where `e_k` are the
//! elementary symmetric polynomials of the `u_i`. They are machine integers, and
//! so are the parts of each as a polynomial in the first round's variable. So
//! the round sums integers with field weights, and a parent costs the products
//! of four constants by one-limb integers.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One};

use super::block::{Batching, Binding, Block, Parts, Full, Node, Ones, Totals};
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

/// A polynomial of degree at most 2 with integer values: at 0, at 1, and the
/// leading coefficient.
#[derive(Clone, Copy)]
struct Quadratic([i64; 3]);

impl Quadratic {
    /// The product of two lines, given by their values at 0 and 1.
    #[inline(always)]
    fn product(a: [i64; 2], b: [i64; 2]) -> Self {
        Self([a[0] * b[0], a[1] * b[1], (a[1] - a[0]) * (b[1] - b[0])])
    }

    /// `h(1)` and `c1 + 2·c0`
    #[inline(always)]
    fn parts(&self) -> [i64; 2] {
        let Self([at_0, at_1, leading]) = self;
        [*at_1, at_0 + at_1 - leading]
    }
}

/// The parts of the product of two quadratics, in the integer type `T`.
#[inline(always)]
fn parts<T>(Quadratic(a): Quadratic, Quadratic(b): Quadratic) -> [T; 4]
where
    T: From<i64> + std::ops::Add<Output = T> + std::ops::Mul<Output = T>,
{
    let times = |x: i64, y: i64| T::from(x) * T::from(y);
    [
        times(a[1], b[1]),
        times(a[0], b[1] - b[2]) + times(a[1] - a[2], b[0]),
        times(a[1] - a[0], b[2]) + times(a[2], b[1] - b[0]),
        times(a[2], b[2]),
    ]
}

/// A round's sums: of the weights, and of the weighted parts of `e1..e4` but
/// those that vanish by degree.
#[derive(Default)]
pub(super) struct Sums {
    weight: IntegerSum,
    first: [IntegerSum; 2],
    second: [IntegerSum; 2],
    third: [IntegerSum; 3],
    fourth: [IntegerSum; 4],
}

impl Block for Small {
    type Bound = Ones;
    type Shared = Base;
    type Binder = Binder;
    type Sums = Sums;
    type Totals = [Fr; 12];

    fn node(&self, base: &Base) -> Node {
        let [u0, u1, u2, u3] = self.values.map(u64::from);
        let (s, t, a, b) = (u0 + u1, u2 + u3, u0 * u1, u2 * u3);
        // All below 2^64, and they sum to at most 2^64: the product of the u_i + 1.
        let e = [1, s + t, a + b + s * t, a * t + b * s, a * b];
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
        let u = |i: usize| [i64::from(low.values[i]), i64::from(high.values[i])];
        let sum = |[a, b]: [i64; 2], [c, d]: [i64; 2]| [a + c, b + d];
        let (s, t) = (sum(u(0), u(1)), sum(u(2), u(3)));
        let (a, b) = (Quadratic::product(u(0), u(1)), Quadratic::product(u(2), u(3)));
        let [e1_at_0, e1_at_1] = sum(s, t);
        let first = [e1_at_1, e1_at_0 + e1_at_1];
        let second = sum(sum(a.parts(), b.parts()), Quadratic::product(s, t).parts());
        // As quadratics, lines have the leading coefficient 0. All of these are below 2^54.
        let line = |[at_0, at_1]: [i64; 2]| Quadratic([at_0, at_1, 0]);
        let (left, right): ([i64; 4], [i64; 4]) = (parts(a, line(t)), parts(b, line(s)));
        let fourth: [i128; 4] = parts(a, b); // below 2^68

        sums.weight.add(weight, 1);
        for i in 0..2 {
            sums.first[i].add(weight, first[i]);
            sums.second[i].add(weight, second[i]);
        }
        for i in 0..3 {
            sums.third[i].add(weight, left[i] + right[i]);
        }
        for i in 0..4 {
            sums.fourth[i].add_wide(weight, fourth[i]);
        }
    }

    fn totals(sums: &Sums) -> [Fr; 12] {
        let Sums { weight, first, second, third, fourth } = sums;
        let all = [core::slice::from_ref(weight), first, second, third, fourth];
        let mut totals = <[Fr; 12]>::zero();
        totals.iter_mut().zip(all.into_iter().flatten()).for_each(|(to, sum)| *to = sum.finish());
        totals
    }

    fn parts(totals: &[Fr; 12], base: &Base, batching: &Batching) -> Parts {
        let [w, e1_0, e1_1, e2_0, e2_1, e3_0, e3_1, e3_2, e4_0, e4_1, e4_2, e4_3] = *totals;
        let zero = Fr::ZERO;
        [
            [w, e1_0, e2_0, e3_0, e4_0],
            [w.double(), e1_1, e2_1, e3_1, e4_1],
            [zero, zero, zero, e3_2, e4_2],
            [zero, zero, zero, zero, e4_3],
        ]
        .map(|sums| base.combine(sums, batching.lambda))
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
