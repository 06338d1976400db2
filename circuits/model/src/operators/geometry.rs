//! Where a layer's weights meet its input: as maps of tensors' dimensions to the axes of a product, and
//! computed.

use core::ops::Range;

use crate::manifest::{Features, Kernel, Layer, Network};
use crate::relation::{DimMap, Direction, Domain, Window};

/// A layer's weights over its input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry<'a> {
    pub layer: &'a Layer,
}

/// A value's `(channel, step, sample, position…)` on these axes.
pub(super) fn value_axes(
    channel: usize,
    step: usize,
    sample: usize,
    position: Range<usize>,
) -> Vec<DimMap> {
    [channel, step, sample].into_iter().chain(position).map(DimMap::Axis).collect()
}

/// One of a layer's products with its weights: its axes, and tensors' dimensions on them.
pub(super) struct Meeting {
    /// The axes `(o, x, y, k)`.
    pub axes: [Domain; 4],
    /// The left operand's `(channel, t, b, position…)` on the axes `(o, x, k)`.
    pub left: Vec<DimMap>,
    /// The weights' `(row…, column)` on the axes `(o, y, k)`.
    pub weights: Vec<usize>,
    /// The axis of the result's channel among `(o, x, y)`, of its sample, and of its first position.
    pub result: [usize; 3],
}

/// The product that is the weights' gradient.
pub(super) struct GradientMeeting {
    /// The axes `(o, x, y, k)`.
    pub axes: [Domain; 4],
    /// The input's `(channel, t, b, position…)` on the axes `(o, x, k)`.
    pub left: Vec<DimMap>,
    /// Those of the gradient at the output on the axes `(o, y, k)`.
    pub right: Vec<DimMap>,
    /// Where the axes `(t, row…, column)` of the weights' equation lie among `(o, x, y)`.
    pub order: Vec<usize>,
}

impl Meeting {
    /// The result's `(channel, t, b, position…)` on the axes `(o, x, y)`.
    pub fn result(&self, sides: usize) -> Vec<DimMap> {
        let [channel, sample, position] = self.result;
        value_axes(channel, 0, sample, position..position + sides)
    }
}

impl Geometry<'_> {
    /// Whether each channel has weights of its own and meets no other.
    pub fn is_depthwise(&self) -> bool {
        self.layer.kind.is_by_channel()
    }

    /// The layer's output out of its input.
    pub fn forward(&self, network: &Network) -> Meeting {
        let Layer { output, n_out, .. } = self.layer;
        let (rows, sides) = (self.layer.rows(), output.sides());
        let samples = Domain::new(&[&[network.batch], sides].concat());
        if self.is_depthwise() {
            let weights = (2..2 + rows.len()).chain([1]).collect();
            let axes = self.by_channel(network, samples, &rows);
            let left = self.covered(2, output, (3, 5), Direction::Covers);
            return Meeting { axes, left, weights, result: [1, 2, 3] };
        }
        let channel = 2 + sides.len();
        Meeting {
            axes: [
                Domain::new(&[network.steps]),
                samples,
                Domain::new(&[*n_out]),
                Domain::new(&rows),
            ],
            left: self.input(0, 1, 2, channel),
            weights: (2..2 + rows.len()).chain([1]).collect(),
            result: [channel, 1, 2],
        }
    }

    /// What it sends to its input out of the gradient at its output.
    pub fn backward(&self, network: &Network) -> Meeting {
        let Layer { input, kernel, n_out, .. } = self.layer;
        let samples = Domain::new(&[&[network.batch], input.sides()].concat());
        if self.is_depthwise() {
            let rows = self.layer.rows();
            let weights = (2..2 + rows.len()).chain([1]).collect();
            let axes = self.by_channel(network, samples, &rows);
            let left = self.covered(2, input, (3, 5), Direction::CoveredBy);
            return Meeting { axes, left, weights, result: [1, 2, 3] };
        }
        let channel = 2 + input.sides().len();
        let steps = Domain::new(&[network.steps]);
        let (axes, left) = match kernel {
            Some(kernel) => {
                let places = Domain::new(&[*n_out, kernel.size, kernel.size]);
                let axes = [steps, samples, Domain::new(&[input.channels]), places];
                (axes, self.windows(channel, 1, input, (2, channel + 1), Direction::CoveredBy))
            }
            None => {
                let axes = [
                    steps,
                    Domain::new(&[network.batch]),
                    Domain::new(&input.sizes()),
                    Domain::new(&[*n_out]),
                ];
                (axes, value_axes(2, 0, 1, 0..0))
            }
        };
        let weights = match kernel {
            Some(_) => vec![3, 4, 1, 2],
            None => (1..=input.sizes().len() + 1).collect(),
        };
        Meeting { axes, left, weights, result: [channel, 1, 2] }
    }

    /// The weights' gradient out of the input and the gradient at the output.
    pub fn gradient(&self, network: &Network) -> GradientMeeting {
        let Layer { output, n_out, .. } = self.layer;
        let (rows, sides) = (self.layer.rows(), output.sides());
        let samples = Domain::new(&[&[network.batch], sides].concat());
        let right = |channel: usize, sample: usize| {
            value_axes(channel, 0, sample, sample + 1..sample + 1 + sides.len())
        };
        if self.is_depthwise() {
            let [o, _, y, _] = self.by_channel(network, samples.clone(), &rows);
            let axes = [o, Domain::new(&rows), y, samples];
            let sample = 2 + rows.len();
            let left = self.covered(sample, output, (sample + 1, 2), Direction::Covers);
            let order = [0].into_iter().chain(2..sample).chain([1]).collect();
            return GradientMeeting { axes, left, right: right(1, 2), order };
        }
        let sample = 1 + rows.len();
        GradientMeeting {
            left: self.input(0, sample, sample + 1, 1),
            axes: [
                Domain::new(&[network.steps]),
                Domain::new(&rows),
                Domain::new(&[*n_out]),
                samples,
            ],
            right: right(1, 2),
            order: (0..sample + 1).collect(),
        }
    }

    /// The axes of a product for each channel.
    fn by_channel(&self, network: &Network, samples: Domain, rows: &[usize]) -> [Domain; 4] {
        let channels = Domain::new(&[network.steps, self.layer.n_out]);
        [channels, samples, Domain::new(&[]), Domain::new(rows)]
    }

    /// The dimensions of a value whose channel is axis 1: its positions by windows, or as they are where there is no
    /// kernel.
    fn covered(
        &self,
        sample: usize,
        of: &Features,
        (at, within): (usize, usize),
        direction: Direction,
    ) -> Vec<DimMap> {
        match self.layer.kernel {
            Some(_) => self.windows(1, sample, of, (at, within), direction),
            None => value_axes(1, 0, sample, at..at + of.sides().len()),
        }
    }

    /// A value's dimensions on axes, its positions by windows: the windows' positions are those of `of`, on axes
    /// from `at` on, and the places within are on axes from `within` on.
    fn windows(
        &self,
        channel: usize,
        sample: usize,
        of: &Features,
        (at, within): (usize, usize),
        direction: Direction,
    ) -> Vec<DimMap> {
        let kernel = self.layer.kernel.iter();
        let sides = kernel.flat_map(|kernel| of.sides().iter().map(move |side| (kernel, *side)));
        let windows = sides.enumerate().map(|(k, (kernel, side))| {
            DimMap::Window(window(kernel, (at + k, side), within + k, direction))
        });
        value_axes(channel, 0, sample, 0..0).into_iter().chain(windows).collect()
    }

    /// The input's dimensions on axes: the step, the sample, the output's position from one axis on, the
    /// weights' rows from another.
    fn input(&self, step: usize, sample: usize, position: usize, row: usize) -> Vec<DimMap> {
        let Layer { input, output, kernel, .. } = self.layer;
        let channel = row + input.sides().len();
        match kernel {
            Some(_) => self.windows(channel, sample, output, (position, row), Direction::Covers),
            None => value_axes(channel, step, sample, row..channel),
        }
    }

    /// What the weights are multiplied with, `(samples·positions, n_in)`, out of the input.
    pub fn patches(&self, input: &[i32], samples: usize) -> Vec<i32> {
        if self.layer.kernel.is_none() {
            return input.to_vec();
        }
        let mut patches =
            Vec::with_capacity(samples * self.layer.output.positions() * self.layer.n_in);
        let channels = self.layer.input.channels;
        let len = self.layer.input.count();
        self.walk(samples, |sample, position| match position {
            Some(position) => {
                let start = sample * len + position * channels;
                patches.extend_from_slice(input.get(start..start + channels).unwrap_or(&[]));
            }
            None => patches.resize(patches.len() + channels, 0),
        });
        patches
    }

    /// The reverse: sums of what arrives at each number of the input.
    pub fn gathered(&self, sent: Vec<i64>, samples: usize) -> Vec<i64> {
        if self.layer.kernel.is_none() {
            return sent;
        }
        let Features { channels, .. } = self.layer.input;
        let len = self.layer.input.count();
        let mut sums = vec![0i64; samples * len];
        let mut sent = sent.chunks_exact(channels);
        self.walk(samples, |sample, position| {
            // As many as places are visited: what was sent has been counted.
            let arriving = sent.next();
            // Beside the image there is nothing to add to.
            let Some((position, arriving)) = position.zip(arriving) else { return };
            let start = sample * len + position * channels;
            let sums = sums.get_mut(start..start + channels).into_iter().flatten();
            sums.zip(arriving).for_each(|(sum, value)| *sum += value);
        });
        sums
    }

    /// What each place of the kernel makes of what it covers, channel by channel, `(samples·positions, channels)`.
    pub fn weighed(&self, input: &[i32], weights: &[i32], samples: usize) -> Vec<i64> {
        let places = samples * self.layer.output.positions();
        let mut sums = vec![0i64; places * self.layer.n_out];
        self.channels(samples, |place, weight, number| {
            accumulate(&mut sums, place, (input.get(number), weights.get(weight)));
        });
        sums
    }

    /// What arrives at each number of the input, channel by channel.
    pub fn weighed_back(&self, gradient: &[i32], weights: &[i32], samples: usize) -> Vec<i64> {
        let mut sums = vec![0i64; samples * self.layer.input.count()];
        self.channels(samples, |place, weight, number| {
            accumulate(&mut sums, number, (gradient.get(place), weights.get(weight)));
        });
        sums
    }

    /// The weights' gradient, channel by channel.
    pub fn weights_gradient(&self, input: &[i32], gradient: &[i32], samples: usize) -> Vec<i64> {
        let mut sums = vec![0i64; self.layer.n_in * self.layer.n_out];
        self.channels(samples, |place, weight, number| {
            accumulate(&mut sums, weight, (input.get(number), gradient.get(place)));
        });
        sums
    }

    /// Every number of the output, weight and number of the input that meet, channel by channel.
    fn channels(&self, samples: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let (channels, len) = (self.layer.n_out, self.layer.input.count());
        let (mut place, mut within) = (0, 0);
        self.walk(samples, |sample, position| {
            let start = position.map(|position| sample * len + position * channels);
            for channel in 0..channels {
                if let Some(start) = start {
                    visit(place * channels + channel, within * channels + channel, start + channel);
                }
            }
            within += 1;
            if within == self.layer.n_in {
                (place, within) = (place + 1, 0);
            }
        });
    }

    /// Every sample, place of the kernel and position under it, in this order; `None` beside the image.
    fn walk(&self, samples: usize, mut visit: impl FnMut(usize, Option<usize>)) {
        if self.layer.kernel.is_none() {
            let positions = self.layer.output.positions();
            let all = (0..samples).flat_map(|sample| (0..positions).map(move |at| (sample, at)));
            return all.for_each(|(sample, at)| visit(sample, Some(at)));
        }
        let (Some(kernel), Some([height, width])) = (self.layer.kernel, self.layer.input.image)
        else {
            return;
        };
        let Some([rows, columns]) = self.layer.output.image else { return };
        let pairs = |a: usize, b: usize| (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)));
        for sample in 0..samples {
            for (i, j) in pairs(rows, columns) {
                for (u, v) in pairs(kernel.size, kernel.size) {
                    let row = kernel.position(i, u, height);
                    let column = kernel.position(j, v, width);
                    visit(sample, row.zip(column).map(|(row, column)| row * width + column));
                }
            }
        }
    }
}

/// Adds a product, of numbers that there are.
fn accumulate(sums: &mut [i64], at: usize, (a, b): (Option<&i32>, Option<&i32>)) {
    if let (Some(sum), Some(a), Some(b)) = (sums.get_mut(at), a, b) {
        *sum += i64::from(*a) * i64::from(*b);
    }
}

/// A kernel's window along a side: its places, `(axis, how many)`, and positions within on another axis.
fn window(
    kernel: &Kernel,
    (at, windows): (usize, usize),
    within: usize,
    direction: Direction,
) -> Window {
    let Kernel { size: places, stride, padding } = *kernel;
    Window { at, windows, within, places, stride, padding, direction }
}
