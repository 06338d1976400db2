//! The plain description of a network that the rest of the program works with.

use super::features::{Features, Kernel};
pub use super::schema::Loss;
use super::shape::Shape;
use crate::operators::{Adam, Heads, LayerKind, Norm, RowBounds, SoftmaxBounds};

/// Fractional bits of probabilities.
pub const PROBABILITY_FRAC: u32 = 14;
/// Bits that the update's rounding drops where the weight decay does not need more.
pub const UPDATE_SHIFT: u32 = 16;
/// Smallest signed 16-bit value.
pub const I16_LO: i64 = -(1 << 15);
/// Largest signed 16-bit value.
pub const I16_HI: i64 = (1 << 15) - 1;

/// A validated network with all its integer scales and bounds.
///
/// ```
/// use zktrain_model::manifest::Manifest;
///
/// let manifest = Manifest::from_toml(&std::fs::read_to_string("tests/manifest.toml")?)?;
/// let network = manifest.network()?;
/// // Two linear layers of 2×2 weights and 2 biases, trained on one sample a step, one step a proof.
/// assert_eq!((network.layers.len(), network.parameters(), network.window()), (2, 12, 1));
/// // `0.5·2^16`, as the manifest says.
/// assert_eq!(network.mu, 32768);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Number of input features.
    pub input: usize,
    /// What they are.
    pub features: Features,
    /// Linear layers, each with the activation that follows it.
    pub layers: Vec<Layer>,
    /// Loss at the last layer.
    pub loss: Loss,
    /// Rows of a batch, `B`, a power of two; rows without weight are among them where it is filled up.
    pub batch: usize,
    /// Steps per proof, `T`, a power of two.
    pub steps: usize,
    /// Steps that a chain may have.
    pub max_steps: usize,
    /// Whether updates depend on the previous update (`mu != 0`).
    pub momentum: bool,
    /// `round(momentum·2^s)`, `s` the update's shift.
    pub mu: i64,
    /// What Adam computes with; none with another rule.
    pub adam: Option<Adam>,
    /// `round(learning_rate·weight_decay·2^s)`.
    pub lambda: i64,
    /// Whether labels are one-hot rows; false for a logistic label bit and for regression targets.
    pub one_hot: bool,
    /// Whether a label's entry is its weight, an integer up to `2^14`, instead of 1.
    pub weighted: bool,
    /// Whether one channel of each position of the inputs is 1, a token's, and all others 0.
    pub tokens: bool,
    /// Base-2 logarithm of the length of a committed row.
    pub row_log: u32,
    /// Fractional bits of the inputs.
    pub input_frac: u32,
    /// Fractional bits of parameters and updates.
    pub weight_frac: u32,
    /// Initial parameters are below `2^weight_init_bits` in magnitude.
    pub weight_init_bits: u32,
    /// Parameters stay below `2^weight_bits` in magnitude over `max_steps` steps.
    pub weight_bits: u32,
}

/// What follows a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `max(z, 0)`.
    Relu,
    /// Table look-up of the logistic function.
    Sigmoid,
    /// Table look-up of the hyperbolic tangent.
    Tanh,
    /// `z`, or its product with a slope where it is negative.
    LeakyRelu {
        /// `round(slope·2^16)`.
        slope: i64,
    },
    /// Table look-up of `x·Φ(x)` and of its derivative.
    Gelu,
    /// Table look-up of `x/(1 + exp(−x))` and of its derivative.
    Silu,
    /// Nothing: the last layer, or a linear layer that follows a linear layer.
    Identity,
}

impl Activation {
    /// The operator; none for the identity, which is the absence of one.
    pub fn kind(self) -> Option<LayerKind> {
        match self {
            Self::Relu => Some(LayerKind::Relu),
            Self::Sigmoid => Some(LayerKind::Sigmoid),
            Self::Tanh => Some(LayerKind::Tanh),
            Self::LeakyRelu { .. } => Some(LayerKind::LeakyRelu),
            Self::Gelu => Some(LayerKind::Gelu),
            Self::Silu => Some(LayerKind::Silu),
            Self::Identity => None,
        }
    }
}

/// A linear layer and the activation that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The operator that the layer begins with.
    pub kind: LayerKind,
    /// The layer whose values it takes, by index; none for the window's inputs.
    pub from: Option<usize>,
    /// The layer whose values it takes too, if it takes those of two.
    pub with: Option<usize>,
    /// What it takes.
    pub input: Features,
    /// What it puts out.
    pub output: Features,
    /// How its weights move over an image; none for one that takes all of its input at once.
    pub kernel: Option<Kernel>,
    /// Numbers that make up one of the output: rows of the weights.
    pub n_in: usize,
    /// Columns of the weights: channels of the output.
    pub n_out: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// What follows; [`Activation::Identity`] on the last layer.
    pub activation: Activation,
    /// Fractional bits of the layer's input.
    pub a_in_frac: u32,
    /// Largest magnitude of the layer's input.
    pub a_in_max: i64,
    /// Fractional bits of the output `z`.
    pub z_frac: u32,
    /// Fractional bits of the activated output: of the table's values for sigmoid and tanh, else `z_frac`.
    pub a_frac: u32,
    /// Fractional bits of `g`, the gradient that arrives at the activated output; 0 on the last layer.
    pub g_frac: u32,
    /// Fractional bits of `D`, the loss gradient with respect to `z`.
    pub d_frac: u32,
    /// Largest magnitude of `D`.
    pub d_max: i64,
    /// Fractional bits of the gradient sum `G = Aᵀ·D`.
    pub grad_frac: u32,
    /// Largest magnitude of `G`, biases included.
    pub grad_max: i64,
    /// Rounding of `X = A·W + 2^a_in_frac·b` to `z`.
    pub z: RoundSpec,
    /// Roundings to `g`, the gradients that arrive at the activated output as tensors, in the order of the layers
    /// that send them: of a layer with weights `X = D_next·W_nextᵀ`. None on the last layer.
    pub g: Vec<RoundSpec>,
    /// Rounding of the derivative product to `D`, by `2^(2·a_frac − 2)` for sigmoid, `2^(2·a_frac)` for tanh, `2^16`
    /// for leaky ReLU and `2^14` for GELU and SiLU; absent for others.
    pub d: Option<RoundSpec>,
    /// Rounding and clipping of `G`; only with gradient clipping, or with Adam.
    pub clip: Option<RoundSpec>,
    /// Rounding of `mu·δ + eta·G + lambda·W` to the update; `None` of a layer without parameters.
    pub update: Option<RoundSpec>,
    /// Multiplier of the gradient sum; 0 with Adam.
    pub eta: i64,
    /// What is added to the root of a second moment; with Adam only, else 0.
    pub epsilon: i64,
    /// What a batch norm computes with; `None` of any other layer.
    pub norm: Option<Norm>,
    /// What a layer norm computes with; `None` of any other layer.
    pub rows: Option<RowBounds>,
    /// The sizes of an attention; `None` of any other layer.
    pub heads: Option<Heads>,
    /// What a softmax computes with; `None` of any other layer.
    pub softmax: Option<SoftmaxBounds>,
}

/// One saturating rounding `q = clamp((x + 2^(shift−1)) >> shift, lo, hi)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundSpec {
    /// Bits dropped, `s`, 0..=32.
    pub shift: u32,
    /// Smallest quotient.
    pub lo: i64,
    /// Largest quotient.
    pub hi: i64,
    /// Smallest `x` that the specification allows.
    pub x_min: i64,
    /// Largest `x` that the specification allows.
    pub x_max: i64,
    /// `|x| < 2^bound_bits` for every `x` in `x_min..=x_max`.
    pub bound_bits: u32,
}

impl Layer {
    /// What it is before any scale is known.
    pub fn shape(&self) -> Shape {
        Shape {
            kind: self.kind,
            input: self.input,
            output: self.output,
            kernel: self.kernel,
            n_in: self.n_in,
            n_out: self.n_out,
            bias: self.bias,
            activation: self.activation,
            from: self.from,
            with: self.with,
            heads: self.heads.map_or(0, |heads| heads.count),
            causal: self.softmax.as_ref().is_some_and(|softmax| softmax.causal),
        }
    }

    /// Makes it take and put out so many numbers in a row, all of them at once.
    pub fn connect(&mut self, n_in: usize, n_out: usize) {
        (self.input, self.output) = (Features::flat(n_in), Features::flat(n_out));
        (self.n_in, self.n_out, self.kernel) = (n_in, n_out, None);
    }

    /// Whether it has parameters.
    pub fn has_weights(&self) -> bool {
        self.n_in > 0
    }

    /// How many numbers it keeps of its values from step to step.
    pub fn statistics(&self) -> usize {
        if self.norm.is_some() { 2 * self.n_out } else { 0 }
    }

    /// Whether weights, input, output and kernel have the sizes that follow from each other.
    pub fn is_consistent(&self) -> bool {
        let image = match self.kernel {
            Some(kernel) => {
                let places = self.input.image.map(|sides| sides.map(|side| kernel.places(side)));
                let Some([Some(height), Some(width)]) = places else { return false };
                Some([height, width])
            }
            None => None,
        };
        // A scale leaves positions as they are.
        let image = if self.kind == LayerKind::Scale { self.input.image } else { image };
        self.rows().iter().product::<usize>() == self.n_in
            && self.output == Features { channels: self.n_out, image }
    }

    /// Sizes of the weights' rows: `(kernel, kernel, channels)` of a convolution, without channels where these do
    /// not meet, none of a scale, the sides of positions, else the input's.
    pub fn rows(&self) -> Vec<usize> {
        match self.kernel {
            Some(kernel) if self.kind == LayerKind::DepthwiseConv2d => vec![kernel.size; 2],
            Some(kernel) => vec![kernel.size, kernel.size, self.input.channels],
            None if self.kind == LayerKind::Scale => Vec::new(),
            None if self.kind == LayerKind::Positions => self.input.sides().to_vec(),
            None => self.input.sizes(),
        }
    }
}

impl RoundSpec {
    /// Bits of the largest positive excess `v − hi`; 0 when it cannot occur.
    pub fn excess_high_bits(&self) -> u32 {
        bit_length(i128::from(self.round(self.x_max)) - i128::from(self.hi))
    }

    /// Bits of the largest negative excess `lo − v`; 0 when it cannot occur.
    pub fn excess_low_bits(&self) -> u32 {
        bit_length(i128::from(self.lo) - i128::from(self.round(self.x_min)))
    }

    /// Bits that an excess can need; 0 if the static bound rules saturation out.
    pub fn excess_bits(&self) -> u32 {
        self.excess_high_bits().max(self.excess_low_bits())
    }

    /// The quotient before saturation, half towards +∞.
    pub fn round(&self, x: i64) -> i64 {
        if self.shift == 0 { x } else { (x + (1 << (self.shift - 1))) >> self.shift }
    }
}

/// Bits of a non-negative number; 0 for zero and for negative numbers.
pub(super) fn bit_length(x: i128) -> u32 {
    if x <= 0 { 0 } else { 128 - x.leading_zeros() }
}

impl Network {
    /// Makes its first layer take so many numbers in a row.
    pub fn take(&mut self, input: usize) {
        (self.input, self.features) = (input, Features::flat(input));
    }

    /// Makes it a chain of layers of these widths, the input's before them: its last layer, and
    /// before it as many like the one before the last as are needed.
    pub fn chain(&mut self, widths: &[usize]) {
        self.take(widths.first().copied().unwrap_or(0));
        let last = self.layers.pop();
        let inner = self.layers.pop();
        let wanted = widths.len().saturating_sub(2);
        self.layers = inner.into_iter().cycle().take(wanted).chain(last).collect();
        let pairs = widths.iter().zip(widths.iter().skip(1));
        for (l, (layer, (input, output))) in self.layers.iter_mut().zip(pairs).enumerate() {
            layer.connect(*input, *output);
            (layer.from, layer.with) = (l.checked_sub(1), None);
        }
    }

    /// Whether its optimizer carries anything from step to step.
    pub fn has_state(&self) -> bool {
        self.momentum || self.adam.is_some()
    }

    /// What the last layer puts out: a label has an entry for each.
    pub fn labels(&self) -> Features {
        self.layers.last().map_or(self.features, |layer| layer.output)
    }

    /// Numbers that the last layer puts out for a sample.
    pub fn output(&self) -> usize {
        self.labels().count()
    }

    /// Numerator of the softmax at the row maximum: the largest power of two `E0` with `classes·E0 ≤ 2^14`.
    pub fn exp_scale(&self) -> i64 {
        crate::quant::exp_scale(self.labels().channels)
    }

    /// What a label entry is multiplied with before it is subtracted in the loss gradient
    /// `D = p − scale·y` (or `z − scale·y` for `mse`): `2^14` with probabilities,
    /// `2^z_frac` for one-hot labels under `mse`, 1 for regression targets and for labels that are weights.
    pub fn label_scale(&self) -> i64 {
        let z_frac = self.layers.last().map_or(0, |last| last.z_frac);
        match self.weighted {
            true => 1,
            false => self.loss.function().label_scale(self.one_hot, z_frac),
        }
    }

    /// Whether labels are numbers: no bits, and no one-hot rows.
    pub fn has_targets(&self) -> bool {
        self.loss.function().takes_targets() && !self.one_hot
    }

    /// Number of parameters, biases and statistics included.
    pub fn parameters(&self) -> usize {
        let biases = |layer: &Layer| if layer.bias { layer.n_out } else { 0 };
        let all = self.layers.iter();
        all.map(|layer| layer.n_in * layer.n_out + biases(layer) + layer.statistics()).sum()
    }

    /// Sizes of a tensor of a layer's values: `(channels, T, B)`, and `(…, height, width)` of an image.
    pub fn tensor(&self, features: &Features) -> Vec<usize> {
        features.tensor(self.steps, self.batch)
    }

    /// Samples that one proof covers, `T·B`.
    pub fn window(&self) -> usize {
        self.steps * self.batch
    }
}
