#[path = "../../tests/support/networks.rs"]
mod networks;

use std::collections::BTreeSet;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::chunks::largest_chunk;
use crate::compile::{compile_dataset, compile_training};
use crate::manifest::{Activation, Layer, Loss, MAX_LAYERS, MAX_WIDTH, Manifest, RoundSpec};
use crate::relation::{Group, SheetLayout, Tensor};
use networks::{connect, networks, plain, rounding};

/// Every limit beyond what any network asks for.
const NONE: Limits =
    Limits { rows: u64::MAX, address_bits: 64, leaves: u64::MAX, memory: u64::MAX };

/// Whatever a reader allows: sizes that a machine's `usize` does not hold are none.
#[test]
fn no_limit_is_beyond_what_a_machine_can_count() {
    let size = Size::training(&base()).unwrap();
    assert_eq!(NONE.check(&size), Ok(()));
    let got = usize::BITS;
    let most = u64::from(got - 1);
    let refused = TooLarge { limit: Limit::AddressBits, most, got: got.into() };
    assert_eq!(NONE.check(&Size { address_bits: got, ..size }), Err(refused));
}

fn base() -> Network {
    let text = include_str!("../../tests/manifest.toml");
    Manifest::from_toml(text).unwrap().network().unwrap()
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
    for tensor in layout.whole() {
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
    assert_eq!(size.memory, memory(relation));
    let cells: usize = layout.whole().flat_map(|t| t.pieces()).map(|p| p.len).sum();
    assert_eq!(cells as u64, layout.whole().map(Tensor::stored).sum::<u64>());
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
    (layer.z, layer.update) = (rounding(32, 13, 13), Some(rounding(32, 13, 13)));
    (layer.g, layer.d, layer.clip) = (spec.into_iter().collect(), spec, spec);
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
