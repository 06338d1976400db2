//! Poseidon's permutation in 312 constraints.
//!
//! An S-box takes three: `x·x = x²`, `x²·x = x³`, `x²·x³ = x⁵`. Left factors are then `x` and
//! `x²`, right ones `x` and `x³`, so that a third of the variables has no part in either query.
//! Everything else is linear. Through the partial rounds the other four state elements would grow
//! by one term a round; after every [`SEGMENT`] of them they get variables of their own, which
//! costs twelve constraints in all and keeps the system sparse. The combinations within a segment
//! are the same in every permutation but for the variables, and computed once.

use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use zktrain_argument::poseidon::{self, WIDTH, constants};

use super::builder::R1csBuilder;
use super::system::{ONE, R1csTerm};
use super::wire::R1csWire;

/// Partial rounds between two refreshments of the state.
const SEGMENT: usize = 15;

/// Coefficients of the constant, of the five state elements that a segment starts from, and of
/// the S-boxes' outputs since.
type Coefficients = Vec<Fr>;

/// A segment's linear combinations.
struct Segment {
    /// The S-box's input in each of its rounds.
    inputs: Vec<Coefficients>,
    /// State elements 1 to 4 after its last S-box.
    rest: Vec<Coefficients>,
}

static SEGMENTS: LazyLock<Vec<Segment>> = LazyLock::new(|| {
    let all = constants();
    let half = all.full_rounds / 2;
    let partial: Vec<_> = all.round.iter().skip(half).take(all.partial_rounds).collect();
    partial.chunks(SEGMENT).map(Segment::new).collect()
});

impl Segment {
    fn new(rounds: &[&[Fr; WIDTH]]) -> Self {
        let columns = 1 + WIDTH + rounds.len();
        let unit = |k: usize| (0..columns).map(|i| Fr::from(u64::from(i == k))).collect();
        let mut state: Vec<Coefficients> = (1..=WIDTH).map(unit).collect();
        let mut inputs = Vec::with_capacity(rounds.len());
        for (index, round) in rounds.iter().enumerate() {
            state = mix(&state, round, columns);
            if let Some(first) = state.first_mut() {
                inputs.push(core::mem::replace(first, unit(1 + WIDTH + index)));
            }
        }
        Self { inputs, rest: state.split_off(1) }
    }
}

/// The matrix times the state, plus a round's constants.
fn mix(state: &[Coefficients], round: &[Fr; WIDTH], columns: usize) -> Vec<Coefficients> {
    let rows = constants().matrix.iter().zip(round);
    rows.map(|(row, constant)| {
        let mut mixed = vec![Fr::zero(); columns];
        for (weight, element) in row.iter().zip(state) {
            mixed.iter_mut().zip(element).for_each(|(sum, c)| *sum += *weight * c);
        }
        if let Some(first) = mixed.first_mut() {
            *first += constant;
        }
        mixed
    })
    .collect()
}

/// Permutes the state.
pub(super) fn permute(builder: &mut R1csBuilder, state: &mut [R1csWire; WIDTH]) {
    if let Some(mut fixed) = all_constant(state) {
        poseidon::permute(&mut fixed);
        *state = fixed.map(R1csWire::constant);
        return;
    }
    let all = constants();
    let half = all.full_rounds / 2;
    let (first, last) = (all.round.iter().take(half), all.round.iter().rev().take(half).rev());
    for (index, round) in first.enumerate() {
        if index > 0 {
            mix_wires(state);
        }
        full_round(builder, state, round);
    }
    partial_rounds(builder, state);
    for round in last {
        mix_wires(state);
        full_round(builder, state, round);
    }
    mix_wires(state);
}

fn all_constant(state: &[R1csWire; WIDTH]) -> Option<[Fr; WIDTH]> {
    let mut fixed = [Fr::zero(); WIDTH];
    for (value, wire) in fixed.iter_mut().zip(state) {
        *value = wire.as_constant()?;
    }
    Some(fixed)
}

/// Adds the round's constants and applies every S-box.
fn full_round(builder: &mut R1csBuilder, state: &mut [R1csWire; WIDTH], round: &[Fr; WIDTH]) {
    for (element, constant) in state.iter_mut().zip(round) {
        let input = element.plus(Fr::one(), &R1csWire::constant(*constant));
        *element = match input.as_constant() {
            Some(c) => R1csWire::constant(fifth_power(c)),
            None => {
                let (variable, value) = s_box(builder, input.terms.iter().copied(), input.value);
                R1csWire::variable(variable, value)
            }
        };
    }
}

fn mix_wires(state: &mut [R1csWire; WIDTH]) {
    let zero = R1csWire::constant(Fr::zero());
    let combine = |row: &[Fr; WIDTH]| {
        let terms = row.iter().zip(state.iter());
        terms.fold(zero.clone(), |sum, (weight, element)| sum.plus(*weight, element))
    };
    let mixed = constants().matrix.each_ref().map(combine);
    *state = mixed;
}

fn fifth_power(x: Fr) -> Fr {
    let square = x.square();
    square * square * x
}

/// A variable that holds the fifth power of a combination.
fn s_box(builder: &mut R1csBuilder, terms: impl IntoIterator<Item = R1csTerm>, x: Fr) -> (u32, Fr) {
    let square = x.square();
    let cube = square * x;
    let fifth = cube * square;
    let input = builder.combination_of(terms, x);
    let (_, square) = builder.allocate_combination(square);
    builder.constrain(input, input, square);
    let (_, cube) = builder.allocate_combination(cube);
    builder.constrain(square, input, cube);
    let (variable, output) = builder.allocate_combination(fifth);
    builder.constrain(square, cube, output);
    (variable, fifth)
}

/// The partial rounds, from the S-boxes' outputs of the full round before them.
fn partial_rounds(builder: &mut R1csBuilder, state: &mut [R1csWire; WIDTH]) {
    let mut values = state.each_ref().map(|wire| wire.value);
    let mut basis: Vec<u32> = vec![ONE];
    basis.extend(state.iter().map(|wire| builder.materialize(wire)));
    let mut rounds = constants().round.iter().skip(constants().full_rounds / 2);
    let mut segments = SEGMENTS.iter().peekable();
    while let Some(segment) = segments.next() {
        let mut output = ONE;
        for (input, round) in segment.inputs.iter().zip(&mut rounds) {
            values = mix_values(&values, round);
            let [first, ..] = &mut values;
            (output, *first) = s_box(builder, terms(input, &basis), *first);
            basis.push(output);
        }
        let [first, ..] = values;
        let mut next = vec![ONE, output];
        let mut wires = vec![R1csWire::variable(output, first)];
        for (rest, value) in segment.rest.iter().zip(values.into_iter().skip(1)) {
            let terms = terms(rest, &basis);
            if segments.peek().is_some() {
                next.push(builder.define(terms, value));
            } else {
                wires.push(R1csWire { value, terms: terms.collect() });
            }
        }
        basis = next;
        // Only the last segment leaves wires for the whole state.
        state.iter_mut().zip(wires).for_each(|(element, wire)| *element = wire);
    }
}

fn mix_values(state: &[Fr; WIDTH], round: &[Fr; WIDTH]) -> [Fr; WIDTH] {
    let mut mixed = *round;
    for (to, row) in mixed.iter_mut().zip(&constants().matrix) {
        *to += Fr::sum_of_products(row, state);
    }
    mixed
}

/// The combination with these coefficients; the basis is by increasing variable.
fn terms(coefficients: &[Fr], basis: &[u32]) -> impl Iterator<Item = R1csTerm> {
    let pairs = basis.iter().zip(coefficients).filter(|(_, c)| !c.is_zero());
    pairs.map(|(variable, coefficient)| R1csTerm { variable: *variable, coefficient: *coefficient })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r1cs::Synthesis;
    use zktrain_argument::arith::Arithmetic;

    fn permuted(values: [Fr; WIDTH]) -> (Synthesis, [Fr; WIDTH]) {
        let (mut builder, mut state) = R1csBuilder::new(values);
        builder.permute(&mut state);
        (builder.finish(), state.map(|wire| wire.value))
    }

    #[test]
    fn agrees_with_the_native_permutation() {
        for seed in 0u64..4 {
            let mut values: [Fr; WIDTH] = core::array::from_fn(|i| Fr::from(seed * 77 + i as u64));
            let (synthesis, got) = permuted(values);
            poseidon::permute(&mut values);
            assert_eq!(got, values);
            assert!(synthesis.is_satisfied());
            assert_eq!(synthesis.system.first_broken(&synthesis.assignment), None);
            assert_eq!(synthesis.system.constraints().len(), 312);
        }
    }

    #[test]
    fn outputs_are_short_combinations_of_the_witness() {
        let (mut builder, mut state) = R1csBuilder::new([1u64, 2, 3, 4, 5].map(Fr::from));
        builder.permute(&mut state);
        assert!(state.iter().all(|wire| wire.terms.len() == WIDTH));
        let Synthesis { system, assignment, .. } = builder.finish();
        for wire in &state {
            let value = |t: &R1csTerm| t.coefficient * assignment[t.variable as usize];
            assert_eq!(wire.terms.iter().map(value).sum::<Fr>(), wire.value);
        }
        assert!(system.term_count() < 1700, "{} terms", system.term_count());
    }

    #[test]
    fn every_variable_is_determined() {
        let (synthesis, _) = permuted([1u64, 2, 3, 4, 5].map(Fr::from));
        let Synthesis { system, mut assignment, .. } = synthesis;
        for variable in 1..system.variables() {
            assignment[variable] += Fr::one();
            assert!(system.first_broken(&assignment).is_some(), "variable {variable}");
            assignment[variable] -= Fr::one();
        }
    }

    #[test]
    fn constants_cost_nothing() {
        let (mut builder, [x]) = R1csBuilder::new([Fr::from(9u64)]);
        let mut expected = [0u64, 1, 2, 3, 9].map(Fr::from);
        let mut state = expected.map(R1csWire::constant);
        builder.permute(&mut state);
        assert!(state.iter().all(|wire| wire.as_constant().is_some()));
        assert!(builder.clone().finish().system.constraints().is_empty());
        poseidon::permute(&mut expected);
        assert_eq!(state.each_ref().map(|wire| wire.value), expected);
        // Four constant inputs save four S-boxes of the first round.
        let mut state = [0u64, 1, 2, 3, 4].map(Fr::from).map(R1csWire::constant);
        state[4] = x;
        builder.permute(&mut state);
        let synthesis = builder.finish();
        assert!(synthesis.is_satisfied());
        assert_eq!(synthesis.system.constraints().len(), 312 - 12);
        let mut expected = [0u64, 1, 2, 3, 9].map(Fr::from);
        poseidon::permute(&mut expected);
        assert_eq!(state.map(|wire| wire.value), expected);
    }
}
