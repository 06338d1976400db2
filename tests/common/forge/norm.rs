//! Batch norm in a forged step: a channel at a time, each wide integer told to the hook by its digits.

use zktrain_model::manifest::Layer;
use zktrain_model::operators::{Norm, RowBounds, SoftmaxBounds};
use zktrain_model::quant::Expansion;

use super::{Forge, Matrix, Value};

/// What a step of one layer has of each channel.
#[derive(Clone, Debug, Default)]
pub struct NormStep {
    mean: Vec<i128>,
    deviation: Vec<i128>,
    inverse: Vec<i128>,
    scale: Vec<i128>,
    gain: Vec<i128>,
    sum: Vec<i128>,
    offset: Vec<i128>,
    tilt: Vec<i128>,
}

fn own(layer: &Layer) -> &Norm {
    layer.norm.as_ref().expect("a batch norm")
}

/// The wide integers of a layer, if it has some.
pub fn wide_parts(layer: &Layer) -> Vec<(&'static str, &Expansion)> {
    let channels = layer.norm.iter().flat_map(Norm::parts);
    let rows = layer.rows.iter().flat_map(RowBounds::parts);
    let shares = layer.softmax.iter().flat_map(SoftmaxBounds::parts);
    channels.chain(rows).chain(shares).collect()
}

/// The numbers of one channel.
fn column(rows: &Matrix, channels: usize, j: usize) -> impl Iterator<Item = i128> + '_ {
    rows.iter().flat_map(move |row| row.iter().skip(j).step_by(channels)).map(|x| i128::from(*x))
}

impl NormStep {
    /// What a number of the output is rounded from.
    pub fn output(&self, layer: &Layer, beta: i64, a: i64, j: usize) -> i64 {
        let [of_scale, of_shift] = own(layer).z_shifts;
        let x = (self.scale[j] * (16 * i128::from(a) - self.mean[j])) << of_scale;
        (x + (i128::from(beta) << of_shift)) as i64
    }

    /// What a number of the gradient that is sent is rounded from.
    pub fn sent(&self, d: i64, a: i64, j: usize) -> i64 {
        let centred = 16 * i128::from(a) - self.mean[j];
        (32 * self.scale[j] * i128::from(d) - self.offset[j] - self.tilt[j] * centred) as i64
    }

    /// Gradients of scales and shifts.
    pub fn learned(&self) -> [Vec<i64>; 2] {
        let narrow = |values: &[i128], by: i128| values.iter().map(|x| (x * by) as i64).collect();
        [narrow(&self.gain, 1), narrow(&self.sum, 256)]
    }

    /// Means, then deviations.
    pub fn now(&self) -> [&[i128]; 2] {
        [&self.mean, &self.deviation]
    }
}

impl Forge<'_, '_> {
    /// A wide integer of a channel: as a whole, and its quotient.
    fn of_channel(&mut self, l: usize, part: &str, [t, j]: [usize; 2], x: i128) -> [i128; 2] {
        self.wide(l, part, [t, j, 0], &[j, t], x)
    }

    /// A wide integer, told to the hook and written: as a whole, and its quotient.
    pub(super) fn wide(
        &mut self,
        l: usize,
        part: &str,
        at: [usize; 3],
        index: &[usize],
        x: i128,
    ) -> [i128; 2] {
        let network = self.network;
        let mut parts = wide_parts(&network.layers[l]).into_iter();
        let expansion: &Expansion = parts.find(|(name, _)| *name == part).unwrap().1;
        let name = format!("layer{l}.{part}");
        let digits = expansion.expand(x).unwrap_or_else(|| panic!("{name}: {x}"));
        let digits = digits.into_iter().map(i64::from).collect();
        let mut value = Value { r: digits, ..Value::default() };
        (self.hook)(&name, at, &mut value);
        let (mut whole, mut upper) = (0, 0);
        for (k, (digit, told)) in expansion.digits().zip(&value.r).enumerate() {
            self.put(&format!("{name}.d{k}"), index, *told);
            whole += digit.weight * i128::from(*told);
            if k >= expansion.dropped() {
                upper += digit.weight / expansion.divisor() * i128::from(*told);
            }
        }
        [whole, upper]
    }

    /// Statistics and scales of a step.
    pub fn norm_forward(&mut self, t: usize, l: usize, gammas: &[i64], input: &Matrix) -> NormStep {
        let network = self.network;
        let layer = &network.layers[l];
        let channels = layer.n_out;
        let mut step = NormStep::default();
        for (j, gamma) in gammas.iter().enumerate().take(channels) {
            let at = [t, j];
            let sum = 16 * column(input, channels, j).sum::<i128>();
            let mean = self.of_channel(l, "mean", at, sum)[1];
            let squares = column(input, channels, j).map(|a| (16 * a - mean).pow(2)).sum();
            let v = self.of_channel(l, "variance", at, squares)[1]
                + i128::from(own(layer).moments.epsilon);
            let deviation = self.of_channel(l, "deviation", at, v.isqrt())[0];
            let low = self.of_channel(l, "deviation_low", at, v - deviation * deviation)[0];
            self.of_channel(l, "deviation_high", at, 2 * deviation - low);
            let inverse = self.of_channel(l, "inverse", at, (1 << 36) / deviation)[0];
            let low = self.of_channel(l, "inverse_low", at, (1 << 36) - inverse * deviation)[0];
            self.of_channel(l, "inverse_high", at, deviation - 1 - low);
            let scale = self.of_channel(l, "scale", at, i128::from(*gamma) * inverse)[1];
            step.mean.push(mean);
            step.deviation.push(deviation);
            step.inverse.push(inverse);
            step.scale.push(scale);
        }
        step
    }

    /// Sums over the gradient `d`.
    pub fn norm_backward(
        &mut self,
        [t, l]: [usize; 2],
        step: &mut NormStep,
        input: &Matrix,
        d: &Matrix,
    ) {
        let channels = self.network.layers[l].n_out;
        for j in 0..channels {
            let at = [t, j];
            let pairs = column(d, channels, j).zip(column(input, channels, j));
            let correlation = pairs.map(|(d, a)| d * (16 * a - step.mean[j])).sum();
            let correlation = self.of_channel(l, "correlation", at, correlation)[0];
            let sum: i128 = column(d, channels, j).sum();
            let gain = self.of_channel(l, "gain", at, correlation * step.inverse[j])[1];
            let slope = self.of_channel(l, "slope", at, gain * step.inverse[j])[1];
            let offset = self.of_channel(l, "offset", at, 32 * step.scale[j] * sum)[1];
            let tilt = self.of_channel(l, "tilt", at, step.scale[j] * slope)[1];
            step.gain.push(gain);
            step.sum.push(sum);
            step.offset.push(offset);
            step.tilt.push(tilt);
        }
    }

    /// The update of running means and deviations.
    pub fn norm_tracked(
        &mut self,
        t: usize,
        l: usize,
        step: &NormStep,
        running: &Matrix,
    ) -> Matrix {
        let network = self.network;
        let (spec, name) = (own(&network.layers[l]).statistics, format!("layer{l}.s.update"));
        let mut updates = Matrix::new();
        for (i, (row, now)) in running.iter().zip(step.now()).enumerate() {
            let update = row.iter().zip(now).enumerate().map(|(j, (s, now))| {
                let x = 6554 * (s - *now as i64);
                self.round(&name, &spec, x, [t, i, j], (&[t, i, j], &[i, t, j]))
            });
            updates.push(update.collect());
        }
        updates
    }
}
