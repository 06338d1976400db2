//! Transformers: blocks of attention and of two layers behind it, each with a norm before and a sum around it.
//!
//! Source: Vaswani and others, "Attention is all you need" (2017); with norms first, as in Radford and others, "Language models
//! are unsupervised multitask learners" (2019).

use zktrain_model::manifest::{Kernel, LayerKind, LayerSpec};

use crate::images::Images;

/// A block: attention and two layers behind it, over sequences of positions with as many channels as it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransformerBlock {
    /// Channels of a position.
    pub channels: usize,
    /// Heads, a power of two.
    pub heads: usize,
    /// Whether a position looks at itself and those before it only.
    pub causal: bool,
}

/// Sizes of a transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transformer {
    /// Positions, a power of two.
    pub positions: usize,
    /// Numbers of a position of the input.
    pub inputs: usize,
    /// Channels of a position in between.
    pub channels: usize,
    /// Heads of each attention, a power of two.
    pub heads: usize,
    /// Blocks.
    pub blocks: usize,
    /// Whether a position looks at itself and those before it only.
    pub causal: bool,
}

impl Transformer {
    /// Its layers, up to the norm behind its last block.
    pub fn layers(&self) -> Images {
        let Self { channels, heads, causal, .. } = *self;
        let mut layers = vec![each(channels), LayerSpec::of(LayerKind::Positions)];
        (0..self.blocks)
            .for_each(|_| TransformerBlock { channels, heads, causal }.add_to(&mut layers));
        layers.extend(norm());
        Images { image: [self.positions, 1, self.inputs], layers }
    }
}

impl TransformerBlock {
    /// Appends its layers, which take what the last one puts out.
    pub fn add_to(&self, layers: &mut Vec<LayerSpec>) {
        self.attention(layers);
        self.perceptron(layers);
    }

    /// What a position takes of the others, added to it.
    fn attention(&self, layers: &mut Vec<LayerSpec>) {
        let before = layers.len().saturating_sub(1);
        layers.extend(norm());
        let from = Some(layers.len() - 1);
        let [queries, keys, values] = [0, 1, 2].map(|k| layers.len() + k);
        layers.extend([each(self.channels); 3].map(|layer| LayerSpec { from, ..layer }));
        layers.extend(attention(self.heads, self.causal, [queries, keys, values]));
        layers.extend([each(self.channels), add(before)]);
    }

    /// A layer four times as wide and back, position by position, added to it.
    fn perceptron(&self, layers: &mut Vec<LayerSpec>) {
        let before = layers.len().saturating_sub(1);
        layers.extend(norm());
        layers.extend([each(4 * self.channels), LayerSpec::of(LayerKind::Gelu)]);
        layers.extend([each(self.channels), add(before)]);
    }
}

/// An attention's three layers, of the entries of queries, keys and values.
pub fn attention(
    heads: usize,
    causal: bool,
    [queries, keys, values]: [usize; 3],
) -> [LayerSpec; 3] {
    [
        LayerSpec {
            heads: Some(heads),
            from: Some(queries),
            with: Some(keys),
            ..LayerSpec::of(LayerKind::AttentionScores)
        },
        LayerSpec { causal: Some(causal), ..LayerSpec::of(LayerKind::Softmax) },
        LayerSpec { with: Some(values), ..LayerSpec::of(LayerKind::AttentionValues) },
    ]
}

/// A linear layer at each position.
pub(crate) fn each(channels: usize) -> LayerSpec {
    LayerSpec::conv2d(channels, Kernel { size: 1, stride: 1, padding: 0 }, true)
}

/// A norm with its scales and shifts.
fn norm() -> [LayerSpec; 2] {
    [LayerKind::LayerNorm, LayerKind::Scale].map(LayerSpec::of)
}

fn add(with: usize) -> LayerSpec {
    LayerSpec { with: Some(with), ..LayerSpec::of(LayerKind::Add) }
}
