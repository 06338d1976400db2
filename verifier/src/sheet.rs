//! Checks a proof about a committed sheet.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;
use ark_ff::One;
use zktrain_circuits::argument::ArgumentShape;
use zktrain_circuits::arith::{Check, Native};
use zktrain_circuits::opening::{KzgVerifierKey, OpeningError};
use zktrain_circuits::proof::{SheetProof, own_rows};
use zktrain_circuits::relation::Relation;
use zktrain_circuits::statement::{opening_seed, transcript_start};
use zktrain_circuits::transcript::Transcript;
use zktrain_circuits::verifier::{self as argument, Opening};

use crate::hyperkzg;

/// Why a proof about a sheet is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Commitments are missing or too many.
    #[error("the sheet has {expected} rows; {got} commitments were given")]
    RowCount {
        /// Rows of the relation's layout.
        expected: usize,
        /// Rows known from the statement plus the proof's own.
        got: usize,
    },
    /// A part of the argument has the wrong length.
    #[error("the argument does not have the shape that the manifest demands")]
    Shape,
    /// The argument does not convince.
    #[error("the argument is rejected: {0}")]
    Argument(#[from] Check),
    /// The opening does not convince.
    #[error("the opening is rejected: {0}")]
    Opening(#[from] OpeningError),
}

/// Checks `proof` of the statement with this encoding. `known` are the rows
/// that the statement fixes, which come first in the layout.
///
/// # Errors
/// If any check fails.
pub fn verify(
    kzg: &KzgVerifierKey,
    relation: &Relation,
    statement: &[u8],
    known: &[G1Affine],
    proof: &SheetProof,
) -> Result<(), SheetError> {
    let expected = relation.layout.rows.len();
    let got = known.len() + proof.rows.len();
    if got != expected || proof.rows.len() != own_rows(relation) {
        return Err(SheetError::RowCount { expected, got });
    }
    if !proof.argument.has_shape(&ArgumentShape::of(relation)) {
        return Err(SheetError::Shape);
    }
    let rows: Vec<G1Affine> = known.iter().chain(&proof.rows).copied().collect();
    let h = transcript_start(statement, &rows, &proof.mask);
    let arith = &mut Native;
    let mut transcript = Transcript::new(arith);
    let opening = argument::verify(arith, &mut transcript, relation, &h, &proof.argument)?;
    let folded = fold(relation, &rows, proof, &opening);
    let low: Vec<Fr> =
        opening.point.iter().take(relation.layout.row_log as usize).copied().collect();
    let seed = opening_seed(&h, &opening.point, &opening.gamma, &opening.value, &proof.blinding);
    hyperkzg::verify(kzg, &folded, &low, opening.value, seed, &proof.opening)?;
    Ok(())
}

/// `F = Σ eq(ρ_hi, i)·C_i + γ·C_M − b*·H`
fn fold(
    relation: &Relation,
    rows: &[G1Affine],
    proof: &SheetProof,
    opening: &Opening<Fr>,
) -> G1Projective {
    let high: Vec<Fr> =
        opening.point.iter().skip(relation.layout.row_log as usize).copied().collect();
    let slots = relation.layout.rows.iter();
    let mut scalars: Vec<Fr> = slots.map(|slot| eq_at(&high, slot.index)).collect();
    let mut bases = rows.to_vec();
    scalars.extend([opening.gamma, -proof.blinding]);
    bases.extend([proof.mask, zktrain_circuits::curve::blinding_base()]);
    // Both have one entry a row and two more; a difference would only drop terms.
    G1Projective::msm_unchecked(&bases, &scalars)
}

/// `eq(point, index)`
fn eq_at(point: &[Fr], index: u64) -> Fr {
    let bits = point.iter().enumerate();
    bits.map(|(k, r)| if (index >> k) & 1 == 1 { *r } else { Fr::one() - r }).product()
}
