//! Honest proofs verify, over many kinds of networks.

mod common;

use common::Run;
use common::cases::{Case, LossKind, case};
use common::reference::Cells;
use proptest::prelude::*;
use zktrain_circuits::manifest::LayerKind;
use zktrain_prover::lookups::LookupColumns;
use zktrain_trainer::synthetic;

#[test]
fn a_chain_of_proofs_verifies() {
    let manifest = synthetic::manifest(&[13, 7, 3], 8, 2).unwrap();
    let run = Run::new(manifest, 3);
    completeness(&run, 3);
}

/// Registers, proves a chain and verifies everything; the sheet satisfies the
/// relation by its definition, too.
fn completeness(run: &Run, proofs: usize) {
    let key = &run.key;
    let (_, sheet) = run.first_sheet();
    let columns = LookupColumns::new(&sheet, &key.relation).unwrap();
    assert_eq!(columns.first_missing(&sheet, &key.relation), None);
    let broken = Cells::new(&sheet).violations(&key.relation);
    assert!(broken.is_empty(), "an honest sheet breaks {broken:?}");
    let root = zktrain_verifier::dataset::verify(key, &run.chunks).unwrap();
    assert_eq!(root, run.dataset.tree.root());
    let chain = run.prove(proofs);
    for (statement, proof) in &chain {
        zktrain_verifier::training::verify(key, statement, proof).unwrap();
    }
    let end = run.chain().verify(key, &chain).unwrap();
    assert_eq!(end.steps, (proofs * key.network.steps) as u64);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20,
        rng_algorithm: prop::test_runner::RngAlgorithm::ChaCha,
        rng_seed: prop::test_runner::RngSeed::Fixed(11),
        failure_persistence: None,
        max_shrink_iters: 24,
        ..ProptestConfig::default()
    })]
    #[test]
    fn any_network_proves_and_verifies(case in case(), windows in 1usize..4) {
        let run = Run::of(&case, windows);
        prop_assume!(run.is_some());
        completeness(&run.unwrap(), windows.min(2));
    }
}

#[test]
fn chosen_shapes_prove_and_verify() {
    let plain = Case::plain(&[13, 7, 3]);
    let relu = Some(LayerKind::Relu);
    let cases = [
        // A single matrix: its steps lie next to each other, without gaps.
        Case { widths: vec![5, 64], unbiased: 1, steps: 2, row_log: 6, ..plain.clone() },
        Case { widths: vec![16, 4], unbiased: 1, steps: 2, row_log: 6, ..plain.clone() },
        // Padding of the outer dimension is whole rows.
        Case { widths: vec![5, 33, 4], steps: 1, row_log: 5, ..plain.clone() },
        Case { widths: vec![9, 3], batch: 5, steps: 0, row_log: 4, ..plain.clone() },
        Case { widths: vec![5, 1, 4], batch: 0, steps: 0, ..plain.clone() },
        Case { widths: vec![1, 1, 1], loss: LossKind::Logistic, kinds: vec![None], ..plain.clone() },
        Case { widths: vec![2; 17], kinds: vec![relu, Some(LayerKind::Tanh), None], ..plain.clone() },
    ];
    for case in cases {
        let run = Run::of(&case, 3).unwrap_or_else(|| panic!("no scales for {case:?}"));
        completeness(&run, 2);
    }
}
