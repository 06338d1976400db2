//! Checks the circuit's part of a compressed proof, whatever its system.

use ark_bn254::Fr;
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_backends::compress::PublicInputs;
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_statement::compressed::ProofSystem;

use crate::groth16::{self, Groth16Error, Groth16Key, Groth16Proof, Groth16Terms};
use crate::halo2::{self, Halo2Error};
use crate::pairing::PairingTerms;

/// Why a circuit's proof is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// There is no key for the proof's system.
    #[error("it is a {got} proof, and there is no key for that")]
    NoKey {
        /// The proof's system.
        got: ProofSystem,
    },
    /// A halo2 proof.
    #[error(transparent)]
    Halo2(#[from] Halo2Error),
    /// A Groth16 proof.
    #[error(transparent)]
    Groth16(#[from] Groth16Error),
}

/// What is left of a circuit's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitTerms {
    /// halo2's two pairings.
    Halo2(PairingTerms),
    /// Groth16's four.
    Groth16(Groth16Terms),
}

/// The circuit's verifying keys of one relation, at most one a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CircuitKey {
    /// halo2's.
    pub halo2: Option<Halo2Key>,
    /// Groth16's.
    pub groth16: Option<Groth16Key>,
}

impl CircuitKey {
    /// Checks a proof of these public inputs.
    ///
    /// # Errors
    /// If there is no key for the system or the proof does not convince.
    pub fn verify(
        &self,
        kzg: &KzgVerifierKey,
        system: ProofSystem,
        inputs: PublicInputs<Fr>,
        proof: &[u8],
    ) -> Result<(), CircuitError> {
        let no_key = CircuitError::NoKey { got: system };
        match system {
            ProofSystem::Halo2 => {
                let key = self.halo2.as_ref().ok_or(no_key)?;
                halo2::verify(kzg, key, &inputs.to_array(), proof)?;
            }
            ProofSystem::Groth16 => {
                let key = self.groth16.as_ref().ok_or(no_key)?;
                groth16::verify(key, &inputs.to_array(), proof)?;
            }
        }
        Ok(())
    }

    /// Everything but the pairings.
    ///
    /// # Errors
    /// If there is no key for the system or the bytes are no proof of it.
    pub fn reduce(
        &self,
        kzg: &KzgVerifierKey,
        system: ProofSystem,
        inputs: PublicInputs<Fr>,
        proof: &[u8],
    ) -> Result<CircuitTerms, CircuitError> {
        let no_key = CircuitError::NoKey { got: system };
        let inputs = inputs.to_array();
        Ok(match system {
            ProofSystem::Halo2 => {
                let key = self.halo2.as_ref().ok_or(no_key)?;
                CircuitTerms::Halo2(halo2::reduce(kzg, key, &inputs, proof)?)
            }
            ProofSystem::Groth16 => {
                self.groth16.as_ref().ok_or(no_key)?;
                let proof = Groth16Proof::from_bytes(proof)?;
                CircuitTerms::Groth16(Groth16Terms { proof, inputs })
            }
        })
    }

    /// A system's key as its verifier contract reads it; `None` if there is none.
    pub fn contract_bytes(&self, system: ProofSystem) -> Option<Vec<u8>> {
        match system {
            ProofSystem::Halo2 => self.halo2.as_ref().map(Halo2Key::to_bytes),
            ProofSystem::Groth16 => self.groth16.as_ref().map(Groth16Key::points_bytes),
        }
    }
}
