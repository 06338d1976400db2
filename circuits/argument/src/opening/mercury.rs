//! The opening of a committed row at a multilinear point: wire type, errors and transcript.
//!
//! # Statement
//! `F` commits to a univariate `f`. Its coefficients, `2^c` at most, are the values of a
//! multilinear polynomial over the `c`-cube (bit `k` of the index is variable `k`), and that
//! polynomial is `v` at `(u_0 … u_{c−1})`.
//!
//! # Protocol
//! Mercury. Let `b = 2^⌈c/2⌉`, `m = 2^⌊c/2⌋` and write `f(X) = Σ_j X^j·f_j(X^b)`, `j < b`. With
//! `P(X) = Π_{k<⌈c/2⌉} (1 − u_k + u_k·X^{2^k})`, whose coefficients are `eq` at the low coordinates,
//! and `P'` the same of the others, `v = ⟨P', h⟩` (inner product of coefficients), where
//!
//! 1. prover commits to `h = Σ_j P_j·f_j`, `deg h < m`. Challenge `α`;
//! 2. prover commits to `g = Σ_j f_j(α)·X^j` and `q` with `f = (X^b − α)·q + g`. Then
//!    `⟨P, g⟩ = h(α)`. Challenge `γ`;
//! 3. prover commits to `S` with `g(X)·P(1/X) + g(1/X)·P(X) + γ·(h(X)·P'(1/X) + h(1/X)·P'(X)) =
//!    2·(h(α) + γ·v) + X·S(X) + S(1/X)/X`, whose constant terms are the two inner products, and
//!    to `D = X^{b−1}·g(1/X) + γ·X^{m−1}·h(1/X)`, a polynomial if and only if `deg g < b` and
//!    `deg h < m`. Challenge `ζ`;
//! 4. prover sends `g`, `h` and `S` at `ζ` and `1/ζ`. They determine `h(α)` and `D(ζ)`, which are
//!    not sent. Challenge `β`;
//! 5. with `p = g + β·h + β²·S` and the line `R` through its values at `ζ` and `1/ζ`, prover commits
//!    to `w = (p − R)/((X − ζ)(X − 1/ζ)) + β³·(D − D(ζ))/(X − ζ) + β⁴·(h − h(α))/(X − α)`.
//!    Challenges `z`, `δ`;
//! 6. prover commits to `L/(X − z)` with `L = f − (z^b − α)·q − g + δ·((z − α)·(p − R(z)) +
//!    β³·(z − α)(z − 1/ζ)·(D − D(ζ)) + β⁴·(z − ζ)(z − 1/ζ)·(h − h(α)) −
//!    (z − α)(z − ζ)(z − 1/ζ)·w)`;
//! 7. one pairing equation: `L` vanishes at `z`.
//!
//! Two differences from the paper, which opens `f − (ζ^b − α)·q − g(ζ)` at `ζ` with a quotient of
//! its own. Here that identity is checked at `z`, where it needs no evaluation of `g` and shares
//! the last quotient. And the paper's `D` reverses `g` only, because its reference string ends at
//! the polynomial's length.
//!
//! # Degrees
//! Rows are committed by cheating provers under a reference string that may be longer than `2^c`.
//! If `deg f ≥ 2^c`, some `f_j` has degree `m` or more, and so has `Σ_j P_j·f_j`, unless the point is
//! one of a share of `⌈c/2⌉/|F|` where the coefficients cancel. The protocol's points are drawn
//! after the rows. Step 2 at a random `α` forces `h` to be that sum, and step 3 refuses its degree.
//!
//! # Soundness error
//! In the algebraic group model, with a reference string of `N ≥ 2^c` powers, bad values of each
//! challenge at most, over `|F|`: `α`: `N` (`h` is not the sum); `γ`: `1 + 1` (wrong inner products
//! cancel, coefficients beyond the degrees cancel); `ζ`: `2N` (an identity of step 3); `β`: 4; `z`:
//! `N + b + 2` (the division, `w`); `δ`: 1. [`error_numerator`] adds them up. Besides, collisions of
//! Keccak-256.
//!
//! The logarithm of the blinding base `H` is unknown to all, so that a component along it is one
//! more variable of these polynomials, in which evaluations are constant. A pairing equation that
//! holds leaves none in `L` and `L/(X − z)`; then `z` leaves none in `w`, `h`, `D` and `q`, `β` none
//! in `g` and `S`, and without `q` and `g` there is none in `f`.
//!
//! Sources: Eagen, Gabizon, *Mercury*, eprint 2025/385; Boneh, Drake, Fisch, Gabizon, *Efficient
//! polynomial commitment schemes for multiple points and polynomials*, eprint 2020/081.

use ark_bn254::{Fr, G1Affine};
use ark_ff::{Field, PrimeField};
use sha3::{Digest, Keccak256};

use super::{MAX_VARIABLES, OpeningDecodeError, Words, point_bytes, scalar_bytes};

/// Points of an opening.
const POINTS: usize = 7;
/// Scalars of an opening.
const SCALARS: usize = 6;

/// The opening of one multilinear polynomial at one point. Its size does not depend on the number
/// of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningProof {
    /// Commitment to `h`, the values folded by the low coordinates of the point.
    pub fold: G1Affine,
    /// Commitment to `q`, the quotient by `X^b − α`.
    pub quotient: G1Affine,
    /// Commitment to `g`, the remainder by `X^b − α`.
    pub remainder: G1Affine,
    /// Commitment to `S`, which shows the inner products.
    pub products: G1Affine,
    /// Commitment to `D`, the coefficients of `g` and `h` reversed, which shows their degrees.
    pub reversal: G1Affine,
    /// The evaluations.
    pub evaluations: Evaluations,
    /// Commitment to `w`, the quotient over all evaluation points.
    pub batch: G1Affine,
    /// Commitment to `L/(X − z)`.
    pub linearisation: G1Affine,
}

/// `g`, `h` and `S`, each at `ζ` and at `1/ζ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluations {
    /// `g(ζ)`, `g(1/ζ)`.
    pub remainder: [Fr; 2],
    /// `h(ζ)`, `h(1/ζ)`.
    pub fold: [Fr; 2],
    /// `S(ζ)`, `S(1/ζ)`.
    pub products: [Fr; 2],
}

impl Evaluations {
    /// In the order of the encoding.
    pub fn to_array(&self) -> [Fr; SCALARS] {
        let ([a, b], [c, d], [e, f]) = (self.remainder, self.fold, self.products);
        [a, b, c, d, e, f]
    }
}

/// Why an opening is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// No opening has this number of variables.
    #[error("an opening has 1 to {MAX_VARIABLES} variables, the point has {got}")]
    Variables {
        /// The number of coordinates of the point.
        got: usize,
    },
    /// A challenge fell on one of a few excluded values; an honest prover meets this with
    /// probability below `2^-250`.
    #[error("challenge fell on an excluded value")]
    DegenerateChallenge,
    /// The pairing equation does not hold.
    #[error("the opening's pairing equation does not hold")]
    Pairing,
}

/// Coordinates of a point of `c` coordinates that belong to `b` and to `m`: `⌈c/2⌉` and `⌊c/2⌋`.
pub const fn split(c: usize) -> (usize, usize) {
    (c.div_ceil(2), c / 2)
}

/// Bad values of all challenges together for an opening in `c` variables, at most, whatever the
/// reference string.
pub const fn error_numerator(c: usize) -> u128 {
    (4 << MAX_VARIABLES) + (1 << split(c).0) + 9
}

/// `Π_k (1 − u_k + u_k·x^{2^k})`: the polynomial whose coefficients are `eq(u, ·)`, at `x`.
pub fn eq_polynomial(u: &[Fr], x: Fr) -> Fr {
    let step = |(product, power): (Fr, Fr), u: &Fr| {
        (product * (Fr::ONE + *u * (power - Fr::ONE)), power.square())
    };
    u.iter().fold((Fr::ONE, x), step).0
}

impl OpeningProof {
    /// Length in bytes of every encoded opening.
    pub const ENCODED_LEN: usize = 64 * POINTS + 32 * SCALARS;

    /// The canonical encoding: `h`, `q`, `g`, `S`, `D`, the evaluations, `w`, `L/(X − z)`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::ENCODED_LEN);
        let first = [self.fold, self.quotient, self.remainder, self.products, self.reversal];
        for point in &first {
            out.extend_from_slice(&point_bytes(point));
        }
        for scalar in &self.evaluations.to_array() {
            out.extend_from_slice(&scalar_bytes(scalar));
        }
        for point in [&self.batch, &self.linearisation] {
            out.extend_from_slice(&point_bytes(point));
        }
        out
    }

    /// Reads an encoding.
    ///
    /// # Errors
    /// On any input that [`OpeningProof::to_bytes`] does not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OpeningDecodeError> {
        let (expected, got) = (Self::ENCODED_LEN, bytes.len());
        if got != expected {
            return Err(OpeningDecodeError::Length { expected, got });
        }
        Self::read(&mut Words::new(bytes, 0))
    }

    /// Reads the next opening of a longer encoding, whose length was checked.
    ///
    /// # Errors
    /// If a word is not reduced or a point is not on the curve.
    pub fn read(words: &mut Words<'_>) -> Result<Self, OpeningDecodeError> {
        Ok(Self {
            fold: words.point()?,
            quotient: words.point()?,
            remainder: words.point()?,
            products: words.point()?,
            reversal: words.point()?,
            evaluations: Evaluations {
                remainder: [words.scalar()?, words.scalar()?],
                fold: [words.scalar()?, words.scalar()?],
                products: [words.scalar()?, words.scalar()?],
            },
            batch: words.point()?,
            linearisation: words.point()?,
        })
    }
}

/// The opening's Fiat–Shamir transcript: a 32-byte chain of Keccak-256.
///
/// Each message replaces the state by `keccak256(state ‖ label ‖ data)`, labels being eight bytes;
/// the challenge after it is the new state reduced modulo the group's order, which makes some
/// field elements likelier than others by a factor of at most 6/5.
#[derive(Clone, Debug)]
pub struct OpeningTranscript {
    state: [u8; 32],
}

impl OpeningTranscript {
    /// Starts from the caller's seed and the statement: commitment, point, value.
    pub fn new(seed: [u8; 32], commitment: &G1Affine, point: &[Fr], value: &Fr) -> Self {
        let mut transcript = Self { state: seed };
        transcript.next(b"mercury\0", &[commitment], point.iter().chain([value]));
        transcript
    }

    /// Absorbs points, then scalars; squeezes.
    fn next<'a>(
        &mut self,
        label: &[u8; 8],
        points: &[&G1Affine],
        scalars: impl IntoIterator<Item = &'a Fr>,
    ) -> Fr {
        let mut hash = Keccak256::new().chain_update(self.state).chain_update(label);
        points.iter().for_each(|point| hash.update(point_bytes(point)));
        scalars.into_iter().for_each(|scalar| hash.update(scalar_bytes(scalar)));
        self.state = hash.finalize().into();
        Fr::from_be_bytes_mod_order(&self.state)
    }

    /// Absorbs `h`, squeezes `α`.
    pub fn alpha(&mut self, fold: &G1Affine) -> Fr {
        self.next(b"fold\0\0\0\0", &[fold], [])
    }

    /// Absorbs `q` and `g`, squeezes `γ`.
    pub fn gamma(&mut self, quotient: &G1Affine, remainder: &G1Affine) -> Fr {
        self.next(b"division", &[quotient, remainder], [])
    }

    /// Absorbs `S` and `D`, squeezes `ζ`.
    pub fn zeta(&mut self, products: &G1Affine, reversal: &G1Affine) -> Fr {
        self.next(b"products", &[products, reversal], [])
    }

    /// Absorbs the evaluations, squeezes `β`.
    pub fn beta(&mut self, evaluations: &Evaluations) -> Fr {
        self.next(b"evals\0\0\0", &[], &evaluations.to_array())
    }

    /// Absorbs `w`, squeezes `z` and `δ`.
    pub fn linearisation(&mut self, batch: &G1Affine) -> (Fr, Fr) {
        let z = self.next(b"batch\0\0\0", &[batch], []);
        (z, self.next(b"delta\0\0\0", &[], []))
    }
}

#[cfg(test)]
mod tests;
