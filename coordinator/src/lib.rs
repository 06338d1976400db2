//! Runs rounds: the state machine, its store, its server, settlement.

pub mod store;
