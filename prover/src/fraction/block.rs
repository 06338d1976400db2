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
use zktrain_circuits::fraction::ARITY;

use super::limbs::{self, Limbs, ProductSum, R, R2, fold, to_field};

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

/// What a round binds its variable to.
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

/// A round's polynomial at 1, −1, 2 and its coefficient of `t^4`.
pub(super) type Evaluations = [Fr; 4];

/// The four children of a parent.
pub(super) trait Block: Copy + Send + Sync {
    /// What a pair becomes when its variable is bound.
    type Bound: Block<Shared = ()>;
    /// Constants of a region.
    type Shared: Clone + Send + Sync;
    /// Constants of binding a region's variable.
    type Binder: Sync;
    /// What a round sums over pairs, not yet reduced.
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
    fn evaluations(
        totals: &Self::Totals,
        shared: &Self::Shared,
        batching: &Batching,
    ) -> Evaluations;
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
        let (q01, q23) = (limbs::mul(q0, q1), limbs::mul(q2, q3));
        let left = limbs::dot(p0, q1, p1, q0);
        let right = limbs::dot(p2, q3, p3, q2);
        Node {
            p: to_field(&limbs::dot(&left, &q23, &right, &q01)),
            q: to_field(&limbs::mul(&q01, &q23)),
        }
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
        let p01 = cross([&p[0], &q[1], &p[1], &q[0]]);
        let p23 = cross([&p[2], &q[3], &p[3], &q[2]]);
        let q01 = product(&q[0], &q[1]);
        let q23 = product(&q[2], &q[3]);
        for (i, sum) in sums.iter_mut().enumerate() {
            // Below 2·5·2 = 20, so the result is below 4.8.
            sum.add(&limbs::dot(&p01[i], &q23[i], &p23[i], &q01[i]), limbs::of(weight));
        }
    }

    fn totals(sums: &[ProductSum; 4]) -> [Fr; 4] {
        sums.each_ref().map(ProductSum::finish)
    }

    fn evaluations(sums: &[Fr; 4], (): &(), _: &Batching) -> Evaluations {
        *sums
    }

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
        let (q01, q23) = (limbs::mul(q0, q1), limbs::mul(q2, q3));
        let (left, right) = (limbs::add(q0, q1), limbs::add(q2, q3));
        Node {
            p: to_field(&limbs::dot(&left, &q23, &right, &q01)),
            q: to_field(&limbs::mul(&q01, &q23)),
        }
    }

    fn prepare(&mut self, batching: &Batching) {
        self.q.iter_mut().for_each(|q| *q *= batching.lambda);
    }

    fn full(&self, (): &(), batching: &Batching) -> Full {
        let one = Fr::one();
        Full {
            p: [one + self.q[0], one, one, one],
            q: self.q.map(|y| y * batching.inverse),
        }
    }

    #[inline]
    fn accumulate(sums: &mut [ProductSum; 4], weight: &Fr, low: &Self, high: &Self) {
        let y: [Line; 4] = core::array::from_fn(|i| Line::new(&low.q[i], &high.q[i]));
        let weight = limbs::of(weight);
        let points = [Line::at_1, Line::at_minus_1, Line::at_2];
        for (sum, at) in sums.iter_mut().zip(points) {
            let [y0, y1, y2, y3] = y.each_ref().map(at);
            let (a, b) = (limbs::mul(&y0, &y1), limbs::mul(&y2, &y3)); // below 1.8
            let left = limbs::add(&y0, &y1); // below 4
            let right = fold(&limbs::add(&y2, &y3), &R2);
            sum.add(&limbs::dot(&a, &limbs::add(&right, &b), &b, &left), weight);
        }
        // The sums of lines do not reach t^4.
        let [y0, y1, y2, y3] = y.each_ref().map(|line| &line.slope);
        sums[3].add(&limbs::mul(&limbs::mul(y0, y1), &limbs::mul(y2, y3)), weight);
    }

    fn totals(sums: &[ProductSum; 4]) -> [Fr; 4] {
        sums.each_ref().map(ProductSum::finish)
    }

    fn evaluations(sums: &[Fr; 4], (): &(), batching: &Batching) -> Evaluations {
        let scale = batching.inverse.square() * batching.inverse;
        sums.map(|sum| sum * scale)
    }

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
        let step = limbs::mul(&limbs::sub(high, low), limbs::of(t)); // below 1.4
        to_field(&fold(&limbs::add(low, &step), &R))
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
        Self { low, high, slope: limbs::sub(high, low) }
    }

    #[inline(always)]
    fn at_1(&self) -> Limbs {
        *self.high
    }

    /// Below 2.
    #[inline(always)]
    fn at_minus_1(&self) -> Limbs {
        fold(&limbs::add(self.low, &limbs::sub(self.low, self.high)), &R2)
    }

    /// Below 2.
    #[inline(always)]
    fn at_2(&self) -> Limbs {
        fold(&limbs::add(self.high, &self.slope), &R2)
    }
}

/// `a·b` at 1, −1, 2 and infinity, below 2.
#[inline(always)]
fn product(a: &Line<'_>, b: &Line<'_>) -> [Limbs; 4] {
    let leading = fold(&limbs::mul(&a.slope, &b.slope), &R);
    let [at_1, at_minus_1, at_2] =
        extend(&limbs::mul(a.low, b.low), &limbs::mul(a.high, b.high), &leading);
    [at_1, fold(&at_minus_1, &R2), fold(&at_2, &R2), leading]
}

/// `a·b + c·d` at 1, −1, 2 and infinity, below 5.1.
#[inline(always)]
fn cross([a, b, c, d]: [&Line<'_>; 4]) -> [Limbs; 4] {
    let leading = fold(&limbs::dot(&a.slope, &b.slope, &c.slope, &d.slope), &R); // below 1.6
    let [at_1, at_minus_1, at_2] = extend(
        &limbs::dot(a.low, b.low, c.low, d.low),
        &limbs::dot(a.high, b.high, c.high, d.high),
        &leading,
    );
    [at_1, at_minus_1, at_2, leading]
}

/// From a quadratic's values at 0 and 1, below 2, and its leading coefficient to
/// those at 1, −1 and 2, below 2 more than twice the leading one's bound.
#[inline(always)]
fn extend(at_0: &Limbs, at_1: &Limbs, leading: &Limbs) -> [Limbs; 3] {
    let (at_0, at_1) = (fold(at_0, &R), fold(at_1, &R));
    let twice = limbs::add(leading, leading);
    let step = fold(&limbs::sub(&at_1, &at_0), &R);
    let at_2 = limbs::add(&at_1, &limbs::add(&step, &twice));
    let at_minus_1 = limbs::add(&limbs::sub(&at_0, &step), &twice);
    [at_1, at_minus_1, at_2]
}
