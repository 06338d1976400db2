//! Fuzzing: the native verifier against the contracts, and files of every kind into their readers.
//!
//! Short and from committed seeds here; as long as it is told by `scripts/fuzz.sh`. See
//! docs/fuzzing.md.

#[path = "../common/mod.rs"]
mod common;

mod bytes;
mod harness;
mod readers;
mod records;
mod verdicts;
