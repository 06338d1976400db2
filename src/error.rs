//! Why a command fails, and what to do about it.

mod hint;

use std::path::PathBuf;

use zktrain_audit::trust::{PinMismatch, Unpinned};
use zktrain_chain::ChainError;
use zktrain_chain::keystore::KeystoreError;
use zktrain_chain::protocol::ClientError;
use zktrain_commit::rows::CommitError;
use zktrain_commit::srs::SrsError;
use zktrain_devnet::EvmError;
use zktrain_devnet::NodeError;
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
use zktrain_trainer::replay::ReplayError;
use zktrain_trainer::train::TrainError;
use zktrain_verify::evm::EvmKeyError;
use zktrain_verify::groth16::Groth16Error;
use zktrain_verify::training::TrainingError;

use crate::commands::chain::ChainRefusal;
use crate::config::ConfigError;
use crate::limits::LimitError;
use crate::logging::LogError;
use crate::operator::OperatorError;
use crate::owner::{OtherPlan, OwnerError, ParentError, PlanError, RepeatError};
use crate::project::SettingsError;
use crate::secrets::SecretFault;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
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
    /// Standard output takes nothing; that somebody closed it is no error.
    #[error("standard output: {0}")]
    Output(#[source] std::io::Error),
    /// A result cannot be put into words or JSON; nothing of it was printed.
    #[error("the command did its work, but its result cannot be told: {0}")]
    Report(#[source] std::io::Error),
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
    /// Nobody could verify proofs for a manifest.
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
    /// Options that do not go together or are missing.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A data file is missing or malformed.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
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
    /// The data do not suit the model.
    #[error(transparent)]
    Draft(#[from] zktrain_trainer::DraftError),
    /// No fixed-point scales could be chosen.
    #[error(transparent)]
    Calibration(#[from] zktrain_trainer::CalibrationError),
    /// Training is refused.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The loss curve cannot be drawn.
    #[error(transparent)]
    Draw(#[from] zktrain_trainer::DrawError),
    /// More steps than the manifest's bounds allow.
    #[error("{got} steps; the manifest allows {expected} in one chain")]
    TooManySteps {
        /// Steps allowed.
        expected: usize,
        /// Steps asked for.
        got: usize,
    },
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
    Randomness(#[from] zktrain_commit::random::NoRandomness),
    /// A secret file is damaged or belongs to something else.
    #[error("{}: {source}", path.display())]
    Secret {
        path: PathBuf,
        /// What is wrong with it.
        source: SecretFault,
    },
    /// More proofs asked for than windows were trained.
    #[error("proof {got} is asked for; {expected} windows were trained")]
    NotTrained {
        /// Windows trained.
        expected: usize,
        /// The proof asked for.
        got: usize,
    },
    /// A proof to go on from that is not there.
    #[error("cannot continue at proof {got}: {expected} proofs are complete")]
    NotProven {
        /// Proofs that are complete.
        expected: usize,
        /// The proof asked for.
        got: usize,
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
    Registration { path: PathBuf, source: Box<zktrain_verify::dataset::DatasetProofError> },
    /// The registration belongs to someone else.
    #[error("{}: registered by 0x{got}; the round's prover is 0x{expected}", path.display())]
    Owner {
        path: PathBuf,
        /// The round's prover.
        expected: String,
        /// The registration's owner.
        got: String,
    },
    /// What was named is not what something was made with: it may hold, and nothing shows it.
    #[error(
        "{}: made under another manifest or reference string than the ones that it is checked with: \
         {}, whose fingerprint is {fingerprint}",
        path.display(), srs.display()
    )]
    OtherSpec {
        /// The registration or the proof.
        path: PathBuf,
        /// The reference string that was opened.
        srs: PathBuf,
        fingerprint: String,
    },
    /// A proof is rejected.
    #[error("{}: REJECTED: {source}", path.display())]
    Rejected {
        /// The proof.
        path: PathBuf,
        source: Box<TrainingError>,
    },
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
    /// The final model is not what the chain ends with.
    #[error("{}: row {row} is not what the chain of proofs ends with", path.display())]
    FinalModel {
        /// The model file.
        path: PathBuf,
        /// The first row that differs.
        row: usize,
    },
    /// The opening of the final model has the wrong length.
    #[error("{}: {got} blindings, expected {expected}", path.display())]
    Opening {
        /// The opening file.
        path: PathBuf,
        /// Rows of the model.
        expected: usize,
        /// Blindings found.
        got: usize,
    },
    /// The opening belongs to another number of proofs.
    #[error("{}: belongs to a chain of {got} proofs, there are {expected}", path.display())]
    OpeningProofs {
        /// The opening file.
        path: PathBuf,
        /// Proofs of the chain.
        expected: usize,
        /// Proofs that the opening speaks of.
        got: usize,
    },
    /// A number of files that must follow one another does not.
    #[error("{}: proof {expected} is missing from the chain", path.display())]
    Gap {
        /// The folder.
        path: PathBuf,
        /// The first missing position.
        expected: usize,
    },
    /// The program's own proof does not verify: a defect, or data that changed on the way.
    #[error("proof {index} was made but does not verify, and was not kept: {source}")]
    OwnProof {
        /// The proof's position.
        index: usize,
        source: Box<TrainingError>,
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
    /// Another root than the one that was asked for.
    #[error(transparent)]
    Pin(#[from] PinMismatch),
    /// Only pinned and known roots were asked for, and what was checked rests on others too.
    #[error(transparent)]
    Unpinned(#[from] Unpinned),
    /// A configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nothing can be logged.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An argument that cannot be read or cannot be.
    #[error("{why}")]
    Argument { why: String },
    /// The chain or a contract refuses.
    #[error(transparent)]
    Client(Box<ClientError>),
    /// What a command asks for is refused before the chain is asked.
    #[error(transparent)]
    Refusal(Box<ChainRefusal>),
    /// A keystore cannot be used.
    #[error(transparent)]
    Keystore(Box<KeystoreError>),
    /// An embedded chain cannot be opened.
    #[error(transparent)]
    Node(Box<NodeError>),
    /// Nothing is where the contracts should be.
    #[error(
        "there is no contract at {contract} on chain {chain}, where {} says that they are",
        path.display()
    )]
    NoContracts {
        /// The file that says where.
        path: PathBuf,
        contract: alloy::primitives::Address,
        /// The chain's id.
        chain: u64,
    },
    /// Contracts would be deployed where ether is money.
    #[error("chain {chain} is {name}, a main network: what is deployed there costs real money")]
    MainNetwork {
        /// The chain's id.
        chain: u64,
        /// What it is called.
        name: &'static str,
    },
    /// A submission or a batch is not what it should be.
    #[error("{}: {why}", path.display())]
    Submission {
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The project's manifest or reference string is not the domain's.
    #[error(
        "domain {domain} checks proofs with another key than this project's manifest and reference \
         string give"
    )]
    OtherDomain { domain: u64 },
    /// The model is not the one that the round starts from.
    #[error("the model's commitment is {got}; the round starts from {expected}")]
    ParentModel {
        /// The round's model.
        expected: String,
        /// This one.
        got: String,
    },
    /// The contracts cannot take a key.
    #[error(transparent)]
    EvmKey(#[from] EvmKeyError),
    /// The contracts refuse a key.
    #[error("the contracts refuse the {system} key: {source}")]
    ContractKey { system: ProofSystem, source: Box<EvmError> },
    /// The contracts reject a proof.
    #[error("proof {index}: REJECTED by the contracts: {source}")]
    Contract {
        /// The proof's position.
        index: usize,
        source: Box<EvmError>,
    },
    /// A Groth16 proof inside a proof cannot be decoded, or the key does not verify it.
    #[error("{}: {source}", path.display())]
    CircuitProof {
        path: PathBuf,
        /// What is wrong with it.
        source: Groth16Error,
    },
    /// A ceremony's file is refused.
    #[error("{}: {source}", path.display())]
    Ceremony {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A lineage cannot be read.
    #[error(transparent)]
    Lineage(#[from] Box<zktrain_audit::lineage::LineageError>),
    /// A sum cannot be written.
    #[error("{}: {source}", path.display())]
    Sum {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<zktrain_audit::lineage::SumError>,
    },
    /// An audit found what does not hold.
    #[error("the audit FAILED: {failures} of the checks do not hold; the first: {first}")]
    Audit {
        failures: usize,
        /// The first, with its place.
        first: String,
    },
    /// A tampered proof was accepted by the demonstration.
    #[error("the tampered proof was accepted")]
    TamperAccepted,
    /// Another process of this program failed.
    #[error("zktrain {command} failed:\n{said}")]
    Process {
        /// Its command line.
        command: String,
        /// What it said last.
        said: String,
    },
    /// A chain whose time goes by itself.
    #[error("{at} does not let its time be moved: {source}")]
    NoTestChain {
        /// The node.
        at: String,
        /// What it says.
        source: Box<ChainError>,
    },
    /// The thread that trains has stopped.
    #[error("the thread that trains and proves has stopped")]
    WorkerStopped,
    /// An owner cannot go on.
    #[error(transparent)]
    Member(#[from] Box<OwnerError>),
    /// A plan is not followed.
    #[error(transparent)]
    Plan(#[from] Box<PlanError>),
    /// A round's model does not follow from the versions before it.
    #[error(transparent)]
    Parent(#[from] Box<ParentError>),
    /// A round asks for an update that may be in another sum.
    #[error(transparent)]
    Repeat(#[from] RepeatError),
    /// The coordinator has two plans for one round.
    #[error(transparent)]
    OtherPlan(#[from] OtherPlan),
    /// The coordinator cannot be reached, or refuses.
    #[error(transparent)]
    Peer(Box<zktrain_wire::PeerError>),
    /// A backup cannot be made or restored.
    #[error(transparent)]
    Backup(Box<crate::commands::backup::BackupError>),
    /// A coordinator cannot go on.
    #[error(transparent)]
    Operator(#[from] Box<OperatorError>),
    /// Measuring failed.
    #[error(transparent)]
    Bench(#[from] Box<crate::bench::BenchError>),
    /// The accuracy table cannot be made.
    #[error(transparent)]
    Accuracy(#[from] Box<zktrain_trainer::accuracy::AccuracyError>),
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

impl From<OwnerError> for Error {
    fn from(error: OwnerError) -> Self {
        Self::Member(Box::new(error))
    }
}

impl From<ReplayError> for Error {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::NoWindow { expected, got } => Self::NoWindow { expected, got },
            ReplayError::Train(error) => Self::Train(error),
        }
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

impl From<ParentError> for Error {
    fn from(error: ParentError) -> Self {
        Self::Parent(Box::new(error))
    }
}

impl From<crate::commands::backup::BackupError> for Error {
    fn from(error: crate::commands::backup::BackupError) -> Self {
        Self::Backup(Box::new(error))
    }
}

impl From<OperatorError> for Error {
    fn from(error: OperatorError) -> Self {
        Self::Operator(Box::new(error))
    }
}

impl From<zktrain_wire::PeerError> for Error {
    fn from(error: zktrain_wire::PeerError) -> Self {
        Self::Peer(Box::new(error))
    }
}

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Self {
        ClientError::from(error).into()
    }
}

impl From<KeystoreError> for Error {
    fn from(error: KeystoreError) -> Self {
        Self::Keystore(Box::new(error))
    }
}

impl From<zktrain_audit::lineage::LineageError> for Error {
    fn from(error: zktrain_audit::lineage::LineageError) -> Self {
        Self::Lineage(Box::new(error))
    }
}

impl From<NodeError> for Error {
    fn from(error: NodeError) -> Self {
        Self::Node(Box::new(error))
    }
}

/// Options that do not go together or are missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// An option without which the command cannot do its work.
    #[error("{option} is required {when}")]
    Required {
        option: &'static str,
        /// In which case.
        when: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// An option about a chain of proofs, for proofs that are checked each on its own.
    #[error(
        "{option} is about a project's chain of proofs; single proofs are checked each on its own, \
         without it"
    )]
    OfChains { option: &'static str },
    /// A preset that does not exist.
    #[error("no preset is called {got:?}")]
    Preset {
        /// The name given.
        got: String,
    },
    /// A shape that does not fit the data.
    #[error("--shape says {got} {what}, the data have {expected}")]
    Shape {
        /// Inputs or outputs.
        what: &'static str,
        /// What the data have.
        expected: usize,
        /// What the option says.
        got: usize,
    },
    /// A value that cannot be read.
    #[error("{option}: expected {expected}, got {got:?}")]
    Value {
        option: &'static str,
        /// What is expected.
        expected: &'static str,
        got: String,
    },
}
