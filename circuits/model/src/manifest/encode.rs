//! Canonical bytes of a manifest, of which its hash is taken.
//!
//! `keccak256(DOMAIN ‖ fields)`, the fields in the order of their declaration in
//! the schema. Integers are 8 bytes big endian (two's complement), real numbers
//! the 8 bytes big endian of their IEEE-754 double with −0 written as 0, strings
//! and lists are preceded by their length, an optional field by 0 (absent) or 1,
//! an enumeration is its index in the order of declaration, a boolean 0 or 1. A
//! linear layer's absent `bias` is written as present and true. Version 2 has another domain; it has the
//! image behind the number of inputs, and behind a layer's bias its kernel, stride and padding, of which the
//! last two are written as 1 (a pool's stride as its kernel) and 0 where a kernel has none. Version 3 has
//! `from`, `with` and `slope` of a layer behind these; a `leaky_relu`'s absent slope is written as present and 0.01. Version
//! 4 has the optimizer's kind behind `clip`, and with Adam `beta1`, `beta2` and `epsilon` (absent: their defaults) and the
//! schedule, if there is one. Version 5 has `heads` and `causal` of a layer behind its slope; a `softmax`' absent `causal` is
//! written as present and false. Version 6 has `weighted`, `class_weights` and `tokens` behind the columns. Two texts with the same values have the same hash; two different values never encode alike.

use sha3::{Digest, Keccak256};

use super::derive::DEFAULT_SLOPE;
use super::optimizer::{Optimizer, OptimizerKind, Schedule};
use super::schema::{Data, LayerKind, LayerQuantization, LayerSpec, Manifest, Model, Quantization};

/// First bytes of the encoding of version 1.
pub const DOMAIN: &[u8] = b"zktrain/manifest/v1\0";
/// First bytes of that of version 2, which has images and kernels.
const DOMAIN_V2: &[u8] = b"zktrain/manifest/v2\0";
/// First bytes of that of version 3, in which layers may take the values of others than the one before.
const DOMAIN_V3: &[u8] = b"zktrain/manifest/v3\0";
/// First bytes of that of version 4, which has Adam.
const DOMAIN_V4: &[u8] = b"zktrain/manifest/v4\0";

/// First bytes of that of version 5, which has attention.
const DOMAIN_V5: &[u8] = b"zktrain/manifest/v5\0";
/// First bytes of that of version 6, which has weights of labels, and tokens.
const DOMAIN_V6: &[u8] = b"zktrain/manifest/v6\0";

/// The canonical encoding.
pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    let version = manifest.version;
    let domain = match version {
        1 => DOMAIN,
        2 => DOMAIN_V2,
        3 => DOMAIN_V3,
        4 => DOMAIN_V4,
        5 => DOMAIN_V5,
        _ => DOMAIN_V6,
    };
    let mut out = Encoder { bytes: domain.to_vec(), version };
    out.int(manifest.version);
    out.string(&manifest.name);
    out.model(&manifest.model);
    out.optimizer(&manifest.optimizer);
    let training = &manifest.training;
    for size in [training.batch, training.steps_per_proof, training.max_steps] {
        out.size(size);
    }
    out.data(&manifest.data);
    out.option(manifest.quantization.as_ref(), Encoder::quantization);
    out.bytes
}

/// The hash that statements refer to.
pub(super) fn hash(manifest: &Manifest) -> [u8; 32] {
    Keccak256::digest(encode(manifest)).into()
}

struct Encoder {
    bytes: Vec<u8>,
    /// The manifest's format.
    version: u32,
}

impl Encoder {
    fn int(&mut self, x: impl Into<i64>) {
        self.bytes.extend(x.into().to_be_bytes());
    }

    fn size(&mut self, x: usize) {
        self.bytes.extend((x as u64).to_be_bytes());
    }

    fn real(&mut self, x: f64) {
        // Adding zero turns −0 into 0.
        self.bytes.extend((x + 0.0).to_bits().to_be_bytes());
    }

    fn string(&mut self, s: &str) {
        self.size(s.len());
        self.bytes.extend(s.as_bytes());
    }

    fn option<T>(&mut self, x: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.int(i64::from(x.is_some()));
        if let Some(x) = x {
            write(self, x);
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.size(items.len());
        for item in items {
            write(self, item);
        }
    }

    fn model(&mut self, model: &Model) {
        self.size(model.input);
        if self.version > 1 {
            self.option(model.image, |out, sides| {
                sides.into_iter().for_each(|side| out.size(side))
            });
        }
        self.int(model.loss as i64);
        self.list(&model.layers, |out, layer| out.layer(layer));
    }

    fn layer(&mut self, layer: &LayerSpec) {
        self.int(layer.kind as i64);
        let bias = match layer.kind {
            LayerKind::Linear
            | LayerKind::Conv2d
            | LayerKind::DepthwiseConv2d
            | LayerKind::Scale => Some(layer.bias.unwrap_or(true)),
            _ => layer.bias,
        };
        self.option(layer.out, Self::size);
        self.option(bias, |out, bias| out.int(bias));
        if self.version > 1 {
            let of_kernel =
                |value: Option<usize>, absent| layer.kernel.map(|_| value.unwrap_or(absent));
            // Windows of a pool lie side by side.
            let stride = match layer.kind {
                LayerKind::MaxPool2d | LayerKind::AvgPool2d => layer.kernel.unwrap_or(1),
                _ => 1,
            };
            self.option(layer.kernel, Self::size);
            self.option(of_kernel(layer.stride, stride), Self::size);
            self.option(of_kernel(layer.padding, 0), Self::size);
        }
        if self.version > 2 {
            self.option(layer.from, Self::size);
            self.option(layer.with, Self::size);
            let slope = match layer.kind {
                LayerKind::LeakyRelu => Some(layer.slope.unwrap_or(DEFAULT_SLOPE)),
                _ => layer.slope,
            };
            self.option(slope, Self::real);
        }
        if self.version > 4 {
            let causal = match layer.kind {
                LayerKind::Softmax => Some(layer.causal.unwrap_or(false)),
                _ => layer.causal,
            };
            self.option(layer.heads, Self::size);
            self.option(causal, |out, causal| out.int(causal));
        }
    }

    fn optimizer(&mut self, optimizer: &Optimizer) {
        self.real(optimizer.learning_rate);
        self.real(optimizer.momentum);
        self.real(optimizer.weight_decay);
        self.option(optimizer.clip, Self::real);
        if self.version < 4 {
            return;
        }
        self.int(optimizer.kind as i64);
        if optimizer.kind == OptimizerKind::Adam {
            self.real(optimizer.beta1());
            self.real(optimizer.beta2());
            self.real(optimizer.epsilon());
            self.option(optimizer.schedule.as_ref(), Self::schedule);
        }
    }

    fn schedule(&mut self, schedule: &Schedule) {
        self.int(schedule.kind as i64);
        self.size(schedule.warmup);
        self.option(schedule.steps, Self::size);
        self.option(schedule.every, Self::size);
        self.option(schedule.factor, Self::real);
    }

    fn data(&mut self, data: &Data) {
        self.string(&data.label);
        self.option(data.classes.as_deref(), |out, classes| {
            out.list(classes, |out, class| out.string(class));
        });
        self.option(data.target, |out, target| {
            out.real(target.offset);
            out.real(target.scale);
        });
        self.option(data.uniform.as_ref(), |out, uniform| {
            out.string(&uniform.prefix);
            out.size(uniform.count);
            out.real(uniform.offset);
            out.real(uniform.scale);
        });
        self.option(data.features.as_deref(), |out, features| {
            out.list(features, |out, feature| {
                out.string(&feature.name);
                out.real(feature.offset);
                out.real(feature.scale);
            });
        });
        if self.version < 6 {
            return;
        }
        self.int(data.weighted);
        self.option(data.class_weights.as_deref(), |out, weights| {
            out.list(weights, |out, weight| out.real(*weight));
        });
        self.option(data.tokens.as_deref(), |out, tokens| {
            out.list(tokens, |out, token| out.string(token));
        });
    }

    fn quantization(&mut self, q: &Quantization) {
        for x in [q.row_log, q.input_frac, q.weight_frac, q.weight_init_bits] {
            self.int(x);
        }
        self.int(q.mu);
        self.int(q.lambda);
        self.list(&q.layers, |out, layer| out.layer_quantization(layer));
    }

    fn layer_quantization(&mut self, layer: &LayerQuantization) {
        self.int(layer.z_frac);
        self.option(layer.a_frac, |out, x| out.int(x));
        self.option(layer.grad_frac, |out, x| out.int(x));
        self.option(layer.clip_frac, |out, x| out.int(x));
        self.option(layer.clip_bound, |out, x| out.int(x));
        self.int(layer.eta);
    }
}
