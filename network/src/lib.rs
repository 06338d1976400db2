//! What the peers of a round say to each other, and the secure aggregation in it.
//!
//! [`plan`] is what a round is, [`messages`] what is said in it, [`secagg`] how updates are summed
//! without being seen; all of that is pure. [`wire`] carries it over QUIC.
#![forbid(unsafe_code)]

pub mod messages;
pub mod plan;
pub mod secagg;
pub mod wire;
