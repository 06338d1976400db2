//! The same algorithm in double precision: what the integers are compared with,
//! and what calibration watches to choose scales.

mod attention;
mod norm;
mod optimizer;
mod patches;
mod pools;
mod rows;

use optimizer::Rule;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use patches::{by_position, by_sample, gathered, patches, weighed, weighed_back, weights_gradient};
use zktrain_model::manifest::{Activation, LayerKind, Loss, Manifest, ManifestError, Shape};
use zktrain_model::quant::SLOPE_FRAC;

/// Parameters of one layer as real numbers; empty of a layer without.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatLayer {
    /// Weights `(n_in, n_out)`.
    pub w: Array2<f64>,
    /// Biases, `n_out`.
    pub b: Option<Array1<f64>>,
    /// Running statistics of a batch norm, `(2, n_out)`: means, then deviations.
    pub s: Option<Array2<f64>>,
}

/// Largest magnitudes seen in one layer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Extremes {
    /// Output before the activation.
    pub z: f64,
    /// Gradient arriving at the activated output.
    pub g: f64,
    /// Loss gradient with respect to `z`.
    pub d: f64,
    /// Mean gradient of a parameter.
    pub mean: f64,
    /// Update of a parameter.
    pub update: f64,
    /// A parameter.
    pub weight: f64,
    /// A mean or deviation that a batch norm saw.
    pub statistic: f64,
}

/// Gradient descent in double precision.
#[derive(Debug, Clone)]
pub struct FloatTrainer {
    shapes: Vec<Shape>,
    /// Labels whose mean loss a step follows, however many of them a batch has.
    labels: usize,
    loss: Loss,
    rule: Rule,
    parameters: Vec<FloatLayer>,
    /// The previous update, or Adam's first moment.
    velocity: Vec<FloatLayer>,
    /// Adam's second moment.
    squares: Vec<FloatLayer>,
    extremes: Vec<Extremes>,
}

impl FloatTrainer {
    /// Starts from `parameters`, which must have the manifest's shapes, with no velocity.
    ///
    /// # Errors
    /// When the manifest's layers are inconsistent.
    pub fn new(manifest: &Manifest, parameters: Vec<FloatLayer>) -> Result<Self, ManifestError> {
        let zero = |layer: &FloatLayer| FloatLayer {
            w: Array2::zeros(layer.w.raw_dim()),
            b: layer.b.as_ref().map(|b| Array1::zeros(b.len())),
            s: None,
        };
        let shapes = manifest.shapes()?;
        Ok(Self {
            velocity: parameters.iter().map(zero).collect(),
            squares: parameters.iter().map(zero).collect(),
            extremes: vec![Extremes::default(); shapes.len()],
            labels: manifest.labels_in_step(&shapes),
            shapes,
            loss: manifest.model.loss,
            rule: Rule::new(&manifest.optimizer, manifest.training.max_steps),
            parameters,
        })
    }

    /// The current parameters.
    pub fn parameters(&self) -> &[FloatLayer] {
        &self.parameters
    }

    /// Largest magnitudes seen so far, one entry per linear layer.
    pub fn extremes(&self) -> &[Extremes] {
        &self.extremes
    }

    /// Outputs `(rows, output)` of the last layer for inputs `(rows, input)`.
    pub fn outputs(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let x = x.to_owned();
        let mut outputs: Vec<Array2<f64>> = Vec::with_capacity(self.shapes.len());
        for (shape, layer) in self.shapes.iter().zip(&self.parameters) {
            let z = transform(shape, layer, taken(shape, &x, &outputs), false);
            outputs.push(activate(shape.activation, &z));
        }
        outputs.pop().unwrap_or(x)
    }

    /// Mean loss on the batch `x` `(B, input)` with labels `y` `(B, output)`.
    pub fn loss(&self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> f64 {
        let z = self.by_label(&self.outputs(x));
        let y = self.by_label(&y.to_owned());
        let row = |(z, y): (ArrayView1<'_, f64>, ArrayView1<'_, f64>)| row_loss(self.loss, z, y);
        let total: f64 = z.rows().into_iter().zip(y.rows()).map(row).sum();
        total / z.nrows().max(1) as f64
    }

    /// `(samples, output)` as a row for each label, which every position has where the last layer puts out an image.
    fn by_label(&self, values: &Array2<f64>) -> Array2<f64> {
        let channels = self.shapes.last().map_or(1, |last| last.output.channels.max(1));
        let rows = (values.len() / channels, channels);
        values.to_owned().into_shape_with_order(rows).unwrap_or_else(|_| values.clone())
    }

    /// One step on the batch `x` `(B, input)` with labels `y` `(B, output)`.
    pub fn step(&mut self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) {
        self.rule.begin();
        let input = x.to_owned();
        let (mut before, mut outputs): (Vec<Array2<f64>>, Vec<Array2<f64>>) = Default::default();
        for (l, (shape, layer)) in self.shapes.iter().zip(&self.parameters).enumerate() {
            let z = transform(shape, layer, taken(shape, &input, &outputs), true);
            self.extremes[l].z = self.extremes[l].z.max(largest(&z));
            outputs.push(activate(shape.activation, &z));
            before.push(z);
        }
        // The gradient at every layer's output, as far as it has arrived.
        let mut arrived: Vec<Option<Array2<f64>>> = vec![None; self.shapes.len()];
        for l in (0..self.shapes.len()).rev() {
            let shape = self.shapes[l];
            let d = match arrived[l].take() {
                Some(g) => {
                    let seen = &mut self.extremes[l];
                    seen.g = seen.g.max(largest(&g));
                    g * derivative(shape.activation, &before[l])
                }
                None => {
                    let (z, y) = (self.by_label(&outputs[l]), self.by_label(&y.to_owned()));
                    let shape = outputs[l].raw_dim();
                    let d = loss_gradient(self.loss, &z, y.view());
                    d.into_shape_with_order(shape).unwrap_or_default()
                }
            };
            self.extremes[l].d = self.extremes[l].d.max(largest(&d));
            let from = taken(&shape, &input, &outputs);
            for below in shape.from.into_iter().chain(shape.with) {
                let second = shape.with == Some(below);
                let g = sent(&shape, &self.parameters[l], from, (&d, second));
                arrived[below] = Some(match arrived[below].take() {
                    Some(sum) => sum + g,
                    None => g,
                });
            }
            self.update(l, from, &d, self.labels);
        }
    }

    fn update(&mut self, l: usize, taken: Taken<'_>, d: &Array2<f64>, labels: usize) {
        let shape = self.shapes[l];
        if shape.n_in == 0 {
            return;
        }
        if shape.kind == LayerKind::BatchNorm {
            let seen = norm::track(&shape, &mut self.parameters[l], taken.first);
            self.extremes[l].statistic = self.extremes[l].statistic.max(seen);
        }
        let d = &match shape.kind {
            LayerKind::BatchNorm => norm::outputs(&shape, d),
            LayerKind::Positions => d.clone(),
            _ => by_position(&shape, d.clone()),
        };
        let labels = labels as f64;
        let (own, seen) = (&self.rule, &mut self.extremes[l]);
        let mut rule = |w: &mut f64, v: &mut f64, s: &mut f64, mean: f64| {
            let update = own.update(*w, mean, (v, s));
            *w -= update;
            seen.mean = seen.mean.max(mean.abs());
            seen.update = seen.update.max(update.abs());
            seen.weight = seen.weight.max(w.abs());
        };
        let (p, v, s) = (&mut self.parameters[l], &mut self.velocity[l], &mut self.squares[l]);
        let sum = match shape.kind {
            LayerKind::DepthwiseConv2d | LayerKind::Scale => {
                weights_gradient(&shape, taken.first, d)
            }
            LayerKind::BatchNorm => {
                (norm::inputs(&shape, taken.first) * d).sum_axis(Axis(0)).insert_axis(Axis(0))
            }
            LayerKind::Positions => {
                let sum = d.sum_axis(Axis(0));
                Array2::from_shape_fn((shape.n_in, shape.n_out), |(i, j)| sum[i * shape.n_out + j])
            }
            _ => patches(&shape, taken.first).t().dot(d),
        };
        let gradient = sum / labels;
        ndarray::Zip::from(&mut p.w)
            .and(&mut v.w)
            .and(&mut s.w)
            .and(&gradient)
            .for_each(|w, v, s, g| rule(w, v, s, *g));
        if let (Some(b), Some(v), Some(s)) = (&mut p.b, &mut v.b, &mut s.b) {
            let gradient = d.sum_axis(Axis(0)) / labels;
            let all = ndarray::Zip::from(b).and(v).and(s).and(&gradient);
            all.for_each(|w, v, s, g| rule(w, v, s, *g));
        }
    }
}

/// The values that a layer takes, of one layer or of two.
#[derive(Clone, Copy)]
struct Taken<'a> {
    first: &'a Array2<f64>,
    second: Option<&'a Array2<f64>>,
}

impl<'a> Taken<'a> {
    /// Both; the first for want of a second.
    fn both(self) -> [&'a Array2<f64>; 2] {
        [self.first, self.second.unwrap_or(self.first)]
    }
}

fn taken<'a>(shape: &Shape, inputs: &'a Array2<f64>, outputs: &'a [Array2<f64>]) -> Taken<'a> {
    let first = shape.from.map_or(inputs, |from| &outputs[from]);
    Taken { first, second: shape.with.map(|with| &outputs[with]) }
}

/// What a layer makes of `(samples, input)` before any activation, `(samples, output)`.
fn transform(shape: &Shape, layer: &FloatLayer, taken: Taken<'_>, training: bool) -> Array2<f64> {
    let a = taken.first;
    match shape.kind {
        LayerKind::Add => taken.second.map_or_else(|| a.clone(), |second| a + second),
        LayerKind::BatchNorm => norm::normed(shape, layer, a, training),
        LayerKind::LayerNorm | LayerKind::RmsNorm => rows::normed(shape, a),
        LayerKind::AttentionScores => attention::scores(shape, taken.both()),
        LayerKind::Softmax => attention::softmax(shape, a),
        LayerKind::AttentionValues => attention::values(shape, taken.both()),
        LayerKind::Positions => a + &attention::positions(layer),
        LayerKind::MaxPool2d => pools::largest(shape, a),
        LayerKind::AvgPool2d => pools::mean(shape, a),
        LayerKind::DepthwiseConv2d | LayerKind::Scale => {
            by_sample(shape, biased(layer, weighed(shape, a, &layer.w)))
        }
        _ => by_sample(shape, biased(layer, patches(shape, a).dot(&layer.w))),
    }
}

/// What a layer sends back to the first of those whose values it has taken, or to the second, for the gradient `d` at its
/// output.
fn sent(
    shape: &Shape,
    layer: &FloatLayer,
    taken: Taken<'_>,
    (d, second): (&Array2<f64>, bool),
) -> Array2<f64> {
    let a = taken.first;
    match shape.kind {
        LayerKind::Add | LayerKind::Positions => d.clone(),
        LayerKind::AttentionScores => attention::scores_sent(shape, taken.both(), d, second),
        LayerKind::Softmax => attention::softmax_sent(shape, a, d),
        LayerKind::AttentionValues => attention::values_sent(shape, taken.both(), d, second),
        LayerKind::BatchNorm => norm::sent(shape, layer, a, d),
        LayerKind::LayerNorm | LayerKind::RmsNorm => rows::sent(shape, a, d),
        LayerKind::MaxPool2d => pools::routed(shape, a, d),
        LayerKind::AvgPool2d => pools::shared(shape, d),
        LayerKind::DepthwiseConv2d | LayerKind::Scale => {
            weighed_back(shape, &by_position(shape, d.clone()), &layer.w)
        }
        _ => gathered(shape, by_position(shape, d.clone()).dot(&layer.w.t())),
    }
}

fn biased(layer: &FloatLayer, z: Array2<f64>) -> Array2<f64> {
    match &layer.b {
        Some(b) => z + b,
        None => z,
    }
}

fn activate(activation: Activation, z: &Array2<f64>) -> Array2<f64> {
    match activation {
        Activation::Identity => z.clone(),
        Activation::Relu => z.mapv(|z| z.max(0.0)),
        Activation::Sigmoid => z.mapv(sigmoid),
        Activation::Tanh => z.mapv(libm::tanh),
        Activation::LeakyRelu { slope } => z.mapv(|z| z * leak(slope, z)),
        Activation::Gelu => z.mapv(|z| z * normal(z)),
        Activation::Silu => z.mapv(|z| z * sigmoid(z)),
    }
}

/// The activation's derivative at `z`.
fn derivative(activation: Activation, z: &Array2<f64>) -> Array2<f64> {
    match activation {
        Activation::Identity => Array2::ones(z.raw_dim()),
        Activation::Relu => z.mapv(|z| if z > 0.0 { 1.0 } else { 0.0 }),
        Activation::Sigmoid => z.mapv(sigmoid).mapv(|a| a * (1.0 - a)),
        Activation::Tanh => z.mapv(libm::tanh).mapv(|a| 1.0 - a * a),
        Activation::LeakyRelu { slope } => z.mapv(|z| leak(slope, z)),
        Activation::Gelu => z.mapv(|z| normal(z) + z * density(z)),
        Activation::Silu => z.mapv(|z| sigmoid(z) * (1.0 + z * sigmoid(-z))),
    }
}

/// The factor of a leaky ReLU: the slope that its integers have, where `z` is negative.
fn leak(slope: i64, z: f64) -> f64 {
    if z < 0.0 { to_slope(slope) } else { 1.0 }
}

/// The real number that a slope's multiplier stands for.
pub(crate) fn to_slope(slope: i64) -> f64 {
    libm::scalbn(slope as f64, -(SLOPE_FRAC as i32))
}

/// Distribution function of the standard normal distribution.
fn normal(z: f64) -> f64 {
    libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

/// Its density.
fn density(z: f64) -> f64 {
    libm::exp(-z * z / 2.0) / (2.0 * std::f64::consts::PI).sqrt()
}

pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}

fn loss_gradient(loss: Loss, z: &Array2<f64>, y: ArrayView2<'_, f64>) -> Array2<f64> {
    let p = match loss {
        Loss::Mse => z.clone(),
        Loss::Logistic => z.mapv(sigmoid),
        Loss::SoftmaxCrossEntropy => {
            let mut p = z.clone();
            for (mut row, y) in p.rows_mut().into_iter().zip(y.rows()) {
                let max = row.fold(f64::NEG_INFINITY, |m, z| m.max(*z));
                row.mapv_inplace(|z| libm::exp(z - max));
                let sum = row.sum();
                // A label's entries are its weight, of one class.
                row *= y.sum() / sum;
            }
            p
        }
    };
    p - y
}

fn row_loss(loss: Loss, z: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> f64 {
    let pairs = || z.iter().zip(&y);
    match loss {
        Loss::Mse => pairs().map(|(z, y)| (z - y) * (z - y) / 2.0).sum(),
        Loss::Logistic => {
            pairs().map(|(z, y)| libm::log1p(libm::exp(-z.abs())) + z.max(0.0) - z * y).sum()
        }
        Loss::SoftmaxCrossEntropy => {
            let max = z.fold(f64::NEG_INFINITY, |m, z| m.max(*z));
            let sum: f64 = z.iter().map(|z| libm::exp(z - max)).sum();
            y.sum() * (max + libm::log(sum)) - pairs().map(|(z, y)| z * y).sum::<f64>()
        }
    }
}

fn largest(x: &Array2<f64>) -> f64 {
    x.fold(0.0, |m: f64, x| m.max(x.abs()))
}

/// Compares a layer's gradient with differences of its values, for three samples.
#[cfg(test)]
fn slopes(
    shape: &Shape,
    values: impl Fn(&Array2<f64>) -> Array2<f64>,
    sent: impl Fn(&Array2<f64>, &Array2<f64>) -> Array2<f64>,
) {
    let count = shape.input.count();
    let a = Array2::from_shape_fn((3, count), |(i, j)| ((7 * i + 3 * j) % 11) as f64 / 4.0 - 1.0);
    let outputs = (3, values(&a).ncols());
    let d = Array2::from_shape_fn(outputs, |(i, j)| ((5 * i + 2 * j) % 7) as f64 - 2.5);
    let got = sent(&a, &d);
    for (at, got) in got.indexed_iter() {
        let along = |by: f64| {
            let mut a = a.clone();
            a[at] += by;
            (values(&a) * &d).sum()
        };
        let slope = (along(1e-5) - along(-1e-5)) / 2e-5;
        assert!((slope - got).abs() < 1e-5, "{:?} at {at:?}: {slope}, {got}", shape.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every derivative is the slope of its function.
    #[test]
    fn derivatives_are_slopes() {
        let leaky = Activation::LeakyRelu { slope: 655 };
        let known = [Activation::Identity, Activation::Relu, Activation::Sigmoid, Activation::Tanh];
        for activation in known.into_iter().chain([leaky, Activation::Gelu, Activation::Silu]) {
            let at = |z: f64| activate(activation, &Array2::from_elem((1, 1), z))[[0, 0]];
            for z in [-7.3, -2.0, -0.7, -0.01, 0.02, 0.9, 1.5, 8.0] {
                let slope = (at(z + 1e-6) - at(z - 1e-6)) / 2e-6;
                let got = derivative(activation, &Array2::from_elem((1, 1), z))[[0, 0]];
                assert!((slope - got).abs() < 1e-8, "{activation:?} at {z}: {slope}, {got}");
            }
        }
    }
}
