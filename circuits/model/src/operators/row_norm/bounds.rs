//! How large the wide integers of a layer norm get, hence how many digits each takes.
//!
//! What stands in a product is bounded by Cauchy and Schwarz, as a batch norm's: with `Σc² < n·(σ + 1)²` it is
//! `|c|·R ≤ √n·2^26·(σ + 1)/σ`, and the root of the squares of all `z` of a row that of `n` times one unit.
//! docs/quantization.md has the proofs.

use crate::manifest::{ManifestError, ManifestErrorKind as Kind, Shape, in_range};
use crate::operators::Scale;
use crate::operators::moments::{MEAN_FRAC, SENT_FRAC, epsilon, root_up};
use crate::quant::{Expansion, floor_sqrt};

/// The inverse of a deviation is the quotient of two to this power.
pub const INVERSE_BITS: u32 = 26;
/// Most bits of a factor, so that 64-bit integers hold it.
const MAX_FACTOR_BITS: u32 = 62;

/// What a layer norm or an RMS norm computes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowBounds {
    /// Numbers that are normalised together, `n`.
    pub count: usize,
    /// Whether their mean is taken away.
    pub centred: bool,
    /// Added to the variance, with twice the fractional bits of a deviation.
    pub epsilon: i64,
    /// `16·ΣA`, divided by `n`.
    pub mean: Expansion,
    /// `Σc²`, divided by `n`.
    pub variance: Expansion,
    /// `σ`
    pub deviation: Expansion,
    /// `V − σ²`
    pub deviation_low: Expansion,
    /// `2σ` less that.
    pub deviation_high: Expansion,
    /// `R`
    pub inverse: Expansion,
    /// `2^26 − R·σ`
    pub inverse_low: Expansion,
    /// `σ − 1` less that.
    pub inverse_high: Expansion,
    /// `Σ D·z`
    pub correlation: Expansion,
    /// `2^5·R·ΣD`, divided by `n`: what all numbers have in common of what is sent.
    pub offset: Expansion,
    /// `R·Σ D·z`, divided: what is proportional to `z`.
    pub tilt: Expansion,
    /// The largest gradient that is sent, before rounding.
    pub(crate) sent: i128,
}

impl RowBounds {
    /// Names and expansions of its wide integers: without a mean there is nothing that all numbers have in common.
    pub fn parts(&self) -> Vec<(&'static str, &Expansion)> {
        let all = [
            ("mean", &self.mean),
            ("variance", &self.variance),
            ("deviation", &self.deviation),
            ("deviation_low", &self.deviation_low),
            ("deviation_high", &self.deviation_high),
            ("inverse", &self.inverse),
            ("inverse_low", &self.inverse_low),
            ("inverse_high", &self.inverse_high),
            ("correlation", &self.correlation),
            ("offset", &self.offset),
            ("tilt", &self.tilt),
        ];
        let mut parts = all.to_vec();
        parts.retain(|(name, _)| self.centred || !["mean", "offset"].contains(name));
        parts
    }
}

/// Largest magnitudes.
struct Bounds {
    n: i128,
    epsilon: i128,
    /// Of the input, with the fractional bits of a deviation.
    input: i128,
    /// Of the gradient that arrives.
    gradient: i128,
    /// Fractional bits of `z`.
    z_frac: u32,
}

impl Bounds {
    /// `⌊Σc²/n⌋`: of numbers within `±input` at most `input²`, and rounding the mean adds less than 1.
    fn variance(&self) -> i128 {
        self.input * self.input + 1
    }

    fn deviation(&self) -> i128 {
        floor_sqrt(self.variance() + self.epsilon)
    }

    fn smallest_deviation(&self) -> i128 {
        floor_sqrt(self.epsilon).max(1)
    }

    fn inverse(&self) -> i128 {
        (1 << INVERSE_BITS) / self.smallest_deviation()
    }

    /// `|c|·R`, and so what `z` is rounded from.
    fn output(&self) -> i128 {
        let sigma = self.smallest_deviation();
        (root_up(self.n) << INVERSE_BITS) * (sigma + 1) / sigma + 1
    }

    /// The root of the mean of all `z²` of a row: a deviation of 1, and its roundings.
    fn unit(&self) -> i128 {
        let sigma = self.smallest_deviation();
        (1 << self.z_frac) * (sigma + 1) / sigma + 2
    }

    /// `|Σ D·z| ≤ √ΣD²·√Σz²`
    fn correlation(&self) -> i128 {
        self.n * self.gradient * self.unit()
    }

    fn offset(&self) -> i128 {
        ((self.inverse() * self.gradient) << SENT_FRAC) + 1
    }

    /// Bits that the tilt drops, beyond the division by `n`.
    fn tilt_drops(&self) -> u32 {
        2 * self.z_frac - SENT_FRAC
    }

    fn tilt(&self) -> i128 {
        self.inverse() * self.correlation() / (self.n << self.tilt_drops()) + 1
    }

    /// What is sent, before rounding.
    fn sent(&self) -> i128 {
        2 * self.offset() + self.tilt() * root_up(self.n) * self.unit()
    }
}

/// The bounds of a layer whose input and output have these scales, for gradients of such a magnitude, and the largest
/// number that `z` is rounded from.
pub(super) fn rows(
    field: &str,
    centred: bool,
    shape: &Shape,
    (input, z_frac): (Scale, u32),
    gradient: i64,
) -> Result<(RowBounds, i128), ManifestError> {
    in_range(field, SENT_FRAC.into(), 15, z_frac.into())?;
    let n = shape.output.channels as u32;
    let epsilon = epsilon(input.frac);
    let bounds = Bounds {
        n: n.into(),
        epsilon: epsilon.into(),
        input: i128::from(input.max) << MEAN_FRAC,
        gradient: gradient.into(),
        z_frac,
    };
    let got = i128::BITS - bounds.offset().max(bounds.correlation()).leading_zeros();
    if got > MAX_FACTOR_BITS {
        let (what, max) = ("a layer norm's gradient", MAX_FACTOR_BITS);
        return Err(ManifestError::new(field, Kind::Overflow { what, max, got }));
    }
    let count = |x: i128| Expansion::new(&[], x, false);
    let by_n = |x: i128, signed| Expansion::new(&[n], x, signed);
    let (deviation, twice) = (bounds.deviation(), 2 * bounds.deviation());
    let tilt = [&[n][..], &Expansion::power(bounds.tilt_drops())].concat();
    let rows = RowBounds {
        count: n as usize,
        centred,
        epsilon,
        mean: by_n(bounds.input, true),
        variance: by_n(bounds.variance(), false),
        deviation: count(deviation),
        deviation_low: count(twice),
        deviation_high: count(twice),
        inverse: count(bounds.inverse()),
        inverse_low: count(deviation),
        inverse_high: count(deviation),
        correlation: Expansion::new(&[], bounds.correlation(), true),
        offset: by_n(bounds.offset(), true),
        tilt: Expansion::new(&tilt, bounds.tilt(), true),
        sent: bounds.sent(),
    };
    Ok((rows, bounds.output()))
}
