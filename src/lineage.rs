//! Writes a lineage, file by file; each appears whole or not at all. What its files are, and how they
//! are read, is `zktrain_audit::lineage`.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use zktrain_commit::srs::Srs;
use zktrain_ledger::ChainExport;
use zktrain_ledger::files::{BatchFile, SubmissionFile};
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::trace::Parameters;
use zktrain_project::files::{self, Access};
use zktrain_project::project::write_json;
use zktrain_project::session::srs_error;
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::Plan;
use zktrain_statement::sum::Sum;
use zktrain_trainer::export::to_int_safetensors;

use crate::error::{Error, ProjectError};
use zktrain_audit::lineage::{self, CHAIN, GENESIS, GROTH16, Lineage, MANIFEST, SRS, encode_sum};

/// Writes a lineage into a directory.
#[derive(Clone, Debug)]
pub struct LineageWriter {
    dir: PathBuf,
}

/// What a settled round leaves.
#[derive(Clone, Copy, Debug)]
pub struct RoundFiles<'a> {
    /// The round as its coordinator signed it.
    pub plan: &'a Signed<Plan>,
    /// Submissions of the members whose updates are counted.
    pub submissions: &'a [SubmissionFile],
    /// The opened sum.
    pub sum: &'a Sum,
    /// What the coordinator proposed.
    pub batch: &'a BatchFile,
}

impl LineageWriter {
    /// Writes into this directory, which is made if it is not there.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn new(dir: &Path) -> Result<Self, Error> {
        files::create_folder(dir, Access::Public)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a file is, whose folder is made if it is not there.
    fn path(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        if let Some(folder) = path.parent() {
            files::create_folder(folder, Access::Public)?;
        }
        Ok(path)
    }

    fn bytes(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        Ok(files::write(&self.path(name)?, bytes, Access::Public)?)
    }

    /// The manifest, without comments.
    ///
    /// # Errors
    /// If the manifest has no TOML form or the operating system refuses.
    pub fn manifest(&self, manifest: &Manifest) -> Result<(), Error> {
        let path = self.path(MANIFEST)?;
        let refused = |source| {
            Error::Project(ProjectError::Manifest { path: path.clone(), source: Box::new(source) })
        };
        let text = manifest.to_toml().map_err(refused)?;
        Ok(files::write(&path, text.as_bytes(), Access::Public)?)
    }

    /// The first model.
    ///
    /// # Errors
    /// If it is not the network's or the operating system refuses.
    pub fn genesis(&self, network: &Network, model: &Parameters) -> Result<(), Error> {
        let path = self.path(GENESIS)?;
        let bytes = to_int_safetensors(network, model).map_err(|source| {
            Error::Project(ProjectError::Model { path: path.clone(), source: Box::new(source) })
        })?;
        Ok(files::write(&path, &bytes, Access::Public)?)
    }

    /// The reference string.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn srs(&self, srs: &Srs) -> Result<(), Error> {
        let path = self.path(SRS)?;
        Ok(srs.save(&path).map_err(|source| srs_error(&path, source))?)
    }

    /// The key of proofs in Groth16, as its file.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn groth16(&self, key: &[u8]) -> Result<(), Error> {
        self.bytes(GROTH16, key)
    }

    /// A member's registration, as its file.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn registration(&self, account: Address, registration: &[u8]) -> Result<(), Error> {
        self.bytes(&lineage::registration(account), registration)
    }

    /// A round's plan.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn plan(&self, plan: &Signed<Plan>) -> Result<(), Error> {
        Ok(write_json(&self.path(&lineage::plan(plan.body.round))?, plan)?)
    }

    /// What a member submitted.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn submission(&self, file: &SubmissionFile) -> Result<(), Error> {
        let submission = &file.signed.submission;
        let path = self.path(&lineage::submission(submission.round, submission.member))?;
        Ok(write_json(&path, file)?)
    }

    /// A round's sum.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn sum(&self, round: u64, sum: &Sum) -> Result<(), Error> {
        let path = self.path(&lineage::sum(round))?;
        let bytes = encode_sum(sum)
            .map_err(|source| Error::Sum { path: path.clone(), source: Box::new(source) })?;
        Ok(files::write(&path, &bytes, Access::Public)?)
    }

    /// What a coordinator proposed.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn batch(&self, batch: &BatchFile) -> Result<(), Error> {
        Ok(write_json(&self.path(&lineage::batch(batch.signed.batch.round))?, batch)?)
    }

    /// All of a settled round.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn round(&self, round: &RoundFiles<'_>) -> Result<(), Error> {
        self.plan(round.plan)?;
        round.submissions.iter().try_for_each(|submission| self.submission(submission))?;
        self.sum(round.plan.body.round, round.sum)?;
        self.batch(round.batch)
    }

    /// What the chain says about the domain.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn chain(&self, export: &ChainExport) -> Result<(), Error> {
        Ok(write_json(&self.path(CHAIN)?, export)?)
    }

    /// Packs the directory as it is now into a `.tar.gz`. The same files give the same bytes.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn archive(&self, to: &Path) -> Result<(), Error> {
        let file = |source| Error::Project(ProjectError::File { path: to.to_owned(), source });
        let lineage = Lineage::open(&self.dir)?;
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let mut archive = tar::Builder::new(encoder);
        for name in lineage.names() {
            let Some(bytes) = lineage.read(name)? else { continue };
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, bytes.as_slice()).map_err(file)?;
        }
        let bytes = archive.into_inner().and_then(|gz| gz.finish()).map_err(file)?;
        Ok(files::write(to, &bytes, Access::Public)?)
    }
}
