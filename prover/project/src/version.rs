//! How a version of the model follows from the one before it: the one place for the coordinator, which computes
//! it, owners, who train on it, and auditors.

use alloy_primitives::B256;
use ark_bn254::G1Affine;
use zktrain_commit::average::{AverageError, average, commit_sum};
use zktrain_commit::rows::CommitError;
use zktrain_commit::srs::Powers;
use zktrain_model::trace::Parameters;
use zktrain_prove::training::commit_model;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::sum::Sum;

use zktrain_verify::round::rows_hash;

#[cfg(any(test, feature = "testing"))]
pub mod counts;

/// Why a sum makes no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// Not a sum of this network.
    #[error(transparent)]
    Average(#[from] AverageError),
    /// The model does not fit the rows.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It does not open the weighted sum of the proven updates.
    #[error("row {row} does not open the aggregate")]
    Row {
        /// The first row that it does not open.
        row: usize,
    },
}

/// A version of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The integers.
    pub parameters: Parameters,
    /// Row commitments, blinding zero.
    pub rows: Vec<G1Affine>,
    /// `keccak256` of them: what the chain knows it by.
    pub hash: B256,
}

impl Version {
    /// Commits to parameters.
    ///
    /// # Errors
    /// If they are not the network's.
    pub fn new(
        key: &TrainingKey,
        g1: Powers<'_>,
        parameters: Parameters,
    ) -> Result<Self, CommitError> {
        let rows = commit_model(key, g1, &parameters)?.points;
        let hash = B256::from(rows_hash(&rows));
        Ok(Self { parameters, rows, hash })
    }

    /// The version after this one: moved by the rounded sum. Also how many parameters were clamped.
    ///
    /// # Errors
    /// If the sum is not of this network, or too large.
    pub fn next(
        parent: &Parameters,
        key: &TrainingKey,
        g1: Powers<'_>,
        sum: &Sum,
    ) -> Result<(Self, usize), VersionError> {
        let average = average(&key.network, parent, sum)?;
        Ok((Self::new(key, g1, average.next)?, average.clamped))
    }
}

/// Checks that a sum opens an aggregate, row by row.
///
/// # Errors
/// If it is not of this network, or the first row that it does not open.
pub fn opens(
    key: &TrainingKey,
    g1: Powers<'_>,
    sum: &Sum,
    aggregate: &[G1Affine],
) -> Result<(), VersionError> {
    let opened = commit_sum(key, g1, sum)?;
    let differs = opened.iter().zip(aggregate).position(|(a, b)| a != b);
    match differs {
        Some(row) => Err(VersionError::Row { row }),
        None if opened.len() == aggregate.len() => Ok(()),
        None => Err(VersionError::Row { row: opened.len().min(aggregate.len()) }),
    }
}
