//! Layer norm and RMS norm in a forged step: a row at a time, each wide integer told to the hook by its digits.

use zktrain_model::manifest::{Layer, LayerKind};
use zktrain_model::operators::RowBounds;

use super::{Forge, Matrix, index_of};

/// What a step of one layer has of each row: of each sample, of each position.
#[derive(Clone, Debug, Default)]
pub struct RowStep {
    mean: Matrix,
    inverse: Matrix,
    offset: Matrix,
    tilt: Matrix,
}

fn own(layer: &Layer) -> &RowBounds {
    layer.rows.as_ref().expect("a layer norm")
}

impl RowStep {
    /// What a number of the output is rounded from.
    pub fn output(&self, layer: &Layer, a: i64, b: usize, unit: usize) -> i64 {
        let row = unit / layer.output.channels;
        (16 * a - self.mean[b][row]) * self.inverse[b][row]
    }

    /// What the numbers of the gradient that is sent of a sample are rounded from.
    pub fn sent(&self, layer: &Layer, b: usize, z: &[i64], d: &[i64]) -> Vec<i64> {
        let number = |(unit, (z, d)): (usize, (&i64, &i64))| {
            let row = unit / layer.output.channels;
            32 * self.inverse[b][row] * d - self.offset[b][row] - self.tilt[b][row] * z
        };
        z.iter().zip(d).enumerate().map(number).collect()
    }
}

impl Forge<'_, '_> {
    /// A wide integer of a row: as a whole, and its quotient.
    fn of_row(&mut self, l: usize, part: &str, [t, b, row]: [usize; 3], x: i128) -> [i128; 2] {
        let layer = &self.network.layers[l];
        // The row's first number, without its channel.
        let index = index_of(&layer.output, [t, b, row * layer.output.channels]);
        self.wide(l, part, [t, b, row], &index[1..], x)
    }

    /// Statistics of a step.
    pub fn rows_forward(&mut self, t: usize, l: usize, input: &Matrix) -> RowStep {
        let layer = &self.network.layers[l];
        let (own, n) = (own(layer), layer.output.channels);
        let centred = layer.kind == LayerKind::LayerNorm;
        let mut step = RowStep::default();
        for (b, sample) in input.iter().enumerate() {
            let (mut means, mut inverses) = (Vec::new(), Vec::new());
            for (row, numbers) in sample.chunks(n).enumerate() {
                let at = [t, b, row];
                let numbers = || numbers.iter().map(|a| 16 * i128::from(*a));
                let mean = match centred {
                    true => self.of_row(l, "mean", at, numbers().sum())[1],
                    false => 0,
                };
                let squares = numbers().map(|a| (a - mean).pow(2)).sum();
                let v = self.of_row(l, "variance", at, squares)[1] + i128::from(own.epsilon);
                let deviation = self.of_row(l, "deviation", at, v.isqrt())[0];
                let low = self.of_row(l, "deviation_low", at, v - deviation * deviation)[0];
                self.of_row(l, "deviation_high", at, 2 * deviation - low);
                let inverse = self.of_row(l, "inverse", at, (1 << 26) / deviation)[0];
                let low = self.of_row(l, "inverse_low", at, (1 << 26) - inverse * deviation)[0];
                self.of_row(l, "inverse_high", at, deviation - 1 - low);
                means.push(mean as i64);
                inverses.push(inverse as i64);
            }
            step.mean.push(means);
            step.inverse.push(inverses);
        }
        step
    }

    /// Sums over the gradient `d` and the outputs `z`.
    pub fn rows_backward(
        &mut self,
        [t, l]: [usize; 2],
        step: &mut RowStep,
        z: &Matrix,
        d: &Matrix,
    ) {
        let layer = &self.network.layers[l];
        let n = layer.output.channels;
        for (b, (z, d)) in z.iter().zip(d).enumerate() {
            let (mut offsets, mut tilts) = (Vec::new(), Vec::new());
            for (row, (z, d)) in z.chunks(n).zip(d.chunks(n)).enumerate() {
                let (at, inverse) = ([t, b, row], i128::from(step.inverse[b][row]));
                let along = z.iter().zip(d).map(|(z, d)| i128::from(*z) * i128::from(*d)).sum();
                let along = self.of_row(l, "correlation", at, along)[0];
                let sum: i128 = d.iter().map(|d| i128::from(*d)).sum();
                let offset = match layer.kind {
                    LayerKind::LayerNorm => self.of_row(l, "offset", at, 32 * inverse * sum)[1],
                    _ => 0,
                };
                offsets.push(offset as i64);
                tilts.push(self.of_row(l, "tilt", at, inverse * along)[1] as i64);
            }
            step.offset.push(offsets);
            step.tilt.push(tilts);
        }
    }
}
