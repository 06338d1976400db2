//! Blocks: the four children of one parent, and what a sumcheck does to them.
//!
//! With `Q01 = q0·q1` and `P01 = p0·q1 + p1·q0` (`Q23`, `P23` likewise) a layer
//! sums `P + λ·Q = P01·Q23 + P23·Q01 + λ·Q01·Q23`. The last term vanishes into
//! the first when `p0` is replaced by `p0 + λ·q0`, which is affine and so
//! survives binding. Where all numerators are one, the scaled `y_i = λ·q_i` give
//! `λ³·(P + λ·Q) = a·(y2 + y3 + b) + b·(y0 + y1)` with `a = y0·y1`, `b = y2·y3`.
//! [`Block::prepare`] does either.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One, Zero};
use zktrain_argument::fraction::ARITY;

use super::limbs::{self, Limbs, ProductSum, R, R2, R3, add, dot, fold, mul, sub, to_field};

/// A fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) p: Fr,
    pub(super) q: Fr,
}

impl Node {
    /// Zero, which fills the leaves that are not used.
    pub(super) fn zero() -> Self {
        Self { p: Fr::zero(), q: Fr::one() }
    }
}

/// Four fractions. Prepared: `p[0]` is `p0 + λ·q0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full {
    pub(super) p: [Fr; ARITY],
    pub(super) q: [Fr; ARITY],
}

/// Four fractions with numerators one. Prepared: `q` is `λ·q`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ones {
    pub(super) q: [Fr; ARITY],
}

/// The challenge that joins a layer's two claims.
#[derive(Clone, Copy)]
pub(super) struct Batching {
    pub(super) lambda: Fr,
    pub(super) inverse: Fr,
}

impl Batching {
    pub(super) fn new(lambda: Fr) -> Self {
        // No proof comes of λ = 0, whose probability is 2^−254.
        Self { lambda, inverse: lambda.inverse().unwrap_or_default() }
    }
}

/// What a variable is bound to.
pub(super) struct Binding {
    pub(super) t: Fr,
    pub(super) batching: Batching,
}

/// Sums that are linear in the weights.
pub(super) trait Totals: Copy + Send + Sync {
    fn zero() -> Self;
    fn add_scaled(&mut self, other: &Self, scale: &Fr);
    fn add(&mut self, other: &Self);
}

impl<const N: usize> Totals for [Fr; N] {
    fn zero() -> Self {
        [Fr::ZERO; N]
    }
    fn add_scaled(&mut self, other: &Self, scale: &Fr) {
        self.iter_mut().zip(other).for_each(|(sum, o)| *sum += *o * scale);
    }
    fn add(&mut self, other: &Self) {
        self.iter_mut().zip(other).for_each(|(sum, o)| *sum += o);
    }
}

/// What makes up a variable's polynomial `h`, together with the claim:
/// `h(1)`, `c1 + 2·c0`, `c3 + 2·c4` and `c4`.
///
/// A product of quadratics gives these four from the factors' values at 0, 1 and
/// infinity without extrapolating them: see [`Quadratic`].
pub(super) type Parts = [Fr; 4];

/// The four children of a parent.
pub(super) trait Block: Copy + Send + Sync {
    /// What a pair becomes when its variable is bound.
    type Bound: Block;
    /// Constants of a region.
    type Shared: Clone + Send + Sync;
    /// Constants of binding a region's variable.
    type Binder: Sync;
    /// A variable's sums over pairs, not yet reduced.
    type Sums: Default;
    /// The same, reduced.
    type Totals: Totals;

    /// The parent. For blocks that are not prepared.
    fn node(&self, shared: &Self::Shared) -> Node;
    /// Makes the block ready for a layer's sumcheck.
    fn prepare(&mut self, batching: &Batching);
    /// The prepared block in the general form.
    fn full(&self, shared: &Self::Shared, batching: &Batching) -> Full;
    /// Adds the pair's polynomial with a weight.
    fn accumulate(sums: &mut Self::Sums, weight: &Fr, low: &Self, high: &Self);
    /// Reduces the sums.
    fn totals(sums: &Self::Sums) -> Self::Totals;
    /// The polynomial that the sums stand for.
    fn parts(totals: &Self::Totals, shared: &Self::Shared, batching: &Batching) -> Parts;
    /// The constants of the bound region.
    fn bound_shared(shared: &Self::Shared, binding: &Binding) -> <Self::Bound as Block>::Shared;
    /// What [`Block::bind`] needs.
    fn binder(shared: &Self::Shared, binding: &Binding) -> Self::Binder;
    /// Binds the pair's variable.
    fn bind(low: &Self, high: &Self, binder: &Self::Binder) -> Self::Bound;
}

impl Full {
    /// Four fractions as a block.
    pub(super) fn of(nodes: [Node; ARITY]) -> Self {
        Self { p: nodes.map(|node| node.p), q: nodes.map(|node| node.q) }
    }

    /// `P + λ·Q` of a prepared block.
    pub(super) fn value(&self) -> Fr {
        self.node(&()).p
    }
}

impl Block for Full {
    type Bound = Self;
    type Shared = ();
    type Binder = Fr;
    type Sums = [ProductSum; 4];
    type Totals = [Fr; 4];

    fn node(&self, (): &()) -> Node {
        let [p0, p1, p2, p3] = self.p.each_ref().map(limbs::of);
        let [q0, q1, q2, q3] = self.q.each_ref().map(limbs::of);
        let (q01, q23) = (mul(q0, q1), mul(q2, q3));
        let left = dot([(p0, q1), (p1, q0)]);
        let right = dot([(p2, q3), (p3, q2)]);
        Node { p: to_field(&dot([(&left, &q23), (&right, &q01)])), q: to_field(&mul(&q01, &q23)) }
    }

    fn prepare(&mut self, batching: &Batching) {
        self.p[0] += batching.lambda * self.q[0];
    }

    fn full(&self, (): &(), _: &Batching) -> Full {
        *self
    }

    #[inline]
    fn accumulate(sums: &mut [ProductSum; 4], weight: &Fr, low: &Self, high: &Self) {
        let p: [Line; 4] = core::array::from_fn(|i| Line::new(&low.p[i], &high.p[i]));
        let q: [Line; 4] = core::array::from_fn(|i| Line::new(&low.q[i], &high.q[i]));
        // Numerators' quadratics are below 1.6, denominators' below 1.8, their
        // differences below 3.4 and 3.2, so every sum of products is below 21.6.
        let (p01, p23) = (cross(&p[0], &q[1], &p[1], &q[0]), cross(&p[2], &q[3], &p[3], &q[2]));
        let (q01, q23) = (product(&q[0], &q[1]), product(&q[2], &q[3]));
        let weight = limbs::of(weight);
        sums[0].add(&dot([(&p01.at_1, &q23.at_1), (&p23.at_1, &q01.at_1)]), weight);
        let low = [p01.low_with(&q23), p23.low_with(&q01)];
        let [[a, b], [c, d]] = low;
        sums[1].add(&dot([a, b, c, d]), weight);
        let high = [p01.high_with(&q23), p23.high_with(&q01)];
        let [[a, b], [c, d]] = high;
        sums[2].add(&dot([a, b, c, d]), weight);
        sums[3].add(&dot([(&p01.leading, &q23.leading), (&p23.leading, &q01.leading)]), weight);
    }

    fn totals(sums: &[ProductSum; 4]) -> [Fr; 4] {
        sums.each_ref().map(ProductSum::finish)
    }

    fn parts(sums: &[Fr; 4], (): &(), _: &Batching) -> Parts {
        *sums
    }

    fn bound_shared((): &(), _: &Binding) {}

    fn binder((): &(), binding: &Binding) -> Fr {
        binding.t
    }

    fn bind(low: &Self, high: &Self, t: &Fr) -> Self {
        Self { p: bind_four(&low.p, &high.p, t), q: bind_four(&low.q, &high.q, t) }
    }
}

impl Block for Ones {
    type Bound = Self;
    type Shared = ();
    type Binder = Fr;
    type Sums = [ProductSum; 4];
    type Totals = [Fr; 4];

    fn node(&self, (): &()) -> Node {
        let [q0, q1, q2, q3] = self.q.each_ref().map(limbs::of);
        let (q01, q23) = (mul(q0, q1), mul(q2, q3));
        let (left, right) = (add(q0, q1), add(q2, q3));
        Node { p: to_field(&dot([(&left, &q23), (&right, &q01)])), q: to_field(&mul(&q01, &q23)) }
    }

    fn prepare(&mut self, batching: &Batching) {
        self.q.iter_mut().for_each(|q| *q *= batching.lambda);
    }

    fn full(&self, (): &(), batching: &Batching) -> Full {
        let one = Fr::one();
        Full { p: [one + self.q[0], one, one, one], q: self.q.map(|y| y * batching.inverse) }
    }

    #[inline]
    fn accumulate(sums: &mut [ProductSum; 4], weight: &Fr, low: &Self, high: &Self) {
        let y: [Line; 4] = core::array::from_fn(|i| Line::new(&low.q[i], &high.q[i]));
        let weight = limbs::of(weight);
        let (a, b) = (product(&y[0], &y[1]), product(&y[2], &y[3])); // below 1.8
        let left = [add(y[0].low, y[1].low), add(y[0].high, y[1].high)];
        let right = [add(y[2].low, y[3].low), add(y[2].high, y[3].high)];
        let left_step = sub(&left[1], &left[0], &R2); // below 4
        // The quadratic y2 + y3 + b, below 2.2 at 0 and 1.
        let at_0 = add(&fold(&right[0], &R), &b.at_0);
        let at_1 = add(&fold(&right[1], &R), &b.at_1);
        let less_leading = sub(&at_1, &b.leading, &R2);
        let less_at_0 = sub(&at_1, &at_0, &R3);
        sums[0].add(&dot([(&a.at_1, &at_1), (&left[1], &b.at_1)]), weight);
        let low = [(&a.at_0, &less_leading), (&a.less_leading, &at_0)];
        let [c, d] = low;
        sums[1].add(&dot([c, d, (&left[0], &b.less_leading), (&left[1], &b.at_0)]), weight);
        let high = [(&a.less_at_0, &b.leading), (&a.leading, &less_at_0)];
        let [c, d] = high;
        sums[2].add(&dot([c, d, (&left_step, &b.leading)]), weight);
        sums[3].add(&mul(&a.leading, &b.leading), weight);
    }

    fn totals(sums: &[ProductSum; 4]) -> [Fr; 4] {
        sums.each_ref().map(ProductSum::finish)
    }

    fn parts(sums: &[Fr; 4], (): &(), batching: &Batching) -> Parts {
        let scale = batching.inverse.square() * batching.inverse;
        sums.map(|sum| sum * scale)
    }

    fn bound_shared((): &(), _: &Binding) {}

    fn binder((): &(), binding: &Binding) -> Fr {
        binding.t
    }

    fn bind(low: &Self, high: &Self, t: &Fr) -> Self {
        Self { q: bind_four(&low.q, &high.q, t) }
    }
}

#[inline(always)]
fn bind_four(low: &[Fr; 4], high: &[Fr; 4], t: &Fr) -> [Fr; 4] {
    core::array::from_fn(|i| {
        let (low, high) = (limbs::of(&low[i]), limbs::of(&high[i]));
        let step = mul(&sub(high, low, &R), limbs::of(t)); // below 1.4
        to_field(&fold(&add(low, &step), &R))
    })
}

/// A polynomial of degree 1.
struct Line<'a> {
    low: &'a Limbs,
    high: &'a Limbs,
    /// Below 2.
    slope: Limbs,
}

impl<'a> Line<'a> {
    #[inline(always)]
    fn new(low: &'a Fr, high: &'a Fr) -> Self {
        let (low, high) = (limbs::of(low), limbs::of(high));
        Self { low, high, slope: sub(high, low, &R) }
    }
}

/// A polynomial of degree 2, with values at 0 and 1 below 2.
///
/// With the leading coefficients `a2, b2` the product of two has
/// `c1 + 2·c0 = a(0)·(b(1) − b2) + (a(1) − a2)·b(0)` and
/// `c3 + 2·c4 = (a(1) − a(0))·b2 + a2·(b(1) − b(0))`.
struct Quadratic {
    at_0: Limbs,
    at_1: Limbs,
    leading: Limbs,
    /// `at_1 − leading`
    less_leading: Limbs,
    /// `at_1 − at_0`
    less_at_0: Limbs,
}

impl Quadratic {
    #[inline(always)]
    fn new(at_0: Limbs, at_1: Limbs, leading: Limbs) -> Self {
        let less_leading = sub(&at_1, &leading, &R2);
        let less_at_0 = sub(&at_1, &at_0, &R2);
        Self { at_0, at_1, leading, less_leading, less_at_0 }
    }

    /// The products whose sum is `c1 + 2·c0` of the product.
    #[inline(always)]
    fn low_with<'a>(&'a self, other: &'a Self) -> [(&'a Limbs, &'a Limbs); 2] {
        [(&self.at_0, &other.less_leading), (&self.less_leading, &other.at_0)]
    }

    /// The products whose sum is `c3 + 2·c4` of the product.
    #[inline(always)]
    fn high_with<'a>(&'a self, other: &'a Self) -> [(&'a Limbs, &'a Limbs); 2] {
        [(&self.less_at_0, &other.leading), (&self.leading, &other.less_at_0)]
    }
}

/// `a·b`: below 1.2 at 0 and 1, the leading coefficient below 1.8.
#[inline(always)]
fn product(a: &Line<'_>, b: &Line<'_>) -> Quadratic {
    Quadratic::new(mul(a.low, b.low), mul(a.high, b.high), mul(&a.slope, &b.slope))
}

/// `a·b + c·d`: below 1.4 at 0 and 1, the leading coefficient below 1.6.
#[inline(always)]
fn cross(a: &Line<'_>, b: &Line<'_>, c: &Line<'_>, d: &Line<'_>) -> Quadratic {
    Quadratic::new(
        dot([(a.low, b.low), (c.low, d.low)]),
        dot([(a.high, b.high), (c.high, d.high)]),
        fold(&dot([(&a.slope, &b.slope), (&c.slope, &d.slope)]), &R),
    )
}
