//! Folders that are made aside and then get their name, and copies of files.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zktrain_files::regular;
use zktrain_project::files::{self, Access};

use crate::error::{Error, ProjectError};

/// A new folder that only this user may enter, gone again unless it gets its name.
pub(super) fn staging(beside: &Path) -> Result<tempfile::TempDir, Error> {
    let parent = beside.parent().filter(|path| !path.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    files::create_folder(parent, Access::Public)?;
    let made = tempfile::Builder::new().prefix(".zktrain-").tempdir_in(parent);
    made.map_err(|source| Error::Project(ProjectError::File { path: parent.to_owned(), source }))
}

/// Gives a folder that was made aside its name, which is on the disk then.
pub(super) fn name(staged: tempfile::TempDir, path: &Path) -> Result<(), Error> {
    let file = |source| Error::Project(ProjectError::File { path: path.to_owned(), source });
    fs::rename(staged.path(), path).map_err(file)?;
    // There is nothing at its old name any more.
    let _ = staged.keep();
    files::sync_parent(path).map_err(file)
}

/// Copies the files of a folder that are to be taken. One that goes meanwhile is of no use any more.
pub(super) fn copy_folder(
    from: &Path,
    to: &Path,
    take: &mut dyn FnMut(&Path) -> bool,
) -> Result<(), Error> {
    let file = |source| Error::Project(ProjectError::File { path: from.to_owned(), source });
    files::create_folder(to, Access::Owner)?;
    for entry in fs::read_dir(from).map_err(file)? {
        let entry = entry.map_err(file)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if !take(&path) {
            continue;
        }
        let kind = entry.file_type().map_err(file)?;
        if kind.is_dir() {
            copy_folder(&path, &target, take)?;
        } else if kind.is_file() {
            match copy(&path, &target) {
                Err(Error::Project(ProjectError::File { source, .. }))
                    if source.kind() == io::ErrorKind::NotFound => {}
                copied => copied?,
            }
        }
    }
    Ok(())
}

/// Copies a file, which is on the disk then.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let mut source = regular::open(from)
        .map_err(|source| Error::Project(ProjectError::File { path: from.to_owned(), source }))?;
    let file = |source| Error::Project(ProjectError::File { path: to.to_owned(), source });
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Ok(metadata) = source.metadata() {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(metadata.permissions().mode() & 0o777);
    }
    let mut target = options.open(to).map_err(file)?;
    io::copy(&mut source, &mut target).map_err(file)?;
    target.sync_all().map_err(file)
}

/// All files below a folder.
pub(super) fn walk(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let file = |source| Error::Project(ProjectError::File { path: folder.to_owned(), source });
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(file)? {
        let path = entry.map_err(file)?.path();
        match path.is_dir() {
            true => found.extend(walk(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}

/// BLAKE3 of a file, in hexadecimal.
pub(super) fn digest(path: &Path) -> Result<String, Error> {
    let file = |source| Error::Project(ProjectError::File { path: path.to_owned(), source });
    let (mut opened, mut hash) = (regular::open(path).map_err(file)?, blake3::Hasher::new());
    let mut part = vec![0; 1 << 20];
    loop {
        match opened.read(&mut part).map_err(file)? {
            0 => return Ok(hash.finalize().to_hex().to_string()),
            read => hash.update(part.get(..read).unwrap_or_default()),
        };
    }
}
