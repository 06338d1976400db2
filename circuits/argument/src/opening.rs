//! Openings of committed rows: the wire format that all proofs share, and what a verifier needs of
//! the reference string. The protocol is in [`mercury`].
//!
//! # Encoding
//! Every word is 32 bytes, big-endian, as a contract reads its calldata. A point is `x ‖ y`, the
//! neutral element `0 ‖ 0`.

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};

pub mod mercury;

pub use mercury::{OpeningError, OpeningProof};

/// The largest number of variables of an opening.
pub const MAX_VARIABLES: usize = 28;

const WORD: usize = 32;
const POINT: usize = 2 * WORD;

/// What a verifier needs of the reference string: `[τ]` in G2.
///
/// The generators are constants, the same as in the contracts: a string with others is no string.
/// Programs have a key from a checked string; [`Self::new`] alone knows only that the point is one
/// that can be `[τ]`, not whether any powers belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KzgVerifierKey {
    tau_g2: G2Affine,
}

/// A point that is no `[τ]` in G2: outside the group of order `r`, zero, or a generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a power of an unknown τ in G2: outside the prime-order group, zero or ±1")]
pub struct DegenerateTau;

impl KzgVerifierKey {
    /// The key of a string with this `[τ]` in G2.
    ///
    /// # Errors
    /// If the point is not on the curve, not of order `r`, or if `τ` would be 1 or −1.
    pub fn new(tau_g2: G2Affine) -> Result<Self, DegenerateTau> {
        let one = G2Affine::generator();
        let sound = tau_g2.is_on_curve()
            && !tau_g2.is_zero()
            && tau_g2.is_in_correct_subgroup_assuming_on_curve()
            && tau_g2 != one
            && tau_g2 != -one;
        if sound { Ok(Self { tau_g2 }) } else { Err(DegenerateTau) }
    }

    /// `[1]` in G1, a constant.
    pub fn g1(&self) -> G1Affine {
        G1Affine::generator()
    }

    /// `[1]` in G2, a constant.
    pub fn g2(&self) -> G2Affine {
        G2Affine::generator()
    }

    /// `[τ]` in G2.
    pub fn tau_g2(&self) -> G2Affine {
        self.tau_g2
    }
}

/// Opens commitments: powers of a checked reference string, with a prover's arithmetic on them. What
/// needs openings of its own asks for this, and knows no prover.
pub trait Opener: Sync {
    /// The powers in G1, from `[1]` on.
    fn powers(&self) -> &[G1Affine];

    /// Opens `commitment` at `point`: of `values`, `2^point.len()` of them and no more than there are
    /// powers, under a transcript that starts from `seed`.
    fn open(
        &self,
        commitment: &G1Affine,
        values: Vec<Fr>,
        point: &[Fr],
        seed: [u8; 32],
    ) -> OpeningProof;
}

/// Why bytes are not an [`OpeningProof`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningDecodeError {
    /// Too short, or followed by trailing bytes.
    #[error("opening is {got} bytes long, expected {expected}")]
    Length {
        /// The only length.
        expected: usize,
        /// The length of the input.
        got: usize,
    },
    /// A scalar is not below the group's order.
    #[error("scalar at byte {offset} is not reduced")]
    UnreducedScalar {
        /// Where it starts.
        offset: usize,
    },
    /// A coordinate is not below the field's modulus.
    #[error("coordinate at byte {offset} is not reduced")]
    UnreducedCoordinate {
        /// Where it starts.
        offset: usize,
    },
    /// A point does not satisfy the curve's equation.
    #[error("point at byte {offset} is not on the curve")]
    OffCurve {
        /// Where it starts.
        offset: usize,
    },
}

/// Reads points and scalars from bytes whose length was checked; what is
/// missing reads as zero.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Words<'a> {
    /// Reads from `offset` on; errors give positions in `bytes`.
    pub fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    /// The next word as limbs, lowest first.
    fn word(&mut self) -> BigInt<4> {
        let mut limbs = [0u64; 4];
        let word = self.bytes.iter().skip(self.offset).take(WORD);
        for (i, &byte) in word.enumerate() {
            if let Some(limb) = limbs.get_mut(3 - i / 8) {
                *limb = *limb << 8 | u64::from(byte);
            }
        }
        self.offset += WORD;
        BigInt(limbs)
    }

    /// The next scalar.
    ///
    /// # Errors
    /// If it is not reduced.
    pub fn scalar(&mut self) -> Result<Fr, OpeningDecodeError> {
        let offset = self.offset;
        Fr::from_bigint(self.word()).ok_or(OpeningDecodeError::UnreducedScalar { offset })
    }

    fn coordinate(&mut self) -> Result<Fq, OpeningDecodeError> {
        let offset = self.offset;
        Fq::from_bigint(self.word()).ok_or(OpeningDecodeError::UnreducedCoordinate { offset })
    }

    /// The next point.
    ///
    /// # Errors
    /// If a coordinate is not reduced or the point is not on the curve.
    pub fn point(&mut self) -> Result<G1Affine, OpeningDecodeError> {
        let offset = self.offset;
        let (x, y) = (self.coordinate()?, self.coordinate()?);
        if x == Fq::ZERO && y == Fq::ZERO {
            return Ok(G1Affine::zero());
        }
        let point = G1Affine::new_unchecked(x, y);
        if point.is_on_curve() { Ok(point) } else { Err(OpeningDecodeError::OffCurve { offset }) }
    }
}

/// A field element's integer, big-endian.
fn word_bytes(integer: BigInt<4>) -> [u8; WORD] {
    let mut out = [0u8; WORD];
    for (chunk, limb) in out.rchunks_exact_mut(8).zip(integer.0) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    out
}

/// The encoding of a scalar: its integer as one big-endian word.
pub fn scalar_bytes(scalar: &Fr) -> [u8; WORD] {
    word_bytes(scalar.into_bigint())
}

/// The encoding of a point: `x ‖ y` as big-endian words, zeros for the neutral element.
pub fn point_bytes(point: &G1Affine) -> [u8; POINT] {
    let mut out = [0u8; POINT];
    if let Some((x, y)) = point.xy() {
        let (left, right) = out.split_at_mut(WORD);
        left.copy_from_slice(&word_bytes(x.into_bigint()));
        right.copy_from_slice(&word_bytes(y.into_bigint()));
    }
    out
}
