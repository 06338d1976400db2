//! The first variables, over small integers.
//!
//! With all numerators one and denominators `q_i = b + u_i`, the parent is
//! `Q = b⁴ + b³·e1 + b²·e2 + b·e3 + e4` and `P = dQ/db`, where `e_k` are the
//! elementary symmetric polynomials of the `u_i`. If the `u_i` are lines with
//! integer values, the parts of every `e_k` as a polynomial are integers, and a
//! variable's sums are of integers with field weights.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One};

use super::block::Parts;
use super::limbs::{IntegerSum, Limbs};

/// Sums that [`SymmetricSums`] holds.
pub(super) const SUMS: usize = 11;

/// The powers `b^k` for `k ≤ 4`.
#[derive(Clone, Copy)]
pub(super) struct Powers(pub(super) [Fr; 5]);

impl Powers {
    pub(super) fn new(base: Fr) -> Self {
        let square = base.square();
        Self([Fr::one(), base, square, square * base, square.square()])
    }

    /// The parts of `P + λ·Q` from the sum of the weights and [`SymmetricSums::totals`].
    pub(super) fn parts(&self, w: Fr, sums: [Fr; SUMS], lambda: Fr) -> Parts {
        let zero = Fr::ZERO;
        let [e1_0, e1_1, e2_0, e2_1, e3_0, e3_1, e3_2, e4_0, e4_1, e4_2, e4_3] = sums;
        [
            [w, e1_0, e2_0, e3_0, e4_0],
            [w.double(), e1_1, e2_1, e3_1, e4_1],
            [zero, zero, zero, e3_2, e4_2],
            [zero, zero, zero, zero, e4_3],
        ]
        .map(|sums| self.combine(sums, lambda))
    }

    /// `P + λ·Q` from `1, e1, …, e4`, or from the same linear function of each.
    fn combine(&self, [w, e1, e2, e3, e4]: [Fr; 5], lambda: Fr) -> Fr {
        let [_, b1, b2, b3, b4] = &self.0;
        let three = Fr::from(3u64);
        let p = (*b3 * w).double().double() + three * b2 * e1 + (*b1 * e2).double() + e3;
        p + lambda * (*b4 * w + *b3 * e1 + *b2 * e2 + *b1 * e3 + e4)
    }
}

/// Values at 0 and 1 of a line.
pub(super) type IntegerLine = [i64; 2];

/// A polynomial of degree at most 2: at 0, at 1, and the leading coefficient.
#[derive(Clone, Copy)]
struct Quadratic([i64; 3]);

impl Quadratic {
    #[inline(always)]
    fn product(a: IntegerLine, b: IntegerLine) -> Self {
        Self([a[0] * b[0], a[1] * b[1], (a[1] - a[0]) * (b[1] - b[0])])
    }

    #[inline(always)]
    fn line([at_0, at_1]: IntegerLine) -> Self {
        Self([at_0, at_1, 0])
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
fn product_parts<T>(Quadratic(a): Quadratic, Quadratic(b): Quadratic) -> [T; 4]
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

/// Sums of the weighted parts of `e1..e4`, but of those that vanish by degree.
#[derive(Default)]
pub(super) struct SymmetricSums {
    first: [IntegerSum; 2],
    second: [IntegerSum; 2],
    third: [IntegerSum; 3],
    fourth: [IntegerSum; 4],
}

impl SymmetricSums {
    /// Adds `e_lowest..e4` of four lines of integers below 2^18 in magnitude.
    #[inline(always)]
    pub(super) fn add(&mut self, weight: &Limbs, u: [IntegerLine; 4], lowest: u32) {
        let sum = |[a, b]: IntegerLine, [c, d]: IntegerLine| [a + c, b + d];
        let (s, t) = (sum(u[0], u[1]), sum(u[2], u[3]));
        let (a, b) = (Quadratic::product(u[0], u[1]), Quadratic::product(u[2], u[3]));
        if lowest <= 1 {
            let e1 = Quadratic::line(sum(s, t)).parts();
            self.first.iter_mut().zip(e1).for_each(|(sum, part)| sum.add(weight, part));
        }
        if lowest <= 2 {
            let e2 = sum(sum(a.parts(), b.parts()), Quadratic::product(s, t).parts());
            self.second.iter_mut().zip(e2).for_each(|(sum, part)| sum.add(weight, part));
        }
        if lowest <= 3 {
            let left: [i64; 4] = product_parts(a, Quadratic::line(t));
            let right: [i64; 4] = product_parts(b, Quadratic::line(s));
            for (i, sum) in self.third.iter_mut().enumerate() {
                sum.add(weight, left[i] + right[i]); // below 2^61
            }
        }
        let e4: [i128; 4] = product_parts(a, b); // below 2^76
        self.fourth.iter_mut().zip(e4).for_each(|(sum, part)| sum.add_wide(weight, part));
    }

    /// The sums, for `e1` to `e4` in the order of [`Parts`].
    pub(super) fn totals(&self) -> [Fr; SUMS] {
        let Self { first: [a, b], second: [c, d], third: [e, f, g], fourth: [h, i, j, k] } = self;
        [a, b, c, d, e, f, g, h, i, j, k].map(IntegerSum::finish)
    }
}
