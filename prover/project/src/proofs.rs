//! Reads proofs and registrations from files.

use std::path::Path;

use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::file::{Registration, StoredProof, decode, decode_registration};

use crate::error::Error;
use crate::files;
use crate::project::exists;

/// Reads a training proof.
///
/// # Errors
/// If the file is missing or not a proof of this key's manifest.
pub fn read(key: &TrainingKey, path: &Path) -> Result<(TrainingStatement, StoredProof), Error> {
    exists(path, "name a project's directory or proof files that exist")?;
    decode(key, &files::read(path)?)
        .map_err(|e| Error::Wire { path: path.to_owned(), source: Box::new(e) })
}

/// Reads a registration of either form.
///
/// # Errors
/// If the file is missing or not a registration for this key's manifest.
pub fn read_registration(key: &TrainingKey, path: &Path) -> Result<Registration, Error> {
    decode_registration(key, &files::read(path)?)
        .map_err(|e| Error::Wire { path: path.to_owned(), source: Box::new(e) })
}
