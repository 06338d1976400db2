//! Between arkworks' types and halo2's.
//!
//! Both keep field elements as four limbs in Montgomery form with the same
//! radix, so that nothing is computed.

use ark_bn254 as ark;
use ark_ec::AffineRepr;
use ark_ff::BigInt;
use halo2_proofs::halo2curves::bn256;
use halo2_proofs::halo2curves::serde::SerdeObject;

/// Limbs as the bytes that halo2 stores.
fn bytes(limbs: [u64; 4]) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.chunks_exact_mut(8).zip(limbs) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    out
}

fn limbs(bytes: &[u8]) -> [u64; 4] {
    let mut out = [0; 4];
    for (limb, chunk) in out.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    out
}

/// A scalar for halo2.
pub fn to_scalar(value: &ark::Fr) -> bn256::Fr {
    bn256::Fr::from_raw_bytes_unchecked(&bytes(value.0.0))
}

/// A scalar from halo2.
pub fn from_scalar(value: &bn256::Fr) -> ark::Fr {
    ark::Fr::new_unchecked(BigInt(limbs(&value.to_raw_bytes())))
}

fn to_coordinate(value: &ark::Fq) -> bn256::Fq {
    bn256::Fq::from_raw_bytes_unchecked(&bytes(value.0.0))
}

fn from_coordinate(value: &bn256::Fq) -> ark::Fq {
    ark::Fq::new_unchecked(BigInt(limbs(&value.to_raw_bytes())))
}

/// A point for halo2, whose neutral element has coordinates zero.
pub fn to_point(point: &ark::G1Affine) -> bn256::G1Affine {
    let (x, y) = point.xy().unwrap_or_default();
    bn256::G1Affine { x: to_coordinate(&x), y: to_coordinate(&y) }
}

/// A point from halo2.
pub fn from_point(point: &bn256::G1Affine) -> ark::G1Affine {
    let (x, y) = (from_coordinate(&point.x), from_coordinate(&point.y));
    if x == ark::Fq::default() && y == ark::Fq::default() {
        ark::G1Affine::zero()
    } else {
        ark::G1Affine::new_unchecked(x, y)
    }
}

/// A point of the second group for halo2.
pub fn to_point_g2(point: &ark::G2Affine) -> bn256::G2Affine {
    let (x, y) = point.xy().unwrap_or_default();
    let pair = |v: &ark::Fq2| bn256::Fq2::new(to_coordinate(&v.c0), to_coordinate(&v.c1));
    bn256::G2Affine { x: pair(&x), y: pair(&y) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup;
    use halo2_proofs::halo2curves::ff::{Field, PrimeField};
    use halo2_proofs::halo2curves::group::{Curve, prime::PrimeCurveAffine};

    #[test]
    fn scalars_keep_their_value() {
        let seven = to_scalar(&ark::Fr::from(7u64));
        assert_eq!(seven, bn256::Fr::from(7));
        assert_eq!(
            from_scalar(&seven.invert().unwrap()) * ark::Fr::from(7u64),
            ark::Fr::from(1u64)
        );
        assert_eq!(from_scalar(&(-bn256::Fr::ONE)), -ark::Fr::from(1u64));
        assert_eq!(to_scalar(&-ark::Fr::from(1u64)).to_repr(), (-bn256::Fr::ONE).to_repr());
    }

    #[test]
    fn points_keep_their_value() {
        let ours = (ark::G1Affine::generator() * ark::Fr::from(12345u64)).into_affine();
        let theirs = (bn256::G1::generator() * bn256::Fr::from(12345)).to_affine();
        assert_eq!(to_point(&ours), theirs);
        assert_eq!(from_point(&theirs), ours);
        assert_eq!(from_point(&bn256::G1Affine::identity()), ark::G1Affine::zero());
        assert_eq!(to_point(&ark::G1Affine::zero()), bn256::G1Affine::identity());
        let ours = (ark::G2Affine::generator() * ark::Fr::from(12345u64)).into_affine();
        let theirs = (bn256::G2::generator() * bn256::Fr::from(12345)).to_affine();
        assert_eq!(to_point_g2(&ours), theirs);
    }
}
