//! Lays a trace out in a sheet.

use zktrain_commit::sheet::Sheet;
use zktrain_model::compile::tables::TableKind;
use zktrain_model::compile::{
    DatasetIds, LayerIds, LossIds, ParameterIds, RoundedIds, TrainingIds,
};
use zktrain_model::manifest::{Features, Layer, Network};
use zktrain_model::relation::{Relation, TensorId};
use zktrain_model::trace::{LayerTrace, LossTrace, Rounded, Trace};

/// Why a trace cannot be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// A rounding's remainder is in more tensors than there is a rule for.
    #[error("the remainder of a rounding has {got} tensors; it is laid out in two at most")]
    Remainder {
        /// Tensors that the relation has for it.
        got: usize,
    },
    /// The trace is of another loss than the network's.
    #[error("the trace is of another loss than the network's; train the window with this network")]
    Loss,
}

/// The sheet of a training proof, but for the multiplicities.
///
/// # Errors
/// If there is no rule for laying out one of the relation's roundings, or the trace is of another
/// loss.
///
/// # Panics
/// If the trace is not one of this network: its producer is in this process.
pub fn training_sheet(
    relation: &Relation,
    ids: &TrainingIds,
    network: &Network,
    trace: &Trace,
) -> Result<Sheet, WitnessError> {
    let mut sheet = Sheet::new(relation.layout.clone());
    let samples = network.window();
    sheet.fill(ids.inputs, &channel_major(&trace.inputs, samples, &network.features));
    let labels = Features::flat(network.output());
    sheet.fill(ids.labels, &channel_major(&trace.labels, samples, &labels));
    fill_tables(&mut sheet, &ids.tables);
    for (index, layer) in network.layers.iter().enumerate() {
        let (own, values) = (&ids.layers[index], &trace.layers[index]);
        fill_activations(&mut sheet, network, layer, own, values)?;
        fill_parameters(&mut sheet, network, layer, own, values, trace, index)?;
    }
    fill_loss(&mut sheet, network, &ids.loss, &trace.loss)?;
    Ok(sheet)
}

/// The sheet of a registration proof over consecutive windows: inputs and
/// labels are window after window, `(T, B, n)` each.
pub fn dataset_sheet(
    relation: &Relation,
    ids: &DatasetIds,
    network: &Network,
    inputs: &[i32],
    labels: &[i32],
) -> Sheet {
    let mut sheet = Sheet::new(relation.layout.clone());
    let (samples, outputs) = (network.window(), Features::flat(network.output()));
    for (id, values, features) in
        [(ids.inputs, inputs, network.features), (ids.labels, labels, outputs)]
    {
        let windows = values.chunks(samples * features.count());
        let all: Vec<i32> = windows.flat_map(|w| channel_major(w, samples, &features)).collect();
        sheet.fill(id, &all);
    }
    sheet
}

/// The function tables' rows.
pub fn fill_tables(sheet: &mut Sheet, tables: &[(TableKind, TensorId)]) {
    for (kind, id) in tables {
        if let Some(values) = kind.values() {
            sheet.fill(*id, &values);
        }
    }
}

/// `(samples, position…, channels)` to `(channels, samples, position…)`
fn channel_major(values: &[i32], samples: usize, features: &Features) -> Vec<i32> {
    let (rows, n) = (samples * features.positions(), features.channels);
    let mut out = vec![0; values.len()];
    for (s, row) in values.chunks(n).enumerate() {
        for (j, value) in row.iter().enumerate() {
            out[j * rows + s] = *value;
        }
    }
    out
}

/// The index in a tensor with padding of an index in one without it, of these sizes, the outermost first.
fn padded(mut index: usize, sizes: impl DoubleEndedIterator<Item = usize>) -> usize {
    let (mut flat, mut shift) = (0, 0);
    for size in sizes.rev() {
        flat += (index % size) << shift;
        index /= size;
        shift += size.next_power_of_two().trailing_zeros();
    }
    flat
}

/// `(T, outer, inner)` to `(outer, T, inner)`
fn steps_inside(values: &[i32], steps: usize, outer: usize, inner: usize) -> Vec<i32> {
    if steps == 1 {
        return values.to_vec();
    }
    let mut out = vec![0; values.len()];
    for (position, run) in values.chunks(inner).enumerate() {
        let (t, i) = (position / outer, position % outer);
        out[(i * steps + t) * inner..][..inner].copy_from_slice(run);
    }
    out
}

/// How a rounding's flat trace order becomes that of its tensors.
struct Order<'a> {
    reorder: &'a dyn Fn(&[i32]) -> Vec<i32>,
    /// Padded flat index of a trace index.
    place: &'a dyn Fn(usize) -> usize,
}

fn fill_rounded(
    sheet: &mut Sheet,
    ids: &RoundedIds,
    values: &Rounded,
    order: &Order<'_>,
) -> Result<(), WitnessError> {
    sheet.fill(ids.q, &(order.reorder)(&values.q));
    fill_remainder(sheet, ids, values, order)
}

/// Everything of a rounding but its quotient.
fn fill_remainder(
    sheet: &mut Sheet,
    ids: &RoundedIds,
    values: &Rounded,
    order: &Order<'_>,
) -> Result<(), WitnessError> {
    let s = ids.spec.shift;
    match ids.r.as_slice() {
        [low, high] => {
            let half = 1i64 << (s - 1);
            let shifted = |r: &i32| i64::from(*r) + half;
            let lows: Vec<i32> =
                values.r.iter().map(|r| (shifted(r) & ((1 << (s - 16)) - 1)) as i32).collect();
            let highs: Vec<i32> =
                values.r.iter().map(|r| (shifted(r) >> (s - 16)) as i32 - (1 << 15)).collect();
            sheet.fill(*low, &(order.reorder)(&lows));
            sheet.fill(*high, &(order.reorder)(&highs));
        }
        [r] => sheet.fill(*r, &(order.reorder)(&values.r)),
        // Nothing is rounded off.
        [] => {}
        more => return Err(WitnessError::Remainder { got: more.len() }),
    }
    for (index, excess) in &values.excess {
        let flat = (order.place)(*index as usize);
        let limbs = if *excess > 0 { &ids.high } else { &ids.low };
        for (k, limb) in limbs.iter().enumerate() {
            let value = (excess.unsigned_abs() >> (16 * k)) & 0xffff;
            sheet.set(*limb, flat, value as i32);
        }
    }
    Ok(())
}

fn fill_activations(
    sheet: &mut Sheet,
    network: &Network,
    layer: &Layer,
    ids: &LayerIds,
    values: &LayerTrace,
) -> Result<(), WitnessError> {
    let (samples, n) = (network.window(), layer.output.channels);
    let rows = samples * layer.output.positions();
    let sizes = network.tensor(&layer.output);
    let reorder = |values: &[i32]| channel_major(values, samples, &layer.output);
    let place = |index: usize| padded((index % n) * rows + index / n, sizes.iter().copied());
    let order = Order { reorder: &reorder, place: &place };
    fill_rounded(sheet, &ids.z, &values.z, &order)?;
    if let Some(a) = ids.a {
        sheet.fill(a, &reorder(&values.a));
    }
    if let Some(negative) = ids.negative {
        let bits: Vec<i32> = values.z.q.iter().map(|z| i32::from(*z < 0)).collect();
        sheet.fill(negative, &reorder(&bits));
    }
    if let Some(d) = ids.d_relu {
        sheet.fill(d, &reorder(&values.d_relu));
    }
    for (ids, values) in [(&ids.g, &values.g), (&ids.d, &values.d)] {
        if let (Some(ids), Some(values)) = (ids, values) {
            fill_rounded(sheet, ids, values, &order)?;
        }
    }
    Ok(())
}

fn fill_parameters(
    sheet: &mut Sheet,
    network: &Network,
    layer: &Layer,
    ids: &LayerIds,
    values: &LayerTrace,
    trace: &Trace,
    index: usize,
) -> Result<(), WitnessError> {
    let before = &trace.before.layers[index];
    let state = trace.state.as_ref().map(|s| &s.layers[index]);
    let w = Parameter {
        ids: &ids.w,
        before: &before.w,
        state: state.map(|s| s.w.as_slice()),
        update: &values.update_w,
        clip: values.clip_w.as_ref(),
    };
    w.fill(sheet, network.steps, &layer.rows(), &[layer.n_out])?;
    if let (Some(ids), Some(before), Some(update)) = (&ids.b, &before.b, &values.update_b) {
        let state = state.and_then(|s| s.b.as_deref());
        let b = Parameter { ids, before, state, update, clip: values.clip_b.as_ref() };
        b.fill(sheet, network.steps, &[layer.n_out], &[])?;
    }
    Ok(())
}

/// Weights `(row…, column)` or biases `(row)`.
struct Parameter<'a> {
    ids: &'a ParameterIds,
    before: &'a [i32],
    state: Option<&'a [i32]>,
    update: &'a Rounded,
    clip: Option<&'a Rounded>,
}

impl Parameter<'_> {
    fn fill(
        &self,
        sheet: &mut Sheet,
        steps: usize,
        rows: &[usize],
        columns: &[usize],
    ) -> Result<(), WitnessError> {
        let [outer, inner] = [rows, columns].map(|sizes| sizes.iter().product::<usize>());
        let reorder = |values: &[i32]| steps_inside(values, steps, outer, inner);
        let place = |index: usize| {
            let (rest, j) = (index / inner, index % inner);
            let (t, i) = (rest / outer, rest % outer);
            let sizes = rows.iter().chain([&steps]).chain(columns).copied();
            padded((i * steps + t) * inner + j, sizes)
        };
        let order = Order { reorder: &reorder, place: &place };
        sheet.fill(self.ids.before, self.before);
        if let (Some(id), Some(state)) = (self.ids.state, self.state) {
            sheet.fill(id, state);
        }
        sheet.fill(self.ids.update.q, &self.update.q);
        fill_remainder(sheet, &self.ids.update, self.update, &order)?;
        if let (Some(ids), Some(clip)) = (&self.ids.clip, self.clip) {
            fill_rounded(sheet, ids, clip, &order)?;
        }
        Ok(())
    }
}

fn fill_loss(
    sheet: &mut Sheet,
    network: &Network,
    ids: &LossIds,
    values: &LossTrace,
) -> Result<(), WitnessError> {
    let (samples, n) = (network.window(), network.output());
    let outputs = Features::flat(n);
    match (ids, values) {
        (
            LossIds::Softmax { max, at_max, e, sum, p, r },
            LossTrace::Softmax { max: m, argmax, e: terms, sum: s, p: probabilities, r: residues },
        ) => {
            sheet.fill(*max, m);
            sheet.fill(*sum, s);
            let mut bits = vec![0; samples * n];
            for (sample, class) in argmax.iter().enumerate() {
                bits[*class as usize * samples + sample] = 1;
            }
            sheet.fill(*at_max, &bits);
            for (id, values) in [(e, terms), (p, probabilities), (r, residues)] {
                sheet.fill(*id, &channel_major(values, samples, &outputs));
            }
        }
        (LossIds::Logistic { p }, LossTrace::Logistic { p: values }) => {
            sheet.fill(*p, &channel_major(values, samples, &outputs));
        }
        // Nothing is committed to.
        (LossIds::Mse, LossTrace::Mse) => {}
        (LossIds::Softmax { .. } | LossIds::Logistic { .. } | LossIds::Mse, _) => {
            return Err(WitnessError::Loss);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use zktrain_model::compile::compile_training;
    use zktrain_model::manifest::Manifest;
    use zktrain_model::size::Limits;

    use super::*;

    fn compiled() -> (Network, Relation, TrainingIds) {
        let text = include_str!("../../../circuits/model/tests/manifest.toml");
        let network = Manifest::from_toml(text).unwrap().network().unwrap();
        let bounded = Limits::default().admit(network.clone()).unwrap();
        let (relation, ids) = compile_training(&bounded).unwrap();
        (network, relation, ids)
    }

    #[test]
    fn a_trace_of_another_loss_is_not_laid_out() {
        let (network, relation, ids) = compiled();
        let mut sheet = Sheet::new(relation.layout.clone());
        assert!(matches!(ids.loss, LossIds::Softmax { .. }));
        for trace in [LossTrace::Mse, LossTrace::Logistic { p: Vec::new() }] {
            let result = fill_loss(&mut sheet, &network, &ids.loss, &trace);
            assert_eq!(result, Err(WitnessError::Loss));
        }
        assert_eq!(fill_loss(&mut sheet, &network, &LossIds::Mse, &LossTrace::Mse), Ok(()));
    }

    #[test]
    fn a_remainder_of_three_tensors_is_not_laid_out() {
        let (_, relation, ids) = compiled();
        let mut sheet = Sheet::new(relation.layout.clone());
        let mut rounded = ids.layers[0].z.clone();
        rounded.r = vec![rounded.q; 3];
        let order = Order { reorder: &<[i32]>::to_vec, place: &|index| index };
        let result = fill_remainder(&mut sheet, &rounded, &Rounded::default(), &order);
        assert_eq!(result, Err(WitnessError::Remainder { got: 3 }));
    }
}
