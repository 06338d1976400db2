//! Any shape that a manifest can have, for the tests of more than one crate. The module that holds
//! this one imports what it is made of, and has a network to start from.

use proptest::prelude::*;

use super::{Activation, Layer, Loss, Network, RoundSpec, base};

/// Saturation on no side, on one or on both, by so many bits.
pub fn rounding(shift: u32, high: u32, low: u32) -> RoundSpec {
    let (lo, hi) = (-(1 << 15), (1 << 15) - 1);
    let end = |bits: u32| if bits == 0 { 0 } else { ((1i64 << bits) - 1) << shift };
    let (x_max, x_min) = (end(high) + (hi << shift), -end(low) + (lo << shift));
    RoundSpec { shift, lo, hi, x_min, x_max, bound_bits: 62 }
}

fn specs() -> impl Strategy<Value = RoundSpec> {
    // A shift and an excess together stay below 62 bits.
    (0..=32u32, 0..=13u32, 0..=13u32).prop_map(|(shift, high, low)| rounding(shift, high, low))
}

fn layer() -> impl Strategy<Value = Layer> {
    let activations = prop::sample::select(vec![
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::LeakyRelu { slope: 655 },
        Activation::Gelu,
        Activation::Silu,
        Activation::Identity,
    ]);
    let roundings = (specs(), specs(), specs(), specs(), prop::option::of(specs()));
    let scales = (0..=15u32, 4..=14u32, any::<bool>());
    (activations, roundings, scales).prop_map(
        |(activation, (z, g, d, update, clip), (z_frac, a_frac, bias))| {
            let exact = matches!(activation, Activation::Relu | Activation::Identity);
            let (g, d) = (vec![g], (!exact).then_some(d));
            Layer {
                bias,
                activation,
                z_frac,
                a_frac,
                z,
                g,
                d,
                clip,
                update: Some(update),
                ..plain()
            }
        },
    )
}

/// A layer that a manifest has.
pub fn plain() -> Layer {
    base().layers[0].clone()
}

/// Any shape that a manifest can have, of up to so many layers and units.
pub fn networks(layers: usize, width: usize) -> impl Strategy<Value = Network> {
    let losses = prop::sample::select(vec![Loss::SoftmaxCrossEntropy, Loss::Logistic, Loss::Mse]);
    let layers = prop::collection::vec((layer(), 1..=width), 1..=layers);
    let window = (0..=4u32, 0..=3u32, 4..=10u32);
    let flags = (losses, any::<bool>(), any::<bool>(), any::<bool>());
    (1..=width, layers, window, flags).prop_map(
        |(input, layers, (batch, steps, row_log), (loss, momentum, one_hot, decay))| {
            let network = connect(input, layers, loss);
            Network {
                batch: 1 << batch,
                steps: 1 << steps,
                row_log,
                momentum,
                one_hot: one_hot && loss != Loss::Logistic,
                lambda: i64::from(decay),
                ..network
            }
        },
    )
}

/// A network of these layers, each with its outputs; the last one fits the loss.
pub fn connect(input: usize, layers: Vec<(Layer, usize)>, loss: Loss) -> Network {
    let last = layers.len() - 1;
    let mut n_in = input;
    let layers = layers.into_iter().enumerate().map(|(l, (mut layer, mut n_out))| {
        if l == last {
            (layer.activation, layer.g, layer.d) = (Activation::Identity, Vec::new(), None);
            n_out = if loss == Loss::Logistic { 1 } else { n_out.clamp(2, 4096) };
        }
        (layer.from, layer.with) = (l.checked_sub(1), None);
        layer.connect(std::mem::replace(&mut n_in, n_out), n_out);
        layer
    });
    let mut network = Network { layers: layers.collect(), loss, ..base() };
    network.take(input);
    network
}
