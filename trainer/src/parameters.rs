//! Initial parameters, and the way between integers and real numbers.

use ndarray::{Array1, Array2};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_model::manifest::{Activation, Layer, LayerKind, Network, Shape};
use zktrain_model::operators::MEAN_FRAC;
use zktrain_model::trace::{LayerParameters, Parameters};

use crate::reference::{FloatLayer, to_slope};

/// Real initial parameters: biases zero, weights uniform in `±√(6/n_in)` before a ReLU, GELU or SiLU, with pools in
/// between or without (He), in `±√(6/((1 + slope²)·n_in))` before a leaky ReLU, and in `±√(6/(n_in + n_out))` elsewhere
/// (Glorot), and in ±1/√places where they are tokens' own, each of which is at as many places as the layer takes at once, from ChaCha20 seeded with `seed`. Scales, a batch norm's too, are one and its running statistics those of
/// numbers of mean 0 and deviation 1.
pub fn initial_floats(shapes: &[Shape], tokens: bool, seed: u64) -> Vec<FloatLayer> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut layer = |(shape, limit): (&Shape, f64)| {
        if shape.kind == LayerKind::BatchNorm {
            return unit_norm(shape.n_out);
        }
        if shape.kind == LayerKind::Scale {
            let b = shape.bias.then(|| Array1::zeros(shape.n_out));
            return FloatLayer { w: Array2::ones((1, shape.n_out)), b, s: None };
        }
        let w = Array2::from_shape_simple_fn((shape.n_in, shape.n_out), || {
            // 53 random bits make a double in [0, 1).
            let unit = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            limit * (2.0 * unit - 1.0)
        });
        FloatLayer { w, b: shape.bias.then(|| Array1::zeros(shape.n_out)), s: None }
    };
    shapes.iter().zip(initial_limits(shapes, tokens)).map(&mut layer).collect()
}

/// A batch norm that leaves numbers of mean 0 and deviation 1 as they are.
fn unit_norm(channels: usize) -> FloatLayer {
    let s = Array2::from_shape_fn((2, channels), |(row, _)| row as f64);
    FloatLayer { w: Array2::ones((1, channels)), b: Some(Array1::zeros(channels)), s: Some(s) }
}

/// Bounds on the magnitude of every layer's initial weights. Where the inputs are tokens, each meets the rows of one token alone: as
/// small as for a sum over all of them, a norm behind would make gradients as much larger as it makes values.
pub(crate) fn initial_limits(shapes: &[Shape], tokens: bool) -> Vec<f64> {
    let limit = |(l, shape): (usize, &Shape)| {
        let of_token = tokens && shape.from.is_none() && shape.n_in > 0;
        if of_token {
            // One token at each place that is summed over.
            return 1.0 / ((shape.n_in / shape.input.channels.max(1)).max(1) as f64).sqrt();
        }
        if is_scale(shape) {
            return 1.0;
        }
        let n_in = shape.n_in as f64;
        let fan = match activation_behind(shapes, l) {
            Activation::Relu | Activation::Gelu | Activation::Silu => n_in,
            Activation::LeakyRelu { slope } => n_in * (1.0 + to_slope(slope).powi(2)),
            _ if shape.kind == LayerKind::DepthwiseConv2d => 2.0 * n_in,
            _ => n_in + shape.n_out as f64,
        };
        (6.0 / fan.max(1.0)).sqrt()
    };
    shapes.iter().enumerate().map(limit).collect()
}

/// Whether its weights are scales of single numbers.
fn is_scale(shape: &Shape) -> bool {
    matches!(shape.kind, LayerKind::BatchNorm | LayerKind::Scale)
}

/// The activation behind layer `l`, or behind the norms, scales and layers without parameters that follow: the first ones that take
/// what comes before.
fn activation_behind(shapes: &[Shape], l: usize) -> Activation {
    let passes = |shape: &Shape| shape.n_in == 0 || is_scale(shape);
    let mut at = l;
    while let Some(shape) = shapes.get(at) {
        let behind = shapes.iter().position(|next| [next.from, next.with].contains(&Some(at)));
        match (shape.activation, behind) {
            (Activation::Identity, Some(next)) if passes(&shapes[next]) => at = next,
            (activation, _) => return activation,
        }
    }
    Activation::Identity
}

/// [`initial_floats`] rounded to the network's integers.
pub fn initial_parameters(network: &Network, seed: u64) -> Parameters {
    let shapes: Vec<Shape> = network.layers.iter().map(Layer::shape).collect();
    let pairs = initial_floats(&shapes, network.tokens, seed).into_iter().zip(&network.layers);
    let layers = pairs.map(|(floats, layer)| {
        let weight = |x: &f64| to_initial(network, *x, network.weight_frac);
        let statistic = |x: &f64| to_initial(network, *x, statistics_frac(layer));
        LayerParameters {
            w: floats.w.iter().map(weight).collect(),
            b: floats.b.map(|b| b.iter().map(weight).collect()),
            s: floats.s.map(|s| s.iter().map(statistic).collect()),
        }
    });
    Parameters { layers: layers.collect() }
}

/// Fractional bits of a layer's running statistics.
pub(crate) fn statistics_frac(layer: &Layer) -> u32 {
    layer.a_in_frac + MEAN_FRAC
}

/// Rounds half up and clamps to the bound on initial parameters.
fn to_initial(network: &Network, x: f64, frac: u32) -> i32 {
    let limit = f64::from((1i32 << network.weight_init_bits) - 1);
    let scaled = libm::floor(libm::scalbn(x, frac as i32) + 0.5);
    scaled.clamp(-limit, limit) as i32
}

/// The real numbers that integer parameters stand for. Shapes must be the network's.
pub fn to_floats(network: &Network, parameters: &Parameters) -> Vec<FloatLayer> {
    let scaled = |x: &i32, frac: u32| libm::scalbn(f64::from(*x), -(frac as i32));
    let real = |x: &i32| scaled(x, network.weight_frac);
    let statistics = |layer: &Layer, s: &Vec<i32>| {
        let frac = statistics_frac(layer);
        Array2::from_shape_fn((2, layer.n_out), |(i, j)| scaled(&s[i * layer.n_out + j], frac))
    };
    let pairs = network.layers.iter().zip(&parameters.layers);
    pairs
        .map(|(layer, p)| FloatLayer {
            w: Array2::from_shape_fn((layer.n_in, layer.n_out), |(i, j)| {
                real(&p.w[i * layer.n_out + j])
            }),
            b: p.b.as_ref().map(|b| b.iter().map(real).collect()),
            s: p.s.as_ref().map(|s| statistics(layer, s)),
        })
        .collect()
}
