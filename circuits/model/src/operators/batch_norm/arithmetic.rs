//! The integers of a batch norm, computed.

use super::BatchNorm;
use super::bounds::{GAIN_FRAC, Norm, TRACKING};
use crate::operators::moments::{MEAN_FRAC, SENT_FRAC, narrow};
use crate::operators::optimizer::{LayerState, Rule};
use crate::operators::{Arithmetic, Pass, SavedTensors, TensorKernels, Untraced};
use crate::trace::{LayerParameters, LayerTrace, Record};

/// Beyond whatever is rounded: saturates, and 64 bits hold it.
const LIMIT: i128 = 1 << 61;

/// What is kept of a step's way forward and back, a number a channel.
#[derive(Debug, Default)]
pub struct Normed {
    input: Vec<i32>,
    mean: Vec<i64>,
    deviation: Vec<i64>,
    inverse: Vec<i64>,
    scale: Vec<i64>,
    /// Gradient of the scales.
    gain: Vec<i64>,
    /// Sum of the gradient.
    sum: Vec<i64>,
}

/// One step of one layer.
struct Turn<'a> {
    norm: &'a Norm,
    parameters: &'a LayerParameters,
    channels: usize,
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl<'a> Turn<'a> {
    fn new<K>(pass: &'a Pass<'_, K>) -> Result<Self, Untraced> {
        let (layer, parameters) = (pass.layer, pass.parameters);
        let norm = layer.norm.as_ref().ok_or_else(|| pass.wrong("the bounds", 1, 0))?;
        let len = |list: &Option<Vec<i32>>| list.as_ref().map_or(0, Vec::len);
        pass.expect("the scales", layer.n_out, parameters.w.len())?;
        pass.expect("the shifts", layer.n_out, len(&parameters.b))?;
        pass.expect("the running statistics", 2 * layer.n_out, len(&parameters.s))?;
        Ok(Self { norm, parameters, channels: layer.n_out })
    }

    fn shifts(&self) -> &'a [i32] {
        self.parameters.b.as_deref().unwrap_or(&[])
    }

    fn running(&self) -> &'a [i32] {
        self.parameters.s.as_deref().unwrap_or(&[])
    }

    /// A sum for each channel over all numbers.
    fn sums(&self, len: usize, term: impl Fn(usize) -> i64) -> Vec<i128> {
        let mut sums = vec![0i64; self.channels];
        (0..len).for_each(|i| sums[i % self.channels] += term(i));
        sums.into_iter().map(i128::from).collect()
    }

    /// Statistics of the batch, traced.
    fn statistics<K>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        record: &mut Record,
    ) -> Result<Normed, Untraced> {
        let norm = self.norm;
        pass.expect("numbers of a channel", norm.count * self.channels, input.len())?;
        let sums = self.sums(input.len(), |i| i64::from(input[i]) << MEAN_FRAC);
        let expansion = norm.moments.mean.as_ref().ok_or_else(|| pass.wrong("the mean", 1, 0))?;
        let mean = narrow(pass, "means", &pass.expand(record, "mean", expansion, &sums)?)?;
        let centred = |i: usize| (i64::from(input[i]) << MEAN_FRAC) - mean[i % self.channels];
        let squares = self.sums(input.len(), |i| centred(i) * centred(i));
        let [deviation, inverse] = norm.moments.trace(pass, record, &squares)?;
        let scale: Vec<i128> = self.weighted(&inverse);
        let scale = pass.expand(record, "scale", &norm.scale, &scale)?;
        let scale = narrow(pass, "scales", &scale)?;
        let deviation = narrow(pass, "deviations", &deviation)?;
        let inverse = narrow(pass, "inverses", &inverse)?;
        let input = input.to_vec();
        Ok(Normed { input, mean, deviation, inverse, scale, ..Normed::default() })
    }

    /// `γ·R`
    fn weighted(&self, inverse: &[i128]) -> Vec<i128> {
        let gammas = self.parameters.w.iter();
        gammas.zip(inverse).map(|(gamma, r)| i128::from(*gamma) * r).collect()
    }

    /// What a number is rounded from; 128 bits hold it whatever mean and scale are.
    fn output(&self, input: i32, channel: usize, mean: i128, scale: i128) -> i128 {
        let [of_scale, of_shift] = self.norm.z_shifts;
        let centred = (i128::from(input) << MEAN_FRAC) - mean;
        ((scale * centred) << of_scale) + (i128::from(self.shifts()[channel]) << of_shift)
    }

    /// Values by the running statistics.
    fn evaluate<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        record: &mut Record,
    ) -> Result<Vec<i32>, Untraced> {
        let n = self.channels;
        pass.expect("the input", pass.samples * pass.layer.input.count(), input.len())?;
        let (means, deviations) = self.running().split_at(n);
        let moments = &self.norm.moments;
        let inverse: Vec<i128> =
            deviations.iter().map(|s| moments.inverse_of((*s).into())).collect();
        let scales = self.weighted(&inverse).into_iter();
        let scales: Vec<i128> = scales.map(|x| self.norm.scale.quotient(x)).collect();
        let x = |i: usize| {
            let x = self.output(input[i], i % n, means[i % n].into(), scales[i % n]);
            x.clamp(-LIMIT, LIMIT) as i64
        };
        Ok(pass.round(record, "z", input.len(), &pass.layer.z, x)?.to_vec())
    }

    /// Sums of the gradient and what comes of them, traced: what all numbers of a channel have in common of what is
    /// sent, and what is proportional to them.
    fn gradients<K>(
        &self,
        pass: &Pass<'_, K>,
        d: &[i32],
        own: &mut Normed,
        record: &mut Record,
    ) -> Result<[Vec<i64>; 2], Untraced> {
        let norm = self.norm;
        let centred = |i: usize| self.centred(own, i);
        let correlation = self.sums(d.len(), |i| i64::from(d[i]) * centred(i));
        let sum = self.sums(d.len(), |i| i64::from(d[i]));
        let by = |x: &[i128], y: &[i64]| -> Vec<i128> {
            x.iter().zip(y).map(|(x, y)| x * i128::from(*y)).collect()
        };
        pass.expand(record, "correlation", &norm.correlation, &correlation)?;
        let gain = by(&correlation, &own.inverse);
        let gain = pass.expand(record, "gain", &norm.gain, &gain)?;
        let slope = by(&gain, &own.inverse);
        let slope = pass.expand(record, "slope", &norm.slope, &slope)?;
        let offset: Vec<i128> = by(&sum, &own.scale).iter().map(|x| x << SENT_FRAC).collect();
        let offset = pass.expand(record, "offset", &norm.offset, &offset)?;
        let tilt = by(&slope, &own.scale);
        let tilt = pass.expand(record, "tilt", &norm.tilt, &tilt)?;
        own.gain = narrow(pass, "gradients of scales", &gain)?;
        own.sum = narrow(pass, "sums", &sum)?;
        Ok([narrow(pass, "offsets", &offset)?, narrow(pass, "tilts", &tilt)?])
    }

    fn centred(&self, own: &Normed, i: usize) -> i64 {
        (i64::from(own.input[i]) << MEAN_FRAC) - own.mean[i % self.channels]
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for BatchNorm {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let turn = Turn::new(pass)?;
        let record = &mut trace.tensors;
        if !pass.training {
            return turn.evaluate(pass, input, record);
        }
        let own = &*kept.norm.insert(turn.statistics(pass, input, record)?);
        let n = turn.channels;
        let x = |i: usize| {
            let x = turn.output(input[i], i % n, own.mean[i % n].into(), own.scale[i % n].into());
            x as i64
        };
        Ok(pass.round(record, "z", input.len(), &pass.layer.z, x)?.to_vec())
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let turn = Turn::new(pass)?;
        let own = kept.norm.as_mut().ok_or_else(|| pass.wrong("what is kept", 1, 0))?;
        pass.expect("the gradient", own.input.len(), gradient.len())?;
        let record = &mut pass.own(traces)?.tensors;
        let [offset, tilt] = turn.gradients(pass, gradient, own, record)?;
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let n = turn.channels;
        let x = |i: usize| {
            let scaled = (own.scale[i % n] * i64::from(gradient[i])) << SENT_FRAC;
            scaled - offset[i % n] - tilt[i % n] * turn.centred(own, i)
        };
        pass.send(below, traces, gradient.len(), x)
    }

    fn update<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        state: &LayerState<'_>,
        kept: &SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Option<LayerParameters>, Untraced> {
        let turn = Turn::new(pass)?;
        let own = kept.norm.as_ref().ok_or_else(|| pass.wrong("what is kept", 1, 0))?;
        let (rule, n) = (Rule { pass }, turn.channels);
        let traced = trace.w.get_or_insert_default();
        let w = rule.apply(&own.gain, &pass.parameters.w, &state.weights(), traced)?;
        let sums: Vec<i64> = own.sum.iter().map(|x| x << GAIN_FRAC).collect();
        let traced = trace.b.get_or_insert_default();
        let b = rule.apply(&sums, turn.shifts(), &state.biases(), traced)?;
        let running = turn.running();
        let now = |i: usize| if i < n { own.mean[i] } else { own.deviation[i - n] };
        let x = |i: usize| TRACKING * (i64::from(running[i]) - now(i));
        let update = &mut trace.s.get_or_insert_default().update;
        let spec = &turn.norm.statistics;
        let s = pass.round_into(update, "a running statistic", 2 * n, spec, x)?.to_vec();
        Ok(Some(LayerParameters { w, b: Some(b), s: Some(s) }))
    }
}
