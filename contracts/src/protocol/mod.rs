//! Working with the contracts: deploying them, what each party does with them, and what they
//! compute, computed here too.

mod challenge;
mod client;
mod deployment;
pub mod export;
pub mod files;
mod look;
pub mod merkle;
pub mod payments;
pub mod reputation;
mod round;
mod settle;
pub mod typed;
pub mod weights;

pub use challenge::Evidence;
pub use client::{Client, ClientError};
pub use deployment::{Deployment, Setup};
pub use export::ChainExport;
pub use look::{Candidate, Status};
pub use round::{Members, SignedBatch, SignedReceipt, SignedSubmission};
