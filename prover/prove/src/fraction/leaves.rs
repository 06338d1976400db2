//! The leaves: from the caller's segments to the lowest level of the tree.

use ark_bn254::Fr;
use ark_ff::One;
use rayon::prelude::*;

use super::block::{Full, Node, Ones};
use super::level::{AnyRegion, Level, Run};
use super::region::{Region, Store};
use super::small::{Base, Small};
use super::{Denominators, Numerators, Segment};

/// The lowest level. `keep_regions` as in [`Level::parents`].
pub(super) fn level(segments: Vec<Segment>, keep_regions: bool) -> Level {
    let mut regions = Vec::with_capacity(segments.len());
    let mut nodes = Vec::new();
    let mut first = 0usize;
    for segment in segments {
        if keep_regions && segment.log >= 2 {
            first += 1 << (segment.log - 2);
            regions.push(region(segment));
        } else {
            let segment = without_sparse(segment);
            nodes.extend((0..1usize << segment.log).map(|i| segment.node(i)));
        }
    }
    Level { regions, run: Run::of(first, &nodes) }
}

fn region(segment: Segment) -> AnyRegion {
    let few = 1usize << segment.log >> 3;
    let log = segment.log - 2;
    match (&segment.numerators, &segment.denominators) {
        (Numerators::One, Denominators::Sparse { base, default, entries })
            if entries.len() <= few =>
        {
            AnyRegion::Ones(sparse(log, *base, *default, entries))
        }
        _ => {
            let segment = without_sparse(segment);
            small(log, &segment).map_or_else(|| dense(log, &segment), AnyRegion::Small)
        }
    }
}

/// The segment as integers of 16 bits, if it allows that.
fn small(log: u32, segment: &Segment) -> Option<Region<Small>> {
    let (Numerators::One, Denominators::Small { base, values, tail }) =
        (&segment.numerators, &segment.denominators)
    else {
        return None;
    };
    let least = values.par_iter().copied().min().unwrap_or(*tail).min(*tail);
    let most = values.par_iter().copied().max().unwrap_or(*tail).max(*tail);
    if i64::from(most) - i64::from(least) > i64::from(u16::MAX) {
        return None;
    }
    // base − value = (base − most) + (most − value), and the last is in 0..2^16.
    let below_most = |value: &i32| most.wrapping_sub(*value) as u16;
    let tail = below_most(tail);
    let block = |group: &[i32]| Small {
        values: core::array::from_fn(|i| group.get(i).map_or(tail, below_most)),
    };
    let blocks = values.par_chunks(4).with_min_len(1 << 10).map(block).collect();
    let shared = Box::new(Base::new(*base - Fr::from(most)));
    Some(Region { log, tail: Small { values: [tail; 4] }, store: Store::Dense(blocks), shared })
}

/// The segment with its denominators stored densely.
fn without_sparse(segment: Segment) -> Segment {
    let denominators = match segment.denominators {
        Denominators::Sparse { base, default, entries } => {
            let mut values = vec![default; entries.last().map_or(0, |(i, _)| *i as usize + 1)];
            entries.iter().for_each(|(i, value)| values[*i as usize] = *value);
            Denominators::Small { base, values, tail: default }
        }
        stored => stored,
    };
    Segment { denominators, ..segment }
}

fn dense(log: u32, segment: &Segment) -> AnyRegion {
    let blocks = segment.prefix().div_ceil(4);
    let q = |block: usize| core::array::from_fn(|i| segment.denominators.at(4 * block + i));
    // An index behind all prefixes has the tail's value.
    let behind = usize::MAX / 8;
    match &segment.numerators {
        Numerators::One => {
            let store = (0..blocks).into_par_iter().map(|block| Ones { q: q(block) }).collect();
            let tail = Ones { q: q(behind) };
            AnyRegion::Ones(Region { log, tail, store: Store::Dense(store), shared: () })
        }
        numerators @ Numerators::Values { .. } => {
            let p = |block: usize| core::array::from_fn(|i| numerators.at(4 * block + i));
            let full = |block| Full { p: p(block), q: q(block) };
            let store = (0..blocks).into_par_iter().map(full).collect();
            let tail = full(behind);
            AnyRegion::Full(Region { log, tail, store: Store::Dense(store), shared: () })
        }
    }
}

fn sparse(log: u32, base: Fr, default: i32, entries: &[(u32, i32)]) -> Region<Ones> {
    let tail = Ones { q: [base - Fr::from(default); 4] };
    let (mut positions, mut blocks) = (Vec::<u32>::new(), Vec::<Ones>::new());
    for (index, value) in entries {
        let position = index / 4;
        if positions.last() != Some(&position) {
            positions.push(position);
            blocks.push(tail);
        }
        if let Some(block) = blocks.last_mut() {
            block.q[*index as usize % 4] = base - Fr::from(*value);
        }
    }
    Region { log, tail, store: Store::Sparse { positions, blocks }, shared: () }.settled()
}

impl Segment {
    /// Leaves before the constant tail.
    fn prefix(&self) -> usize {
        let numerators = match &self.numerators {
            Numerators::One => 0,
            Numerators::Values { values, .. } => values.len(),
        };
        let denominators = match &self.denominators {
            Denominators::Small { values, .. } => values.len(),
            Denominators::Field { values, .. } => values.len(),
            Denominators::Sparse { entries, .. } => {
                entries.last().map_or(0, |(i, _)| *i as usize + 1)
            }
        };
        numerators.max(denominators)
    }

    /// Panics unless the segment's values fit into it, in order.
    pub(super) fn check(&self) {
        assert!(self.prefix() <= 1 << self.log, "a segment's values exceed its size");
        if let Denominators::Sparse { entries, .. } = &self.denominators {
            assert!(entries.is_sorted_by(|a, b| a.0 < b.0), "sparse entries out of order");
        }
    }

    fn node(&self, index: usize) -> Node {
        Node { p: self.numerators.at(index), q: self.denominators.at(index) }
    }
}

impl Numerators {
    fn at(&self, index: usize) -> Fr {
        match self {
            Self::One => Fr::one(),
            Self::Values { values, tail } => *values.get(index).unwrap_or(tail),
        }
    }
}

impl Denominators {
    fn at(&self, index: usize) -> Fr {
        match self {
            Self::Small { base, values, tail } => {
                *base - Fr::from(*values.get(index).unwrap_or(tail))
            }
            Self::Field { values, tail } => *values.get(index).unwrap_or(tail),
            Self::Sparse { base, default, entries } => {
                let entry = entries.binary_search_by_key(&index, |(i, _)| *i as usize);
                *base - Fr::from(entry.map_or(*default, |entry| entries[entry].1))
            }
        }
    }
}
