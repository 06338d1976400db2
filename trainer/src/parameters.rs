//! Initial parameters, and the way between integers and real numbers.

use ndarray::{Array1, Array2};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_model::manifest::{Activation, LayerKind, Network, Shape};
use zktrain_model::trace::{LayerParameters, Parameters};

use crate::reference::{FloatLayer, to_slope};

/// Real initial parameters: biases zero, weights uniform in `±√(6/n_in)` before a ReLU, GELU or SiLU, with pools in
/// between or without (He), in `±√(6/((1 + slope²)·n_in))` before a leaky ReLU, and in `±√(6/(n_in + n_out))` elsewhere
/// (Glorot), from ChaCha20 seeded with `seed`.
pub fn initial_floats(shapes: &[Shape], seed: u64) -> Vec<FloatLayer> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut layer = |(shape, limit): (&Shape, f64)| {
        let w = Array2::from_shape_simple_fn((shape.n_in, shape.n_out), || {
            // 53 random bits make a double in [0, 1).
            let unit = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            limit * (2.0 * unit - 1.0)
        });
        FloatLayer { w, b: shape.bias.then(|| Array1::zeros(shape.n_out)) }
    };
    shapes.iter().zip(initial_limits(shapes)).map(&mut layer).collect()
}

/// Bounds on the magnitude of every layer's initial weights.
pub(crate) fn initial_limits(shapes: &[Shape]) -> Vec<f64> {
    let limit = |(l, shape): (usize, &Shape)| {
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

/// The activation behind layer `l`, or behind the layers without parameters that follow: the first ones that take
/// what comes before.
fn activation_behind(shapes: &[Shape], l: usize) -> Activation {
    let mut at = l;
    while let Some(shape) = shapes.get(at) {
        let behind = shapes.iter().position(|next| [next.from, next.with].contains(&Some(at)));
        match (shape.activation, behind) {
            (Activation::Identity, Some(next)) if shapes[next].n_in == 0 => at = next,
            (activation, _) => return activation,
        }
    }
    Activation::Identity
}

/// [`initial_floats`] rounded to the network's integers.
pub fn initial_parameters(network: &Network, seed: u64) -> Parameters {
    let shapes: Vec<Shape> = network
        .layers
        .iter()
        .map(|l| Shape {
            kind: l.kind,
            input: l.input,
            output: l.output,
            kernel: l.kernel,
            n_in: l.n_in,
            n_out: l.n_out,
            bias: l.bias,
            activation: l.activation,
            from: l.from,
            with: l.with,
        })
        .collect();
    let layers = initial_floats(&shapes, seed)
        .into_iter()
        .map(|layer| LayerParameters {
            w: layer.w.iter().map(|x| to_initial(network, *x)).collect(),
            b: layer.b.map(|b| b.iter().map(|x| to_initial(network, *x)).collect()),
        })
        .collect();
    Parameters { layers }
}

/// Rounds half up and clamps to the bound on initial parameters.
fn to_initial(network: &Network, x: f64) -> i32 {
    let limit = f64::from((1i32 << network.weight_init_bits) - 1);
    let scaled = libm::floor(libm::scalbn(x, network.weight_frac as i32) + 0.5);
    scaled.clamp(-limit, limit) as i32
}

/// The real numbers that integer parameters stand for. Shapes must be the network's.
pub fn to_floats(network: &Network, parameters: &Parameters) -> Vec<FloatLayer> {
    let real = |x: &i32| libm::scalbn(f64::from(*x), -(network.weight_frac as i32));
    let pairs = network.layers.iter().zip(&parameters.layers);
    pairs
        .map(|(layer, p)| FloatLayer {
            w: Array2::from_shape_fn((layer.n_in, layer.n_out), |(i, j)| {
                real(&p.w[i * layer.n_out + j])
            }),
            b: p.b.as_ref().map(|b| b.iter().map(real).collect()),
        })
        .collect()
}
