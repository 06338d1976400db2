//! Secret files: what they held is overwritten, and only where it is this program's own file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::{Access, remove, step, write};
use crate::error::Error;

/// Writes a file in place of a secret one, whose bytes are then overwritten with zeros. What was
/// there is lost only once its replacement is on disk. Media that write elsewhere than they read,
/// and copies of the file, keep the bytes all the same.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn supersede(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let old = own(path).map_err(file)?;
    write(path, bytes, Access::Owner)?;
    old.map_or(Ok(()), |old| wipe(&old)).map_err(file)
}

/// Overwrites a secret file with zeros and deletes it, if it is there.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn erase(path: &Path) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    match own(path) {
        Ok(Some(old)) => wipe(&old).map_err(file)?,
        Ok(None) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file(error)),
    }
    remove(path)
}

/// Zeros where a file's bytes are.
pub(super) fn wipe(mut file: &File) -> io::Result<()> {
    step()?;
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()
}

/// Takes everybody's rights to a file but its owner's: mode 0600. A link, or what has another name as
/// well, is something else's and stays as it is.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn restrict(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let only = fs::Permissions::from_mode(0o600);
        let file = |source| Error::File { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true);
        unlinked(&mut options);
        if path.is_symlink() {
            return Ok(());
        }
        let handle = options.open(path).map_err(file)?;
        if is_alone(&handle.metadata().map_err(file)?) {
            handle.set_permissions(only).map_err(file)?;
        }
    }
    Ok(())
}

/// Opens a file that is to be overwritten, if it has this name alone. A link, a second name of
/// something else, a pipe: somebody else may have made the folder and put them there, and none of them is a
/// file that this program has written.
pub(super) fn own(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true);
    unlinked(&mut options);
    let file = options.open(path)?;
    Ok(is_alone(&file.metadata()?).then_some(file))
}

#[cfg(unix)]
pub(super) fn unlinked(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
}

#[cfg(not(unix))]
pub(super) fn unlinked(_: &mut OpenOptions) {}

#[cfg(unix)]
fn is_alone(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.is_file() && meta.nlink() == 1
}

#[cfg(not(unix))]
fn is_alone(meta: &fs::Metadata) -> bool {
    meta.is_file()
}
