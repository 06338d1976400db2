//! A domain's history, from any node.

use std::collections::BTreeMap;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{B256, Log};
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log as ChainLog};
use zktrain_chain::ChainError;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_ledger::bindings::token::RewardToken;
use zktrain_ledger::export::Block;

use super::history::MetricsHistory;
use super::replay::{Entry, Replay};

/// Blocks that one request for events spans: nodes refuse more.
const SPAN: u64 = 9_000;

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The chain or a contract refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The chain or a contract refuses.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Nobody has opened the domain.
    #[error("the chain has no domain {domain}")]
    NoDomain { domain: u64 },
    /// The node gives an event of a block that it does not have.
    #[error("the node has no block {block}, but an event of it")]
    NoBlock {
        /// The block's number.
        block: u64,
    },
    /// The node gives an event that is in no block yet.
    #[error("the node gives an event that is in no block")]
    Pending,
}

impl MetricsHistory {
    /// What has happened in a domain up to the last block, from the contracts' events. Everything
    /// is in it but [`MetricsHistory::verdicts`].
    ///
    /// # Errors
    /// If the node refuses, contradicts itself, or has no such domain.
    pub async fn from_chain(client: &Client, domain: u64) -> Result<Self, HistoryError> {
        let mut replay = Replay::new(client.at(), domain);
        let provider = client.sender().chain().provider();
        let latest = provider.get_block_number().await.map_err(ChainError::from)?;
        let mut from = client.at().block;
        let mut times = BTreeMap::new();
        while from <= latest {
            let to = latest.min(from.saturating_add(SPAN));
            let filter = Filter::new()
                .address(Replay::contracts(client.at()))
                .event_signature(Replay::kinds())
                .from_block(from)
                .to_block(to);
            let mut logs = provider.get_logs(&filter).await.map_err(ChainError::from)?;
            logs.sort_by_key(|log| (log.block_number, log.log_index));
            for log in logs {
                replay.apply(&entry(client, log, &mut times).await?);
            }
            from = to + 1;
        }
        let mut history = replay.finish().ok_or(HistoryError::NoDomain { domain })?;
        let token = client.at().reward_token;
        let start = client.view(token, RewardToken::STARTCall {}).await?;
        let length = client.view(token, RewardToken::EPOCHCall {}).await?;
        history.epoch_start = start.try_into().unwrap_or_default();
        history.epoch_length = length.try_into().unwrap_or_default();
        Ok(history)
    }
}

/// With the time of its block, which not every node gives with it.
async fn entry(
    client: &Client,
    log: ChainLog,
    times: &mut BTreeMap<u64, u64>,
) -> Result<Entry, HistoryError> {
    let block = log.block_number.ok_or(HistoryError::Pending)?;
    let hash = log.block_hash.ok_or(HistoryError::Pending)?;
    let known = log.block_timestamp.or_else(|| times.get(&block).copied());
    let time = match known {
        Some(time) => time,
        None => {
            let number = BlockNumberOrTag::Number(block);
            let provider = client.sender().chain().provider();
            let found = provider.get_block_by_number(number).await.map_err(ChainError::from)?;
            let time = found.ok_or(HistoryError::NoBlock { block })?.header.timestamp;
            times.insert(block, time);
            time
        }
    };
    let transaction: B256 = log.transaction_hash.ok_or(HistoryError::Pending)?;
    let log: Log = log.inner;
    let block = Block { number: block, hash, time };
    Ok(Entry { block, transaction, log })
}
