//! Working with the contracts: deploying them, what each party does with them, and what they
//! compute, computed here too.

pub mod beacon;
mod challenge;
mod client;
mod demands;
mod deployment;
mod domains;
pub mod export;
pub mod files;
mod header;
mod inclusion;
mod index;
mod look;
pub mod merkle;
pub mod payments;
pub mod reputation;
mod reveal;
mod round;
mod settle;
mod stakes;
pub mod typed;
pub mod weights;

pub use challenge::Evidence;
pub use client::{Client, ClientError};
pub use demands::Audit;
pub use deployment::{Deployment, Setup};
pub use export::ChainExport;
pub use header::RawHeader;
pub use look::{Candidate, Status};
pub use round::{
    MARK, Members, SignedBatch, SignedReceipt, SignedSubmission, is_proven, is_summed,
};
