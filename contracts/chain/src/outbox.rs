//! Transactions that must not be forgotten nor sent twice: signed, stored, and only then sent.
//!
//! Nonces are handed out under a lock that all processes of this account share. A transaction has a
//! key, given by the caller ("settle/7"): under one key at most one transaction is under way. One that
//! came to nothing, as it reverted or a stranger's took its nonce, ends its key: a caller that wants
//! the same then makes another attempt. The entry of the first one stays, set aside, as its nonce does.

use std::fs::File;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, U256};
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
/// The hash of the chain's first block.
const CHAIN: TableDefinition<'_, (), [u8; 32]> = TableDefinition::new("chain");

/// Why the outbox cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The store is damaged or refuses.
    #[error("{}: {source}", path.display())]
    Store { path: PathBuf, source: Box<redb::Error> },
    /// An entry is not what we write.
    #[error("{}: entry {key:?} cannot be read: {source}", path.display())]
    Entry {
        path: PathBuf,
        /// The entry.
        key: String,
        source: serde_json::Error,
    },
    /// It belongs to another chain with this id: its transactions would be valid on this one.
    #[error("{}: these transactions are of another chain, which began with {expected}; this one began with {got}", path.display())]
    OtherChain {
        path: PathBuf,
        /// The first block of the chain that it is for.
        expected: B256,
        /// The first block of this chain.
        got: B256,
    },
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TransactionStatus {
    /// Not mined yet, as far as is known.
    Pending,
    /// Mined: this version of it.
    Mined(B256),
    /// Mined, and reverted: this version of it.
    Reverted(B256),
    /// Another transaction took its nonce.
    Replaced,
}

impl TransactionStatus {
    /// Whether nothing came of it, nor will: a caller that wants the same has to send it anew.
    pub fn is_void(self) -> bool {
        matches!(self, Self::Reverted(_) | Self::Replaced)
    }
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
    pub fate: TransactionStatus,
}

/// Where an entry goes whose key another one takes. No two entries have one nonce.
fn aside(key: &str, nonce: u64) -> String {
    format!("{key}#{nonce}")
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

    /// Waits until nobody else has it. `genesis` is the hash of the chain's first block.
    pub(super) fn lock(&self, genesis: B256) -> Result<Locked, OutboxError> {
        let path = self.folder.join("lock");
        let file = |source| OutboxError::File { path: path.clone(), source };
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(file)?;
        lock.lock().map_err(file)?;
        let path = self.folder.join("outbox.redb");
        let database = Database::create(&path).map_err(|e| store(&path, e))?;
        let locked = Locked { path, database, _lock: lock };
        match locked.chain().map_err(|e| store(&locked.path, e))? {
            None => locked.bind(genesis).map_err(|e| store(&locked.path, e))?,
            Some(expected) if expected != genesis => {
                return Err(OutboxError::OtherChain { path: locked.path, expected, got: genesis });
            }
            Some(_) => {}
        }
        Ok(locked)
    }
}

fn store(path: &Path, source: impl Into<redb::Error>) -> OutboxError {
    OutboxError::Store { path: path.to_owned(), source: Box::new(source.into()) }
}

impl Locked {
    /// The chain that the entries are for.
    fn chain(&self) -> Result<Option<B256>, redb::Error> {
        let table = match self.database.begin_read()?.open_table(CHAIN) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(table.get(())?.map(|hash| B256::from(hash.value())))
    }

    /// Makes the tables, for this chain.
    fn bind(&self, genesis: B256) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        write.open_table(CHAIN)?.insert((), genesis.0)?;
        write.open_table(ENTRIES)?;
        Ok(write.commit()?)
    }

    fn parse(&self, key: &str, value: &[u8]) -> Result<Entry, OutboxError> {
        let (path, key) = (self.path.clone(), key.to_owned());
        serde_json::from_slice(value).map_err(|source| OutboxError::Entry { path, key, source })
    }

    fn entries(&self) -> Result<ReadOnlyTable<&'static str, &'static [u8]>, redb::Error> {
        Ok(self.database.begin_read()?.open_table(ENTRIES)?)
    }

    /// The entry with this key.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, OutboxError> {
        let table = self.entries().map_err(|e| store(&self.path, e))?;
        let value = table.get(key).map_err(|e| store(&self.path, e))?;
        value.map(|value| self.parse(key, value.value())).transpose()
    }

    /// All entries.
    pub fn all(&self) -> Result<Vec<(String, Entry)>, OutboxError> {
        let table = self.entries().map_err(|e| store(&self.path, e))?;
        let mut entries = Vec::new();
        for item in table.iter().map_err(|e| store(&self.path, e))? {
            let (key, value) = item.map_err(|e| store(&self.path, e))?;
            let entry = self.parse(key.value(), value.value())?;
            entries.push((key.value().to_owned(), entry));
        }
        Ok(entries)
    }

    /// The transaction that was sent under this key with this nonce, wherever it is kept by now, with
    /// its present key.
    pub fn find(&self, key: &str, nonce: u64) -> Result<Option<(String, Entry)>, OutboxError> {
        for name in [key.to_owned(), aside(key, nonce)] {
            if let Some(entry) = self.get(&name)?.filter(|entry| entry.nonce == nonce) {
                return Ok(Some((name, entry)));
            }
        }
        Ok(None)
    }

    /// Stores an entry, durably.
    pub fn put(&self, key: &str, entry: &Entry) -> Result<(), OutboxError> {
        self.put_all(&[(key, entry)])
    }

    /// Stores an entry under a key that another one had, which is set aside.
    pub fn put_anew(&self, key: &str, old: &Entry, new: &Entry) -> Result<(), OutboxError> {
        self.put_all(&[(&aside(key, old.nonce), old), (key, new)])
    }

    /// Stores these entries, all or none.
    fn put_all(&self, entries: &[(&str, &Entry)]) -> Result<(), OutboxError> {
        let failed = |e: redb::Error| store(&self.path, e);
        let write = self.database.begin_write().map_err(|e| failed(e.into()))?;
        for (key, entry) in entries {
            let value = serde_json::to_vec(entry).map_err(|source| OutboxError::Entry {
                path: self.path.clone(),
                key: (*key).to_owned(),
                source,
            })?;
            let mut table = write.open_table(ENTRIES).map_err(|e| failed(e.into()))?;
            table.insert(*key, value.as_slice()).map_err(|e| failed(e.into()))?;
        }
        write.commit().map_err(|e| failed(e.into()))
    }

    /// The first nonce that no entry has: also one that the node does not know yet.
    pub fn next_nonce(&self) -> Result<u64, OutboxError> {
        let used = self.all()?.into_iter().map(|(_, entry)| entry.nonce);
        Ok(used.max().map_or(0, |nonce| nonce + 1))
    }
}
