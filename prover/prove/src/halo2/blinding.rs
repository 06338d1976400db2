//! What hides the witness of one proof.
//!
//! | values | hide | seen of them |
//! |---|---|---|
//! | six cells of each advice column | the column | its values at `τ`, `x`, `ωx`, and at `ωτ` through `h(τ)` |
//! | five cells of the product | the product | the same |
//! | two coefficients of the random polynomial | nothing: it is there for the verifier | its values at `τ`, `x` |
//! | five scalars between the quotient's pieces | the pieces | their values at `τ` |
//!
//! `docs/privacy.md` shows that the numbers seen have a distribution that does not depend on the
//! witness.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, UniformRand};
use zktrain_backends::halo2::gates::ADVICE;
use zktrain_backends::halo2::tape::{BLINDING_ROWS, Tape};
use zktrain_commit::random::{Label, LocalKey, NoRandomness, Randomness, scalars_digest};

use super::Halo2Keys;
use super::domain::PIECES;

/// Uniform scalars, all independent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blinding {
    /// The last cells of every advice column.
    pub advice: [[Fr; BLINDING_ROWS]; ADVICE],
    /// The last cells of the copy argument's product.
    pub product: [Fr; BLINDING_ROWS - 1],
    /// The random polynomial's coefficients.
    pub random: [Fr; 2],
    /// `b_1 … b_5`: piece `i` of the quotient becomes `h_i + b_{i+1}·X^n − b_i`.
    pub pieces: [Fr; PIECES - 1],
}

impl Blinding {
    /// Fresh blinding, for one proof. Depends on key, public inputs and advice too: see
    /// [`zktrain_commit::random`].
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn fresh(keys: &Halo2Keys, tape: &Tape) -> Result<Self, NoRandomness> {
        // The party that compresses need not be the owner, and then has no local key.
        Self::by(&LocalKey::new([0; 32]), keys, tape)
    }

    /// As [`Self::fresh`], by the holder of a key.
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn by(key: &LocalKey, keys: &Halo2Keys, tape: &Tape) -> Result<Self, NoRandomness> {
        let known = [keys.digest, scalars_digest(&tape.inputs)].concat();
        let advice = scalars_digest(tape.rows.iter().flat_map(|row| &row.advice));
        let mut generator = Randomness::new(Label::Halo2, &known, key, &advice)?;
        let mut scalar = || Fr::rand(&mut generator);
        Ok(Self {
            advice: [(); ADVICE].map(|()| [(); BLINDING_ROWS].map(|()| scalar())),
            product: [(); BLINDING_ROWS - 1].map(|()| scalar()),
            random: [(); 2].map(|()| scalar()),
            pieces: [(); PIECES - 1].map(|()| scalar()),
        })
    }

    /// Blinds the quotient's pieces: their sum `Σ X^{n·i}·h_i` stays what it is.
    pub(super) fn blind(&self, pieces: &mut [Vec<Fr>]) {
        let around = |i: usize| match i {
            0 | PIECES => Fr::ZERO,
            _ => self.pieces[i - 1],
        };
        for (i, piece) in pieces.iter_mut().enumerate() {
            piece[0] -= around(i);
            if i + 1 < PIECES {
                piece.push(around(i + 1));
            }
        }
    }
}
