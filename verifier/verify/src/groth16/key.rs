//! A verifying key and where it comes from.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_groth16::VerifyingKey;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::point_bytes;
use zktrain_backends::compress::INPUTS;
use zktrain_model::Hash;

use super::encoding::{G1_BYTES, G2_BYTES, PointError, PointReader, g2_bytes};

/// First bytes of an encoded key; the last one is the version.
const MAGIC: &[u8; 16] = b"zktrain-g16-vk\0\x01";
/// Bytes of a key's points.
pub const POINTS_BYTES: usize = (2 + INPUTS) * G1_BYTES + 3 * G2_BYTES;
const HEADER: usize = MAGIC.len() + 1 + 4 + 32 + 32;
/// Bytes of an encoded key.
pub const KEY_BYTES: usize = HEADER + POINTS_BYTES;

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProvenance {
    /// Made by one party, or on a reference string that was: that party can forge any proof.
    Insecure,
    /// Made in a ceremony; sound if one of the contributors was honest.
    Ceremony {
        /// Contributions with secret randomness.
        contributions: u32,
        /// Digest of all contributions.
        transcript: Hash,
    },
}

/// What checks proofs of one circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groth16Key {
    /// Where it comes from.
    pub provenance: KeyProvenance,
    /// Digest of the constraint system.
    pub circuit: Hash,
    /// `[α]`
    pub alpha_g1: G1Affine,
    /// `[β]`
    pub beta_g2: G2Affine,
    /// `[γ]`
    pub gamma_g2: G2Affine,
    /// `[δ]`
    pub delta_g2: G2Affine,
    /// `[(β·u_i(τ) + α·v_i(τ) + w_i(τ))/γ]` for the constant and every public input.
    pub ic: [G1Affine; INPUTS + 1],
}

/// Why bytes are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyDecodeError {
    /// The first bytes are those of something else, or of another version.
    #[error("not a Groth16 verifying key of this version")]
    Magic,
    /// Too short, or followed by trailing bytes.
    #[error("a Groth16 verifying key has {KEY_BYTES} bytes, not {got}")]
    Length {
        /// Bytes given.
        got: usize,
    },
    /// The points alone are too short, or followed by trailing bytes.
    #[error("the points of a Groth16 verifying key have {POINTS_BYTES} bytes, not {got}")]
    Points {
        /// Bytes given.
        got: usize,
    },
    /// The provenance is neither of the two, or an insecure key claims a ceremony.
    #[error("the key's provenance is not encoded canonically")]
    Provenance,
    /// A point is not valid.
    #[error("Groth16 verifying key: {0}")]
    Point(#[from] PointError),
}

impl Groth16Key {
    /// Whether it was made by one party, who can forge any proof.
    pub fn is_insecure(&self) -> bool {
        self.provenance == KeyProvenance::Insecure
    }

    /// `α ‖ β ‖ γ ‖ δ ‖ IC_0 ‖ IC_1 ‖ …`, points as the EVM's precompiles take them: what a
    /// contract needs.
    pub fn points_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(POINTS_BYTES);
        out.extend_from_slice(&point_bytes(&self.alpha_g1));
        for point in [&self.beta_g2, &self.gamma_g2, &self.delta_g2] {
            out.extend_from_slice(&g2_bytes(point));
        }
        self.ic.iter().for_each(|point| out.extend_from_slice(&point_bytes(point)));
        out
    }

    /// The canonical encoding: magic, provenance (0 insecure, 1 ceremony), number of
    /// contributions (4 bytes), transcript, the circuit's digest, then [`Self::points_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, contributions, transcript) = match self.provenance {
            KeyProvenance::Insecure => (0, 0, [0; 32]),
            KeyProvenance::Ceremony { contributions, transcript } => (1, contributions, transcript),
        };
        let mut out = Vec::with_capacity(KEY_BYTES);
        out.extend_from_slice(MAGIC);
        out.push(kind);
        out.extend_from_slice(&u32::to_be_bytes(contributions));
        out.extend_from_slice(&transcript);
        out.extend_from_slice(&self.circuit);
        out.extend_from_slice(&self.points_bytes());
        out
    }

    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// On any other input.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyDecodeError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(KeyDecodeError::Magic)?;
        if bytes.len() != KEY_BYTES {
            return Err(KeyDecodeError::Length { got: bytes.len() });
        }
        let wrong = KeyDecodeError::Length { got: bytes.len() };
        let ([kind], rest) = rest.split_first_chunk::<1>().ok_or(wrong)?;
        let (contributions, rest) = rest.split_first_chunk::<4>().ok_or(wrong)?;
        let (transcript, rest) = rest.split_first_chunk::<32>().ok_or(wrong)?;
        let (circuit, _) = rest.split_first_chunk::<32>().ok_or(wrong)?;
        let provenance = match (kind, u32::from_be_bytes(*contributions)) {
            (0, 0) if *transcript == [0; 32] => KeyProvenance::Insecure,
            (1, contributions @ 1..) => {
                KeyProvenance::Ceremony { contributions, transcript: *transcript }
            }
            _ => return Err(KeyDecodeError::Provenance),
        };
        Self::read_points(provenance, *circuit, PointReader::at(bytes, HEADER))
    }

    /// The key of a circuit with this digest whose points are written as [`Self::points_bytes`]
    /// does. Where they come from is not among them, so that the key counts as insecure.
    ///
    /// # Errors
    /// On any other input.
    pub fn from_points(circuit: Hash, bytes: &[u8]) -> Result<Self, KeyDecodeError> {
        let got = bytes.len();
        if got != POINTS_BYTES {
            return Err(KeyDecodeError::Points { got });
        }
        Self::read_points(KeyProvenance::Insecure, circuit, PointReader::new(bytes))
    }

    fn read_points(
        provenance: KeyProvenance,
        circuit: Hash,
        mut reader: PointReader<'_>,
    ) -> Result<Self, KeyDecodeError> {
        let alpha_g1 = reader.proper_g1()?;
        let [beta_g2, gamma_g2, delta_g2] =
            [reader.proper_g2()?, reader.proper_g2()?, reader.proper_g2()?];
        let mut ic = [alpha_g1; INPUTS + 1];
        for point in &mut ic {
            *point = reader.g1()?;
        }
        Ok(Self { provenance, circuit, alpha_g1, beta_g2, gamma_g2, delta_g2, ic })
    }

    pub(super) fn to_arkworks(&self) -> VerifyingKey<Bn254> {
        VerifyingKey {
            alpha_g1: self.alpha_g1,
            beta_g2: self.beta_g2,
            gamma_g2: self.gamma_g2,
            delta_g2: self.delta_g2,
            gamma_abc_g1: self.ic.to_vec(),
        }
    }

    /// Keccak-256 of the encoding.
    pub fn hash(&self) -> Hash {
        Keccak256::digest(self.to_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use ark_ec::{AffineRepr, CurveGroup};

    fn key(provenance: KeyProvenance) -> Groth16Key {
        let g1 = |k: u64| (G1Affine::generator() * Fr::from(k)).into_affine();
        let g2 = |k: u64| (G2Affine::generator() * Fr::from(k)).into_affine();
        Groth16Key {
            provenance,
            circuit: [3; 32],
            alpha_g1: g1(2),
            beta_g2: g2(3),
            gamma_g2: g2(5),
            delta_g2: g2(7),
            ic: [11, 13, 17, 19].map(g1),
        }
    }

    fn ceremony() -> Groth16Key {
        key(KeyProvenance::Ceremony { contributions: 2, transcript: [9; 32] })
    }

    #[test]
    fn bytes_and_back() {
        for key in [ceremony(), key(KeyProvenance::Insecure)] {
            let bytes = key.to_bytes();
            assert_eq!(bytes.len(), KEY_BYTES);
            assert_eq!(Groth16Key::from_bytes(&bytes), Ok(key.clone()));
        }
        assert_ne!(ceremony().hash(), key(KeyProvenance::Insecure).hash());
    }

    #[test]
    fn points_alone_are_a_key_that_nobody_vouches_for() {
        let key = ceremony();
        let points = key.points_bytes();
        let expected = Groth16Key { provenance: KeyProvenance::Insecure, ..key };
        assert_eq!(Groth16Key::from_points([3; 32], &points), Ok(expected));
        for wrong in [&points[1..], &[][..]] {
            let got = wrong.len();
            let refused = Groth16Key::from_points([3; 32], wrong);
            assert_eq!(refused, Err(KeyDecodeError::Points { got }));
        }
        let mut altered = points;
        altered[40] ^= 1;
        let off = PointError::OffCurve { offset: 0 };
        assert_eq!(Groth16Key::from_points([3; 32], &altered), Err(off.into()));
    }

    #[test]
    fn no_altered_byte_gives_the_same_key() {
        let key = ceremony();
        let bytes = key.to_bytes();
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 1;
            match Groth16Key::from_bytes(&altered) {
                Ok(other) => assert_ne!(other.hash(), key.hash(), "byte {index}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        for length in [0, 10, 100, KEY_BYTES - 1] {
            assert!(Groth16Key::from_bytes(&bytes[..length]).is_err());
        }
        let longer = [bytes, vec![0]].concat();
        let got = KEY_BYTES + 1;
        assert_eq!(Groth16Key::from_bytes(&longer), Err(KeyDecodeError::Length { got }));
    }

    #[test]
    fn provenance_is_canonical() {
        let mut bytes = ceremony().to_bytes();
        bytes[MAGIC.len()] = 0;
        assert_eq!(Groth16Key::from_bytes(&bytes), Err(KeyDecodeError::Provenance));
        let mut bytes = ceremony().to_bytes();
        bytes[MAGIC.len() + 4] = 0;
        assert_eq!(Groth16Key::from_bytes(&bytes), Err(KeyDecodeError::Provenance));
    }

    #[test]
    fn neutral_elements_are_refused() {
        for (start, length) in [(0, 64), (64, 128), (192, 128), (320, 128)] {
            let mut bytes = ceremony().to_bytes();
            bytes[HEADER + start..HEADER + start + length].fill(0);
            let neutral = PointError::Neutral { offset: HEADER + start };
            assert_eq!(Groth16Key::from_bytes(&bytes), Err(neutral.into()));
        }
    }
}
