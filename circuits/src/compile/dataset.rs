//! The relation of a dataset's registration: every input has 16 bits, padding
//! is zero, labels are what the loss takes them to be.

use super::builder::{Builder, Pointwise, TableKind, axes, count_parts, real_positions};
use super::training::data_block;
use crate::manifest::{Loss, Network};
use crate::relation::{Allocator, DimMap, Domain, Group, Linear, Relation, TensorId};

/// The tensors of a registration proof.
#[derive(Clone, Debug)]
pub struct DatasetIds {
    /// `(windows, T, B, inputs)`
    pub inputs: TensorId,
    /// `(windows, T, B, outputs)`
    pub labels: TensorId,
}

/// The relation for so many consecutive windows.
pub fn compile_dataset(network: &Network, windows: usize) -> (Relation, DatasetIds) {
    let mut allocator = Allocator::new(network.row_log);
    let data = allocator.place_blocks(windows, Group::Data, &data_block(network));
    let kinds = [TableKind::Range(16)];
    let counts = allocator.place(Group::Trace, &count_parts(&kinds));
    let (inputs, labels) = match data.as_slice() {
        [inputs, labels] => (*inputs, *labels),
        _ => (TensorId(0), TensorId(0)), // a data block has two tensors
    };
    let mut builder = Builder::new(vec![(TableKind::Range(16), None)]);
    let (t, b) = (network.steps, network.batch);
    let domain = Domain::new(&[windows, t, b, network.input]);
    constrain_inputs(&mut builder, &domain, inputs, network.input);
    let domain = Domain::new(&[windows, t, b, network.output()]);
    constrain_labels(&mut builder, network, &domain, labels);
    let relation = builder.finish(allocator.finish(), &counts);
    (relation, DatasetIds { inputs, labels })
}

fn constrain_inputs(builder: &mut Builder, domain: &Domain, inputs: TensorId, size: usize) {
    let key = Linear::tensor(inputs, 4).plus_constant(1 << 15);
    builder.range16("inputs.range".into(), domain, key);
    zero_padding(builder, "inputs.padding", domain, inputs, size);
}

fn constrain_labels(builder: &mut Builder, network: &Network, domain: &Domain, labels: TensorId) {
    if network.loss == Loss::Mse && !network.one_hot {
        let key = Linear::tensor(labels, 4).plus_constant(1 << 15);
        builder.range16("labels.range".into(), domain, key);
        zero_padding(builder, "labels.padding", domain, labels, network.output());
        return;
    }
    let mut pointwise = Pointwise::new(domain.clone());
    let y = pointwise.tensor(labels, 4);
    pointwise.require("labels.bit".into(), &[(1, &[y, y]), (-1, &[y])]);
    builder.pointwise(pointwise);
    zero_padding(builder, "labels.padding", domain, labels, network.output());
    if network.one_hot {
        let windows = domain.axes.first().map_or(0, |a| a.size);
        let rows = Domain::new(&[windows, network.steps, network.batch]);
        let mut map = axes(3);
        map.push(DimMap::Sum);
        // Rows of padded windows are absent, so their labels sum to zero there.
        let one = crate::compile::builder::real_positions(0, windows);
        let form = Linear::zero().plus(1, labels, &map).plus_constant_masked(-1, &one);
        builder.linear("labels.one_hot".into(), rows, form);
    }
}

/// `x·[real] = x` on a padded last axis.
fn zero_padding(builder: &mut Builder, label: &str, domain: &Domain, id: TensorId, size: usize) {
    let real = real_positions(3, size);
    if real.is_empty() {
        return;
    }
    let mut pointwise = Pointwise::new(domain.clone());
    let x = pointwise.tensor(id, 4);
    let mask = pointwise.form(Linear::zero().plus_constant_masked(1, &real));
    pointwise.require(label.into(), &[(1, &[x, mask]), (-1, &[x])]);
    builder.pointwise(pointwise);
}
