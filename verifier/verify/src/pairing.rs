//! What is left of a proof that opens KZG commitments: one equation of two pairings.

use ark_bn254::{Bn254, G1Projective};
use ark_ec::{CurveGroup, pairing::Pairing};
use ark_ff::Field;
use zktrain_argument::opening::KzgVerifierKey;

/// An equation that holds if `e(left, [τ]) = e(right, [1])`. A sum of such equations with
/// unpredictable weights holds, but for a probability of one over the number of weights, only if
/// all of them do: see [`crate::batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairingTerms {
    /// Paired with `[τ]` in G2.
    pub left: G1Projective,
    /// Paired with `[1]` in G2.
    pub right: G1Projective,
}

impl PairingTerms {
    /// Whether the equation holds.
    pub fn hold(&self, kzg: &KzgVerifierKey) -> bool {
        let points = G1Projective::normalize_batch(&[self.left, -self.right]);
        let product = Bn254::multi_pairing(points, [kzg.tau_g2(), kzg.g2()]);
        product.0 == <Bn254 as Pairing>::TargetField::ONE
    }
}
