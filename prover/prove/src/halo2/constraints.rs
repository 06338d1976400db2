//! All constraints of a circuit, joined by powers of `y`, at one point.
//!
//! The gates of the rounds are sums of cells, coefficients and fifth powers with constant weights
//! ([`residues`]). For one `y` the five gates of a kind become one such sum, whose weights are
//! found by putting in ones and zeros. That takes a third of the products of [`gates`], to which
//! a test holds it equal.
//!
//! [`gates`]: zktrain_backends::halo2::gates::gates

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use zktrain_backends::compress::INPUTS;
use zktrain_backends::halo2::gates::{
    ADVICE, COEFFICIENTS, FIXED, FifthPowers, GATES, View, arithmetic, constant, residues,
    selectors,
};
use zktrain_backends::halo2::key::delta;
use zktrain_backends::halo2::tape::BLINDING_ROWS;

/// Kinds of rounds.
const ROUNDS: usize = 4;
/// Gates of each.
const WIDTH: usize = 5;
/// What their gates are sums of: cells of two rows, coefficients, three lists of powers.
const TERMS: usize = 6 * WIDTH;
/// Constraints of the copy argument.
const COPIES: usize = 3;

/// The challenges that constraints depend on.
#[derive(Clone, Copy, Debug)]
pub struct Challenges {
    /// Keeps cells' names and values apart.
    pub beta: Fr,
    /// Shifts what is multiplied.
    pub gamma: Fr,
    /// Joins the constraints.
    pub y: Fr,
}

/// Everything at the elements of one coset, column by column.
#[derive(Clone, Copy, Debug)]
pub struct CosetColumns<'a> {
    pub advice: &'a [Vec<Fr>],
    /// The copy argument's product.
    pub product: &'a [Fr],
    /// Coefficients and selectors.
    pub fixed: &'a [Vec<Fr>],
    /// `σ`
    pub permutation: &'a [Vec<Fr>],
    /// `ℓ_0`
    pub first: &'a [Fr],
    /// Powers of `ω`.
    pub roots: &'a [Fr],
    /// The coset's first element.
    pub shift: Fr,
}

/// The joined constraints of one proof.
#[derive(Clone, Debug)]
pub struct Constraints {
    challenges: Challenges,
    inputs: [Fr; INPUTS],
    idle: Fr,
    arithmetic: Fr,
    rounds: [Weighted; ROUNDS],
    /// `β·δ^i`
    names: [Fr; ADVICE],
}

impl Constraints {
    /// For these challenges and public inputs.
    pub fn new(challenges: Challenges, inputs: [Fr; INPUTS]) -> Self {
        let mut weights = [Fr::ZERO; GATES + COPIES];
        let mut power = Fr::ONE;
        for weight in weights.iter_mut().rev() {
            *weight = power;
            power *= challenges.y;
        }
        let mut name = challenges.beta;
        let names = [(); ADVICE].map(|()| {
            let this = name;
            name *= delta();
            this
        });
        let [idle, arithmetic, rounds @ ..] = weights;
        let rounds = Weighted::all(&rounds);
        Self { challenges, inputs, idle, arithmetic, rounds, names }
    }

    /// The sum at element `r` of a coset.
    pub fn at(&self, columns: &CosetColumns<'_>, r: usize) -> Fr {
        let below = (r + 1) % columns.roots.len();
        let fixed = |i: usize| columns.fixed[i][r];
        let view = View {
            current: core::array::from_fn(|i| columns.advice[i][r]),
            next: core::array::from_fn(|i| columns.advice[i][below]),
            coefficients: core::array::from_fn(fixed),
            selectors: [fixed(COEFFICIENTS), fixed(FIXED - 1)],
            instance: self.instance(columns.first, r),
        };
        self.gates(&view) + self.copies(columns, &view.current, r, below)
    }

    /// `I = h·ℓ_0 + κ·ℓ_1 + f·ℓ_2`
    fn instance(&self, first: &[Fr], r: usize) -> Fr {
        let inputs = self.inputs.iter().enumerate();
        inputs.map(|(row, input)| *input * lagrange(first, r, row)).sum()
    }

    /// The gates, joined.
    fn gates(&self, view: &View<Fr>) -> Fr {
        let [idle, arithmetic_row, rounds @ ..] = selectors(&view.selectors);
        let mut sum = self.idle * idle * constant(view);
        sum += self.arithmetic * arithmetic_row * arithmetic(view);
        let terms = terms(view, &FifthPowers::of(view));
        for (selector, weighted) in rounds.iter().zip(&self.rounds) {
            sum += *selector * weighted.sum(&terms);
        }
        sum
    }

    /// The copy argument's three constraints, joined.
    fn copies(
        &self,
        columns: &CosetColumns<'_>,
        cells: &[Fr; ADVICE],
        r: usize,
        below: usize,
    ) -> Fr {
        let Challenges { beta, gamma, y } = self.challenges;
        let rows = columns.roots.len();
        let (z, mut left) = (columns.product[r], columns.product[below]);
        let mut right = z;
        let x = columns.shift * columns.roots[r];
        for ((cell, image), name) in cells.iter().zip(columns.permutation).zip(&self.names) {
            let shifted = *cell + gamma;
            left *= shifted + beta * image[r];
            right *= shifted + *name * x;
        }
        let start = lagrange(columns.first, r, 0);
        let last = lagrange(columns.first, r, rows - BLINDING_ROWS);
        let blinding: Fr = (1..BLINDING_ROWS).map(|i| lagrange(columns.first, r, rows - i)).sum();
        let ends = y.square() * start * (Fr::ONE - z) + y * last * (z.square() - z);
        ends + (Fr::ONE - last - blinding) * (left - right)
    }
}

/// The Lagrange polynomial of a row at element `r`.
fn lagrange(first: &[Fr], r: usize, row: usize) -> Fr {
    first[(r + first.len() - row) % first.len()]
}

/// What the gates of rounds are sums of.
fn terms(view: &View<Fr>, powers: &FifthPowers<Fr>) -> [Fr; TERMS] {
    let lists = [
        &view.current,
        &view.next,
        &view.coefficients,
        &powers.shifted,
        &powers.current,
        &powers.next,
    ];
    core::array::from_fn(|i| lists[i / WIDTH][i % WIDTH])
}

/// The five gates of a kind, joined.
#[derive(Clone, Debug)]
struct Weighted {
    constant: Fr,
    /// Positions among the terms, and weights other than zero.
    weights: Vec<(usize, Fr)>,
}

impl Weighted {
    /// All kinds, given the weights of their gates.
    fn all(gates: &[Fr]) -> [Self; ROUNDS] {
        let zero = joined(&[Fr::ZERO; TERMS], gates);
        let mut all = zero.map(|constant| Self { constant, weights: Vec::new() });
        for position in 0..TERMS {
            let mut unit = [Fr::ZERO; TERMS];
            unit[position] = Fr::ONE;
            for (weighted, value) in all.iter_mut().zip(joined(&unit, gates)) {
                let weight = value - weighted.constant;
                if weight != Fr::ZERO {
                    weighted.weights.push((position, weight));
                }
            }
        }
        all
    }

    fn sum(&self, terms: &[Fr; TERMS]) -> Fr {
        let sum = self.weights.iter().map(|(position, weight)| *weight * terms[*position]);
        sum.sum::<Fr>() + self.constant
    }
}

/// The joined gates of each kind for these terms, powers among them whatever they are.
fn joined(terms: &[Fr; TERMS], gates: &[Fr]) -> [Fr; ROUNDS] {
    let list = |index: usize| core::array::from_fn(|i| terms[index * WIDTH + i]);
    let view = View {
        current: list(0),
        next: list(1),
        coefficients: list(2),
        selectors: [Fr::ZERO; 2],
        instance: Fr::ZERO,
    };
    let powers = FifthPowers { shifted: list(3), current: list(4), next: list(5) };
    let all = residues(&view, &powers);
    let sum = |kind: usize| {
        let weights = gates.iter().skip(kind * WIDTH);
        all[kind].iter().zip(weights).map(|(residue, weight)| *residue * weight).sum()
    };
    core::array::from_fn(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use zktrain_backends::halo2::gates::gates;

    #[test]
    fn joined_gates_are_the_gates_joined() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for _ in 0..5 {
            let mut random = || Fr::rand(&mut rng);
            let challenges = Challenges { beta: random(), gamma: random(), y: random() };
            let constraints = Constraints::new(challenges, [random(), random(), random()]);
            let mut list = || [(); WIDTH].map(|()| Fr::rand(&mut rng));
            let (current, next, coefficients) = (list(), list(), list());
            let [x, y, instance, ..] = list();
            let view = View { current, next, coefficients, selectors: [x, y], instance };
            let gates = gates(&view).into_iter();
            let expected = gates.fold(Fr::ZERO, |sum, gate| sum * challenges.y + gate);
            let expected = expected * challenges.y.pow([COPIES as u64]);
            assert_eq!(constraints.gates(&view), expected);
        }
    }
}
