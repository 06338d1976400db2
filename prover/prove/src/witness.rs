//! Lays a trace out in a sheet.

use zktrain_commit::sheet::Sheet;
use zktrain_model::compile::tables::TableKind;
use zktrain_model::compile::{
    DatasetIds, LayerIds, ParameterIds, RoundedIds, Slot, SlotIds, Slots, TrainingIds, WideIds,
};
use zktrain_model::manifest::{Layer, Network};
use zktrain_model::operators::ClockIds;
use zktrain_model::relation::{Relation, TensorId};
use zktrain_model::trace::{
    LayerParameters, LayerTrace, ParameterTrace, Record, Recorded, Rounded, Trace,
};

/// Why a trace cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// A rounding's remainder is in more tensors than there is a rule for.
    #[error("the remainder of a rounding has {got} tensors; it is laid out in two at most")]
    Remainder {
        /// Tensors that the relation has for it.
        got: usize,
    },
    /// The trace lacks a tensor that the relation has, or has it of another kind or length.
    #[error(
        "the trace has no such {part} of {whose} as this network's; train the window with this \
         network"
    )]
    Trace {
        /// A layer, or the loss.
        whose: String,
        /// Which of its tensors.
        part: &'static str,
    },
}

/// The sheet of a training proof, but for the multiplicities.
///
/// # Errors
/// If there is no rule for laying out one of the relation's roundings, or the trace is of another
/// network.
pub fn training_sheet(
    relation: &Relation,
    ids: &TrainingIds,
    network: &Network,
    trace: &Trace,
) -> Result<Sheet, WitnessError> {
    let mut sheet = Sheet::new(relation.layout.clone());
    let samples = Samples { steps: network.steps, batch: network.batch };
    sheet.fill(ids.inputs, &channel_major(&trace.inputs, network.features.channels));
    sheet.fill(ids.labels, &channel_major(&trace.labels, network.labels().channels));
    fill_tables(&mut sheet, &ids.tables);
    for (index, (layer, own)) in network.layers.iter().zip(&ids.layers).enumerate() {
        let missing = |part| WitnessError::Trace { whose: format!("layer {index}"), part };
        let values = trace.layers.get(index).ok_or_else(|| missing("trace"))?;
        let before = trace.before.layers.get(index).ok_or_else(|| missing("parameters"))?;
        let blocks = trace.state.iter().flat_map(|state| &state.blocks);
        let state: Vec<_> = blocks.filter_map(|block| block.layers.get(index)).collect();
        fill_slots(&mut sheet, samples, &own.tensors, &values.tensors)
            .map_err(|fault| fault.of(format!("layer {index}")))?;
        fill_parameters(&mut sheet, network, layer, own, (values, before, &state))
            .map_err(|fault| fault.of(format!("layer {index}")))?;
    }
    let loss = fill_slots(&mut sheet, samples, &ids.loss, &trace.loss);
    loss.map_err(|fault| fault.of("the loss".into()))?;
    let clock = ids.clock.as_ref().map_or(Ok(()), |clock| fill_clock(&mut sheet, clock, trace));
    clock.map_err(|fault| fault.of("the optimizer".into()))?;
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
    let samples = network.window();
    for (id, values, features) in
        [(ids.inputs, inputs, network.features), (ids.labels, labels, network.labels())]
    {
        let windows = values.chunks(samples * features.count());
        let all: Vec<i32> = windows.flat_map(|w| channel_major(w, features.channels)).collect();
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
fn channel_major(values: &[i32], channels: usize) -> Vec<i32> {
    let rows = values.len() / channels;
    let mut out = vec![0; values.len()];
    for (s, row) in values.chunks(channels).enumerate() {
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
) -> Result<(), Fault> {
    sheet.fill(ids.q, &(order.reorder)(&values.q));
    fill_remainder(sheet, ids, values, order)
}

/// Everything of a rounding but its quotient.
fn fill_remainder(
    sheet: &mut Sheet,
    ids: &RoundedIds,
    values: &Rounded,
    order: &Order<'_>,
) -> Result<(), Fault> {
    let (s, len) = (ids.spec.shift, values.q.len());
    let within = |(index, _): &(u32, i64)| (*index as usize) < len;
    if values.r.len() != len || !values.excess.iter().all(within) {
        return Err(Fault::Trace("remainder"));
    }
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
        more => return Err(Fault::Remainder(more.len())),
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

/// What is wrong with a tensor of a trace that is somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Remainder(usize),
    Trace(&'static str),
}

impl Fault {
    fn of(self, whose: String) -> WitnessError {
        match self {
            Self::Remainder(got) => WitnessError::Remainder { got },
            Self::Trace(part) => WitnessError::Trace { whose, part },
        }
    }
}

/// All tensors of a layer's operators, or of a loss.
fn fill_slots(
    sheet: &mut Sheet,
    samples: Samples,
    slots: &Slots,
    record: &Record,
) -> Result<(), Fault> {
    for (name, slot) in slots.iter() {
        fill_slot(sheet, samples, slot, record.get(name)).map_err(|fault| match fault {
            Fault::Trace(_) => Fault::Trace(name),
            other @ Fault::Remainder(_) => other,
        })?;
    }
    Ok(())
}

/// Digits `(T, channels)`, each in a tensor `(channels, T)`; or one of each position, as the tensor is.
fn fill_wide(
    sheet: &mut Sheet,
    ids: &WideIds,
    digits: &[Vec<i32>],
    channels: usize,
) -> Result<(), Fault> {
    if digits.len() != ids.digits.len() {
        return Err(Fault::Trace("digits"));
    }
    for (id, digits) in ids.digits.iter().zip(digits) {
        if digits.len() != sheet.layout().tensor(*id).cells() {
            return Err(Fault::Trace("digits"));
        }
        sheet.fill(*id, &channel_major(digits, channels));
    }
    Ok(())
}

/// Samples of a window.
#[derive(Clone, Copy, Debug)]
struct Samples {
    steps: usize,
    batch: usize,
}

fn fill_slot(
    sheet: &mut Sheet,
    Samples { steps, batch }: Samples,
    slot: &Slot,
    recorded: Option<&Recorded>,
) -> Result<(), Fault> {
    let samples = steps * batch;
    let (n, rows) = (slot.channels, samples * slot.sides.iter().product::<usize>());
    let reorder = |values: &[i32]| channel_major(values, n);
    match (&slot.ids, recorded) {
        (SlotIds::Plain(id), Some(Recorded::Plain(values))) if values.len() == n * rows => {
            sheet.fill(*id, &reorder(values));
            Ok(())
        }
        (SlotIds::Rounded(ids), Some(Recorded::Rounded(values))) if values.q.len() == n * rows => {
            let sizes: Vec<usize> = [n, samples].into_iter().chain(slot.sides.clone()).collect();
            let place =
                |index: usize| padded((index % n) * rows + index / n, sizes.iter().copied());
            fill_rounded(sheet, ids, values, &Order { reorder: &reorder, place: &place })
        }
        (SlotIds::Wide(ids), Some(Recorded::Wide(digits))) => fill_wide(sheet, ids, digits, n),
        _ => Err(Fault::Trace("tensor")),
    }
}

fn fill_parameters(
    sheet: &mut Sheet,
    network: &Network,
    layer: &Layer,
    ids: &LayerIds,
    (values, before, state): (&LayerTrace, &LayerParameters, &[&LayerParameters]),
) -> Result<(), Fault> {
    if let Some(ids) = &ids.w {
        let trace = values.w.as_ref().ok_or(Fault::Trace("weights"))?;
        let (before, state) = (&before.w[..], state.iter().map(|s| &s.w[..]).collect());
        // A batch norm has one a channel, which lie as biases do.
        let (rows, columns) = match layer.norm {
            Some(_) => (vec![layer.n_out], vec![]),
            None => (layer.rows(), vec![layer.n_out]),
        };
        let parameter = Parameter { ids, before, state, trace };
        parameter.fill(sheet, network.steps, &rows, &columns)?;
    }
    if let Some(ids) = &ids.b {
        let trace = values.b.as_ref().zip(before.b.as_deref());
        let (trace, before) = trace.ok_or(Fault::Trace("biases"))?;
        let state = state.iter().filter_map(|s| s.b.as_deref()).collect();
        Parameter { ids, before, state, trace }.fill(sheet, network.steps, &[layer.n_out], &[])?;
    }
    if let Some(ids) = &ids.s {
        let trace = values.s.as_ref().zip(before.s.as_deref());
        let (trace, before) = trace.ok_or(Fault::Trace("running statistics"))?;
        let state = state.iter().filter_map(|s| s.s.as_deref()).collect();
        let parameter = Parameter { ids, before, state, trace };
        parameter.fill(sheet, network.steps, &[2], &[layer.n_out])?;
    }
    Ok(())
}

/// Steps done before the window and after each of its steps, and their rates.
fn fill_clock(sheet: &mut Sheet, ids: &ClockIds, trace: &Trace) -> Result<(), Fault> {
    if trace.rates.len() != sheet.layout().tensor(ids.rate).cells() {
        return Err(Fault::Trace("rates"));
    }
    let before = trace.state.as_ref().map_or(0, |state| state.steps as i32);
    sheet.fill(ids.before, &[before]);
    let after: Vec<i32> = (1..).take(trace.rates.len()).map(|step| before + step).collect();
    sheet.fill(ids.after, &after);
    sheet.fill(ids.rate, &trace.rates);
    Ok(())
}

/// Weights `(row…, column)` or biases `(row)`.
struct Parameter<'a> {
    ids: &'a ParameterIds,
    before: &'a [i32],
    /// One list a block of the state.
    state: Vec<&'a [i32]>,
    trace: &'a ParameterTrace,
}

impl Parameter<'_> {
    fn fill(
        &self,
        sheet: &mut Sheet,
        steps: usize,
        rows: &[usize],
        columns: &[usize],
    ) -> Result<(), Fault> {
        let [outer, inner] = [rows, columns].map(|sizes| sizes.iter().product::<usize>());
        let ParameterTrace { clip, update, moments } = self.trace;
        let clipped = clip.as_ref().map_or(update.q.len(), |clip| clip.q.len());
        let all = [self.before.len() * steps, update.q.len(), clipped];
        if all.iter().any(|len| *len != outer * inner * steps) {
            return Err(Fault::Trace("parameters"));
        }
        let reorder = |values: &[i32]| steps_inside(values, steps, outer, inner);
        let place = |index: usize| {
            let (rest, j) = (index / inner, index % inner);
            let (t, i) = (rest / outer, rest % outer);
            let sizes = rows.iter().chain([&steps]).chain(columns).copied();
            padded((i * steps + t) * inner + j, sizes)
        };
        let order = Order { reorder: &reorder, place: &place };
        sheet.fill(self.ids.before, self.before);
        self.fill_state(sheet, outer * inner)?;
        let after = self.ids.moments.as_ref().map_or(&[][..], |ids| &ids.after);
        let whole = |values: &Vec<i32>| values.len() == outer * inner * steps;
        if after.len() != moments.len() || !moments.iter().all(whole) {
            return Err(Fault::Trace("moments"));
        }
        after.iter().zip(moments).for_each(|(id, values)| sheet.fill(*id, values));
        sheet.fill(self.ids.update.q, &update.q);
        fill_remainder(sheet, &self.ids.update, update, &order)?;
        match (&self.ids.clip, clip) {
            (Some(ids), Some(clip)) => fill_rounded(sheet, ids, clip, &order),
            (None, None) => Ok(()),
            _ => Err(Fault::Trace("clipped gradients")),
        }
    }

    /// What was carried on, in the order of the tensors; nothing at the start of a chain.
    fn fill_state(&self, sheet: &mut Sheet, len: usize) -> Result<(), Fault> {
        let moments = self.ids.moments.iter().flat_map(|ids| ids.before);
        let ids: Vec<TensorId> = self.ids.state.into_iter().chain(moments).collect();
        // What is tracked has no moments, whatever others have.
        let fits = ids.len() == self.state.len() && self.state.iter().all(|s| s.len() == len);
        match (self.state.as_slice(), fits) {
            ([], _) => Ok(()),
            (state, true) => {
                ids.iter().zip(state).for_each(|(id, values)| sheet.fill(*id, values));
                Ok(())
            }
            (_, false) => Err(Fault::Trace("optimizer's state")),
        }
    }
}

#[cfg(test)]
mod tests {
    use zktrain_model::compile::compile_training;
    use zktrain_model::manifest::Manifest;
    use zktrain_model::size::Limits;
    use zktrain_model::trace::Parameters;

    use super::*;

    fn compiled() -> (Network, Relation, TrainingIds) {
        let text = include_str!("../../../circuits/model/tests/manifest.toml");
        let network = Manifest::from_toml(text).unwrap().network().unwrap();
        let bounded = Limits::default().admit(network.clone()).unwrap();
        let (relation, ids) = compile_training(&bounded).unwrap();
        (network, relation, ids)
    }

    /// Moments, state and rates of Adam: all there, of the right length, or none of the witness is laid out.
    #[test]
    fn moments_that_are_not_the_networks_are_not_laid_out() {
        let text = include_str!("../../../circuits/model/tests/constraints/adam-plain.toml");
        let network = Manifest::from_toml(text).unwrap().network().unwrap();
        let bounded = Limits::default().admit(network.clone()).unwrap();
        let (relation, ids) = compile_training(&bounded).unwrap();
        let mut sheet = Sheet::new(relation.layout.clone());
        let (own, clock) = (ids.layers[0].w.as_ref().unwrap(), ids.clock.as_ref().unwrap());
        let zeros = vec![0; 12];
        let rounded = Rounded { q: zeros.clone(), r: zeros.clone(), excess: Vec::new() };
        let (clip, moments) = (Some(rounded.clone()), vec![zeros.clone(); 4]);
        let trace = ParameterTrace { clip, update: rounded, moments };
        let mut fill = |state: Vec<&[i32]>, trace: &ParameterTrace| {
            let before = &zeros[..];
            Parameter { ids: own, before, state, trace }.fill(&mut sheet, 1, &[4], &[3])
        };
        assert_eq!(fill(Vec::new(), &trace), Ok(()));
        assert_eq!(fill(vec![&zeros[..]; 4], &trace), Ok(()));
        for state in [vec![&zeros[..]; 1], vec![&zeros[..]; 5], vec![&zeros[1..]; 4]] {
            assert_eq!(fill(state, &trace), Err(Fault::Trace("optimizer's state")));
        }
        for moments in [Vec::new(), vec![zeros.clone(); 3], vec![zeros[1..].to_vec(); 4]] {
            let other = ParameterTrace { moments, ..trace.clone() };
            assert_eq!(fill(Vec::new(), &other), Err(Fault::Trace("moments")));
        }
        let at = |rates: Vec<i32>| Trace {
            inputs: Vec::new(),
            labels: Vec::new(),
            before: Parameters::default(),
            state: None,
            rates,
            layers: Vec::new(),
            loss: Record::default(),
            after: Parameters::default(),
        };
        assert_eq!(fill_clock(&mut sheet, clock, &at(vec![9])), Ok(()));
        for rates in [Vec::new(), vec![9, 9]] {
            let rates = fill_clock(&mut sheet, clock, &at(rates));
            assert_eq!(rates, Err(Fault::Trace("rates")));
        }
    }

    /// Whatever a trace lacks is named, and nothing of it is left at zero in silence.
    #[test]
    fn a_trace_of_another_network_is_not_laid_out() {
        let (network, relation, ids) = compiled();
        let (layers, loss) = (&ids.layers, &ids.loss);
        let samples = Samples { steps: network.steps, batch: network.batch };
        for slots in layers.iter().map(|layer| &layer.tensors).chain([loss]) {
            let mut sheet = Sheet::new(relation.layout.clone());
            let whole = record(slots, samples);
            assert_eq!(fill_slots(&mut sheet, samples, slots, &whole), Ok(()));
            for (name, _) in slots.iter() {
                let plain = Recorded::Plain(vec![0; network.window() * 9]);
                for other in [Recorded::Rounded(Rounded::default()), plain] {
                    let mut changed = whole.clone();
                    changed.insert(name, other);
                    let result = fill_slots(&mut sheet, samples, slots, &changed);
                    assert_eq!(result, Err(Fault::Trace(name)));
                }
                let result = fill_slots(&mut sheet, samples, slots, &Record::default());
                assert!(matches!(result, Err(Fault::Trace(_))), "{name}");
            }
        }
        let fault = Fault::Trace("z").of("layer 1".into()).to_string();
        assert!(fault.contains("z of layer 1"), "{fault}");
    }

    fn record(slots: &Slots, Samples { steps, batch }: Samples) -> Record {
        let mut record = Record::default();
        for (name, slot) in slots.iter() {
            let zeros =
                vec![0; steps * batch * slot.channels * slot.sides.iter().product::<usize>()];
            let recorded = match &slot.ids {
                SlotIds::Plain(_) => Recorded::Plain(zeros),
                SlotIds::Rounded(_) => {
                    Recorded::Rounded(Rounded { q: zeros.clone(), r: zeros, excess: vec![] })
                }
                SlotIds::Wide(ids) => {
                    Recorded::Wide(vec![vec![0; steps * slot.channels]; ids.digits.len()])
                }
            };
            record.insert(name, recorded);
        }
        record
    }

    #[test]
    fn a_remainder_of_three_tensors_is_not_laid_out() {
        let (_, relation, ids) = compiled();
        let mut sheet = Sheet::new(relation.layout.clone());
        let mut rounded = ids.layers[0].tensors.rounded("z").unwrap().clone();
        rounded.r = vec![rounded.q; 3];
        let order = Order { reorder: &<[i32]>::to_vec, place: &|index| index };
        let result = fill_remainder(&mut sheet, &rounded, &Rounded::default(), &order);
        assert_eq!(result, Err(Fault::Remainder(3)));
    }
}
