//! The manifest as it is written in TOML.

use serde::{Deserialize, Serialize};

use super::features::Kernel;
use super::optimizer::Optimizer;

pub use crate::operators::{LayerKind, Loss};

/// Everything that all parties of a training run must agree on.
///
/// The TOML form is for people; [`Manifest::hash`](super::Manifest::hash) is
/// taken over a canonical encoding of the values, never over the text.
///
/// ```
/// use zktrain_model::manifest::Manifest;
///
/// let text = std::fs::read_to_string("tests/manifest.toml")?;
/// let manifest = Manifest::from_toml(&text)?;
/// let commented = Manifest::from_toml(&format!("# For a test.\n{text}"))?;
/// assert_eq!(commented.hash(), manifest.hash());
/// let longer = text.replace("max_steps = 100", "max_steps = 101");
/// assert_ne!(Manifest::from_toml(&longer)?.hash(), manifest.hash());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version, [`super::VERSION`].
    pub version: u32,
    /// Name of the model, for people.
    pub name: String,
    /// Layers and loss.
    pub model: Model,
    /// How parameters change.
    pub optimizer: Optimizer,
    /// Batch size, steps per proof, length of a chain.
    pub training: Training,
    /// Columns, their scaling, and the label.
    pub data: Data,
    /// Fixed-point scales, chosen by calibration; absent in a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
}

/// The network: a sequence of layers and a loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Number of input features.
    pub input: usize,
    /// Height, width and channels, where the inputs are an image's: by height, then width, then channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<[usize; 3]>,
    /// Loss at the last layer's output.
    pub loss: Loss,
    /// Layers and activations, in order; the first is no activation, the last a linear layer or a convolution.
    pub layers: Vec<LayerSpec>,
}

/// One entry of `model.layers`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSpec {
    /// What the layer does.
    pub kind: LayerKind,
    /// Output width or channels; linear and convolution layers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<usize>,
    /// Whether a bias is added (default true); linear and convolution layers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<bool>,
    /// Positions along a side of the kernel, or of a pool's windows; an `avg_pool2d` without it takes the
    /// whole image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<usize>,
    /// Positions from one place of the kernel to the next (default 1; of a pool, the kernel).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// Zeros around the image (default 0); none around a pool's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<usize>,
    /// Whose values it takes: an entry before it, by its position in this list (default: the entry before it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<usize>,
    /// Whose values it takes too; `add`, `attention_scores` and `attention_values` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<usize>,
    /// What negative numbers are multiplied with; `leaky_relu` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// Heads; `attention_scores` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<usize>,
    /// Whether a position looks at itself and those before it only (default false); `softmax` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causal: Option<bool>,
}

impl Model {
    /// The oldest format of manifests that has all that this model has.
    pub fn version(&self) -> u32 {
        let image = if self.image.is_some() { 2 } else { 1 };
        self.layers.iter().map(LayerSpec::version).fold(image, u32::max)
    }
}

impl LayerSpec {
    /// The oldest format of manifests that has such a layer.
    pub(super) fn version(&self) -> u32 {
        let kernel = [self.kernel, self.stride, self.padding].iter().any(Option::is_some);
        let graph = self.from.is_some() || self.with.is_some() || self.slope.is_some();
        let fields = match (self.heads.is_some() || self.causal.is_some(), graph) {
            (true, _) => 5,
            (false, true) => 3,
            (false, false) => 1 + u32::from(kernel),
        };
        fields.max(self.kind.version())
    }

    /// A linear layer.
    pub fn linear(out: usize, bias: bool) -> Self {
        Self { out: Some(out), bias: Some(bias), ..Self::of(LayerKind::Linear) }
    }

    /// A convolution with a square kernel.
    pub fn conv2d(out: usize, kernel: Kernel, bias: bool) -> Self {
        let Kernel { size, stride, padding } = kernel;
        Self {
            out: Some(out),
            bias: Some(bias),
            kernel: Some(size),
            stride: Some(stride),
            padding: Some(padding),
            ..Self::of(LayerKind::Conv2d)
        }
    }

    /// A convolution with a square kernel for each channel.
    pub fn depthwise_conv2d(kernel: Kernel, bias: bool) -> Self {
        let kind = LayerKind::DepthwiseConv2d;
        Self { kind, out: None, ..Self::conv2d(0, kernel, bias) }
    }

    /// A pool of windows of that size; without one, of the whole image.
    pub fn pool2d(kind: LayerKind, kernel: Option<usize>) -> Self {
        Self { kernel, ..Self::of(kind) }
    }

    /// An activation layer, or a linear one without its width.
    pub fn of(kind: LayerKind) -> Self {
        Self {
            kind,
            out: None,
            bias: None,
            kernel: None,
            stride: None,
            padding: None,
            from: None,
            with: None,
            slope: None,
            heads: None,
            causal: None,
        }
    }
}

/// Batch size, steps per proof, length of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Samples in a batch: a power of two, or any number where labels have weights.
    pub batch: usize,
    /// Steps that one proof covers, a power of two.
    pub steps_per_proof: usize,
    /// Steps that a chain of proofs may have; bounds the parameters.
    pub max_steps: usize,
}

/// Columns of the dataset and how they are scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name of the label column.
    pub label: String,
    /// Class names in the order of the outputs; absent for a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Scaling of a numeric label; regression (`mse`) only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Compact form for many columns that share one scaling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform: Option<Uniform>,
    /// Feature columns, in the order of the inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<Feature>>,
    /// Whether labels have weights, 1 at most; cross entropy only. A batch need not be full then, nor a label
    /// known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub weighted: bool,
    /// A weight for each class, in their order; only with `weighted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// Names of tokens, in the order of the image's channels: a row has one token for each position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<String>>,
}

impl Data {
    /// The oldest format of manifests that has all that is said of these data.
    pub(super) fn version(&self) -> u32 {
        let newer = self.weighted || self.class_weights.is_some() || self.tokens.is_some();
        if newer { 6 } else { 1 }
    }
}

/// A feature column: the network sees `(raw − offset)·scale`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Column name.
    pub name: String,
    /// Subtracted first.
    pub offset: f64,
    /// Multiplied next.
    pub scale: f64,
}

/// Columns `prefix0`, `prefix1`, … that share one scaling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uniform {
    /// What the column names start with.
    pub prefix: String,
    /// Number of columns.
    pub count: usize,
    /// Subtracted first.
    pub offset: f64,
    /// Multiplied next.
    pub scale: f64,
}

/// Scaling of a numeric label: the network learns `(raw − offset)·scale`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Subtracted first.
    pub offset: f64,
    /// Multiplied next.
    pub scale: f64,
}

/// Fixed-point scales, chosen by calibration on public or synthetic data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantization {
    /// Base-2 logarithm `c` of the length of a committed row.
    pub row_log: u32,
    /// Fractional bits of the inputs, `f_0`.
    pub input_frac: u32,
    /// Fractional bits of all parameters and updates, `f_w`.
    pub weight_frac: u32,
    /// Initial parameters are below `2^weight_init_bits` in magnitude, as integers.
    pub weight_init_bits: u32,
    /// `round(momentum·2^s)`, `s` = 16 or what a small weight decay needs.
    pub mu: i64,
    /// `round(learning_rate·weight_decay·2^s)`.
    pub lambda: i64,
    /// One entry per layer that is no activation, in order.
    pub layers: Vec<LayerQuantization>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_false(flag: &bool) -> bool {
    !flag
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Fixed-point scales of one layer: of what it puts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerQuantization {
    /// Fractional bits of the layer's output `z`.
    pub z_frac: u32,
    /// Fractional bits of the activated output; sigmoid and tanh only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a_frac: Option<u32>,
    /// Fractional bits of the gradient that arrives at the layer's activation; absent on the last layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad_frac: Option<u32>,
    /// Fractional bits of the clipped gradient sum; only with `optimizer.clip`, or with Adam, where it is always
    /// clipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_frac: Option<u32>,
    /// `round(clip·batch·2^clip_frac)`; only with `optimizer.clip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_bound: Option<i64>,
    /// `round(learning_rate/labels·2^(weight_frac + s − f))`, `labels` those of a step, `f` the fractional bits of the gradient sum; 0
    /// with Adam, and of a layer without parameters.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub eta: i64,
}
