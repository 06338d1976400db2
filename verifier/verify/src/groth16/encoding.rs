//! Points as the EVM's precompiles take them: big-endian words, `x ‖ y` in G1,
//! `x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0` in G2, zeros for the neutral element.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};

const WORD: usize = 32;
/// Bytes of a point of G1.
pub const G1_BYTES: usize = 2 * WORD;
/// Bytes of a point of G2.
pub const G2_BYTES: usize = 4 * WORD;

/// Why bytes are not a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// The input ends before the point does.
    #[error("point at byte {offset} is cut off")]
    Truncated {
        /// Where it starts.
        offset: usize,
    },
    /// A coordinate is not below the field's modulus.
    #[error("point at byte {offset}: coordinate is not reduced")]
    Unreduced {
        /// Where the point starts.
        offset: usize,
    },
    /// The coordinates do not satisfy the curve's equation.
    #[error("point at byte {offset} is not on the curve")]
    OffCurve {
        /// Where it starts.
        offset: usize,
    },
    /// A point of the twist outside the group of order `r`.
    #[error("point at byte {offset} is outside the prime-order group")]
    Subgroup {
        /// Where it starts.
        offset: usize,
    },
    /// The neutral element where it must not be.
    #[error("point at byte {offset} is the neutral element")]
    Neutral {
        /// Where it starts.
        offset: usize,
    },
}

/// The encoding of a point of G2.
pub fn g2_bytes(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut out = [0u8; G2_BYTES];
    if let Some((x, y)) = point.xy() {
        for (word, coordinate) in out.chunks_exact_mut(WORD).zip([x.c1, x.c0, y.c1, y.c0]) {
            for (chunk, limb) in word.rchunks_exact_mut(8).zip(coordinate.into_bigint().0) {
                chunk.copy_from_slice(&limb.to_be_bytes());
            }
        }
    }
    out
}

/// Reads points one after another.
#[derive(Clone, Debug)]
pub struct PointReader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> PointReader<'a> {
    /// Reads from the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// Reads from an offset on; errors give positions in `bytes`.
    pub fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    /// The next point of G1.
    ///
    /// # Errors
    /// If it is not a valid encoding.
    pub fn g1(&mut self) -> Result<G1Affine, PointError> {
        let offset = self.offset;
        let [x, y] = self.coordinates()?;
        if x == Fq::ZERO && y == Fq::ZERO {
            return Ok(G1Affine::zero());
        }
        // The curve has prime order.
        let point = G1Affine::new_unchecked(x, y);
        if point.is_on_curve() { Ok(point) } else { Err(PointError::OffCurve { offset }) }
    }

    /// The next point of G2.
    ///
    /// # Errors
    /// If it is not a valid encoding, or outside the group of order `r`.
    pub fn g2(&mut self) -> Result<G2Affine, PointError> {
        let offset = self.offset;
        let [x1, x0, y1, y0] = self.coordinates()?;
        let (x, y) = (Fq2::new(x0, x1), Fq2::new(y0, y1));
        if x == Fq2::ZERO && y == Fq2::ZERO {
            return Ok(G2Affine::zero());
        }
        let point = G2Affine::new_unchecked(x, y);
        if !point.is_on_curve() {
            return Err(PointError::OffCurve { offset });
        }
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(PointError::Subgroup { offset });
        }
        Ok(point)
    }

    /// [`Self::g1`], but not the neutral element.
    ///
    /// # Errors
    /// As there, and if it is.
    pub fn proper_g1(&mut self) -> Result<G1Affine, PointError> {
        let offset = self.offset;
        let point = self.g1()?;
        if point.is_zero() { Err(PointError::Neutral { offset }) } else { Ok(point) }
    }

    /// [`Self::g2`], but not the neutral element.
    ///
    /// # Errors
    /// As there, and if it is.
    pub fn proper_g2(&mut self) -> Result<G2Affine, PointError> {
        let offset = self.offset;
        let point = self.g2()?;
        if point.is_zero() { Err(PointError::Neutral { offset }) } else { Ok(point) }
    }

    fn coordinates<const N: usize>(&mut self) -> Result<[Fq; N], PointError> {
        let offset = self.offset;
        let mut out = [Fq::ZERO; N];
        for coordinate in &mut out {
            let word = self.bytes.get(self.offset..).and_then(|rest| rest.first_chunk::<WORD>());
            let word = word.ok_or(PointError::Truncated { offset })?;
            let mut limbs = [0u64; 4];
            for (limb, chunk) in limbs.iter_mut().zip(word.rchunks_exact(8)) {
                *limb = chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
            }
            *coordinate = Fq::from_bigint(BigInt(limbs)).ok_or(PointError::Unreduced { offset })?;
            self.offset += WORD;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup;
    use zktrain_argument::opening::point_bytes;

    #[test]
    fn points_and_back() {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        let double = (g2 + g2).into_affine();
        let mut bytes = point_bytes(&g1).to_vec();
        for point in [g2, double, G2Affine::zero()] {
            bytes.extend_from_slice(&g2_bytes(&point));
        }
        let mut reader = PointReader::new(&bytes);
        assert_eq!(reader.g1(), Ok(g1));
        assert_eq!(reader.clone().proper_g2(), Ok(g2));
        assert_eq!([reader.g2(), reader.g2()], [Ok(g2), Ok(double)]);
        assert_eq!(reader.clone().proper_g2(), Err(PointError::Neutral { offset: 320 }));
        assert_eq!(reader.g2(), Ok(G2Affine::zero()));
        assert_eq!(reader.g1(), Err(PointError::Truncated { offset: 448 }));
    }

    #[test]
    fn the_generator_is_what_the_precompile_calls_it() {
        // EIP-197's generator of G2.
        let hex: String =
            g2_bytes(&G2Affine::generator()).iter().map(|b| format!("{b:02x}")).collect();
        assert!(
            hex.starts_with("198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2")
        );
        assert!(hex.ends_with("12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"));
    }

    #[test]
    fn invalid_points_are_refused() {
        let valid = g2_bytes(&G2Affine::generator());
        for word in 0..4 {
            let mut altered = valid;
            altered[32 * word + 31] ^= 1;
            assert_eq!(PointReader::new(&altered).g2(), Err(PointError::OffCurve { offset: 0 }));
            let mut unreduced = valid;
            unreduced[32 * word..32 * word + 32].fill(0xff);
            assert_eq!(PointReader::new(&unreduced).g2(), Err(PointError::Unreduced { offset: 0 }));
        }
        let outside = (1u64..).find_map(|x| {
            let point = G2Affine::get_point_from_x_unchecked(Fq2::from(x), true)?;
            (!point.is_in_correct_subgroup_assuming_on_curve()).then_some(point)
        });
        let bytes = g2_bytes(&outside.unwrap());
        assert_eq!(PointReader::new(&bytes).g2(), Err(PointError::Subgroup { offset: 0 }));
        let mut g1 = point_bytes(&G1Affine::generator());
        g1[63] ^= 1;
        assert_eq!(PointReader::new(&g1).g1(), Err(PointError::OffCurve { offset: 0 }));
    }
}
