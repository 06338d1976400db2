//! Cheating assignments: for every gate one that breaks it and nothing else.

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use halo2_proofs::dev::MockProver;
use light_poseidon::{Poseidon, PoseidonHasher};
use zktrain_argument::arith::{Arithmetic, Check};
use zktrain_argument::poseidon::WIDTH;

use super::gates::{ADVICE, COEFFICIENTS, GATES, RowKind, View, gates};
use super::recorder::{Recorder, Var};
use super::reference::circuit::TapeCircuit;
use super::reference::convert::to_scalar;
use super::rounds::PERMUTATION_ROWS;
use super::tape::{BLINDING_ROWS, Cell, Tape, Violation};
use crate::compress::PublicInputs;

fn fr(value: u64) -> Fr {
    Fr::from(value)
}

fn inputs() -> PublicInputs<Fr> {
    PublicInputs { h: fr(3), kappa: fr(5), fold: fr(15) }
}

/// A permutation of a constant and four witnesses, and `h·κ = f`.
fn small() -> (Tape, [Var; WIDTH]) {
    let (mut recorder, inputs) = Recorder::new(inputs());
    let mut state = [(); WIDTH].map(|()| recorder.constant(fr(77)));
    for (index, var) in state.iter_mut().enumerate().skip(1) {
        *var = recorder.witness(fr(1000 + index as u64));
    }
    recorder.permute(&mut state);
    let product = recorder.mul(&inputs.h, &inputs.kappa);
    recorder.assert_equal(Check::Fold, &product, &inputs.fold).unwrap();
    (recorder.finish().unwrap(), state)
}

fn mock(tape: &Tape) -> bool {
    let instance = tape.inputs.iter().map(to_scalar).collect();
    let circuit = TapeCircuit::new(tape);
    MockProver::run(tape.log_rows(), &circuit, vec![instance]).unwrap().verify().is_ok()
}

#[test]
fn the_digest_is_of_everything_but_the_witness() {
    let (tape, _) = small();
    let mut other = tape.clone();
    other.rows[3].advice[1] += fr(1);
    other.inputs[0] += fr(1);
    assert_eq!(tape.digest(), other.digest());
    let constant = tape.rows.iter().position(|row| row.kind == RowKind::Idle).unwrap();
    let changes: [&dyn Fn(&mut Tape); 5] = [
        &|tape| tape.rows[constant].coefficients[0] += fr(1),
        &|tape| tape.rows[constant].kind = RowKind::Full,
        &|tape| tape.rows.push(tape.rows[0].clone()),
        &|tape| tape.copies.swap(0, 1),
        &|tape| tape.copies.truncate(tape.copies.len() - 1),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut other = tape.clone();
        change(&mut other);
        assert_ne!(tape.digest(), other.digest(), "{index}");
    }
}

fn row_of(tape: &Tape, kind: RowKind) -> usize {
    tape.rows.iter().position(|row| row.kind == kind).unwrap()
}

fn block(tape: &Tape, row: usize, next: [Fr; ADVICE]) -> [Fr; WIDTH] {
    let at = &tape.rows[row];
    let view = View {
        current: at.advice,
        next,
        coefficients: at.coefficients,
        selectors: at.kind.selectors(),
        instance: Fr::zero(),
    };
    let first = (0..GATES).find(|gate| RowKind::of_gate(*gate) == at.kind).unwrap();
    gates(&view)[first..first + WIDTH].try_into().unwrap()
}

/// Makes the row below satisfy `row`'s gates but for `fault`, where a gate's
/// value becomes that number instead.
fn step(tape: &mut Tape, row: usize, fault: Option<(usize, Fr)>) {
    let mut next = [Fr::zero(); ADVICE];
    let wanted = |i: usize| fault.filter(|(gate, _)| *gate == i).map_or(Fr::zero(), |(_, v)| v);
    if tape.rows[row].kind == RowKind::Exit {
        // Affine in the row below: one column of the matrix a cell.
        let offset = block(tape, row, next);
        let mut equations: Vec<Vec<Fr>> = (0..WIDTH)
            .map(|i| vec![Fr::zero(); WIDTH].into_iter().chain([wanted(i) - offset[i]]).collect())
            .collect();
        for cell in 0..WIDTH {
            let mut unit = [Fr::zero(); ADVICE];
            unit[cell] = Fr::one();
            let column = block(tape, row, unit);
            (0..WIDTH).for_each(|i| equations[i][cell] = column[i] - offset[i]);
        }
        next = solve(equations).try_into().unwrap();
    } else {
        // Each gate gives one cell from those before it, with factor two.
        for i in 0..WIDTH {
            let value = block(tape, row, next)[i];
            next[i] = (wanted(i) - value) / fr(2);
        }
    }
    tape.rows[row + 1].advice = next;
}

fn solve(mut equations: Vec<Vec<Fr>>) -> Vec<Fr> {
    for i in 0..WIDTH {
        let pivot = (i..WIDTH).find(|j| !equations[*j][i].is_zero()).unwrap();
        equations.swap(i, pivot);
        let inverse = equations[i][i].inverse().unwrap();
        equations[i].iter_mut().for_each(|c| *c *= inverse);
        for j in (0..WIDTH).filter(|j| *j != i) {
            let (factor, row) = (equations[j][i], equations[i].clone());
            equations[j].iter_mut().zip(row).for_each(|(to, c)| *to -= factor * c);
        }
    }
    equations.iter().map(|equation| equation[WIDTH]).collect()
}

/// Recomputes the permutation that starts in `first`, with a fault in one row.
fn propagate(tape: &mut Tape, first: usize, fault: Option<(usize, usize)>) {
    for row in first..first + PERMUTATION_ROWS - 1 {
        let here = fault.filter(|(at, _)| *at == row).map(|(_, gate)| (gate, fr(9)));
        step(tape, row, here);
    }
}

#[test]
fn a_permutation_is_poseidons() {
    let (tape, _) = small();
    assert_eq!(tape.violations(), []);
    let first = row_of(&tape, RowKind::Full);
    let (input, output) = (&tape.rows[first], &tape.rows[first + PERMUTATION_ROWS - 1]);
    let mut hasher = Poseidon::<Fr>::new_circom(4).unwrap();
    // The library's capacity is fixed to zero; ours is a constant, so look at one with zero.
    let (mut recorder, _) = Recorder::new(inputs());
    let mut state = [(); WIDTH].map(|()| recorder.constant(Fr::zero()));
    let rate = [1u64, 2, 3, 4].map(fr);
    for (var, value) in state.iter_mut().skip(1).zip(rate) {
        *var = recorder.witness(value);
    }
    recorder.permute(&mut state);
    let zero = recorder.finish().unwrap();
    assert_eq!(zero.rows.last().unwrap().advice[0], hasher.hash(&rate).unwrap());
    assert_eq!(zero.violations(), []);
    let mut expected = input.advice;
    zktrain_argument::poseidon::permute(&mut expected);
    assert_eq!(output.advice, expected);
}

#[test]
fn steps_follow_from_gates_alone() {
    let (mut tape, _) = small();
    let (honest, first) = (tape.clone(), row_of(&tape, RowKind::Full));
    propagate(&mut tape, first, None);
    assert_eq!(tape, honest);
}

#[test]
fn every_gate_of_a_permutation_is_needed() {
    let (honest, _) = small();
    let first = row_of(&honest, RowKind::Full);
    for kind in [RowKind::Full, RowKind::Entry, RowKind::Partial, RowKind::Exit] {
        let start = (0..GATES).find(|gate| RowKind::of_gate(*gate) == kind).unwrap();
        let row = row_of(&honest, kind);
        for i in 0..WIDTH {
            let mut tape = honest.clone();
            propagate(&mut tape, first, Some((row, i)));
            // That gate and nothing else: without it the assignment would pass.
            assert_eq!(tape.violations(), [Violation::Gate { row, gate: start + i }]);
            assert!(!mock(&tape), "{kind:?} {i}");
        }
    }
}

#[test]
fn the_constant_gate_is_needed() {
    let (honest, _) = small();
    let row = honest.rows.iter().position(|row| row.coefficients[1] == fr(77)).unwrap();
    assert_eq!(honest.rows[row].kind, RowKind::Idle);
    let mut tape = honest.clone();
    let first = row_of(&tape, RowKind::Full);
    tape.rows[row].advice[0] = fr(78);
    tape.rows[first].advice[0] = fr(78);
    propagate(&mut tape, first, None);
    assert_eq!(tape.violations(), [Violation::Gate { row, gate: 0 }]);
    assert!(!mock(&tape));
}

#[test]
fn the_arithmetic_gate_is_needed() {
    let (honest, _) = small();
    let row = honest.rows.len() - 1;
    assert_eq!(honest.rows[row].kind, RowKind::Arithmetic);
    // h·κ = f with another f, which the instance then holds too.
    let mut tape = honest.clone();
    tape.inputs[2] = fr(16);
    tape.rows[2].advice[3] = fr(16);
    tape.rows[row].advice[3] = fr(16);
    assert_eq!(tape.violations(), [Violation::Gate { row, gate: 1 }]);
    assert!(!mock(&tape));
}

#[test]
fn public_inputs_are_bound() {
    let (honest, _) = small();
    assert!(mock(&honest));
    for index in 0..3 {
        let mut tape = honest.clone();
        tape.inputs[index] += Fr::one();
        assert_eq!(tape.violations(), [Violation::Gate { row: index, gate: 1 }]);
        assert!(!mock(&tape));
    }
}

#[test]
fn every_copy_is_needed() {
    let (honest, _) = small();
    assert!(!honest.copies.is_empty());
    for (index, (left, right)) in honest.copies.iter().enumerate() {
        let mut tape = honest.clone();
        let Cell { row, column } = *right;
        tape.rows[row].advice[column] += Fr::one();
        assert_eq!(tape.cell(*left), honest.cell(*left));
        assert!(tape.violations().contains(&Violation::Copy { index }));
    }
}

/// Random programs: the recorder computes what native arithmetic does, and its
/// rows are satisfied, whatever is fused with what.
#[test]
fn every_operation_is_recorded_as_computed() {
    let mut seed = 1u64;
    let mut next = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound
    };
    for _ in 0..200 {
        let (mut recorder, _) = Recorder::new(inputs());
        let mut vars: Vec<(Var, Fr)> = (2..6u64)
            .map(|v| (recorder.witness(fr(v)), fr(v)))
            .chain([0, 1, 9].map(|c| (Var::from(fr(c)), fr(c))))
            .collect();
        for _ in 0..40 {
            let [(a, x), (b, y), (c, z)] = [(); 3].map(|()| vars[next(vars.len())]);
            let k = fr(next(3) as u64) - Fr::one();
            let made = match next(9) {
                0 => (recorder.add(&a, &b), x + y),
                1 => (recorder.sub(&a, &b), x - y),
                2 => (recorder.mul(&a, &b), x * y),
                3 => (recorder.scale(&a, k), x * k),
                4 => (recorder.shift(&a, k), x + k),
                5 => (recorder.mul_add(&a, &b, &c), x * y + z),
                6 => (recorder.lerp(&a, &b, &c), x + z * (y - x)),
                7 => (recorder.eq_bit(&a, &b), x * y + (Fr::one() - x) * (Fr::one() - y)),
                _ => (recorder.complement(&a), Fr::one() - x),
            };
            vars.push(made);
        }
        let target = next(vars.len());
        for (index, (var, value)) in vars.clone().into_iter().enumerate() {
            let constant = recorder.constant(value);
            recorder.assert_equal(Check::Fold, &var, &constant).unwrap();
            if index == target {
                let other = vars[next(vars.len())].0;
                recorder.assert_equal(Check::Fold, &other, &other).unwrap();
            }
        }
        let tape = recorder.finish().unwrap();
        assert_eq!(tape.violations(), []);
    }
}

#[test]
fn a_wrong_equality_is_a_violation() {
    let (mut recorder, vars) = Recorder::new(inputs());
    let sum = recorder.add(&vars.h, &vars.kappa);
    recorder.assert_equal(Check::Fold, &sum, &vars.fold).unwrap();
    let one = recorder.constant(Fr::one());
    let two = recorder.constant(fr(2));
    recorder.assert_equal(Check::Fold, &one, &two).unwrap();
    assert_eq!(recorder.finish().unwrap().violations().len(), 2);
}

#[test]
fn rows_of_blinding_are_what_halo2_wants() {
    use halo2_proofs::plonk::{Circuit, ConstraintSystem};
    let mut system = ConstraintSystem::default();
    TapeCircuit::configure(&mut system);
    assert_eq!(system.blinding_factors() + 1, BLINDING_ROWS);
    assert_eq!(system.degree(), super::gates::DEGREE);
    assert_eq!(COEFFICIENTS + 2, system.num_fixed_columns());
}

/// A variable of another recorder has no cell here: what was written without it is no circuit.
#[test]
fn a_strange_variable_is_an_error_not_a_missing_copy() {
    let (mut other, _) = Recorder::new(inputs());
    let strange: Vec<Var> = (0..100).map(|k| other.witness(fr(k))).collect();
    let (mut recorder, vars) = Recorder::new(inputs());
    recorder.assert_equal(Check::Fold, &vars.h, &strange[99]).unwrap();
    assert_eq!(recorder.finish().unwrap_err(), Check::Shape("a variable of the circuit"));
}
