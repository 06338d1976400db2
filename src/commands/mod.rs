//! One command a file: its options, what it does, and its report.

pub mod audit;
pub mod backup;
pub mod bench;
pub mod chain;
pub mod coordinator;
pub mod data;
pub mod demo;
pub mod init;
pub mod keys;
pub mod members;
pub mod model;
mod plan;
pub mod proof;
pub mod prove;
pub mod roots;
pub mod setup;
pub mod srs;
pub mod train;
pub mod trainer;
pub mod verify;
