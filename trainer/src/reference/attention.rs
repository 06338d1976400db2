//! Attention in double precision, of `(samples, numbers)` whose channels come innermost.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use zktrain_model::manifest::{LayerKind, Shape};

use super::FloatLayer;

/// Sizes of an attention.
#[derive(Clone, Copy)]
struct Heads {
    count: usize,
    queries: usize,
    keys: usize,
}

impl Heads {
    /// Of scores, or of values by the shape of their shares.
    fn of(shape: &Shape) -> Self {
        let pairs = match shape.kind {
            LayerKind::AttentionValues => shape.input,
            _ => shape.output,
        };
        let [queries, keys] = pairs.image.unwrap_or([1, 1]);
        Self { count: shape.heads.max(1), queries, keys }
    }

    /// `left·rightᵀ` of each head: `(queries, channels)` and `(keys, channels)` to `(queries, keys, heads)`.
    fn met(&self, left: &[f64], right: &[f64]) -> Array1<f64> {
        let width = left.len() / self.queries / self.count;
        let mut all = Vec::with_capacity(self.queries * self.keys * self.count);
        for own in left.chunks_exact(self.count * width) {
            for other in right.chunks_exact(self.count * width) {
                let heads = own.chunks_exact(width).zip(other.chunks_exact(width));
                all.extend(heads.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()));
            }
        }
        Array1::from_vec(all)
    }

    /// `weights·right` of each head, or of weights with queries and keys exchanged.
    fn mixed(&self, weights: &[f64], right: &[f64], transposed: bool) -> Array1<f64> {
        let (to, over) =
            if transposed { (self.keys, self.queries) } else { (self.queries, self.keys) };
        let channels = right.len() / over;
        let width = channels / self.count;
        let mut all = vec![0.0; to * channels];
        for (at, own) in all.chunks_exact_mut(channels).enumerate() {
            for (other, row) in right.chunks_exact(channels).enumerate() {
                let (query, key) = if transposed { (other, at) } else { (at, other) };
                let weights = &weights[(query * self.keys + key) * self.count..][..self.count];
                let heads = own.chunks_exact_mut(width).zip(row.chunks_exact(width)).zip(weights);
                for ((own, row), weight) in heads {
                    own.iter_mut().zip(row).for_each(|(own, x)| *own += weight * x);
                }
            }
        }
        Array1::from_vec(all)
    }
}

/// A row for each sample.
fn by_sample(
    [left, right]: [&Array2<f64>; 2],
    row: impl Fn(&[f64], &[f64]) -> Array1<f64>,
) -> Array2<f64> {
    let pairs = left.rows().into_iter().zip(right.rows());
    let numbers = |row: ArrayView1<'_, f64>| row.to_vec();
    let rows: Vec<Array1<f64>> =
        pairs.map(|(left, right)| row(&numbers(left), &numbers(right))).collect();
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    ndarray::stack(Axis(0), &views).unwrap_or_else(|_| Array2::zeros((left.nrows(), 0)))
}

/// One over the root of a head's width.
fn factor(shape: &Shape) -> f64 {
    1.0 / ((shape.input.channels / shape.heads.max(1)) as f64).sqrt()
}

/// Scores of queries and keys.
pub fn scores(shape: &Shape, taken: [&Array2<f64>; 2]) -> Array2<f64> {
    let heads = Heads::of(shape);
    by_sample(taken, |q, k| heads.met(q, k)) * factor(shape)
}

/// The gradient at queries, or at keys.
pub fn scores_sent(
    shape: &Shape,
    [q, k]: [&Array2<f64>; 2],
    d: &Array2<f64>,
    second: bool,
) -> Array2<f64> {
    let heads = Heads::of(shape);
    let other = if second { q } else { k };
    by_sample([d, other], |d, other| heads.mixed(d, other, second)) * factor(shape)
}

/// Values by shares.
pub fn values(shape: &Shape, taken: [&Array2<f64>; 2]) -> Array2<f64> {
    let heads = Heads::of(shape);
    by_sample(taken, |p, v| heads.mixed(p, v, false))
}

/// The gradient at shares, or at values.
pub fn values_sent(
    shape: &Shape,
    [p, v]: [&Array2<f64>; 2],
    d: &Array2<f64>,
    second: bool,
) -> Array2<f64> {
    let heads = Heads::of(shape);
    match second {
        false => by_sample([d, v], |d, v| heads.met(d, v)),
        true => by_sample([p, d], |p, d| heads.mixed(p, d, true)),
    }
}

/// Shares of each row of scores.
pub fn softmax(shape: &Shape, a: &Array2<f64>) -> Array2<f64> {
    let mut shares = Array2::zeros(a.raw_dim());
    rows(shape, a.nrows(), |sample, row| {
        let max = row.iter().map(|i| a[[sample, *i]]).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|i| libm::exp(a[[sample, *i]] - max)).sum();
        row.iter().for_each(|i| shares[[sample, *i]] = libm::exp(a[[sample, *i]] - max) / sum);
    });
    shares
}

/// The gradient at scores.
pub fn softmax_sent(shape: &Shape, a: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    let shares = softmax(shape, a);
    let mut sent = Array2::zeros(a.raw_dim());
    rows(shape, a.nrows(), |sample, row| {
        let mean: f64 = row.iter().map(|i| shares[[sample, *i]] * d[[sample, *i]]).sum();
        row.iter().for_each(|i| {
            sent[[sample, *i]] = shares[[sample, *i]] * (d[[sample, *i]] - mean);
        });
    });
    sent
}

/// Visits samples and rows: where the numbers are that may be looked at.
fn rows(shape: &Shape, samples: usize, mut visit: impl FnMut(usize, &[usize])) {
    let ([queries, keys], heads) = (shape.output.image.unwrap_or([1, 1]), shape.output.channels);
    for (sample, row) in (0..samples).flat_map(|s| (0..queries * heads).map(move |row| (s, row))) {
        let (query, head) = (row / heads, row % heads);
        let width = keys;
        let keys = 0..if shape.causal { (query + 1).min(keys) } else { keys };
        let numbers = keys.map(|key| (query * width + key) * heads + head);
        let numbers: Vec<usize> = numbers.collect();
        visit(sample, &numbers);
    }
}

/// Numbers of positions, in the order of a sample's.
pub fn positions(layer: &FloatLayer) -> Array1<f64> {
    layer.w.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::slopes;
    use zktrain_model::manifest::Features;

    fn image(channels: usize, [height, width]: [usize; 2]) -> Features {
        Features::image([height, width, channels])
    }

    /// The other of two that are taken.
    fn other(count: usize) -> Array2<f64> {
        Array2::from_shape_fn((3, count), |(i, j)| ((3 * i + 5 * j) % 13) as f64 / 6.0 - 1.0)
    }

    #[test]
    fn what_is_sent_is_the_slope() {
        // Three channels a head, and one.
        [6, 2].into_iter().for_each(slopes_of);
    }

    fn slopes_of(channels: usize) {
        let (sequence, pairs) = (image(channels, [4, 1]), image(2, [4, 4]));
        let shape =
            |kind, input: Features, output| Shape { heads: 2, ..Shape::new(kind, &input, output) };
        let of_scores = shape(LayerKind::AttentionScores, sequence, pairs);
        let k = other(4 * channels);
        slopes(
            &of_scores,
            |q| scores(&of_scores, [q, &k]),
            |q, d| scores_sent(&of_scores, [q, &k], d, false),
        );
        slopes(
            &of_scores,
            |q| scores(&of_scores, [&k, q]),
            |q, d| scores_sent(&of_scores, [&k, q], d, true),
        );
        let of_values = shape(LayerKind::AttentionValues, pairs, sequence);
        let v = other(4 * channels);
        slopes(
            &of_values,
            |p| values(&of_values, [p, &v]),
            |p, d| values_sent(&of_values, [p, &v], d, false),
        );
        let (p, by_input) = (other(32), Shape { input: sequence, ..of_values });
        let taken = |v: &Array2<f64>| values(&of_values, [&p, v]);
        slopes(&by_input, taken, |v, d| values_sent(&of_values, [&p, v], d, true));
        for causal in [false, true] {
            let of_rows = Shape { causal, ..Shape::new(LayerKind::Softmax, &pairs, pairs) };
            slopes(&of_rows, |a| softmax(&of_rows, a), |a, d| softmax_sent(&of_rows, a, d));
        }
    }
}
