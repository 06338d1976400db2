//! Reading files that go between members, coordinators and challengers.

use std::path::Path;

use serde::de::DeserializeOwned;
pub use zktrain_contracts::protocol::files::{BatchFile, SubmissionFile, Update};

use crate::error::Error;
use crate::project::read_json;

/// Reads one of these files.
///
/// # Errors
/// If it is missing, or something else.
pub fn read<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, Error> {
    read_json(path, hint)
}

/// A block's time, for people.
pub fn time(seconds: u64) -> String {
    let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds));
    time.map_or("never".to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}
