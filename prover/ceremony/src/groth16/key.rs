//! The proving key.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use zktrain_verify::groth16::Groth16Key;

/// Group elements for some of the variables; those of the others are neutral.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<P> {
    /// The variables, increasing.
    pub variables: Vec<u32>,
    /// Their elements.
    pub points: Vec<P>,
}

impl<P: AffineRepr> Query<P> {
    /// From the elements of the variables `first, first + 1, …`.
    pub fn new(first: u32, points: Vec<P>) -> Self {
        let (variables, points) =
            (first..).zip(points).filter(|(_, point)| !point.is_zero()).unzip();
        Self { variables, points }
    }
}

impl<P> Query<P> {
    /// The values of the query's variables.
    ///
    /// # Panics
    /// If the assignment lacks one of them.
    pub fn select(&self, assignment: &[Fr]) -> Vec<Fr> {
        self.variables.iter().map(|variable| assignment[*variable as usize]).collect()
    }
}

/// What proofs of one circuit are made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvingKey {
    /// The verifying key.
    pub key: Groth16Key,
    /// Variables of the circuit, the constant included.
    pub variables: usize,
    /// Binary logarithm of the domain's size.
    pub domain_log: u32,
    /// `[β]` in G1.
    pub beta_g1: G1Affine,
    /// `[δ]` in G1.
    pub delta_g1: G1Affine,
    /// `[u_i(τ)]`
    pub a: Query<G1Affine>,
    /// `[v_i(τ)]` in G1.
    pub b_g1: Query<G1Affine>,
    /// `[v_i(τ)]` in G2, for the same variables.
    pub b_g2: Query<G2Affine>,
    /// `[(β·u_i(τ) + α·v_i(τ) + w_i(τ))/δ]` for the witness.
    pub l: Query<G1Affine>,
    /// `[τ^i·Z(τ)/δ]` for `i` below the domain's size less one.
    pub h: Vec<G1Affine>,
}
