//! Saturating rounding, half towards +∞.

use crate::manifest::RoundSpec;

/// A wide integer taken apart: `x = 2^s·(q + e) + r`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounding {
    /// Saturated quotient, `lo..=hi`.
    pub q: i64,
    /// Centred remainder, `−2^(s−1)..2^(s−1)`; 0 when `s = 0`.
    pub r: i64,
    /// Signed excess, zero unless `q` is `lo` or `hi`.
    pub e: i64,
}

/// Rounds `x` to the nearest multiple of `2^shift`, half towards +∞, and saturates.
///
/// Exact for `|x| < 2^62` and `shift ≤ 32`, which the manifest's static bounds guarantee.
#[inline(always)]
pub fn round_sat(x: i64, spec: &RoundSpec) -> Rounding {
    let v = spec.round(x);
    let q = v.clamp(spec.lo, spec.hi);
    Rounding { q, r: x - (v << spec.shift), e: v - q }
}
