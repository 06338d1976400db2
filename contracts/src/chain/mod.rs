//! A chain with the contracts on it: the embedded one or any Ethereum node, through the same
//! provider.

mod endpoint;
mod error;
mod outbox;
mod revert;
mod sender;
mod watch;

use core::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, B256, Bytes};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use serde_json::{Value, json};

pub use endpoint::Endpoint;
pub use error::ChainError;
pub use outbox::{Outbox, OutboxError};
pub use revert::Revert;
pub(crate) use revert::{Decode, reader};
pub use sender::{Counters, Patience, Sender};

use crate::node::{Node, Transport};

/// A connection to a chain.
#[derive(Clone, Debug)]
pub struct Chain {
    provider: DynProvider,
    id: u64,
    genesis: B256,
    poll: Duration,
}

impl Chain {
    /// Connects to a node that speaks JSON-RPC over HTTP.
    ///
    /// # Errors
    /// If the address is malformed or nothing answers there.
    pub async fn http(url: &str) -> Result<Self, ChainError> {
        let parsed = url.parse().map_err(|_| ChainError::Url { got: url.to_owned() })?;
        let provider = ProviderBuilder::default().connect_http(parsed).erased();
        Self::new(provider, Duration::from_millis(500)).await
    }

    /// Uses an embedded node of this process.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn embedded(node: &Node) -> Result<Self, ChainError> {
        let client = RpcClient::new(Transport::new(node.clone()), true);
        let provider = ProviderBuilder::default().connect_client(client).erased();
        Self::new(provider, Duration::from_millis(1)).await
    }

    async fn new(provider: DynProvider, poll: Duration) -> Result<Self, ChainError> {
        let id = provider.get_chain_id().await?;
        let first = provider.get_block_by_number(BlockNumberOrTag::Earliest).await?;
        let genesis = first.ok_or(ChainError::NoBlock)?.header.hash;
        Ok(Self { provider, id, genesis, poll })
    }

    /// Its EIP-155 id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The hash of its first block, which tells apart chains with one id.
    pub fn genesis(&self) -> B256 {
        self.genesis
    }

    /// The provider, for whatever is not a call of ours.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// How often to look for news.
    pub fn poll(&self) -> Duration {
        self.poll
    }

    /// Calls a view of a contract.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with the decoded error, if the contract reverts.
    pub async fn view<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, ChainError> {
        let data = Bytes::from(call.abi_encode());
        let request = TransactionRequest::default().with_to(to).with_input(data);
        let output = self.provider.call(request).await.map_err(ChainError::from_rpc)?;
        C::abi_decode_returns(&output).map_err(ChainError::Return)
    }

    /// The time of the latest block.
    ///
    /// # Errors
    /// If the node does not say.
    pub async fn time(&self) -> Result<u64, ChainError> {
        let latest = self.provider.get_block_by_number(BlockNumberOrTag::Latest);
        latest.await?.map(|block| block.header.timestamp).ok_or(ChainError::NoBlock)
    }

    /// Lets time pass on a test chain; other chains refuse.
    ///
    /// # Errors
    /// If the chain's time is not ours to move.
    pub async fn pass(&self, seconds: u64) -> Result<(), ChainError> {
        let move_time = self.provider.raw_request("evm_increaseTime".into(), json!([seconds]));
        let _: Value = move_time.await?;
        let _: Value = self.provider.raw_request("evm_mine".into(), json!([])).await?;
        Ok(())
    }
}
