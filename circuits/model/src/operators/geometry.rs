//! Where a layer's weights meet its input: as maps of tensors' dimensions to the axes of a product, and
//! computed.

use core::ops::Range;

use crate::manifest::{Features, Kernel, Layer};
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

impl Geometry<'_> {
    /// The input's dimensions on axes: the step, the sample, the output's position from one axis on, the
    /// weights' rows from another.
    pub fn input(&self, step: usize, sample: usize, position: usize, row: usize) -> Vec<DimMap> {
        let Layer { input, output, kernel, .. } = self.layer;
        let sides = input.sides();
        let channel = row + sides.len();
        let Some(kernel) = kernel else {
            return value_axes(channel, step, sample, row..channel);
        };
        let windows = output.sides().iter().enumerate().map(|(k, windows)| {
            let places = (position + k, *windows);
            DimMap::Window(window(kernel, places, row + k, Direction::Covers))
        });
        value_axes(channel, step, sample, 0..0).into_iter().chain(windows).collect()
    }

    /// The axes `x, y, k` of what the layer sends back: with a kernel, positions are the result's and
    /// places in the kernel are summed over.
    pub fn backward(&self, batch: usize) -> [Domain; 3] {
        let Layer { input, kernel, n_out, .. } = self.layer;
        match kernel {
            Some(kernel) => [
                Domain::new(&[&[batch], input.sides()].concat()),
                Domain::new(&[input.channels]),
                Domain::new(&[*n_out, kernel.size, kernel.size]),
            ],
            None => [&[batch][..], &input.sizes(), &[*n_out]].map(Domain::new),
        }
    }

    /// The gradient's dimensions on the axes `(step, x, k)` of that.
    pub fn sent(&self) -> Vec<DimMap> {
        let Some(kernel) = &self.layer.kernel else { return value_axes(2, 0, 1, 0..0) };
        let sides = self.layer.input.sides();
        let channel = 2 + sides.len();
        let windows = sides.iter().enumerate().map(|(k, side)| {
            let within = channel + 1 + k;
            DimMap::Window(window(kernel, (2 + k, *side), within, Direction::CoveredBy))
        });
        value_axes(channel, 0, 1, 0..0).into_iter().chain(windows).collect()
    }

    /// The weights' `(row…, column)` on the axes `(step, y, k)` of that.
    pub fn sent_rows(&self) -> Vec<usize> {
        match self.layer.kernel {
            Some(_) => vec![3, 4, 1, 2],
            None => (1..=self.layer.input.sizes().len() + 1).collect(),
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

    /// Every sample, place of the kernel and position under it, in this order; `None` beside the image.
    fn walk(&self, samples: usize, mut visit: impl FnMut(usize, Option<usize>)) {
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
