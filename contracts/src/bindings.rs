//! Calls, errors and bytecode of the contracts, from their artifacts.
#![allow(missing_docs)] // generated: the documentation is in the Solidity interfaces

/// `contracts/src/TrainingVerifier.sol`
pub mod training {
    alloy::sol!(
        #[derive(Debug, PartialEq, Eq)]
        TrainingVerifier,
        "artifacts/TrainingVerifier.json"
    );
}

/// `contracts/src/Halo2Verifier.sol`
pub mod halo2 {
    alloy::sol!(
        #[derive(Debug, PartialEq, Eq)]
        Halo2Verifier,
        "artifacts/Halo2Verifier.json"
    );
}

use crate::chain::{Decode, reader};

/// Readers of the errors of all contracts.
pub(crate) const ERRORS: &[Decode] = &[
    reader::<training::TrainingVerifier::TrainingVerifierErrors>(),
    reader::<halo2::Halo2Verifier::Halo2VerifierErrors>(),
];
