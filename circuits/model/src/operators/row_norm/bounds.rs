//! How large the wide integers of a layer norm or an RMS norm get, hence how many digits each takes.
//!
//! What stands in a product is bounded by Cauchy and Schwarz, as a batch norm's: with `Σc² < n·(σ + 1)²` it is
//! `|c|·R ≤ √n·2^26·(σ + 1)/σ`, and the root of the squares of all `z` of a row that of `n` times one unit.
//! docs/quantization.md has the proofs.

use crate::manifest::{ManifestError, ManifestErrorKind as Kind, Shape, in_range};
use crate::operators::Scale;
use crate::operators::moments::{MomentBounds, Moments, SENT_FRAC, root_up};
use crate::quant::Expansion;

/// The inverse of a deviation is the quotient of two to this power.
pub const INVERSE_BITS: u32 = 26;
/// Most bits of a factor, so that 64-bit integers hold it.
const MAX_FACTOR_BITS: u32 = 62;

/// What a layer norm or an RMS norm computes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowBounds {
    /// Numbers that are normalised together, `n`.
    pub count: usize,
    /// Mean, if it is taken away, variance, deviation and its inverse.
    pub moments: Moments,
    /// `Σ D·z`
    pub correlation: Expansion,
    /// `2^5·R·ΣD`, divided by `n`: what all numbers have in common of what is sent. Nothing where no mean is taken away.
    pub offset: Option<Expansion>,
    /// `R·Σ D·z`, divided: what is proportional to `z`.
    pub tilt: Expansion,
    /// The largest gradient that is sent, before rounding.
    pub(crate) sent: i128,
}

impl RowBounds {
    /// Names and expansions of its wide integers.
    pub fn parts(&self) -> Vec<(&'static str, &Expansion)> {
        let offset = self.offset.iter().map(|offset| ("offset", offset));
        let before = self.moments.parts().chain([("correlation", &self.correlation)]);
        before.chain(offset).chain([("tilt", &self.tilt)]).collect()
    }
}

/// Largest magnitudes.
struct Bounds {
    moments: MomentBounds,
    n: i128,
    /// Of the gradient that arrives.
    gradient: i128,
    /// Fractional bits of `z`.
    z_frac: u32,
}

impl Bounds {
    /// The root of the mean of all `z²` of a row: a deviation of 1, and its roundings.
    fn unit(&self) -> i128 {
        self.moments.stretched(1 << self.z_frac) + 2
    }

    /// `|Σ D·z| ≤ √ΣD²·√Σz²`
    fn correlation(&self) -> i128 {
        self.n * self.gradient * self.unit()
    }

    fn offset(&self) -> i128 {
        ((self.moments.inverse() * self.gradient) << SENT_FRAC) + 1
    }

    /// Bits that the tilt drops, beyond the division by `n`.
    fn tilt_drops(&self) -> u32 {
        2 * self.z_frac - SENT_FRAC
    }

    fn tilt(&self) -> i128 {
        self.moments.inverse() * self.correlation() / (self.n << self.tilt_drops()) + 1
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
    let moments = MomentBounds::new(n, input, INVERSE_BITS);
    let bounds = Bounds { moments, n: n.into(), gradient: gradient.into(), z_frac };
    let got = i128::BITS - bounds.offset().max(bounds.correlation()).leading_zeros();
    if got > MAX_FACTOR_BITS {
        let (what, max) = ("a norm's gradient", MAX_FACTOR_BITS);
        return Err(ManifestError::new(field, Kind::Overflow { what, max, got }));
    }
    let tilt = [&[n][..], &Expansion::power(bounds.tilt_drops())].concat();
    let rows = RowBounds {
        count: n as usize,
        moments: bounds.moments.moments(centred),
        correlation: Expansion::new(&[], bounds.correlation(), true),
        offset: centred.then(|| Expansion::new(&[n], bounds.offset(), true)),
        tilt: Expansion::new(&tilt, bounds.tilt(), true),
        sent: bounds.sent(),
    };
    Ok((rows, bounds.moments.centred_normed()))
}
