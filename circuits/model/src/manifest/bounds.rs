//! Static bounds: the largest magnitude of every wide integer.
//!
//! Computed in 128 bits from the specification alone, never from data.

use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::network::{I16_HI, I16_LO, RoundSpec, bit_length};

/// Wide integers stay below `2^MAX_WIDE_BITS` in magnitude, so that they and their roundings fit `i64`.
pub const MAX_WIDE_BITS: u32 = 62;
/// Most bits that a rounding may drop.
pub const MAX_SHIFT: u32 = 32;
/// Most bits that an excess may need.
pub const MAX_EXCESS_BITS: u32 = 48;
/// Parameters stay below `2^MAX_WEIGHT_BITS` in magnitude.
pub const MAX_WEIGHT_BITS: u32 = 31;

/// A rounding whose bounds are being computed.
pub(crate) struct Wide<'a> {
    /// Field to blame.
    pub field: &'a str,
    /// Tensor that is rounded, for messages.
    pub what: &'static str,
    /// Smallest value.
    pub x_min: i128,
    /// Largest value.
    pub x_max: i128,
}

impl<'a> Wide<'a> {
    /// Values of magnitude at most `max`.
    pub fn symmetric(field: &'a str, what: &'static str, max: i128) -> Self {
        Self { field, what, x_min: -max, x_max: max }
    }

    /// The rounding from `frac` to `to` fractional bits, saturating at 16 bits.
    pub fn rescale(self, frac: u32, to: u32) -> Result<RoundSpec, ManifestError> {
        if to > frac {
            return Err(self.error(Kind::NegativeShift { max: frac, got: to }));
        }
        self.round(frac - to, I16_LO, I16_HI)
    }

    /// The rounding that drops `shift` bits and saturates at `lo..=hi`.
    pub fn round(self, shift: u32, lo: i64, hi: i64) -> Result<RoundSpec, ManifestError> {
        if shift > MAX_SHIFT {
            return Err(self.error(Kind::ShiftTooWide { max: MAX_SHIFT, got: shift }));
        }
        let bound_bits = bit_length(self.x_max.max(-self.x_min));
        if bound_bits > MAX_WIDE_BITS {
            return Err(self.overflow(MAX_WIDE_BITS, bound_bits));
        }
        // Both ends are below 2^62 in magnitude now.
        let (x_min, x_max) = (self.x_min as i64, self.x_max as i64);
        let spec = RoundSpec { shift, lo, hi, x_min, x_max, bound_bits };
        if spec.excess_bits() > MAX_EXCESS_BITS {
            return Err(ManifestError::new(
                self.field,
                Kind::Overflow {
                    what: "the excess",
                    max: MAX_EXCESS_BITS,
                    got: spec.excess_bits(),
                },
            ));
        }
        Ok(spec)
    }

    fn overflow(&self, max: u32, got: u32) -> ManifestError {
        self.error(Kind::Overflow { what: self.what, max, got })
    }

    fn error(&self, kind: Kind) -> ManifestError {
        ManifestError::new(self.field, kind)
    }
}

/// Bits that bound a parameter over a chain of `max_steps` steps.
///
/// # Errors
/// When more than [`MAX_WEIGHT_BITS`] would be needed.
pub fn weight_bits(weight_init_bits: u32, max_steps: usize) -> Result<u32, ManifestError> {
    let steps = i128::try_from(max_steps).unwrap_or(i128::MAX >> 16);
    let largest = (1i128 << weight_init_bits) + steps * (1i128 << 15);
    // |W| < largest, so 2^bits ≥ largest suffices.
    let bits = bit_length(largest - 1);
    if bits > MAX_WEIGHT_BITS {
        let kind = Kind::Overflow { what: "a parameter", max: MAX_WEIGHT_BITS, got: bits };
        return Err(ManifestError::new("training.max_steps", kind));
    }
    Ok(bits)
}
