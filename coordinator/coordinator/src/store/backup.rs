//! A copy of a store while it is used, without what must not outlive its round.
//!
//! SQLite writes a consistent copy by itself (<https://sqlite.org/lang_vacuum.html#vacuuminto>); copying its
//! file would miss what is only in its log. PostgreSQL has tools of its own.

use std::path::Path;

use sqlx::{AnyConnection, ConnectOptions, Connection, Executor};

use super::address::{self, file_of};
use super::{Store, StoreError};

/// Rounds without an outcome are not gone on with from a copy, see [`super::SignedBatchLog`]: their vectors and
/// shares would only lie around in it.
const STRIP: [&str; 3] = [
    "DELETE FROM upload WHERE substr(item, 1, 7) = 'masked/'",
    "DELETE FROM upload WHERE finished = 0",
    "DELETE FROM round_event WHERE round IN (SELECT round FROM round WHERE outcome IS NULL)",
];

impl Store {
    /// Copies the store at `url` into a new file, also while a coordinator uses it. Whether there is
    /// anything to copy: not of PostgreSQL.
    ///
    /// # Errors
    /// If there is no such store, or it or the copy fails.
    pub async fn snapshot(url: &str, to: &Path) -> Result<bool, StoreError> {
        let Some(from) = file_of(url)? else { return Ok(false) };
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File { path, source }
        };
        let from = from.canonicalize().map_err(failed(&from))?;
        // For this user alone from its beginning; SQLite takes a file that is empty.
        address::open(to).map_err(failed(to))?;
        let mut source = connect(&from).await?;
        let name = to.to_string_lossy().into_owned();
        let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(&mut source).await;
        source.close().await?;
        copied?;
        let mut copy = connect(to).await?;
        copy.execute("PRAGMA journal_mode=DELETE; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON")
            .await?;
        for statement in STRIP {
            sqlx::query(statement).execute(&mut copy).await?;
        }
        copy.close().await?;
        let file = std::fs::File::open(to).and_then(|file| file.sync_all());
        file.map_err(failed(to))?;
        Ok(true)
    }

    /// Where a store's file is; none if it is no file.
    ///
    /// # Errors
    /// If the address is of no kind that is known.
    pub fn file(url: &str) -> Result<Option<std::path::PathBuf>, StoreError> {
        file_of(url)
    }

    /// Ends with everything in the store's own file, and nothing beside it. For when nobody uses it any
    /// more.
    ///
    /// # Errors
    /// If the store fails; what was acknowledged is there all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.close().await
    }
}

async fn connect(path: &Path) -> Result<AnyConnection, StoreError> {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}?mode=rw", path.display());
    let options: sqlx::any::AnyConnectOptions = url.parse()?;
    let mut connection = options.disable_statement_logging().connect().await?;
    connection.execute("PRAGMA busy_timeout=10000").await?;
    Ok(connection)
}
