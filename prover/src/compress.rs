//! Makes proofs small and zero-knowledge: proves in a circuit that the argument is accepted.

use ark_bn254::Fr;
use zktrain_circuits::compress::PublicInputs;
use zktrain_circuits::compressed::{CompressedProof, System};
use zktrain_circuits::proof::SheetProof;
use zktrain_circuits::r1cs::{Compression, CompressionShape};
use zktrain_circuits::relation::Relation;
use zktrain_circuits::statement::opening_seed;
use zktrain_circuits::verifier::Opening;
use zktrain_verifier::circuit::CircuitKey;

use crate::groth16::{self, Groth16ProveError};
use crate::halo2::{self, Halo2ProveError};

/// Why a proof could not be compressed.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// The argument is not one of the relation's.
    #[error(transparent)]
    Shape(#[from] CompressionShape),
    /// Groth16 refuses.
    #[error(transparent)]
    Groth16(#[from] Groth16ProveError),
    /// halo2 refuses.
    #[error(transparent)]
    Halo2(#[from] Halo2ProveError),
}

/// Compresses proofs of one relation with one system.
pub struct Compressor {
    relation: Relation,
    key: ProvingKey,
}

enum ProvingKey {
    Halo2(Box<halo2::ProvingKey>),
    Groth16(Box<groth16::ProvingKey>),
}

impl Compressor {
    /// Compresses with halo2.
    pub fn halo2(relation: Relation, key: halo2::ProvingKey) -> Self {
        Self { relation, key: ProvingKey::Halo2(Box::new(key)) }
    }

    /// Compresses with Groth16; the key has to be one of this relation's circuit.
    pub fn groth16(relation: Relation, key: groth16::ProvingKey) -> Self {
        Self { relation, key: ProvingKey::Groth16(Box::new(key)) }
    }

    /// The system.
    pub fn system(&self) -> System {
        match self.key {
            ProvingKey::Halo2(_) => System::Halo2,
            ProvingKey::Groth16(_) => System::Groth16,
        }
    }

    /// What checks its proofs.
    pub fn key(&self) -> CircuitKey {
        match &self.key {
            ProvingKey::Halo2(key) => {
                CircuitKey { halo2: Some(key.verifying_key().clone()), groth16: None }
            }
            ProvingKey::Groth16(key) => {
                CircuitKey { halo2: None, groth16: Some(key.key.clone()) }
            }
        }
    }

    /// Compresses a proof whose transcript starts from `h` and whose argument ends in `claim`.
    ///
    /// # Errors
    /// If it is not a proof of the relation, or not a valid one.
    pub fn compress(
        &self,
        h: Fr,
        claim: &Opening<Fr>,
        proof: SheetProof,
    ) -> Result<CompressedProof, CompressError> {
        let Opening { point, gamma, value } = claim;
        let seed = opening_seed(&h, point, gamma, value, &proof.blinding);
        let inputs = PublicInputs::new(h, &seed, claim);
        let circuit_proof = match &self.key {
            ProvingKey::Halo2(key) => {
                halo2::prove(key, &self.relation, inputs, &proof.argument)?
            }
            ProvingKey::Groth16(key) => {
                let synthesis =
                    Compression::new(&self.relation, &inputs, &proof.argument)?.synthesize();
                groth16::prove(key, &synthesis)?.0.to_bytes()
            }
        };
        let SheetProof { rows, mask, blinding, opening, .. } = proof;
        let (claim, system) = (claim.clone(), self.system());
        Ok(CompressedProof { rows, mask, claim, blinding, opening, system, circuit_proof })
    }
}
