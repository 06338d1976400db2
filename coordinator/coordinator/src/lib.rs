//! Runs rounds: the state machine, its store, the shell around both, what peers can ask; measures of
//! the network, health of the process.
//!
//! ```
//! use zktrain_coordinator::machine::{Bounds, Ends};
//!
//! let bounds = Bounds { ends: Ends::default(), elements: 1_000_000, threads: 2 };
//! // Who drops out after it has shared leaves a mask in every vector that is summed.
//! assert!(bounds.sum_ms(14, 6) > bounds.sum_ms(20, 0));
//! ```

#![forbid(unsafe_code)]

pub mod driver;
pub mod health;
pub mod machine;
pub mod metrics;
pub mod service;
pub mod store;
