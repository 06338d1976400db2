//! Where a project keeps its files, and its settings.

use std::path::{Path, PathBuf};

use alloy::primitives::B256;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zktrain_model::manifest::{MAX_TEXT, Manifest};
use zktrain_statement::statements::Binding;

use crate::error::Error;
use crate::files::{self, Access};

/// Why a settings file is refused.
#[derive(Debug, thiserror::Error)]
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

/// A project's directory.
#[derive(Clone, Debug)]
pub struct Project {
    dir: PathBuf,
}

macro_rules! paths {
    ($($(#[$doc:meta])* $method:ident => $name:literal;)*) => {
        $($(#[$doc])* pub fn $method(&self) -> PathBuf { self.dir.join($name) })*
    };
}

impl Project {
    /// The project in `dir`, whether there is one or not.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    paths! {
        /// The manifest, public.
        manifest_path => "manifest.toml";
        /// [`Round`], public.
        round_path => "round.toml";
        /// [`Local`].
        local_path => "local.toml";
        /// The public model that training starts from, integers.
        genesis_path => "genesis.int.safetensors";
        /// The trained model, integers.
        model_path => "model.int.safetensors";
        /// The trained model, real numbers.
        float_model_path => "model.safetensors";
        /// [`ModelOpeningFile`].
        opening_path => "model.opening.json";
        /// The dataset's registration.
        registration_path => "registration";
        /// The same, uncompressed.
        plain_registration_path => "registration.NOT-ZK";
        /// The folder of circuit keys that cannot be derived.
        keys_path => "keys";
        /// [`Trained`].
        trained_path => "training.json";
        /// Loss and accuracy over time.
        history_path => "history.json";
        /// The loss curve.
        curve_path => "loss.svg";
        /// The folder of training proofs.
        proofs_path => "proofs";
        /// The folder of rounds' proofs and models.
        rounds_path => "rounds";
        /// The folder of secrets.
        secret_path => "secret";
        /// The key that all blindings depend on.
        key_path => "secret/local.key";
        /// The dataset's blindings.
        dataset_path => "secret/dataset";
        /// Held while a command changes the project.
        lock_path => "secret/lock";
        /// The reference string that is generated where none is given.
        default_srs_path => "srs.bin";
    }

    /// The files that one training proof may be in: compressed, uncompressed.
    pub fn proof_paths(&self, index: usize) -> [PathBuf; 2] {
        proof_paths(&self.proofs_path(), index)
    }

    /// The file of one training proof, if there is one.
    pub fn find_proof(&self, index: usize) -> Option<PathBuf> {
        find_proof(&self.proofs_path(), index)
    }

    /// The file of the dataset's registration, if there is one.
    pub fn find_registration(&self) -> Option<PathBuf> {
        let paths = [self.registration_path(), self.plain_registration_path()];
        paths.into_iter().find(|path| path.exists())
    }

    /// The proof of a round.
    pub fn round_proof_path(&self, round: u64) -> PathBuf {
        self.dir.join(format!("rounds/{round}.proof"))
    }

    /// The signed submission of a round.
    pub fn round_submission_path(&self, round: u64) -> PathBuf {
        self.dir.join(format!("rounds/{round}.submission.json"))
    }

    /// How a round ended.
    pub fn round_end_path(&self, round: u64) -> PathBuf {
        self.dir.join(format!("rounds/{round}.end.json"))
    }

    /// The coordinator's receipt for what was uploaded in a round.
    pub fn round_receipt_path(&self, round: u64) -> PathBuf {
        self.dir.join(format!("rounds/{round}.receipt.json"))
    }

    /// In which rounds the owner's updates of a model were masked.
    pub fn sums_path(&self, parent: B256) -> PathBuf {
        self.dir.join(format!("rounds/sums/{}.json", hex::encode(parent)))
    }

    /// What the owner has promised in a round; secret.
    pub fn round_journal_path(&self, round: u64) -> PathBuf {
        self.dir.join(format!("secret/round-{round}.journal"))
    }

    /// The secret file of the blindings of a round's update.
    pub fn round_state_path(&self, round: u64) -> PathBuf {
        self.dir.join(format!("secret/round-{round}"))
    }

    /// The secret file of the model's blindings after a proof.
    pub fn state_path(&self, index: usize) -> PathBuf {
        self.dir.join(format!("secret/after-{index:06}"))
    }

    /// A path of the project, from its directory on.
    pub fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.dir).unwrap_or(path).to_owned()
    }

    /// A path of the settings, which are relative to the project.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// Reads and checks the manifest.
    ///
    /// # Errors
    /// If it is missing or refused.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        read_manifest(&self.manifest_path())
    }

    /// Reads the owner's settings.
    ///
    /// # Errors
    /// If they are missing or malformed.
    pub fn local(&self) -> Result<Local, Error> {
        read_toml(&self.local_path())
    }

    /// Reads what proofs are bound to.
    ///
    /// # Errors
    /// If it is missing or malformed.
    pub fn round(&self) -> Result<Round, Error> {
        read_toml(&self.round_path())
    }

    /// Reads what training did.
    ///
    /// # Errors
    /// If training has not been, or the file is malformed.
    pub fn trained(&self) -> Result<Trained, Error> {
        read_json(&self.trained_path(), "train first: `zktrain train`")
    }

    /// That no folder which commands write to is a link: a stranger's project would have them write
    /// anywhere.
    fn has_own_folders(&self) -> Result<(), Error> {
        let sums = self.rounds_path().join("sums");
        let folders =
            [self.secret_path(), self.proofs_path(), self.keys_path(), self.rounds_path(), sums];
        match folders.into_iter().find(|folder| folder.is_symlink()) {
            Some(path) => {
                let why = "a link: the project has to have this folder itself";
                let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, why);
                Err(Error::File { path, source })
            }
            None => Ok(()),
        }
    }

    /// Takes the project's lock, and finishes a replacement that a crash has interrupted.
    ///
    /// # Errors
    /// If another process holds it, or there is no project.
    pub fn lock(&self) -> Result<files::Lock, Error> {
        let secret = self.secret_path();
        if !secret.is_dir() {
            return Err(Error::Missing { path: secret, hint: MAKE_PROJECT });
        }
        self.has_own_folders()?;
        let lock = files::lock(&self.lock_path())?;
        crate::replace::finish(self)?;
        Ok(lock)
    }
}

const MAKE_PROJECT: &str = "make a project first: `zktrain init`";

/// How the files of training proofs end: compressed, uncompressed.
pub const PROOF_ENDINGS: [&str; 2] = [".proof", ".proof.NOT-ZK"];

/// The files that one training proof may be in: compressed, uncompressed.
pub fn proof_paths(folder: &Path, index: usize) -> [PathBuf; 2] {
    PROOF_ENDINGS.map(|ending| folder.join(format!("{index:06}{ending}")))
}

/// The file of one training proof in a folder, the compressed one first.
pub fn find_proof(folder: &Path, index: usize) -> Option<PathBuf> {
    proof_paths(folder, index).into_iter().find(|path| path.exists())
}

/// Reads and checks a manifest.
///
/// # Errors
/// If it is missing or refused.
pub fn read_manifest(path: &Path) -> Result<Manifest, Error> {
    exists(path, MAKE_PROJECT)?;
    let refused = |source| Error::Manifest { path: path.to_owned(), source: Box::new(source) };
    let text = files::read_text_up_to(path, MAX_TEXT as u64)?;
    Manifest::from_toml(&text).map_err(refused)
}

/// Reads a TOML settings file.
///
/// # Errors
/// If it is missing or malformed.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    exists(path, MAKE_PROJECT)?;
    toml::from_str(&files::read_text(path)?).map_err(|e| settings(path, e))
}

/// Reads a JSON file.
///
/// # Errors
/// If it is missing or malformed.
pub fn read_json<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, Error> {
    exists(path, hint)?;
    serde_json::from_str(&files::read_text(path)?).map_err(|e| settings(path, e))
}

/// Writes a TOML settings file.
///
/// # Errors
/// If a value has no TOML form or the operating system refuses.
pub fn write_toml(
    path: &Path,
    header: &str,
    value: &impl Serialize,
    access: Access,
) -> Result<(), Error> {
    let text = toml::to_string(value).map_err(|e| settings(path, e))?;
    files::write(path, format!("{header}{text}").as_bytes(), access)
}

/// Writes a JSON file.
///
/// # Errors
/// If the operating system refuses.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    files::write(path, &to_json(path, value)?, Access::Public)
}

/// What [`write_json`] writes; `path` is for the error.
///
/// # Errors
/// If a value has no JSON form.
pub fn to_json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| settings(path, e))?;
    text.push(b'\n');
    Ok(text)
}

/// An error about a settings file.
pub fn settings(path: &Path, source: impl Into<SettingsError>) -> Error {
    Error::Settings { path: path.to_owned(), source: Box::new(source.into()) }
}

/// Checks that a file which an earlier command makes is there.
///
/// # Errors
/// [`Error::Missing`] with `hint`.
pub fn exists(path: &Path, hint: &'static str) -> Result<(), Error> {
    if path.exists() { Ok(()) } else { Err(Error::Missing { path: path.to_owned(), hint }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_project_whose_folders_are_links_is_not_worked_on() {
        let outside = tempfile::tempdir().unwrap();
        for folder in ["secret", "proofs", "keys", "rounds", "rounds/sums"] {
            let dir = tempfile::tempdir().unwrap();
            let project = Project::new(dir.path());
            files::create_folder(&project.secret_path(), Access::Owner).unwrap();
            drop(project.lock().unwrap());
            let at = dir.path().join(folder);
            if let Some(parent) = at.parent() {
                std::fs::create_dir_all(parent).unwrap();
            }
            let _ = std::fs::remove_dir_all(&at);
            std::os::unix::fs::symlink(outside.path(), &at).unwrap();
            let refused = project.lock().map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains("a link"), "{folder}: {refused}");
            assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        }
    }
}
