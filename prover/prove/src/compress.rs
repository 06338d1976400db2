//! Makes proofs small and zero-knowledge: proves in a circuit that the argument is accepted.

use zktrain_argument::arith::Check;
use zktrain_argument::verifier::Opening;
use zktrain_backends::compress::PublicInputs;
use zktrain_backends::r1cs::{CompressionShape, R1csCompression};
use zktrain_ceremony::groth16::{self, Groth16ProveError};
use zktrain_commit::random::LocalKey;
use zktrain_model::relation::Relation;
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::opening_seed;
use zktrain_verify::circuit::CircuitKey;

use crate::halo2::{self, Halo2Params, Halo2ProveError, ParamsError};
use crate::uncompressed::Uncompressed;

/// Why a proof could not be compressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The argument is not one of the relation's.
    #[error(transparent)]
    Shape(#[from] CompressionShape),
    /// There is no circuit of the relation.
    #[error("no circuit can be written for this relation: {0}")]
    Circuit(#[from] Check),
    /// Groth16 refuses.
    #[error(transparent)]
    Groth16(#[from] Groth16ProveError),
    /// halo2 refuses.
    #[error(transparent)]
    Halo2(#[from] Halo2ProveError),
    /// The reference string does not serve.
    #[error(transparent)]
    Params(#[from] ParamsError),
}

/// Compresses proofs of one relation with one system.
pub struct Compressor {
    relation: Relation,
    key: ProvingKey,
    /// What the blinding depends on, besides what is proven and the operating system.
    owner: LocalKey,
}

enum ProvingKey {
    Halo2 { params: Box<Halo2Params>, keys: Box<halo2::Halo2Keys> },
    Groth16(Box<groth16::ProvingKey>),
}

impl Compressor {
    /// Compresses with halo2.
    ///
    /// # Errors
    /// If the parameters are for another number of rows than [`halo2::log_rows`].
    pub fn halo2(relation: Relation, params: Halo2Params) -> Result<Self, CompressError> {
        let (keys, params) = (Box::new(halo2::derive(&relation, &params)?), Box::new(params));
        Ok(Self { relation, key: ProvingKey::Halo2 { params, keys }, owner: nobody() })
    }

    /// Compresses with Groth16; the key has to be one of this relation's circuit.
    pub fn groth16(relation: Relation, key: groth16::ProvingKey) -> Self {
        Self { relation, key: ProvingKey::Groth16(Box::new(key)), owner: nobody() }
    }

    /// By the owner of a witness, whose local key hedges the blinding.
    #[must_use]
    pub fn with_key(self, owner: LocalKey) -> Self {
        Self { owner, ..self }
    }

    pub fn system(&self) -> ProofSystem {
        match self.key {
            ProvingKey::Halo2 { .. } => ProofSystem::Halo2,
            ProvingKey::Groth16(_) => ProofSystem::Groth16,
        }
    }

    /// What checks its proofs.
    pub fn key(&self) -> CircuitKey {
        match &self.key {
            ProvingKey::Halo2 { keys, .. } => {
                CircuitKey { halo2: Some(keys.verifying.clone()), groth16: None }
            }
            ProvingKey::Groth16(key) => CircuitKey { halo2: None, groth16: Some(key.key.clone()) },
        }
    }

    /// Makes the proof that may be sent.
    ///
    /// # Errors
    /// If it is not a proof of the relation, or not a valid one.
    pub fn compress(&self, uncompressed: Uncompressed) -> Result<CompressedProof, CompressError> {
        let (h, claim) = (uncompressed.h(), uncompressed.claim().clone());
        let proof = uncompressed.reveal();
        let Opening { point, gamma, value } = &claim;
        let seed = opening_seed(&h, point, gamma, value, &proof.blinding);
        let inputs = PublicInputs::new(h, &seed, &claim);
        let circuit_proof = match &self.key {
            ProvingKey::Halo2 { params, keys } => {
                halo2::prove_by(&self.owner, params, keys, &self.relation, inputs, &proof.argument)?
            }
            ProvingKey::Groth16(key) => {
                let synthesis =
                    R1csCompression::new(&self.relation, &inputs, &proof.argument)?.synthesize()?;
                groth16::prove_by(&self.owner, key, &synthesis)?.0.to_bytes()
            }
        };
        let SheetProof { rows, mask, blinding, opening, .. } = proof;
        let system = self.system();
        Ok(CompressedProof { rows, mask, claim, blinding, opening, system, circuit_proof })
    }
}

/// The party that compresses need not have a local key: a prover service may compress for the
/// owner.
fn nobody() -> LocalKey {
    LocalKey::new([0; 32])
}
