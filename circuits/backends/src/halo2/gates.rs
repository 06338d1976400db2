//! The constraint system: one for every manifest.
//!
//! Five advice columns `c`, seven fixed columns (coefficients `q_0 … q_4`,
//! selectors `x`, `y`) and one instance column. The selectors' values in a row
//! say what the row is; each kind is picked out by a polynomial of degree two
//! that vanishes at the other five points:
//!
//! | kind | `(x, y)` | selected by |
//! |---|---|---|
//! | idle, or a constant | (0, 0) | `1 − x² − y² + xy` |
//! | arithmetic | (1, 1) | `xy` |
//! | full round | (1, 0) | `x(x + 1 − 2y)` |
//! | last full round before the partial ones | (−1, 0) | `x(x − 1)` |
//! | five partial rounds | (0, 1) | `y(y + 1 − 2x)` |
//! | last five partial rounds | (0, −1) | `y(y − 1)` |
//!
//! The gates, `c'` being the row below, `M` Poseidon's matrix and the other
//! constants those of [`Recurrence`]:
//!
//! - constant: `q_0·c_0 = q_1`;
//! - arithmetic: `c_4·(q_0·c_0·c_1 + q_1·c_0 + q_2·c_1 + q_4) + q_3·c_2 + instance = c_3`;
//! - full round: `c'_i = Σ_j M_ij·s_j` with `s_j = (c_j + q_j)^5`;
//! - last full round: `c'_i = o_{i+1}·s + Σ_{j<i} g_{i−j}·(c'_j^5 − c'_j) + entry_i`;
//! - partial rounds, with `(X_0, …, X_9) = (c, c')`:
//!   `c'_i = Σ_j (a_j·X_{i+j} + b_j·X_{i+j}^5) + q_i`;
//! - last partial rounds, with `Y_i = o_i·c'`:
//!   `Y_i = Σ_{j<5−i} (a_j·c_{i+j} + b_j·c_{i+j}^5) + Σ_{j≥5−i} p_j·Y_{i+j−5} + q_i`.
//!
//! Rows without a kind, those past the circuit and those of the blinding among
//! them, have fixed values zero and are idle: nothing is demanded of them.
//! Written over a ring, so that halo2's expressions, the native verifier and the
//! tests all evaluate the same function.

use core::ops::{Add, Mul, Sub};

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use zktrain_argument::poseidon::{self, WIDTH};

use super::partial::{Recurrence, StateVector, recurrence};

/// Advice columns.
pub const ADVICE: usize = WIDTH;
/// Columns of coefficients.
pub const COEFFICIENTS: usize = 5;
/// Fixed columns: the coefficients and the two selectors.
pub const FIXED: usize = COEFFICIENTS + 2;
/// The largest degree of a gate, its selector included; the permutation
/// argument over five columns has the same.
pub const DEGREE: usize = 7;
/// Polynomials that vanish on every row.
pub const GATES: usize = 2 + 4 * WIDTH;

/// What the gates are computed over.
pub trait Ring:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Sized
{
    fn constant(value: Fr) -> Self;
    /// A constant multiple.
    fn scaled(self, by: Fr) -> Self;

    /// The fifth power.
    fn fifth(self) -> Self {
        let square = self.clone() * self.clone();
        square.clone() * square * self
    }
}

impl Ring for Fr {
    fn constant(value: Fr) -> Self {
        value
    }
    fn scaled(self, by: Fr) -> Self {
        self * by
    }
}

/// What a gate sees: a row and the advice of the row below.
#[derive(Clone, Debug)]
pub struct View<E> {
    /// Advice of the row.
    pub current: [E; ADVICE],
    /// Advice of the next row.
    pub next: [E; ADVICE],
    pub coefficients: [E; COEFFICIENTS],
    /// The selectors `x`, `y`.
    pub selectors: [E; 2],
    /// The instance column.
    pub instance: E,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// Nothing, or a constant.
    Idle,
    /// The arithmetic gate.
    Arithmetic,
    /// A full round.
    Full,
    /// The last full round before the partial ones.
    Entry,
    /// Five partial rounds.
    Partial,
    /// The last five partial rounds.
    Exit,
}

impl RowKind {
    /// The selectors' values.
    pub fn selectors(self) -> [Fr; 2] {
        let (zero, one) = (Fr::zero(), Fr::one());
        match self {
            Self::Idle => [zero, zero],
            Self::Arithmetic => [one, one],
            Self::Full => [one, zero],
            Self::Entry => [-one, zero],
            Self::Partial => [zero, one],
            Self::Exit => [zero, -one],
        }
    }

    /// The kind of the gate with this number, in the order of [`gates`].
    pub fn of_gate(gate: usize) -> Self {
        match gate {
            0 => Self::Idle,
            1 => Self::Arithmetic,
            _ => match (gate - 2) / WIDTH {
                0 => Self::Full,
                1 => Self::Entry,
                2 => Self::Partial,
                _ => Self::Exit,
            },
        }
    }
}

/// All gates: constant, arithmetic, then five each for full rounds, the last
/// full round, partial rounds and the last partial rounds.
pub fn gates<E: Ring>(view: &View<E>) -> Vec<E> {
    let [idle, arithmetic_row, rounds @ ..] = selectors(&view.selectors);
    let residues = residues(view, &FifthPowers::of(view));
    let mut all = vec![idle * constant(view), arithmetic_row * arithmetic(view)];
    for (selector, residues) in rounds.into_iter().zip(residues) {
        all.extend(residues.into_iter().map(|residue| selector.clone() * residue));
    }
    all
}

/// What picks out each kind of row, in the order of [`RowKind`], given the selectors' values.
pub fn selectors<E: Ring>([x, y]: &[E; 2]) -> [E; 6] {
    let one = || E::constant(Fr::one());
    let two = Fr::from(2u64);
    let xy = x.clone() * y.clone();
    [
        one() - x.clone() * x.clone() - y.clone() * y.clone() + xy.clone(),
        xy,
        x.clone() * (x.clone() + one() - y.clone().scaled(two)),
        x.clone() * (x.clone() - one()),
        y.clone() * (y.clone() + one() - x.clone().scaled(two)),
        y.clone() * (y.clone() - one()),
    ]
}

/// What has to be zero in the rows of the four kinds of rounds, five values each, in the order of
/// [`RowKind`]: sums of cells, coefficients, powers and a constant with constant weights.
pub fn residues<E: Ring>(view: &View<E>, powers: &FifthPowers<E>) -> [Vec<E>; 4] {
    let r = recurrence();
    [powers.full_round(view), powers.entry(view, r), powers.partial(view, r), powers.exit(view, r)]
}

/// What has to be zero in an idle row.
pub fn constant<E: Ring>(view: &View<E>) -> E {
    let [c0, ..] = view.current.clone();
    let [q0, q1, ..] = view.coefficients.clone();
    q0 * c0 - q1
}

/// What has to be zero in an arithmetic row.
pub fn arithmetic<E: Ring>(view: &View<E>) -> E {
    let [c0, c1, c2, c3, c4] = view.current.clone();
    let [q0, q1, q2, q3, q4] = view.coefficients.clone();
    let inner = q0 * (c0.clone() * c1.clone()) + q1 * c0 + q2 * c1 + q4;
    c4 * inner + q3 * c2 - c3 + view.instance.clone()
}

/// The fifth powers that the rounds share.
#[derive(Clone, Debug)]
pub struct FifthPowers<E> {
    /// `(c_j + q_j)^5`
    pub shifted: [E; WIDTH],
    /// `c_j^5`
    pub current: [E; WIDTH],
    /// `c'_j^5`
    pub next: [E; WIDTH],
}

impl<E: Ring> FifthPowers<E> {
    /// The powers of a row's cells.
    pub fn of(view: &View<E>) -> Self {
        let mut shifted = view.current.clone();
        for (s, q) in shifted.iter_mut().zip(&view.coefficients) {
            *s = (s.clone() + q.clone()).fifth();
        }
        Self {
            shifted,
            current: view.current.clone().map(E::fifth),
            next: view.next.clone().map(E::fifth),
        }
    }

    fn full_round(&self, view: &View<E>) -> Vec<E> {
        let rows = view.next.iter().zip(&poseidon::constants().matrix);
        rows.map(|(to, row)| to.clone() - dot(row, &self.shifted)).collect()
    }

    fn entry(&self, view: &View<E>, r: &Recurrence) -> Vec<E> {
        let rows = view.next.iter().zip(r.observations.iter().skip(1)).zip(&r.entry);
        rows.enumerate()
            .map(|(i, ((to, row), constant))| {
                let mut value = dot(row, &self.shifted) + E::constant(*constant);
                let earlier = self.next.iter().zip(&view.next).take(i);
                for ((power, cell), gain) in earlier.zip(r.echo.iter().take(i).rev()) {
                    value = value + (power.clone() - cell.clone()).scaled(*gain);
                }
                to.clone() - value
            })
            .collect()
    }

    fn partial(&self, view: &View<E>, r: &Recurrence) -> Vec<E> {
        let rows = view.next.iter().zip(&view.coefficients).enumerate();
        rows.map(|(i, (to, q))| {
            let mut value = q.clone();
            let cells = view.current.iter().chain(&view.next).skip(i);
            let powers = self.current.iter().chain(&self.next).skip(i);
            for ((cell, power), (a, b)) in cells.zip(powers).zip(r.linear.iter().zip(&r.fifth)) {
                value = value + cell.clone().scaled(*a) + power.clone().scaled(*b);
            }
            to.clone() - value
        })
        .collect()
    }

    fn exit(&self, view: &View<E>, r: &Recurrence) -> Vec<E> {
        let observed: Vec<E> =
            r.observations.iter().take(WIDTH).map(|row| dot(row, &view.next)).collect();
        let rows = observed.iter().zip(&view.coefficients).enumerate();
        rows.map(|(i, (to, q))| {
            let mut value = q.clone();
            let cells = view.current.iter().zip(&self.current).skip(i);
            for ((cell, power), (a, b)) in cells.zip(r.linear.iter().zip(&r.fifth)) {
                value = value + cell.clone().scaled(*a) + power.clone().scaled(*b);
            }
            for (later, p) in observed.iter().zip(r.characteristic.iter().skip(WIDTH - i)) {
                value = value + later.clone().scaled(*p);
            }
            to.clone() - value
        })
        .collect()
    }
}

/// `Σ_j row_j·values_j`, entries of zero and one at no cost.
fn dot<E: Ring>(row: &StateVector, values: &[E; WIDTH]) -> E {
    let mut sum: Option<E> = None;
    for (c, v) in row.iter().zip(values).filter(|(c, _)| !c.is_zero()) {
        let term = if c.is_one() { v.clone() } else { v.clone().scaled(*c) };
        sum = Some(sum.map_or(term.clone(), |s| s + term));
    }
    sum.unwrap_or_else(|| E::constant(Fr::zero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_selects_its_gates_alone() {
        // Cells that satisfy no gate, so that a gate is zero exactly where it is switched off.
        let view = |kind: RowKind| View {
            current: core::array::from_fn(|i| Fr::from(5 + i as u64)),
            next: core::array::from_fn(|i| Fr::from(50 + i as u64)),
            coefficients: core::array::from_fn(|i| Fr::from(500 + i as u64)),
            selectors: kind.selectors(),
            instance: Fr::from(7u64),
        };
        let kinds = [
            RowKind::Idle,
            RowKind::Arithmetic,
            RowKind::Full,
            RowKind::Entry,
            RowKind::Partial,
            RowKind::Exit,
        ];
        for kind in kinds {
            let values = gates(&view(kind));
            assert_eq!(values.len(), GATES);
            for (gate, value) in values.iter().enumerate() {
                assert_eq!(!value.is_zero(), RowKind::of_gate(gate) == kind, "{kind:?} {gate}");
            }
        }
    }

    #[test]
    fn rows_of_zeros_with_any_advice_are_allowed() {
        let view = View {
            current: core::array::from_fn(|i| Fr::from(5 + i as u64)),
            next: core::array::from_fn(|i| Fr::from(50 + i as u64)),
            coefficients: [Fr::zero(); COEFFICIENTS],
            selectors: RowKind::Idle.selectors(),
            instance: Fr::zero(),
        };
        assert!(gates(&view).iter().all(Fr::is_zero));
    }
}
