//! Where a project keeps its files, and its settings.

mod settings;
mod text;

use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use zktrain_model::manifest::Manifest;

use crate::error::Error;
use crate::files;
pub use settings::{Local, ModelOpeningFile, Round, SettingsError, Trained};
use text::MAKE_PROJECT;
pub use text::{
    exists, read_json, read_manifest, read_toml, settings, to_json, write_json, write_toml,
};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Access;

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
