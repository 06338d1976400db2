//! The trace: every integer that the `T` steps of one proof produce.
//!
//! Unpadded, row-major in the order of the dimensions given, written by the
//! training loop and read by the witness layout. `T` steps, `B` samples a batch,
//! a layer maps `n_in` to `n_out` values. See `docs/quantization.md` for meanings.

/// The result of one saturating rounding: `x = 2^s·(q + e) + r`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rounded {
    /// Saturated quotients.
    pub q: Vec<i32>,
    /// Centred remainders, `−2^(s−1)..2^(s−1)`.
    pub r: Vec<i32>,
    /// Signed excesses that are not zero, with their flat index, sorted by it.
    pub excess: Vec<(u32, i64)>,
}

impl Rounded {
    /// Room for so many roundings.
    pub fn room(len: usize) -> Self {
        Self { q: vec![0; len], r: vec![0; len], excess: Vec::new() }
    }
}

/// What one linear layer and its activation produce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerTrace {
    /// Output before the activation, `(T, B, n_out)`.
    pub z: Rounded,
    /// Activated output, `(T, B, n_out)`; empty for the identity, where it is `z`.
    pub a: Vec<i32>,
    /// Gradient that arrives at the activated output, `(T, B, n_out)`; none on the last layer.
    pub g: Option<Rounded>,
    /// Gradient with respect to `z`, `(T, B, n_out)`; sigmoid and tanh only.
    pub d: Option<Rounded>,
    /// Gradient with respect to `z`, `(T, B, n_out)`; ReLU only.
    pub d_relu: Vec<i32>,
    /// Clipped gradient sums of the weights, `(T, n_in, n_out)`; with clipping only.
    pub clip_w: Option<Rounded>,
    /// Clipped gradient sums of the biases, `(T, n_out)`; with clipping and biases only.
    pub clip_b: Option<Rounded>,
    /// Updates `δ` of the weights, `(T, n_in, n_out)`.
    pub update_w: Rounded,
    /// Updates `δ` of the biases, `(T, n_out)`; with biases only.
    pub update_b: Option<Rounded>,
}

/// What the loss produces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LossTrace {
    /// Softmax and cross entropy over `n` classes.
    Softmax {
        /// Row maxima, `(T, B)`.
        max: Vec<i32>,
        /// Index of the first maximum, `(T, B)`.
        argmax: Vec<u32>,
        /// Terms of the sum, `(T, B, n)`.
        e: Vec<i32>,
        /// Sums of the terms, `(T, B)`.
        sum: Vec<i32>,
        /// Probabilities with 14 fractional bits, `(T, B, n)`.
        p: Vec<i32>,
        /// Residues `2^15·e − 2S·p`, in `−S..S`, `(T, B, n)`.
        r: Vec<i32>,
    },
    /// Sigmoid and binary cross entropy.
    Logistic {
        /// Probabilities with 14 fractional bits, `(T, B)`.
        p: Vec<i32>,
    },
    /// Half the sum of squared errors.
    Mse,
}

/// Parameters, or anything else that has one integer per parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// One entry per linear layer.
    pub layers: Vec<LayerParameters>,
}

impl Parameters {
    /// All of them in a row: layer by layer, weights row-major, then biases.
    pub fn flat(&self) -> impl Iterator<Item = i32> + '_ {
        self.layers.iter().flat_map(|l| l.w.iter().chain(l.b.iter().flatten())).copied()
    }
}

/// Parameters of one linear layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerParameters {
    /// Weights `(n_in, n_out)`: input `i`, output `j` at `i·n_out + j`.
    pub w: Vec<i32>,
    /// Biases, `n_out`.
    pub b: Option<Vec<i32>>,
}

/// Everything that the `T` steps of one proof produce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Inputs, `(T, B, input)`.
    pub inputs: Vec<i32>,
    /// Labels, `(T, B, n_out of the last layer)`: one-hot 0/1, a logistic 0/1, or `mse` targets.
    pub labels: Vec<i32>,
    /// Parameters before the first step.
    pub before: Parameters,
    /// The previous proof's last update; with momentum only, and none at the start of a chain.
    pub state: Option<Parameters>,
    /// One entry per linear layer.
    pub layers: Vec<LayerTrace>,
    /// What the loss produced.
    pub loss: LossTrace,
    /// Parameters after the last step.
    pub after: Parameters,
}
