//! How healthy a network of owners is: measures that anyone can recompute, and what an operator
//! watches.
//!
//! [`History`] is what has happened in a domain. [`History::from_chain`] reads it from the events
//! of the contracts, so whoever has a node gets the same numbers as the coordinator; only what
//! never reaches a chain (verdicts on proofs that were refused) is the coordinator's word. Each
//! measure is a pure function of a history, in a file of its own; [`Measures`] is all of them, and
//! [`Metrics`] exports them, with the state of the running process, in the OpenMetrics text format.
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
    Change, ChangeKind, History, Outcome, Payment, Role, Round, Seat, Slash, Transfer, Verdict,
    VerdictKind, Version,
};
pub use integrity::{Poisoning, Provenance, Slashing};
pub use labels::{Direction, Ending, Judgement, MemberState, Misdeed, Sending, Standing, Table};
pub use latency::Latency;
pub use measures::Measures;
pub use process::Metrics;
pub use velocity::Epoch;
