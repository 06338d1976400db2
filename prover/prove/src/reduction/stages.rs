//! How many bits of the row number are bound at a time, and which groups can go on as one.
//!
//! A group meets all stored rows of every block in which it has a weight. Few bits suit groups of one row, of which small
//! tensors make many: their blocks are small, and those of one block are one group behind the stage. Many bits suit groups of
//! many rows, which have to meet all of these anyway, small integers in the first stage and field elements in later ones.

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, Zero};
use rayon::prelude::*;

use super::groups::WeightGroup;

/// Bits of a stage that are tried.
const TRIED: [usize; 4] = [2, 3, 4, 5];
/// What a product of two field elements costs, in products of one with a small integer.
const FIELD: usize = 3;

/// Where a group has weights, and how long its factor over positions is.
#[derive(Clone)]
struct Support {
    rows: BTreeSet<usize>,
    length: usize,
}

/// Bits of each stage: those that cost least.
pub fn stages(bits: usize, stored: &BTreeSet<usize>, groups: &[WeightGroup]) -> Vec<usize> {
    let support = |group: &WeightGroup| {
        let rows = group.high.iter().enumerate().filter(|(_, weight)| !weight.is_zero());
        Support { rows: rows.map(|(row, _)| row).collect(), length: group.low.len() }
    };
    let supports: Vec<Support> = groups.iter().map(support).collect();
    let tried = TRIED.into_iter().filter(|tried| *tried < bits).map(|tried| cut(bits, tried));
    let all = tried.chain([vec![bits]]);
    all.min_by_key(|stages| cost(stages, stored.clone(), supports.clone())).unwrap_or(vec![bits])
}

/// So many bits in stages of so many, the last one with what is left.
fn cut(bits: usize, stage: usize) -> Vec<usize> {
    let (whole, rest) = (bits / stage, bits % stage);
    core::iter::repeat_n(stage, whole).chain((rest > 0).then_some(rest)).collect()
}

/// Products of a field element and a small integer, about.
fn cost(stages: &[usize], mut stored: BTreeSet<usize>, mut groups: Vec<Support>) -> usize {
    let (mut total, mut unit) = (0usize, 1);
    for bits in stages {
        let mut per_block = BTreeMap::<usize, usize>::new();
        stored.iter().for_each(|row| *per_block.entry(row >> bits).or_default() += 1);
        let rows_of = |block: usize| per_block.get(&block).copied().unwrap_or(0);
        for group in &mut groups {
            group.rows = group.rows.iter().map(|row| row >> bits).collect();
            let rows: usize = group.rows.iter().map(|block| rows_of(*block)).sum();
            total = total.saturating_add(rows.saturating_mul(group.length).saturating_mul(unit));
        }
        // The fold of all rows, and of groups that go on as one.
        let longest = groups.iter().map(|group| group.length).max().unwrap_or(0);
        total = total.saturating_add(stored.len().saturating_mul(longest).saturating_mul(unit));
        stored = per_block.into_keys().collect();
        let (single, mut several): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.rows.len() == 1);
        let mut merged = BTreeMap::<usize, usize>::new();
        for group in single {
            let row = group.rows.first().copied().unwrap_or(0);
            let length = merged.entry(row).or_default();
            *length = group.length.max(*length);
            total = total.saturating_add(group.length.saturating_mul(FIELD));
        }
        several
            .extend(merged.into_iter().map(|(row, length)| Support { rows: [row].into(), length }));
        (groups, unit) = (several, FIELD);
    }
    total
}

/// The same weights, with all groups of one and the same row as one.
pub fn merged(groups: Vec<WeightGroup>) -> Vec<WeightGroup> {
    let row = |group: &WeightGroup| {
        let mut rows = group.high.iter().enumerate().filter(|(_, weight)| !weight.is_zero());
        rows.next().filter(|_| rows.next().is_none()).map(|(row, _)| row)
    };
    let (mut several, mut single) = (Vec::new(), BTreeMap::<usize, Vec<WeightGroup>>::new());
    for group in groups {
        match row(&group) {
            Some(row) => single.entry(row).or_default().push(group),
            None => several.push(group),
        }
    }
    let single: Vec<_> = single.into_iter().collect();
    several.par_extend(single.into_par_iter().map(|(row, groups)| sum(row, groups)));
    several
}

/// Groups with a weight in one row only, as one.
fn sum(row: usize, mut groups: Vec<WeightGroup>) -> WeightGroup {
    if groups.len() == 1 {
        return groups.swap_remove(0);
    }
    let start = groups.iter().map(|group| group.start).min().unwrap_or(0);
    let end = groups.iter().map(|group| group.start + group.low.len()).max().unwrap_or(0);
    let mut low = vec![Fr::ZERO; end - start];
    for group in &groups {
        let own = low.iter_mut().skip(group.start - start).zip(&group.low);
        own.for_each(|(sum, weight)| *sum += group.high[row] * weight);
    }
    let mut high = vec![Fr::ZERO; groups.first().map_or(0, |group| group.high.len())];
    high[row] = Fr::ONE;
    WeightGroup { high, low, start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(high: &[u64], start: usize, low: &[u64]) -> WeightGroup {
        let field = |values: &[u64]| values.iter().map(|x| Fr::from(*x)).collect();
        WeightGroup { high: field(high), low: field(low), start }
    }

    /// `Σ high(row)·low(position)` of all groups.
    fn weights(groups: &[WeightGroup], rows: usize, length: usize) -> Vec<Fr> {
        let mut all = vec![Fr::ZERO; rows * length];
        for group in groups {
            for (row, high) in group.high.iter().enumerate() {
                for (k, low) in group.low.iter().enumerate() {
                    all[row * length + group.start + k] += *high * low;
                }
            }
        }
        all
    }

    #[test]
    fn groups_of_one_row_go_on_as_one() {
        let groups = || {
            vec![
                group(&[0, 3, 0, 0], 1, &[5, 6]),
                group(&[1, 2, 0, 0], 0, &[7]),
                group(&[0, 4, 0, 0], 2, &[8, 9]),
                group(&[0, 0, 0, 2], 0, &[1]),
                group(&[0, 0, 0, 0], 0, &[1]),
            ]
        };
        let merged = merged(groups());
        assert_eq!(merged.len(), 4);
        assert_eq!(weights(&merged, 4, 4), weights(&groups(), 4, 4));
    }

    #[test]
    fn every_bit_is_bound_once() {
        let groups = [group(&[1, 0, 0, 0], 0, &[1; 8]), group(&[1, 1, 1, 1], 0, &[1; 8])];
        for bits in 0..14 {
            let stored = (0..1 << bits.min(2)).collect();
            assert_eq!(stages(bits, &stored, &groups).iter().sum::<usize>(), bits);
        }
        assert_eq!(cut(9, 2), [2, 2, 2, 2, 1]);
    }

    /// Many groups of one row each are bound by few bits, and one group of all rows by more.
    #[test]
    fn stages_suit_the_groups() {
        let rows = 512;
        let unit = |row: usize| {
            let high: Vec<u64> = (0..rows).map(|k| u64::from(k == row)).collect();
            group(&high, 0, &[1; 64])
        };
        let stored: BTreeSet<usize> = (0..rows).collect();
        let narrow: Vec<WeightGroup> = (0..rows).map(unit).collect();
        let wide = [group(&vec![1; rows], 0, &[1; 64])];
        let first = |groups: &[WeightGroup]| stages(9, &stored, groups)[0];
        assert!(first(&narrow) < first(&wide), "{} {}", first(&narrow), first(&wide));
    }
}
