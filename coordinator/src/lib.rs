//! Runs rounds: measures of the network, health of the process.

pub mod health;
pub mod metrics;
