//! Why a round cannot be taken part in.

use zktrain_chain::ChainError;
use zktrain_chain::protocol::ClientError;
use zktrain_commit::random::NoRandomness;
use zktrain_commit::rows::CommitError;
use zktrain_prove::compress::CompressError;
use zktrain_prove::prove::ProveError;
use zktrain_trainer::train::TrainError;
use zktrain_verify::training::TrainingError;
use zktrain_wire::PeerError;

use crate::{OtherPlan, OwnerError, ParentError, PlanError, RepeatError};

/// Why a round cannot be taken part in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The owner cannot go on.
    #[error(transparent)]
    Owner(#[from] Box<OwnerError>),
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
    /// The project's manifest or reference string is not the domain's.
    #[error(
        "domain {domain} checks proofs with another key than this project's manifest and reference \
         string give"
    )]
    OtherDomain { domain: u64 },
    /// The model is not the one that the round starts from.
    #[error("the model's commitment is {got}; the round starts from {expected}")]
    ParentModel {
        /// The round's model, `keccak256` of its row commitments in hexadecimal.
        expected: String,
        /// This one.
        got: String,
    },
    /// Training is refused.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The program's own proof does not verify: a defect, or data that changed on the way.
    #[error("the round's proof was made but does not verify, and was not kept: {0}")]
    OwnProof(#[source] Box<TrainingError>),
    /// The thread that trains has stopped.
    #[error("the thread that trains and proves has stopped")]
    WorkerStopped,
    /// The thread that trains cannot be started.
    #[error("the thread that trains and proves cannot be started: {0}")]
    NoWorker(#[source] std::io::Error),
    /// The project cannot be worked on.
    #[error(transparent)]
    Project(#[from] zktrain_project::Error),
    /// The chain or a contract refuses.
    #[error(transparent)]
    Client(Box<ClientError>),
    /// The coordinator cannot be reached, or refuses.
    #[error(transparent)]
    Peer(Box<PeerError>),
}

/// Errors that are kept in a box, as they are large.
macro_rules! boxed {
    ($($error:ty => $variant:ident),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })*
    };
}

boxed!(
    OwnerError => Owner,
    PlanError => Plan,
    ParentError => Parent,
    ClientError => Client,
    PeerError => Peer,
);

zktrain_project::of_projects!(Error; CommitError, CompressError, NoRandomness, ProveError);

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Self {
        ClientError::from(error).into()
    }
}
