//! What data have to be: every input has 16 bits, padding is zero, labels are what the loss takes
//! them to be. A registration shows it of all windows, a training proof of its own once more:
//! what it says holds even if nobody has checked the registration.

use super::builder::{PointwiseBuilder, RelationBuilder, TableKind, all_real, count_parts};
use super::draft::Draft;
use super::error::CompileError;
use super::training::data_block;
use crate::manifest::{Features, Network, PROBABILITY_FRAC};
use crate::relation::{Allocator, DimMap, Domain, Group, Linear, Relation, TensorId};
use crate::size::{Bounded, ChunkError};

/// The tensors of so many windows of data.
#[derive(Clone, Copy, Debug)]
pub struct DatasetIds {
    /// `(windows, channels, T, B)`, and `(…, height, width)` of images
    pub inputs: TensorId,
    /// `(windows, outputs, T, B)`, and `(…, height, width)` where each position has a label
    pub labels: TensorId,
}

/// A tensor's `(windows, n, T, B, position…)` in a domain `(n, windows, T, B, position…)`.
fn map(domain: &Domain) -> Vec<DimMap> {
    [1, 0].into_iter().chain(2..domain.axes.len()).map(DimMap::Axis).collect()
}

/// The relation for so many consecutive windows.
///
/// # Errors
/// If no registration of this network has chunks of this size, they are beyond the limits that the
/// network was held against, or a constraint cannot be written.
pub fn compile_dataset(
    network: &Bounded,
    windows: usize,
) -> Result<(Relation, DatasetIds), ChunkError> {
    network.chunk(windows)?;
    let (draft, ids) = draft_dataset(network, windows)?;
    Ok((draft.finish()?, ids))
}

/// Rows that one window takes.
pub(crate) fn window_rows(network: &Network) -> u64 {
    let mut allocator = Allocator::new(network.row_log);
    allocator.place_blocks(1, Group::Data, &data_block(network), None);
    allocator.row_count()
}

/// Everything but the list of rows.
pub(crate) fn draft_dataset(
    network: &Network,
    windows: usize,
) -> Result<(Draft, DatasetIds), CompileError> {
    let mut allocator = Allocator::new(network.row_log);
    let data = allocator.place_blocks(windows, Group::Data, &data_block(network), None);
    let kinds = [TableKind::Range(16)];
    let counts = allocator.place(Group::Trace, &count_parts(&kinds));
    let ids = DatasetIds::of(&data)?;
    let mut builder = RelationBuilder::new(vec![(TableKind::Range(16), None)]);
    constrain_data(&mut builder, network, windows, &ids)?;
    Ok((Draft { builder, allocator, counts }, ids))
}

impl DatasetIds {
    /// The tensors of [`data_block`].
    pub(super) fn of(placed: &[TensorId]) -> Result<Self, CompileError> {
        match placed {
            [inputs, labels] => Ok(Self { inputs: *inputs, labels: *labels }),
            _ => Err(CompileError::Tensors { part: "the data", expected: 2, got: placed.len() }),
        }
    }
}

/// That so many windows are well formed.
pub(super) fn constrain_data(
    builder: &mut RelationBuilder,
    network: &Network,
    windows: usize,
    ids: &DatasetIds,
) -> Result<(), CompileError> {
    let domain = |features: &Features| {
        let mut sizes = network.tensor(features);
        sizes.insert(1, windows);
        Domain::new(&sizes)
    };
    constrain_inputs(builder, &domain(&network.features), ids.inputs)?;
    constrain_labels(builder, network, &domain(&network.labels()), ids.labels)
}

fn constrain_inputs(
    builder: &mut RelationBuilder,
    domain: &Domain,
    inputs: TensorId,
) -> Result<(), CompileError> {
    let key = Linear::zero().plus(1, inputs, &map(domain)).plus_constant(1 << 15);
    builder.range16("inputs.range".into(), domain, key)?;
    zero_padding(builder, "inputs.padding", domain, inputs);
    Ok(())
}

fn constrain_labels(
    builder: &mut RelationBuilder,
    network: &Network,
    domain: &Domain,
    labels: TensorId,
) -> Result<(), CompileError> {
    if network.has_targets() {
        let key = Linear::zero().plus(1, labels, &map(domain)).plus_constant(1 << 15);
        builder.range16("labels.range".into(), domain, key)?;
        zero_padding(builder, "labels.padding", domain, labels);
        return Ok(());
    }
    if network.weighted {
        constrain_weights(builder, domain, labels)?;
        zero_padding(builder, "labels.padding", domain, labels);
        return Ok(());
    }
    let mut pointwise = PointwiseBuilder::new(domain.clone());
    let y = pointwise.mapped(labels, &map(domain));
    pointwise.require("labels.bit".into(), &[(1, &[y, y]), (-1, &[y])]);
    builder.pointwise(pointwise);
    zero_padding(builder, "labels.padding", domain, labels);
    if network.one_hot {
        let rows = Domain { axes: domain.axes.iter().skip(1).copied().collect() };
        let over_row = [DimMap::Axis(0), DimMap::Sum, DimMap::Axis(1), DimMap::Axis(2)];
        let form = Linear::zero().plus(1, labels, &over_row).plus_constant(-1);
        builder.linear("labels.one_hot".into(), rows, form);
    }
    Ok(())
}

/// One class of each label has its weight, all others zero: an entry is zero or the sum of all, and that is a number
/// from 0 to `2^14`.
fn constrain_weights(
    builder: &mut RelationBuilder,
    domain: &Domain,
    labels: TensorId,
) -> Result<(), CompileError> {
    let whole = 1 << PROBABILITY_FRAC;
    // A label's classes summed, for the other axes of the entries' domain from this one on.
    let weight = |first: usize| -> Vec<DimMap> {
        let others = (first + 1..domain.axes.len() + first - 1).map(DimMap::Axis);
        [DimMap::Axis(first), DimMap::Sum].into_iter().chain(others).collect()
    };
    let mut pointwise = PointwiseBuilder::new(domain.clone());
    let y = pointwise.mapped(labels, &map(domain));
    let w = pointwise.mapped(labels, &weight(1));
    pointwise.require("labels.one_weight".into(), &[(1, &[y, y]), (-1, &[y, w])]);
    builder.pointwise(pointwise);
    let rows = Domain { axes: domain.axes.iter().skip(1).copied().collect() };
    let sum = |coef: i128| Linear::zero().plus(coef, labels, &weight(0));
    builder.range16("labels.weight.range".into(), &rows, sum(1))?;
    builder.range16("labels.weight.range_above".into(), &rows, sum(-1).plus_constant(whole))
}

/// `x·[real] = x` where a domain is padded: `T` and `B` never are, and windows are as many as there are.
fn zero_padding(builder: &mut RelationBuilder, label: &str, domain: &Domain, id: TensorId) {
    let real = all_real(domain);
    if real.is_empty() {
        return;
    }
    let mut pointwise = PointwiseBuilder::new(domain.clone());
    let x = pointwise.mapped(id, &map(domain));
    let mask = pointwise.form(Linear::zero().plus_constant_masked(1, &real));
    pointwise.require(label.into(), &[(1, &[x, mask]), (-1, &[x])]);
    builder.pointwise(pointwise);
}
