//! Why a backup cannot be made or restored.

use std::path::PathBuf;

use zktrain_coordinator::store::{SignedBatchError, StoreError};

use super::{SIGNED, VERSION};

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

/// A kind of store, in words.
fn engine(is_sqlite: bool) -> &'static str {
    if is_sqlite { "an SQLite store" } else { "a store in PostgreSQL" }
}
