//! The contracts as bytecode, their calls, and an EVM in memory to run them in.
//!
//! The bytecode is that of `contracts/artifacts`, which `contracts/build.sh` writes and the
//! tests compare with a fresh build.
#![forbid(unsafe_code)]

pub mod bindings;
pub mod chain;
pub mod evm;
pub mod keystore;
pub mod node;
pub mod protocol;

pub use evm::{Evm, EvmError, Registered, Rejection, Verified};
