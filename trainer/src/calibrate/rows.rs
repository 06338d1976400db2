//! How long a committed row is.

use zktrain_model::manifest::{LayerKind, Manifest, OptimizerKind, Shape};

/// Length of a committed row, `2^c`, with `c` from 12 to 16: so long that a sheet has about 32
/// rows at most. A row costs 64 bytes of every proof and 7,450 gas of every check on chain; a
/// longer row costs time, half of a small proof's.
///
/// Entries are estimated as one of the model, six of the trace and one of the excess for each
/// parameter and step, 16 for each output and sample, and the lookup tables.
pub(super) fn row_log(manifest: &Manifest, shapes: &[Shape]) -> u32 {
    const TABLES: usize = 7 << 15;
    let training = &manifest.training;
    let outputs: usize = shapes.iter().map(|s| s.output.count()).sum();
    let parameters: usize = shapes.iter().map(|s| s.n_in * s.n_out).sum();
    let norms = shapes.iter().filter(|s| s.kind == LayerKind::BatchNorm);
    let channels: usize = norms.map(|s| s.n_out).sum();
    let by_row = |s: &&Shape| matches!(s.kind, LayerKind::LayerNorm | LayerKind::RmsNorm);
    let positions: usize = shapes.iter().filter(by_row).map(|s| s.output.positions()).sum();
    let samples = manifest.padded_batch() * (16 * outputs + 32 * positions);
    let each = if manifest.optimizer.kind == OptimizerKind::Adam { 16 } else { 8 };
    let step = each * parameters + 48 * channels + samples;
    let entries = training.steps_per_proof * step + TABLES;
    let rows = (entries / 32).next_power_of_two().trailing_zeros().clamp(12, 16);
    rows.max(image_log(shapes))
}

/// Bits of the largest image that windows are read from: it lies in one row.
fn image_log(shapes: &[Shape]) -> u32 {
    let windowed = shapes.iter().filter(|shape| shape.kernel.is_some());
    let images = windowed.flat_map(|shape| [shape.input, shape.output]);
    let log = |side: &usize| side.next_power_of_two().trailing_zeros();
    images.map(|image| image.sides().iter().map(log).sum()).max().unwrap_or(0).min(20)
}
