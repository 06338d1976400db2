//! The columns of a circuit: what it fixes, and what its witness fills in.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use zktrain_backends::halo2::gates::{ADVICE, FIXED};
use zktrain_backends::halo2::key::delta;
use zktrain_backends::halo2::tape::{Cell, Tape};

/// The fixed columns, `2^log_rows` cells each: coefficients, then selectors.
pub fn fixed(tape: &Tape, rows: usize) -> Vec<Vec<Fr>> {
    let mut columns = vec![vec![Fr::ZERO; rows]; FIXED];
    for (index, row) in tape.rows.iter().enumerate() {
        let values = row.coefficients.iter().copied().chain(row.kind.selectors());
        columns.iter_mut().zip(values).for_each(|(column, value)| column[index] = value);
    }
    columns
}

/// The advice columns, the blinding's cells zero.
pub fn advice(tape: &Tape, rows: usize) -> Vec<Vec<Fr>> {
    let mut columns = vec![vec![Fr::ZERO; rows]; ADVICE];
    for (index, row) in tape.rows.iter().enumerate() {
        columns.iter_mut().zip(row.advice).for_each(|(column, value)| column[index] = value);
    }
    columns
}

/// The copy argument's columns `σ`: for each cell the name `δ^i·ω^j` of the next one in its cycle
/// of equal cells. `roots` are the powers of `ω`.
pub fn permutation(tape: &Tape, roots: &[Fr]) -> Vec<Vec<Fr>> {
    let rows = roots.len();
    let number = |cell: &Cell| cell.column * rows + cell.row;
    let mut cycles = Cycles::new(ADVICE * rows);
    for (left, right) in &tape.copies {
        cycles.join(number(left), number(right));
    }
    let names: Vec<Fr> =
        std::iter::successors(Some(Fr::ONE), |power| Some(*power * delta())).take(ADVICE).collect();
    let name = |cell: &u32| {
        let cell = *cell as usize;
        names[cell / rows] * roots[cell % rows]
    };
    cycles.next.chunks(rows).map(|column| column.iter().map(name).collect()).collect()
}

/// Cycles of equal cells.
struct Cycles {
    /// The next cell of a cell's cycle.
    next: Vec<u32>,
    /// A cell of the same cycle, nearer to the one that stands for it.
    parent: Vec<u32>,
}

impl Cycles {
    fn new(cells: usize) -> Self {
        let own: Vec<u32> = (0..cells as u32).collect();
        Self { next: own.clone(), parent: own }
    }

    /// The cell that stands for a cell's cycle.
    fn find(&mut self, mut cell: usize) -> usize {
        while self.parent[cell] as usize != cell {
            let above = self.parent[self.parent[cell] as usize];
            self.parent[cell] = above;
            cell = above as usize;
        }
        cell
    }

    /// Makes one cycle of two, unless they are one already: which cells follow which depends on
    /// the order of these calls, and is part of the key.
    fn join(&mut self, left: usize, right: usize) {
        let (a, b) = (self.find(left), self.find(right));
        if a != b {
            self.parent[b] = a as u32;
            self.next.swap(left, right);
        }
    }
}
