//! Checks the circuit's part of a compressed proof, whatever its system.

use ark_bn254::Fr;
use zktrain_circuits::compress::PublicInputs;
use zktrain_circuits::compressed::System;
use zktrain_circuits::opening::KzgVerifierKey;

/// Why a circuit's proof is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CircuitError {
    /// There is no key for the proof's system.
    #[error("the proof is a {got} proof, and there is no key for that")]
    NoKey {
        /// The proof's system.
        got: System,
    },
}

/// The circuit's verifying keys of one relation, at most one a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CircuitKey {}

impl CircuitKey {
    /// Checks a proof of these public inputs.
    ///
    /// # Errors
    /// If there is no key for the system or the proof does not convince.
    pub fn verify(
        &self,
        _kzg: &KzgVerifierKey,
        system: System,
        _inputs: PublicInputs<Fr>,
        _proof: &[u8],
    ) -> Result<(), CircuitError> {
        Err(CircuitError::NoKey { got: system })
    }
}
