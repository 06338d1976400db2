//! How healthy a network of owners is: measures that anybody can recompute, and what the party that
//! runs a coordinator watches.
//!
//! [`MetricsHistory`] is what has happened in a domain. [`MetricsHistory::from_chain`] reads it from the
//! events of the contracts, so anybody with a node gets the same numbers as the coordinator; only what
//! never reaches a chain (verdicts on proofs that were refused) is the coordinator's word. Each measure is
//! a pure function of a history, in a file of its own; [`Measures`] is all of them, and [`ProcessMetrics`]
//! exports them, with the state of the running process, in the OpenMetrics text format.
//! `docs/metrics.md` gives the formulas, what they hide and how they can be gamed.

mod chain;
mod churn;
mod concentration;
mod export;
mod history;
mod integrity;
mod labels;
mod latency;
mod measures;
mod process;
mod replay;
mod velocity;

#[cfg(test)]
mod cases;

pub use chain::HistoryError;
pub use churn::Churn;
pub use concentration::{Diversity, gini};
pub use history::{
    Change, ChangeKind, DeliveryVerdict, MeasuredOutcome, MeasuredRound, MeasuredSlash,
    MeasuredVersion, MetricsHistory, Payment, Role, Seat, Transfer, VerdictKind,
};
pub use integrity::{Poisoning, ProvenanceDepth, Slashing};
pub use labels::{Direction, Ending, Judgement, MemberState, Misdeed, Sending, Standing, Table};
pub use latency::Latency;
pub use measures::Measures;
pub use process::ProcessMetrics;
pub use velocity::Epoch;
