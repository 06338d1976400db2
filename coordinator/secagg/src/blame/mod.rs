//! Whose vector is wrong, if a sum does not open the sum of commitments.
//!
//! # Statement
//! Member `i` has uploaded `u_i = w_i·x_i + Σ_j ±s_ij + o_i`: `x_i` its update as a vector (packed
//! parameters, then row blindings), which the commitments of its proven submission open to, `s_ij`
//! the masks of its pairs, `o_i` its own.
//!
//! # Protocol
//! Everything is tested at one point. With `ρ` over the addresses of the update's block, two of
//! its coordinates fixed so that `eq` there is proportional to `2^(62k)`, and with `η`, both hashed
//! from plan, counted members and signed uploads, `r` weighs vectors so that
//! `⟨r, x_i⟩ = K·Δ_i(ρ) + η·b_i(ρ_hi) =: y_i`: the multilinear extensions of update and blindings,
//! `K` a constant. The coordinator knows `A_i = ⟨r, u_i − o_i − masks of dropped pairs⟩` from the
//! uploads and what was recovered.
//!
//! 1. *Defence.* Member `i` publishes, for each other counted member, `E_ij = ⟨r, s_ij⟩·G + h_ij·H`
//!    with `h_ij` from the pair's secret and the test, so that both publish the same; further
//!    `V_i = y_i·G + t_i·H` with a fresh `t_i`, and `z_i` with `A_i·G = w_i·V_i + Σ_j ±E_ij + z_i·H`.
//!    That `V_i` holds what the commitments hold: `C_M` commits to a uniform row `m` with blinding
//!    `b_M`, `V_M = (K·m(ρ_lo) + η·b_M)·G + t_M·H`. *Challenge* `γ`. Revealed are `v* = f(ρ_lo) +
//!    γ·m(ρ_lo)`, `b* = b_i(ρ_hi) + γ·b_M`, `t* = t_i + γ·t_M`, and an opening of `Σ_k eq(ρ_hi, k)·C_k
//!    + γ·C_M − b*·H` to `v*` at `ρ_lo`; then `V_i + γ·V_M = (K·v* + η·b*)·G + t*·H`.
//! 2. *Dispute.* Where two publish different `E_ij`, each shows the point that the pair agrees on,
//!    with a proof of equal logarithms: anyone computes `E_ij`. A member does so only against a
//!    signed defence in the same test that contradicts its own: who contradicts an honest member is
//!    no honest one and has known the point all along.
//!
//! # Soundness
//! If nobody is to blame, the equations sum to `Σ A_i = Σ w_i·y_i`, since published pairs cancel,
//! unless somebody knows the logarithm of `H`. So the sum is right at a random point; a wrong one
//! is so with probability `(c + h + 1)/|F|`, `2^(c + h)` the addresses. Besides: the opening's
//! error, `1/|F|` for `γ`, and collisions of Keccak-256. An honest member is never blamed: its
//! equations hold, and its point settles disputes for it.
//!
//! # What is revealed
//! `V_i`, `V_M`, `C_M` and the `E_ij` of honest pairs are hiding; `v*`, `b*`, `t*` and the opened row
//! are uniform; `z_i` is the one solution of an equation between public things. So a defence can be
//! simulated from `A_i`, which the coordinator has.
//!
//! Sources: sigma protocols over Pedersen commitments; the opening is masked as a proof's main
//! opening is (`docs/protocol.md`); disputes are complaints as in the sharing of keys are.

mod defend;
mod proof;
#[cfg(test)]
mod tests;
mod trial;

use alloy_primitives::{Address, B256, Keccak256, keccak256};
use ark_bn254::{Fr, G1Affine};
use ark_ff::{Field, PrimeField};
use curve25519_dalek::ristretto::RistrettoPoint;
use rayon::prelude::*;
use zeroize::Zeroizing;
use zktrain_argument::opening::Opener;

use super::eq::{eq_at, eq_table};
use super::error::SecaggError;
use super::group::{Shared, accounts_digest};
use super::vector::{DIGIT, Update, VectorShape};
use crate::messages::Test;
use crate::plan::Plan;

pub(super) use defend::{contradict, defend, reveal};
pub use trial::{Trial, TrialSetup, TrialVerdict};

/// Bytes of a defence among so many counted members.
pub fn defence_bytes(counted: usize) -> usize {
    proof::bytes(counted.saturating_sub(1))
}

/// What a member defends itself with.
#[derive(Clone, Copy)]
pub struct BlameEvidence<'a> {
    /// The vectors' shape.
    pub shape: &'a VectorShape,
    /// Opens commitments, of a row's length at least.
    pub opener: &'a dyn Opener,
    /// The update that was packed, opened.
    pub update: &'a Update,
    /// The update's row commitments in the submission.
    pub commitments: &'a [G1Affine],
}

/// Another member and the point that both agree on for their mask.
pub(super) struct Agreed {
    pub with: Address,
    pub point: Zeroizing<RistrettoPoint>,
}

/// A test: where vectors are evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlameChallenge {
    digest: B256,
    counted: Vec<Address>,
}

/// The point of evaluation.
#[derive(Clone, Debug)]
struct Point {
    /// Coordinates within a row, the two packed ones fixed.
    low: Vec<Fr>,
    /// Coordinates of the row's number.
    high: Vec<Fr>,
    /// Weighs the blindings.
    eta: Fr,
    /// `K`
    scale: Fr,
}

impl BlameChallenge {
    /// The test of the counted members' uploads, all masked for those that have shared.
    ///
    /// # Errors
    /// If the uploads are not those of the counted members, each signed, or masked for others.
    pub fn new(
        plan: &Plan,
        shared: &Shared,
        counted: &[Address],
        test: &Test,
    ) -> Result<Self, SecaggError> {
        let (expected, got) = (counted.len(), test.uploads.len());
        if got != expected {
            return Err(SecaggError::Count { what: "uploads", expected, got });
        }
        let mut hash = Keccak256::new();
        hash.update(b"zktrain/secagg/v2/test");
        hash.update(plan.digest());
        hash.update(accounts_digest(counted));
        for (position, (account, upload)) in counted.iter().zip(&test.uploads).enumerate() {
            let body = &upload.body;
            if body.account != *account {
                return Err(SecaggError::Order { what: "uploads", position });
            }
            if !upload.is_by(plan, *account) {
                return Err(SecaggError::Signature { what: "the upload", account: *account });
            }
            let (expected, got) = (shared.digest(), body.shared);
            if got != expected {
                let (what, account) = ("the masked set", *account);
                return Err(SecaggError::Mismatch { what, account, expected, got });
            }
            for part in [body.masked, body.submission, body.shared] {
                hash.update(part);
            }
        }
        Ok(Self { digest: hash.finalize(), counted: counted.to_vec() })
    }

    /// What names it.
    pub fn digest(&self) -> B256 {
        self.digest
    }

    fn point(&self, shape: &VectorShape) -> Point {
        let coordinates = |label: &str, count: u32| {
            (0..count).map(|k| scalar(self.digest, label, k)).collect::<Vec<Fr>>()
        };
        let mut low = coordinates("low", shape.row_log);
        let mut scale = Fr::ONE;
        for (k, bit) in (shape.bit..).enumerate().take(2) {
            let t = Fr::from(2u64).pow([u64::from(DIGIT) << k]);
            // 1 + 2^62 and 1 + 2^124 are not zero.
            let share = t * (Fr::ONE + t).inverse().unwrap_or_default();
            scale *= Fr::ONE + t;
            low.iter_mut().skip(bit as usize).take(1).for_each(|coordinate| *coordinate = share);
        }
        let (high, eta) = (coordinates("high", shape.high_log), scalar(self.digest, "eta", 0));
        Point { low, high, eta, scale }
    }
}

impl Point {
    /// `eq(ρ_hi, k)` of the rows that are committed to.
    fn rows(&self, shape: &VectorShape) -> Vec<Fr> {
        shape.rows.par_iter().map(|row| eq_at(&self.high, *row as usize)).collect()
    }

    /// `r`: the weight of each element.
    ///
    /// # Errors
    /// If an element lies in a row that the point has no coordinates for: a weight of zero would let
    /// it be anything.
    fn weights(&self, shape: &VectorShape) -> Result<Vec<Fr>, SecaggError> {
        let (low, high) = (eq_table(&self.low), eq_table(&self.high));
        let mask = (1u64 << shape.row_log) - 1;
        let at = |what, table: &[Fr], index: usize| {
            let missing = SecaggError::Count { what, expected: index + 1, got: table.len() };
            table.get(index).copied().ok_or(missing)
        };
        let weight = |quad: &u64| {
            let low = at("cells in a row of the test", &low, (quad & mask) as usize)?;
            let high = at("rows of the test", &high, (quad >> shape.row_log) as usize)?;
            Ok(self.scale * low * high)
        };
        let weights: Result<Vec<Fr>, SecaggError> = shape.quads.par_iter().map(weight).collect();
        let mut weights = weights?;
        weights.extend(self.rows(shape).iter().map(|row| self.eta * row));
        Ok(weights)
    }
}

/// A uniform scalar from a hash, a label and a number.
fn scalar(digest: B256, label: &str, number: u32) -> Fr {
    let number = number.to_be_bytes();
    let half = |which: u8| keccak256([&digest.0, label.as_bytes(), &number, &[which]].concat()).0;
    Fr::from_be_bytes_mod_order(&[half(0), half(1)].concat())
}
