//! Multi-scalar multiplication with full-width scalars.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;

/// `Σ_i scalars[i]·bases[i]` in parallel.
///
/// # Panics
/// If the slices differ in length.
pub fn msm_full(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    assert_eq!(bases.len(), scalars.len(), "one scalar for each base");
    G1Projective::msm_unchecked(bases, scalars)
}
