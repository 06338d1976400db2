//! Reads files, whole and of bounded size.

use std::io::{self, Read};
use std::path::Path;

use zktrain_files::regular;

use crate::error::Error;

/// Bytes of a file at most: models, proofs, registrations.
const MAX_FILE: u64 = 1 << 30;
/// Bytes of a text at most: settings, plans, submissions, journals.
pub(super) const MAX_TEXT: u64 = 1 << 26;

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
/// [`Error::File`] if the operating system refuses or it is a pipe or a device, which may have no
/// end; [`Error::FileTooLarge`].
pub fn read_up_to(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let error = |source| Error::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = regular::open(path).map_err(error)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > most {
        return Err(Error::FileTooLarge { path: path.to_owned(), most });
    }
    Ok(bytes)
}

/// Reads a whole file.
///
/// # Errors
/// [`Error::File`] if the operating system refuses, [`Error::FileTooLarge`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    read_up_to(path, MAX_FILE)
}

/// Whether there is something at a path. What cannot be looked at is not nothing: `Path::exists` says so,
/// and whatever was kept there would be taken for never written.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn is_there(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads a whole file, if there is one.
///
/// # Errors
/// As [`read`].
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    is_there(path)?.then(|| read(path)).transpose()
}

/// Reads a whole file of UTF-8 text.
///
/// # Errors
/// As [`read_text_up_to`].
pub fn read_text(path: &Path) -> Result<String, Error> {
    read_text_up_to(path, MAX_TEXT)
}

/// Reads a whole file of UTF-8 text, of at most `most` bytes.
///
/// # Errors
/// [`Error::File`] if the operating system refuses or the bytes are not text,
/// [`Error::FileTooLarge`].
pub fn read_text_up_to(path: &Path, most: u64) -> Result<String, Error> {
    String::from_utf8(read_up_to(path, most)?).map_err(|_| {
        let source = io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text");
        Error::File { path: path.to_owned(), source }
    })
}
