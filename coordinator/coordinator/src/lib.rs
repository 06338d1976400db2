//! Runs rounds: the state machine, its store, the shell around both, what peers can ask; measures of
//! the network, health of the process.
//!
//! ```
//! use zktrain_coordinator::machine::Machine;
//! use zktrain_secagg::plan::Timing;
//!
//! // A round whose phases last a minute each is over after this, whatever its members do.
//! assert_eq!(Machine::longest(&Timing::even(60)), 11 * 60_000);
//! ```

#![forbid(unsafe_code)]

pub mod driver;
pub mod health;
pub mod machine;
pub mod metrics;
pub mod service;
pub mod store;
