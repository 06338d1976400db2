//! What makes proofs small, as commands name it; the circuits' keys are `zktrain_project::circuits`.

use serde::Serialize;
use zktrain_statement::compressed::ProofSystem;

use crate::error::OptionsError;

/// What makes proofs small and zero-knowledge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// halo2 with KZG: no setup of its own.
    #[default]
    Halo2,
    /// Groth16: smaller and cheaper to check, with keys from a ceremony (`zktrain setup`).
    Groth16,
    /// Nothing: the proof is not zero-knowledge.
    None,
}

impl Compression {
    /// The proof system; none for uncompressed proofs.
    pub fn system(self) -> Option<ProofSystem> {
        match self {
            Self::Halo2 => Some(ProofSystem::Halo2),
            Self::Groth16 => Some(ProofSystem::Groth16),
            Self::None => None,
        }
    }

    /// The system of proofs that contracts are to check.
    ///
    /// # Errors
    /// If there is none.
    pub fn on_chain(self) -> Result<ProofSystem, OptionsError> {
        self.system().ok_or(OptionsError::Required {
            option: "--compress",
            when: "because contracts check compressed proofs only",
            hint: "`--compress halo2` or `--compress groth16`",
        })
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.system().map_or("uncompressed", ProofSystem::name))
    }
}
