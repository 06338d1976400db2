//! zktrain as a library: what the command-line program is made of.

pub mod audit;
pub mod bench;
pub mod cache;
pub mod chain;
pub mod circuits;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod evm;
pub mod files;
pub mod limits;
pub mod lineage;
pub mod logging;
pub mod operator;
pub mod owner;
pub mod project;
pub mod proofs;
pub mod replace;
pub mod roots;
pub mod round;
pub mod secrets;
pub mod session;
pub mod source;
pub mod ui;
pub mod version;
