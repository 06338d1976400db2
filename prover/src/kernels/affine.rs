//! Batched addition of affine points of G1.
//!
//! An affine addition costs one inversion and three products. A batch shares one inversion by
//! Montgomery's trick at three more products each, which beats the ten products of a mixed
//! addition in extended coordinates.

use ark_bn254::{Fq, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field};

/// Operations that share an inversion: enough to make its cost small, few enough that their
/// points and denominators stay in the second-level cache.
const BATCH: usize = 1024;

/// Marks an [`operation`](Batch) that copies its one operand.
const COPY: u32 = 1 << 31;

/// Sums consecutive items by runs: item `i` is `load(i)`, run `k` holds the next `lens[k]` items,
/// at least one. Returns one point for each run.
///
/// Runs are summed as binary trees, level by level over all runs, so that the additions of a level
/// are independent of each other. Any points are accepted, equal and opposite ones too.
///
/// # Panics
/// If there are `2^31` items or more.
pub(crate) fn sum_runs(load: impl Fn(usize) -> G1Affine, lens: &[u32]) -> Vec<G1Affine> {
    let mut lens = lens.to_vec();
    let mut batch = Batch::default();
    let mut points = batch.halve(&load, &mut lens);
    while points.len() > lens.len() {
        points = batch.halve(&|i| points[i], &mut lens);
    }
    points
}

/// Buffers of a batch of operations. An operation is the index of the first of two operands to
/// add, or that of one to copy with [`COPY`] set.
#[derive(Default)]
struct Batch {
    operations: Vec<u32>,
    /// For each addition, last first: its denominator (zero if it needs the general formula) and
    /// the product of the denominators of those after it.
    denominators: Vec<(Fq, Fq)>,
}

impl Batch {
    /// One level: adds the items of every run in pairs.
    fn halve(&mut self, load: &impl Fn(usize) -> G1Affine, lens: &mut [u32]) -> Vec<G1Affine> {
        let total: usize = lens.iter().map(|&len| len as usize).sum();
        assert!(total < COPY as usize, "too many items to sum");
        let mut out = Vec::with_capacity(lens.iter().map(|&len| len.div_ceil(2) as usize).sum());
        let mut next = 0u32;
        for len in lens {
            for _ in 0..*len / 2 {
                self.operations.push(next);
                next += 2;
                self.flush_if_full(load, &mut out);
            }
            if *len % 2 == 1 {
                self.operations.push(next | COPY);
                next += 1;
                self.flush_if_full(load, &mut out);
            }
            *len = len.div_ceil(2);
        }
        self.flush(load, &mut out);
        out
    }

    #[inline]
    fn flush_if_full(&mut self, load: &impl Fn(usize) -> G1Affine, out: &mut Vec<G1Affine>) {
        if self.operations.len() == BATCH {
            self.flush(load, out);
        }
    }

    /// Carries out the operations and appends their results in order.
    fn flush(&mut self, load: &impl Fn(usize) -> G1Affine, out: &mut Vec<G1Affine>) {
        let mut product = Fq::ONE;
        for &operation in self.operations.iter().rev().filter(|&&op| op & COPY == 0) {
            let (p, q) = (load(operation as usize), load(operation as usize + 1));
            let difference = q.x - p.x;
            if difference == Fq::ZERO || p.is_zero() || q.is_zero() {
                self.denominators.push((Fq::ZERO, product));
            } else {
                self.denominators.push((difference, product));
                product *= difference;
            }
        }
        // A product of non-zero elements; a batch of copies alone has product one.
        let mut inverse = product.inverse().unwrap_or(Fq::ONE);
        for operation in self.operations.drain(..) {
            if operation & COPY != 0 {
                out.push(load((operation & !COPY) as usize));
                continue;
            }
            let (p, q) = (load(operation as usize), load(operation as usize + 1));
            match self.denominators.pop() {
                Some((difference, later)) if difference != Fq::ZERO => {
                    out.push(add_distinct(&p, &q, &(inverse * later)));
                    inverse *= difference;
                }
                _ => out.push((p + q).into_affine()),
            }
        }
    }
}

/// `p + q`, given the inverse of `q.x − p.x`.
#[inline(always)]
fn add_distinct(p: &G1Affine, q: &G1Affine, inverse: &Fq) -> G1Affine {
    let slope = (q.y - p.y) * inverse;
    let x = slope.square() - p.x - q.x;
    let y = slope * (p.x - x) - p.y;
    G1Affine::new_unchecked(x, y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fr, G1Projective};
    use ark_ec::PrimeGroup;
    use proptest::prelude::*;

    /// Small multiples of the generator: equal, opposite and neutral points abound.
    fn point(k: i32) -> G1Affine {
        (G1Projective::generator() * Fr::from(k)).into_affine()
    }

    fn check(runs: &[Vec<i32>]) {
        let items: Vec<G1Affine> = runs.iter().flatten().map(|&k| point(k)).collect();
        let lens: Vec<u32> = runs.iter().map(|run| run.len() as u32).collect();
        let expected: Vec<G1Affine> = runs.iter().map(|run| point(run.iter().sum())).collect();
        assert_eq!(sum_runs(|i| items[i], &lens), expected);
    }

    #[test]
    fn long_runs_cross_batches() {
        check(&[
            (0..3000).collect(),
            vec![1],
            (0..5000).map(|k| k % 7 - 3).collect(),
        ]);
        check(&[]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn runs_match_plain_sums(runs in prop::collection::vec(prop::collection::vec(-3i32..4, 1..20), 0..12)) {
            check(&runs);
        }
    }
}
