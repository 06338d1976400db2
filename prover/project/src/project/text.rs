//! Files of text: TOML for people, JSON for programs.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};
use zktrain_model::manifest::{MAX_TEXT, Manifest};

use super::SettingsError;
use crate::error::Error;
use crate::files::{self, Access};

pub(super) const MAKE_PROJECT: &str = "make a project first: `zktrain init`";

/// Reads and checks a manifest.
///
/// # Errors
/// If it is missing or refused.
pub fn read_manifest(path: &Path) -> Result<Manifest, Error> {
    exists(path, MAKE_PROJECT)?;
    let refused = |source| Error::Manifest { path: path.to_owned(), source: Box::new(source) };
    let text = files::read_text_up_to(path, MAX_TEXT as u64)?;
    Manifest::from_toml(&text).map_err(refused)
}

/// Reads a TOML settings file.
///
/// # Errors
/// If it is missing or malformed.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    exists(path, MAKE_PROJECT)?;
    toml::from_str(&files::read_text(path)?).map_err(|e| settings(path, e))
}

/// Reads a JSON file.
///
/// # Errors
/// If it is missing or malformed.
pub fn read_json<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, Error> {
    exists(path, hint)?;
    serde_json::from_str(&files::read_text(path)?).map_err(|e| settings(path, e))
}

/// Writes a TOML settings file.
///
/// # Errors
/// If a value has no TOML form or the operating system refuses.
pub fn write_toml(
    path: &Path,
    header: &str,
    value: &impl Serialize,
    access: Access,
) -> Result<(), Error> {
    let text = toml::to_string(value).map_err(|e| settings(path, e))?;
    files::write(path, format!("{header}{text}").as_bytes(), access)
}

/// Writes a JSON file.
///
/// # Errors
/// If the operating system refuses.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    files::write(path, &to_json(path, value)?, Access::Public)
}

/// What [`write_json`] writes; `path` is for the error.
///
/// # Errors
/// If a value has no JSON form.
pub fn to_json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| settings(path, e))?;
    text.push(b'\n');
    Ok(text)
}

/// An error about a settings file.
pub fn settings(path: &Path, source: impl Into<SettingsError>) -> Error {
    Error::Settings { path: path.to_owned(), source: Box::new(source.into()) }
}

/// Checks that a file which an earlier command makes is there.
///
/// # Errors
/// [`Error::Missing`] with `hint`; [`Error::File`] if the operating system does not let it be looked at.
pub fn exists(path: &Path, hint: &'static str) -> Result<(), Error> {
    match files::is_there(path)? {
        true => Ok(()),
        false => Err(Error::Missing { path: path.to_owned(), hint }),
    }
}
