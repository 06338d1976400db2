//! In both circuits everything is determined but the argument's elements: values that no earlier
//! constraint fixes are counted, and must be as many as the argument has. One that is too many is
//! a value that a prover may choose; an assertion that is missing is one that it need not meet.

use crate::common;

use std::collections::BTreeSet;

use ark_ff::Zero;
use common::cases::{Case, LossKind};
use zktrain_argument::messages::ArgumentShape;
use zktrain_backends::halo2::gates::RowKind;
use zktrain_backends::halo2::shape;
use zktrain_backends::halo2::tape::{Cell, Tape};
use zktrain_backends::r1cs;
use zktrain_model::compile::{compile_dataset, compile_training};
use zktrain_model::manifest::LayerKind;
use zktrain_model::relation::Relation;
use zktrain_model::size::Limits;

/// Values that nothing determines, and constraints on values that are determined already.
type Count = (usize, usize);

/// Cells that a copy constraint makes one.
struct Classes(Vec<usize>);

impl Classes {
    fn of(tape: &Tape) -> Self {
        let at = |cell: &Cell| 5 * cell.row + cell.column;
        let mut classes = Self((0..5 * tape.rows.len()).collect());
        for (a, b) in &tape.copies {
            let (a, b) = (classes.root(at(a)), classes.root(at(b)));
            classes.0[a] = b;
        }
        classes
    }

    fn root(&mut self, mut cell: usize) -> usize {
        while self.0[cell] != cell {
            self.0[cell] = self.0[self.0[cell]];
            cell = self.0[cell];
        }
        cell
    }
}

fn in_halo2(tape: &Tape) -> Count {
    let mut classes = Classes::of(tape);
    let mut known = vec![false; 5 * tape.rows.len()];
    let (mut free, mut asserted) = (0, 0);
    // Whether this row is what the one above computes.
    let mut computed = false;
    for (index, row) in tape.rows.iter().enumerate() {
        let class: Vec<usize> = (0..5).map(|column| classes.root(5 * index + column)).collect();
        let from_above = std::mem::take(&mut computed);
        if from_above {
            for cell in &class {
                assert!(!std::mem::replace(&mut known[*cell], true), "a value computed twice");
            }
        }
        let mut need = |column: usize| {
            free += usize::from(!std::mem::replace(&mut known[class[column]], true));
        };
        let q = row.coefficients;
        match row.kind {
            RowKind::Idle if from_above => {}
            RowKind::Idle => {
                assert!(!q[0].is_zero(), "an idle row that says nothing");
                known[class[0]] = true;
            }
            RowKind::Arithmetic => {
                let factor = [0, 1, 2, 4].iter().any(|k| !q[*k].is_zero());
                let used = [
                    !q[0].is_zero() || !q[1].is_zero(),
                    !q[0].is_zero() || !q[2].is_zero(),
                    !q[3].is_zero(),
                ];
                (0..3).filter(|column| used[*column]).for_each(&mut need);
                if factor {
                    need(4);
                }
                asserted += usize::from(std::mem::replace(&mut known[class[3]], true));
            }
            RowKind::Full | RowKind::Entry | RowKind::Partial | RowKind::Exit => {
                if !from_above {
                    (0..5).for_each(need);
                }
                computed = true;
            }
        }
    }
    assert!(!computed, "the last row computes another");
    (free, asserted)
}

fn in_r1cs(system: &r1cs::R1cs) -> Count {
    let combinations: Vec<&[r1cs::R1csTerm]> = system.combinations().collect();
    let mut known: BTreeSet<u32> = (0..system.public() as u32).collect();
    let (mut free, mut asserted) = (0, 0);
    for row in system.constraints() {
        for side in [row.a, row.b] {
            let new = combinations[side as usize].iter().filter(|t| known.insert(t.variable));
            free += new.count();
        }
        let results = combinations[row.c as usize].iter().map(|term| term.variable);
        let unknown: Vec<u32> = results.filter(|v| !known.contains(v)).collect();
        match unknown.len() {
            0 => asserted += 1,
            // The newest is what the constraint defines.
            n => free += n - 1,
        }
        known.extend(unknown);
    }
    // Variables that nothing mentions.
    (free + system.variables() - known.len(), asserted)
}

fn check(relation: &Relation) {
    let argument = ArgumentShape::of(relation);
    // Relations, the lookups' sum, the reduction and the fold, and one for each layer of the tree.
    let assertions = 4 + (argument.log_leaves as usize - 4) / 2;
    let expected = (argument.elements(), assertions);
    assert_eq!(in_halo2(&shape(relation).unwrap()), expected);
    assert_eq!(in_r1cs(&r1cs::compile(relation).unwrap()), expected);
}

#[test]
fn all_but_the_argument_is_determined() {
    let [relu, sigmoid, tanh] = [LayerKind::Relu, LayerKind::Sigmoid, LayerKind::Tanh].map(Some);
    let [leaky, gelu, silu] = [LayerKind::LeakyRelu, LayerKind::Gelu, LayerKind::Silu].map(Some);
    let plain = Case { row_log: 9, batch: 2, ..Case::plain(&[5, 6, 3]) };
    let saturating = Case { clip: Some(0.02), stretch: 1000.0, fine: true, ..plain.clone() };
    let cases = [
        plain.clone(),
        Case { momentum: 0.9, decay: 1.0 / 64.0, steps: 2, ..plain.clone() },
        Case {
            kinds: vec![sigmoid, tanh],
            widths: vec![3, 5, 3, 1],
            loss: LossKind::Logistic,
            ..saturating.clone()
        },
        Case { kinds: vec![leaky, gelu, silu], widths: vec![3, 5, 3, 5, 2], ..saturating.clone() },
        Case { kinds: vec![relu], loss: LossKind::MseOneHot, ..saturating },
        Case { kinds: vec![None], loss: LossKind::MseTarget, momentum: 0.9, ..plain.clone() },
        Case { widths: vec![8, 16, 8, 4], steps: 3, momentum: 0.5, ..plain.clone() },
        Case { widths: vec![5, 3], unbiased: 1, steps: 0, ..plain },
    ];
    let mut checked = 0;
    for manifest in cases.iter().filter_map(Case::manifest) {
        let network = Limits::default().admit(manifest.network().unwrap()).unwrap();
        check(&compile_training(&network).unwrap().0);
        [1, 4].iter().for_each(|windows| check(&compile_dataset(&network, *windows).unwrap().0));
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}
