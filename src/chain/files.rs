//! Reading files that go between members, coordinators and challengers.

use std::path::Path;

use serde::de::DeserializeOwned;
pub use zktrain_ledger::files::{BatchFile, MemberUpdate, SubmissionFile};
pub use zktrain_ledger::time;

use crate::error::Error;
use crate::project::read_json;

/// Reads one of these files.
///
/// # Errors
/// If it is missing, or something else.
pub fn read<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, Error> {
    Ok(read_json(path, hint)?)
}
