//! Checks a proof about a committed sheet.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;
use ark_ff::One;
use zktrain_argument::arith::{Check, Native};
use zktrain_argument::messages::ArgumentShape;
use zktrain_argument::opening::{KzgVerifierKey, OpeningError, OpeningProof};
use zktrain_argument::transcript::Transcript;
use zktrain_argument::verifier::{self as argument, Opening};
use zktrain_backends::compress::PublicInputs;
use zktrain_model::relation::Relation;
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::proof::{SheetProof, own_rows};
use zktrain_statement::statements::{opening_seed, transcript_start};

use crate::circuit::{CircuitError, CircuitKey, CircuitTerms};
use crate::mercury;
use crate::pairing::PairingTerms;

/// Why a proof about a sheet is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// The circuit's proof does not convince.
    #[error("the compressed argument is rejected: {0}")]
    Circuit(#[from] CircuitError),
    /// The opening does not convince.
    #[error("the opening is rejected: {0}")]
    Opening(#[from] OpeningError),
}

/// A proof about a sheet, in any form.
pub trait VerifiableProof {
    /// What checking takes besides the training key: nothing, or the circuit's keys.
    type Circuit: ?Sized;

    /// Commitments to the rows that are the proof's own, in the order of the layout.
    fn rows(&self) -> &[G1Affine];

    /// Checks the proof of the statement with this encoding. `known` are the rows that the
    /// statement fixes, which come first in the layout.
    ///
    /// # Errors
    /// If any check fails.
    fn verify(
        &self,
        kzg: &KzgVerifierKey,
        circuit: &Self::Circuit,
        relation: &Relation,
        statement: &[u8],
        known: &[G1Affine],
    ) -> Result<(), SheetError>;
}

impl VerifiableProof for SheetProof {
    type Circuit = ();

    fn rows(&self) -> &[G1Affine] {
        &self.rows
    }

    fn verify(
        &self,
        kzg: &KzgVerifierKey,
        (): &(),
        relation: &Relation,
        statement: &[u8],
        known: &[G1Affine],
    ) -> Result<(), SheetError> {
        if !self.argument.has_shape(&ArgumentShape::of(relation)) {
            return Err(SheetError::Shape);
        }
        let rows = all_rows(relation, known, &self.rows)?;
        let h = transcript_start(statement, &rows, &self.mask);
        let arith = &mut Native;
        let mut transcript = Transcript::new(arith);
        let claim = argument::verify(arith, &mut transcript, relation, &h, &self.argument)?;
        let sheet = CommittedSheet { rows: &rows, mask: &self.mask };
        sheet.check_opening(kzg, relation, &h, &claim, &self.blinding, &self.opening)
    }
}

impl VerifiableProof for CompressedProof {
    type Circuit = CircuitKey;

    fn rows(&self) -> &[G1Affine] {
        &self.rows
    }

    fn verify(
        &self,
        kzg: &KzgVerifierKey,
        circuit: &CircuitKey,
        relation: &Relation,
        statement: &[u8],
        known: &[G1Affine],
    ) -> Result<(), SheetError> {
        let whole = Whole::new(self, relation, statement, known)?;
        circuit.verify(kzg, self.system, whole.inputs, &self.circuit_proof)?;
        match whole.opening(self, kzg, relation)?.hold(kzg) {
            true => Ok(()),
            false => Err(OpeningError::Pairing.into()),
        }
    }
}

/// What is left of a compressed proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetTerms {
    /// Of the opening.
    pub opening: PairingTerms,
    /// Of the circuit's proof.
    pub circuit: CircuitTerms,
}

/// Everything about a compressed proof but the pairings.
///
/// # Errors
/// If a check fails already.
pub fn reduce(
    proof: &CompressedProof,
    kzg: &KzgVerifierKey,
    circuit: &CircuitKey,
    relation: &Relation,
    statement: &[u8],
    known: &[G1Affine],
) -> Result<SheetTerms, SheetError> {
    let whole = Whole::new(proof, relation, statement, known)?;
    let terms = circuit.reduce(kzg, proof.system, whole.inputs, &proof.circuit_proof)?;
    Ok(SheetTerms { opening: whole.opening(proof, kzg, relation)?, circuit: terms })
}

/// A compressed proof's rows, and what its circuit is told.
struct Whole {
    rows: Vec<G1Affine>,
    inputs: PublicInputs<Fr>,
}

impl Whole {
    fn new(
        proof: &CompressedProof,
        relation: &Relation,
        statement: &[u8],
        known: &[G1Affine],
    ) -> Result<Self, SheetError> {
        if proof.claim.point.len() != relation.layout.address_log as usize {
            return Err(SheetError::Shape);
        }
        let rows = all_rows(relation, known, &proof.rows)?;
        let inputs = inputs(proof, statement, &rows);
        Ok(Self { rows, inputs })
    }

    fn opening(
        &self,
        proof: &CompressedProof,
        kzg: &KzgVerifierKey,
        relation: &Relation,
    ) -> Result<PairingTerms, SheetError> {
        let sheet = CommittedSheet { rows: &self.rows, mask: &proof.mask };
        let CompressedProof { claim, blinding, opening, .. } = proof;
        sheet.reduce_opening(kzg, relation, &self.inputs.h, claim, blinding, opening)
    }
}

/// The public inputs of a compressed proof's circuit.
///
/// # Errors
/// If there are more or fewer rows than the layout has.
pub fn public_inputs(
    relation: &Relation,
    statement: &[u8],
    known: &[G1Affine],
    proof: &CompressedProof,
) -> Result<PublicInputs<Fr>, SheetError> {
    Ok(inputs(proof, statement, &all_rows(relation, known, &proof.rows)?))
}

fn inputs(proof: &CompressedProof, statement: &[u8], rows: &[G1Affine]) -> PublicInputs<Fr> {
    let h = transcript_start(statement, rows, &proof.mask);
    let Opening { point, gamma, value } = &proof.claim;
    let seed = opening_seed(&h, point, gamma, value, &proof.blinding);
    PublicInputs::new(h, &seed, &proof.claim)
}

/// The rows of the whole sheet, in the order of the layout.
fn all_rows(
    relation: &Relation,
    known: &[G1Affine],
    own: &[G1Affine],
) -> Result<Vec<G1Affine>, SheetError> {
    let expected = relation.layout.rows.len();
    let got = known.len() + own.len();
    if got != expected || own.len() != own_rows(relation) {
        return Err(SheetError::RowCount { expected, got });
    }
    Ok(known.iter().chain(own).copied().collect())
}

/// Commitments to a sheet and its mask.
struct CommittedSheet<'a> {
    rows: &'a [G1Affine],
    mask: &'a G1Affine,
}

impl CommittedSheet<'_> {
    /// The one opening that the argument leaves.
    fn check_opening(
        &self,
        kzg: &KzgVerifierKey,
        relation: &Relation,
        h: &Fr,
        claim: &Opening<Fr>,
        blinding: &Fr,
        opening: &OpeningProof,
    ) -> Result<(), SheetError> {
        match self.reduce_opening(kzg, relation, h, claim, blinding, opening)?.hold(kzg) {
            true => Ok(()),
            false => Err(OpeningError::Pairing.into()),
        }
    }

    fn reduce_opening(
        &self,
        kzg: &KzgVerifierKey,
        relation: &Relation,
        h: &Fr,
        claim: &Opening<Fr>,
        blinding: &Fr,
        opening: &OpeningProof,
    ) -> Result<PairingTerms, SheetError> {
        let length = relation.layout.row_log as usize;
        let Some((low, high)) = claim.point.split_at_checked(length) else {
            return Err(SheetError::Shape);
        };
        let folded = self.fold(relation, high, claim, blinding)?;
        let seed = opening_seed(h, &claim.point, &claim.gamma, &claim.value, blinding);
        Ok(mercury::reduce(kzg, &folded, low, claim.value, seed, opening)?)
    }

    /// `F = Σ eq(ρ_hi, i)·C_i + γ·C_M − b*·H`
    fn fold(
        &self,
        relation: &Relation,
        high: &[Fr],
        claim: &Opening<Fr>,
        blinding: &Fr,
    ) -> Result<G1Projective, SheetError> {
        let slots = relation.layout.rows.iter();
        let mut scalars: Vec<Fr> = slots.map(|slot| eq_at(high, slot.index)).collect();
        let mut bases = self.rows.to_vec();
        let (expected, got) = (scalars.len(), bases.len());
        scalars.extend([claim.gamma, -*blinding]);
        bases.extend([*self.mask, zktrain_argument::curve::blinding_base()]);
        // A difference in length would drop terms: it is an error instead.
        G1Projective::msm(&bases, &scalars).map_err(|_| SheetError::RowCount { expected, got })
    }
}

/// `eq(point, index)`
fn eq_at(point: &[Fr], index: u64) -> Fr {
    let bits = point.iter().enumerate();
    bits.map(|(k, r)| if (index >> k) & 1 == 1 { *r } else { Fr::one() - r }).product()
}
