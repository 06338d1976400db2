//! The models of a domain's versions, by the hash of their commitments.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::primitives::B256;
use bytes::Bytes;
use zktrain_model::manifest::Network;
use zktrain_model::trace::Parameters;
use zktrain_project::files::{self, Access};
use zktrain_project::session::Session;
use zktrain_project::version::{Version, VersionError};
use zktrain_trainer::export::{from_int_safetensors, to_int_safetensors};

use super::CoordinatorError;
use crate::error::{Error, ProjectError};

/// What helps where a model is missing.
const RESTORE: &str = "restore the coordinator's folder `models` from a backup that is as new as \
    this version of the model";

/// Models whose commitments are held: a round's, and that of the round before.
const HELD: usize = 2;

/// A folder of models. The last ones that were kept or read are held with their commitments, which would
/// otherwise be made again from each file that is read.
#[derive(Clone, Debug)]
pub struct Models {
    folder: PathBuf,
    /// Oldest first, at most [`HELD`].
    held: Arc<Mutex<Vec<Model>>>,
}

/// A model with its commitments.
#[derive(Clone, Debug)]
pub struct Model {
    /// The integers.
    pub parameters: Parameters,
    /// Row commitments, blinding zero.
    pub rows: Vec<ark_bn254::G1Affine>,
    /// Their hash.
    pub hash: B256,
    /// Its file.
    pub bytes: Bytes,
}

impl Model {
    /// Commits to parameters.
    ///
    /// # Errors
    /// If they are not the network's.
    pub fn new(session: &Session, parameters: Parameters) -> Result<Self, Error> {
        #[cfg(test)]
        zktrain_project::version::counts::model();
        let version = Version::new(&session.key, session.srs.g1(), parameters);
        let version = version.map_err(VersionError::from).map_err(CoordinatorError::from)?;
        Self::of(session, version)
    }

    /// A version, which is committed to already.
    ///
    /// # Errors
    /// If its parameters are not the network's.
    pub fn of(session: &Session, version: Version) -> Result<Self, Error> {
        let Version { parameters, rows, hash } = version;
        let bytes = encode(session.network(), &parameters)?;
        Ok(Self { parameters, rows, hash, bytes })
    }
}

fn encode(network: &Network, parameters: &Parameters) -> Result<Bytes, Error> {
    let wrong = |source| {
        Error::Project(ProjectError::Model {
            path: "the next model".into(),
            source: Box::new(source),
        })
    };
    Ok(to_int_safetensors(network, parameters).map_err(wrong)?.into())
}

impl Models {
    /// A folder, which is made if it is not there.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        files::create_folder(folder, Access::Public)?;
        Ok(Self { folder: folder.to_owned(), held: Arc::default() })
    }

    fn path(&self, hash: B256) -> PathBuf {
        self.folder.join(format!("{}.int.safetensors", hex::encode(hash)))
    }

    fn held(&self) -> MutexGuard<'_, Vec<Model>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a model that is in the folder, in place of the one that was not asked for the longest.
    fn hold(&self, model: Model) {
        let mut held = self.held();
        held.retain(|other| other.hash != model.hash);
        if held.len() >= HELD {
            held.remove(0);
        }
        held.push(model);
    }

    /// Keeps a model. When this returns it survives a crash.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn keep(&self, model: &Model) -> Result<(), Error> {
        files::write(&self.path(model.hash), &model.bytes, Access::Public)?;
        self.hold(model.clone());
        Ok(())
    }

    /// Deletes all models but these.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn retain(&self, kept: &BTreeSet<B256>) -> Result<(), Error> {
        let error =
            |source| Error::Project(ProjectError::File { path: self.folder.clone(), source });
        self.held().retain(|model| kept.contains(&model.hash));
        let kept: BTreeSet<PathBuf> = kept.iter().map(|hash| self.path(*hash)).collect();
        for entry in std::fs::read_dir(&self.folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            if !kept.contains(&path) {
                files::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Looks whether the model with this hash is here.
    ///
    /// # Errors
    /// If it was never kept.
    pub fn require(&self, hash: B256) -> Result<(), Error> {
        Ok(zktrain_project::project::exists(&self.path(hash), RESTORE)?)
    }

    /// The model with this hash.
    ///
    /// # Errors
    /// If its file is not there, or is read and has been changed.
    pub fn get(&self, session: &Session, hash: B256) -> Result<Model, Error> {
        self.require(hash)?;
        let known = self.held().iter().find(|model| model.hash == hash).cloned();
        if let Some(model) = known {
            self.hold(model.clone());
            return Ok(model);
        }
        let path = self.path(hash);
        let bytes = files::read(&path)?;
        let parameters = from_int_safetensors(session.network(), &bytes).map_err(|source| {
            Error::Project(ProjectError::Model { path: path.clone(), source: Box::new(source) })
        })?;
        let model = Model::new(session, parameters)?;
        if model.hash != hash {
            let [expected, got] = [hash, model.hash].map(hex::encode);
            return Err(Error::ParentModel { expected, got });
        }
        self.hold(model.clone());
        Ok(model)
    }
}
