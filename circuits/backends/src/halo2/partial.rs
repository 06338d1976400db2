//! Poseidon's partial rounds as a recurrence in one variable.
//!
//! A partial round raises only the first element of the state to the fifth
//! power. Let `x_t` be that element before the S-box of partial round `t`,
//! constants added. The state has five elements and the rounds between S-boxes
//! are linear, so five consecutive `x` determine it, and by Cayley and Hamilton
//!
//! `x_{t+5} = Σ_{i<5} (a_i·x_{t+i} + b_i·x_{t+i}^5) + k_t`
//!
//! with the same `a`, `b` in every round. Five of them fit in a row of five
//! cells, and 60 partial rounds in 12 rows, without a cell for anything else.
//!
//! Derivation. Write `M` for the matrix, `o_j` for the first row of `M^j`,
//! `g_j` for its first entry, `δ_t = x_t^5 − x_t`, `c_t` for the constants of
//! round `t` (zero past the last) and `u_t` for the state with `c_t` added. From
//! `u_{t+1} = M(u_t + δ_t·e_0) + c_{t+1}`:
//!
//! `x_{t+j} = o_j·u_t + Σ_{i<j} g_{j−i}·δ_{t+i} + Σ_{0<i≤j} o_{j−i}·c_{t+i}`,
//!
//! and `o_5 = Σ_{j<5} p_j·o_j` removes `u_t`.

use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use zktrain_argument::poseidon::{self, WIDTH};

/// Partial rounds of the permutation, a multiple of [`WIDTH`].
pub const PARTIAL_ROUNDS: usize = 60;
/// Rows that hold them.
pub const PARTIAL_ROWS: usize = PARTIAL_ROUNDS / WIDTH;

/// A row of field elements.
pub type StateVector = [Fr; WIDTH];

/// The constants of the recurrence and of its two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// `o_0 … o_5`.
    pub observations: [StateVector; WIDTH + 1],
    /// `p_0 … p_4`, the matrix's characteristic polynomial.
    pub characteristic: StateVector,
    /// `a_0 … a_4`.
    pub linear: StateVector,
    /// `b_0 … b_4`.
    pub fifth: StateVector,
    /// `g_1 … g_4`: what `δ_i` adds to `x_{i+1} … x_{i+4}` at the start.
    pub echo: [Fr; WIDTH - 1],
    /// What constants add to `x_0 … x_4`.
    pub entry: StateVector,
    /// `k_t` for row `m` and position `j`, `t = 5m + j`; the last row's lead out.
    pub rounds: [StateVector; PARTIAL_ROWS],
}

static RECURRENCE: LazyLock<Recurrence> = LazyLock::new(Recurrence::derive);

/// The recurrence of the published constants.
pub fn recurrence() -> &'static Recurrence {
    &RECURRENCE
}

impl Recurrence {
    fn derive() -> Self {
        let constants = poseidon::constants();
        let mut observations = [[Fr::zero(); WIDTH]; WIDTH + 1];
        let mut row = [Fr::zero(); WIDTH];
        row[0] = Fr::one();
        for observation in &mut observations {
            *observation = row;
            row = row_times(&row, &constants.matrix);
        }
        let [basis @ .., last] = &observations;
        let characteristic = solve(basis, last);
        let gain = |j: usize| observations.get(j).map_or(Fr::zero(), |o| o[0]);
        let mut fifth = [Fr::zero(); WIDTH];
        let mut linear = characteristic;
        for (i, (b, a)) in fifth.iter_mut().zip(&mut linear).enumerate() {
            let later = characteristic.iter().enumerate().skip(i + 1);
            *b = gain(WIDTH - i) - later.map(|(j, p)| *p * gain(j - i)).sum::<Fr>();
            *a -= *b;
        }
        let rounds = |t: usize| partial_constants(constants, t);
        // Σ_{0<i≤j} o_{j−i}·c_{t+i}
        let echo_of_constants = |t: usize, j: usize| -> Fr {
            let earlier = observations.iter().take(j).rev();
            earlier.enumerate().map(|(i, o)| dot(o, &rounds(t + 1 + i))).sum()
        };
        let step = |t: usize| {
            let known = characteristic.iter().enumerate();
            echo_of_constants(t, WIDTH)
                - known.map(|(j, p)| *p * echo_of_constants(t, j)).sum::<Fr>()
        };
        let start = rounds(0);
        let mut entry = [Fr::zero(); WIDTH];
        for (j, (to, o)) in entry.iter_mut().zip(&observations).enumerate() {
            *to = dot(o, &start) + echo_of_constants(0, j);
        }
        let mut steps = [[Fr::zero(); WIDTH]; PARTIAL_ROWS];
        for (t, to) in steps.iter_mut().flatten().enumerate() {
            *to = step(t);
        }
        let echo = core::array::from_fn(|i| gain(i + 1));
        Self { observations, characteristic, linear, fifth, echo, entry, rounds: steps }
    }
}

/// Constants of partial round `t`; zero past the last.
fn partial_constants(constants: &poseidon::Constants, t: usize) -> StateVector {
    let first = constants.full_rounds / 2;
    let round = if t < constants.partial_rounds { constants.round.get(first + t) } else { None };
    round.copied().unwrap_or([Fr::zero(); WIDTH])
}

fn dot(a: &StateVector, b: &StateVector) -> Fr {
    Fr::sum_of_products(a, b)
}

fn row_times(row: &StateVector, matrix: &[StateVector; WIDTH]) -> StateVector {
    let mut product = [Fr::zero(); WIDTH];
    for (r, entries) in row.iter().zip(matrix) {
        for (to, entry) in product.iter_mut().zip(entries) {
            *to += *r * entry;
        }
    }
    product
}

/// `p` with `Σ_j p_j·basis_j = target`, by Gauss and Jordan; zeros if there is none, which the test
/// of the published constants excludes. No other default is reached: indices stay below [`WIDTH`],
/// the length of every vector here, and an entry that is inverted is one found not to be zero.
fn solve(basis: &[StateVector; WIDTH], target: &StateVector) -> StateVector {
    // One equation a component: its coefficients, then its right side.
    let mut equations: Vec<(StateVector, Fr)> = (0..WIDTH)
        .map(|i| {
            let component = |v: &StateVector| v.get(i).copied().unwrap_or_default();
            let mut coefficients = [Fr::zero(); WIDTH];
            coefficients.iter_mut().zip(basis).for_each(|(to, b)| *to = component(b));
            (coefficients, component(target))
        })
        .collect();
    let mut solved: Vec<(StateVector, Fr)> = Vec::new();
    for column in 0..WIDTH {
        let at = |v: &StateVector| v.get(column).copied().unwrap_or_default();
        let Some(found) = equations.iter().position(|(c, _)| !at(c).is_zero()) else { continue };
        let (coefficients, right) = equations.swap_remove(found);
        let inverse = at(&coefficients).inverse().unwrap_or_default();
        let pivot = (coefficients.map(|c| c * inverse), right * inverse);
        for (other, side) in equations.iter_mut().chain(&mut solved) {
            let factor = at(other);
            other.iter_mut().zip(&pivot.0).for_each(|(to, c)| *to -= factor * c);
            *side -= factor * pivot.1;
        }
        solved.push(pivot);
    }
    let mut solution = [Fr::zero(); WIDTH];
    solution.iter_mut().zip(&solved).for_each(|(to, (_, right))| *to = *right);
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_characteristic_polynomial_annihilates() {
        let r = recurrence();
        for i in 0..WIDTH {
            let sum: Fr = (0..WIDTH).map(|j| r.characteristic[j] * r.observations[j][i]).sum();
            assert_eq!(sum, r.observations[WIDTH][i]);
        }
    }

    #[test]
    fn the_recurrence_follows_the_partial_rounds() {
        let constants = poseidon::constants();
        assert_eq!(constants.partial_rounds, PARTIAL_ROUNDS);
        let mut state: StateVector = core::array::from_fn(|i| Fr::from(17 * i as u64 + 3));
        let mut x = Vec::new();
        for t in 0..PARTIAL_ROUNDS {
            state.iter_mut().zip(&constants.round[4 + t]).for_each(|(s, c)| *s += c);
            x.push(state[0]);
            state[0] = state[0].pow([5]);
            state = core::array::from_fn(|i| dot(&constants.matrix[i], &state));
        }
        let r = recurrence();
        for t in 0..PARTIAL_ROUNDS - WIDTH {
            let terms = (0..WIDTH).map(|i| r.linear[i] * x[t + i] + r.fifth[i] * x[t + i].pow([5]));
            let expected = terms.sum::<Fr>() + r.rounds[t / WIDTH][t % WIDTH];
            assert_eq!(x[t + WIDTH], expected, "{t}");
        }
    }
}
