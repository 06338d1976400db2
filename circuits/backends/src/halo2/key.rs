//! The verifying key: what a relation's circuit commits to.

use ark_bn254::{Fr, G1Affine};
use ark_ff::{FftField, Field, PrimeField};
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::{OpeningDecodeError, Words, point_bytes};
use zktrain_model::Hash;

use super::gates::{ADVICE, FIXED};

/// First word of an encoded key: which constraint system, gates and order of
/// messages it is for.
pub const VERSION: &[u8; 32] = b"zktrain/halo2/1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The largest number of rows is two to this.
pub const MAX_LOG_ROWS: u32 = 24;
/// The smallest.
pub const MIN_LOG_ROWS: u32 = 5;

/// Commitments to the fixed columns and to the permutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halo2Key {
    /// The circuit has `2^log_rows` rows.
    pub log_rows: u32,
    /// Coefficients, then selectors.
    pub fixed: [G1Affine; FIXED],
    /// One for each advice column.
    pub permutation: [G1Affine; ADVICE],
}

/// Why bytes are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Halo2KeyError {
    /// Too short or too long.
    #[error("a halo2 key has {expected} bytes, not {got}")]
    Length {
        /// The only length.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// For another circuit.
    #[error("the key is for another version of the circuit")]
    Version,
    /// No circuit has this many rows.
    #[error("a circuit has 2^{MIN_LOG_ROWS} to 2^{MAX_LOG_ROWS} rows")]
    Rows,
    /// A point is not valid.
    #[error(transparent)]
    Point(#[from] OpeningDecodeError),
}

impl Halo2Key {
    /// Bytes of an encoded key.
    pub const LENGTH: usize = 64 + 64 * (FIXED + ADVICE);

    /// The canonical encoding, all words big-endian: [`VERSION`], the logarithm
    /// of the rows, then the points.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = VERSION.to_vec();
        out.extend_from_slice(&[0; 28]);
        out.extend_from_slice(&self.log_rows.to_be_bytes());
        for point in self.fixed.iter().chain(&self.permutation) {
            out.extend_from_slice(&point_bytes(point));
        }
        out
    }

    /// Decodes a key.
    ///
    /// # Errors
    /// If [`Self::to_bytes`] does not write these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Halo2KeyError> {
        let (expected, got) = (Self::LENGTH, bytes.len());
        if expected != got {
            return Err(Halo2KeyError::Length { expected, got });
        }
        let rest = bytes.strip_prefix(VERSION).ok_or(Halo2KeyError::Version)?;
        let rest = rest.strip_prefix(&[0; 28]).ok_or(Halo2KeyError::Rows)?;
        let (rows, _) = rest.split_first_chunk::<4>().ok_or(Halo2KeyError::Rows)?;
        let log_rows = u32::from_be_bytes(*rows);
        if !(MIN_LOG_ROWS..=MAX_LOG_ROWS).contains(&log_rows) {
            return Err(Halo2KeyError::Rows);
        }
        let mut words = Words::new(bytes, 64);
        let mut fixed = [G1Affine::default(); FIXED];
        let mut permutation = [G1Affine::default(); ADVICE];
        for point in fixed.iter_mut().chain(&mut permutation) {
            *point = words.point()?;
        }
        Ok(Self { log_rows, fixed, permutation })
    }

    /// The key's hash, from which the transcript starts.
    pub fn digest(&self) -> Hash {
        Keccak256::digest(self.to_bytes()).into()
    }

    /// The generator `ω` of the rows' domain.
    pub fn omega(&self) -> Fr {
        omega(self.log_rows)
    }
}

/// The element of order `2^log_rows` that halo2 uses: a power of
/// `7^((r − 1)/2^28)`.
pub fn omega(log_rows: u32) -> Fr {
    let mut root = Fr::from(7u64).pow(Fr::TRACE);
    for _ in log_rows..Fr::TWO_ADICITY {
        root.square_in_place();
    }
    root
}

/// `7^(2^28)`: powers of it keep the columns of the permutation apart.
pub fn delta() -> Fr {
    let mut delta = Fr::from(7u64);
    for _ in 0..Fr::TWO_ADICITY {
        delta.square_in_place();
    }
    delta
}

#[cfg(test)]
mod tests {
    use super::super::reference::convert::to_scalar;
    use super::*;
    use ark_ec::{AffineRepr, CurveGroup};
    use halo2_proofs::halo2curves::bn256;
    use halo2_proofs::halo2curves::ff::PrimeField as _;

    fn key() -> Halo2Key {
        let point = |i: u64| (G1Affine::generator() * Fr::from(i + 1)).into_affine();
        Halo2Key {
            log_rows: 13,
            fixed: core::array::from_fn(|i| point(i as u64)),
            permutation: core::array::from_fn(|i| point(i as u64 + 50)),
        }
    }

    #[test]
    fn the_domain_is_halo2s() {
        assert_eq!(to_scalar(&omega(28)), bn256::Fr::ROOT_OF_UNITY);
        assert_eq!(to_scalar(&delta()), bn256::Fr::DELTA);
    }

    #[test]
    fn keys_have_one_encoding() {
        let bytes = key().to_bytes();
        assert_eq!(bytes.len(), Halo2Key::LENGTH);
        assert_eq!(Halo2Key::from_bytes(&bytes), Ok(key()));
        for cut in [0, 1, 64, bytes.len() - 1] {
            let got = Halo2Key::from_bytes(&bytes[..cut]);
            assert_eq!(got, Err(Halo2KeyError::Length { expected: bytes.len(), got: cut }));
        }
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 0x80;
            assert!(Halo2Key::from_bytes(&altered).is_err(), "{position}");
        }
        let digests = [key(), Halo2Key { log_rows: 14, ..key() }].map(|key| key.digest());
        assert_ne!(digests[0], digests[1]);
    }
}
