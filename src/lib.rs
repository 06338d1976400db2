//! zktrain as a library: what the command-line program is made of.

pub mod bench;
pub mod cli;
pub mod commands;
pub mod error;
pub mod files;
pub mod project;
pub mod secrets;
pub mod session;
pub mod source;
pub mod ui;
