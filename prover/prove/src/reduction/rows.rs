//! Binds the row number, a few of its bits at a time.
//!
//! A group's weights are zero but at the rows of the tensors that it is about. Where both weights of a pair of
//! rows are zero it adds nothing to a round; so it has to meet the rows of its own blocks alone, a block being
//! the rows that a stage binds to one. Behind each stage rows are folded, so that there are few when the blocks
//! have become large.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zktrain_argument::transcript::Transcript;
use zktrain_commit::sheet::Sheet;
use zktrain_msm::Row;
use zktrain_msm::accumulate::{SignedAccumulator, WideAccumulator, fold_rows};
use zktrain_msm::eq::eq_table;

use super::groups::WeightGroup;
use super::stages::{merged, stages};
use super::{pair_sums, send};
use crate::relations::bind_low;

/// Columns that one task folds.
const COLUMNS: usize = 1 << 10;

/// What is left of the row number.
pub struct BoundRows {
    /// Groups whose weights have one row.
    pub groups: Vec<WeightGroup>,
    /// The challenges, the lowest bit's first.
    pub challenges: Vec<Fr>,
    /// All rows folded.
    pub folded: Vec<Fr>,
}

/// Runs the rounds of the row number.
pub fn bind_rows(
    sheet: &Sheet,
    mut groups: Vec<WeightGroup>,
    univariates: &mut Vec<[Fr; 2]>,
    transcript: &mut Transcript<Fr>,
) -> BoundRows {
    let layout = sheet.layout();
    let length = 1 << layout.row_log;
    let stored = layout.rows.iter().map(|row| row.index as usize).collect();
    let mut rows = Rows::of(sheet);
    let mut challenges = Vec::new();
    for bits in stages(layout.hi_log() as usize, &stored, &groups) {
        let mut blocks = meet(&rows, &groups, bits);
        let mut stage = Vec::with_capacity(bits);
        for _ in 0..bits {
            let challenge = send(message(&blocks), univariates, transcript);
            blocks.par_iter_mut().for_each(|block| {
                bind_low(&mut block.weights, challenge);
                bind_low(&mut block.sums, challenge);
            });
            stage.push(challenge);
        }
        for group in &mut groups {
            group.high = vec![Fr::ZERO; group.high.len() >> bits];
        }
        for Block { group, index, weights, .. } in &blocks {
            groups[*group].high[*index] = weights[0];
        }
        groups = merged(groups);
        rows = rows.folded(&eq_table(&stage), length);
        challenges.extend(stage);
    }
    BoundRows { groups, challenges, folded: rows.last(length) }
}

/// Rows by what is not bound of their number; none where none is stored.
enum Rows<'a> {
    Cells(Vec<Option<&'a Row>>),
    Folded(Vec<Option<Vec<Fr>>>),
}

impl<'a> Rows<'a> {
    fn of(sheet: &'a Sheet) -> Self {
        let layout = sheet.layout();
        let mut rows = vec![None; 1 << layout.hi_log()];
        for (slot, row) in layout.rows.iter().zip(sheet.rows()) {
            rows[slot.index as usize] = Some(row);
        }
        Self::Cells(rows)
    }

    /// `Σ_lo low(lo)·row(lo)`
    fn meets(&self, number: usize, group: &WeightGroup) -> Fr {
        match self {
            Self::Cells(rows) => rows[number].map_or(Fr::ZERO, |row| meets_cells(row, group)),
            Self::Folded(rows) => rows[number].as_ref().map_or(Fr::ZERO, |row| {
                let mut sum = WideAccumulator::default();
                let pairs = group.low.iter().zip(&row[group.start..]);
                pairs.for_each(|(weight, value)| sum.add(weight, value));
                sum.finish()
            }),
        }
    }

    /// Every block of as many rows as there are weights, as one row.
    fn folded(&self, weights: &[Fr], length: usize) -> Self {
        Self::Folded(match self {
            Self::Cells(rows) => {
                let blocks = rows.chunks(weights.len());
                blocks.map(|block| fold_cells(block, weights, length)).collect()
            }
            Self::Folded(rows) => {
                let blocks = rows.chunks(weights.len());
                blocks.map(|block| fold_elements(block, weights, length)).collect()
            }
        })
    }

    /// The one row that is left.
    fn last(self, length: usize) -> Vec<Fr> {
        let zeros = || vec![Fr::ZERO; length];
        match self {
            Self::Cells(_) => zeros(),
            Self::Folded(rows) => rows.into_iter().flatten().next().unwrap_or_else(zeros),
        }
    }
}

fn meets_cells(row: &Row, group: &WeightGroup) -> Fr {
    let mut sum = SignedAccumulator::default();
    match row {
        Row::Dense(entries) => {
            let cells = entries.get(group.start..).unwrap_or(&[]);
            for (weight, value) in group.low.iter().zip(cells).filter(|(_, value)| **value != 0) {
                sum.add(weight, *value);
            }
        }
        Row::Sparse(entries) => {
            for (position, value) in entries {
                let index = (*position as usize).checked_sub(group.start);
                if let Some(weight) = index.and_then(|i| group.low.get(i)) {
                    sum.add(weight, *value);
                }
            }
        }
    }
    sum.finish()
}

fn fold_cells(block: &[Option<&Row>], weights: &[Fr], length: usize) -> Option<Vec<Fr>> {
    let there = block.iter().zip(weights).filter_map(|(row, weight)| Some(((*row)?, *weight)));
    let (rows, weights): (Vec<&Row>, Vec<Fr>) = there.unzip();
    (!rows.is_empty()).then(|| fold_rows(&weights, &rows, length))
}

fn fold_elements(block: &[Option<Vec<Fr>>], weights: &[Fr], length: usize) -> Option<Vec<Fr>> {
    let there = block.iter().zip(weights);
    let there: Vec<_> = there.filter_map(|(row, weight)| Some((row.as_ref()?, weight))).collect();
    if there.is_empty() {
        return None;
    }
    let mut folded = vec![Fr::ZERO; length];
    folded.par_chunks_mut(COLUMNS).enumerate().for_each(|(chunk, out)| {
        for (column, out) in out.iter_mut().enumerate() {
            let mut sum = WideAccumulator::default();
            there.iter().for_each(|(row, weight)| sum.add(weight, &row[chunk * COLUMNS + column]));
            *out = sum.finish();
        }
    });
    Some(folded)
}

/// A group in one block of rows: its weights, and what it meets there.
struct Block {
    group: usize,
    index: usize,
    weights: Vec<Fr>,
    sums: Vec<Fr>,
}

/// All groups in all blocks in which they have weights.
fn meet(rows: &Rows<'_>, groups: &[WeightGroup], bits: usize) -> Vec<Block> {
    let count = 1usize << bits;
    let of_group = |(number, group): (usize, &WeightGroup)| {
        let blocks = group.high.chunks(count).enumerate();
        let own = blocks.filter(|(_, weights)| weights.iter().any(|weight| !weight.is_zero()));
        own.map(|(index, _)| (number, index)).collect::<Vec<_>>()
    };
    let own: Vec<(usize, usize)> = groups.iter().enumerate().flat_map(of_group).collect();
    let block = |(group, index): (usize, usize)| {
        let numbers = index * count..(index + 1) * count;
        let weights = groups[group].high[numbers.clone()].to_vec();
        let sums = numbers.into_par_iter().map(|number| rows.meets(number, &groups[group]));
        Block { group, index, weights, sums: sums.collect() }
    };
    own.into_par_iter().map(block).collect()
}

/// Constant and quadratic coefficient of the next variable.
fn message(blocks: &[Block]) -> [Fr; 2] {
    let sums = blocks.par_iter().map(|block| pair_sums(&block.weights, &block.sums));
    sums.reduce(|| [Fr::ZERO; 2], |a, b| [a[0] + b[0], a[1] + b[1]])
}
