use std::collections::BTreeSet;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::chunks::largest_chunk;
use crate::compile::{compile_dataset, compile_training};
use crate::halo2;
use crate::manifest::{Activation, Layer, Loss, MAX_LAYERS, MAX_WIDTH, Manifest, RoundSpec};
use crate::relation::{Group, SheetLayout, Tensor};

/// Every limit beyond what any network asks for.
const NONE: Limits =
    Limits { rows: u64::MAX, address_bits: 64, leaves: u64::MAX, memory: u64::MAX };

fn base() -> Network {
    let text = include_str!("../../tests/manifest.toml");
    Manifest::from_toml(text).unwrap().network().unwrap()
}

/// Saturation on no side, on one or on both, by so many bits.
fn rounding(shift: u32, high: u32, low: u32) -> RoundSpec {
    let (lo, hi) = (-(1 << 15), (1 << 15) - 1);
    let end = |bits: u32| if bits == 0 { 0 } else { ((1i64 << bits) - 1) << shift };
    let (x_max, x_min) = (end(high) + (hi << shift), -end(low) + (lo << shift));
    RoundSpec { shift, lo, hi, x_min, x_max, bound_bits: 62 }
}

fn specs() -> impl Strategy<Value = RoundSpec> {
    // A shift and an excess together stay below 62 bits.
    (0..=32u32, 0..=13u32, 0..=13u32).prop_map(|(shift, high, low)| rounding(shift, high, low))
}

fn layer() -> impl Strategy<Value = Layer> {
    let activations = prop::sample::select(vec![
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Identity,
    ]);
    let roundings = (specs(), specs(), specs(), specs(), prop::option::of(specs()));
    let scales = (0..=15u32, 4..=14u32, any::<bool>());
    (activations, roundings, scales).prop_map(
        |(activation, (z, g, d, update, clip), (z_frac, a_frac, bias))| {
            let smooth = matches!(activation, Activation::Sigmoid | Activation::Tanh);
            let (g, d) = (Some(g), smooth.then_some(d));
            Layer { bias, activation, z_frac, a_frac, z, g, d, clip, update, ..plain() }
        },
    )
}

fn plain() -> Layer {
    base().layers[0].clone()
}

/// Any shape that a manifest can have, of up to so many layers and units.
fn networks(layers: usize, width: usize) -> impl Strategy<Value = Network> {
    let losses = prop::sample::select(vec![Loss::SoftmaxCrossEntropy, Loss::Logistic, Loss::Mse]);
    let layers = prop::collection::vec((layer(), 1..=width), 1..=layers);
    let window = (0..=4u32, 0..=3u32, 4..=10u32);
    let flags = (losses, any::<bool>(), any::<bool>(), any::<bool>());
    (1..=width, layers, window, flags).prop_map(
        |(input, layers, (batch, steps, row_log), (loss, momentum, one_hot, decay))| {
            let network = connect(input, layers, loss);
            Network {
                batch: 1 << batch,
                steps: 1 << steps,
                row_log,
                momentum,
                one_hot: one_hot && loss != Loss::Logistic,
                lambda: i64::from(decay),
                ..network
            }
        },
    )
}

fn connect(input: usize, layers: Vec<(Layer, usize)>, loss: Loss) -> Network {
    let last = layers.len() - 1;
    let mut n_in = input;
    let layers = layers.into_iter().enumerate().map(|(l, (mut layer, mut n_out))| {
        if l == last {
            (layer.activation, layer.g, layer.d) = (Activation::Identity, None, None);
            n_out = if loss == Loss::Logistic { 1 } else { n_out.clamp(2, 4096) };
        }
        layer.n_in = std::mem::replace(&mut n_in, n_out);
        layer.n_out = n_out;
        layer
    });
    Network { input, layers: layers.collect(), loss, ..base() }
}

/// Whose a tensor's copy is, by its name alone.
fn group(tensor: &Tensor, copy: usize) -> Group {
    let name = &tensor.name;
    let is = |ending: &str| name.ends_with(ending);
    match () {
        () if name == "inputs" || name == "labels" => Group::Data(copy),
        () if is(".before") => Group::Parameters,
        () if is(".state") => Group::State,
        () if name.starts_with("table.") => Group::Tables,
        () if is(".update.q") || name.starts_with("update.padding") => Group::Update(copy),
        () => Group::Trace,
    }
}

/// The copies of a tensor that lie in rows of their own, by number.
fn copies(tensor: &Tensor) -> Vec<Tensor> {
    let blocks = !matches!(group(tensor, 0), Group::Tables | Group::Trace);
    let (Some((outer, inner)), true) = (tensor.dims.split_first(), blocks) else {
        return vec![tensor.clone()];
    };
    let copy = |x: usize| Tensor {
        name: tensor.name.clone(),
        base: tensor.base + ((x as u64) << outer.shift),
        dims: inner.to_vec(),
    };
    (0..outer.axis.size).map(copy).collect()
}

/// Every row that holds a stored cell, one by one. What is stored of a copy: copies that leave no
/// gap are one piece of the whole tensor, with the padding of all but the last one, whose rows do
/// not exist.
fn marked(layout: &SheetLayout) -> Vec<(Group, u64)> {
    let mut rows = BTreeSet::new();
    for tensor in layout.tensors() {
        for (number, copy) in copies(tensor).iter().enumerate() {
            for piece in copy.pieces() {
                let last = piece.address + piece.len as u64 - 1;
                let range = piece.address >> layout.row_log..=last >> layout.row_log;
                rows.extend(range.map(|row| (group(tensor, number), row)));
            }
        }
    }
    rows.into_iter().collect()
}

fn check(size: Size, relation: &Relation) {
    let layout = &relation.layout;
    let listed: Vec<_> = layout.rows.iter().map(|row| (row.group, row.index)).collect();
    let marked = marked(layout);
    let differs = listed.iter().zip(&marked).find(|(listed, marked)| listed != marked);
    assert!(listed == marked, "{differs:?}, {} and {} rows", listed.len(), marked.len());
    assert_eq!(size.rows, layout.rows.len() as u64);
    assert_eq!(size.address_bits, layout.address_log);
    assert_eq!(size.leaves, 1 << LeafLayout::of(relation).log);
    assert_eq!(size.elements, ArgumentShape::of(relation).elements() as u64);
    assert_eq!(size.memory, memory(relation));
    let cells: usize = layout.tensors().iter().flat_map(|t| t.pieces()).map(|p| p.len).sum();
    assert_eq!(cells as u64, layout.tensors().iter().map(Tensor::stored).sum::<u64>());
    let rows = halo2::shape(relation).unwrap().rows.len() as u64;
    assert!((rows..3 * rows).contains(&size.circuit), "{rows} rows, bound {}", size.circuit);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sizes_are_those_of_what_is_compiled(network in networks(5, 40), chunk in 0..4u32) {
        let bounded = NONE.admit(network.clone()).unwrap();
        check(Size::training(&network).unwrap(), &compile_training(&bounded).unwrap().0);
        let windows = largest_chunk(&network).min(1 << chunk);
        let size = bounded.chunk(windows).unwrap();
        check(size, &compile_dataset(&bounded, windows).unwrap().0);
    }

    /// Copies of a block that fills its room but for padding.
    #[test]
    fn padding_between_copies_has_no_rows(steps in 1..=2u32, n_in in 17..=24usize) {
        let one = (Layer { bias: false, clip: None, ..plain() }, 5);
        let network = connect(n_in, vec![one], Loss::SoftmaxCrossEntropy);
        let network = Network { batch: 1, steps: 1 << steps, row_log: 4, momentum: false, ..network };
        let bounded = NONE.admit(network.clone()).unwrap();
        check(Size::training(&network).unwrap(), &compile_training(&bounded).unwrap().0);
    }

    /// Whatever a manifest says: known within the time and the numbers that there are.
    #[test]
    fn the_size_of_any_network_is_known_at_once(
        network in networks(MAX_LAYERS, MAX_WIDTH),
        (batch, steps, row_log) in (0..=12u32, 0..=10u32, 4..=20u32),
    ) {
        let network = Network { batch: 1 << batch, steps: 1 << steps, row_log, ..network };
        let started = Instant::now();
        let size = Size::training(&network).unwrap();
        let dataset = Size::dataset(&network, largest_chunk(&network)).unwrap();
        prop_assert!(started.elapsed().as_secs() < 2);
        for size in [size, dataset] {
            prop_assert!(size.address_bits < 64 && size.rows < 1 << 60 && size.memory < 1 << 62);
            prop_assert!(size.rows <= 1 << (size.address_bits - row_log));
        }
    }
}

#[test]
fn the_largest_network_has_a_size() {
    let mut layer = plain();
    layer.activation = Activation::Sigmoid;
    let spec = Some(rounding(32, 13, 13));
    (layer.z, layer.update) = (rounding(32, 13, 13), rounding(32, 13, 13));
    (layer.g, layer.d, layer.clip) = (spec, spec, spec);
    let layers = vec![(layer, MAX_WIDTH); MAX_LAYERS];
    let network = Network {
        batch: 4096,
        steps: 1024,
        row_log: 4,
        momentum: true,
        ..connect(MAX_WIDTH, layers, Loss::SoftmaxCrossEntropy)
    };
    let size = Size::training(&network).unwrap();
    assert!(size.address_bits > 50 && size.rows > 1 << 45, "{size:?}");
    let too_large = TooLarge { limit: Limit::Rows, most: 1 << 16, got: size.rows };
    assert_eq!(Limits::default().admit(network), Err(AdmitError::TooLarge(too_large)));
}

#[test]
fn each_limit_is_held_to_the_last_unit() {
    let network = base();
    let size = Size::training(&network).unwrap();
    let dataset = Size::dataset(&network, 1).unwrap();
    assert!(dataset.rows <= size.rows && dataset.memory <= size.memory);
    let exact = Limits {
        rows: size.rows,
        address_bits: size.address_bits,
        leaves: size.leaves,
        memory: size.memory,
    };
    exact.admit(network.clone()).unwrap();
    let cases = [
        (Limit::Rows, Limits { rows: size.rows - 1, ..exact }),
        (Limit::AddressBits, Limits { address_bits: size.address_bits - 1, ..exact }),
        (Limit::Leaves, Limits { leaves: size.leaves - 1, ..exact }),
        (Limit::Memory, Limits { memory: size.memory - 1, ..exact }),
    ];
    for (limit, limits) in cases {
        let error = limits.admit(network.clone()).unwrap_err();
        assert!(matches!(error, AdmitError::TooLarge(found) if found.limit == limit));
    }
}

#[test]
fn chunks_beyond_the_limits_are_not_compiled() {
    let network = base();
    let windows = largest_chunk(&network);
    let size = NONE.admit(network.clone()).unwrap().chunk(windows).unwrap();
    let limits = Limits { rows: size.rows - 1, ..NONE };
    let bounded = limits.admit(network).unwrap();
    let refused = compile_dataset(&bounded, windows).map(|_| ());
    assert!(matches!(refused, Err(ChunkError::TooLarge { windows: w, .. }) if w == windows));
    let refused = compile_dataset(&bounded, 2 * windows).map(|_| ());
    assert!(matches!(refused, Err(ChunkError::Size(_))));
    compile_dataset(&bounded, 1).unwrap();
}
