//! A model's lineage: what an auditor needs to check it from its first version to its last.
//!
//! A directory, or a `.tar.gz` of one:
//!
//! ```text
//! manifest.toml                            the domain's manifest
//! genesis.int.safetensors                  the first model, integers
//! srs.bin                                  the reference string, unless the auditor has it
//! chain.json                               what the chain says about the domain
//! members/<address>.registration           proofs that datasets are well formed
//! rounds/<round>/plan.json                 the round as its coordinator signed it
//! rounds/<round>/<address>.submission.json what a member signed, with statement and proof
//! rounds/<round>/sum.safetensors           the weighted sum of the updates, opened
//! rounds/<round>/batch.json                what the coordinator proposed, signed
//! ```
//!
//! Addresses are written in lower case with `0x`, rounds as decimal numbers. Each content has one
//! encoding only, the one that its writer gives it.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join(zktrain_audit::lineage::MANIFEST), "draft = true")?;
//! let lineage = zktrain_audit::lineage::Lineage::open(folder.path())?;
//! assert_eq!(lineage.names().iter().collect::<Vec<_>>(), ["manifest.toml"]);
//! assert!(lineage.read(&zktrain_audit::lineage::plan(7))?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod source;
mod sum;

use alloy_primitives::Address;

pub use source::{Lineage, LineageError};
pub use sum::{SumError, decode_sum, encode_sum};

/// The domain's manifest.
pub const MANIFEST: &str = "manifest.toml";
/// The first model.
pub const GENESIS: &str = "genesis.int.safetensors";
/// The reference string.
pub const SRS: &str = "srs.bin";
/// What the chain says.
pub const CHAIN: &str = zktrain_ledger::export::CHAIN;
/// The key of proofs in Groth16, where a domain uses that.
pub const GROTH16: &str = "keys/groth16.vk";

/// A member's registration.
pub fn registration(account: Address) -> String {
    format!("members/{account:#x}.registration")
}

/// A round's plan.
pub fn plan(round: u64) -> String {
    format!("rounds/{round}/plan.json")
}

/// What a member submitted in a round.
pub fn submission(round: u64, account: Address) -> String {
    format!("rounds/{round}/{account:#x}.submission.json")
}

/// A round's sum.
pub fn sum(round: u64) -> String {
    format!("rounds/{round}/sum.safetensors")
}

/// A round's batch.
pub fn batch(round: u64) -> String {
    format!("rounds/{round}/batch.json")
}
