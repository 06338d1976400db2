//! Why a project cannot be worked on.

use std::path::PathBuf;

use zktrain_commit::random::NoRandomness;
use zktrain_commit::rows::CommitError;
use zktrain_commit::srs::SrsError;
use zktrain_model::certificate::Uncertified;
use zktrain_model::manifest::ManifestError;
use zktrain_model::size::AdmitError;
use zktrain_prove::compress::CompressError;
use zktrain_prove::prove::ProveError;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::KeyError;
use zktrain_statement::wire::WireError;
use zktrain_trainer::dataset::DatasetError;
use zktrain_trainer::export::ExportError;
use zktrain_verify::dataset::DatasetProofError;
use zktrain_verify::evm::EvmKeyError;

use crate::limits::LimitError;
use crate::project::SettingsError;
use crate::secrets::SecretFault;

/// Why a project cannot be worked on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A file is larger than one of its kind can be.
    #[error("{}: larger than {most} bytes, which no file of its kind is", path.display())]
    FileTooLarge {
        path: PathBuf,
        /// Bytes that are read at most.
        most: u64,
    },
    /// A file that an earlier command makes.
    #[error("{} is missing", path.display())]
    Missing {
        path: PathBuf,
        /// What to do about it.
        hint: &'static str,
    },
    /// Something is already where something else would be written.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file found.
        path: PathBuf,
        /// What to do about it.
        hint: &'static str,
    },
    /// Another process works on the same project.
    #[error("another process holds {}", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// Files of a project are some of them old and some of them new.
    #[error("{}: a replacement of the project's files was interrupted, or is under way", path.display())]
    Replacing {
        /// Where the new or the old ones are.
        path: PathBuf,
    },
    /// The manifest is refused.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The field and what is wrong with it.
        source: Box<ManifestError>,
    },
    /// The relations of a manifest are larger than this machine's limits.
    #[error("{}: {source}", path.display())]
    Admit {
        /// The manifest.
        path: PathBuf,
        /// What is too large, or cannot be written.
        source: AdmitError,
    },
    /// No verifier could read proofs for a manifest.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What the verifier cannot read.
        source: KeyError,
    },
    /// A limit is not a number.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A manifest's relation is not shown to have the one solution that it should have.
    #[error("{}: its proofs would not convince: {source}", path.display())]
    Uncertified {
        /// The manifest.
        path: PathBuf,
        /// What could not be shown.
        source: Box<Uncertified>,
    },
    /// A settings file is refused.
    #[error("{}: {source}", path.display())]
    Settings {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<SettingsError>,
    },
    /// A data file is missing or malformed.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Data in a format that keeps labels in a file of their own, of which none is named.
    #[error("--labels is required with NPY and IDX data")]
    NoLabels,
    /// The data have fewer rows than one window.
    #[error("{got} rows for training do not fill one window of {expected}")]
    NoWindow {
        /// Samples of a window.
        expected: usize,
        /// Samples there are.
        got: usize,
    },
    /// The data differ from what was registered.
    #[error("the data are not those that were registered")]
    DataChanged,
    /// A parameter file is refused.
    #[error("{}: {source}", path.display())]
    Model {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ExportError>,
    },
    /// A file of parameters is of another kind.
    #[error("{}: looks like {looks}; expected a safetensors file", path.display())]
    NoModel {
        path: PathBuf,
        /// What its first bytes are those of.
        looks: &'static str,
    },
    /// A reference string is refused.
    #[error("{}: {source}", path.display())]
    Srs {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<SrsError>,
    },
    /// Proving failed.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// Rows cannot be committed to.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The operating system gives no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A secret file is damaged or belongs to something else.
    #[error("{}: {source}", path.display())]
    Secret {
        path: PathBuf,
        /// What is wrong with it.
        source: SecretFault,
    },
    /// A proof file cannot be decoded.
    #[error("{}: {source}", path.display())]
    Wire {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<WireError>,
    },
    /// A registration is rejected.
    #[error("{}: registration REJECTED: {source}", path.display())]
    Registration { path: PathBuf, source: Box<DatasetProofError> },
    /// The first model is not within the manifest's bound.
    #[error("{}: a parameter is {got}; the manifest bounds initial parameters by 2^{bits}", path.display())]
    GenesisRange {
        /// The model file.
        path: PathBuf,
        /// Bits allowed.
        bits: u32,
        /// The parameter.
        got: i32,
    },
    /// A proof cannot be compressed.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// There is no circuit key for a system.
    #[error("there is no {system} key")]
    NoCircuitKey { system: ProofSystem },
    /// A Groth16 key is damaged.
    #[error("{}: {source}", path.display())]
    Groth16Key {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A circuit key of another manifest.
    #[error("{}: not the key of this manifest and reference string", path.display())]
    OtherKey { path: PathBuf },
    /// The contracts cannot take a key.
    #[error(transparent)]
    EvmKey(#[from] EvmKeyError),
}

/// Makes errors that a project has too into those of a program that opens projects, as its
/// `Error::Project`: one place for each.
///
/// ```
/// use zktrain_commit::random::NoRandomness;
///
/// enum Mine {
///     Project(zktrain_project::Error),
/// }
/// zktrain_project::of_projects!(Mine; NoRandomness);
/// let Mine::Project(error) = NoRandomness.into();
/// assert_eq!(error.to_string(), NoRandomness.to_string());
/// ```
#[macro_export]
macro_rules! of_projects {
    ($program:ty; $($error:ty),* $(,)?) => {
        $(impl From<$error> for $program {
            fn from(error: $error) -> Self {
                Self::Project(error.into())
            }
        })*
    };
}
