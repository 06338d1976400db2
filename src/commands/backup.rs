//! `zktrain coordinator backup` and `restore`: a coordinator's state in a folder, and back.
//!
//! A backup is made while the coordinator runs: first the store, by the database itself, then the files,
//! which are never older than what the store says of them. What is signed is not in it (see
//! [`SignedBatchLog`]): a restored coordinator signs nothing for a round that is open, so that an old state
//! cannot make it sign a second batch.

mod copy;
mod error;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use zktrain_coordinator::store::{SignedBatchLog, Store};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{read_json, write_json};

use self::copy::{copy, copy_folder, digest, name, staging, walk};
pub use self::error::BackupError;
use crate::chain::block_on;
use crate::config::{CoordinatorConfig, CoordinatorFlags};
use crate::error::{Error, ProjectError};
use crate::ui::{Report, field, success};

/// Version of a backup's form.
const VERSION: u32 = 1;
/// What a backup consists of.
const INDEX: &str = "backup.json";
const STORE: &str = "store.sqlite";
const DATA: &str = "data";
/// What a coordinator has signed, in its folder.
pub const SIGNED: &str = "signed.log";

/// What a backup has in it, and what all of it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    version: u32,
    domain: u64,
    /// Unix seconds.
    made: u64,
    /// BLAKE3 of each file, by its name in the backup.
    files: BTreeMap<String, String>,
}

/// Options of `zktrain coordinator backup`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  zktrain coordinator backup /backup/monday --config coordinator.toml"
)]
pub struct BackupArgs {
    /// The new folder.
    pub out: PathBuf,
    /// The coordinator's configuration.
    #[command(flatten)]
    pub flags: CoordinatorFlags,
}

/// Options of `zktrain coordinator restore`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  zktrain coordinator restore /backup/monday --config coordinator.toml"
)]
pub struct RestoreArgs {
    /// The backup's folder.
    pub from: PathBuf,
    /// The coordinator's configuration.
    #[command(flatten)]
    pub flags: CoordinatorFlags,
}

/// What was copied.
#[derive(Clone, Debug, Serialize)]
pub struct BackupReport {
    /// `backup` or `restore`.
    pub done: &'static str,
    /// Where it is now.
    #[serde(serialize_with = "crate::ui::tell")]
    pub to: PathBuf,
    /// Files.
    pub files: usize,
    /// Whether the store is among them; one in PostgreSQL is not.
    pub store: bool,
}

impl Report for BackupReport {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = if self.done == "backup" { "backed up" } else { "restored" };
        success(out, format!("{what} {} files", self.files))?;
        field(out, "folder", self.to.display())?;
        match self.store {
            true => Ok(()),
            false => {
                field(out, "store", "in PostgreSQL, not here: use its own pg_dump and pg_restore")
            }
        }
    }
}

/// Makes a backup.
///
/// # Errors
/// If the configuration is refused, something is in the way, or a file cannot be read or written.
pub fn make(args: &BackupArgs) -> Result<BackupReport, Error> {
    backup(&args.flags.load()?.into_inner(), &args.out)
}

/// Makes the coordinator's folder again.
///
/// # Errors
/// As [`make`]; if the backup is damaged, or not this coordinator's.
pub fn put_back(args: &RestoreArgs) -> Result<BackupReport, Error> {
    restore(&args.flags.load()?.into_inner(), &args.from)
}

fn backup(config: &CoordinatorConfig, out: &Path) -> Result<BackupReport, Error> {
    files::free(out, false, "name a folder that is not there yet")?;
    let staged = staging(out)?;
    let mut index =
        Index { version: VERSION, domain: config.domain, made: now(), files: BTreeMap::new() };
    let place = staged.path().join(STORE);
    // First: whatever the store speaks of was written before, and is still there or of no use any more.
    let store = block_on(async {
        Store::snapshot(&config.store(), &place)
            .await
            .map_err(|error| BackupError::from(error).into())
    })?;
    if store {
        index.files.insert(STORE.to_owned(), digest(&place)?);
    }
    let data = config.data();
    let skipped = Skipped::of(config)?;
    copy_folder(&data, &staged.path().join(DATA), &mut |path| !skipped.has(path))?;
    for path in walk(&staged.path().join(DATA))? {
        let relative = path.strip_prefix(staged.path()).unwrap_or(&path);
        let parts = relative.iter().map(|part| part.to_string_lossy().into_owned());
        let name = parts.collect::<Vec<_>>().join("/");
        index.files.insert(name, digest(&path)?);
    }
    write_json(&staged.path().join(INDEX), &index)?;
    name(staged, out)?;
    Ok(BackupReport { done: "backup", to: out.to_owned(), files: index.files.len(), store })
}

/// The parts of a coordinator's folder that are not backed up.
struct Skipped {
    store: Option<PathBuf>,
    outbox: Option<PathBuf>,
    signed: PathBuf,
}

impl Skipped {
    fn of(config: &CoordinatorConfig) -> Result<Self, Error> {
        let store = Store::file(&config.store()).map_err(BackupError::from)?;
        let (outbox, signed) = (config.connection().outbox, config.data().join(SIGNED));
        Ok(Self { store, outbox, signed })
    }

    /// The store is copied otherwise; transactions under way and what is signed are of the present.
    fn has(&self, path: &Path) -> bool {
        let beside = |store: &PathBuf| {
            let name = store.file_name().map(|name| name.to_string_lossy().into_owned());
            let own = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let begins = name.zip(own).is_some_and(|(name, own)| own.starts_with(&name));
            path.parent() == store.parent() && begins
        };
        path == self.signed
            || self.outbox.as_deref() == Some(path)
            || self.store.as_ref().is_some_and(beside)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The index of a backup in which everything is as it was made.
fn checked(from: &Path) -> Result<Index, Error> {
    let path = from.join(INDEX);
    let index: Index = read_json(&path, "name the folder of a backup")?;
    if index.version != VERSION {
        return Err(BackupError::Version { path, got: index.version }.into());
    }
    for (name, expected) in &index.files {
        let plain = |part| matches!(part, Component::Normal(_));
        let inside = Path::new(name).components().all(plain);
        if !inside || !(name == STORE || name.starts_with("data/")) {
            return Err(BackupError::Name { path, name: name.clone() }.into());
        }
        let file = from.join(name);
        if !digest(&file).is_ok_and(|got| got == *expected) {
            return Err(BackupError::Damaged { path: file }.into());
        }
    }
    Ok(index)
}

/// Nothing but what was signed is where a coordinator is restored.
fn require_free(data: &Path, store: Option<&Path>) -> Result<(), Error> {
    let occupied = |path: PathBuf| Err(BackupError::Occupied { path }.into());
    if let Some(store) = store.filter(|store| store.symlink_metadata().is_ok()) {
        return occupied(store.to_owned());
    }
    let Ok(entries) = fs::read_dir(data) else {
        return match data.symlink_metadata() {
            Ok(_) => occupied(data.to_owned()),
            Err(_) => Ok(()),
        };
    };
    match entries.flatten().find(|entry| entry.file_name() != SIGNED) {
        Some(entry) => occupied(entry.path()),
        None => Ok(()),
    }
}

fn restore(config: &CoordinatorConfig, from: &Path) -> Result<BackupReport, Error> {
    let index = checked(from)?;
    if index.domain != config.domain {
        return Err(BackupError::Domain { expected: config.domain, got: index.domain }.into());
    }
    let store = Store::file(&config.store()).map_err(BackupError::from)?;
    let has_store = index.files.contains_key(STORE);
    if store.is_some() != has_store {
        return Err(BackupError::Engine { got: has_store }.into());
    }
    let data = config.data();
    require_free(&data, store.as_deref())?;
    let staged = staging(&data)?;
    for name in index.files.keys().filter(|name| *name != STORE) {
        let target = staged.path().join(name.strip_prefix("data/").unwrap_or(name));
        if let Some(folder) = target.parent() {
            files::create_folder(folder, Access::Owner)?;
        }
        copy(&from.join(name), &target)?;
    }
    if let Some(store) = &store {
        // Beside everything else, if that is where it belongs.
        let place =
            store.strip_prefix(&data).map_or(store.clone(), |name| staged.path().join(name));
        copy(&from.join(STORE), &place)?;
    }
    keep_signed(&data, staged.path())?;
    swap(staged, &data)?;
    Ok(BackupReport { done: "restore", to: data, files: index.files.len(), store: has_store })
}

/// What was signed is the present's: it stays, with a word that the rest does not know of it.
fn keep_signed(data: &Path, staged: &Path) -> Result<(), Error> {
    let (old, new) = (data.join(SIGNED), staged.join(SIGNED));
    if old.symlink_metadata().is_ok() {
        copy(&old, &new)?;
        SignedBatchLog::restored(&new).map_err(BackupError::from)?;
    }
    Ok(())
}

/// Whatever stops this between two steps leaves no file of what was signed in place, or the new one:
/// both mean that nothing is signed for an open round.
fn swap(staged: tempfile::TempDir, data: &Path) -> Result<(), Error> {
    let file = |source| Error::Project(ProjectError::File { path: data.to_owned(), source });
    if data.symlink_metadata().is_ok() {
        files::remove(&data.join(SIGNED))?;
        fs::remove_dir(data).map_err(file)?;
    }
    name(staged, data)?;
    File::open(data)
        .and_then(|folder| if cfg!(unix) { folder.sync_all() } else { Ok(()) })
        .map_err(file)
}

#[cfg(test)]
mod tests;
