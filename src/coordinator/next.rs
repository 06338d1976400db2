//! What a round makes of the model before it.
//!
//! A round's sum and its model are committed to here, and once: when the sum is checked. Its proposal is
//! made of what came of that, which [`Pending`](super::Pending) keeps; a coordinator that was started anew
//! in between computes it again.

use std::collections::BTreeMap;

use alloy::primitives::Address;
use ark_bn254::G1Affine;
use zktrain_model::trace::Parameters;
use zktrain_project::session::Session;
use zktrain_project::version::{Version, VersionError, opens};
use zktrain_statement::sum::Sum;
use zktrain_verify::aggregate::weighted_rows;
use zktrain_verify::training::TrainingError;

use super::CoordinatorError;
use super::models::Model;
use super::propose::Counted;
use crate::error::Error;

/// What a round ended with.
#[derive(Clone, PartialEq, Eq)]
pub struct SummedRound {
    /// The round.
    pub round: u64,
    /// Weight and row commitments of each update that is in the sum.
    pub updates: BTreeMap<Address, (u32, Vec<G1Affine>)>,
    /// The opened sum.
    pub sum: Sum,
}

impl SummedRound {
    /// Of members whose submissions hold.
    pub fn new(round: u64, counted: &[Counted], sum: Sum) -> Self {
        let update = |c: &Counted| (c.account(), (c.weight, c.statement.update.clone()));
        Self { round, updates: counted.iter().map(update).collect(), sum }
    }
}

/// The next model, and what the sum is held against. Committed to once, in [`NextModel::new`].
#[derive(Clone, Debug)]
pub struct NextModel {
    /// The next version.
    pub model: Model,
    /// Row commitments of the sum.
    pub aggregate: Vec<G1Affine>,
}

/// Why there is no next model.
#[derive(Debug, thiserror::Error)]
pub enum NextModelError {
    /// The proven updates have different numbers of rows.
    #[error("the updates: {0}")]
    Rows(#[source] TrainingError),
    /// The sum does not open the weighted sum of the proven updates.
    #[error("the sum: {0}")]
    Sum(#[source] VersionError),
    /// The sum is right, and gives no model.
    #[error("the next model: {0}")]
    Version(#[source] VersionError),
    /// The next model has no encoding.
    #[error("the next model: {0}")]
    Model(#[source] Box<Error>),
}

impl From<NextModelError> for Error {
    fn from(error: NextModelError) -> Self {
        match error {
            NextModelError::Sum(error) | NextModelError::Version(error) => {
                CoordinatorError::from(error).into()
            }
            NextModelError::Rows(error) => CoordinatorError::Rows(error).into(),
            NextModelError::Model(error) => *error,
        }
    }
}

impl NextModel {
    /// Checks the sum against the commitments of proven updates, and moves the model by it.
    ///
    /// # Errors
    /// If the sum does not open the sum of commitments, or gives no model.
    pub fn new(
        session: &Session,
        parent: &Parameters,
        given: &SummedRound,
    ) -> Result<Self, NextModelError> {
        let (key, g1) = (&session.key, session.srs.g1());
        let updates = given.updates.values().map(|(weight, rows)| (*weight, rows.as_slice()));
        let aggregate = weighted_rows(&updates.collect::<Vec<_>>());
        let aggregate = aggregate.map_err(NextModelError::Rows)?;
        #[cfg(test)]
        zktrain_project::version::counts::sum();
        opens(key, g1, &given.sum, &aggregate).map_err(NextModelError::Sum)?;
        #[cfg(test)]
        zktrain_project::version::counts::model();
        let next = Version::next(parent, key, g1, &given.sum);
        let (version, _) = next.map_err(NextModelError::Version)?;
        let model = Model::of(session, version).map_err(|e| NextModelError::Model(Box::new(e)))?;
        Ok(Self { model, aggregate })
    }
}

#[cfg(test)]
mod tests;
