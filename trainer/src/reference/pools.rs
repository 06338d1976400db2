//! The largest and the mean of every window of an image.

use ndarray::Array2;
use zktrain_model::manifest::Shape;

/// The largest of each window: `(samples, input)` to `(samples, output)`.
pub fn largest(shape: &Shape, input: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::from_elem((input.nrows(), shape.output.count()), f64::NEG_INFINITY);
    walk(shape, |to, from| {
        for (mut out, input) in out.rows_mut().into_iter().zip(input.rows()) {
            out[to] = out[to].max(input[from]);
        }
    });
    out
}

/// What arrives goes to the first largest: `(samples, output)` to `(samples, input)`.
pub fn routed(shape: &Shape, input: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    let largest = largest(shape, input);
    let (mut sent, mut left) = (Array2::zeros(input.raw_dim()), d.clone());
    walk(shape, |to, from| {
        for sample in 0..input.nrows() {
            if input[[sample, from]] >= largest[[sample, to]] {
                sent[[sample, from]] = std::mem::take(&mut left[[sample, to]]);
            }
        }
    });
    sent
}

/// The mean of each window.
pub fn mean(shape: &Shape, input: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((input.nrows(), shape.output.count()));
    let share = share(shape);
    walk(shape, |to, from| {
        out.column_mut(to).scaled_add(share, &input.column(from));
    });
    out
}

/// What arrives is shared.
pub fn shared(shape: &Shape, d: &Array2<f64>) -> Array2<f64> {
    let mut sent = Array2::zeros((d.nrows(), shape.input.count()));
    let share = share(shape);
    walk(shape, |to, from| sent.column_mut(from).assign(&(&d.column(to) * share)));
    sent
}

fn share(shape: &Shape) -> f64 {
    let places = shape.kernel.map_or(1, |kernel| kernel.size * kernel.size);
    1.0 / places as f64
}

/// Visits the numbers of the output, and of each those of its window by rows.
fn walk(shape: &Shape, mut visit: impl FnMut(usize, usize)) {
    let (Some(kernel), Some([_, width]), Some([rows, columns])) =
        (shape.kernel, shape.input.image, shape.output.image)
    else {
        return;
    };
    let (size, channels) = (kernel.size, shape.input.channels);
    for to in 0..rows * columns * channels {
        let (position, channel) = (to / channels, to % channels);
        let (i, j) = (position / columns * size, position % columns * size);
        for place in 0..size * size {
            let from = (i + place / size) * width + j + place % size;
            visit(to, from * channels + channel);
        }
    }
}
