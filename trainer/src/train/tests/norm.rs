//! Batch norm from its specification, a channel at a time, with 128 bits.

use zktrain_model::manifest::{Layer, Network};
use zktrain_model::trace::{LayerParameters, Record};

use super::wide::{Wide, floor, power, root};

/// What a step of one layer has of one channel.
#[derive(Clone, Debug, Default)]
struct Channel {
    mu: i128,
    sigma: i128,
    inverse: i128,
    scale: i128,
    gain: i128,
    sum: i128,
    offset: i128,
    tilt: i128,
}

/// One layer over the steps of a window.
#[derive(Debug, Default)]
pub(super) struct Norm {
    channels: Vec<Channel>,
    wide: Wide,
}

impl Norm {
    /// The statistics of a step; `input` is `(samples·positions, channels)`.
    pub fn forward(
        &mut self,
        network: &Network,
        layer: &Layer,
        p: &LayerParameters,
        input: &[i64],
    ) {
        let channels = layer.n_out;
        let n = (input.len() / channels) as i128;
        let g = layer.a_in_frac + 4;
        let epsilon = ((1e-5 * f64::from(2 * g).exp2() + 0.5).floor() as i128).max(256);
        self.channels.clear();
        for j in 0..channels {
            let own: Vec<i128> =
                input.iter().skip(j).step_by(channels).map(|a| (*a).into()).collect();
            let sum = 16 * own.iter().sum::<i128>();
            let mu = floor(sum, n);
            let energy: i128 = own.iter().map(|a| (16 * a - mu) * (16 * a - mu)).sum();
            let v = floor(energy, n) + epsilon;
            let sigma = root(v);
            let inverse = (1i128 << 36) / sigma;
            let weighed = i128::from(p.w[j]) * inverse;
            let drops = network.weight_frac + 10;
            self.wide.note("mean", vec![n], true, sum);
            self.wide.note("variance", vec![n], false, energy);
            self.wide.note("deviation", vec![], false, sigma);
            self.wide.note("deviation_low", vec![], false, v - sigma * sigma);
            self.wide.note("deviation_high", vec![], false, 2 * sigma - (v - sigma * sigma));
            self.wide.note("inverse", vec![], false, inverse);
            self.wide.note("inverse_low", vec![], false, (1 << 36) - inverse * sigma);
            self.wide.note(
                "inverse_high",
                vec![],
                false,
                sigma - 1 - ((1 << 36) - inverse * sigma),
            );
            self.wide.note("scale", power(drops), true, weighed);
            let scale = floor(weighed, 1 << drops);
            self.channels.push(Channel { mu, sigma, inverse, scale, ..Channel::default() });
        }
    }

    /// What is rounded to a number of the output.
    pub fn output(&self, network: &Network, p: &LayerParameters, input: i64, j: usize) -> i128 {
        let Channel { mu, scale, .. } = &self.channels[j];
        let frac = network.weight_frac.max(26);
        let beta = i128::from(p.b.as_ref().unwrap()[j]);
        ((scale * (16 * i128::from(input) - mu)) << (frac - 26))
            + (beta << (frac - network.weight_frac))
    }

    /// Sums over the gradient `d`, as `input`.
    pub fn backward(&mut self, layer: &Layer, input: &[i64], d: &[i64]) {
        let channels = layer.n_out;
        let n = (input.len() / channels) as i128;
        let g = layer.a_in_frac + 4;
        for j in 0..channels {
            let Channel { mu, inverse, scale, .. } = self.channels[j];
            let pairs = || input.iter().zip(d).skip(j).step_by(channels);
            let centred = |a: &i64| 16 * i128::from(*a) - mu;
            let correlation: i128 = pairs().map(|(a, d)| i128::from(*d) * centred(a)).sum();
            let sum: i128 = pairs().map(|(_, d)| i128::from(*d)).sum();
            let gain = floor(correlation * inverse, 1 << 28);
            let slope = floor(gain * inverse, 1 << (28 - g));
            self.wide.note("correlation", vec![], true, correlation);
            self.wide.note("gain", power(28), true, correlation * inverse);
            self.wide.note("slope", power(28 - g), true, gain * inverse);
            self.wide.note("offset", vec![n], true, 32 * scale * sum);
            self.wide.note("tilt", [vec![n], power(11 + g)].concat(), true, scale * slope);
            let offset = floor(32 * scale * sum, n);
            let tilt = floor(scale * slope, n << (11 + g));
            let channel = &mut self.channels[j];
            (channel.gain, channel.sum) = (gain, sum);
            (channel.offset, channel.tilt) = (offset, tilt);
        }
    }

    /// The gradient at a number of the input, before rounding.
    pub fn sent(&self, input: i64, d: i64, j: usize) -> i128 {
        let Channel { mu, scale, offset, tilt, .. } = self.channels[j];
        32 * scale * i128::from(d) - offset - tilt * (16 * i128::from(input) - mu)
    }

    /// Gradients of the scale and the shift.
    pub fn learned(&self, j: usize) -> [i128; 2] {
        [self.channels[j].gain, self.channels[j].sum << 8]
    }

    /// What is rounded to the update of a running mean or deviation.
    pub fn tracked(&self, running: i32, which: usize, j: usize) -> i128 {
        let now = [self.channels[j].mu, self.channels[j].sigma][which];
        6554 * (i128::from(running) - now)
    }

    /// Compares all wide integers, digit by digit; how many names there are.
    pub fn check(&self, record: &Record, what: &str) -> usize {
        self.wide.check(record, what)
    }
}
