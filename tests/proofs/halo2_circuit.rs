//! The halo2 circuit accepts what the native verifier accepts, and nothing else.

use crate::common;
use crate::halo2_made;

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use common::Run;
use common::cases::{Case, case};
use common::made::made;
use halo2_made::{inputs, natively};
use proptest::prelude::*;
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_backends::compress::PublicInputs;
use zktrain_backends::halo2::gates::RowKind;
use zktrain_backends::halo2::tape::{Cell, TapeRow};
use zktrain_backends::halo2::{record, shape};
use zktrain_model::relation::Relation;

/// Whether the circuit is satisfied; its layout must be the relation's.
fn satisfied(relation: &Relation, inputs: &PublicInputs<Fr>, argument: &Argument<Fr>) -> bool {
    let (tape, layout) = (record(relation, *inputs, argument).unwrap(), shape(relation).unwrap());
    assert_eq!(tape.copies, layout.copies);
    let fixed = |row: &TapeRow| (row.kind, row.coefficients);
    assert!(tape.rows.iter().map(fixed).eq(layout.rows.iter().map(fixed)));
    tape.violations().is_empty()
}

/// Native verifier and circuit agree on an honest argument and on altered ones.
fn agree(run: &Run, every: usize, offset: usize) {
    let (statement, proof) = run.prove(1).remove(0);
    let relation = &run.key.relation;
    let honest = inputs(run, &statement, &proof);
    assert_eq!(natively(relation, &honest, &proof.argument), Ok(()));
    assert!(satisfied(relation, &honest, &proof.argument));
    let elements = proof.argument.to_elements();
    for index in (offset % every..elements.len()).step_by(every) {
        let mut altered = elements.clone();
        altered[index] += Fr::one();
        let altered = Argument::from_elements(&ArgumentShape::of(relation), altered).unwrap();
        let native = natively(relation, &honest, &altered).is_ok();
        assert_eq!(satisfied(relation, &honest, &altered), native, "element {index}");
        assert!(!native, "element {index}");
    }
    for index in 0..3 {
        let mut altered = honest.to_array();
        altered[index] += Fr::one();
        let altered = PublicInputs::from_array(altered);
        assert!(natively(relation, &altered, &proof.argument).is_err());
        assert!(!satisfied(relation, &altered, &proof.argument), "input {index}");
    }
}

/// A cell's class of copies, by union and find.
fn class(parents: &mut BTreeMap<Cell, Cell>, cell: Cell) -> Cell {
    let mut root = cell;
    while let Some(parent) = parents.get(&root).filter(|parent| **parent != root) {
        root = *parent;
    }
    parents.insert(cell, root);
    root
}

/// Every value that a gate uses is computed by a gate, or is an element of the
/// argument: nothing else is the prover's to choose.
fn nothing_is_free_but_the_argument(relation: &Relation) {
    let tape = shape(relation).unwrap();
    let mut parents = BTreeMap::new();
    for (a, b) in &tape.copies {
        let (a, b) = (class(&mut parents, *a), class(&mut parents, *b));
        parents.insert(a, b);
    }
    let (mut used, mut computed) = (BTreeSet::new(), BTreeSet::new());
    let mut previous = RowKind::Idle;
    for (row, at) in tape.rows.iter().enumerate() {
        let mut class = |column| class(&mut parents, Cell { row, column });
        let q = |i: usize| !at.coefficients[i].is_zero();
        match at.kind {
            RowKind::Arithmetic => {
                let operands =
                    [q(0) || q(1), q(0) || q(2), q(3), false, [0, 1, 2, 4].map(q).contains(&true)];
                used.extend((0..5).filter(|column| operands[*column]).map(&mut class));
                computed.insert(class(3));
            }
            RowKind::Idle if previous == RowKind::Full => computed.extend((0..5).map(class)),
            RowKind::Idle => {
                assert!(q(0));
                computed.insert(class(0));
            }
            RowKind::Full if matches!(previous, RowKind::Idle | RowKind::Arithmetic) => {
                used.extend((0..5).map(class));
            }
            _ => {}
        }
        previous = at.kind;
    }
    let free = used.difference(&computed).count();
    assert_eq!(free, ArgumentShape::of(relation).elements());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn circuit_and_native_verifier_agree(case in case(), offset in any::<u16>()) {
        if let Some(run) = Run::of(&case, 2) {
            agree(&run, 61, offset.into());
            nothing_is_free_but_the_argument(&run.key.relation);
        }
    }
}

#[test]
fn no_element_of_one_argument_can_be_altered() {
    let (run, _) = made();
    agree(run, 5, 0);
}

#[test]
fn an_argument_of_another_shape_has_no_circuit() {
    let (run, proofs) = made();
    let (statement, proof) = &proofs[0];
    let public = inputs(run, statement, proof);
    let mut short = proof.argument.clone();
    short.reduction.pop();
    assert!(record(&run.key.relation, public, &short).is_err());
}

#[test]
fn halo2s_own_checker_agrees() {
    use halo2_proofs::dev::MockProver;
    use zktrain_backends::halo2::reference::circuit::TapeCircuit;
    use zktrain_backends::halo2::reference::convert::to_scalar;
    let run = Run::of(&Case { batch: 1, ..Case::plain(&[3, 2]) }, 1).unwrap();
    let (statement, proof) = run.prove(1).remove(0);
    let honest = record(&run.key.relation, inputs(&run, &statement, &proof), &proof.argument);
    let honest = honest.unwrap();
    let mut altered = honest.clone();
    altered.inputs[2] += Fr::one();
    for (tape, expected) in [(honest, true), (altered, false)] {
        let instance = vec![tape.inputs.iter().map(to_scalar).collect()];
        let circuit = TapeCircuit::new(&tape);
        let prover = MockProver::run(tape.log_rows(), &circuit, instance).unwrap();
        assert_eq!(prover.verify().is_ok(), expected);
        assert_eq!(tape.violations().is_empty(), expected);
    }
}
