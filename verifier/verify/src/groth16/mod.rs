//! Checks a proof compressed with Groth16.
//!
//! **Statement.** The circuit of the key is satisfied by these public inputs and some witness.
//!
//! **Proof.** `A` and `C` in G1, `B` in G2; accepted if
//! `e(A, B) = e(α, β)·e(IC_0 + Σ_i x_i·IC_{i+1}, γ)·e(C, δ)`.
//!
//! **Malleability.** Anyone can turn a valid proof into other valid ones of the same statement,
//! `(A/ρ, ρ·B + ρ·σ·δ, C + σ·A)` for any `ρ ≠ 0` and `σ`. So a proof's bytes identify nothing:
//! what must not happen twice has to be keyed by the statement, which names prover, round and
//! window, never by a hash of the proof.
//!
//! **Trust.** Soundness rests on nobody knowing the logarithms of `α, β, δ, τ`; zero knowledge
//! rests on nothing: a proof is a uniform solution of the equation above. [`KeyProvenance`] says
//! where a key comes from.
//!
//! Source: Groth, "On the size of pairing-based non-interactive arguments", eprint 2016/260.

mod encoding;
mod key;
pub mod snarkjs;

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::Field;
use ark_groth16::{Groth16, Proof, prepare_verifying_key};
use zktrain_backends::compress::INPUTS;

pub use encoding::{G1_BYTES, G2_BYTES, PointError, PointReader, g2_bytes};
pub use key::{Groth16Key, KEY_BYTES, KeyDecodeError, KeyProvenance, POINTS_BYTES};
use zktrain_argument::opening::point_bytes;

/// Length of a proof.
pub const PROOF_BYTES: usize = 2 * G1_BYTES + G2_BYTES;

/// A proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groth16Proof {
    /// `A`
    pub a: G1Affine,
    /// `B`
    pub b: G2Affine,
    /// `C`
    pub c: G1Affine,
}

/// Why a compressed proof is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Groth16Error {
    /// Too short, or followed by trailing bytes.
    #[error("a Groth16 proof has {PROOF_BYTES} bytes, not {got}")]
    Length {
        /// Bytes given.
        got: usize,
    },
    /// A point is not valid.
    #[error("Groth16 proof: {0}")]
    Point(#[from] PointError),
    /// The equation does not hold.
    #[error("the Groth16 proof's pairing equation does not hold")]
    Pairing,
}

impl Groth16Proof {
    /// `A ‖ B ‖ C`, points as the EVM's precompiles take them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PROOF_BYTES);
        out.extend_from_slice(&point_bytes(&self.a));
        out.extend_from_slice(&g2_bytes(&self.b));
        out.extend_from_slice(&point_bytes(&self.c));
        out
    }

    fn to_arkworks(self) -> Proof<Bn254> {
        Proof { a: self.a, b: self.b, c: self.c }
    }

    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// On any other input: wrong length, unreduced coordinates, points off the curve or outside
    /// the group of order `r`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Groth16Error> {
        if bytes.len() != PROOF_BYTES {
            return Err(Groth16Error::Length { got: bytes.len() });
        }
        let mut reader = PointReader::new(bytes);
        Ok(Self { a: reader.g1()?, b: reader.g2()?, c: reader.g1()? })
    }
}

/// Checks a proof's bytes for these public inputs, in the order of
/// [`zktrain_backends::compress::PublicInputs`].
///
/// # Errors
/// If the bytes are not a proof, or the proof does not convince.
pub fn verify(key: &Groth16Key, inputs: &[Fr; INPUTS], proof: &[u8]) -> Result<(), Groth16Error> {
    let proof = Groth16Proof::from_bytes(proof)?;
    let key = prepare_verifying_key(&key.to_arkworks());
    match Groth16::<Bn254>::verify_proof(&key, &proof.to_arkworks(), inputs) {
        Ok(true) => Ok(()),
        // An error is a wrong number of inputs, which the types exclude.
        Ok(false) | Err(_) => Err(Groth16Error::Pairing),
    }
}

/// A decoded proof with its public inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groth16Terms {
    /// The proof.
    pub proof: Groth16Proof,
    /// In the order of [`zktrain_backends::compress::PublicInputs`].
    pub inputs: [Fr; INPUTS],
}

/// Whether the equations hold when each is raised to its weight and all are multiplied. With
/// weights that a prover cannot predict, that convinces of all of them: see [`crate::batch`].
///
/// `Π_j e(s_j·A_j, B_j) = e((Σ_j s_j)·α, β)·e(Σ_j s_j·IC(x_j), γ)·e(Σ_j s_j·C_j, δ)`
pub fn hold(key: &Groth16Key, weighted: &[(Fr, Groth16Terms)]) -> bool {
    let mut constants = [Fr::default(); INPUTS + 1];
    let mut firsts = Vec::with_capacity(weighted.len() + 3);
    let mut seconds = Vec::with_capacity(weighted.len() + 3);
    let (mut weights, mut thirds) = (Vec::new(), Vec::new());
    for (weight, terms) in weighted {
        firsts.push(terms.proof.a * weight);
        seconds.push(terms.proof.b);
        weights.push(*weight);
        thirds.push(terms.proof.c);
        let values = core::iter::once(Fr::ONE).chain(terms.inputs);
        constants.iter_mut().zip(values).for_each(|(sum, value)| *sum += *weight * value);
    }
    let [one, ..] = constants;
    firsts.push(-(key.alpha_g1 * one));
    firsts.push(-G1Projective::msm_unchecked(&key.ic, &constants));
    firsts.push(-G1Projective::msm_unchecked(&thirds, &weights));
    seconds.extend([key.beta_g2, key.gamma_g2, key.delta_g2]);
    let product = Bn254::multi_pairing(G1Projective::normalize_batch(&firsts), seconds);
    product.0 == <Bn254 as Pairing>::TargetField::ONE
}
