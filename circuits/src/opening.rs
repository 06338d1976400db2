//! The opening of a committed row at a multilinear point: wire type, errors and transcript.
//!
//! # Protocol
//! HyperKZG: Gemini's folding over univariate KZG, batched as in BDFG20. A multilinear polynomial
//! with values `v` over the `c`-cube (bit `k` of the index is variable `k`, lowest first) is
//! committed as the univariate `f_0 = Σ_j v_j·X^j`. With the point `x`:
//!
//! 1. prover sends commitments to `f_{k+1} = (1 − x_k)·even(f_k) + x_k·odd(f_k)`, `k + 1 < c`;
//!    `f_c` is the constant `f(x)`, the claimed value;
//! 2. challenge `r`; prover sends `f_k(r)` and `f_k(−r)` for `k < c`. They determine
//!    `f_{k+1}(r²) = (1 − x_k)·(f_k(r) + f_k(−r))/2 + x_k·(f_k(r) − f_k(−r))/(2r)`,
//!    and the last of these must be the value;
//! 3. challenge `γ`; prover commits to
//!    `q = (f_0 − R_0)/(X² − r²) + Σ_{k≥1} γ^k·(f_k − R_k)/((X² − r²)(X − r²))`, where `R_k` takes
//!    the values above at `r`, `−r` (and `r²`);
//! 4. challenge `z`; prover commits to `L/(X − z)` with
//!    `L = (z − r²)·(f_0 − R_0(z)) + Σ_{k≥1} γ^k·(f_k − R_k(z)) − (z² − r²)(z − r²)·q`;
//! 5. one pairing equation.
//!
//! Soundness error in the algebraic group model: at most `(2^c + 2^c + c + 2^c)/|F|` over the
//! three challenges, plus collisions of Keccak-256.
//!
//! Sources: Bootle, Chiesa, Hu, Orrù, *Gemini*, eprint 2022/420; Boneh, Drake, Fisch, Gabizon,
//! *Efficient polynomial commitment schemes for multiple points and polynomials*, eprint 2020/081.
//!
//! # Encoding
//! Every word is 32 bytes, big-endian, as a contract reads its calldata. A point is `x ‖ y`, the
//! neutral element `0 ‖ 0`.

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use sha3::{Digest, Keccak256};

pub mod mercury;

/// The largest number of variables of an opening.
pub const MAX_VARIABLES: usize = 28;

const WORD: usize = 32;
const POINT: usize = 2 * WORD;

/// What a verifier needs of the reference string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KzgVerifierKey {
    /// `[1]` in G1.
    pub g1: G1Affine,
    /// `[1]` in G2.
    pub g2: G2Affine,
    /// `[τ]` in G2.
    pub tau_g2: G2Affine,
    /// The base of blindings, [`crate::curve::blinding_base`].
    pub h: G1Affine,
}

/// The opening of one multilinear polynomial in `c` variables at one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningProof {
    /// Commitments to `f_1 … f_{c−1}`.
    pub folds: Vec<G1Affine>,
    /// `(f_k(r), f_k(−r))` for `k < c`.
    pub evaluations: Vec<(Fr, Fr)>,
    /// Commitment to the quotient `q` over all evaluation points.
    pub quotient: G1Affine,
    /// Commitment to the quotient `L/(X − z)`.
    pub linearisation: G1Affine,
}

/// Why bytes are not an [`OpeningProof`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningDecodeError {
    /// No opening has this number of variables.
    #[error("an opening has 1 to {MAX_VARIABLES} variables, got {got}")]
    Variables {
        /// The number asked for.
        got: usize,
    },
    /// Too short, or followed by trailing bytes.
    #[error("opening is {got} bytes long, expected {expected}")]
    Length {
        /// The only length for this number of variables.
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

/// Why an opening is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// No opening has this number of variables.
    #[error("an opening has 1 to {MAX_VARIABLES} variables, the point has {got}")]
    Variables {
        /// The number of coordinates of the point.
        got: usize,
    },
    /// The proof has the wrong number of fold commitments for the point.
    #[error("opening has {got} fold commitments, expected {expected}")]
    FoldCount {
        /// One less than the number of variables.
        expected: usize,
        /// The number in the proof.
        got: usize,
    },
    /// The proof has the wrong number of evaluations for the point.
    #[error("opening has {got} evaluation pairs, expected {expected}")]
    EvaluationCount {
        /// The number of variables.
        expected: usize,
        /// The number in the proof.
        got: usize,
    },
    /// A challenge fell on one of a few excluded values; an honest prover meets this with
    /// probability below `2^-250`.
    #[error("challenge fell on an excluded value")]
    DegenerateChallenge,
    /// Folding the evaluations does not give the claimed value.
    #[error("folded evaluations do not give the claimed value")]
    Value,
    /// The pairing equation does not hold.
    #[error("the opening's pairing equation does not hold")]
    Pairing,
}

impl OpeningProof {
    /// Length in bytes of the encoding of an opening in `c` variables: `64·(2c + 1)`.
    pub const fn encoded_len(c: usize) -> usize {
        POINT * (2 * c + 1)
    }

    /// The canonical encoding: fold commitments, pairs of evaluations, the two quotients.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::encoded_len(self.evaluations.len()));
        for point in &self.folds {
            out.extend_from_slice(&point_bytes(point));
        }
        for (plus, minus) in &self.evaluations {
            out.extend_from_slice(&scalar_bytes(plus));
            out.extend_from_slice(&scalar_bytes(minus));
        }
        out.extend_from_slice(&point_bytes(&self.quotient));
        out.extend_from_slice(&point_bytes(&self.linearisation));
        out
    }

    /// Reads the encoding of an opening in `c` variables.
    ///
    /// # Errors
    /// On any input that [`OpeningProof::to_bytes`] does not write for `c` variables.
    pub fn from_bytes(c: usize, bytes: &[u8]) -> Result<Self, OpeningDecodeError> {
        if !(1..=MAX_VARIABLES).contains(&c) {
            return Err(OpeningDecodeError::Variables { got: c });
        }
        let expected = Self::encoded_len(c);
        if bytes.len() != expected {
            return Err(OpeningDecodeError::Length { expected, got: bytes.len() });
        }
        let mut words = Words::new(bytes, 0);
        Ok(Self {
            folds: (1..c).map(|_| words.point()).collect::<Result<_, _>>()?,
            evaluations: (0..c)
                .map(|_| Ok((words.scalar()?, words.scalar()?)))
                .collect::<Result<_, _>>()?,
            quotient: words.point()?,
            linearisation: words.point()?,
        })
    }
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

/// The opening's Fiat–Shamir transcript: a 32-byte chain of Keccak-256.
///
/// Each message replaces the state by `keccak256(state ‖ label ‖ data)`, each challenge by
/// `keccak256(state ‖ label)`, labels being eight bytes. The challenge is the new state reduced
/// modulo the group's order, which makes some field elements likelier than others by a factor of
/// at most 6/5.
#[derive(Clone, Debug)]
pub struct OpeningTranscript {
    state: [u8; 32],
}

impl OpeningTranscript {
    /// Starts from the caller's seed and the statement: commitment, point, value.
    pub fn new(seed: [u8; 32], commitment: &G1Affine, point: &[Fr], value: &Fr) -> Self {
        let mut transcript = Self { state: seed };
        transcript.absorb_points(b"hyperkzg", [commitment]);
        transcript.absorb_scalars(b"point\0\0\0", point);
        transcript.absorb_scalars(b"value\0\0\0", [value]);
        transcript
    }

    /// Absorbs points under a label.
    pub fn absorb_points<'a>(
        &mut self,
        label: &[u8; 8],
        points: impl IntoIterator<Item = &'a G1Affine>,
    ) {
        let mut hash = Keccak256::new().chain_update(self.state).chain_update(label);
        points.into_iter().for_each(|point| hash.update(point_bytes(point)));
        self.state = hash.finalize().into();
    }

    /// Absorbs scalars under a label.
    pub fn absorb_scalars<'a>(
        &mut self,
        label: &[u8; 8],
        scalars: impl IntoIterator<Item = &'a Fr>,
    ) {
        let mut hash = Keccak256::new().chain_update(self.state).chain_update(label);
        scalars.into_iter().for_each(|scalar| hash.update(scalar_bytes(scalar)));
        self.state = hash.finalize().into();
    }

    /// Squeezes a challenge under a label.
    pub fn challenge(&mut self, label: &[u8; 8]) -> Fr {
        self.state =
            Keccak256::new().chain_update(self.state).chain_update(label).finalize().into();
        Fr::from_be_bytes_mod_order(&self.state)
    }

    /// Absorbs the fold commitments and squeezes the evaluation point `r`.
    pub fn evaluation_point(&mut self, folds: &[G1Affine]) -> Fr {
        self.absorb_points(b"folds\0\0\0", folds);
        self.challenge(b"r\0\0\0\0\0\0\0")
    }

    /// Absorbs the evaluations and squeezes the batching scalar `γ`.
    pub fn batching_scalar(&mut self, evaluations: &[(Fr, Fr)]) -> Fr {
        self.absorb_scalars(
            b"evals\0\0\0",
            evaluations.iter().flat_map(|(plus, minus)| [plus, minus]),
        );
        self.challenge(b"gamma\0\0\0")
    }

    /// Absorbs the quotient and squeezes the point `z` of the linearisation.
    pub fn linearisation_point(&mut self, quotient: &G1Affine) -> Fr {
        self.absorb_points(b"quotient", [quotient]);
        self.challenge(b"z\0\0\0\0\0\0\0")
    }
}

#[cfg(test)]
mod tests;
