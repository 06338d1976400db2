//! What other crates say, as this program's errors.

use zktrain_chain::ChainError;
use zktrain_chain::keystore::KeystoreError;
use zktrain_chain::protocol::ClientError;
use zktrain_commit::random::NoRandomness;
use zktrain_commit::rows::CommitError;
use zktrain_devnet::NodeError;
use zktrain_project::limits::LimitError;
use zktrain_prove::compress::CompressError;
use zktrain_prove::prove::ProveError;
use zktrain_trainer::dataset::DatasetError;
use zktrain_trainer::replay::ReplayError;
use zktrain_verify::evm::EvmKeyError;

use super::{Error, ProjectError};
use crate::coordinator::CoordinatorError;

zktrain_project::of_projects!(
    Error;
    CommitError,
    CompressError,
    DatasetError,
    EvmKeyError,
    LimitError,
    NoRandomness,
    ProveError,
);

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

impl From<zktrain_member::Error> for Error {
    /// What this program says as well is said the same way.
    fn from(error: zktrain_member::Error) -> Self {
        use zktrain_member::Error as Member;
        match error {
            Member::Project(error) => Self::Project(error),
            Member::Client(error) => Self::Client(error),
            Member::Peer(error) => Self::Peer(error),
            Member::Train(error) => Self::Train(error),
            Member::OtherDomain { domain } => Self::OtherDomain { domain },
            Member::ParentModel { expected, got } => Self::ParentModel { expected, got },
            Member::WorkerStopped => Self::WorkerStopped,
            other => Self::Member(Box::new(other)),
        }
    }
}

impl From<ReplayError> for Error {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::NoWindow { expected, got } => {
                Self::Project(ProjectError::NoWindow { expected, got })
            }
            ReplayError::Train(error) => Self::Train(error),
            other => Self::Replay(Box::new(other)),
        }
    }
}

impl From<crate::commands::backup::BackupError> for Error {
    fn from(error: crate::commands::backup::BackupError) -> Self {
        Self::Backup(Box::new(error))
    }
}

impl From<CoordinatorError> for Error {
    fn from(error: CoordinatorError) -> Self {
        Self::Coordinator(Box::new(error))
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
