//! What losses have in common.

use super::site::{Site, missing};
use crate::compile::{CompileError, LayerIds};
use crate::manifest::{Layer, Network};
use crate::relation::{DimMap, Linear, TensorId};

/// The last layer, whose outputs a loss takes.
pub(super) fn loss_layer<'a>(site: &Site<'a>) -> Result<(&'a Layer, &'a LayerIds), CompileError> {
    let last = site.input().and_then(|input| input.layer());
    last.map_err(|_| missing("loss", "the last layer"))
}

/// That the tensors are those of another loss.
pub(super) fn other_loss() -> CompileError {
    super::site::differs("loss", "its kind")
}

/// `value − scale·y`, the `(n, t, b)` of both mapped.
pub(super) fn outputs_gradient(site: &Site<'_>, value: TensorId, map: &[DimMap]) -> Linear {
    let scale = -i128::from(site.network.label_scale());
    let labels: Vec<_> = core::iter::once(DimMap::Sum).chain(map.iter().copied()).collect();
    Linear::zero().plus(1, value, map).plus(scale, site.ids.labels, &labels)
}

/// The same, computed.
pub(super) fn less_labels(network: &Network, values: &[i32], y: &[i32]) -> Vec<i32> {
    let scale = network.label_scale() as i32;
    values.iter().zip(y).map(|(value, y)| value - scale * y).collect()
}

/// A table's values at signed 16-bit arguments; none if it is no such table.
pub(super) fn looked_up(table: &[i32], z: &[i32]) -> Option<Vec<i32>> {
    let mut values = Vec::with_capacity(z.len());
    for z in z {
        values.push(*table.get((z + (1 << 15)) as usize)?);
    }
    Some(values)
}
