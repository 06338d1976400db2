//! The versions of a model as an owner computes them: the one place where it commits to sums and models.
//!
//! The last version is in the project's folder and, once this process has committed to it, in memory: the round
//! that starts from it, another attempt at that round, and the next version are all given what is there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::primitives::B256;
use ark_bn254::G1Affine;
use serde::{Deserialize, Serialize};
use zktrain_audit::lineage;
use zktrain_model::manifest::Network;
use zktrain_project::Error as ProjectError;
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, settings, write_json};
#[cfg(test)]
use zktrain_project::version::counts;
use zktrain_project::version::{Version, VersionError, opens};
use zktrain_statement::sum::Sum;
use zktrain_trainer::export::{from_int_safetensors, to_int_safetensors};

use super::{ParentError, blocking};
use crate::Error;
use crate::worker::PublicProject;

/// The last version that the owner has computed, as it is kept beside the model itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The version's number.
    pub(super) version: u64,
    /// The round that made it; zero for the first.
    pub(super) round: u64,
    /// `keccak256` of its row commitments.
    pub(super) model: B256,
}

/// An owner's versions of a model, of which the last one is kept: one is held, two while the next is made.
pub struct Versions {
    facts: PublicProject,
    project: Project,
    last: Mutex<Option<Arc<Version>>>,
}

impl Versions {
    /// Those that are kept in a project; its key and reference string are what they are committed to with.
    pub fn new(facts: PublicProject, project: Project) -> Self {
        Self { facts, project, last: Mutex::default() }
    }

    pub(super) fn facts(&self) -> &PublicProject {
        &self.facts
    }

    pub(super) fn project(&self) -> &Project {
        &self.project
    }

    fn network(&self) -> &Network {
        &self.facts.key.network
    }

    fn head_path(&self) -> PathBuf {
        self.project.rounds_path().join("head.json")
    }

    fn model_path(&self, version: u64) -> PathBuf {
        self.project.rounds_path().join(format!("head-{version}.int.safetensors"))
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<Version>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a version in memory, in place of the one before.
    fn hold(&self, version: Version) -> Arc<Version> {
        let version = Arc::new(version);
        *self.held() = Some(version.clone());
        version
    }

    /// Which version was kept last; none before the first one.
    pub(super) fn head(&self) -> Result<Option<Head>, Error> {
        let path = self.head_path();
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&bytes).map_err(|e| settings(&path, e))?))
    }

    /// The version that was kept last. What its file has is not believed.
    pub(super) async fn last(&self, head: &Head) -> Result<Arc<Version>, Error> {
        let held = self.held().clone();
        if let Some(version) = held.filter(|version| version.hash == head.model) {
            return Ok(version);
        }
        let path = self.model_path(head.version);
        let version = self.read(&path.display().to_string(), files::read(&path)?).await?;
        if version.hash != head.model {
            let [expected, got] = [head.model, version.hash].map(hex::encode);
            return Err(Error::ParentModel { expected, got });
        }
        Ok(self.hold(version))
    }

    /// Keeps a version in the place of the one before.
    pub(super) fn keep(&self, head: Head, version: Version) -> Result<Arc<Version>, Error> {
        files::create_folder(&self.project.rounds_path(), Access::Public)?;
        let path = self.model_path(head.version);
        let bytes = to_int_safetensors(self.network(), &version.parameters).map_err(|source| {
            Error::Project(ProjectError::Model { path: path.clone(), source: Box::new(source) })
        })?;
        files::write(&path, &bytes, Access::Public)?;
        write_json(&self.head_path(), &head)?;
        if let Some(before) = head.version.checked_sub(1) {
            files::remove(&self.model_path(before))?;
        }
        Ok(self.hold(version))
    }

    /// Reads a model and commits to it.
    async fn read(&self, file: &str, bytes: Vec<u8>) -> Result<Version, Error> {
        let (key, srs) = (self.facts.key.clone(), self.facts.srs.clone());
        let wrong = |why: String| ParentError::File { file: file.to_owned(), why };
        let model = from_int_safetensors(&key.network, &bytes).map_err(|e| wrong(e.to_string()))?;
        zktrain_project::session::check_first(file.as_ref(), &key.network, &model)?;
        #[cfg(test)]
        counts::model();
        let version = blocking(move || Version::new(&key, srs.g1(), model)).await?;
        Ok(version.map_err(|e| wrong(e.to_string()))?)
    }

    /// The domain's first model, from its file, and keeps it.
    pub(super) async fn first(
        &self,
        bytes: Vec<u8>,
        expected: B256,
    ) -> Result<Arc<Version>, Error> {
        let version = self.read(lineage::GENESIS, bytes).await?;
        if version.hash != expected {
            let (file, got) = (lineage::GENESIS, version.hash);
            return Err(ParentError::Genesis { file, expected, got }.into());
        }
        self.keep(Head { version: 0, round: 0, model: version.hash }, version)
    }

    /// What a round's sum makes of the version before, if it opens these rows. It is not kept yet.
    pub(super) async fn next(
        &self,
        round: u64,
        before: Arc<Version>,
        sum: Sum,
        rows: Vec<G1Affine>,
    ) -> Result<Version, Error> {
        let (key, srs) = (self.facts.key.clone(), self.facts.srs.clone());
        #[cfg(test)]
        counts::sum();
        let next = blocking(move || {
            opens(&key, srs.g1(), &sum, &rows)?;
            Ok(Version::next(&before.parameters, &key, srs.g1(), &sum)?.0)
        });
        let next: Result<Version, VersionError> = next.await?;
        let next = next.map_err(|source| ParentError::Sum { round, source })?;
        #[cfg(test)]
        counts::model();
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
