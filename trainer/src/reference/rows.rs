//! Layer norm and RMS norm in double precision, of `(samples, numbers)` whose channels come innermost.

use ndarray::{Array1, Array2, Axis};
use zktrain_model::manifest::Shape;
use zktrain_model::operators::LayerKind;

/// Added to variances.
const EPSILON: f64 = 1e-5;

/// Samples' positions as rows, less their means, and the deviations of the rows.
fn rows(shape: &Shape, a: &Array2<f64>) -> (Array2<f64>, Array1<f64>) {
    let all = reshaped(a, shape.output.channels);
    let centred = match shape.kind {
        LayerKind::LayerNorm => &all - &means(&all),
        _ => all,
    };
    let deviation = means(&centred.mapv(|c| c * c)).mapv(|v| (v + EPSILON).sqrt());
    (centred, deviation.remove_axis(Axis(1)))
}

/// The mean of each row, as a column.
fn means(all: &Array2<f64>) -> Array2<f64> {
    let n = all.ncols().max(1) as f64;
    (all.sum_axis(Axis(1)) / n).insert_axis(Axis(1))
}

fn reshaped(a: &Array2<f64>, columns: usize) -> Array2<f64> {
    let shape = (a.len() / columns.max(1), columns);
    a.to_shape(shape).map(|all| all.to_owned()).unwrap_or_else(|_| Array2::zeros(shape))
}

/// Every row over its deviation.
pub fn normed(shape: &Shape, a: &Array2<f64>) -> Array2<f64> {
    let (centred, deviation) = rows(shape, a);
    reshaped(&(centred / deviation.insert_axis(Axis(1))), a.ncols())
}

/// The gradient at the input `a`, for `d` at the output.
pub fn sent(shape: &Shape, a: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    let (centred, deviation) = rows(shape, a);
    let deviation = deviation.insert_axis(Axis(1));
    let (normed, d) = (centred / &deviation, reshaped(d, shape.output.channels));
    let along = &normed * &means(&(&d * &normed));
    let common = match shape.kind {
        LayerKind::LayerNorm => means(&d),
        _ => Array2::zeros((d.nrows(), 1)),
    };
    reshaped(&((d - &common - along) / deviation), a.ncols())
}
