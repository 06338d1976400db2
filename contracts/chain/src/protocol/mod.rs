//! Working with the contracts: deploying them, what each party does with them, and what they
//! compute, computed here too.

mod challenge;
mod client;
mod demands;
mod deployment;
mod domains;
mod error;
mod export;
mod header;
mod inclusion;
mod index;
mod look;
mod reveal;
mod rounds;
mod settle;
mod stakes;

pub use client::Client;
pub use demands::PendingAudit;
pub use deployment::DeploymentSetup;
pub use error::ClientError;
pub use header::RawHeader;
pub use look::{Candidate, Status};
