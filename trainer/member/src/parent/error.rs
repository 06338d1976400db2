//! Why a round's model is not trained on.

use alloy::primitives::{Address, B256};
use zktrain_audit::submission::SubmissionError;
use zktrain_project::version::VersionError;
use zktrain_verify::training::TrainingError;

/// Why a round's model is not trained on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParentError {
    /// The round starts from something else than the domain's last version.
    #[error("the round starts from {got}, the domain's last version is {expected}")]
    Head {
        /// The last version.
        expected: B256,
        /// What the round starts from.
        got: B256,
    },
    /// The coordinator does not offer a file without which a version cannot be recomputed.
    #[error("the coordinator does not offer {file}, so that the model cannot be recomputed")]
    Withheld { file: String },
    /// The file of the first model holds another model than the domain began with.
    #[error("{file}: the model {got}; the domain began with {expected}")]
    Genesis {
        file: &'static str,
        /// The first model, as the chain has it.
        expected: B256,
        /// The file's.
        got: B256,
    },
    /// A file is not what it has to be.
    #[error("{file}: {why}")]
    File {
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// What the node says of a round is not what the contracts have hashes of.
    #[error("round {round}: the chain's {field} is another than its node tells")]
    Chain { round: u64, field: &'static str },
    /// The owner was told something else at the round's end than what was settled then.
    #[error("round {round}: the coordinator told of another {field} than it settled")]
    OtherOutcome { round: u64, field: &'static str },
    /// A delivery is no honest work of its member.
    #[error("round {round}: the delivery of {account}: {why}")]
    Delivery {
        round: u64,
        /// The member.
        account: Address,
        /// What is wrong with it.
        why: SubmissionError,
    },
    /// Deliveries do not have the same number of rows, so that they have no sum.
    #[error("round {round}: the deliveries have no sum: {source}")]
    Rows {
        round: u64,
        /// Which number differs.
        #[source]
        source: TrainingError,
    },
    /// The weighted sum of the deliveries' commitments is not what was settled.
    #[error("round {round}: the aggregate is not the weighted sum of what was delivered")]
    Aggregate { round: u64 },
    /// The published sum is not the sum of the deliveries.
    #[error("round {round}: the sum: {source}")]
    Sum {
        round: u64,
        /// What is wrong with it.
        #[source]
        source: VersionError,
    },
    /// The model that was settled does not follow from the sum: it was planted.
    #[error(
        "round {round}: the model {got} was settled, which is PLANTED: the sum of the round gives \
         {expected}"
    )]
    Planted {
        round: u64,
        /// What follows from the sum.
        expected: B256,
        /// What was settled.
        got: B256,
    },
}
