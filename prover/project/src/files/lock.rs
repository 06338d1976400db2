//! Locks: one process at a time.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::owner_alone;
use super::secret::unlinked;
use crate::error::Error;

/// Holds a file's lock until it is dropped; a crash releases it too.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes a lock that no other process holds.
///
/// # Errors
/// [`Error::Busy`] if another process holds it, [`Error::File`] if there can be no lock.
pub fn lock(path: &Path) -> Result<Lock, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    owner_alone(&mut options);
    unlinked(&mut options);
    let handle = options.open(path).map_err(file)?;
    if !handle.metadata().map_err(file)?.is_file() {
        return Err(file(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    match handle.try_lock() {
        Ok(()) => Ok(Lock { _file: handle }),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Busy { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(file(source)),
    }
}
