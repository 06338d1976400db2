//! Why a command fails, and what to do about it.

mod from;
mod hint;
mod options;

use std::path::PathBuf;

use zktrain_audit::trust::{PinMismatch, Unpinned};
use zktrain_chain::ChainError;
use zktrain_chain::keystore::KeystoreError;
use zktrain_chain::protocol::ClientError;
use zktrain_devnet::EvmError;
use zktrain_devnet::NodeError;
pub use zktrain_project::Error as ProjectError;
use zktrain_statement::compressed::ProofSystem;
use zktrain_trainer::train::TrainError;
use zktrain_verify::groth16::Groth16Error;
use zktrain_verify::training::TrainingError;

use crate::commands::chain::ChainRefusal;
use crate::config::ConfigError;
use crate::coordinator::CoordinatorError;
use crate::logging::LogError;

pub use options::OptionsError;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A project cannot be worked on.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Standard output takes nothing; that somebody closed it is no error.
    #[error("standard output: {0}")]
    Output(#[source] std::io::Error),
    /// A result cannot be put into words or JSON; nothing of it was printed.
    #[error("the command did its work, but its result cannot be told: {0}")]
    Report(#[source] std::io::Error),
    /// Options that do not go together or are missing.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The data do not suit the model.
    #[error(transparent)]
    Draft(#[from] zktrain_trainer::DraftError),
    /// No fixed-point scales could be chosen.
    #[error(transparent)]
    Calibration(#[from] zktrain_trainer::CalibrationError),
    /// Training is refused.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Training cannot be repeated, for another reason than those above.
    #[error(transparent)]
    Replay(Box<zktrain_trainer::replay::ReplayError>),
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
    Member(Box<zktrain_member::Error>),
    /// The coordinator cannot be reached, or refuses.
    #[error(transparent)]
    Peer(Box<zktrain_wire::PeerError>),
    /// A backup cannot be made or restored.
    #[error(transparent)]
    Backup(Box<crate::commands::backup::BackupError>),
    /// A coordinator cannot go on.
    #[error(transparent)]
    Coordinator(#[from] Box<CoordinatorError>),
    /// Measuring failed.
    #[error(transparent)]
    Bench(#[from] Box<crate::bench::BenchError>),
    /// The accuracy table cannot be made.
    #[error(transparent)]
    Accuracy(#[from] Box<zktrain_trainer::accuracy::AccuracyError>),
}
