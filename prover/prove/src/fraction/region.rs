//! Blocks of one segment of the leaves, at some height of the tree: a prefix or
//! a few positions that differ, and one block that all the others equal.

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use rayon::prelude::*;

use super::block::{Batching, Binding, Block, Full, Node, Parts, Totals};
use super::weights::{EqTables, weight_below};

/// Pairs or groups that one task works on.
const TASK: usize = 1 << 9;

/// `2^log` blocks.
pub(super) struct Region<B: Block> {
    pub(super) log: u32,
    /// Every block that is not stored.
    pub(super) tail: B,
    pub(super) store: Store<B>,
    /// Constants of the blocks' arithmetic.
    pub(super) shared: B::Shared,
}

/// The blocks that differ from the tail.
pub(super) enum Store<B> {
    /// The first blocks.
    Dense(Vec<B>),
    /// Blocks at ascending positions.
    Sparse { positions: Vec<u32>, blocks: Vec<B> },
}

/// A region's share of a polynomial: the sum over the stored pairs, and the weight of the others.
pub(super) struct Share {
    pub(super) parts: Parts,
    /// `eq` summed over the pairs that are not stored; their polynomial is constant.
    pub(super) rest: Fr,
}

impl<B: Block> Region<B> {
    pub(super) fn prepare(&mut self, batching: &Batching) {
        self.tail.prepare(batching);
        let (Store::Dense(blocks) | Store::Sparse { blocks, .. }) = &mut self.store;
        blocks.par_iter_mut().with_min_len(TASK).for_each(|block| block.prepare(batching));
    }

    /// A variable's sums; `z` holds the variables behind the one that is bound next.
    pub(super) fn share(&self, eq: &EqTables, z: &[Fr], batching: &Batching) -> Share {
        if self.is_constant() {
            return Share { parts: [Fr::zero(); 4], rest: Fr::one() };
        }
        let z = &z[..self.log as usize - 1];
        let (totals, stored) = match &self.store {
            Store::Dense(blocks) => {
                let stored = weight_below(z, blocks.len().div_ceil(2));
                (sum_dense(blocks, &self.tail, 0, eq.over(z.len())), stored)
            }
            Store::Sparse { positions, blocks } => {
                sum_sparse(positions, blocks, self.tail, eq.over(z.len()))
            }
        };
        let parts = B::parts(&totals, &self.shared, batching);
        Share { parts, rest: Fr::one() - stored }
    }

    fn is_constant(&self) -> bool {
        let (Store::Dense(blocks) | Store::Sparse { blocks, .. }) = &self.store;
        blocks.is_empty()
    }

    /// `P + λ·Q` of the blocks that are not stored.
    pub(super) fn rest_value(&self, batching: &Batching) -> Fr {
        self.tail.full(&self.shared, batching).value()
    }

    /// Binds the lowest variable.
    pub(super) fn bind(self, binding: &Binding) -> Region<B::Bound> {
        let binder = B::binder(&self.shared, binding);
        let store = match self.store {
            Store::Dense(blocks) => Store::Dense(bind_dense(&blocks, &self.tail, &binder)),
            Store::Sparse { positions, blocks } => {
                let (positions, blocks) =
                    map_groups(&positions, &blocks, self.tail, |[low, high]| {
                        B::bind(&low, &high, &binder)
                    });
                Store::Sparse { positions, blocks }
            }
        };
        let tail = B::bind(&self.tail, &self.tail, &binder);
        let shared = B::bound_shared(&self.shared, binding);
        Region { log: self.log - 1, tail, store, shared }.settled()
    }

    /// The region of the parents, one level up.
    pub(super) fn parents(&self) -> Region<Full> {
        let node = |block: &B| block.node(&self.shared);
        let tail = node(&self.tail);
        let store = match &self.store {
            Store::Dense(blocks) => {
                let group = |group: &[B]| {
                    Full::of(core::array::from_fn(|i| group.get(i).map_or(tail, node)))
                };
                Store::Dense(blocks.par_chunks(4).with_min_len(TASK / 4).map(group).collect())
            }
            Store::Sparse { positions, blocks } => {
                let (positions, blocks) =
                    map_groups(positions, blocks, self.tail, |group: [B; 4]| {
                        Full::of(core::array::from_fn(|i| node(&group[i])))
                    });
                Store::Sparse { positions, blocks }
            }
        };
        Region { log: self.log - 2, tail: Full::of([tail; 4]), store, shared: () }.settled()
    }

    /// All parents, in order. For regions of few blocks.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node> {
        (0..1usize << self.log).map(|index| self.get(index).node(&self.shared))
    }

    /// The only block of a region whose variables are all bound.
    pub(super) fn single(&self, batching: &Batching) -> Full {
        self.get(0).full(&self.shared, batching)
    }

    fn get(&self, index: usize) -> &B {
        match &self.store {
            Store::Dense(blocks) => blocks.get(index),
            Store::Sparse { positions, blocks } => positions
                .iter()
                .position(|&position| position as usize == index)
                .and_then(|entry| blocks.get(entry)),
        }
        .unwrap_or(&self.tail)
    }

    /// Stores the blocks densely once that costs little more.
    pub(super) fn settled(self) -> Self {
        match self.store {
            Store::Sparse { positions, blocks } if positions.len() << 2 >= 1usize << self.log => {
                let mut dense = vec![self.tail; positions.last().map_or(0, |p| *p as usize + 1)];
                for (position, block) in positions.iter().zip(blocks) {
                    dense[*position as usize] = block;
                }
                Self { store: Store::Dense(dense), ..self }
            }
            _ => self,
        }
    }
}

/// `Σ eq·(pair's polynomial)` over the pairs of `blocks`, the first of which is pair `first`.
pub(super) fn sum_dense<B: Block>(
    blocks: &[B],
    tail: &B,
    first: usize,
    (inner, outer): (&[Fr], &[Fr]),
) -> B::Totals {
    let end = first + blocks.len().div_ceil(2);
    let task = |chunk: usize| {
        let start = chunk * inner.len();
        let pairs = start.max(first)..(start + inner.len()).min(end);
        let weights = &inner[pairs.start - start..pairs.end - start];
        let mut sums = B::Sums::default();
        let pairs = blocks[2 * (pairs.start - first)..].chunks(2).zip(weights);
        for (pair, weight) in pairs {
            B::accumulate(&mut sums, weight, &pair[0], pair.get(1).unwrap_or(tail));
        }
        let mut total = B::Totals::zero();
        total.add_scaled(&B::totals(&sums), &outer[chunk]);
        total
    };
    let chunks = first / inner.len()..end.div_ceil(inner.len());
    // Small sums are not worth a task of their own.
    let min = (TASK / inner.len()).max(1);
    chunks.into_par_iter().with_min_len(min).map(task).reduce(B::Totals::zero, |mut a, b| {
        a.add(&b);
        a
    })
}

/// The same over the pairs that hold an entry, and those pairs' weights.
fn sum_sparse<B: Block>(
    positions: &[u32],
    blocks: &[B],
    tail: B,
    (inner, outer): (&[Fr], &[Fr]),
) -> (B::Totals, Fr) {
    let task = |range: Range<usize>| {
        let (mut sums, mut weights) = (B::Sums::default(), Fr::zero());
        for_groups(&positions[range.clone()], &blocks[range], tail, |pair, [low, high]| {
            let weight = inner[pair % inner.len()] * outer[pair / inner.len()];
            B::accumulate(&mut sums, &weight, &low, &high);
            weights += weight;
        });
        (B::totals(&sums), weights)
    };
    if positions.len() <= TASK {
        return task(0..positions.len());
    }
    group_ranges(positions, 2).into_par_iter().map(task).reduce(
        || (B::Totals::zero(), Fr::zero()),
        |(mut sums, weights), (more, weight)| {
            sums.add(&more);
            (sums, weights + weight)
        },
    )
}

/// Binds the lowest variable of a run of blocks, padded by `tail`.
pub(super) fn bind_dense<B: Block>(blocks: &[B], tail: &B, binder: &B::Binder) -> Vec<B::Bound> {
    blocks
        .par_chunks(2)
        .with_min_len(TASK)
        .map(|pair| B::bind(&pair[0], pair.get(1).unwrap_or(tail), binder))
        .collect()
}

/// Applies `f` to every aligned group of `N` positions that holds an entry.
fn map_groups<B: Block, C: Send, const N: usize>(
    positions: &[u32],
    blocks: &[B],
    tail: B,
    f: impl Fn([B; N]) -> C + Sync,
) -> (Vec<u32>, Vec<C>) {
    let task = |range: Range<usize>| {
        let mut mapped = Vec::with_capacity(range.len());
        for_groups(&positions[range.clone()], &blocks[range], tail, |index, group| {
            mapped.push((index as u32, f(group)));
        });
        mapped
    };
    if positions.len() <= TASK {
        return task(0..positions.len()).into_iter().unzip();
    }
    group_ranges(positions, N).into_par_iter().flat_map_iter(task).unzip()
}

fn for_groups<B: Copy, const N: usize>(
    positions: &[u32],
    blocks: &[B],
    tail: B,
    mut f: impl FnMut(usize, [B; N]),
) {
    let mut entries = positions.iter().map(|p| *p as usize).zip(blocks).peekable();
    while let Some((position, block)) = entries.next() {
        let mut group = [tail; N];
        group[position % N] = *block;
        while let Some((other, block)) = entries.next_if(|(p, _)| p / N == position / N) {
            group[other % N] = *block;
        }
        f(position / N, group);
    }
}

/// Cuts the entries into tasks that share no aligned group of `width` positions.
fn group_ranges(positions: &[u32], width: usize) -> Vec<Range<usize>> {
    let group = |entry: usize| positions[entry] as usize / width;
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < positions.len() {
        let mut end = (start + TASK).min(positions.len());
        while end < positions.len() && group(end) == group(end - 1) {
            end += 1;
        }
        ranges.push(start..end);
        start = end;
    }
    ranges
}
