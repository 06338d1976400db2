//! Batch norm in double precision, of `(samples, numbers)` whose channels come innermost.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use zktrain_model::manifest::Shape;

use super::FloatLayer;

/// Added to variances.
const EPSILON: f64 = 1e-5;
/// Share of a batch's statistics in the running ones.
const TRACKING: f64 = 0.1;

/// Means and deviations of channels.
struct Statistics {
    mean: Array1<f64>,
    deviation: Array1<f64>,
}

impl Statistics {
    fn of(shape: &Shape, a: &Array2<f64>) -> Self {
        let all = rows(shape, a);
        let mean = all.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(shape.n_out));
        let variance = (&all - &mean).mapv(|c| c * c).mean_axis(Axis(0));
        let variance = variance.unwrap_or_else(|| Array1::zeros(shape.n_out));
        Self { mean, deviation: variance.mapv(|v| (v + EPSILON).sqrt()) }
    }

    fn running(layer: &FloatLayer) -> Option<Self> {
        let s = layer.s.as_ref()?;
        Some(Self { mean: s.row(0).to_owned(), deviation: s.row(1).to_owned() })
    }

    fn normed(&self, all: &Array2<f64>) -> Array2<f64> {
        (all - &self.mean) / &self.deviation
    }
}

/// Samples and positions as rows, channels as columns.
fn rows(shape: &Shape, a: &Array2<f64>) -> Array2<f64> {
    let n = shape.n_out.max(1);
    let shape = (a.len() / n, n);
    a.to_shape(shape).map(|all| all.to_owned()).unwrap_or_else(|_| Array2::zeros(shape))
}

/// The reverse.
fn samples(shape: &Shape, all: Array2<f64>) -> Array2<f64> {
    let count = shape.output.count().max(1);
    let shape = (all.len() / count, count);
    all.to_shape(shape).map(|a| a.to_owned()).unwrap_or_else(|_| Array2::zeros(shape))
}

fn gamma(layer: &FloatLayer) -> ArrayView1<'_, f64> {
    layer.w.row(0)
}

/// Values by the batch's own statistics, or by the running ones.
pub fn normed(shape: &Shape, layer: &FloatLayer, a: &Array2<f64>, training: bool) -> Array2<f64> {
    let running = if training { None } else { Statistics::running(layer) };
    let statistics = running.unwrap_or_else(|| Statistics::of(shape, a));
    let scaled = statistics.normed(&rows(shape, a)) * gamma(layer);
    let shifted = match &layer.b {
        Some(b) => scaled + b,
        None => scaled,
    };
    samples(shape, shifted)
}

/// The gradient at the input `a`, for `d` at the output of a step.
pub fn sent(shape: &Shape, layer: &FloatLayer, a: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    let statistics = Statistics::of(shape, a);
    let (normed, d) = (statistics.normed(&rows(shape, a)), rows(shape, d));
    let n = d.nrows().max(1) as f64;
    let common = d.sum_axis(Axis(0)) / n;
    let along = (&d * &normed).sum_axis(Axis(0)) / n;
    let scale = &gamma(layer) / &statistics.deviation;
    samples(shape, (d - &common - normed * &along) * &scale)
}

/// Numbers less their means over deviations, as what the scales are multiplied with.
pub fn inputs(shape: &Shape, a: &Array2<f64>) -> Array2<f64> {
    Statistics::of(shape, a).normed(&rows(shape, a))
}

/// The gradient at the output as rows.
pub fn outputs(shape: &Shape, d: &Array2<f64>) -> Array2<f64> {
    rows(shape, d)
}

/// Moves the running statistics towards those of a step; the largest of these.
pub fn track(shape: &Shape, layer: &mut FloatLayer, a: &Array2<f64>) -> f64 {
    let Statistics { mean, deviation } = Statistics::of(shape, a);
    if let Some(s) = &mut layer.s {
        for (mut row, now) in s.rows_mut().into_iter().zip([&mean, &deviation]) {
            row.zip_mut_with(now, |s, now| *s -= TRACKING * (*s - now));
        }
    }
    mean.iter().chain(&deviation).fold(0.0, |most: f64, x| most.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::slopes;
    use zktrain_model::manifest::{Features, LayerKind};

    #[test]
    fn what_is_sent_is_the_slope() {
        for features in [Features::flat(3), Features::image([2, 3, 4])] {
            let n = features.channels;
            let shape = Shape {
                n_in: 1,
                n_out: n,
                ..Shape::new(LayerKind::BatchNorm, &features, features)
            };
            let w = Array2::from_shape_fn((1, n), |(_, j)| 0.5 + j as f64);
            let layer = FloatLayer { w, b: Some(Array1::ones(n)), s: None };
            slopes(&shape, |a| normed(&shape, &layer, a, true), |a, d| sent(&shape, &layer, a, d));
        }
    }
}
