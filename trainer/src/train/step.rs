//! One optimizer step after the other, written straight into the trace.

use zktrain_model::manifest::{Activation, Layer, Network};
use zktrain_model::quant::{sigmoid_product, tanh_product};
use zktrain_model::trace::{LayerParameters, LayerTrace, LossTrace, Parameters, Rounded, Trace};

use super::Trainer;
use super::forward::linear;
use super::product::{Matrix, product};
use super::round::{room, round_into};

/// What the steps of a window carry from one to the next.
struct Run<'a> {
    trainer: &'a Trainer,
    parameters: Parameters,
    /// The previous update; with momentum only.
    velocity: Option<Parameters>,
    layers: Vec<LayerTrace>,
    loss: LossTrace,
}

impl Trainer {
    /// Trains on a checked window.
    pub(super) fn run(
        &self,
        before: &Parameters,
        state: Option<&Parameters>,
        inputs: &[i16],
        labels: &[i16],
    ) -> Trace {
        let network = self.network();
        let widen = |x: &[i16]| -> Vec<i32> { x.iter().map(|x| i32::from(*x)).collect() };
        let (inputs, labels) = (widen(inputs), widen(labels));
        let mut run = Run {
            trainer: self,
            parameters: before.clone(),
            velocity: state.cloned(),
            layers: network.layers.iter().map(|layer| layer_room(network, layer)).collect(),
            loss: self.loss.room(network.window(), network.output()),
        };
        let x = inputs.chunks_exact(network.batch * network.input);
        let y = labels.chunks_exact(network.batch * network.output());
        for (t, (x, y)) in x.zip(y).enumerate() {
            run.step(t, x, y);
        }
        let Run { parameters: after, layers, loss, .. } = run;
        Trace { inputs, labels, before: before.clone(), state: state.cloned(), layers, loss, after }
    }
}

impl Run<'_> {
    fn step(&mut self, t: usize, x: &[i32], y: &[i32]) {
        let network = self.trainer.network();
        let weights: Vec<Matrix> = network
            .layers
            .iter()
            .zip(&self.parameters.layers)
            .map(|(layer, p)| Matrix::new(&p.w, layer.n_in, layer.n_out))
            .collect();
        let (inputs, z) = self.forward(t, x, &weights);
        let d = self.trainer.loss.step(network, &z, y, &mut self.loss);
        let gradients = self.backward(t, d, &weights);
        let mut updates = Vec::with_capacity(network.layers.len());
        for (l, (input, d)) in inputs.iter().zip(&gradients).enumerate() {
            updates.push(self.update(t, l, input, d));
        }
        for (p, update) in self.parameters.layers.iter_mut().zip(&updates) {
            subtract(p, update);
        }
        if network.momentum {
            self.velocity = Some(Parameters { layers: updates });
        }
    }

    /// Inputs of every layer and the last layer's outputs.
    fn forward(&mut self, t: usize, x: &[i32], weights: &[Matrix]) -> (Vec<Matrix>, Vec<i32>) {
        let network = self.trainer.network();
        let mut inputs = Vec::with_capacity(network.layers.len());
        let mut a = x.to_vec();
        for (l, layer) in network.layers.iter().enumerate() {
            let input = Matrix::new(&a, network.batch, layer.n_in);
            let len = network.batch * layer.n_out;
            let trace = &mut self.layers[l];
            linear(layer, &self.parameters.layers[l], &input, &weights[l], &mut trace.z, t * len);
            let z = &trace.z.q[t * len..(t + 1) * len];
            a = match self.trainer.forward.activate(l, z) {
                Some(a) => {
                    trace.a.extend_from_slice(&a);
                    a
                }
                None => z.to_vec(),
            };
            inputs.push(input);
        }
        (inputs, a)
    }

    /// Loss gradients with respect to every layer's output before its activation.
    fn backward(&mut self, t: usize, last: Vec<i32>, weights: &[Matrix]) -> Vec<Matrix> {
        let network = self.trainer.network();
        let batch = network.batch;
        let mut gradients = vec![Matrix::new(&last, batch, network.output())];
        for l in (1..network.layers.len()).rev() {
            let x = product(gradients[gradients.len() - 1].view(), weights[l].transposed());
            let layer = &network.layers[l - 1];
            let d =
                self.layers[l - 1].backward(layer, t, x.len(), x.as_slice().unwrap_or_default());
            gradients.push(Matrix::new(&d, batch, layer.n_out));
        }
        gradients.reverse();
        gradients
    }

    /// The update of layer `l`, as traced.
    fn update(&mut self, t: usize, l: usize, input: &Matrix, d: &Matrix) -> LayerParameters {
        let network = self.trainer.network();
        let layer = &network.layers[l];
        let parameters = &self.parameters.layers[l];
        let velocity = self.velocity.as_ref().map(|v| &v.layers[l]);
        let trace = &mut self.layers[l];
        let rule = Rule { mu: network.mu, lambda: network.lambda, layer, t };
        let gradient = product(input.transposed(), d.view());
        let w = rule.apply(
            gradient.as_slice().unwrap_or_default(),
            &parameters.w,
            velocity.map(|v| &v.w[..]),
            &mut trace.clip_w,
            &mut trace.update_w,
        );
        let b = parameters.b.as_ref().zip(trace.update_b.as_mut()).map(|(b, update)| {
            // A bias is a weight whose input is one.
            let ones = Matrix::new(&vec![1; network.batch], 1, network.batch);
            let gradient = product(ones.view(), d.view()).mapv(|x| x << layer.a_in_frac);
            let gradient = gradient.as_slice().unwrap_or_default();
            let velocity = velocity.and_then(|v| v.b.as_deref());
            rule.apply(gradient, b, velocity, &mut trace.clip_b, update)
        });
        LayerParameters { w, b }
    }
}

/// The update rule of one layer at step `t`.
struct Rule<'a> {
    mu: i64,
    lambda: i64,
    layer: &'a Layer,
    t: usize,
}

impl Rule<'_> {
    /// Traces clipping and update of one tensor and returns the update.
    fn apply(
        &self,
        gradient: &[i64],
        parameters: &[i32],
        velocity: Option<&[i32]>,
        clip: &mut Option<Rounded>,
        update: &mut Rounded,
    ) -> Vec<i32> {
        let len = parameters.len();
        let at = self.t * len;
        let eta = self.layer.eta;
        let decay = |i: usize| {
            let momentum = velocity.map_or(0, |v| self.mu * i64::from(v[i]));
            momentum + self.lambda * i64::from(parameters[i])
        };
        let spec = &self.layer.update;
        match (&self.layer.clip, clip) {
            (Some(clip_spec), Some(clip)) => {
                round_into(clip, at, len, clip_spec, |i| gradient[i]);
                let clipped = &clip.q[at..at + len];
                round_into(update, at, len, spec, |i| decay(i) + eta * i64::from(clipped[i]));
            }
            _ => round_into(update, at, len, spec, |i| decay(i) + eta * gradient[i]),
        }
        update.q[at..at + len].to_vec()
    }
}

/// The backward pass through one activation.
trait Backward {
    fn backward(&mut self, layer: &Layer, t: usize, len: usize, x: &[i64]) -> Vec<i32>;
}

impl Backward for LayerTrace {
    /// Rounds the wide gradient `x` to `g` and returns `D`, both traced.
    fn backward(&mut self, layer: &Layer, t: usize, len: usize, x: &[i64]) -> Vec<i32> {
        let at = t * len;
        let (Some(spec), Some(rounded)) = (&layer.g, &mut self.g) else {
            return Vec::new();
        };
        round_into(rounded, at, len, spec, |i| x[i]);
        let g = &rounded.q[at..at + len];
        if layer.activation == Activation::Relu {
            let z = &self.z.q[at..at + len];
            let d: Vec<i32> = g.iter().zip(z).map(|(g, z)| if *z < 0 { 0 } else { *g }).collect();
            self.d_relu.extend_from_slice(&d);
            return d;
        }
        let (Some(spec), Some(d)) = (&layer.d, &mut self.d) else {
            return g.to_vec();
        };
        let a = &self.a[at..at + len];
        let derivative = match layer.activation {
            Activation::Sigmoid => sigmoid_product,
            _ => tanh_product,
        };
        round_into(d, at, len, spec, |i| derivative(a[i], layer.a_frac, g[i]));
        d.q[at..at + len].to_vec()
    }
}

/// Room for everything that `layer` leaves in a window; all lengths as documented there.
fn layer_room(network: &Network, layer: &Layer) -> LayerTrace {
    let steps = network.steps;
    let outputs = network.window() * layer.n_out;
    let weights = steps * layer.n_in * layer.n_out;
    let biases = layer.bias.then_some(steps * layer.n_out);
    let of = |when: bool| {
        if when { Vec::with_capacity(outputs) } else { Vec::new() }
    };
    LayerTrace {
        z: room(outputs),
        a: of(layer.activation != Activation::Identity),
        g: layer.g.map(|_| room(outputs)),
        d: layer.d.map(|_| room(outputs)),
        d_relu: of(layer.activation == Activation::Relu),
        clip_w: layer.clip.map(|_| room(weights)),
        clip_b: layer.clip.and(biases).map(room),
        update_w: room(weights),
        update_b: biases.map(room),
    }
}

fn subtract(parameters: &mut LayerParameters, update: &LayerParameters) {
    let pairs = parameters.w.iter_mut().zip(&update.w);
    let biases = parameters.b.iter_mut().flatten().zip(update.b.iter().flatten());
    // The static bounds keep parameters below 2^31.
    pairs.chain(biases).for_each(|(w, update)| *w -= update);
}

/// The update of step `t`.
pub(super) fn update_at(network: &Network, trace: &Trace, t: usize) -> Parameters {
    let slice = |rounded: &Rounded| {
        let len = rounded.q.len() / network.steps;
        rounded.q[t * len..(t + 1) * len].to_vec()
    };
    let layers = trace.layers.iter().map(|layer| LayerParameters {
        w: slice(&layer.update_w),
        b: layer.update_b.as_ref().map(slice),
    });
    Parameters { layers: layers.collect() }
}
