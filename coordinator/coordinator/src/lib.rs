//! Runs rounds: the state machine, its store, the shell around both, what peers can ask; measures of
//! the network, health of the process.

pub mod driver;
pub mod health;
pub mod machine;
pub mod metrics;
pub mod service;
pub mod store;
