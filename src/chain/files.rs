//! Reading files that go between members, coordinators and challengers.

use std::path::Path;

use serde::de::DeserializeOwned;
use zktrain_project::project::read_json;

use crate::error::Error;

/// Reads one of these files.
///
/// # Errors
/// If it is missing, or something else.
pub fn read<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, Error> {
    Ok(read_json(path, hint)?)
}
