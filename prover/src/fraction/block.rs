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

/// What a round binds its variable to, with the products that binding needs.
pub(super) struct Binding {
    pub(super) t: Fr,
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
    type Bound: Block;
    /// What a round sums over pairs.
    type Totals: Totals;

    /// The parent. For blocks that are not prepared.
    fn node(&self, base: &Fr) -> Node;
    /// Makes the block ready for a layer's sumcheck.
    fn prepare(&mut self, batching: &Batching);
    /// The prepared block in the general form.
    fn full(&self, base: &Fr, batching: &Batching) -> Full;
    /// Adds the pair's polynomial with a weight.
    fn accumulate(sums: &mut Self::Totals, weight: &Fr, low: &Self, high: &Self);
    /// The polynomial that the sums stand for.
    fn evaluations(sums: &Self::Totals, base: &Fr, batching: &Batching) -> Evaluations;
    /// Binds the pair's variable.
    fn bind(low: &Self, high: &Self, binding: &Binding) -> Self::Bound;
}

impl Full {
    /// Four fractions as a block.
    pub(super) fn of(nodes: [Node; ARITY]) -> Self {
        Self { p: nodes.map(|node| node.p), q: nodes.map(|node| node.q) }
    }

    /// `P + λ·Q` of a prepared block.
    pub(super) fn value(&self) -> Fr {
        self.node(&Fr::ZERO).p
    }
}

impl Block for Full {
    type Bound = Self;
    type Totals = [Fr; 4];

    fn node(&self, _: &Fr) -> Node {
        let Self { p: [p0, p1, p2, p3], q: [q0, q1, q2, q3] } = self;
        let (q01, q23) = (*q0 * q1, *q2 * q3);
        let left = dot(p0, q1, p1, q0);
        let right = dot(p2, q3, p3, q2);
        Node { p: dot(&left, &q23, &right, &q01), q: q01 * q23 }
    }

    fn prepare(&mut self, batching: &Batching) {
        self.p[0] += batching.lambda * self.q[0];
    }

    fn full(&self, _: &Fr, _: &Batching) -> Full {
        *self
    }

    fn accumulate(sums: &mut [Fr; 4], weight: &Fr, low: &Self, high: &Self) {
        let p: [Line; 4] = core::array::from_fn(|i| Line::new(&low.p[i], &high.p[i]));
        let q: [Line; 4] = core::array::from_fn(|i| Line::new(&low.q[i], &high.q[i]));
        let p01 = Line::dot(&p[0], &q[1], &p[1], &q[0]);
        let p23 = Line::dot(&p[2], &q[3], &p[3], &q[2]);
        let q01 = Line::product(&q[0], &q[1]);
        let q23 = Line::product(&q[2], &q[3]);
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += dot(&p01[i], &q23[i], &p23[i], &q01[i]) * weight;
        }
    }

    fn evaluations(sums: &[Fr; 4], _: &Fr, _: &Batching) -> Evaluations {
        *sums
    }

    fn bind(low: &Self, high: &Self, binding: &Binding) -> Self {
        Self { p: bind_four(&low.p, &high.p, &binding.t), q: bind_four(&low.q, &high.q, &binding.t) }
    }
}

impl Block for Ones {
    type Bound = Self;
    type Totals = [Fr; 4];

    fn node(&self, _: &Fr) -> Node {
        let [q0, q1, q2, q3] = &self.q;
        let (q01, q23) = (*q0 * q1, *q2 * q3);
        Node { p: dot(&(*q0 + q1), &q23, &(*q2 + q3), &q01), q: q01 * q23 }
    }

    fn prepare(&mut self, batching: &Batching) {
        self.q.iter_mut().for_each(|q| *q *= batching.lambda);
    }

    fn full(&self, _: &Fr, batching: &Batching) -> Full {
        let one = Fr::one();
        Full {
            p: [one + self.q[0], one, one, one],
            q: self.q.map(|y| y * batching.inverse),
        }
    }

    fn accumulate(sums: &mut [Fr; 4], weight: &Fr, low: &Self, high: &Self) {
        let y: [Line; 4] = core::array::from_fn(|i| Line::new(&low.q[i], &high.q[i]));
        let a = Line::product(&y[0], &y[1]);
        let b = Line::product(&y[2], &y[3]);
        let left = y[0].add(&y[1]).evaluations();
        let right = y[2].add(&y[3]).evaluations();
        for i in 0..3 {
            sums[i] += dot(&a[i], &(right[i] + b[i]), &b[i], &left[i]) * weight;
        }
        sums[3] += a[3] * b[3] * weight; // the sums of lines do not reach t^4
    }

    fn evaluations(sums: &[Fr; 4], _: &Fr, batching: &Batching) -> Evaluations {
        let scale = batching.inverse.square() * batching.inverse;
        sums.map(|sum| sum * scale)
    }

    fn bind(low: &Self, high: &Self, binding: &Binding) -> Self {
        Self { q: bind_four(&low.q, &high.q, &binding.t) }
    }
}

/// `a·b + c·d`
fn dot(a: &Fr, b: &Fr, c: &Fr, d: &Fr) -> Fr {
    *a * b + *c * d
}

fn bind_four(low: &[Fr; 4], high: &[Fr; 4], t: &Fr) -> [Fr; 4] {
    core::array::from_fn(|i| low[i] + (high[i] - low[i]) * t)
}

/// A polynomial of degree 1 by its values at 0 and 1 and its slope.
struct Line {
    at: [Fr; 3],
}

impl Line {
    fn new(low: &Fr, high: &Fr) -> Self {
        Self { at: [*low, *high, *high - low] }
    }

    fn add(&self, other: &Self) -> Self {
        Self { at: core::array::from_fn(|i| self.at[i] + other.at[i]) }
    }

    /// At 1, −1 and 2.
    fn evaluations(&self) -> [Fr; 3] {
        let [at_0, at_1, slope] = &self.at;
        [*at_1, *at_0 - slope, *at_1 + slope]
    }

    fn product(a: &Self, b: &Self) -> Evaluations {
        extend(core::array::from_fn(|i| a.at[i] * b.at[i]))
    }

    fn dot(a: &Self, b: &Self, c: &Self, d: &Self) -> Evaluations {
        extend(core::array::from_fn(|i| dot(&a.at[i], &b.at[i], &c.at[i], &d.at[i])))
    }
}

/// From a quadratic's values at 0, 1 and infinity to those at 1, −1, 2 and infinity.
fn extend([at_0, at_1, leading]: [Fr; 3]) -> Evaluations {
    let twice = leading.double();
    let step = at_1 - at_0;
    [at_1, at_0 - step + twice, at_1 + step + twice, leading]
}
