//! Files that appear whole or not at all, secret ones readable by their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the process's umask lets.
    Public,
    /// The owner alone: mode 0600.
    Owner,
}

/// Writes a file in place of what was there: to a neighbour first, synced, then
/// renamed, and the directory synced, so that a crash leaves the old file or the
/// new one and never loses a write that was reported.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
    let partial = partial(path);
    let all = || -> io::Result<()> {
        // A leftover of a crash may have other permissions.
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = options(access).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        sync_folder(folder.unwrap_or(Path::new(".")))
    };
    all().map_err(|source| {
        // Nothing more can be done if the leftover cannot be removed either.
        let _ = fs::remove_file(&partial);
        Error::File { path: path.to_owned(), source }
    })
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn options(access: Access) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if access == Access::Owner {
        owner_alone(&mut options);
    }
    options
}

#[cfg(unix)]
fn owner_alone(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn owner_alone(_: &mut OpenOptions) {}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a directory and its parents; with [`Access::Owner`] nobody else may enter it.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn create_folder(path: &Path, access: Access) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if access == Access::Owner {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads a whole file.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads a whole file of UTF-8 text.
///
/// # Errors
/// [`Error::File`] if the operating system refuses or the bytes are not text.
pub fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Writes a file in place of a secret one, whose bytes are then overwritten with zeros. What was
/// there is lost only once its replacement is on disk. Media that write elsewhere than they read,
/// and copies of the file, keep the bytes all the same.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn supersede(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let old = OpenOptions::new().write(true).open(path).map_err(file)?;
    write(path, bytes, Access::Owner)?;
    wipe(&old).map_err(file)
}

/// Overwrites a secret file with zeros and deletes it, if it is there.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn erase(path: &Path) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    match OpenOptions::new().write(true).open(path) {
        Ok(old) => wipe(&old).map_err(file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file(error)),
    }
    remove(path)
}

/// Zeros where a file's bytes are.
fn wipe(mut file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()
}

/// Deletes a file if it is there.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

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
    let handle = options.open(path).map_err(file)?;
    match handle.try_lock() {
        Ok(()) => Ok(Lock { _file: handle }),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Busy { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(file(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    #[cfg(unix)]
    fn secret_files_are_the_owners_alone_even_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(partial(&path), b"left over, readable by all").unwrap();
        fs::write(&path, b"old").unwrap();
        write(&path, b"new", Access::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o600);
        assert!(!partial(&path).exists());
        let inner = folder.path().join("a/b");
        create_folder(&inner, Access::Owner).unwrap();
        assert_eq!(mode(&inner), 0o700);
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path).unwrap();
        assert!(matches!(lock(&path), Err(Error::Busy { .. })));
        drop(held);
        lock(&path).unwrap();
    }

    #[test]
    fn a_write_that_fails_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/file");
        assert!(matches!(write(&path, b"x", Access::Public), Err(Error::File { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
