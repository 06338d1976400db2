//! Transactions that must not be forgotten nor sent twice: signed, stored, and only then sent.
//!
//! Nonces are handed out under a lock that all processes of this account share. A transaction has
//! a key, given by whoever sends it ("settle/7"): the same key never becomes two transactions.

use std::fs::File;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, U256};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");

/// Why the outbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store is damaged or refuses.
    #[error("{}: {source}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<redb::Error>,
    },
    /// An entry is not what we write.
    #[error("{}: entry {key:?} cannot be read: {source}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fate {
    /// Not mined yet, as far as is known.
    Pending,
    /// Mined: this version of it.
    Mined(B256),
    /// Another transaction took its nonce.
    Replaced,
}

/// One signed version of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub hash: B256,
    pub raw: Bytes,
    pub max_fee: u128,
    pub tip: u128,
}

/// A transaction with all its versions, which have one nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub nonce: u64,
    /// None creates a contract.
    pub to: Option<Address>,
    pub data: Bytes,
    pub value: U256,
    pub gas: u64,
    pub versions: Vec<Version>,
    pub fate: Fate,
}

/// The outbox of one account on one chain: a folder.
#[derive(Clone, Debug)]
pub struct Outbox {
    folder: PathBuf,
}

/// An outbox that nobody else has open.
pub(super) struct Locked {
    path: PathBuf,
    database: Database,
    // Released last.
    _lock: File,
}

impl Outbox {
    /// The outbox of an account on a chain, under a folder for all of them.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn new(folder: &Path, chain: u64, account: Address) -> Result<Self, OutboxError> {
        let folder = folder.join(format!("{chain}-{account}"));
        let file = |source| OutboxError::File { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(file)?;
        Ok(Self { folder })
    }

    /// Waits until nobody else has it.
    pub(super) fn lock(&self) -> Result<Locked, OutboxError> {
        let path = self.folder.join("lock");
        let file = |source| OutboxError::File { path: path.clone(), source };
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(file)?;
        lock.lock().map_err(file)?;
        let path = self.folder.join("outbox.redb");
        let database = Database::create(&path).map_err(|e| store(&path, e))?;
        Ok(Locked { path, database, _lock: lock })
    }
}

fn store(path: &Path, source: impl Into<redb::Error>) -> OutboxError {
    OutboxError::Store { path: path.to_owned(), source: Box::new(source.into()) }
}

impl Locked {
    pub fn get(&self, key: &str) -> Result<Option<Entry>, OutboxError> {
        Ok(self.all()?.into_iter().find(|(name, _)| name == key).map(|(_, entry)| entry))
    }

    /// All entries.
    pub fn all(&self) -> Result<Vec<(String, Entry)>, OutboxError> {
        let failed = |e: redb::Error| store(&self.path, e);
        let read = self.database.begin_read().map_err(|e| failed(e.into()))?;
        let table = match read.open_table(ENTRIES) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error.into())),
        };
        let mut entries = Vec::new();
        for item in table.iter().map_err(|e| failed(e.into()))? {
            let (key, value) = item.map_err(|e| failed(e.into()))?;
            let key = key.value().to_owned();
            let entry = serde_json::from_slice(value.value()).map_err(|source| {
                OutboxError::Entry { path: self.path.clone(), key: key.clone(), source }
            })?;
            entries.push((key, entry));
        }
        Ok(entries)
    }

    /// Stores an entry, durably.
    pub fn put(&self, key: &str, entry: &Entry) -> Result<(), OutboxError> {
        let failed = |e: redb::Error| store(&self.path, e);
        let value = serde_json::to_vec(entry).map_err(|source| OutboxError::Entry {
            path: self.path.clone(),
            key: key.to_owned(),
            source,
        })?;
        let write = self.database.begin_write().map_err(|e| failed(e.into()))?;
        {
            let mut table = write.open_table(ENTRIES).map_err(|e| failed(e.into()))?;
            table.insert(key, value.as_slice()).map_err(|e| failed(e.into()))?;
        }
        write.commit().map_err(|e| failed(e.into()))
    }

    /// The first nonce that no entry has: also one that the node does not know yet.
    pub fn next_nonce(&self) -> Result<u64, OutboxError> {
        let used = self.all()?.into_iter().map(|(_, entry)| entry.nonce);
        Ok(used.max().map_or(0, |nonce| nonce + 1))
    }
}
