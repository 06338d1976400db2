//! Why no scales could be chosen, and what helps.

use zktrain_model::manifest::ManifestError;

/// Why no scales could be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// The draft, or what calibration made of it, is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No sample fills a batch.
    #[error("calibration needs at least {expected} samples, got {got}")]
    TooFewSamples {
        /// One batch.
        expected: usize,
        /// Samples given.
        got: usize,
    },
    /// A sample that does not fit the manifest.
    #[error("{what} of a sample: expected {expected}, got {got}")]
    Shape {
        /// Inputs or labels.
        what: &'static str,
        /// Entries that the manifest asks for.
        expected: usize,
        /// Entries given.
        got: usize,
    },
    /// Training in double precision goes wrong by itself.
    #[error(
        "training diverges at this learning rate ({learning_rate}), in double precision as well: \
         the parameters of layer {layer} grow without an end; use a smaller one"
    )]
    Diverges {
        /// Index of the linear layer.
        layer: usize,
        learning_rate: f64,
    },
    /// Fixed point cannot hold both the gradient and the learning rate.
    #[error(
        "layer {layer}: gradient sums leave {got} fractional bits to activations, at least {min} \
         are needed; {remedy}"
    )]
    Resolution {
        /// Index of the linear layer.
        layer: usize,
        /// Fewest fractional bits.
        min: u32,
        /// Bits that would be left.
        got: i64,
        /// What helps.
        remedy: Remedy,
    },
    /// Rates that no number of fractional bits suits.
    #[error(
        "Adam's rates have no fixed point here: use a learning rate of about 0.00001 to 0.1, and shares of \
         the moments further apart from each other and from 1 ({0})"
    )]
    AdamRate(#[source] ManifestError),
    /// Scales that calibration chose are refused: nobody wrote them.
    #[error(
        "no fixed-point scales suit these hyper-parameters: use a smaller learning rate, gradient \
         clipping, a smaller batch or fewer steps of a chain (what was tried is refused: {0})"
    )]
    NoScales(#[source] ManifestError),
}

/// What helps against too few fractional bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Remedy {
    /// Updates are too small for their 22 fractional bits.
    #[error(
        "updates are tiny: use a larger learning rate, best a power of two, or a smaller batch"
    )]
    LargerSteps,
    /// Gradients are large.
    #[error(
        "gradients are large: use gradient clipping or a smaller batch, scale features to about -2 \
         to 2, and choose a power of two as learning rate"
    )]
    SmallerGradients,
}
