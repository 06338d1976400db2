//! Rounds: what owners, coordinators, contracts and auditors check of each other.

mod audit;
mod audit_archive;
mod audit_forged;
mod audit_made;
mod checks;
#[path = "../common/mod.rs"]
mod common;
mod owner_parent;
#[path = "../project/relabel.rs"]
mod project_relabel;
mod settlement;
