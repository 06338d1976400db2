//! Reads a lineage from a directory or an archive, neither of which is trusted.
//!
//! An archive is unpacked into a temporary directory: regular files only, under the names that a
//! lineage has, within limits on number and size.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zktrain_files::regular;

/// Bytes of a file at most.
const FILE_LIMIT: u64 = 1 << 30;
/// Bytes of an unpacked archive at most.
const TOTAL_LIMIT: u64 = 8 << 30;
/// Files at most.
const COUNT_LIMIT: usize = 100_000;
/// Letters of a name at most.
const NAME_LIMIT: usize = 200;
/// Folders in folders at most.
const DEPTH_LIMIT: usize = 3;

/// Why a lineage cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineageError {
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The archive is damaged, or none.
    #[error("{}: not a .tar.gz archive, or damaged: {source}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// A name that no file of a lineage has; following it could lead elsewhere.
    #[error("{}: {name:?} is not a name of a lineage's file", path.display())]
    Name {
        /// The archive or directory.
        path: PathBuf,
        name: String,
    },
    /// A link, a device or something else that is no file.
    #[error("{}: {name} is not a regular file", path.display())]
    Kind {
        /// The archive or directory.
        path: PathBuf,
        name: String,
    },
    /// The same file twice.
    #[error("{}: {name} is there twice", path.display())]
    Twice {
        /// The archive.
        path: PathBuf,
        name: String,
    },
    /// Larger than a lineage can be.
    #[error("{}: {what} exceeds {most}", path.display())]
    TooLarge {
        /// The archive or file.
        path: PathBuf,
        /// What is too large.
        what: &'static str,
        /// How large it may be.
        most: u64,
    },
}

/// A lineage's files.
#[derive(Debug)]
pub struct Lineage {
    dir: PathBuf,
    names: BTreeSet<String>,
    strange: BTreeSet<String>,
    /// Holds what was unpacked.
    _unpacked: Option<TempDir>,
}

impl Lineage {
    /// Opens a directory, or an archive of one.
    ///
    /// # Errors
    /// If it cannot be read, or holds what no lineage does.
    pub fn open(path: &Path) -> Result<Self, LineageError> {
        if path.is_dir() {
            return Self::folder(path, None);
        }
        let file = |source| LineageError::File { path: path.to_owned(), source };
        let unpacked = TempDir::new().map_err(file)?;
        unpack(path, unpacked.path())?;
        Self::folder(&root_of(unpacked.path()), Some(unpacked))
    }

    fn folder(dir: &Path, unpacked: Option<TempDir>) -> Result<Self, LineageError> {
        let mut found = Found::default();
        walk(dir, dir, 0, &mut found)?;
        let Found { names, strange } = found;
        Ok(Self { dir: dir.to_owned(), names, strange, _unpacked: unpacked })
    }

    /// The files' names, in alphabetical order, parts separated by `/`.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// What lies there beside them under names that no file of a lineage has; nobody looks into it.
    pub fn strange(&self) -> &BTreeSet<String> {
        &self.strange
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a file is, if it is there.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.names.contains(name).then(|| self.dir.join(name))
    }

    /// A file's content; none if it is not there.
    ///
    /// # Errors
    /// If the operating system refuses, or the file is too large.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, LineageError> {
        let Some(path) = self.path(name) else { return Ok(None) };
        let error = |source| LineageError::File { path: path.clone(), source };
        let mut bytes = Vec::new();
        let file = regular::open(&path).map_err(error)?;
        file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(error)?;
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(LineageError::TooLarge { path, what: "a file", most: FILE_LIMIT });
        }
        Ok(Some(bytes))
    }
}

/// Whether a name leads to a place inside: parts of letters, digits, `-`, `_` and dots that are
/// not all of the part.
fn is_inside(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
    name.len() <= NAME_LIMIT
        && name.split('/').count() <= DEPTH_LIMIT + 1
        && name.split('/').all(|p| part(p) && p.chars().all(letter))
}

/// Whether an operating system's file browser leaves such a file wherever it looks.
fn is_litter(name: &str) -> bool {
    let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
    let known = ["thumbs.db", "desktop.ini", ".ds_store", "__macosx"];
    let begins = last.strip_prefix("._").is_some_and(|rest| !rest.is_empty());
    let by_name = begins || known.contains(&last.to_ascii_lowercase().as_str());
    let in_folder = folder.split('/').next().is_some_and(|first| first == "__MACOSX");
    (by_name || in_folder) && !name.starts_with('/') && name.split('/').all(|part| part != "..")
}

/// What is in a directory.
#[derive(Default)]
struct Found {
    names: BTreeSet<String>,
    strange: BTreeSet<String>,
}

fn unpack(path: &Path, to: &Path) -> Result<(), LineageError> {
    let file =
        regular::open(path).map_err(|source| LineageError::File { path: path.into(), source })?;
    let damaged = |source| LineageError::Archive { path: path.to_owned(), source };
    let large = |what, most| LineageError::TooLarge { path: path.to_owned(), what, most };
    let limited = flate2::read::GzDecoder::new(std::io::BufReader::new(file)).take(TOTAL_LIMIT);
    let mut archive = tar::Archive::new(limited);
    let (mut count, mut total) = (0, 0u64);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        count += 1;
        if count > COUNT_LIMIT {
            return Err(large("the number of files", COUNT_LIMIT as u64));
        }
        let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = raw.trim_start_matches("./").trim_end_matches('/').to_owned();
        if entry.header().entry_type().is_dir() && (name.is_empty() || is_inside(&name)) {
            continue;
        }
        if is_litter(&name) {
            continue;
        }
        if !is_inside(&name) {
            return Err(LineageError::Name { path: path.to_owned(), name: raw });
        }
        if !entry.header().entry_type().is_file() {
            return Err(LineageError::Kind { path: path.to_owned(), name });
        }
        total = total.saturating_add(entry.size());
        if entry.size() > FILE_LIMIT || total > TOTAL_LIMIT {
            return Err(large("the unpacked archive", TOTAL_LIMIT));
        }
        write(&mut entry, path, to, name)?;
    }
    // The rest of the stream, whose checksum is at its end.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(damaged)?;
    Ok(())
}

fn write(entry: &mut impl Read, path: &Path, to: &Path, name: String) -> Result<(), LineageError> {
    let target = to.join(&name);
    let error = |source| LineageError::File { path: target.clone(), source };
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(error)?;
    }
    let mut file = match File::create_new(&target) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(LineageError::Twice { path: path.to_owned(), name });
        }
        file => file.map_err(error)?,
    };
    std::io::copy(entry, &mut file)
        .map_err(|source| LineageError::Archive { path: path.to_owned(), source })?;
    Ok(())
}

/// Archives often hold one directory that holds the rest.
fn root_of(dir: &Path) -> PathBuf {
    let Ok(entries) = std::fs::read_dir(dir) else { return dir.to_owned() };
    let mut inside = entries.flatten().map(|entry| entry.path());
    match (inside.next(), inside.next()) {
        (Some(only), None) if only.is_dir() => only,
        _ => dir.to_owned(),
    }
}

fn walk(root: &Path, dir: &Path, depth: usize, found: &mut Found) -> Result<(), LineageError> {
    let error = |source| LineageError::File { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(error)? {
        let entry = entry.map_err(error)?;
        let path = entry.path();
        let parts = path.strip_prefix(root).unwrap_or(&path).iter();
        let parts: Vec<_> = parts.map(|part| part.to_string_lossy().into_owned()).collect();
        let name = parts.join("/");
        if is_litter(&name) {
            continue;
        }
        if found.names.len() + found.strange.len() >= COUNT_LIMIT {
            let what = "the number of files";
            return Err(LineageError::TooLarge {
                path: root.to_owned(),
                what,
                most: COUNT_LIMIT as u64,
            });
        }
        if !is_inside(&name) {
            // It is printed, and may have been chosen for that.
            found.strange.insert(name.replace(|c: char| c.is_control(), "\u{fffd}"));
            continue;
        }
        // Of the entry itself: links are not followed.
        let kind = entry.file_type().map_err(error)?;
        if kind.is_dir() && depth < DEPTH_LIMIT {
            walk(root, &path, depth + 1, found)?;
        } else if kind.is_dir() {
            found.strange.insert(name);
        } else if kind.is_file() {
            found.names.insert(name);
        } else {
            return Err(LineageError::Kind { path: root.to_owned(), name });
        }
    }
    Ok(())
}
