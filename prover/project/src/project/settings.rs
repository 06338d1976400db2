//! The project's settings and small public records.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zktrain_statement::statements::Binding;

/// Why a settings file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Not TOML, or not the fields expected.
    #[error("{0}")]
    Read(#[from] toml::de::Error),
    /// Not JSON, or not the fields expected.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A value has no TOML form.
    #[error("{0}")]
    Write(#[from] toml::ser::Error),
    /// A value that says nothing without another one.
    #[error("{field} is set, but {needs} is not: set both, or neither for proofs off chain")]
    Needs {
        /// The value that is set.
        field: &'static str,
        /// The value that is not.
        needs: &'static str,
    },
    /// Bytes in hexadecimal that are not.
    #[error("{field}: expected {expected} bytes in hexadecimal, got {got:?}")]
    Hex {
        field: &'static str,
        /// Bytes expected.
        expected: usize,
        /// What is there.
        got: String,
    },
}

/// The owner's settings, `local.toml`, readable by the owner alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Local {
    /// The data file: CSV, or the features of an NPY or IDX pair.
    pub data: PathBuf,
    /// The labels of an NPY or IDX pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// Share of the rows that is never trained on.
    pub held_out: f64,
    /// Seed of the order of rows; absent keeps the file's own order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<u64>,
    /// The reference string.
    pub srs: PathBuf,
}

/// What every proof of the project is bound to, `round.toml`; public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// EIP-155 chain id of the settling chain; 0 off chain.
    pub chain_id: u64,
    /// Address of the contract there that proofs are for, 20 bytes in hexadecimal. Absent off
    /// chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The domain, as the contract numbers them. Absent off chain, and for contracts without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<u64>,
    pub round: u64,
    /// The prover's address, 20 bytes in hexadecimal.
    pub prover: String,
    /// Draws the order of windows, 32 bytes in hexadecimal. Absent outside a round:
    /// then it is derived from manifest, reference string and dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

impl Round {
    /// Prover, chain, contract, domain and round as statements have them.
    ///
    /// # Errors
    /// If an address is not 20 bytes in hexadecimal, a contract is named without a chain, or a
    /// domain without a contract.
    pub fn binding(&self) -> Result<Binding, SettingsError> {
        let prover = bytes("prover", &self.prover)?;
        let contract = self.contract.as_deref().map(|address| bytes("contract", address));
        let contract = contract.transpose()?.unwrap_or_default();
        if contract != [0; 20] && self.chain_id == 0 {
            return Err(SettingsError::Needs { field: "contract", needs: "chain_id" });
        }
        let domain = self.domain.unwrap_or_default();
        if domain != 0 && contract == [0; 20] {
            return Err(SettingsError::Needs { field: "domain", needs: "contract" });
        }
        Ok(Binding { chain_id: self.chain_id, contract, domain, round: self.round, prover })
    }

    /// The nonce, if the round draws one.
    ///
    /// # Errors
    /// If it is not 32 bytes in hexadecimal.
    pub fn nonce(&self) -> Result<Option<[u8; 32]>, SettingsError> {
        self.nonce.as_deref().map(|nonce| bytes("nonce", nonce)).transpose()
    }
}

fn bytes<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], SettingsError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let decoded = hex::decode(digits).ok().and_then(|bytes| bytes.try_into().ok());
    decoded.ok_or_else(|| SettingsError::Hex { field, expected: N, got: text.to_owned() })
}

/// What training did, `training.json`; the number of windows is what proving goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trained {
    /// Windows trained on, one proof each.
    pub windows: usize,
    /// Optimizer steps.
    pub steps: usize,
}

/// What shows that a model file is what the chain's last commitments hold,
/// `model.opening.json`; to be published with the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOpeningFile {
    /// Proofs of the chain that ends with the model.
    pub proofs: usize,
    /// Summed blindings of the model's rows, each 32 bytes big endian in hexadecimal.
    pub blindings: Vec<String>,
}
