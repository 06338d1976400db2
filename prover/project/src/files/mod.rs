//! Files that appear whole or not at all, secret ones readable by their owner alone.
//!
//! A file is written to a neighbour whose name follows from its own, and renamed. A neighbour with a
//! random name, as `tempfile` makes, would be found by nobody after a crash: this one is cleared, and
//! overwritten if it is secret, by the next write of the same file.

mod lock;
mod read;
mod secret;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "testing"))]
pub mod trial;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
pub use lock::{Lock, lock};
pub use read::{is_there, read, read_if_there, read_text, read_text_up_to, read_up_to};
pub use secret::{erase, restrict, supersede};
use secret::{own, unlinked, wipe};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody whom the process's umask lets.
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
        clear(&partial, access)?;
        step()?;
        let mut file = options(access).open(&partial)?;
        step()?;
        file.write_all(bytes)?;
        file.sync_all()?;
        step()?;
        fs::rename(&partial, path)?;
        step()?;
        sync_parent(path)
    };
    all().map_err(|source| {
        // Nothing more can be done if the leftover cannot be removed either.
        let _ = step().and_then(|()| clear(&partial, access));
        Error::File { path: path.to_owned(), source }
    })
}

/// Removes what a crash has left; a secret one is overwritten first.
fn clear(partial: &Path, access: Access) -> io::Result<()> {
    if access == Access::Owner
        && let Ok(Some(old)) = own(partial)
    {
        wipe(&old)?;
    }
    match fs::remove_file(partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where a process may end, or a disk refuse, between two effects on files: only tests make it so.
#[cfg(not(any(test, feature = "testing")))]
fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(any(test, feature = "testing"))]
use trial::step;

/// Refuses a path where something is already, unless writing over it is meant.
///
/// # Errors
/// [`Error::Exists`] with `hint`.
pub fn free(path: &Path, force: bool, hint: &'static str) -> Result<(), Error> {
    match !force && path.symlink_metadata().is_ok() {
        true => Err(Error::Exists { path: path.to_owned(), hint }),
        false => Ok(()),
    }
}

/// As [`write()`], but not over other bytes, unless that is meant: what is there may be something
/// that cannot be made again. The same bytes may be there.
///
/// # Errors
/// [`Error::Exists`]; [`Error::File`] if the operating system refuses.
pub fn write_new(path: &Path, bytes: &[u8], access: Access, force: bool) -> Result<(), Error> {
    match holds(path, bytes) {
        true => Ok(()),
        false => free(path, force, OVERWRITE).and_then(|()| write(path, bytes, access)),
    }
}

/// That [`write_new`] would not refuse: to be asked before something is done that cannot be undone.
///
/// # Errors
/// [`Error::Exists`].
pub fn may_write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Error> {
    if holds(path, bytes) { Ok(()) } else { free(path, force, OVERWRITE) }
}

/// Whether a file has these bytes already.
pub fn holds(path: &Path, bytes: &[u8]) -> bool {
    read_up_to(path, bytes.len() as u64).is_ok_and(|there| there == bytes)
}

/// What to do about a file in the way.
pub const OVERWRITE: &str = "choose another name, or write over it with `--force`";

/// Deletes a file if it is there.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn remove(path: &Path) -> Result<(), Error> {
    match step().and_then(|()| fs::remove_file(path)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Makes a name that was just given or taken in a folder last.
///
/// # Errors
/// If the operating system refuses.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
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

/// Adds bytes to a file behind its first `whole` ones, and has them on disk; what else is behind those was
/// of a write that did not come to its end. Whether the file still has so many bytes: if not, it is left
/// as it is.
///
/// # Errors
/// [`Error::File`] if the operating system refuses, also if there is no such file.
pub fn append(path: &Path, whole: u64, bytes: &[u8]) -> Result<bool, Error> {
    let all = || -> io::Result<bool> {
        step()?;
        let mut options = OpenOptions::new();
        options.write(true);
        unlinked(&mut options);
        let mut file = options.open(path)?;
        if file.metadata()?.len() < whole {
            return Ok(false);
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        file.write_all(bytes)?;
        step()?;
        file.sync_all()?;
        Ok(true)
    };
    all().map_err(|source| Error::File { path: path.to_owned(), source })
}
