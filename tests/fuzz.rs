//! Fuzzing: the native verifier against the contracts, and files of every kind into their readers.
//!
//! Short and from committed seeds here; as long as it is told by `scripts/fuzz.sh`. See
//! docs/fuzzing.md.

mod common;

#[path = "fuzz/bytes.rs"]
mod bytes;
#[path = "fuzz/harness.rs"]
mod harness;
#[path = "fuzz/readers.rs"]
mod readers;
#[path = "fuzz/records.rs"]
mod records;
#[path = "fuzz/verdicts.rs"]
mod verdicts;
