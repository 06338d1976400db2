//! State and blocks in one redb file; a block and the state that it leads to are one write.

use std::path::Path;

use alloy::primitives::{Address, B256, U256, keccak256};
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    backends::InMemoryBackend,
};
use revm::bytecode::Bytecode;
use revm::database_interface::{DBErrorMarker, DatabaseRef};
use revm::state::{AccountInfo, EvmState};

use super::block::Block;
use super::{Genesis, NodeError};

/// `"genesis"`, `"offset"`: JSON.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Address to nonce, balance and code hash.
const ACCOUNTS: TableDefinition<'_, [u8; 20], (u64, [u8; 32], [u8; 32])> =
    TableDefinition::new("accounts");
/// Address and slot to value.
const STORAGE: TableDefinition<'_, ([u8; 20], [u8; 32]), [u8; 32]> =
    TableDefinition::new("storage");
const CODE: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("code");
/// Number to block: JSON.
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Hash of a block to its number.
const HASHES: TableDefinition<'_, [u8; 32], u64> = TableDefinition::new("hashes");
/// Hash of a transaction to its block's number.
const TRANSACTIONS: TableDefinition<'_, [u8; 32], u64> = TableDefinition::new("transactions");

pub(super) struct Store(Database);

/// An error of the store as the EVM passes it on.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct StoreError(#[from] pub NodeError);

impl DBErrorMarker for StoreError {}

impl Store {
    pub fn in_memory() -> Result<Self, NodeError> {
        let database = Database::builder().create_with_backend(InMemoryBackend::new())?;
        Self::ready(database)
    }

    pub fn open(path: &Path) -> Result<Self, NodeError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(redb::Error::Io)?;
        }
        match Database::create(path) {
            Ok(database) => Self::ready(database),
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                Err(NodeError::InUse { path: path.to_owned() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the tables, so that reading never misses one.
    fn ready(database: Database) -> Result<Self, NodeError> {
        let write = database.begin_write()?;
        write.open_table(META)?;
        write.open_table(ACCOUNTS)?;
        write.open_table(STORAGE)?;
        write.open_table(CODE)?;
        write.open_table(BLOCKS)?;
        write.open_table(HASHES)?;
        write.open_table(TRANSACTIONS)?;
        write.commit()?;
        Ok(Self(database))
    }

    fn meta<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, NodeError> {
        let table = self.0.begin_read()?.open_table(META)?;
        let Some(value) = table.get(key)? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(value.value())?))
    }

    pub fn genesis(&self) -> Result<Option<Genesis>, NodeError> {
        self.meta("genesis")
    }

    pub fn offset(&self) -> Result<u64, NodeError> {
        Ok(self.meta("offset")?.unwrap_or_default())
    }

    pub fn set_offset(&self, offset: u64) -> Result<(), NodeError> {
        let write = self.0.begin_write()?;
        write.open_table(META)?.insert("offset", serde_json::to_vec(&offset)?.as_slice())?;
        Ok(write.commit()?)
    }

    /// Starts a chain.
    pub fn begin(&self, genesis: &Genesis, block: &Block) -> Result<(), NodeError> {
        let write = self.0.begin_write()?;
        write.open_table(META)?.insert("genesis", serde_json::to_vec(genesis)?.as_slice())?;
        {
            let mut accounts = write.open_table(ACCOUNTS)?;
            let empty = keccak256([]).0;
            for (address, balance) in &genesis.funded {
                accounts.insert(address.into_array(), (0, balance.to_be_bytes(), empty))?;
            }
        }
        write.open_table(BLOCKS)?.insert(0, serde_json::to_vec(block)?.as_slice())?;
        write.open_table(HASHES)?.insert(block.hash().0, 0)?;
        Ok(write.commit()?)
    }

    /// Appends a block, with what its transaction changed.
    pub fn append(&self, block: &Block, changes: &EvmState) -> Result<(), NodeError> {
        let write = self.0.begin_write()?;
        {
            let mut accounts = write.open_table(ACCOUNTS)?;
            let mut storage = write.open_table(STORAGE)?;
            let mut codes = write.open_table(CODE)?;
            for (address, account) in changes.iter().filter(|(_, account)| account.is_touched()) {
                let key = address.into_array();
                // Since Cancun only what was created in this very transaction is destroyed: it
                // was never stored.
                if account.is_selfdestructed() {
                    accounts.remove(key)?;
                    continue;
                }
                let info = &account.info;
                if info.is_empty() {
                    accounts.remove(key)?;
                } else {
                    let (balance, code) = (info.balance.to_be_bytes(), info.code_hash.0);
                    accounts.insert(key, (info.nonce, balance, code))?;
                }
                if let Some(code) = info.code.as_ref().filter(|code| !code.is_empty())
                    && codes.get(info.code_hash.0)?.is_none()
                {
                    codes.insert(info.code_hash.0, code.original_byte_slice())?;
                }
                for (slot, value) in account.changed_storage_slots() {
                    let slot = (key, slot.to_be_bytes());
                    match value.present_value {
                        U256::ZERO => storage.remove(slot)?,
                        present => storage.insert(slot, present.to_be_bytes())?,
                    };
                }
            }
        }
        let number = block.header.number;
        write.open_table(BLOCKS)?.insert(number, serde_json::to_vec(block)?.as_slice())?;
        write.open_table(HASHES)?.insert(block.hash().0, number)?;
        if let Some(executed) = &block.executed {
            write.open_table(TRANSACTIONS)?.insert(executed.hash().0, number)?;
        }
        Ok(write.commit()?)
    }

    pub fn latest(&self) -> Result<Block, NodeError> {
        let table = self.0.begin_read()?.open_table(BLOCKS)?;
        let last = table.last()?;
        let Some((_, value)) = last else {
            return Err(TableError::TableDoesNotExist("blocks".into()).into());
        };
        Ok(serde_json::from_slice(value.value())?)
    }

    pub fn block(&self, number: u64) -> Result<Option<Block>, NodeError> {
        let table = self.0.begin_read()?.open_table(BLOCKS)?;
        let Some(value) = table.get(number)? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(value.value())?))
    }

    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Block>, NodeError> {
        let table = self.0.begin_read()?.open_table(HASHES)?;
        let number = table.get(hash.0)?.map(|number| number.value());
        number.map_or(Ok(None), |number| self.block(number))
    }

    /// The block with this transaction.
    pub fn block_of(&self, transaction: B256) -> Result<Option<Block>, NodeError> {
        let table = self.0.begin_read()?.open_table(TRANSACTIONS)?;
        let number = table.get(transaction.0)?.map(|number| number.value());
        number.map_or(Ok(None), |number| self.block(number))
    }

    pub fn account(&self, address: Address) -> Result<Option<AccountInfo>, NodeError> {
        let table = self.0.begin_read()?.open_table(ACCOUNTS)?;
        let Some(value) = table.get(address.into_array())? else { return Ok(None) };
        let (nonce, balance, code_hash) = value.value();
        let (balance, code_hash) = (U256::from_be_bytes(balance), B256::from(code_hash));
        Ok(Some(AccountInfo { balance, nonce, code_hash, code: None, ..AccountInfo::default() }))
    }

    pub fn code(&self, hash: B256) -> Result<Vec<u8>, NodeError> {
        let table = self.0.begin_read()?.open_table(CODE)?;
        Ok(table.get(hash.0)?.map(|code| code.value().to_vec()).unwrap_or_default())
    }

    pub fn slot(&self, address: Address, slot: U256) -> Result<U256, NodeError> {
        let table = self.0.begin_read()?.open_table(STORAGE)?;
        let value = table.get((address.into_array(), slot.to_be_bytes()))?;
        Ok(value.map(|value| U256::from_be_bytes(value.value())).unwrap_or_default())
    }
}

impl DatabaseRef for Store {
    type Error = StoreError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StoreError> {
        Ok(self.account(address)?)
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StoreError> {
        Ok(Bytecode::new_raw(self.code(code_hash)?.into()))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, StoreError> {
        Ok(self.slot(address, index)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StoreError> {
        Ok(self.block(number)?.map(|block| block.hash()).unwrap_or_default())
    }
}
