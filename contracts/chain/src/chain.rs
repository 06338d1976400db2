//! A chain with the contracts on it: the embedded one or any Ethereum node, through the same
//! provider.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, B256, Bytes};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::{Filter, Log, TransactionRequest};
use alloy::sol_types::SolCall;
use alloy::transports::{RpcError, TransportErrorKind};
use serde_json::{Value, json};

use crate::{ChainError, Finality};

/// The id that test chains have: anvil's, hardhat's, and that of our own.
pub const TEST_CHAIN: u64 = 31337;

/// Blocks that one request for logs spans at most: nodes refuse more.
const SPAN: u64 = 9_000;

/// A connection to a chain.
#[derive(Clone, Debug)]
pub struct Chain {
    provider: DynProvider,
    id: u64,
    genesis: B256,
    poll: Duration,
    /// Whether it is of this process, which never takes a block back.
    embedded: bool,
    finality: Finality,
    /// Requests for logs so far.
    looks: Arc<AtomicU64>,
    /// Blocks that one request for logs spans.
    span: u64,
}

impl Chain {
    /// Connects to a node that speaks JSON-RPC over HTTP.
    ///
    /// # Errors
    /// If the address is malformed or nothing answers there.
    pub async fn http(url: &str) -> Result<Self, ChainError> {
        let parsed = url.parse().map_err(|_| ChainError::Url { got: url.to_owned() })?;
        let provider = ProviderBuilder::default().connect_http(parsed).erased();
        Self::new(provider, false).await
    }

    /// Uses an embedded node of this process: it mines at once, and never takes a block back.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn embedded(node: RpcClient) -> Result<Self, ChainError> {
        let provider = ProviderBuilder::default().connect_client(node).erased();
        Self::new(provider, true).await
    }

    async fn new(provider: DynProvider, embedded: bool) -> Result<Self, ChainError> {
        let id = provider.get_chain_id().await?;
        let first = provider.get_block_by_number(BlockNumberOrTag::Earliest).await?;
        let genesis = first.ok_or(ChainError::NoBlock)?.header.hash;
        let poll = Duration::from_millis(if embedded { 1 } else { 500 });
        // Test chains have no safe blocks, or those of an hour ago.
        let latest = embedded || id == TEST_CHAIN;
        let finality = if latest { Finality::LATEST } else { Finality::Safe };
        let looks = Arc::default();
        Ok(Self { provider, id, genesis, poll, embedded, finality, looks, span: SPAN })
    }

    /// The same, with other blocks that count as final. On an embedded chain every block does.
    #[must_use]
    pub fn with_finality(self, finality: Finality) -> Self {
        if self.embedded { self } else { Self { finality, ..self } }
    }

    /// The same, with requests for logs that span fewer blocks, for nodes that allow no more.
    #[must_use]
    pub fn with_span(self, span: u64) -> Self {
        Self { span: span.clamp(1, SPAN), ..self }
    }

    /// The same, looked at so often: a node on this machine has its news at once.
    #[must_use]
    pub fn with_poll(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// Blocks that one request for logs spans at most.
    pub fn span(&self) -> u64 {
        self.span
    }

    /// Which blocks count as final: by default those that are safe, on test chains all.
    pub fn finality(&self) -> Finality {
        self.finality
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

    /// Calls a contract as somebody, who may be a contract; nothing of it lasts.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn attempt(&self, from: Address, to: Address, data: Bytes) -> Result<(), ChainError> {
        let request = TransactionRequest::default().with_from(from).with_to(to).with_input(data);
        self.provider.call(request).await.map(|_| ()).map_err(ChainError::from_rpc)
    }

    /// Calls a view of a contract at the last final block; none where the contract is not there yet.
    ///
    /// # Errors
    /// As [`Self::view`]; [`ChainError::NotTold`] if the node knows no such block.
    pub async fn view_final<C: SolCall>(
        &self,
        to: Address,
        call: C,
    ) -> Result<Option<C::Return>, ChainError> {
        let data = Bytes::from(call.abi_encode());
        let request = TransactionRequest::default().with_to(to).with_input(data);
        let block = match self.finality.tag() {
            Some(tag) => BlockId::from(tag),
            None => BlockId::from(self.final_block().await?),
        };
        let output = match self.provider.call(request).block(block).await {
            Ok(output) => output,
            Err(error) => {
                // A node that knows no such block says so when it is asked for nothing else.
                self.final_block().await?;
                return Err(ChainError::from_rpc(error));
            }
        };
        match output.is_empty() {
            true => Ok(None),
            false => C::abi_decode_returns(&output).map(Some).map_err(ChainError::Return),
        }
    }

    /// The number of the last final block.
    ///
    /// # Errors
    /// If the node does not answer; [`ChainError::NotTold`] if it knows no such block.
    pub async fn final_block(&self) -> Result<u64, ChainError> {
        let finality = self.finality;
        match finality.tag() {
            None => Ok(finality.below(self.provider.get_block_number().await?)),
            Some(BlockNumberOrTag::Latest) => Ok(self.provider.get_block_number().await?),
            Some(tag) => match self.provider.get_block_by_number(tag).await {
                Ok(Some(block)) => Ok(block.header.number),
                Ok(None) => Err(ChainError::NotTold { finality }),
                Err(error) if is_about_block(&error) => Err(ChainError::NotTold { finality }),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Makes a block, on a test chain; elsewhere they come by themselves. Whether there is one.
    pub(crate) async fn next_block(&self) -> bool {
        self.provider.raw_request::<_, Value>("evm_mine".into(), json!([])).await.is_ok()
    }

    /// The time of the last final block.
    ///
    /// # Errors
    /// As [`Self::final_block`].
    pub async fn final_time(&self) -> Result<u64, ChainError> {
        let number = BlockNumberOrTag::Number(self.final_block().await?);
        let block = self.provider.get_block_by_number(number).await?;
        block.map(|block| block.header.timestamp).ok_or(ChainError::NoBlock)
    }

    /// Events that a filter finds.
    ///
    /// # Errors
    /// If the node refuses.
    pub(crate) async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, ChainError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        Ok(self.provider.get_logs(filter).await?)
    }

    /// How many times events were asked for: what providers charge most for.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
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

/// Whether a node does not know the block that it was asked for, rather than fails to answer.
fn is_about_block(error: &RpcError<TransportErrorKind>) -> bool {
    const INVALID: i64 = -32602;
    error.as_error_resp().is_some_and(|answer| {
        answer.code == INVALID || answer.message.to_lowercase().contains("block")
    })
}
