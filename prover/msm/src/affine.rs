//! Batched addition of affine points of G1.
//!
//! An affine addition costs one inversion and three products. A batch shares one inversion by
//! Montgomery's trick at three more products each, which beats the ten products of a mixed
//! addition in extended coordinates; and the products are made several at a time
//! (see [`super::lanes`]).

use ark_ec::CurveGroup;

use super::lanes::{Elements, LIMBS, StoredPoint, add_points, invert, ones, product};
use super::simd::{Form, Kernel, Lane, MOST_LANES};

/// Additions that share an inversion: enough to make its cost small, few enough that their
/// points and products stay in the second-level cache.
const BATCH: usize = 1024;

/// Sums consecutive items by runs: item `i` is `load(i)`, run `k` holds the next `lens[k]` items,
/// at least one. Returns one point for each run.
///
/// Runs are summed as binary trees, level by level over all runs, so that the additions of a level
/// are independent of each other. Any points are accepted, equal, opposite and neutral ones too;
/// `neutral` must be true if an item may be the neutral element, and becomes so if a sum is. Such
/// exceptions are correct but slow: they do not happen with the bases of a reference string.
///
/// # Panics
/// If there are `2^32` items or more.
pub(crate) fn sum_runs(
    load: impl Fn(usize) -> StoredPoint,
    lens: &[u32],
    neutral: &mut bool,
) -> Vec<StoredPoint> {
    sum_runs_in(Form::best(), load, lens, neutral)
}

/// As [`sum_runs`], in one of the forms that arithmetic has here.
fn sum_runs_in(
    form: Form,
    load: impl Fn(usize) -> StoredPoint,
    lens: &[u32],
    neutral: &mut bool,
) -> Vec<StoredPoint> {
    let mut lens = lens.to_vec();
    let additions = Vec::with_capacity(BATCH);
    let mut batch = Batch { form, additions, memory: Vec::new(), neutral };
    let mut points = batch.halve(&load, &mut lens);
    while points.len() > lens.len() {
        points = batch.halve(&|i| points[i], &mut lens);
    }
    points
}

/// A batch of additions. Each is the index of the first of two consecutive operands and where the
/// sum goes.
struct Batch<'a> {
    form: Form,
    additions: Vec<(u32, u32)>,
    /// Where [`AddAll`] keeps products; never read before it is written.
    memory: Vec<u64>,
    neutral: &'a mut bool,
}

impl Batch<'_> {
    /// One level: adds the items of every run in pairs.
    fn halve(
        &mut self,
        load: &impl Fn(usize) -> StoredPoint,
        lens: &mut [u32],
    ) -> Vec<StoredPoint> {
        let total: u64 = lens.iter().map(|&len| u64::from(len)).sum();
        assert!(total <= u64::from(u32::MAX), "too many items to sum");
        let results: usize = lens.iter().map(|&len| len.div_ceil(2) as usize).sum();
        let mut out = vec![StoredPoint::NEUTRAL; results];
        let (mut next, mut result) = (0u32, 0u32);
        for len in lens {
            for _ in 0..*len / 2 {
                self.additions.push((next, result));
                (next, result) = (next + 2, result + 1);
                if self.additions.len() == BATCH {
                    self.flush(load, &mut out);
                }
            }
            if *len % 2 == 1 {
                out[result as usize] = load(next as usize);
                (next, result) = (next + 1, result + 1);
            }
            *len = len.div_ceil(2);
        }
        self.flush(load, &mut out);
        out
    }

    /// Carries out the additions.
    fn flush(&mut self, load: &impl Fn(usize) -> StoredPoint, out: &mut [StoredPoint]) {
        if self.additions.is_empty() {
            return;
        }
        if *self.neutral || !self.add_all(load, out) {
            self.add_one_by_one(load, out);
        }
        self.additions.clear();
    }

    /// The batched formulas; false if a denominator is zero.
    fn add_all(&mut self, load: &impl Fn(usize) -> StoredPoint, out: &mut [StoredPoint]) -> bool {
        let words = LIMBS * self.additions.len().next_multiple_of(MOST_LANES);
        if self.memory.len() < words {
            self.memory.resize(words, 0);
        }
        let (additions, memory) = (&self.additions, &mut self.memory);
        self.form.run(AddAll { additions, memory, load, out })
    }

    /// The general formulas.
    fn add_one_by_one(&mut self, load: &impl Fn(usize) -> StoredPoint, out: &mut [StoredPoint]) {
        for &(first, result) in &self.additions {
            let (p, q) = (load(first as usize), load(first as usize + 1));
            let sum = StoredPoint::new(&(p.to_affine() + q.to_affine()).into_affine());
            *self.neutral |= sum.is_neutral();
            out[result as usize] = sum;
        }
    }
}

/// The batched formulas for a batch, a group of as many additions as there are lanes at a time.
/// Says whether no denominator is zero: otherwise nothing is written.
struct AddAll<'a, F> {
    additions: &'a [(u32, u32)],
    /// For each group, room for the product of all denominators before it.
    memory: &'a mut [u64],
    load: &'a F,
    out: &'a mut [StoredPoint],
}

impl<F: Fn(usize) -> StoredPoint> Kernel for AddAll<'_, F> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lane<N>, const N: usize>(self) -> bool {
        let groups = self.additions.chunks(N);
        let (lanes, _) = self.memory.as_chunks_mut::<N>();
        let (before, _) = lanes.as_chunks_mut::<LIMBS>();
        let before = &mut before[..groups.len()];
        let mut all = ones::<L, N>();
        for (group, before) in groups.clone().zip(before.iter_mut()) {
            let (p, q) = operands::<N>(group, self.load);
            let difference = x(&q).sub(&x(&p));
            all.save(before);
            all = product(&difference, &all);
        }
        let Some(mut inverse) = invert(&all) else {
            return false;
        };
        for (group, before) in groups.zip(before.iter()).rev() {
            let (p, q) = operands::<N>(group, self.load);
            let (x1, x2): (Elements<L, N>, _) = (x(&p), x(&q));
            let difference = x2.sub(&x1);
            let own = product(&Elements::saved(before), &inverse);
            inverse = product(&difference, &inverse);
            let (x, y) = add_points((&x1, &y(&p)), (&x2, &y(&q)), &own);
            let sums = x.store().into_iter().zip(y.store());
            for (&(_, result), (x, y)) in group.iter().zip(sums) {
                self.out[result as usize] = StoredPoint { x, y };
            }
        }
        true
    }
}

type Points<const N: usize> = [StoredPoint; N];

/// First and second operands of a group; a short group repeats its last addition.
#[inline(always)]
fn operands<const N: usize>(
    group: &[(u32, u32)],
    load: &impl Fn(usize) -> StoredPoint,
) -> (Points<N>, Points<N>) {
    let first: [usize; N] = std::array::from_fn(|l| group[l.min(group.len() - 1)].0 as usize);
    (first.map(load), first.map(|i| load(i + 1)))
}

#[inline(always)]
fn x<L: Lane<N>, const N: usize>(points: &Points<N>) -> Elements<L, N> {
    Elements::load(points.each_ref().map(|p| &p.x))
}

#[inline(always)]
fn y<L: Lane<N>, const N: usize>(points: &Points<N>) -> Elements<L, N> {
    Elements::load(points.each_ref().map(|p| &p.y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fr, G1Affine, G1Projective};
    use ark_ec::{AffineRepr, PrimeGroup};
    use proptest::prelude::*;

    /// Small multiples of the generator: equal, opposite and neutral points abound.
    fn point(k: i32) -> G1Affine {
        (G1Projective::generator() * Fr::from(k)).into_affine()
    }

    fn check(runs: &[Vec<i32>]) {
        let items: Vec<StoredPoint> =
            runs.iter().flatten().map(|&k| StoredPoint::new(&point(k))).collect();
        let lens: Vec<u32> = runs.iter().map(|run| run.len() as u32).collect();
        let expected: Vec<G1Affine> = runs.iter().map(|run| point(run.iter().sum())).collect();
        for form in Form::all() {
            let mut neutral = items.iter().any(StoredPoint::is_neutral);
            let sums = sum_runs_in(form, |i| items[i], &lens, &mut neutral);
            let sums: Vec<G1Affine> = sums.into_iter().map(StoredPoint::to_affine).collect();
            assert_eq!(sums, expected, "{form:?}");
            assert!(neutral || !expected.iter().any(G1Affine::is_zero));
        }
    }

    #[test]
    fn distinct_points_cross_batches() {
        check(&[(1..3000).collect(), vec![1], (7000..9001).collect(), vec![5, 9]]);
    }

    #[test]
    fn long_runs_cross_batches() {
        check(&[(0..3000).collect(), vec![1], (0..5000).map(|k| k % 7 - 3).collect()]);
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
