//! Layer norm and RMS norm from their specification, a row at a time, with 128 bits.

use zktrain_model::manifest::{Layer, LayerKind};
use zktrain_model::trace::Record;

use super::wide::{Wide, floor, power, root};

/// What a step of one layer has of one row.
#[derive(Clone, Debug, Default)]
struct Row {
    mu: i128,
    inverse: i128,
    offset: i128,
    tilt: i128,
    /// `z`, number by number.
    z: Vec<i128>,
}

/// One layer over the steps of a window.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    wide: Wide,
}

impl Rows {
    /// The statistics of a step; `input` is `(samples·positions, channels)`.
    pub fn forward(&mut self, layer: &Layer, input: &[i64]) {
        let n = layer.output.channels;
        let frac = layer.a_in_frac + 4;
        let epsilon = ((1e-5 * f64::from(2 * frac).exp2() + 0.5).floor() as i128).max(256);
        let centred = layer.kind == LayerKind::LayerNorm;
        self.rows.clear();
        for own in input.chunks(n) {
            let own: Vec<i128> = own.iter().map(|a| 16 * i128::from(*a)).collect();
            let sum: i128 = own.iter().sum();
            let mu = if centred { floor(sum, n as i128) } else { 0 };
            let energy: i128 = own.iter().map(|a| (a - mu) * (a - mu)).sum();
            let v = floor(energy, n as i128) + epsilon;
            let sigma = root(v);
            let inverse = (1i128 << 26) / sigma;
            if centred {
                self.wide.note("mean", vec![n as i128], true, sum);
            }
            self.wide.note("variance", vec![n as i128], false, energy);
            self.wide.note("deviation", vec![], false, sigma);
            self.wide.note("deviation_low", vec![], false, v - sigma * sigma);
            self.wide.note("deviation_high", vec![], false, 2 * sigma - (v - sigma * sigma));
            let rest = (1 << 26) - inverse * sigma;
            self.wide.note("inverse", vec![], false, inverse);
            self.wide.note("inverse_low", vec![], false, rest);
            self.wide.note("inverse_high", vec![], false, sigma - 1 - rest);
            self.rows.push(Row { mu, inverse, ..Row::default() });
        }
    }

    /// What is rounded to a number of the output.
    pub fn output(&self, input: i64, row: usize) -> i128 {
        let Row { mu, inverse, .. } = self.rows[row];
        (16 * i128::from(input) - mu) * inverse
    }

    /// Sums over the gradient `d` and the outputs `z` of the step.
    pub fn backward(&mut self, layer: &Layer, z: &[i32], d: &[i64]) {
        let n = layer.output.channels;
        let drops = 2 * layer.z_frac - 5;
        for (row, (z, d)) in self.rows.iter_mut().zip(z.chunks(n).zip(d.chunks(n))) {
            row.z = z.iter().map(|z| i128::from(*z)).collect();
            let pairs = row.z.iter().zip(d);
            let correlation: i128 = pairs.map(|(z, d)| z * i128::from(*d)).sum();
            let sum: i128 = d.iter().map(|d| i128::from(*d)).sum();
            self.wide.note("correlation", vec![], true, correlation);
            if layer.kind == LayerKind::LayerNorm {
                self.wide.note("offset", vec![n as i128], true, 32 * row.inverse * sum);
                row.offset = floor(32 * row.inverse * sum, n as i128);
            }
            let along = row.inverse * correlation;
            self.wide.note("tilt", [vec![n as i128], power(drops)].concat(), true, along);
            row.tilt = floor(along, (n as i128) << drops);
        }
    }

    /// The gradient at number `k` of the input, before rounding.
    pub fn sent(&self, k: usize, d: i64) -> i128 {
        let n = self.rows[0].z.len();
        let Row { inverse, offset, tilt, z, .. } = &self.rows[k / n];
        32 * inverse * i128::from(d) - offset - tilt * z[k % n]
    }

    /// Compares all wide integers, digit by digit; how many names there are.
    pub fn check(&self, record: &Record, what: &str) -> usize {
        self.wide.check(record, what)
    }
}
