//! zktrain as a library: what the command-line program is made of.

#![forbid(unsafe_code)]

pub mod audit;
pub mod bench;
pub mod chain;
pub mod circuits;
pub mod cli;
pub mod commands;
pub mod config;
pub mod coordinator;
pub mod cost;
pub mod error;
pub mod evm;
pub mod lineage;
pub mod logging;
pub mod roots;
pub mod source;
pub mod ui;
