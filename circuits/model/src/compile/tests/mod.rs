//! A constraint that cannot be written is an error, one test for each place where one could be
//! left out; and the constraints that there are.

mod counts;
mod digests;

use super::dataset::constrain_data;
use super::training::{constrain_padding, constrain_training, table_kinds};
use super::*;
use crate::certificate::certify_training;
use crate::graph::Graph;
use crate::manifest::{
    Activation, Features, I16_HI, I16_LO, Kernel, LayerKind, Manifest, Network, RoundSpec,
};
use crate::relation::{
    Allocator, AxisFactor, DimMap, Direction, Domain, Group, Linear, Lookup, Malformed, Relation,
    RelationFault, Slice, TensorId, Window,
};
use crate::size::{AdmitError, Limits, Size};

/// Manifests that use every activation, loss, optimizer and rounding that there is.
const MANIFESTS: [(&str, &str); 25] = [
    ("manifest.toml", include_str!("../../../tests/manifest.toml")),
    ("clipped.toml", include_str!("../../../tests/constraints/clipped.toml")),
    ("logistic.toml", include_str!("../../../tests/constraints/logistic.toml")),
    ("single.toml", include_str!("../../../tests/constraints/single.toml")),
    ("regression.toml", include_str!("../../../tests/constraints/regression.toml")),
    ("one-hot.toml", include_str!("../../../tests/constraints/one-hot.toml")),
    ("whole.toml", include_str!("../../../tests/constraints/whole.toml")),
    ("exact.toml", include_str!("../../../tests/constraints/exact.toml")),
    ("convolutions.toml", include_str!("../../../tests/constraints/convolutions.toml")),
    ("narrow.toml", include_str!("../../../tests/constraints/narrow.toml")),
    (
        "clipped-convolution.toml",
        include_str!("../../../tests/constraints/clipped-convolution.toml"),
    ),
    ("pools.toml", include_str!("../../../tests/constraints/pools.toml")),
    ("thirds.toml", include_str!("../../../tests/constraints/thirds.toml")),
    ("depthwise.toml", include_str!("../../../tests/constraints/depthwise.toml")),
    ("graph.toml", include_str!("../../../tests/constraints/graph.toml")),
    ("activations.toml", include_str!("../../../tests/constraints/activations.toml")),
    ("norms.toml", include_str!("../../../tests/constraints/norms.toml")),
    ("flat-norm.toml", include_str!("../../../tests/constraints/flat-norm.toml")),
    ("row-norms.toml", include_str!("../../../tests/constraints/row-norms.toml")),
    ("adam.toml", include_str!("../../../tests/constraints/adam.toml")),
    ("adam-plain.toml", include_str!("../../../tests/constraints/adam-plain.toml")),
    ("attention.toml", include_str!("../../../tests/constraints/attention.toml")),
    ("attention-full.toml", include_str!("../../../tests/constraints/attention-full.toml")),
    ("weighted.toml", include_str!("../../../tests/constraints/weighted.toml")),
    ("sequence.toml", include_str!("../../../tests/constraints/sequence.toml")),
];

fn networks() -> impl Iterator<Item = (&'static str, Network)> {
    MANIFESTS.iter().map(|(name, text)| {
        let manifest = Manifest::from_toml(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (*name, manifest.network().unwrap())
    })
}

/// Layers of a sigmoid, nothing, a ReLU and a softmax, with momentum, decay and clipping.
fn clipped() -> Network {
    networks().find(|(name, _)| *name == "clipped.toml").unwrap().1
}

fn declaring(kinds: impl IntoIterator<Item = TableKind>) -> RelationBuilder {
    RelationBuilder::new(kinds.into_iter().map(|kind| (kind, None)).collect())
}

#[test]
fn a_lookup_into_a_table_that_is_not_declared_is_an_error() {
    for (name, network) in networks() {
        let ids = draft_training(&network).unwrap().1;
        let graph = Graph::of(&network).unwrap();
        let kinds = table_kinds(&network, &graph);
        constrain_training(&mut declaring(kinds.clone()), &network, &graph, &ids).unwrap();
        for left_out in &kinds {
            let mut builder = declaring(kinds.iter().copied().filter(|kind| kind != left_out));
            let error = constrain_training(&mut builder, &network, &graph, &ids).unwrap_err();
            let CompileError::UndeclaredTable { table, .. } = &error else {
                panic!("{name}: {error}")
            };
            assert_eq!(*table, left_out.name(), "{name}");
        }
        let error = constrain_data(&mut declaring([]), &network, 1, &ids.data()).unwrap_err();
        assert!(matches!(error, CompileError::UndeclaredTable { .. }), "{name}: {error}");
    }
}

/// Every relation of these manifests says what it should, and one of pools, batch norms, newer activations, Adam or
/// weights of labels does not without any of their constraints.
#[test]
fn relations_of_every_manifest_are_certified() {
    for (name, network) in networks() {
        let bounded = Limits::default().admit(network).unwrap();
        let (relation, ids) = compile_training(&bounded).unwrap();
        let certificate = certify_training(&bounded, &relation, &ids);
        let certificate = certificate.unwrap_or_else(|error| panic!("{name}: {error}"));
        let marks = |tensor: &String| tensor.ends_with(".at_max");
        assert!(certificate.free.iter().all(marks), "{name}");
        let layers = bounded.layers.iter().enumerate();
        let wanted = layers.filter(|(_, layer)| {
            let newer = layer.activation.kind().is_some_and(|kind| kind.version() > 2);
            let kinds = [LayerKind::MaxPool2d, LayerKind::BatchNorm, LayerKind::LayerNorm];
            let norms = kinds.contains(&layer.kind) || layer.kind == LayerKind::RmsNorm;
            newer || norms || layer.kind.version() > 4 || bounded.adam.is_some()
        });
        let wanted: Vec<String> = wanted.map(|(l, _)| format!("layer{l}.")).collect();
        let of_layer = |label: &&str| {
            let of_weights = ["labels.", "loss."].iter().any(|part| label.starts_with(part));
            ["clock", "rate"].contains(label)
                || bounded.weighted && of_weights
                || wanted.iter().any(|layer| label.starts_with(layer))
        };
        let labels: Vec<String> =
            relation.labels().into_iter().filter(of_layer).map(str::to_owned).collect();
        for label in labels {
            let weaker = relation.clone().without(|dropped| dropped == label);
            let refused = certify_training(&bounded, &weaker, &ids).is_err();
            // Where nothing can saturate, a quotient's range follows from the rounding itself.
            assert!(refused || label.contains(".q.range"), "{name}: {label}");
        }
    }
}

/// Of Adam, whatever its shares: those that take all of a gradient and little of it; and of chains of one step.
#[test]
fn adam_is_certified_whatever_its_shares() {
    let plain = include_str!("../../../tests/constraints/adam-plain.toml");
    for (from, to) in [
        ("beta1 = 0.75", "beta1 = 0.0"),
        ("beta1 = 0.75", "beta1 = 0.49"),
        ("beta1 = 0.75\nbeta2 = 0.96875", "beta1 = 0.97\nbeta2 = 0.9995"),
        ("max_steps = 5", "max_steps = 1"),
    ] {
        assert!(plain.contains(from), "{from}");
        let manifest = Manifest::from_toml(&plain.replacen(from, to, 1)).unwrap();
        let network = Limits::default().admit(manifest.network().unwrap()).unwrap();
        let (relation, ids) = compile_training(&network).unwrap();
        certify_training(&network, &relation, &ids).unwrap_or_else(|error| panic!("{to}: {error}"));
    }
}

type Change<T> = (fn(&mut T), &'static str);

/// Every tensor that decides whether a constraint is written, taken away.
#[test]
fn a_missing_tensor_is_an_error_not_a_missing_constraint() {
    let network = clipped();
    let changes: [Change<TrainingIds>; 21] = [
        (|ids| ids.layers[0].tensors.remove("a"), "layer0: a part of the activation has no tensor"),
        (|ids| ids.layers[0].tensors.remove("d"), "layer0: a part of the activation has no tensor"),
        (|ids| ids.layers[0].tensors.remove("g"), "layer0.g: the arriving gradient has no tensor"),
        (
            |ids| ids.layers[1].tensors.remove("g"),
            "layer1: the gradient of its output has no tensor",
        ),
        (
            |ids| ids.layers[2].tensors.remove("d"),
            "layer2: the gradient of its output has no tensor",
        ),
        (
            |ids| ids.layers[2].tensors.remove("negative"),
            "layer2: a part of the rectifier has no tensor",
        ),
        (|ids| ids.layers[2].tensors.remove("a"), "layer2: a part of the rectifier has no tensor"),
        (|ids| ids.layers[0].b = None, "layer0: the network and its tensors differ in biases"),
        (
            |ids| ids.layers[1].b = ids.layers[0].b.clone(),
            "layer1: the network and its tensors differ in biases",
        ),
        (
            |ids| ids.layers[1].w.as_mut().unwrap().state = None,
            "layer1.w: the network and its tensors differ in the optimizer's state",
        ),
        (
            |ids| ids.layers[3].b.as_mut().unwrap().state = None,
            "layer3.b: the network and its tensors differ in the optimizer's state",
        ),
        (
            |ids| ids.layers[2].w.as_mut().unwrap().clip = None,
            "layer2.w: the network and its tensors differ in clipping",
        ),
        (
            |ids| ids.layers[0].b.as_mut().unwrap().clip = None,
            "layer0.b: the network and its tensors differ in clipping",
        ),
        (|ids| _ = ids.layers.pop(), "the layers: 3 tensors, expected 4"),
        (|ids| ids.layers.clear(), "the layers: 0 tensors, expected 4"),
        (|ids| ids.loss = Slots::default(), "loss: its probabilities has no tensor"),
        (|ids| ids.layers[3].w = None, "layer3: its weights has no tensor"),
        (|ids| ids.layers[3].tensors.remove("z"), "layer3: its output has no tensor"),
        (|ids| ids.layers[1].tensors.remove("z"), "layer1: its output has no tensor"),
        (
            |ids| _ = ids.layers[1].tensors.rounded_mut("z").unwrap().r.pop(),
            "layer1.z: a remainder of 17 bits in 1 limbs",
        ),
        (
            |ids| ids.layers[0].w.as_mut().unwrap().update.r.clear(),
            "layer0.w.update: a remainder of 16 bits in 0 limbs",
        ),
    ];
    let ids = draft_training(&network).unwrap().1;
    let graph = Graph::of(&network).unwrap();
    for (change, expected) in changes {
        let mut changed = ids.clone();
        change(&mut changed);
        let mut builder = declaring(table_kinds(&network, &graph));
        let error = constrain_training(&mut builder, &network, &graph, &changed).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// The same of operators whose tensors are others.
#[test]
fn a_missing_tensor_of_a_newer_activation_is_an_error() {
    let network = networks().find(|(name, _)| *name == "activations.toml").unwrap().1;
    let changes: [Change<TrainingIds>; 8] = [
        (|ids| ids.layers[0].tensors.remove("a"), "layer0: a part of the leaky rectifier"),
        (|ids| ids.layers[0].tensors.remove("d"), "layer0: a part of the leaky rectifier"),
        (|ids| ids.layers[0].tensors.remove("negative"), "layer0: a part of the leaky rectifier"),
        (|ids| ids.layers[1].tensors.remove("a"), "layer1: a part of the activation"),
        (|ids| ids.layers[1].tensors.remove("h"), "layer1: a part of the activation"),
        (|ids| ids.layers[1].tensors.remove("d"), "layer1: a part of the activation"),
        (|ids| ids.layers[2].tensors.remove("h"), "layer2: a part of the activation"),
        (|ids| ids.layers[3].tensors.remove("z"), "layer3: its output"),
    ];
    let ids = draft_training(&network).unwrap().1;
    let graph = Graph::of(&network).unwrap();
    for (change, expected) in changes {
        let mut changed = ids.clone();
        change(&mut changed);
        let mut builder = declaring(table_kinds(&network, &graph));
        let error = constrain_training(&mut builder, &network, &graph, &changed).unwrap_err();
        assert_eq!(error.to_string(), format!("{expected} has no tensor"));
    }
    let mut other = network;
    other.layers[0].activation = Activation::Tanh;
    let mut builder = declaring(table_kinds(&other, &graph));
    assert!(constrain_training(&mut builder, &other, &graph, &ids).is_err());
}

/// The same through the front door: a description that the manifest's checks would not have made.
#[test]
fn a_network_that_no_manifest_lowers_to_is_not_admitted() {
    let changes: [Change<Network>; 10] = [
        (|n| n.layers.clear(), "loss: the last layer has no tensor"),
        (|n| n.layers[0].d = None, "layer0: a part of the activation has no tensor"),
        (|n| n.layers[2].g.clear(), "layer2.g: the arriving gradient has no tensor"),
        (|n| n.layers[3].z.shift = 40, "layer3.z: a remainder of 40 bits in 3 limbs"),
        (
            |n| n.layers[3].activation = Activation::Tanh,
            "layer3: a part of the activation has no tensor",
        ),
        (|n| n.layers[1].n_in = 9, "layer1: the network and its tensors differ in its sizes"),
        (|n| n.layers[1].n_out = 4, "layer1: the network and its tensors differ in its sizes"),
        (
            |n| n.layers[1].output = Features::image([5, 1, 5]),
            "layer1: the network and its tensors differ in its sizes",
        ),
        (
            |n| n.layers[1].kernel = Some(Kernel { size: 1, stride: 1, padding: 0 }),
            "layer1: the network and its tensors differ in its sizes",
        ),
        (
            |n| n.layers[1].connect(9, 5),
            "the relation is malformed: layer1.backward: a dimension of 7 positions follows an \
             axis of 9",
        ),
    ];
    for (change, expected) in changes {
        let mut network = clipped();
        change(&mut network);
        assert_eq!(Size::training(&network).unwrap_err().to_string(), expected);
        let error = Limits::default().admit(network).unwrap_err();
        assert!(matches!(&error, AdmitError::Compile(_)), "{error}");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[test]
fn fewer_tensors_than_a_rounding_takes_are_an_error() {
    let spec = RoundSpec {
        shift: 20,
        lo: I16_LO,
        hi: I16_HI,
        x_min: -(1 << 40),
        x_max: 1 << 40,
        bound_bits: 41,
    };
    let take = |count: usize| RoundedIds::take(spec, TensorId(0), &mut (1..=count).map(TensorId));
    // Two limbs each of the remainder and of both excesses.
    let needed = 2 + 2 + 2;
    assert!(take(needed).is_ok());
    for count in 0..needed {
        assert_eq!(take(count).unwrap_err(), CompileError::Exhausted, "{count}");
    }
}

#[test]
fn data_and_padding_without_a_tensor_are_errors() {
    let two = CompileError::Tensors { part: "the data", expected: 2, got: 1 };
    assert_eq!(DatasetIds::of(&[TensorId(0)]).unwrap_err(), two);
    let (mut builder, allocator) = (declaring([]), Allocator::new(4));
    let error =
        constrain_padding(&mut builder, &allocator, "update", &[TensorId(usize::MAX)]).unwrap_err();
    assert_eq!(error.to_string(), "update.padding0: the rest of a row has no tensor");
}

/// A relation over one tensor `(4, 2)`, with one table.
fn small(write: impl FnOnce(&mut RelationBuilder, TensorId)) -> Result<Relation, CompileError> {
    let mut allocator = Allocator::new(4);
    let parts = [("x".to_owned(), vec![4, 2]), ("count".to_owned(), vec![1 << 16])];
    let ids = allocator.place(Group::Trace, &parts);
    let mut builder = declaring([TableKind::Range(16)]);
    write(&mut builder, ids[0]);
    builder.finish(allocator.finish(), &ids[1..])
}

fn vanishes(builder: &mut RelationBuilder, form: Linear) {
    builder.linear("it".into(), Domain::new(&[4, 2]), form);
}

/// A window of so many places along an axis, `(number, size)` each.
fn window(
    (at, windows): (usize, usize),
    (within, places): (usize, usize),
    stride: usize,
) -> DimMap {
    let (padding, direction) = (0, Direction::Covers);
    DimMap::Window(Window { at, windows, within, places, stride, padding, direction })
}

#[test]
fn a_window_has_two_axes_of_its_sizes_and_moves() {
    let size = |expected, got| Some(RelationFault::Size { expected, got });
    for (map, expected) in [
        (window((0, 4), (1, 2), 1), None),
        (window((0, 3), (1, 2), 1), size(3, 4)),
        (window((0, 4), (1, 3), 1), size(3, 2)),
        (window((0, 4), (2, 2), 1), Some(RelationFault::Axis { axes: 2, got: 2 })),
        (window((0, 4), (0, 4), 1), Some(RelationFault::Window)),
        (window((0, 4), (1, 2), 0), Some(RelationFault::Window)),
    ] {
        let found = small(|b, x| vanishes(b, Linear::zero().plus(1, x, &[map, DimMap::Sum])));
        let malformed = expected.map(|fault| Malformed { label: "it".into(), fault }.into());
        assert_eq!(found.err(), malformed, "{map:?}");
    }
}

/// A term's weight has one factor for each axis: with two it would not be what the term says.
#[test]
fn an_axis_is_followed_once_in_a_term() {
    let windows = [window((0, 4), (1, 2), 1), DimMap::Sum];
    let both = [window((0, 4), (1, 2), 1), DimMap::Axis(1)];
    let (first, below) = (AxisFactor::First(1), AxisFactor::Below(1, 1));
    for (maps, masks) in [
        (&both[..], &[][..]),
        (&windows, &[below]),
        (&axes(2), &[first]),
        (&[DimMap::Axis(0), DimMap::Sum], &[first, below]),
    ] {
        let term = |x| Linear::zero().plus_masked(1, x, maps, masks);
        let fault = RelationFault::Twice { axis: 1 };
        let malformed = Malformed { label: "it".into(), fault }.into();
        assert_eq!(small(|b, x| vanishes(b, term(x))).err(), Some(malformed), "{maps:?} {masks:?}");
    }
    let once = |x| Linear::zero().plus_masked(1, x, &[DimMap::Axis(0), DimMap::Sum], &[first]);
    assert!(small(|b, x| vanishes(b, once(x))).is_ok());
}

/// Two axes make up a dimension bit by bit, and two that are compared have the same positions: none with padding.
#[test]
fn what_is_said_of_two_axes_fits_them() {
    let found = |sizes: &[usize], domain: &[usize], maps: &[DimMap], masks: &[AxisFactor]| {
        let mut allocator = Allocator::new(4);
        let parts = [("x".to_owned(), sizes.to_vec()), ("count".to_owned(), vec![1 << 16])];
        let ids = allocator.place(Group::Trace, &parts);
        let mut builder = declaring([TableKind::Range(16)]);
        let form = match maps {
            [] => Linear::zero().plus_constant_masked(1, masks),
            _ => Linear::zero().plus_masked(1, ids[0], maps, masks),
        };
        builder.linear("it".into(), Domain::new(domain), form);
        builder.finish(allocator.finish(), &ids[1..]).err()
    };
    let size = |expected, got| {
        Some(Malformed { label: "it".into(), fault: RelationFault::Size { expected, got } }.into())
    };
    let joined = [DimMap::Joined(0, 1)];
    assert_eq!(found(&[8], &[2, 4], &joined, &[]), None);
    // Of a row and across its end.
    assert_eq!(found(&[64], &[8, 8], &joined, &[]), None);
    assert_eq!(found(&[8], &[4, 4], &joined, &[]), size(8, 16));
    assert_eq!(found(&[8], &[2, 3], &joined, &[]), size(4, 3));
    assert_eq!(found(&[16], &[3, 4], &joined, &[]), size(4, 3));
    let compared = [AxisFactor::NotAfter(1, 0)];
    assert_eq!(found(&[8], &[4, 4], &[], &compared), None);
    assert_eq!(found(&[8], &[8, 4], &[], &compared), size(4, 8));
    assert_eq!(found(&[8], &[3, 3], &[], &compared), size(4, 3));
    for masks in [[AxisFactor::NotAfter(1, 2)], [AxisFactor::NotAfter(2, 1)]] {
        assert!(found(&[8], &[4, 4], &[], &masks).is_some());
    }
    let fault =
        |axis| Some(Malformed { label: "it".into(), fault: RelationFault::Twice { axis } }.into());
    let same = [AxisFactor::NotAfter(1, 1)];
    assert_eq!(found(&[8], &[4, 4], &[], &same), fault(1));
    // A mask of cells on one of its axes is no product.
    assert_eq!(found(&[4], &[4, 4], &[DimMap::Axis(0)], &compared), fault(0));
}

/// Its weights are those of rows or of positions in a row, and no product of both.
#[test]
fn no_window_slides_and_no_total_runs_across_the_end_of_a_row() {
    let found = |sizes: &[usize], map: [DimMap; 2]| {
        let mut allocator = Allocator::new(4);
        let parts = [("x".to_owned(), sizes.to_vec()), ("count".to_owned(), vec![1 << 16])];
        let ids = allocator.place(Group::Trace, &parts);
        let mut builder = declaring([TableKind::Range(16)]);
        let form = Linear::zero().plus(1, ids[0], &map);
        builder.linear("it".into(), Domain::new(&[4, 2]), form);
        builder.finish(allocator.finish(), &ids[1..]).err()
    };
    let slides = window((0, 4), (1, 2), 1);
    let fault = RelationFault::Across { row: 4 };
    let across = Some(Malformed { label: "it".into(), fault }.into());
    assert_eq!(found(&[8, 8], [slides, DimMap::Sum]), across);
    // Beyond a row, or within one: below others, or in a tensor that has no more.
    assert_eq!(found(&[8, 16], [slides, DimMap::Sum]), None);
    assert_eq!(found(&[8, 8], [DimMap::Sum, slides]), None);
    assert_eq!(found(&[4, 4], [slides, DimMap::Sum]), None);
    for runs in [DimMap::Before(0), DimMap::Previous(0)] {
        assert_eq!(found(&[8, 8], [runs, DimMap::Sum]), across);
        assert_eq!(found(&[4, 16], [runs, DimMap::Sum]), None);
        assert_eq!(found(&[4, 4], [runs, DimMap::Sum]), None);
    }
}

#[test]
fn a_slice_is_its_stack_at_one_index() {
    let stack = ("stack".to_owned(), vec![3, 4]);
    let mut allocator = Allocator::new(4);
    let ids = allocator.place(Group::Trace, &[stack, ("count".to_owned(), vec![1 << 16])]);
    let names = |count: usize| (0..count).map(|k| format!("x{k}")).collect();
    assert_eq!(allocator.clone().slice(ids[0], names(4)).len(), 3, "as many as there are");
    let slices = allocator.slice(ids[0], names(3));
    let layout = allocator.finish();
    for (at, id) in slices.iter().enumerate() {
        let (slice, stack) = (layout.tensor(*id), layout.tensor(ids[0]));
        for x in 0..4 {
            assert_eq!(slice.address(&[x]), stack.address(&[at, x]));
        }
    }
    let builder = || declaring([TableKind::Range(16)]);
    let relation = builder().finish(layout, &ids[1..]).unwrap();
    for (stack, at) in [(ids[0], 0), (ids[1], 1), (ids[0], 3), (TensorId(9), 1)] {
        let fault = relation.layout.clone().moved(slices[1], Slice { stack, at });
        let error = builder().finish(fault, &ids[1..]).err();
        let expected = if stack == TensorId(9) {
            RelationFault::Tensor { tensors: 5, got: 9 }
        } else {
            RelationFault::Slice { at }
        };
        let malformed = Malformed { label: "x1".into(), fault: expected };
        assert_eq!(error, Some(malformed.into()));
    }
}

#[test]
fn a_table_without_its_counts_is_an_error() {
    for counts in [0, 2] {
        let builder = declaring([TableKind::Range(16)]);
        let counts = vec![TensorId(0); counts];
        let error = builder.finish(Allocator::new(4).finish(), &counts).unwrap_err();
        let (part, got) = ("the tables' multiplicities", counts.len());
        assert_eq!(error, CompileError::Tensors { part, expected: 1, got });
    }
}

#[test]
fn a_relation_refers_only_to_what_it_has() {
    assert!(small(|b, x| vanishes(b, Linear::tensor(x, 2))).is_ok());
    type Case = (fn(&mut RelationBuilder, TensorId), RelationFault);
    let cases: [Case; 9] = [
        (
            |b, _| vanishes(b, Linear::tensor(TensorId(9), 2)),
            RelationFault::Tensor { tensors: 2, got: 9 },
        ),
        (
            |b, x| vanishes(b, Linear::tensor(x, 1)),
            RelationFault::Dimensions { expected: 2, got: 1 },
        ),
        (
            |b, x| vanishes(b, Linear::zero().plus(1, x, &[DimMap::Axis(0), DimMap::Before(2)])),
            RelationFault::Axis { axes: 2, got: 2 },
        ),
        (
            |b, x| vanishes(b, Linear::zero().plus(1, x, &[DimMap::Previous(1), DimMap::Sum])),
            RelationFault::Size { expected: 4, got: 2 },
        ),
        (
            |b, x| {
                let first = [AxisFactor::First(5)];
                vanishes(b, Linear::zero().plus_masked(1, x, &axes(2), &first));
            },
            RelationFault::Axis { axes: 2, got: 5 },
        ),
        (
            |b, _| vanishes(b, Linear::zero().plus_constant_masked(1, &[AxisFactor::Below(2, 1)])),
            RelationFault::Axis { axes: 2, got: 2 },
        ),
        (|b, _| vanishes(b, Linear::zero()), RelationFault::Empty),
        (
            |b, x| {
                let mut pointwise = PointwiseBuilder::new(Domain::new(&[4, 2]));
                let x = pointwise.tensor(x, 2);
                pointwise.require("it".into(), &[(1, &[x, x]), (-1, &[x + 1])]);
                b.pointwise(pointwise);
            },
            RelationFault::Operand { operands: 1, got: 1 },
        ),
        (
            |b, x| {
                let (domain, form) = (Domain::new(&[4, 2]), Linear::tensor(x, 2));
                let kind = TableKind::Range(16);
                b.lookup("it".into(), &domain, kind, form.clone(), Some(form)).unwrap();
            },
            RelationFault::Output,
        ),
    ];
    for (write, fault) in cases {
        let malformed = Malformed { label: "it".into(), fault };
        assert_eq!(small(write).unwrap_err(), CompileError::Malformed(malformed));
    }
}

#[test]
fn a_finished_relation_is_checked_like_one_being_written() {
    let relation = small(|b, x| vanishes(b, Linear::tensor(x, 2))).unwrap();
    relation.check().unwrap();
    let mut altered = relation.clone();
    let (domain, input) = (Domain::new(&[4, 2]), Linear::constant(1));
    altered.lookups.push(Lookup { label: "it".into(), domain, table: 1, input, output: None });
    assert_eq!(altered.check().unwrap_err().fault, RelationFault::Table { tables: 1, got: 1 });
    let mut altered = relation.clone();
    altered.layout.address_log = 16;
    assert_eq!(altered.check().unwrap_err().fault, RelationFault::Address { bits: 16 });
    let mut altered = relation;
    altered.tables[0].counts = TensorId(2);
    assert_eq!(altered.check().unwrap_err().fault, RelationFault::Tensor { tensors: 2, got: 2 });
}

/// A tensor asked for with another map is another operand, not the first one again.
#[test]
fn operands_are_known_by_tensor_and_map() {
    let mut pointwise = PointwiseBuilder::new(Domain::new(&[4, 4]));
    let [straight, turned] = [[0, 1], [1, 0]].map(|map| map.map(DimMap::Axis));
    let first = pointwise.mapped(TensorId(0), &straight);
    assert_ne!(pointwise.mapped(TensorId(0), &turned), first);
    assert_eq!(pointwise.mapped(TensorId(0), &straight), first);
}
