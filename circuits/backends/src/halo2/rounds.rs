//! The rows of one permutation.

use ark_bn254::Fr;
use ark_ff::{Field, Zero};
use zktrain_argument::poseidon::{self, WIDTH};

use super::gates::RowKind;
use super::partial::{PARTIAL_ROUNDS, PARTIAL_ROWS, StateVector, recurrence};
use super::tape::TapeRow;

/// Rows of a permutation: its input, a row after each of the 20 steps.
pub const PERMUTATION_ROWS: usize = 8 + PARTIAL_ROWS + 1;

/// The rows of a permutation but the last, and the last row's cells: the output.
pub fn rows(input: &StateVector) -> (Vec<TapeRow>, StateVector) {
    let constants = poseidon::constants();
    let half = constants.full_rounds / 2;
    let partial = half..half + PARTIAL_ROUNDS;
    let mut rows = Vec::with_capacity(PERMUTATION_ROWS);
    // The first elements before the partial rounds' S-boxes, five a row.
    let mut chain: Vec<Fr> = Vec::with_capacity(PARTIAL_ROUNDS);
    let mut state = *input;
    for (index, round) in constants.round.iter().enumerate() {
        if !partial.contains(&index) {
            let kind = if index + 1 == half { RowKind::Entry } else { RowKind::Full };
            rows.push(TapeRow { kind, coefficients: *round, advice: state });
        }
        for (s, c) in state.iter_mut().zip(round) {
            *s += c;
        }
        if partial.contains(&index) {
            chain.push(state[0]);
            state[0] = fifth(state[0]);
        } else {
            state = state.map(fifth);
        }
        let mut mixed = [Fr::zero(); WIDTH];
        for (to, row) in mixed.iter_mut().zip(&constants.matrix) {
            *to = Fr::sum_of_products(row, &state);
        }
        state = mixed;
        if index + 1 == partial.end {
            rows.extend(partial_rows(&chain));
        }
    }
    (rows, state)
}

fn partial_rows(chain: &[Fr]) -> impl Iterator<Item = TapeRow> + '_ {
    let cells = chain.chunks_exact(WIDTH).zip(&recurrence().rounds).enumerate();
    cells.map(|(index, (cells, coefficients))| {
        let mut advice = [Fr::zero(); WIDTH];
        advice.copy_from_slice(cells);
        let kind = if index + 1 == PARTIAL_ROWS { RowKind::Exit } else { RowKind::Partial };
        TapeRow { kind, coefficients: *coefficients, advice }
    })
}

fn fifth(value: Fr) -> Fr {
    value.square().square() * value
}
