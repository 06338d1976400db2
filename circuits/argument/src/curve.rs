//! The group element whose discrete logarithm nobody knows: the base of blindings; and points of G2
//! as bytes.

use std::sync::LazyLock;

use ark_bn254::{Fq, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, Field, PrimeField};
use sha3::{Digest, Keccak256};

/// What [`blinding_base`] hashes to the curve.
pub const BLINDING_DOMAIN: &[u8] = b"zktrain/v1/blinding-base";

static BLINDING_BASE: LazyLock<G1Affine> = LazyLock::new(|| hash_to_curve(BLINDING_DOMAIN));

/// `H`, the base of blindings in a row commitment `Σ_j P[j]·[τ^j] + b·H`.
///
/// Found by [`hash_to_curve`] from [`BLINDING_DOMAIN`], so that anyone can recompute it and nobody
/// knows its logarithm.
pub fn blinding_base() -> G1Affine {
    *BLINDING_BASE
}

/// Hashes a domain string to a point of G1 by try-and-increment.
///
/// For `counter = 0, 1, …` (four bytes, big-endian) the candidate `x` is
/// `keccak256(domain ‖ counter)` read as a big-endian integer with its two highest bits cleared.
/// The first candidate that is below the field's modulus and for which `x³ + 3` is a square gives
/// the point; `y` is the root that is smaller as an integer. G1 has cofactor one, so the point is
/// in the group. The running time depends on the input, which is public.
pub fn hash_to_curve(domain: &[u8]) -> G1Affine {
    (0u32..).find_map(|counter| candidate(domain, counter)).unwrap_or_else(G1Affine::zero)
}

fn candidate(domain: &[u8], counter: u32) -> Option<G1Affine> {
    let digest: [u8; 32] =
        Keccak256::new().chain_update(domain).chain_update(counter.to_be_bytes()).finalize().into();
    let mut limbs = [0u64; 4];
    for (limb, bytes) in limbs.iter_mut().zip(digest.rchunks(8)) {
        *limb = bytes.iter().fold(0, |acc, &byte| acc << 8 | u64::from(byte));
    }
    limbs[3] &= u64::MAX >> 2;
    let x = Fq::from_bigint(BigInt(limbs))?;
    let root = (x.square() * x + Fq::from(3u64)).sqrt()?;
    let y = root.min(-root);
    Some(G1Affine::new_unchecked(x, y))
}

/// A point of G2 as digests have it: `x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1`, 32 bytes each, little-endian. In
/// the last byte, the highest bit says that `y` is the larger of `±y`, by `c1` first, and the next
/// one that the point is zero, whose coordinates are zeros.
///
/// These are arkworks' uncompressed bytes. Its own encoder can fail, and a digest of what it had
/// written until then would be that of other points, too.
pub fn g2_encoding(point: &G2Affine) -> [u8; 128] {
    let mut out = [0u8; 128];
    let flags = match point.xy() {
        None => 1 << 6,
        Some((x, y)) => {
            let limbs = [x.c0, x.c1, y.c0, y.c1].map(|coordinate| coordinate.into_bigint().0);
            for (place, limb) in out.chunks_exact_mut(8).zip(limbs.as_flattened()) {
                place.copy_from_slice(&limb.to_le_bytes());
            }
            u8::from(y > -y) << 7
        }
    };
    if let Some(last) = out.last_mut() {
        *last |= flags;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blinding_base_is_a_point() {
        let h = blinding_base();
        assert!(h.is_on_curve() && h.is_in_correct_subgroup_assuming_on_curve());
        assert!(!h.is_zero());
        assert_ne!(h, G1Affine::generator());
        assert!(h.y <= -h.y);
    }

    #[test]
    fn blinding_base_is_fixed() {
        let h = blinding_base();
        assert_eq!(
            h.x.to_string(),
            "19585123221984148346997594935616201827116929358326133712172590134302830718366"
        );
        assert_eq!(
            h.y.to_string(),
            "7060010981121603036126211470579618311103454738446416103497517290510091647145"
        );
    }

    #[test]
    fn points_of_g2_are_encoded_as_arkworks_does() {
        use ark_ec::CurveGroup;
        use ark_serialize::CanonicalSerialize;
        let generator = G2Affine::generator();
        let mut points = vec![G2Affine::zero(), generator, -generator];
        points.extend((2u64..40).map(|k| (generator * ark_bn254::Fr::from(k)).into_affine()));
        for point in points {
            let mut bytes = Vec::new();
            point.serialize_uncompressed(&mut bytes).unwrap();
            assert_eq!(g2_encoding(&point).as_slice(), bytes, "{point:?}");
        }
    }

    #[test]
    fn domains_are_separate() {
        assert_ne!(hash_to_curve(b"a"), hash_to_curve(b"b"));
    }
}
