//! Honest proofs verify, over many kinds of networks.

use crate::common;

use std::path::Path;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use common::Run;
use common::cases::{Case, LossKind, case};
use common::reference::Cells;
use proptest::prelude::*;
use zktrain_cli::cost::cost;
use zktrain_model::manifest::LayerKind;
use zktrain_prove::lookups::LookupColumns;
use zktrain_prove::witness::training_sheet;
use zktrain_trainer::{initial_parameters, synthetic};

#[test]
fn a_chain_of_proofs_verifies() {
    let manifest = synthetic::manifest(&[13, 7, 3], 8, 2).unwrap();
    let run = Run::new(manifest, 3);
    completeness(&run, 3);
}

/// Rows, cells and bytes are known before anything is trained.
#[test]
fn what_a_proof_takes_is_told_before() {
    let manifest = synthetic::manifest(&[13, 7, 3], 8, 2).unwrap();
    let told = cost(Path::new("manifest.toml"), &manifest, false).unwrap();
    let run = Run::new(manifest, 1);
    let (_, sheet) = run.first_sheet();
    assert_eq!((told.rows, told.row_log), (sheet.rows().len(), sheet.layout().row_log));
    let (statement, proof) = run.prove(1).remove(0);
    assert_eq!(told.plain_proof_bytes, proof.to_bytes().len());
    let of_statement = [&statement.data, &statement.model, &statement.state];
    let known: usize = of_statement.iter().map(|rows| rows.len()).sum();
    assert_eq!(told.rows, known + run.key.tables.len() + proof.rows.len());
    assert!(told.dense_entries < told.committed_entries);
    assert!(told.committed_entries <= told.padded_entries);
    assert!(told.prove_s.is_none() && told.gas_halo2.is_some_and(|gas| gas < 1 << 24));
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
    let root = zktrain_verify::dataset::verify(key, |_| Some(&()), &run.chunks).unwrap();
    assert_eq!(root, run.dataset.tree.root());
    let chain = run.prove(proofs);
    for (statement, proof) in &chain {
        zktrain_verify::training::verify(key, &(), statement, proof).unwrap();
    }
    let end = run.chain().verify(key, &(), &chain).unwrap();
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
        Case {
            widths: vec![1, 1, 1],
            loss: LossKind::Logistic,
            kinds: vec![None],
            ..plain.clone()
        },
        Case {
            widths: vec![2; 17],
            kinds: vec![relu, Some(LayerKind::Tanh), None],
            ..plain.clone()
        },
    ];
    for case in cases {
        let run = Run::of(&case, 3).unwrap_or_else(|| panic!("no scales for {case:?}"));
        completeness(&run, 2);
    }
}

/// Parameters as large as the manifest allows: an excess takes three limbs.
#[test]
fn the_widest_excess_proves_and_verifies() {
    let mut manifest = Case { row_log: 7, ..Case::plain(&[61, 7, 3]) }.manifest().unwrap();
    let quantization = manifest.quantization.as_mut().unwrap();
    quantization.weight_init_bits = 30;
    manifest.validate().unwrap();
    let network = manifest.network().unwrap();
    let mut initial = initial_parameters(&network, 1);
    let weights = initial.layers.iter_mut().flat_map(|layer| &mut layer.w);
    let sign = |index: usize| 1 - 2 * (index % 2) as i32;
    weights.enumerate().for_each(|(index, w)| *w = sign(index) * ((1 << 30) - 1));
    // Signs alternate along a row of 7 weights: units see sums of one sign.
    let alternate = |index: usize, x: &mut f64| *x = 1000.0 * f64::from(sign(index % 61));
    let run = Run::trained_on(manifest, initial, 1, &alternate, 3);
    let (_, trace) = &run.traces(1)[0];
    let widest = trace.layers[0]
        .tensors
        .rounded("z")
        .unwrap()
        .excess
        .iter()
        .map(|(_, excess)| excess.abs())
        .max();
    assert!(widest > Some(1 << 31), "the widest excess is {widest:?}");
    completeness(&run, 1);
}

#[test]
fn a_sheet_is_the_same_for_any_number_of_threads() {
    let run = Run::new(synthetic::manifest(&[13, 7, 3], 8, 2).unwrap(), 1);
    let (_, trace) = run.traces(1).remove(0);
    let sheet = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let key = &run.key;
            let mut sheet = training_sheet(&key.relation, &key.ids, &key.network, &trace).unwrap();
            let columns = LookupColumns::new(&sheet, &key.relation).unwrap();
            for (table, counts) in key.relation.tables.iter().zip(columns.count(&key.relation)) {
                sheet.fill(table.counts, &counts);
            }
            sheet
        })
    };
    let one = sheet(1);
    assert_eq!(one.rows(), sheet(2).rows());
    assert_eq!(one.rows(), sheet(3).rows());
}

/// Two proofs of the same steps say the same and share no secret.
#[test]
fn two_proofs_of_the_same_steps_share_no_randomness() {
    let run = Run::new(synthetic::manifest(&[13, 7, 3], 8, 2).unwrap(), 1);
    let [(first, a), (second, b)] = [0, 1].map(|_| run.prove(1).remove(0));
    assert_eq!((first.data, first.model, first.path), (second.data, second.model, second.path));
    assert!(first.update.iter().all(|row| !second.update.contains(row)), "an update's row");
    assert!(a.rows.iter().all(|row| !b.rows.contains(row)), "a row's blinding");
    assert_ne!(a.mask, b.mask);
    assert_ne!(a.blinding, b.blinding);
    assert_ne!(a.argument.salt, b.argument.salt);
    // An argument is masked by nothing, but speaks of other points.
    let told = a.argument.to_elements();
    let constant = |e: &Fr| e.is_zero() || e.is_one();
    let shared = b.argument.to_elements().into_iter().filter(|e| !constant(e) && told.contains(e));
    assert_eq!(shared.count(), 0);
}
