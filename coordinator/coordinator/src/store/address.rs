//! Where a store is, and connections to it.
//!
//! One process at a time may write. Beside an SQLite file lies `FILE.lock`, held with the operating
//! system's file lock until the process ends; in PostgreSQL the writing connection holds a session's
//! advisory lock (<https://www.postgresql.org/docs/current/explicit-locking.html>), so that to lose
//! the connection is to lose the lock, never one without the other.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};

use super::StoreError;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The advisory lock's number: the first bytes of "zktrain".
const LOCK: i64 = 0x007a_6b74_7261_696e;
/// A killed process's session may outlive it for a moment: this often, and so long apart, the lock
/// is tried.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(150);
/// The same of a file's lock.
const FILE_LOCK_TRIES: u32 = 10;
const FILE_LOCK_PAUSE: Duration = Duration::from_millis(30);
/// Connections that read.
const READERS: u32 = 4;
const ACQUIRE: Duration = Duration::from_secs(15);

/// What every SQLite connection is set to. With a write-ahead log and `synchronous=FULL` a commit
/// is on the disk when it returns (<https://sqlite.org/pragma.html#pragma_synchronous>).
const SQLITE_SESSION: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
    PRAGMA busy_timeout=10000; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA journal_size_limit=67108864;";
/// And the PostgreSQL one that writes: a connection that disappears is noticed within a minute.
const POSTGRES_SESSION: &str = "SET synchronous_commit = on; SET tcp_keepalives_idle = 20; \
    SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// Where a store is.
pub(super) struct Address {
    engine: Engine,
    options: AnyConnectOptions,
    /// Without credentials, for errors.
    name: String,
    /// Holds the file lock as long as it lives.
    _lock: Option<File>,
}

impl Address {
    /// Understands a URL and, for a file, creates it and takes its lock.
    pub async fn parse(url: &str) -> Result<Address, StoreError> {
        install_default_drivers();
        let unknown = || unknown(url);
        if let Some(path) = file_of(url)? {
            return Self::file(&path).await;
        }
        let options: AnyConnectOptions = url.parse().map_err(|_| unknown())?;
        let at = &options.database_url;
        let port = at.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = format!("postgres://{}{port}{}", at.host_str().unwrap_or(""), at.path());
        Ok(Address { engine: Engine::Postgres, options, name, _lock: None })
    }

    async fn file(path: &Path) -> Result<Address, StoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File { path, source }
        };
        open(path).map_err(failed(path))?;
        // One file has one lock, by whatever name it is opened.
        let path = path.canonicalize().map_err(failed(path))?;
        let mut beside = path.clone().into_os_string();
        beside.push(".lock");
        let beside = PathBuf::from(beside);
        let name = path.display().to_string();
        let lock = open(&beside).map_err(failed(&beside))?;
        for attempt in 1.. {
            match lock.try_lock() {
                Ok(()) => break,
                // Processes that others start hold our files for the moment until they are run.
                Err(TryLockError::WouldBlock) if attempt < FILE_LOCK_TRIES => {
                    tokio::time::sleep(FILE_LOCK_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { store: name }),
                Err(TryLockError::Error(source)) => return Err(failed(&beside)(source)),
            }
        }
        let options = format!("sqlite://{name}?mode=rw").parse()?;
        Ok(Address { engine: Engine::Sqlite, options, name, _lock: Some(lock) })
    }

    /// The connection that writes, which holds the lock.
    pub async fn writer(&self) -> Result<AnyConnection, StoreError> {
        let mut connection = self.options.clone().disable_statement_logging().connect().await?;
        match self.engine {
            Engine::Sqlite => connection.execute(SQLITE_SESSION).await?,
            Engine::Postgres => connection.execute(POSTGRES_SESSION).await?,
        };
        if self.engine == Engine::Postgres && !take_lock(&mut connection).await? {
            connection.close().await?;
            return Err(StoreError::InUse { store: self.name.clone() });
        }
        Ok(connection)
    }

    /// How a transaction begins. One of SQLite that reads before it writes would fail at once if
    /// the last one of a connection that was given up is committed in between.
    pub fn begin(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        }
    }

    /// What empties the log of what is no longer there, where this is ours to do.
    pub fn scrub(&self) -> Option<&'static str> {
        match self.engine {
            Engine::Sqlite => Some("PRAGMA wal_checkpoint(TRUNCATE)"),
            Engine::Postgres => None,
        }
    }

    /// Connections that read, made when they are needed.
    pub fn readers(&self) -> AnyPool {
        let mut pool = AnyPoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE);
        if self.engine == Engine::Sqlite {
            pool = pool.after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SQLITE_SESSION).await.map(|_| ()) })
            });
        }
        pool.connect_lazy_with(self.options.clone().disable_statement_logging())
    }

    /// Brings the tables up to date.
    pub async fn migrate(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let migrator = match self.engine {
            Engine::Sqlite => &SQLITE,
            Engine::Postgres => &POSTGRES,
        };
        let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
        let store = || self.name.clone();
        migrator.run(connection).await.map_err(|error| match error {
            MigrateError::VersionMissing(got) if got > known => {
                StoreError::Newer { store: store(), expected: known, got }
            }
            MigrateError::VersionMissing(version)
            | MigrateError::VersionMismatch(version)
            | MigrateError::Dirty(version) => StoreError::Schema { store: store(), version },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => sqlx::Error::from(other).into(),
        })
    }
}

/// Nothing after the colon is repeated: it may be a password.
fn unknown(url: &str) -> StoreError {
    let kind = url.split(':').next().filter(|kind| kind.len() < url.len());
    StoreError::Address { given: kind.unwrap_or("").to_owned() }
}

/// The file of a URL; none if it is a server's.
pub(super) fn file_of(url: &str) -> Result<Option<PathBuf>, StoreError> {
    let Some(path) = url.strip_prefix("sqlite:") else {
        let is_server = url.starts_with("postgres://") || url.starts_with("postgresql://");
        return if is_server { Ok(None) } else { Err(unknown(url)) };
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(['?', '#', '%']) || path == ":memory:" {
        return Err(unknown(url));
    }
    Ok(Some(path.into()))
}

/// Opens a file that only this user may read, and creates it if it is not there.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

async fn take_lock(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    for attempt in 0..LOCK_TRIES {
        if attempt > 0 {
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        let query = sqlx::query_as("SELECT pg_try_advisory_lock($1)").bind(LOCK);
        let (taken,): (bool,) = query.fetch_one(&mut *connection).await?;
        if taken {
            return Ok(true);
        }
    }
    Ok(false)
}
