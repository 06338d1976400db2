//! What data have to be: every input has 16 bits, padding is zero, labels are what the loss takes
//! them to be. A registration shows it of all windows, a training proof of its own once more:
//! what it says holds even if nobody has checked the registration.

use super::builder::{PointwiseBuilder, RelationBuilder, TableKind, count_parts, real_positions};
use super::draft::Draft;
use super::error::CompileError;
use super::training::data_block;
use crate::manifest::Network;
use crate::relation::{Allocator, DimMap, Domain, Group, Linear, Relation, TensorId};
use crate::size::{Bounded, ChunkError};

/// The tensors of so many windows of data.
#[derive(Clone, Copy, Debug)]
pub struct DatasetIds {
    /// `(windows, inputs, T, B)`
    pub inputs: TensorId,
    /// `(windows, outputs, T, B)`
    pub labels: TensorId,
}

/// A tensor's `(windows, n, T, B)` in a domain `(n, windows, T, B)`.
const MAP: [DimMap; 4] = [DimMap::Axis(1), DimMap::Axis(0), DimMap::Axis(2), DimMap::Axis(3)];

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
    let (t, b) = (network.steps, network.batch);
    let domain = Domain::new(&[network.input, windows, t, b]);
    constrain_inputs(builder, &domain, ids.inputs, network.input)?;
    let domain = Domain::new(&[network.output(), windows, t, b]);
    constrain_labels(builder, network, &domain, ids.labels)
}

fn constrain_inputs(
    builder: &mut RelationBuilder,
    domain: &Domain,
    inputs: TensorId,
    size: usize,
) -> Result<(), CompileError> {
    let key = Linear::zero().plus(1, inputs, &MAP).plus_constant(1 << 15);
    builder.range16("inputs.range".into(), domain, key)?;
    zero_padding(builder, "inputs.padding", domain, inputs, size);
    Ok(())
}

fn constrain_labels(
    builder: &mut RelationBuilder,
    network: &Network,
    domain: &Domain,
    labels: TensorId,
) -> Result<(), CompileError> {
    if network.has_targets() {
        let key = Linear::zero().plus(1, labels, &MAP).plus_constant(1 << 15);
        builder.range16("labels.range".into(), domain, key)?;
        zero_padding(builder, "labels.padding", domain, labels, network.output());
        return Ok(());
    }
    let mut pointwise = PointwiseBuilder::new(domain.clone());
    let y = pointwise.mapped(labels, &MAP);
    pointwise.require("labels.bit".into(), &[(1, &[y, y]), (-1, &[y])]);
    builder.pointwise(pointwise);
    zero_padding(builder, "labels.padding", domain, labels, network.output());
    if network.one_hot {
        let rows = Domain { axes: domain.axes.iter().skip(1).copied().collect() };
        let map = [DimMap::Axis(0), DimMap::Sum, DimMap::Axis(1), DimMap::Axis(2)];
        let form = Linear::zero().plus(1, labels, &map).plus_constant(-1);
        builder.linear("labels.one_hot".into(), rows, form);
    }
    Ok(())
}

/// `x·[real] = x` on a padded first axis.
fn zero_padding(
    builder: &mut RelationBuilder,
    label: &str,
    domain: &Domain,
    id: TensorId,
    size: usize,
) {
    let real = real_positions(0, size);
    if real.is_empty() {
        return;
    }
    let mut pointwise = PointwiseBuilder::new(domain.clone());
    let x = pointwise.mapped(id, &MAP);
    let mask = pointwise.form(Linear::zero().plus_constant_masked(1, &real));
    pointwise.require(label.into(), &[(1, &[x, mask]), (-1, &[x])]);
    builder.pointwise(pointwise);
}
