//! The constraints of relations, counted by label and compared with a committed table.
//!
//! `ZKTRAIN_WRITE_FIXTURES=1` writes it: a constraint that appears or vanishes is seen in the
//! difference. A line is kind, label, constraints of that label, and positions at which they hold.

use std::collections::BTreeSet;

use super::*;
use crate::manifest::{DEFAULT_SLOPE, Layer, LayerKind, Loss, derive_slope};
use crate::relation::Axis;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/constraints/table.txt");

fn positions(axes: &[Axis]) -> usize {
    axes.iter().map(|axis| axis.size).product()
}

/// Kind, label and positions of every constraint, in order.
fn constraints(relation: &Relation) -> Vec<(&'static str, &str, usize)> {
    let mut all = Vec::new();
    for product in &relation.products {
        all.push(("product", product.label.as_str(), positions(&product.out_domain().axes)));
    }
    for check in &relation.linear {
        all.push(("linear", check.label.as_str(), positions(&check.domain.axes)));
    }
    for check in &relation.zerochecks {
        let positions = positions(&check.domain.axes);
        let labels = check.constraints.iter().map(|constraint| constraint.label.as_str());
        all.extend(labels.map(|label| ("pointwise", label, positions)));
    }
    for lookup in &relation.lookups {
        all.push(("lookup", lookup.label.as_str(), positions(&lookup.domain.axes)));
    }
    all
}

fn count(table: &mut String, title: &str, relation: &Relation) {
    let all = constraints(relation);
    let mut seen = BTreeSet::new();
    table.push_str(&format!("# {title}\n"));
    for (kind, label, _) in &all {
        if seen.insert((kind, label)) {
            let of_label = all.iter().filter(|(k, l, _)| (k, l) == (kind, label));
            let (constraints, positions) =
                of_label.fold((0usize, 0usize), |(n, sum), (_, _, here)| (n + 1, sum + *here));
            table.push_str(&format!("{kind} {label} {constraints} {positions}\n"));
        }
    }
    table.push('\n');
}

#[test]
fn the_constraints_of_every_label_are_those_committed() {
    let mut table = String::new();
    for (name, network) in networks() {
        let bounded = Limits::default().admit(network).unwrap();
        count(
            &mut table,
            &format!("{name}: a training proof"),
            &compile_training(&bounded).unwrap().0,
        );
        count(
            &mut table,
            &format!("{name}: a registration of 2 windows"),
            &compile_dataset(&bounded, 2).unwrap().0,
        );
    }
    if std::env::var_os("ZKTRAIN_WRITE_FIXTURES").is_some() {
        std::fs::write(TABLE, &table).unwrap();
    }
    let known = std::fs::read_to_string(TABLE).unwrap();
    let mut title = "";
    for (got, expected) in table.lines().zip(known.lines()) {
        assert_eq!(got, expected, "{title}");
        title = if got.starts_with('#') { got } else { title };
    }
    assert_eq!(table.lines().count(), known.lines().count());
}

/// What a new kind of layer, loss or rounding has to be added to: a manifest with it.
#[test]
fn the_manifests_use_everything_there_is() {
    let networks: Vec<Network> = networks().map(|(_, network)| network).collect();
    let layers: Vec<&Layer> = networks.iter().flat_map(|network| &network.layers).collect();
    let activation = |wanted: Activation| layers.iter().any(|layer| layer.activation == wanted);
    let leaky = |slope: f64| Activation::LeakyRelu { slope: derive_slope(slope) };
    for wanted in [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        leaky(0.25),
        leaky(DEFAULT_SLOPE),
        Activation::Gelu,
        Activation::Silu,
        Activation::Identity,
    ] {
        let known = match wanted {
            Activation::Relu
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::LeakyRelu { .. }
            | Activation::Gelu
            | Activation::Silu
            | Activation::Identity => activation(wanted),
        };
        assert!(known, "{wanted:?}");
    }
    for wanted in [Loss::SoftmaxCrossEntropy, Loss::Logistic, Loss::Mse] {
        let known = match wanted {
            Loss::SoftmaxCrossEntropy | Loss::Logistic | Loss::Mse => {
                networks.iter().any(|network| network.loss == wanted)
            }
        };
        assert!(known, "{wanted:?}");
    }
    for wanted in LayerKind::all() {
        let known = layers.iter().any(|layer| layer.kind == wanted);
        assert!(known || !wanted.begins_layer(), "{wanted:?}");
    }
    let both = |what: &str, values: Vec<bool>| {
        assert!(values.contains(&true) && values.contains(&false), "{what}");
    };
    let mse = networks.iter().filter(|network| network.loss == Loss::Mse);
    both("one-hot labels", mse.map(|network| network.one_hot).collect());
    both("momentum", networks.iter().map(|network| network.momentum).collect());
    both("Adam", networks.iter().map(|network| network.adam.is_some()).collect());
    both("decay", networks.iter().map(|network| network.lambda != 0).collect());
    both("clipping", layers.iter().map(|layer| layer.clip.is_some()).collect());
    both("biases", layers.iter().map(|layer| layer.bias).collect());
    both("padded inputs", networks.iter().map(|n| n.input.is_power_of_two()).collect());
    both("padded outputs", networks.iter().map(|n| n.output().is_power_of_two()).collect());
    both("several steps", networks.iter().map(|network| network.steps > 1).collect());
    let limbs = layers.iter().map(|layer| layer.z.shift.div_ceil(16));
    assert_eq!(limbs.collect::<BTreeSet<u32>>(), BTreeSet::from([0, 1, 2]));
    let updates = layers.iter().filter_map(|layer| layer.update);
    let updates = updates.map(|update| update.excess_high_bits().div_ceil(16));
    assert_eq!(updates.collect::<BTreeSet<u32>>(), BTreeSet::from([0, 1, 2]));
}
