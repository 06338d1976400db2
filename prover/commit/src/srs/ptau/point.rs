//! Points as a `.ptau` file stores them: affine, uncompressed, coordinates in Montgomery form.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine, g1, g2};
use ark_ec::{AffineRepr, short_weierstrass::Affine};
use ark_ff::{BigInt, PrimeField};

use super::error::PointFault;

const FIELD_BYTES: usize = 32;

/// A point as the file stores it. The neutral element, stored as zeros, is refused: no power of a
/// ceremony's `τ` is it.
pub(super) trait PtauPoint: Sized + Send {
    const BYTES: usize;
    fn decode(bytes: &[u8]) -> Result<Self, PointFault>;
}

impl PtauPoint for Affine<g1::Config> {
    const BYTES: usize = 2 * FIELD_BYTES;

    fn decode(bytes: &[u8]) -> Result<Self, PointFault> {
        let (x, y) = bytes.split_at(FIELD_BYTES);
        let point = G1Affine::new_unchecked(coordinate(x)?, coordinate(y)?);
        // The curve has prime order.
        if !point.is_zero() && point.is_on_curve() { Ok(point) } else { Err(PointFault::OffCurve) }
    }
}

impl PtauPoint for Affine<g2::Config> {
    const BYTES: usize = 4 * FIELD_BYTES;

    fn decode(bytes: &[u8]) -> Result<Self, PointFault> {
        let (x, y) = bytes.split_at(2 * FIELD_BYTES);
        let point = G2Affine::new_unchecked(extension(x)?, extension(y)?);
        if point.is_zero() || !point.is_on_curve() {
            return Err(PointFault::OffCurve);
        }
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(PointFault::Subgroup);
        }
        Ok(point)
    }
}

fn extension(bytes: &[u8]) -> Result<Fq2, PointFault> {
    let (c0, c1) = bytes.split_at(FIELD_BYTES);
    Ok(Fq2::new(coordinate(c0)?, coordinate(c1)?))
}

/// A coordinate in Montgomery form.
fn coordinate(bytes: &[u8]) -> Result<Fq, PointFault> {
    let limbs = limbs(bytes);
    if limbs >= Fq::MODULUS { Err(PointFault::Unreduced) } else { Ok(Fq::new_unchecked(limbs)) }
}

fn limbs(bytes: &[u8]) -> BigInt<4> {
    let mut limbs = BigInt::<4>::default();
    for (limb, chunk) in limbs.0.iter_mut().zip(bytes.chunks(8)) {
        *limb = chunk.iter().rev().fold(0, |acc, &byte| acc << 8 | u64::from(byte));
    }
    limbs
}
