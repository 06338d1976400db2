//! A filled circuit: rows, their cells and which cells are equal.

use ark_bn254::Fr;
use ark_ff::Zero;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::scalar_bytes;
use zktrain_model::Hash;

use super::gates::{ADVICE, COEFFICIENTS, GATES, RowKind, View, gates};
use crate::compress::INPUTS;

/// Rows at the end of every column that hold blinding.
pub const BLINDING_ROWS: usize = 6;

/// A place in the advice columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    pub row: usize,
    /// The advice column.
    pub column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeRow {
    /// Which gates hold.
    pub kind: RowKind,
    pub coefficients: [Fr; COEFFICIENTS],
    pub advice: [Fr; ADVICE],
}

/// All rows in order. Kinds, coefficients and copies depend on the relation
/// alone; advice is the witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    /// The rows; those not listed are zero.
    pub rows: Vec<TapeRow>,
    /// Pairs of equal cells.
    pub copies: Vec<(Cell, Cell)>,
    /// The public inputs, the instance column's first cells.
    pub inputs: [Fr; INPUTS],
}

/// A constraint that a tape breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// This gate, in the order of [`gates`], in this row.
    Gate { row: usize, gate: usize },
    /// This pair of copies.
    Copy {
        /// Position among the tape's copies.
        index: usize,
    },
}

impl Tape {
    /// The logarithm of the smallest number of rows that holds the circuit.
    pub fn log_rows(&self) -> u32 {
        (self.rows.len() + BLINDING_ROWS).next_power_of_two().trailing_zeros()
    }

    /// The value in a cell; zero past the rows listed.
    pub fn cell(&self, cell: Cell) -> Fr {
        let row = self.rows.get(cell.row);
        row.and_then(|row| row.advice.get(cell.column)).copied().unwrap_or_default()
    }

    /// Keccak-256 of all that depends on the relation alone: selectors, coefficients and
    /// copies, the numbers of rows and copies first. Two tapes with one digest have one key.
    pub fn digest(&self) -> Hash {
        let mut hasher = Keccak256::new().chain_update(b"zktrain/tape");
        let mut number = |n: usize| hasher.update((n as u64).to_be_bytes());
        number(self.rows.len());
        number(self.copies.len());
        for (a, b) in &self.copies {
            [a.row, a.column, b.row, b.column].into_iter().for_each(&mut number);
        }
        for row in &self.rows {
            let fixed = row.kind.selectors().into_iter().chain(row.coefficients);
            fixed.for_each(|scalar| hasher.update(scalar_bytes(&scalar)));
        }
        hasher.finalize().into()
    }

    /// Every constraint that does not hold: the reference for what halo2 proves.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (row, content) in self.rows.iter().enumerate() {
            let view = self.view(row, content);
            let values = gates(&view).into_iter().take(GATES).enumerate();
            let broken = values.filter(|(_, value)| !value.is_zero());
            found.extend(broken.map(|(gate, _)| Violation::Gate { row, gate }));
        }
        let copies = self.copies.iter().enumerate();
        let broken = copies.filter(|(_, (a, b))| self.cell(*a) != self.cell(*b));
        found.extend(broken.map(|(index, _)| Violation::Copy { index }));
        found
    }

    fn view(&self, index: usize, row: &TapeRow) -> View<Fr> {
        let below = self.rows.get(index + 1);
        View {
            current: row.advice,
            next: below.map_or([Fr::zero(); ADVICE], |row| row.advice),
            coefficients: row.coefficients,
            selectors: row.kind.selectors(),
            instance: self.inputs.get(index).copied().unwrap_or_default(),
        }
    }
}
