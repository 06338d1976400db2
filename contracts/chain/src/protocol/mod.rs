//! Working with the contracts: deploying them, what each party does with them, and what they
//! compute, computed here too.

mod challenge;
mod client;
mod demands;
mod deployment;
mod domains;
mod export;
mod header;
mod inclusion;
mod index;
mod look;
mod reveal;
mod settle;
mod stakes;

pub use client::{Client, ClientError};
pub use demands::PendingAudit;
pub use deployment::DeploymentSetup;
pub use header::RawHeader;
pub use look::{Candidate, Status};
