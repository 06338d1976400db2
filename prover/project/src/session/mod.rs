//! A project opened for work: manifest, network, reference string, key.

mod model;
mod rules;

use std::path::Path;

use zktrain_commit::random::{Label, Randomness};
use zktrain_commit::srs::{CheckedSrs, Srs, SrsError, SrsFile};
use zktrain_model::certificate::{Certificate, certify_dataset, certify_training};
use zktrain_model::compile::compile_dataset;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::size::Bounded;
use zktrain_prove::halo2::{power, powers};
use zktrain_prove::prove::ProveError;
use zktrain_prove::training::derive_key;
use zktrain_statement::key::{TrainingKey, check_readable};

use crate::cache::Cache;
use crate::error::Error;
use crate::files;
use crate::limits;
use crate::notices::Notices;
use crate::project::{Project, exists};
pub use model::{check_first, model_error, read_genesis, read_model};
pub use rules::Rules;

/// Powers that nearly every circuit makes do with, as a logarithm.
pub const CIRCUIT_POWER: u32 = 14;

/// What everyone who proves or verifies needs.
///
/// ```
/// use zktrain_commit::random::{Label, Randomness};
/// use zktrain_commit::srs::Srs;
/// use zktrain_project::cache::Cache;
/// use zktrain_project::session::{Session, open_srs};
/// # struct Silent;
/// # impl zktrain_project::Notices for Silent {
/// #     fn say(&self, _: &str) {}
/// #     fn warn(&self, _: &str) {}
/// # }
///
/// let (folder, manifest) = (tempfile::tempdir()?, "../../circuits/model/tests/manifest.toml");
/// let path = folder.path().join("srs.bin");
/// Srs::generate_g1(10, &mut Randomness::fresh(Label::ReferenceString)?).save(&path)?;
/// let session = Session::of_srs(manifest.as_ref(), open_srs(&path)?, Cache::none(), &Silent)?;
/// assert_eq!(session.key.kzg, session.srs.verifier_key());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    pub manifest: Manifest,
    /// The reference string, as far as the manifest's rows need it.
    pub srs: CheckedSrs,
    /// The file that it is from, opened once; circuits may need more of it.
    pub srs_file: SrsFile,
    /// What need not be computed again.
    pub cache: Cache,
    /// The key derived from both.
    pub key: TrainingKey,
}

impl Session {
    /// Derives the key from a manifest and the reference string in a file, which is checked.
    ///
    /// # Errors
    /// If the manifest is a draft or the reference string missing, damaged, short, or none.
    pub fn open(
        manifest_path: &Path,
        srs_path: &Path,
        notices: &dyn Notices,
    ) -> Result<Self, Error> {
        Self::of_srs(manifest_path, open_srs(srs_path)?, Cache::of_user(), notices)
    }

    /// As [`Self::open`], with a file that is open already and a cache, or none.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_srs(
        manifest_path: &Path,
        srs_file: SrsFile,
        cache: Cache,
        notices: &dyn Notices,
    ) -> Result<Self, Error> {
        Ok(Self::derived(read_network(manifest_path)?, srs_file, cache)?.warned(notices))
    }

    fn derived(
        (manifest, network): (Manifest, Bounded),
        srs_file: SrsFile,
        cache: Cache,
    ) -> Result<Self, Error> {
        let srs = check_prefix(&srs_file, 1 << network.row_log, &cache)?;
        let key = derive_key(manifest.hash(), network, &srs)?;
        Ok(Self { manifest, srs, srs_file, cache, key })
    }

    fn warned(self, notices: &dyn Notices) -> Self {
        if self.srs.claims_insecure() {
            warn_insecure(self.srs_file.path(), notices);
        }
        self
    }

    /// As much of the string as a circuit of `2^log` rows takes, checked.
    ///
    /// # Errors
    /// If the file is damaged or short, or its points are no string.
    pub fn longer_srs(&self, log: u32) -> Result<CheckedSrs, Error> {
        check_prefix(&self.srs_file, powers(log), &self.cache)
    }

    /// All of the string, checked.
    ///
    /// # Errors
    /// As [`Self::longer_srs`].
    pub fn whole_srs(&self) -> Result<CheckedSrs, Error> {
        let whole = self.srs_file.whole().and_then(|srs| srs.check_with(&self.cache));
        whole.map_err(|source| srs_error(self.srs_file.path(), source))
    }

    /// Opens the owner's project. Where its settings name no reference string of its
    /// own, one is generated, which is insecure; but never once data are registered
    /// under one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_project(project: &Project, notices: &dyn Notices) -> Result<Self, Error> {
        Self::of_project_with(project, Cache::of_user(), notices)
    }

    /// As [`Self::of_project`], with a cache, or none.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_project_with(
        project: &Project,
        cache: Cache,
        notices: &dyn Notices,
    ) -> Result<Self, Error> {
        Ok(Self::of_own_srs(project, cache, notices)?.warned(notices))
    }

    /// As [`Self::of_project`], for what proves nothing to anybody: of a reference string that convinces
    /// nobody there is nothing to say yet.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn to_train(project: &Project, notices: &dyn Notices) -> Result<Self, Error> {
        Self::of_own_srs(project, Cache::of_user(), notices)
    }

    fn of_own_srs(project: &Project, cache: Cache, notices: &dyn Notices) -> Result<Self, Error> {
        let read = read_network(&project.manifest_path())?;
        let srs_file = project_srs(project, &read.1, notices)?;
        Self::derived(read, srs_file, cache)
    }

    /// Opens the files that a verifier has: those named, else those of a project. An
    /// auditor has no settings of the owner's.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_files(
        project: &Project,
        manifest: Option<&Path>,
        srs: Option<&Path>,
        notices: &dyn Notices,
    ) -> Result<Self, Error> {
        Self::of_files_with(project, manifest, srs, Cache::of_user(), notices)
    }

    /// As [`Self::of_files`], with a cache, or none.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_files_with(
        project: &Project,
        manifest: Option<&Path>,
        srs: Option<&Path>,
        cache: Cache,
        notices: &dyn Notices,
    ) -> Result<Self, Error> {
        let manifest = manifest.map_or_else(|| project.manifest_path(), Path::to_owned);
        let own = || project.local().map(|local| project.resolve(&local.srs)).ok();
        let srs = srs.map(Path::to_owned).or_else(own);
        let srs = open_srs(&srs.unwrap_or_else(|| project.default_srs_path()))?;
        Self::of_srs(&manifest, srs, cache, notices)
    }

    pub fn network(&self) -> &Network {
        &self.key.network
    }

    /// Computes the certificates of the manifest's relations: what others are asked to train on and
    /// to pay for.
    ///
    /// # Errors
    /// If something could not be shown.
    pub fn certify(&self, manifest_path: &Path) -> Result<Certificate, Error> {
        let network = &self.key.network;
        let (dataset, ids) = compile_dataset(network, 1).map_err(ProveError::from)?;
        certify_dataset(network, &dataset, &ids)
            .and_then(|()| certify_training(network, &self.key.relation, &self.key.ids))
            .map_err(|source| Error::Uncertified {
                path: manifest_path.to_owned(),
                source: Box::new(source),
            })
    }
}

/// A manifest with its network, which is within this machine's limits, and whose proofs can be
/// verified.
///
/// # Errors
/// If the manifest is missing, refused or a draft, or its relations are too large, or not such that
/// the verifier can read them.
pub fn read_network(path: &Path) -> Result<(Manifest, Bounded), Error> {
    let manifest = crate::project::read_manifest(path)?;
    let refused = |source| Error::Manifest { path: path.to_owned(), source: Box::new(source) };
    let network = manifest.network().map_err(refused)?;
    let refused = |source| Error::Admit { path: path.to_owned(), source };
    let network = limits::of_environment()?.admit(network).map_err(refused)?;
    let refused = |source| Error::Unreadable { path: path.to_owned(), source };
    check_readable(&network).map_err(refused)?;
    Ok((manifest, network))
}

/// Opens the file of a reference string.
///
/// # Errors
/// If it is missing or of another format.
pub fn open_srs(path: &Path) -> Result<SrsFile, Error> {
    exists(path, "name the reference string that the proofs were made with: `--srs FILE`")?;
    SrsFile::open(path).map_err(|source| srs_error(path, source))
}

fn check_prefix(file: &SrsFile, powers: usize, cache: &Cache) -> Result<CheckedSrs, Error> {
    let checked = file.prefix(powers).and_then(|srs| srs.check_with(cache));
    checked.map_err(|source| srs_error(file.path(), source))
}

/// The string of the owner's project, generated where it may be.
fn project_srs(
    project: &Project,
    network: &Bounded,
    notices: &dyn Notices,
) -> Result<SrsFile, Error> {
    let path = project.resolve(&project.local()?.srs);
    let own = path == project.default_srs_path() && !files::is_there(&project.dataset_path())?;
    if own && !files::is_there(&path)? {
        let power = power(network).max(CIRCUIT_POWER);
        notices.say(&format!("generating a reference string of 2^{power} powers"));
        let srs = Srs::generate_g1(power, &mut Randomness::fresh(Label::ReferenceString)?).check();
        let srs = srs.map_err(|source| srs_error(&path, source))?;
        srs.save(&path).map_err(|source| srs_error(&path, source))?;
    }
    open_srs(&path)
}

/// Says that a reference string convinces nobody: by its own account, which nobody has a reason
/// to forge.
pub fn warn_insecure(path: &Path, notices: &dyn Notices) {
    notices.warn(&format!(
        "the reference string {} is INSECURE: it was generated on one machine, and the party \
         that ran that could forge any proof. For tests and demonstrations only; import a public \
         ceremony's with `zktrain srs import`.",
        path.display()
    ));
}

/// An error about a reference string.
pub fn srs_error(path: &Path, source: SrsError) -> Error {
    Error::Srs { path: path.to_owned(), source: Box::new(source) }
}
