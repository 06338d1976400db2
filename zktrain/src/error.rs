//! One error for the whole way.

use std::path::PathBuf;

use zktrain_commit::random::NoRandomness;
use zktrain_commit::rows::CommitError;
use zktrain_commit::srs::SrsError;
use zktrain_model::manifest::ManifestError;
use zktrain_model::size::AdmitError;
use zktrain_prove::compress::CompressError;
use zktrain_prove::prove::ProveError;
use zktrain_statement::key::KeyError;
use zktrain_statement::wire::WireError;
use zktrain_trainer::dataset::DatasetError;
use zktrain_trainer::export::ExportError;
use zktrain_trainer::replay::ReplayError;
use zktrain_trainer::train::TrainError;
use zktrain_trainer::{CalibrationError, DraftError};
use zktrain_verify::dataset::DatasetProofError as RegistrationError;
use zktrain_verify::training::TrainingError;

/// What can be wrong between a file of data and a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifest is refused, or is a draft.
    #[error("the manifest: {0}")]
    Manifest(Box<ManifestError>),
    /// The manifest asks for more than [`Limits`](crate::Limits) allow, or for what nothing can be
    /// proven of.
    #[error(transparent)]
    Admit(Box<AdmitError>),
    /// The verifier cannot read the network's relations.
    #[error(transparent)]
    Key(Box<KeyError>),
    /// The data cannot be read, or do not suit the manifest.
    #[error(transparent)]
    Dataset(Box<DatasetError>),
    /// No manifest can be drafted for the public data.
    #[error(transparent)]
    Draft(Box<DraftError>),
    /// No fixed-point scales could be chosen.
    #[error(transparent)]
    Calibration(Box<CalibrationError>),
    /// The reference string is damaged, too short, or none.
    #[error("the reference string: {0}")]
    ReferenceString(Box<SrsError>),
    /// A size that no reference string has.
    #[error("a reference string of 2^{got} powers: at most 2^{most} are made")]
    Power {
        /// The largest logarithm.
        most: u32,
        /// The one asked for.
        got: u32,
    },
    /// The operating system gives no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The data were made for another manifest.
    #[error("the data have {got} {what} a row, the manifest has {expected}")]
    OtherData {
        /// Inputs or outputs.
        what: &'static str,
        /// What the manifest has.
        expected: usize,
        /// What the data have.
        got: usize,
    },
    /// The data have fewer rows than a window.
    #[error(
        "{got} rows do not fill one window of {expected}: use more data, a smaller batch or \
             fewer steps a proof"
    )]
    NoWindow {
        /// Rows of a window.
        expected: usize,
        /// Rows of the data.
        got: usize,
    },
    /// More steps than the manifest's bounds allow.
    #[error("{got} steps; the manifest allows {expected} in one chain")]
    TooManySteps {
        /// Steps allowed.
        expected: usize,
        /// Steps asked for.
        got: usize,
    },
    /// Training is refused.
    #[error(transparent)]
    Train(Box<TrainError>),
    /// Training cannot be repeated, for another reason than those above.
    #[error(transparent)]
    Replay(Box<ReplayError>),
    /// No proof can be made.
    #[error(transparent)]
    Prove(Box<ProveError>),
    /// A proof cannot be compressed.
    #[error(transparent)]
    Compress(Box<CompressError>),
    /// The Groth16 key is one of another circuit.
    #[error("the Groth16 key is for another circuit than this manifest's")]
    OtherGroth16Key,
    /// The first model is not within the manifest's bound.
    #[error("a parameter of the first model is {got}; the manifest bounds them by 2^{bits}")]
    Genesis {
        /// Bits allowed.
        bits: u32,
        /// The parameter.
        got: i32,
    },
    /// Parameters are not the network's, or cannot be read.
    #[error("{what}: {source}")]
    Model {
        /// Which model.
        what: &'static str,
        /// What is wrong with it.
        source: Box<ExportError>,
    },
    /// A file cannot be read or written.
    #[error("{path:?}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file is not of its kind, or of another manifest.
    #[error("{path:?}: {source}")]
    Wire {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<WireError>,
    },
    /// A proof is missing before others.
    #[error("{folder:?}: proof {expected} is missing, {got} is there; get all files of the chain")]
    Gap {
        /// Where proofs are.
        folder: PathBuf,
        /// The first number that is missing.
        expected: usize,
        /// The next one that is there.
        got: usize,
    },
    /// A file is there in both forms, zero-knowledge and not.
    #[error("{paths:?} are the same file in two forms; remove the one that is not meant")]
    Twice {
        /// Both.
        paths: Vec<PathBuf>,
    },
    /// A hash of a Groth16 key is pinned, and there is no key.
    #[error("a Groth16 key is pinned, but none was given to check proofs with")]
    NoGroth16Key,
    /// Nothing was proven, so there is nothing to verify.
    #[error("there is no proof: a chain has at least one")]
    NoProof,
    /// The registration does not hold.
    #[error("the registration is rejected: {0}")]
    Registration(Box<RegistrationError>),
    /// The registration is somebody else's.
    #[error(
        "the data are registered by {}, the chain is {}'s",
        hex::encode(got),
        hex::encode(expected)
    )]
    Owner {
        /// The chain's prover.
        expected: [u8; 20],
        /// The registration's owner.
        got: [u8; 20],
    },
    /// A proof or the chain does not hold.
    #[error("the chain is rejected: {0}")]
    Rejected(Box<TrainingError>),
    /// A root is another one than the one that was pinned.
    #[error("the {root} is {got}, not {expected} as was pinned")]
    Pin {
        /// Which root.
        root: &'static str,
        /// The pinned value.
        expected: String,
        /// The value that is there.
        got: String,
    },
    /// A verdict rests on roots that nobody has named.
    #[error("this rests on roots that came with the proofs: {roots}")]
    Unpinned {
        /// Their names.
        roots: String,
    },
    /// A model is not what the chain ends with.
    #[error("row {row} of the model is not what the chain of proofs ends with")]
    OtherModel {
        /// The first row that differs.
        row: usize,
    },
}

/// Large sources are boxed, so that a result stays small.
macro_rules! boxed {
    ($($source:ty => $variant:ident;)*) => {$(
        impl From<$source> for Error {
            fn from(error: $source) -> Self {
                Self::$variant(Box::new(error))
            }
        }
    )*};
}
boxed! {
    ManifestError => Manifest;
    AdmitError => Admit;
    KeyError => Key;
    DatasetError => Dataset;
    DraftError => Draft;
    CalibrationError => Calibration;
    SrsError => ReferenceString;
    TrainError => Train;
    ProveError => Prove;
    CompressError => Compress;
    RegistrationError => Registration;
    TrainingError => Rejected;
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        ProveError::from(error).into()
    }
}

impl From<ReplayError> for Error {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::NoWindow { expected, got } => Self::NoWindow { expected, got },
            ReplayError::Train(error) => error.into(),
            other => Self::Replay(Box::new(other)),
        }
    }
}
