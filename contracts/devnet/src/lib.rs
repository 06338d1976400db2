//! An Ethereum node of one process: revm under the rules of Osaka, one block a transaction, its
//! state in one file or in memory.
//!
//! It answers the JSON-RPC methods that wallets and this program use, so the same provider code
//! drives it and a real node. Blocks have real hashes over their headers, but no state root:
//! nobody else follows this chain. Only the latest state can be asked for.
//!
//! [`Evm`] is less than a node: the verifiers' contracts in memory, which check single proofs.
//!
//! ```
//! use zktrain_devnet::{Genesis, EmbeddedNode};
//!
//! let genesis = Genesis { chain_id: 31337, funded: Vec::new() };
//! let node = EmbeddedNode::in_memory(genesis)?;
//! let client = node.client();
//! # let _ = client;
//! # Ok::<(), zktrain_devnet::NodeError>(())
//! ```
#![forbid(unsafe_code)]

mod block;
mod endpoint;
mod evm;
mod execute;
mod pool;
mod rpc;
mod serve;
mod store;
mod transport;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use block::{BASE_FEE, Block, GAS_LIMIT};
use pool::Pool;
use store::Store;

pub use evm::{Evm, EvmError, RegisteredKey, Rejection, Verified};
pub use rpc::RpcError;
pub use serve::serve;

/// What a chain starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Balances in wei.
    pub funded: Vec<(Address, U256)>,
}

/// Why a node cannot be opened, or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Another process uses the file.
    #[error("{}: another process uses this chain", path.display())]
    InUse { path: PathBuf },
    /// The store refuses or is damaged.
    #[error("the chain's store: {0}")]
    Store(#[from] Box<redb::Error>),
    /// A record is not what we write.
    #[error("the chain's store holds a record that cannot be read: {0}")]
    Record(#[from] serde_json::Error),
    /// The file holds another chain.
    #[error("{}: the chain there has the id {got}, not {expected}", path.display())]
    OtherChain {
        path: PathBuf,
        /// The id asked for.
        expected: u64,
        /// The id of the chain there.
        got: u64,
    },
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for NodeError {
            fn from(error: redb::$error) -> Self {
                Self::Store(Box::new(error.into()))
            }
        }
    )*};
}
from_redb!(Error, DatabaseError, TransactionError, TableError, StorageError, CommitError);

/// An embedded node; clones share it.
#[derive(Clone)]
pub struct EmbeddedNode(Arc<Mutex<State>>);

struct State {
    store: Store,
    genesis: Genesis,
    pool: Pool,
    /// Seconds that this chain's clock is ahead of the machine's.
    offset: u64,
    /// The next block's time, if somebody has set it.
    next_time: Option<u64>,
}

impl core::fmt::Debug for EmbeddedNode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EmbeddedNode").finish_non_exhaustive()
    }
}

impl EmbeddedNode {
    /// A chain in memory.
    ///
    /// # Errors
    /// If the store refuses.
    pub fn in_memory(genesis: Genesis) -> Result<Self, NodeError> {
        Self::start(Store::in_memory()?, genesis)
    }

    /// The chain in a file; a new one if there is none.
    ///
    /// # Errors
    /// If another process uses the file, or it is damaged or another chain's.
    pub fn open(path: &Path, genesis: Genesis) -> Result<Self, NodeError> {
        let expected = genesis.chain_id;
        let node = Self::start(Store::open(path)?, genesis)?;
        let got = node.lock().genesis.chain_id;
        if got != expected {
            return Err(NodeError::OtherChain { path: path.to_owned(), expected, got });
        }
        Ok(node)
    }

    fn start(store: Store, genesis: Genesis) -> Result<Self, NodeError> {
        let genesis = match store.genesis()? {
            Some(known) => known,
            None => {
                let time = now();
                let header = Header {
                    timestamp: time,
                    gas_limit: GAS_LIMIT,
                    base_fee_per_gas: Some(BASE_FEE),
                    // What tells two chains with one id apart.
                    mix_hash: B256::from(U256::from(time)),
                    ..Header::default()
                };
                store.begin(&genesis, &Block::new(header, None))?;
                genesis
            }
        };
        let offset = store.offset()?;
        let state = State { store, genesis, pool: Pool::default(), offset, next_time: None };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in another thread leaves the store as it was: changes are whole blocks.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since the epoch.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map(|time| time.as_secs()).unwrap_or_default()
}
