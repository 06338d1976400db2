//! Poseidon's permutation of width 5 over BN254's scalar field, with the
//! parameters of circomlib (8 full and 60 partial rounds, S-box `x^5`).
//! Source: Grassi et al., "Poseidon", USENIX Security 2021.

use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::{Field, Zero};
use light_poseidon::{PoseidonParameters, parameters::bn254_x5::get_poseidon_parameters};

/// State elements of the permutation: one of capacity, four of rate.
pub const WIDTH: usize = 5;
/// State elements that absorb and squeeze.
pub const RATE: usize = WIDTH - 1;

/// Round constants and matrix.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Full rounds, half before and half after the partial ones.
    pub full_rounds: usize,
    /// Rounds whose S-box acts on the first element alone.
    pub partial_rounds: usize,
    /// `WIDTH` constants a round, in order.
    pub round: Vec<[Fr; WIDTH]>,
    /// The matrix, by rows.
    pub matrix: [[Fr; WIDTH]; WIDTH],
}

static CONSTANTS: LazyLock<Constants> = LazyLock::new(|| {
    #[allow(clippy::expect_used)] // a constant of the library, covered by tests
    let published: PoseidonParameters<Fr> =
        get_poseidon_parameters(WIDTH as u8).expect("width 5 is published");
    let mut matrix = [[Fr::zero(); WIDTH]; WIDTH];
    for (row, from) in matrix.iter_mut().zip(&published.mds) {
        row.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
    let round = published
        .ark
        .chunks_exact(WIDTH)
        .map(|chunk| {
            let mut constants = [Fr::zero(); WIDTH];
            constants.copy_from_slice(chunk);
            constants
        })
        .collect();
    Constants {
        full_rounds: published.full_rounds,
        partial_rounds: published.partial_rounds,
        round,
        matrix,
    }
});

/// The published constants.
pub fn constants() -> &'static Constants {
    &CONSTANTS
}

/// Permutes `state` in place.
pub fn permute(state: &mut [Fr; WIDTH]) {
    let constants = constants();
    let half = constants.full_rounds / 2;
    let partial = half..half + constants.partial_rounds;
    for (index, round) in constants.round.iter().enumerate() {
        for (s, c) in state.iter_mut().zip(round) {
            *s += c;
        }
        let boxes = if partial.contains(&index) { 1 } else { WIDTH };
        for s in state.iter_mut().take(boxes) {
            let square = s.square();
            *s *= square.square();
        }
        *state = mix(state, &constants.matrix);
    }
}

fn mix(state: &[Fr; WIDTH], matrix: &[[Fr; WIDTH]; WIDTH]) -> [Fr; WIDTH] {
    let mut mixed = [Fr::zero(); WIDTH];
    for (to, row) in mixed.iter_mut().zip(matrix) {
        *to = Fr::sum_of_products(row, state);
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use light_poseidon::{Poseidon, PoseidonHasher};

    #[test]
    fn agrees_with_an_independent_implementation() {
        for seed in 0u64..8 {
            let inputs: [Fr; 4] = core::array::from_fn(|i| Fr::from(seed * 1_000_003 + i as u64));
            let mut state = [Fr::zero(); WIDTH];
            state[1..].copy_from_slice(&inputs);
            permute(&mut state);
            let expected = Poseidon::<Fr>::new_circom(4).unwrap().hash(&inputs).unwrap();
            assert_eq!(state[0], expected);
        }
    }
}
