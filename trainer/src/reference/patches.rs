//! What a layer's weights are multiplied with, at every position of its output.

use ndarray::Array2;
use zktrain_model::manifest::{Kernel, Shape};

/// `(samples, input)` to `(samples·positions, n_in)`
pub fn patches(shape: &Shape, input: &Array2<f64>) -> Array2<f64> {
    let Some(kernel) = shape.kernel else { return input.clone() };
    let channels = shape.input.channels;
    let mut patches = Array2::zeros((input.nrows() * shape.output.positions(), shape.n_in));
    walk(shape, kernel, input.nrows(), |sample, row, place, position| {
        for channel in 0..channels {
            patches[[row, place * channels + channel]] =
                input[[sample, position * channels + channel]];
        }
    });
    patches
}

/// The reverse: `(samples·positions, n_in)` summed to `(samples, input)`.
pub fn gathered(shape: &Shape, sent: Array2<f64>) -> Array2<f64> {
    let Some(kernel) = shape.kernel else { return sent };
    let channels = shape.input.channels;
    let samples = sent.nrows() / shape.output.positions();
    let mut sums = Array2::zeros((samples, shape.input.count()));
    walk(shape, kernel, samples, |sample, row, place, position| {
        for channel in 0..channels {
            sums[[sample, position * channels + channel]] +=
                sent[[row, place * channels + channel]];
        }
    });
    sums
}

/// What each place of the kernel makes of what it covers, channel by channel: `(samples·positions, channels)`.
pub fn weighed(shape: &Shape, input: &Array2<f64>, w: &Array2<f64>) -> Array2<f64> {
    let mut z = Array2::zeros((input.nrows() * shape.output.positions(), shape.n_out));
    by_channel(shape, input.nrows(), |sample, row, place, number, channel| {
        z[[row, channel]] += input[[sample, number]] * w[[place, channel]];
    });
    z
}

/// What arrives at the input of that, `(samples, input)`.
pub fn weighed_back(shape: &Shape, d: &Array2<f64>, w: &Array2<f64>) -> Array2<f64> {
    let samples = d.nrows() / shape.output.positions();
    let mut sums = Array2::zeros((samples, shape.input.count()));
    by_channel(shape, samples, |sample, row, place, number, channel| {
        sums[[sample, number]] += d[[row, channel]] * w[[place, channel]];
    });
    sums
}

/// The gradient of its weights.
pub fn weights_gradient(shape: &Shape, input: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    let mut sums = Array2::zeros((shape.n_in, shape.n_out));
    by_channel(shape, input.nrows(), |sample, row, place, number, channel| {
        sums[[place, channel]] += input[[sample, number]] * d[[row, channel]];
    });
    sums
}

/// Visits sample, row of the output, place in the kernel, number of the input and channel.
fn by_channel(
    shape: &Shape,
    samples: usize,
    mut visit: impl FnMut(usize, usize, usize, usize, usize),
) {
    let Some(kernel) = shape.kernel else {
        // A scale meets every number once.
        let (rows, n) = (shape.output.positions(), shape.n_out);
        for (sample, at) in (0..samples).flat_map(|sample| (0..rows).map(move |at| (sample, at))) {
            (0..n).for_each(|channel| {
                visit(sample, sample * rows + at, 0, at * n + channel, channel)
            });
        }
        return;
    };
    walk(shape, kernel, samples, |sample, row, place, position| {
        for channel in 0..shape.n_out {
            visit(sample, row, place, position * shape.n_out + channel, channel);
        }
    });
}

/// `(samples·positions, channels)` to `(samples, output)`
pub fn by_sample(shape: &Shape, values: Array2<f64>) -> Array2<f64> {
    let samples = values.nrows() / shape.output.positions();
    reshaped(values, (samples, shape.output.count()))
}

/// `(samples, output)` to `(samples·positions, channels)`
pub fn by_position(shape: &Shape, values: Array2<f64>) -> Array2<f64> {
    let rows = values.nrows() * shape.output.positions();
    reshaped(values, (rows, shape.output.channels))
}

/// The same numbers in the same order, row-major.
fn reshaped(values: Array2<f64>, sizes: (usize, usize)) -> Array2<f64> {
    let values: Vec<f64> = values.iter().copied().collect();
    Array2::from_shape_fn(sizes, |(i, j)| values[i * sizes.1 + j])
}

/// Visits sample, row of the patches, place in the kernel and position in the image, wherever the kernel
/// lies on the image.
fn walk(
    shape: &Shape,
    kernel: Kernel,
    samples: usize,
    mut visit: impl FnMut(usize, usize, usize, usize),
) {
    let (Some([height, width]), Some([rows, columns])) = (shape.input.image, shape.output.image)
    else {
        return;
    };
    let pairs = |a: usize, b: usize| (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)));
    for sample in 0..samples {
        for (i, j) in pairs(rows, columns) {
            for (u, v) in pairs(kernel.size, kernel.size) {
                let at = kernel.position(i, u, height).zip(kernel.position(j, v, width));
                if let Some((y, x)) = at {
                    let row = (sample * rows + i) * columns + j;
                    visit(sample, row, u * kernel.size + v, y * width + x);
                }
            }
        }
    }
}
