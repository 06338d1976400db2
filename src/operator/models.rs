//! The models of a domain's versions, by the hash of their commitments.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use alloy::primitives::B256;
use bytes::Bytes;
use zktrain_model::manifest::Network;
use zktrain_model::trace::Parameters;
use zktrain_trainer::export::{from_int_safetensors, to_int_safetensors};

use super::OperatorError;
use crate::error::Error;
use crate::files::{self, Access};
use crate::session::Session;
use crate::version::Version;

/// What helps where a model is missing.
const RESTORE: &str = "restore the coordinator's folder `models` from a backup that is as new as \
    this version of the model";

/// A folder of models.
#[derive(Clone, Debug)]
pub struct Models {
    folder: PathBuf,
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
        let version = Version::new(&session.key, session.srs.g1(), parameters);
        let Version { parameters, rows, hash } = version.map_err(OperatorError::from)?;
        let bytes = encode(session.network(), &parameters)?;
        Ok(Self { parameters, rows, hash, bytes })
    }
}

fn encode(network: &Network, parameters: &Parameters) -> Result<Bytes, Error> {
    let wrong = |source| Error::Model { path: "the next model".into(), source: Box::new(source) };
    Ok(to_int_safetensors(network, parameters).map_err(wrong)?.into())
}

impl Models {
    /// A folder, which is made if it is not there.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        files::create_folder(folder, Access::Public)?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn path(&self, hash: B256) -> PathBuf {
        self.folder.join(format!("{}.int.safetensors", hex::encode(hash)))
    }

    /// Keeps a model. When this returns it survives a crash.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn keep(&self, model: &Model) -> Result<(), Error> {
        files::write(&self.path(model.hash), &model.bytes, Access::Public)
    }

    /// Deletes all models but these.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn retain(&self, kept: &BTreeSet<B256>) -> Result<(), Error> {
        let error = |source| Error::File { path: self.folder.clone(), source };
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
        crate::project::exists(&self.path(hash), RESTORE)
    }

    /// The model with this hash.
    ///
    /// # Errors
    /// If it was never kept, or the file has been changed.
    pub fn get(&self, session: &Session, hash: B256) -> Result<Model, Error> {
        self.require(hash)?;
        let path = self.path(hash);
        let bytes = files::read(&path)?;
        let parameters = from_int_safetensors(session.network(), &bytes)
            .map_err(|source| Error::Model { path: path.clone(), source: Box::new(source) })?;
        let model = Model::new(session, parameters)?;
        if model.hash != hash {
            let [expected, got] = [hash, model.hash].map(hex::encode);
            return Err(Error::ParentModel { expected, got });
        }
        Ok(model)
    }
}
