//! What can be wrong with a manifest, always with the field that is wrong.

use super::features::Features;
use super::schema::LayerKind;

/// A manifest that cannot be used: which field, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field}: {kind}")]
pub struct ManifestError {
    /// Path of the offending field, for example `quantization.layers[1].z_frac`.
    pub field: String,
    /// What is wrong with it.
    pub kind: ManifestErrorKind,
}

impl ManifestError {
    /// An error about `field`.
    pub fn new(field: impl Into<String>, kind: ManifestErrorKind) -> Self {
        Self { field: field.into(), kind }
    }
}

/// Why a field of a manifest is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestErrorKind {
    /// Not TOML, a wrong type, a missing key or an unknown key.
    #[error("{0}")]
    Toml(#[source] Box<toml::de::Error>),
    /// The manifest cannot be written as TOML.
    #[error("cannot be written as TOML: {0}")]
    Unwritable(#[source] Box<toml::ser::Error>),
    /// More text than any manifest has.
    #[error(
        "has {got} bytes, at most {max} are read: columns that share a scaling can be `data.uniform`"
    )]
    TooLong {
        /// Most bytes that are read.
        max: usize,
        /// The bytes found.
        got: usize,
    },
    /// A format version that this program does not know.
    #[error("expected version {expected}, got {got}")]
    Version {
        /// The version that this program reads.
        expected: u32,
        /// The version found.
        got: u32,
    },
    /// What only a newer format has.
    #[error("needs `version = {needed}` of the manifest, which is of version {got}")]
    NewerVersion {
        /// The version that has it.
        needed: u32,
        /// The manifest's.
        got: u32,
    },
    /// A layer takes what is not there yet.
    #[error(
        "expected an entry of `model.layers` before it, of which there are {entries}, got number {entry}"
    )]
    NotBefore {
        /// The entry that it names.
        entry: usize,
        /// Entries before it.
        entries: usize,
    },
    /// A layer takes what stands between another one and its activation.
    #[error("an activation follows entry {entry}: take what that puts out, entry {}", entry + 1)]
    Inner {
        /// The entry that it names.
        entry: usize,
    },
    /// A layer takes the same values twice.
    #[error("these are the values that it takes already")]
    Twice,
    /// Two layers' values cannot be added.
    #[error("expected values of {expected}, as those that they are added to, got {got}")]
    Unlike {
        /// What they are added to.
        expected: Features,
        /// What they are.
        got: Features,
    },
    /// No layer takes a layer's values.
    #[error("no layer takes its values")]
    Unused,
    /// Too many layers take a layer's values.
    #[error("its values are taken by {got} layers, at most {max} can take them")]
    Crowded {
        /// The most that can.
        max: usize,
        /// How many do.
        got: usize,
    },
    /// What sums pass on to sums.
    #[error(
        "its gradient is the sum of {got} tensors, at most {max} can be: put activations behind the sums that take its values"
    )]
    Summands {
        /// The most that can be.
        max: usize,
        /// How many are.
        got: usize,
    },
    /// A layer over sequences that is given none.
    #[error("expected a sequence, an image of one column, got {got}")]
    NoSequence {
        /// What it is given.
        got: Features,
    },
    /// Heads that do not divide the channels of both that are held against each other.
    #[error("{heads} heads do not divide channels alike: there are {first} and {second}")]
    Heads {
        /// How many there are.
        heads: usize,
        /// Channels of the first.
        first: usize,
        /// Channels of the second.
        second: usize,
    },
    /// A layer over images that is given none.
    #[error("{layer} needs an image: set `model.image`, and have no linear layer before it")]
    NoImage {
        /// What the layer does.
        layer: LayerKind,
    },
    /// A kernel that is larger than the image with its padding.
    #[error("a kernel of {kernel} does not fit an image of {image} with {padding} zeros around it")]
    KernelTooLarge {
        /// Positions along a side of the kernel.
        kernel: usize,
        /// Positions along the image's shorter side.
        image: usize,
        /// Zeros around it.
        padding: usize,
    },
    /// Windows that do not cover an image side by side.
    #[error(
        "windows of {kernel} do not tile a side of {side}: it has to be a multiple of {kernel}"
    )]
    Untiled {
        /// Positions along the image's side.
        side: usize,
        /// Positions along a window's.
        kernel: usize,
    },
    /// A mean of a whole image that is no square.
    #[error("the mean of a whole image needs a square, the image is {height} by {width}")]
    Oblong {
        /// Positions along the image's height.
        height: usize,
        /// Positions along its width.
        width: usize,
    },
    /// A field that this configuration needs.
    #[error("is required here")]
    Missing,
    /// A field that has no meaning in this configuration.
    #[error("has no meaning here")]
    Unexpected,
    /// An integer outside its range.
    #[error("expected {min}..={max}, got {got}")]
    OutOfRange {
        /// Smallest value allowed.
        min: i128,
        /// Largest value allowed.
        max: i128,
        /// The value found.
        got: i128,
    },
    /// A real number outside its range, or not finite.
    #[error("expected a number from {min} to {max}, got {got}")]
    RealOutOfRange {
        /// Smallest value allowed.
        min: f64,
        /// Largest value allowed.
        max: f64,
        /// The value found.
        got: f64,
    },
    /// A scale of zero, which would erase the column.
    #[error("expected a number other than zero")]
    Zero,
    /// A length that must be a power of two.
    #[error("expected a power of two, got {got}")]
    NotPowerOfTwo {
        /// The value found.
        got: usize,
    },
    /// A batch that is filled up, and labels that cannot say so.
    #[error(
        "expected a power of two, got {got}: a batch is filled up with rows of weight zero where \
         `data.weighted` is true"
    )]
    Unfilled {
        /// The value found.
        got: usize,
    },
    /// Weights of labels for a loss that has none.
    #[error("only the loss `softmax-cross-entropy` has labels with weights")]
    Unweighed,
    /// Weights of labels with a norm over a batch.
    #[error("a batch norm would count rows of weight zero: use `layer_norm`, or leave weights out")]
    Counted,
    /// Tokens with an offset or a scale.
    #[error("columns of tokens have the offset 0 and the scale 1")]
    Scaled,
    /// Labels over an image of other sides.
    #[error("has a label at each position: sides are powers of two, got {got}")]
    Sides {
        /// The side found.
        got: usize,
    },
    /// A label for each position, without weights.
    #[error("is required where each of {positions} positions has a label")]
    LabelsByPosition {
        /// Positions of the last layer's output.
        positions: usize,
    },
    /// A list of the wrong length, or a width that disagrees with another field.
    #[error("expected {expected} to match {matches}, got {got}")]
    Count {
        /// The length or width expected.
        expected: usize,
        /// The field that it must agree with.
        matches: &'static str,
        /// The length or width found.
        got: usize,
    },
    /// A layer that cannot stand at this place.
    #[error("expected {expected}, got {got}")]
    LayerOrder {
        /// What may stand here.
        expected: &'static str,
        /// What was found.
        got: LayerKind,
    },
    /// Two columns or classes of the same name.
    #[error("the name {name:?} is used twice")]
    Duplicate {
        /// The repeated name.
        name: String,
    },
    /// A multiplier that is not what the hyper-parameters give.
    #[error("expected {expected}, as derived from the hyper-parameters, got {got}")]
    Derived {
        /// The derived value.
        expected: i64,
        /// The recorded value.
        got: i64,
    },
    /// A hyper-parameter that is not zero, yet rounds to a multiplier of zero.
    #[error("is too small for the fixed-point step: its multiplier rounds to zero")]
    Vanishes,
    /// A multiplier too small to hold its hyper-parameter precisely.
    #[error(
        "rounding changes the learning rate by a factor of 1 ± {got:.3}, at most {max} is allowed"
    )]
    Imprecise {
        /// Largest relative error.
        max: f64,
        /// The relative error found.
        got: f64,
    },
    /// A share of a moment that its fixed point cannot hold.
    #[error(
        "rounding changes what a step adds by a factor of 1 ± {got:.3}, at most {max} is allowed"
    )]
    ImpreciseMoment {
        /// Largest relative error.
        max: f64,
        /// The relative error found.
        got: f64,
    },
    /// A weight decay that the update's fixed point cannot hold.
    #[error(
        "rounding changes it by a factor of 1 ± {got:.3}, at most {max} is allowed; with this \
         learning rate the nearest weight decay without an error is {nearest}"
    )]
    ImpreciseDecay {
        /// Largest relative error.
        max: f64,
        /// The relative error found.
        got: f64,
        /// A weight decay that fits.
        nearest: f64,
    },
    /// A slope that its fixed point cannot hold.
    #[error(
        "rounding changes it by a factor of 1 ± {got:.3}, at most {max} is allowed; the nearest \
         slope without an error is {nearest}"
    )]
    ImpreciseSlope {
        /// Largest relative error.
        max: f64,
        /// The relative error found.
        got: f64,
        /// A slope that fits.
        nearest: f64,
    },
    /// A rounding whose result would need more fractional bits than its input has.
    #[error("expected at most {max} fractional bits, got {got}")]
    NegativeShift {
        /// Fractional bits of the wide value.
        max: u32,
        /// Fractional bits asked of the result.
        got: u32,
    },
    /// A rounding that drops more bits than a remainder may have.
    #[error("the rounding drops {got} bits, at most {max} are supported")]
    ShiftTooWide {
        /// Largest shift.
        max: u32,
        /// The shift found.
        got: u32,
    },
    /// An integer that could reach its limit.
    #[error("{what} could need {got} bits, the limit is {max}")]
    Overflow {
        /// The tensor concerned.
        what: &'static str,
        /// Bits allowed.
        max: u32,
        /// Bits that the static bound gives.
        got: u32,
    },
}
