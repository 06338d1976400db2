//! All measures of a history at once.

use super::churn::Churn;
use super::concentration::Diversity;
use super::history::MetricsHistory;
use super::integrity::{Poisoning, ProvenanceDepth, Slashing};
use super::latency::Latency;
use super::velocity::Epoch;

/// All measures of a history. What is `None` is not defined: nothing has happened that it could be
/// measured on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// Over how many of the last rounds those go that go over the last rounds.
    pub last: usize,
    /// [`MetricsHistory::diversity`] of the last rounds.
    pub diversity: Option<Diversity>,
    /// [`MetricsHistory::rewards_gini`].
    pub rewards_gini: Option<f64>,
    /// [`MetricsHistory::stake_gini`].
    pub stake_gini: Option<f64>,
    /// [`MetricsHistory::churn`] around the last rounds.
    pub churn: Churn,
    /// The last of [`MetricsHistory::epochs`].
    pub epoch: Option<Epoch>,
    /// [`MetricsHistory::provenance`].
    pub provenance: ProvenanceDepth,
    /// [`MetricsHistory::verification_latency`].
    pub verification: Option<Latency>,
    /// [`MetricsHistory::settlement_latency`] of the last rounds.
    pub settlement: Option<Latency>,
    /// [`MetricsHistory::slashing`].
    pub slashing: Slashing,
    /// [`MetricsHistory::poisoning`].
    pub poisoning: Poisoning,
}

impl Measures {
    /// Rounds that count as the last ones where nobody says otherwise.
    pub const LAST: usize = 20;

    /// Of a history, with so many last rounds.
    pub fn of(history: &MetricsHistory, last: usize) -> Self {
        Self {
            last,
            diversity: history.diversity(last),
            rewards_gini: history.rewards_gini(),
            stake_gini: history.stake_gini(),
            churn: history.churn(last),
            epoch: history.epochs().last().copied(),
            provenance: history.provenance(),
            verification: history.verification_latency(),
            settlement: history.settlement_latency(last),
            slashing: history.slashing(),
            poisoning: history.poisoning(),
        }
    }
}
