//! `zktrain coordinator backup` and `restore`: a coordinator's state in a folder, and back.
//!
//! A backup is made while the coordinator runs: first the store, by the database itself, then the files,
//! which are never older than what the store says of them. What is signed is not in it (see
//! [`SignedBatchLog`]): a restored coordinator signs nothing for a round that is open, so that an old state
//! cannot make it sign a second batch.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use zktrain_coordinator::store::{SignedBatchError, SignedBatchLog, Store, StoreError};
use zktrain_files::regular;

use crate::chain::block_on;
use crate::config::{CoordinatorConfig, CoordinatorFlags};
use crate::error::{Error, ProjectError};
use crate::files::{self, Access};
use crate::project::{read_json, write_json};
use crate::ui::{Report, field, success};

/// Version of a backup's form.
const VERSION: u32 = 1;
/// What a backup consists of.
const INDEX: &str = "backup.json";
const STORE: &str = "store.sqlite";
const DATA: &str = "data";
/// What a coordinator has signed, in its folder.
pub const SIGNED: &str = "signed.log";

/// Why a backup cannot be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is where it is to be restored.
    #[error(
        "{} is there: nothing is restored over a coordinator's state, which may be newer than the backup. \
         Stop the coordinator, and move its folder away but for {SIGNED}, if there is one",
        path.display()
    )]
    Occupied {
        /// What.
        path: PathBuf,
    },
    /// Made by a later version of this program.
    #[error("{}: expected version {VERSION} of a backup, got {got}", path.display())]
    Version {
        /// Its index.
        path: PathBuf,
        /// Its version.
        got: u32,
    },
    /// Of another domain.
    #[error("the backup is of domain {got}; the configuration is for domain {expected}")]
    Domain {
        /// The configuration's.
        expected: u64,
        /// The backup's.
        got: u64,
    },
    /// The configuration keeps its store elsewhere than the backup's was.
    #[error(
        "the backup is of a coordinator with {}, the configuration names {}",
        engine(*got), engine(!*got)
    )]
    Engine {
        /// Whether the backup has an SQLite store.
        got: bool,
    },
    /// Not as it was made.
    #[error("{}: missing or changed since the backup was made", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// A name in the index that leads elsewhere.
    #[error("{}: {name:?} is not the name of a file in a backup", path.display())]
    Name {
        /// The index.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The store fails.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The file of what was signed cannot be written.
    #[error(transparent)]
    Signed(#[from] SignedBatchError),
}

fn engine(is_sqlite: bool) -> &'static str {
    if is_sqlite { "an SQLite store" } else { "a store in PostgreSQL" }
}

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

/// A new folder that only this user may enter, gone again unless it gets its name.
fn staging(beside: &Path) -> Result<tempfile::TempDir, Error> {
    let parent = beside.parent().filter(|path| !path.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    files::create_folder(parent, Access::Public)?;
    let made = tempfile::Builder::new().prefix(".zktrain-").tempdir_in(parent);
    made.map_err(|source| Error::Project(ProjectError::File { path: parent.to_owned(), source }))
}

fn name(staged: tempfile::TempDir, path: &Path) -> Result<(), Error> {
    let file = |source| Error::Project(ProjectError::File { path: path.to_owned(), source });
    fs::rename(staged.path(), path).map_err(file)?;
    // There is nothing at its old name any more.
    let _ = staged.keep();
    files::sync_parent(path).map_err(file)
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

/// Copies the files of a folder that are to be taken. One that goes meanwhile is of no use any more.
fn copy_folder(from: &Path, to: &Path, take: &mut dyn FnMut(&Path) -> bool) -> Result<(), Error> {
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
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
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

fn walk(folder: &Path) -> Result<Vec<PathBuf>, Error> {
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

fn digest(path: &Path) -> Result<String, Error> {
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
mod tests {
    use alloy::primitives::B256;

    use super::*;

    const DRAW: B256 = B256::repeat_byte(1);

    fn config(project: &Path, domain: u64) -> CoordinatorConfig {
        let project = Some(project.display().to_string());
        let flags =
            CoordinatorFlags { domain: Some(domain.to_string()), project, ..Default::default() };
        flags.load().unwrap().into_inner()
    }

    fn signed(config: &CoordinatorConfig) -> SignedBatchLog {
        SignedBatchLog::open(&config.data().join(SIGNED)).unwrap()
    }

    /// A project whose coordinator is at work in round 7, a folder for backups, and the store in use.
    fn coordinator() -> (tempfile::TempDir, CoordinatorConfig, PathBuf, Store) {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder.path().join("project"), 1);
        for (name, text) in [("rounds.json", "[]"), ("models/one", "m"), ("lineage/7/sum", "s")] {
            let path = config.data().join(name);
            files::create_folder(path.parent().unwrap(), Access::Owner).unwrap();
            fs::write(path, text).unwrap();
        }
        let log = signed(&config);
        log.begin(None).unwrap();
        log.batch(6, DRAW, DRAW).unwrap();
        let store = block_on(async {
            let store = Store::open(&config.store()).await.unwrap();
            store.begin(7, b"plan", 1).await.unwrap();
            Ok(store)
        });
        let out = folder.path().join("backup");
        (folder, config, out, store.unwrap())
    }

    fn in_store(config: &CoordinatorConfig) -> Vec<u64> {
        let unended = async {
            let store = Store::open(&config.store()).await.unwrap();
            let unended = store.unended().await.unwrap();
            store.close().await.unwrap();
            Ok(unended)
        };
        block_on(unended).unwrap()
    }

    #[test]
    fn a_backup_is_made_at_work_and_restored_where_nothing_is() {
        let (folder, config, out, store) = coordinator();
        let report = backup(&config, &out).unwrap();
        assert_eq!((report.files, report.store), (4, true));
        assert!(backup(&config, &out).is_err(), "no backup is overwritten");
        assert!(!out.join(DATA).join(SIGNED).exists());
        drop(store);
        let refused = restore(&config, &out).unwrap_err().to_string();
        assert!(refused.contains("nothing is restored over"), "{refused}");
        fs::rename(config.data(), folder.path().join("lost")).unwrap();
        restore(&config, &out).unwrap();
        assert_eq!(fs::read(config.data().join("lineage/7/sum")).unwrap(), b"s");
        assert_eq!(in_store(&config), [7]);
        // What was signed meanwhile is lost.
        let log = signed(&config);
        log.begin(Some(7)).unwrap();
        log.batch(7, DRAW, DRAW).unwrap_err();
        log.batch(8, DRAW, DRAW).unwrap();
    }

    #[test]
    fn what_was_signed_is_never_restored_backwards() {
        let (folder, config, out, store) = coordinator();
        backup(&config, &out).unwrap();
        signed(&config).batch(7, DRAW, DRAW).unwrap();
        drop(store);
        let lost = folder.path().join("lost");
        fs::rename(config.data(), &lost).unwrap();
        fs::create_dir(config.data()).unwrap();
        fs::rename(lost.join(SIGNED), config.data().join(SIGNED)).unwrap();
        restore(&config, &out).unwrap();
        let log = signed(&config);
        log.begin(Some(7)).unwrap();
        assert!(log.is_barred(7), "the store does not know what its receipts promise");
        log.batch(7, DRAW, DRAW).unwrap();
        log.batch(7, DRAW, B256::ZERO).unwrap_err();
        log.batch(6, DRAW, B256::ZERO).unwrap_err();
    }

    #[test]
    fn only_what_was_backed_up_is_restored() {
        let (folder, own, out, store) = coordinator();
        backup(&own, &out).unwrap();
        drop(store);
        let fails = |config: &CoordinatorConfig, part: &str| {
            let error = restore(config, &out).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert!(!config.data().join("rounds.json").exists());
        };
        fails(&config(&folder.path().join("other"), 2), "of domain 1");
        let elsewhere = config(&folder.path().join("elsewhere"), 1);
        fs::write(out.join("data/rounds.json"), "[1]").unwrap();
        fails(&elsewhere, "rounds.json: missing or changed");
        let mut index: Index = read_json(&out.join(INDEX), "").unwrap();
        index.files.insert("data/../../outside".into(), String::new());
        write_json(&out.join(INDEX), &index).unwrap();
        fails(&elsewhere, "is not the name of a file in a backup");
        index.version = VERSION + 1;
        write_json(&out.join(INDEX), &index).unwrap();
        fails(&elsewhere, "version");
    }
}
