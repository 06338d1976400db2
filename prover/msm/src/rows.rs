//! Multi-scalar multiplications of many rows of small signed integers over the same bases.

use ark_bn254::{G1Affine, G1Projective};
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::buckets::{Bases, Item, MAX_DIGIT_BITS, combine, digit_sums, estimated_additions};

/// One row of the sheet: up to `2^c` signed integers, the missing ones zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Entries by position; positions past the end of the vector are zero.
    Dense(Vec<i32>),
    /// `(position, entry)` pairs in strictly increasing order of position; all others are zero.
    Sparse(Vec<(u32, i32)>),
}

impl Row {
    /// One more than the last position that this row stores, zero for an empty row.
    pub fn width(&self) -> usize {
        match self {
            Row::Dense(entries) => entries.len(),
            Row::Sparse(entries) => {
                entries.last().map_or(0, |&(position, _)| position as usize + 1)
            }
        }
    }

    /// Calls `f` with position and value of every stored entry, in order of position.
    pub fn for_each(&self, mut f: impl FnMut(usize, i32)) {
        match self {
            Row::Dense(entries) => entries.iter().enumerate().for_each(|(j, &k)| f(j, k)),
            Row::Sparse(entries) => entries.iter().for_each(|&(j, k)| f(j as usize, k)),
        }
    }
}

/// Non-zero entries that are worth a task of their own.
const TASK_ENTRIES: usize = 1 << 14;
/// The most pieces in one task, which bounds the memory of many nearly empty rows.
const TASK_PIECES: usize = 64;

/// `Σ_j rows[i][j]·bases[j]` for every row, in parallel over rows, and over ranges of columns
/// where there are few rows.
///
/// # Panics
/// If a row is wider than `bases` is long.
pub fn row_sums(bases: &[G1Affine], rows: &[&Row]) -> Vec<G1Projective> {
    let width = rows.iter().map(|row| row.width()).max().unwrap_or(0);
    let bases = &Bases::new(&bases[..width]);
    let pieces = cut(rows);
    let sums: Vec<(usize, G1Projective)> =
        tasks(&pieces).into_par_iter().flat_map_iter(|task| piece_sums(bases, task)).collect();
    let mut out = vec![G1Projective::ZERO; rows.len()];
    for (row, sum) in sums {
        out[row] += sum;
    }
    out
}

/// A range of columns of a row, with what the choice of digits depends on.
struct Piece<'a> {
    row: usize,
    entries: Entries<'a>,
    nonzero: usize,
    /// Bits of the largest magnitude.
    bits: u32,
}

enum Entries<'a> {
    /// Entries from a first position on.
    Dense(usize, &'a [i32]),
    Sparse(&'a [(u32, i32)]),
}

impl Entries<'_> {
    /// Calls `f` with position and value of every entry that is not zero.
    #[inline(always)]
    fn for_each_nonzero(&self, mut f: impl FnMut(usize, i32)) {
        let mut visit = |position, entry| {
            if entry != 0 {
                f(position, entry);
            }
        };
        match self {
            Entries::Dense(first, entries) => {
                entries.iter().enumerate().for_each(|(i, &entry)| visit(first + i, entry));
            }
            Entries::Sparse(entries) => {
                entries.iter().for_each(|&(position, entry)| visit(position as usize, entry));
            }
        }
    }
}

/// Cuts rows so that there are some four tasks a thread, if the rows are long enough for that.
fn cut<'a>(rows: &[&'a Row]) -> Vec<Piece<'a>> {
    let stored = |row: &Row| match row {
        Row::Dense(entries) => entries.len(),
        Row::Sparse(entries) => entries.len(),
    };
    let total: usize = rows.iter().map(|row| stored(row)).sum();
    let longest = total.div_ceil(4 * rayon::current_num_threads()).max(TASK_ENTRIES);
    let cut_row = |(row, entries): (usize, &&'a Row)| -> Vec<Piece<'a>> {
        let piece = |entries| Piece::new(row, entries);
        match entries {
            Row::Dense(all) => all
                .chunks(longest)
                .enumerate()
                .map(|(i, chunk)| piece(Entries::Dense(i * longest, chunk)))
                .collect(),
            Row::Sparse(all) => all.chunks(longest).map(|c| piece(Entries::Sparse(c))).collect(),
        }
    };
    rows.par_iter().enumerate().flat_map_iter(cut_row).collect()
}

impl<'a> Piece<'a> {
    fn new(row: usize, entries: Entries<'a>) -> Self {
        let (mut nonzero, mut all) = (0, 0);
        entries.for_each_nonzero(|_, entry| {
            nonzero += 1;
            all |= entry.unsigned_abs();
        });
        Self { row, entries, nonzero, bits: u32::BITS - all.leading_zeros() }
    }

    /// The number of digits and their width that cost least.
    fn digits(&self) -> (u32, u32) {
        let cost = |&count: &u32| {
            let width = self.bits.div_ceil(count).max(1);
            f64::from(count) * estimated_additions(self.nonzero as f64, width)
        };
        let fewest = self.bits.div_ceil(MAX_DIGIT_BITS).max(1);
        let count = (fewest..=4).min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(fewest);
        (count, self.bits.div_ceil(count).max(1))
    }

    /// The items of every digit, lowest first.
    fn items(&self, count: u32, width: u32) -> Vec<Vec<Item>> {
        let mut lists: Vec<Vec<Item>> =
            (0..count).map(|_| Vec::with_capacity(self.nonzero)).collect();
        let mask = (1u32 << width) - 1;
        self.entries.for_each_nonzero(|position, entry| {
            let mut magnitude = entry.unsigned_abs();
            for list in &mut lists {
                if magnitude & mask != 0 {
                    list.push(Item::new(magnitude & mask, position, entry < 0));
                }
                magnitude >>= width;
            }
        });
        lists
    }
}

/// Consecutive pieces that together make a task.
fn tasks<'p, 'a>(pieces: &'p [Piece<'a>]) -> Vec<&'p [Piece<'a>]> {
    let mut tasks = Vec::new();
    let (mut start, mut entries) = (0, 0);
    for (i, piece) in pieces.iter().enumerate() {
        entries += piece.nonzero;
        if entries >= TASK_ENTRIES || i + 1 - start == TASK_PIECES {
            tasks.push(&pieces[start..=i]);
            (start, entries) = (i + 1, 0);
        }
    }
    tasks.push(&pieces[start..]);
    tasks
}

/// The sum of every piece, with its row.
fn piece_sums(bases: &Bases, pieces: &[Piece]) -> Vec<(usize, G1Projective)> {
    let shapes: Vec<(u32, u32)> = pieces.iter().map(Piece::digits).collect();
    let widest = shapes.iter().map(|&(_, width)| width).max().unwrap_or(1);
    let lists: Vec<Vec<Item>> = pieces
        .iter()
        .zip(&shapes)
        .flat_map(|(piece, &(count, width))| piece.items(count, width))
        .collect();
    let sums = digit_sums(bases, &lists, widest);
    let mut rest = sums.as_slice();
    let mut out = Vec::with_capacity(pieces.len());
    for (piece, &(count, width)) in pieces.iter().zip(&shapes) {
        let (digits, tail) = rest.split_at(count as usize);
        out.push((piece.row, combine(digits, width)));
        rest = tail;
    }
    out
}
