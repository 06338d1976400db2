//! The same algorithm in double precision: what the integers are compared with,
//! and what calibration watches to choose scales.

mod norm;
mod patches;
mod pools;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use patches::{by_position, by_sample, gathered, patches};
use zktrain_model::manifest::{
    Activation, LayerKind, Loss, Manifest, ManifestError, Optimizer, Shape,
};

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

/// Stochastic gradient descent in double precision.
#[derive(Debug, Clone)]
pub struct FloatTrainer {
    shapes: Vec<Shape>,
    loss: Loss,
    optimizer: Optimizer,
    parameters: Vec<FloatLayer>,
    velocity: Vec<FloatLayer>,
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
            extremes: vec![Extremes::default(); shapes.len()],
            shapes,
            loss: manifest.model.loss,
            optimizer: manifest.optimizer,
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
        let mut a = x.to_owned();
        for (shape, layer) in self.shapes.iter().zip(&self.parameters) {
            a = activate(shape.activation, transform(shape, layer, &a, false));
        }
        a
    }

    /// Mean loss on the batch `x` `(B, input)` with labels `y` `(B, output)`.
    pub fn loss(&self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> f64 {
        let z = self.outputs(x);
        let row = |(z, y): (ArrayView1<'_, f64>, ArrayView1<'_, f64>)| row_loss(self.loss, z, y);
        let total: f64 = z.rows().into_iter().zip(y.rows()).map(row).sum();
        total / z.nrows().max(1) as f64
    }

    /// One step on the batch `x` `(B, input)` with labels `y` `(B, output)`.
    pub fn step(&mut self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) {
        let (mut inputs, mut a) = (Vec::new(), x.to_owned());
        for (l, (shape, layer)) in self.shapes.iter().zip(&self.parameters).enumerate() {
            let z = transform(shape, layer, &a, true);
            self.extremes[l].z = self.extremes[l].z.max(largest(&z));
            let next = activate(shape.activation, z);
            inputs.push(std::mem::replace(&mut a, next));
        }
        let mut d = loss_gradient(self.loss, &a, y);
        for l in (0..self.shapes.len()).rev() {
            self.extremes[l].d = self.extremes[l].d.max(largest(&d));
            let shape = self.shapes[l];
            let arriving = (l > 0).then(|| sent(&shape, &self.parameters[l], &inputs[l], &d));
            self.update(l, &inputs[l], &d, x.nrows());
            if let Some(g) = arriving {
                let below = &mut self.extremes[l - 1];
                below.g = below.g.max(largest(&g));
                d = g * derivative(self.shapes[l - 1].activation, &inputs[l]);
            }
        }
    }

    fn update(&mut self, l: usize, input: &Array2<f64>, d: &Array2<f64>, batch: usize) {
        let shape = self.shapes[l];
        if shape.n_in == 0 {
            return;
        }
        if shape.kind == LayerKind::BatchNorm {
            let seen = norm::track(&shape, &mut self.parameters[l], input);
            self.extremes[l].statistic = self.extremes[l].statistic.max(seen);
        }
        let (input, d) = match shape.kind {
            LayerKind::BatchNorm => (&norm::inputs(&shape, input), &norm::outputs(&shape, d)),
            _ => (&patches(&shape, input), &by_position(&shape, d.clone())),
        };
        let batch = batch as f64;
        let Optimizer { learning_rate, momentum, weight_decay, clip } = self.optimizer;
        let seen = &mut self.extremes[l];
        let mut rule = |w: &mut f64, v: &mut f64, mean: f64| {
            let clipped = clip.map_or(mean, |c| mean.clamp(-c, c));
            *v = momentum * *v + learning_rate * (clipped + weight_decay * *w);
            *w -= *v;
            seen.mean = seen.mean.max(mean.abs());
            seen.update = seen.update.max(v.abs());
            seen.weight = seen.weight.max(w.abs());
        };
        let (p, v) = (&mut self.parameters[l], &mut self.velocity[l]);
        let gradient = match shape.kind {
            LayerKind::BatchNorm => (input * d).sum_axis(Axis(0)).insert_axis(Axis(0)) / batch,
            _ => input.t().dot(d) / batch,
        };
        ndarray::Zip::from(&mut p.w)
            .and(&mut v.w)
            .and(&gradient)
            .for_each(|w, v, g| rule(w, v, *g));
        if let (Some(b), Some(v)) = (&mut p.b, &mut v.b) {
            let gradient = d.sum_axis(Axis(0)) / batch;
            ndarray::Zip::from(b).and(v).and(&gradient).for_each(|w, v, g| rule(w, v, *g));
        }
    }
}

/// What a layer makes of `(samples, input)` before any activation, `(samples, output)`.
fn transform(shape: &Shape, layer: &FloatLayer, a: &Array2<f64>, training: bool) -> Array2<f64> {
    match shape.kind {
        LayerKind::BatchNorm => norm::normed(shape, layer, a, training),
        LayerKind::MaxPool2d => pools::largest(shape, a),
        LayerKind::AvgPool2d => pools::mean(shape, a),
        _ => by_sample(shape, linear(layer, &patches(shape, a))),
    }
}

/// What a layer sends back to its input `a`, for the gradient `d` at its output.
fn sent(shape: &Shape, layer: &FloatLayer, a: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    match shape.kind {
        LayerKind::BatchNorm => norm::sent(shape, layer, a, d),
        LayerKind::MaxPool2d => pools::routed(shape, a, d),
        LayerKind::AvgPool2d => pools::shared(shape, d),
        _ => gathered(shape, by_position(shape, d.clone()).dot(&layer.w.t())),
    }
}

fn linear(layer: &FloatLayer, a: &Array2<f64>) -> Array2<f64> {
    let z = a.dot(&layer.w);
    match &layer.b {
        Some(b) => z + b,
        None => z,
    }
}

fn activate(activation: Activation, z: Array2<f64>) -> Array2<f64> {
    match activation {
        Activation::Identity => z,
        Activation::Relu => z.mapv(|z| z.max(0.0)),
        Activation::Sigmoid => z.mapv(sigmoid),
        Activation::Tanh => z.mapv(libm::tanh),
    }
}

/// The activation's derivative in terms of its value.
fn derivative(activation: Activation, a: &Array2<f64>) -> Array2<f64> {
    match activation {
        Activation::Identity => Array2::ones(a.raw_dim()),
        Activation::Relu => a.mapv(|a| if a > 0.0 { 1.0 } else { 0.0 }),
        Activation::Sigmoid => a.mapv(|a| a * (1.0 - a)),
        Activation::Tanh => a.mapv(|a| 1.0 - a * a),
    }
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
            for mut row in p.rows_mut() {
                let max = row.fold(f64::NEG_INFINITY, |m, z| m.max(*z));
                row.mapv_inplace(|z| libm::exp(z - max));
                let sum = row.sum();
                row /= sum;
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
            max + libm::log(sum) - pairs().map(|(z, y)| z * y).sum::<f64>()
        }
    }
}

fn largest(x: &Array2<f64>) -> f64 {
    x.fold(0.0, |m: f64, x| m.max(x.abs()))
}
