//! Cheating provers: for every kind of constraint a sheet that breaks it and
//! nothing else. The verifier rejects its proof, and accepts it once the
//! constraint is taken out of the relation: so nothing else would have noticed.

use crate::common;

use std::collections::BTreeSet;
use std::sync::Mutex;

use common::cases::{Case, LossKind};
use common::cheats::{ForgedWitness, data_lies, lie_for};
use common::forge::{flat, forge, wide_parts};
use common::reference::Cells;
use common::{Run, srs};
use rayon::prelude::*;
use zktrain_argument::arith::Check;
use zktrain_commit::random::Context;
use zktrain_commit::rows::commit_rows;
use zktrain_commit::sheet::Sheet;
use zktrain_model::compile::compile_dataset;
use zktrain_model::manifest::{Kernel, LayerKind, LayerSpec, Network, Optimizer};
use zktrain_model::relation::{Group, Relation};
use zktrain_msm::Row;
use zktrain_prove::lookups::LookupColumns;
use zktrain_prove::prove::{CommittedRows, prove};
use zktrain_prove::training::Counts;
use zktrain_prove::witness::dataset_sheet;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::proof::own_rows;
use zktrain_trainer::transformer::attention;
use zktrain_verify::sheet::{SheetError, VerifiableProof};
use zktrain_verify::training::{TrainingError, verify};

/// Networks that have every kind of constraint between them.
fn cases() -> Vec<Case> {
    let plain = Case { row_log: 9, batch: 2, zeroed: true, ..Case::plain(&[5, 6, 3]) };
    let [relu, sigmoid, tanh] = [LayerKind::Relu, LayerKind::Sigmoid, LayerKind::Tanh].map(Some);
    let [leaky, gelu, silu] = [LayerKind::LeakyRelu, LayerKind::Gelu, LayerKind::Silu].map(Some);
    let mild = Case { momentum: 0.9, decay: 0.01, ..plain.clone() };
    let wild = Case { stretch: 1000.0, fine: true, ..plain.clone() };
    let clipped = Case { clip: Some(0.02), ..wild.clone() };
    // Where nothing depends on the first sample's error.
    let alone = Case { widths: vec![3, 3, 2, 4], unbiased: 7, steps: 0, ..plain.clone() };
    vec![
        mild,
        wild.clone(),
        Case {
            kinds: vec![sigmoid, tanh],
            widths: vec![3, 5, 3, 1],
            loss: LossKind::Logistic,
            ..clipped.clone()
        },
        Case { kinds: vec![relu], loss: LossKind::MseOneHot, ..clipped.clone() },
        // Both layers beside each other send gradients that saturate.
        Case {
            kinds: vec![relu],
            loss: LossKind::MseOneHot,
            widths: vec![5, 6, 6, 3],
            graph: 0b01_00,
            ..clipped.clone()
        },
        Case { kinds: vec![None], loss: LossKind::MseTarget, momentum: 0.9, ..wild.clone() },
        Case { kinds: vec![tanh, sigmoid], ..alone.clone() },
        Case { widths: vec![5, 3], unbiased: 1, steps: 0, ..plain.clone() },
        convolutional(&plain),
        pooled(&plain),
        pooled_thirds(&plain),
        branching(&plain),
        // Behind these a gradient has more than 16 bits.
        Case { kinds: vec![leaky, gelu, silu], ..branching(&plain) },
        Case { kinds: vec![sigmoid], ..alone.clone() },
        Case {
            kinds: vec![leaky],
            widths: vec![3, 3, 1],
            loss: LossKind::MseTarget,
            ..alone.clone()
        },
        Case { kinds: vec![leaky], slope: Some(0.25), ..clipped.clone() },
        Case { kinds: vec![gelu, silu], widths: vec![5, 6, 5, 3], ..clipped.clone() },
        Case { kinds: vec![silu, gelu], widths: vec![5, 6, 5, 3], ..clipped.clone() },
        normed(&plain),
        normed_flat(&plain),
        row_normed(&plain),
        row_normed_flat(&plain),
        with_adam(&plain),
        attending(&plain, true),
        attending(&plain, false),
        Case { fine: true, stretch: 1000.0, ..attending(&plain, true) },
        Case { fine: true, stretch: 1000.0, clip: Some(0.02), ..attending(&plain, false) },
        Case { weighted: true, decay: 1e-4, ..plain.clone() },
        by_position(&plain),
    ]
}

/// Attention over a sequence with positions; causal ones have two heads of two channels, others one of eight, whose factor is no
/// power of two.
fn attending(plain: &Case, causal: bool) -> Case {
    let (heads, channels) = if causal { (2, 4) } else { (1, 8) };
    let each = LayerSpec::conv2d(channels, Kernel { size: 1, stride: 1, padding: 0 }, true);
    let from = Some(1);
    let layers = [each, LayerSpec::of(LayerKind::Positions)]
        .into_iter()
        .chain([each; 3].map(|layer| LayerSpec { from, ..layer }));
    let layers = layers.chain(attention(heads, causal, [2, 3, 4]));
    Case {
        image: Some(([4, 1, 3], layers.collect())),
        widths: vec![0, 3],
        kinds: vec![None],
        momentum: if causal { 0.9 } else { 0.0 },
        steps: u32::from(causal),
        ..plain.clone()
    }
}

/// A label for each position of an image, of three classes.
fn by_position(plain: &Case) -> Case {
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    Case {
        image: Some(([2, 4, 3], vec![LayerSpec::conv2d(3, kernel, true)])),
        widths: vec![0, 3],
        weighted: true,
        ..plain.clone()
    }
}

/// Batch norms over inputs and over a convolution, of sides and channels that are no powers of two, whose running statistics
/// saturate.
fn normed(plain: &Case) -> Case {
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    let norm = LayerSpec::of(LayerKind::BatchNorm);
    Case {
        image: Some(([3, 5, 3], vec![norm, LayerSpec::conv2d(3, kernel, true), norm])),
        widths: vec![0, 3],
        kinds: vec![None, None, Some(LayerKind::Relu)],
        stretch: 1000.0,
        steps: 1,
        ..plain.clone()
    }
}

/// Batch norms over numbers in a row, with momentum and decay.
fn normed_flat(plain: &Case) -> Case {
    let kinds = vec![None, Some(LayerKind::Sigmoid), None, Some(LayerKind::Tanh)];
    Case {
        widths: vec![5, 6, 3, 3],
        kinds,
        normed: 3,
        momentum: 0.9,
        decay: 0.01,
        steps: 1,
        ..plain.clone()
    }
}

/// Norms of positions over inputs and over a convolution, of sides and channels that are no powers of two.
fn row_normed(plain: &Case) -> Case {
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    let [layer, size, scale] =
        [LayerKind::LayerNorm, LayerKind::RmsNorm, LayerKind::Scale].map(LayerSpec::of);
    let scale = LayerSpec { bias: Some(true), ..scale };
    let convolution = LayerSpec::conv2d(3, kernel, true);
    Case {
        image: Some(([3, 5, 3], vec![layer, scale, convolution, size, convolution, layer])),
        widths: vec![0, 3],
        kinds: vec![None, None, None, Some(LayerKind::Relu), None, None],
        steps: 1,
        ..plain.clone()
    }
}

/// The same over numbers in a row, with momentum, decay and numbers that saturate.
fn row_normed_flat(plain: &Case) -> Case {
    Case {
        widths: vec![5, 6, 7, 3],
        kinds: vec![None, None, Some(LayerKind::Sigmoid), None, None, Some(LayerKind::Tanh)],
        rows: 3,
        momentum: 0.9,
        decay: 0.01,
        stretch: 1000.0,
        steps: 1,
        ..plain.clone()
    }
}

/// Adam behind a batch norm, with gradients beyond what it takes.
fn with_adam(plain: &Case) -> Case {
    Case {
        widths: vec![5, 6, 3],
        normed: 1,
        adam: Some(Optimizer::adam(1.0 / 128.0)),
        stretch: 2.0,
        ..plain.clone()
    }
}

/// Layers beside each other and around each other, over numbers in a row and over images, saturating.
fn branching(plain: &Case) -> Case {
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    let convolution = LayerSpec::conv2d(3, kernel, true);
    let by_channel = LayerSpec::depthwise_conv2d(kernel, true);
    Case {
        image: Some(([3, 3, 3], vec![convolution, by_channel, by_channel])),
        widths: vec![0, 5, 5, 3],
        kinds: vec![Some(LayerKind::Relu), None, Some(LayerKind::Tanh)],
        // A shortcut around the first and the second, a twin of the third, and of the fifth.
        graph: 0b01_00_01_10_00,
        stretch: 1000.0,
        fine: true,
        ..plain.clone()
    }
}

/// Pools of the largest over a convolution whose sides are no powers of two, of means, and of the largest behind an
/// activation.
fn pooled(plain: &Case) -> Case {
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    let pool = |kind| LayerSpec::pool2d(kind, Some(2));
    let conv = LayerSpec::conv2d(3, kernel, true);
    let layers = vec![
        conv,
        pool(LayerKind::MaxPool2d),
        LayerSpec::conv2d(2, Kernel { size: 2, stride: 1, padding: 1 }, false),
        pool(LayerKind::AvgPool2d),
        pool(LayerKind::MaxPool2d),
    ];
    Case {
        image: Some(([6, 6, 2], layers)),
        widths: vec![0, 3],
        kinds: vec![
            None,
            Some(LayerKind::Relu),
            Some(LayerKind::Sigmoid),
            None,
            Some(LayerKind::Tanh),
        ],
        momentum: 0.9,
        steps: 1,
        ..plain.clone()
    }
}

/// Windows whose sides are no powers of two, over inputs and over numbers that are often alike.
fn pooled_thirds(plain: &Case) -> Case {
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    let largest = LayerSpec::pool2d(LayerKind::MaxPool2d, Some(3));
    Case {
        image: Some(([9, 9, 1], vec![largest, LayerSpec::conv2d(5, kernel, true), largest])),
        widths: vec![0, 2],
        kinds: vec![None, Some(LayerKind::Relu), None],
        loss: LossKind::MseTarget,
        clip: Some(1.0),
        steps: 0,
        ..plain.clone()
    }
}

/// Images of sides and channels that are no powers of two, through kernels with and without stride and
/// padding, saturating, clipped, with momentum.
fn convolutional(plain: &Case) -> Case {
    let kernels = [
        (3, Kernel { size: 3, stride: 1, padding: 1 }),
        (2, Kernel { size: 2, stride: 2, padding: 0 }),
    ];
    Case {
        image: Some((
            [3, 5, 3],
            kernels.map(|(out, kernel)| LayerSpec::conv2d(out, kernel, true)).to_vec(),
        )),
        widths: vec![0, 3],
        kinds: vec![Some(LayerKind::Relu), Some(LayerKind::Tanh)],
        momentum: 0.9,
        decay: 0.01,
        clip: Some(0.02),
        stretch: 1000.0,
        fine: true,
        steps: 1,
        ..plain.clone()
    }
}

/// The label without the layer's number; the equations that say what an operator does with its name, and an activation's
/// constraints with what that is.
fn kind(network: &Network, label: &str) -> String {
    let Some((layer, rest)) = label.split_once('.') else { return label.to_string() };
    let number = layer.strip_prefix("layer").and_then(|number| number.parse::<usize>().ok());
    let Some(layer) = number.map(|number| &network.layers[number]) else {
        return label.to_string();
    };
    let equation =
        ["forward", "backward", "backward_with", "w.gradient", "b.gradient"].contains(&rest);
    let activation = ["a", "d", "h", "negative"].contains(&rest.split('.').next().unwrap());
    match layer.activation.kind() {
        Some(kind) if activation => format!("{kind}.{rest}"),
        // Equations, and lookups of digits, of each kind of norm by itself.
        _ if rest.starts_with("digits")
            || ["at_max", "below", "e", "mean"].contains(&rest.split('.').next().unwrap())
            || wide_parts(layer).iter().any(|(part, _)| rest.starts_with(part)) =>
        {
            format!("{}.{rest}", layer.kind)
        }
        _ if equation => format!("{}.{rest}", layer.kind),
        // A gradient's range is the same of weights and of biases, which saturate by less rarely.
        _ if network.adam.is_some() && rest[1..].starts_with(".clip.q.") => {
            format!("adam{}", &rest[1..])
        }
        _ if network.adam.is_some() && ["w.", "b."].contains(&&rest[..2]) => {
            format!("adam.{rest}")
        }
        _ => format!("layer.{rest}"),
    }
}

fn weakened(key: &TrainingKey, label: &str) -> TrainingKey {
    let mut weak = key.clone();
    weak.relation = weak.relation.without(|l| l == label);
    weak
}

/// The same relation to a verifier, with axes whose padding the prover at hand
/// does not take for zero: what an adversary's prover does.
fn padding_included(key: &TrainingKey) -> TrainingKey {
    let mut key = key.clone();
    fill_axes(&mut key.relation);
    key
}

fn fill_axes(relation: &mut Relation) {
    let domains = relation.zerochecks.iter_mut().map(|z| &mut z.domain);
    let domains = domains.chain(relation.lookups.iter_mut().map(|l| &mut l.domain));
    let axes = domains.flat_map(|domain| &mut domain.axes);
    let axes = axes.chain(
        relation.products.iter_mut().flat_map(|p| &mut p.axes).flat_map(|part| &mut part.axes),
    );
    axes.for_each(|axis| axis.size = 1 << axis.log);
}

/// Rejected by the relation, accepted without the one constraint.
fn rejected_because_of(run: &Run, window: u64, sheet: &Sheet, label: &str) {
    let key = if label.ends_with("padding") { padding_included(&run.key) } else { run.key.clone() };
    let (statement, proof) = run.prove_sheet(&key, window, sheet.clone());
    assert!(verify(&run.key, &(), &statement, &proof).is_err(), "{label}: a lie is accepted");
    let weak = weakened(&key, label);
    let (statement, proof) = run.prove_sheet(&weak, window, sheet.clone());
    verify(&weak, &(), &statement, &proof)
        .unwrap_or_else(|e| panic!("{label}: rejected for another reason: {e}"));
}

#[test]
fn the_forge_is_honest_when_not_told_to_lie() {
    for case in cases() {
        let run = Run::of(&case, 1).unwrap();
        let (_, sheet) = run.first_sheet();
        let again = forge(&run.key.network, sheet.clone(), &mut |_, _, _| {});
        assert_eq!(sheet.rows(), again.rows(), "{case:?}");
    }
}

/// Every digit has its own ends: within them no lookup notices it, and one beyond them is noticed.
#[test]
fn every_digit_has_its_own_ends() {
    let plain = Case { row_log: 9, batch: 2, ..Case::plain(&[5, 6, 3]) };
    let mut count = 0;
    for case in [
        normed(&plain),
        normed_flat(&plain),
        row_normed(&plain),
        row_normed_flat(&plain),
        attending(&plain, true),
    ] {
        let run = Run::of(&case, 1).unwrap();
        let sheet = run.first_sheet().1;
        let lookups = run.key.relation.without(|label| !label.contains(".digits"));
        for (l, layer) in run.key.network.layers.iter().enumerate() {
            for (part, expansion) in wide_parts(layer) {
                for (k, digit) in expansion.digits().enumerate() {
                    let id = sheet.layout().find(&format!("layer{l}.{part}.d{k}")).unwrap();
                    let noticed = |value: i64| {
                        let mut sheet = sheet.clone();
                        sheet.set(id, 0, value as i32);
                        !Cells::new(&sheet).violations(&lookups).is_empty()
                    };
                    let ends = [digit.lo - 1, digit.lo, digit.hi, digit.hi + 1].map(noticed);
                    assert_eq!(ends, [true, false, false, true], "layer{l}.{part}.d{k}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "{count}");
}

/// The prover's own multiplicities: honest ones pass, any other are noticed.
#[test]
fn a_multiplicity_cannot_be_altered() {
    let run = Run::of(&cases()[0], 1).unwrap();
    let (window, mut sheet) = run.first_sheet();
    let relation = &run.key.relation;
    let counts = LookupColumns::new(&sheet, relation).unwrap().count(relation);
    for (table, counts) in relation.tables.iter().zip(&counts) {
        sheet.fill(table.counts, counts);
    }
    let prove = |sheet: Sheet| {
        let position = run.position(0, window);
        let proved = run.prover().prove_sheet(&run.start, position, sheet, Counts::Given).unwrap();
        verify(&run.key, &(), &proved.statement, proved.proof.revealed())
    };
    assert_eq!(prove(sheet.clone()), Ok(()));
    for table in &relation.tables {
        for (key, change) in [(0, 1), (5, -1), ((1 << table.log) - 1, 1)] {
            let mut altered = sheet.clone();
            altered.set(table.counts, key, sheet.get(table.counts, key) + change);
            let expected = SheetError::Argument(Check::LookupSum);
            assert_eq!(prove(altered), Err(TrainingError::Sheet(expected)), "{}", table.label);
        }
    }
}

/// A function table with another entry: the row is not the one that the key
/// pins, although the lookups into it hold.
#[test]
fn a_table_entry_cannot_be_altered() {
    let run = Run::of(&cases()[0], 1).unwrap();
    let (window, sheet) = run.first_sheet();
    let (_, table) = run.key.ids.tables[0];
    let mut altered = sheet.clone();
    altered.set(table, 1 << 15, sheet.get(table, 1 << 15) + 1);
    let (statement, proof) = run.prove_sheet(&run.key, window, altered.clone());
    let rejected = verify(&run.key, &(), &statement, &proof);
    assert!(matches!(rejected, Err(TrainingError::Sheet(SheetError::Opening(_)))), "{rejected:?}");
    // A key that pins the altered table accepts: the pinning is what stops it.
    let mut other = run.key.clone();
    let rows = altered.group(Group::Tables);
    let blinds = vec![Default::default(); rows.len()];
    other.tables = commit_rows(srs().g1(), &rows, &blinds).unwrap();
    let (statement, proof) = run.prove_sheet(&other, window, altered);
    assert_eq!(verify(&other, &(), &statement, &proof), Ok(()));
    assert!(verify(&run.key, &(), &statement, &proof).is_err());
}

#[test]
fn a_registration_cannot_cheat() {
    let mut covered = BTreeSet::new();
    let mut all = BTreeSet::new();
    let all_cases = cases();
    let [.., flat_weights, by_position] = &all_cases[..] else { panic!("many cases") };
    let unweighted = [0, 2, 5, 8].map(|i| &all_cases[i]);
    for case in unweighted.into_iter().chain([flat_weights, by_position]) {
        let run = Run::of(case, 2).unwrap();
        let network = &run.key.network;
        let (relation, ids) = compile_dataset(network, 2).unwrap();
        all.extend(relation.labels().iter().map(|l| l.to_string()));
        let wide = |v: &[i16]| v.iter().map(|v| i32::from(*v)).collect::<Vec<_>>();
        let data = (wide(&run.data.inputs), wide(&run.data.labels));
        let sheet = dataset_sheet(&relation, &ids, network, &data.0, &data.1);
        assert!(proves(&run, &relation, &sheet), "an honest registration");
        for (label, tensor, cells) in data_lies(network, 1) {
            let mut sheet = sheet.clone();
            let id = relation.layout.find(tensor).unwrap();
            for (index, value) in cells {
                sheet.set(id, flat(relation.layout.tensor(id).domain(), &index), value);
            }
            let broken = Cells::new(&sheet).violations(&relation);
            assert_eq!(broken, BTreeSet::from([label.to_string()]));
            let mut relation = relation.clone();
            fill_axes(&mut relation);
            assert!(!proves(&run, &relation, &sheet), "{label}: a lie is accepted");
            assert!(proves(&run, &relation.without(|l| l == label), &sheet), "{label}");
            covered.insert(label.to_string());
        }
    }
    assert_eq!(covered, all);
}

/// Commits to a registration's sheet, proves it and verifies it.
fn proves(run: &Run, relation: &Relation, sheet: &Sheet) -> bool {
    let g1 = srs().g1();
    let known = sheet.rows().len() - own_rows(relation);
    let rows: Vec<&Row> = sheet.rows().iter().take(known).collect();
    let blinds = vec![5u64.into(); known];
    let points = commit_rows(g1, &rows, &blinds).unwrap();
    let known = CommittedRows { points, blinds };
    let statement = b"registration".to_vec();
    let context = Context { key: &run.secret, known: &statement };
    let proved =
        prove(g1, relation, sheet.clone(), &known, &context, |_| statement.clone()).unwrap();
    let kzg = &run.key.kzg;
    proved.proof.revealed().verify(kzg, &(), relation, &statement, &known.points).is_ok()
}

#[test]
fn every_kind_of_constraint_stops_a_cheater() {
    // Making it takes the threads that would wait for it.
    srs();
    let (covered, all) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    cases().into_par_iter().for_each(|case| {
        let run = Run::of(&case, 1).unwrap();
        let (window, honest) = run.first_sheet();
        let labels: Vec<String> = run.key.relation.labels().iter().map(|l| l.to_string()).collect();
        for label in labels {
            let kind = kind(&run.key.network, &label);
            all.lock().unwrap().insert(kind.clone());
            if covered.lock().unwrap().contains(&kind) {
                continue;
            }
            let only = BTreeSet::from([label.clone()]);
            match lie_for(&run, &honest, &label) {
                None => {}
                Some(ForgedWitness::Sheet(sheet)) => {
                    let broken = Cells::new(&sheet).violations(&run.key.relation);
                    assert_eq!(broken, only, "{case:?}");
                    rejected_because_of(&run, window, &sheet, &label);
                    covered.lock().unwrap().insert(kind);
                }
                Some(ForgedWitness::Field(cells)) => {
                    assert_eq!(cells.violations(&run.key.relation), only, "{case:?}");
                    covered.lock().unwrap().insert(kind);
                }
            }
        }
    });
    let (covered, all) = (covered.into_inner().unwrap(), all.into_inner().unwrap());
    let uncovered: Vec<_> = all.difference(&covered).collect();
    assert!(uncovered.is_empty(), "no cheater tries {uncovered:?}");
}
