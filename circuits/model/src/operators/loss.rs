//! What losses have in common.

use super::site::{LOSS, Site, missing};
use crate::compile::{CompileError, RoundedIds};
use crate::manifest::{Layer, Network};
use crate::relation::{DimMap, Linear, TensorId};

/// The last layer, and what it puts out: a loss takes that.
pub(super) fn loss_layer<'a>(site: &Site<'a>) -> Result<(&'a Layer, &'a RoundedIds), CompileError> {
    let last = site.input().and_then(|input| Ok((input.layer()?.0, input.z()?)));
    last.map_err(|_| missing(LOSS, "the last layer"))
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
