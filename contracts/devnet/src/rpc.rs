//! The JSON-RPC methods.

use std::borrow::Cow;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, B256, Bytes, U64, U256};
use alloy::rpc::types::{FeeHistory, Filter, FilterBlockOption, Log, TransactionRequest};
use revm::context::result::EVMError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::block::{BASE_FEE, Block, GAS_LIMIT};
use super::store::StoreError;
use super::{EmbeddedNode, NodeError, State};

/// Logs that one request returns at most.
const MOST_LOGS: usize = 100_000;
/// Wei a gas for the block producer: enough for any transaction to be taken.
const TIP: u64 = 1;

/// Why a request has no result.
#[derive(Debug)]
pub struct RpcError {
    /// As nodes number them: 3 for a revert.
    pub code: i64,
    pub message: Cow<'static, str>,
    /// What a call reverted with.
    pub data: Option<Bytes>,
}

impl RpcError {
    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: -32602, message: message.into(), data: None }
    }

    pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: -32000, message: message.into(), data: None }
    }

    pub(super) fn reverted(data: Bytes) -> Self {
        Self { code: 3, message: "execution reverted".into(), data: Some(data) }
    }

    pub(super) fn from_evm(error: EVMError<StoreError>) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<NodeError> for RpcError {
    fn from(error: NodeError) -> Self {
        Self { code: -32603, message: error.to_string().into(), data: None }
    }
}

impl EmbeddedNode {
    /// Answers a request.
    ///
    /// # Errors
    /// If the method is unknown, its parameters are malformed, or it is refused.
    pub fn answer(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let mut state = self.lock();
        match method {
            "evm_mine" => state.mine(None).and_then(|()| show("0x0")),
            "evm_increaseTime" => {
                let seconds: Quantity = param(params, 0)?;
                state.offset = state.offset.saturating_add(seconds.get()?);
                state.store.set_offset(state.offset)?;
                show(U64::from(state.offset))
            }
            "evm_setNextBlockTimestamp" => {
                let time: Quantity = param(params, 0)?;
                let (time, latest) = (time.get()?, state.store.latest()?.header.timestamp);
                if time < latest {
                    return Err(RpcError::invalid(format!("{time} is before {latest}")));
                }
                state.next_time = Some(time);
                show(Value::Null)
            }
            "eth_sendRawTransaction" => {
                let raw: Bytes = param(params, 0)?;
                state.send(&raw).and_then(show)
            }
            _ => state.query(method, params),
        }
    }
}

impl State {
    /// Methods that change nothing.
    fn query(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        match method {
            "eth_chainId" => show(U64::from(self.genesis.chain_id)),
            "net_version" => show(self.genesis.chain_id.to_string()),
            "web3_clientVersion" => show(concat!("zktrain/", env!("CARGO_PKG_VERSION"))),
            "eth_blockNumber" => show(U64::from(self.store.latest()?.header.number)),
            "eth_gasPrice" => show(U64::from(BASE_FEE + TIP)),
            "eth_maxPriorityFeePerGas" => show(U64::from(TIP)),
            "eth_feeHistory" => self.fee_history(params),
            "eth_accounts" => show(Vec::<Address>::new()),
            "eth_call" => {
                self.latest_only(params, 1)?;
                show(self.call(&param::<TransactionRequest>(params, 0)?)?)
            }
            "eth_estimateGas" => {
                show(U64::from(self.estimate(&param::<TransactionRequest>(params, 0)?)?))
            }
            "eth_getLogs" => show(self.logs(&param::<Filter>(params, 0)?)?),
            "eth_getBlockByNumber" => {
                let tag: BlockNumberOrTag = param(params, 0)?;
                let full = param(params, 1).unwrap_or(false);
                show(self.by_tag(tag)?.map(|block| block.shown(full)))
            }
            "eth_getBlockByHash" => {
                let full = param(params, 1).unwrap_or(false);
                show(self.store.block_by_hash(param(params, 0)?)?.map(|block| block.shown(full)))
            }
            "eth_getTransactionByHash" => self.transaction(param(params, 0)?),
            "eth_getTransactionReceipt" => self.receipt(param(params, 0)?),
            _ => self.account_query(method, params),
        }
    }

    /// Methods about one account.
    fn account_query(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let known =
            ["eth_getBalance", "eth_getTransactionCount", "eth_getCode", "eth_getStorageAt"];
        if !known.contains(&method) {
            let message = format!("the method {method} does not exist");
            return Err(RpcError { code: -32601, message: message.into(), data: None });
        }
        let address: Address = param(params, 0)?;
        self.latest_only(params, if method == "eth_getStorageAt" { 2 } else { 1 })?;
        let account = self.store.account(address)?.unwrap_or_default();
        match method {
            "eth_getBalance" => show(account.balance),
            "eth_getCode" => show(Bytes::from(self.store.code(account.code_hash)?)),
            "eth_getStorageAt" => show(B256::from(self.store.slot(address, param(params, 1)?)?)),
            _ => {
                let pending =
                    param::<BlockNumberOrTag>(params, 1).is_ok_and(|tag| tag.is_pending());
                let nonce = account.nonce;
                show(U64::from(if pending { self.pool.after(address, nonce) } else { nonce }))
            }
        }
    }

    fn by_tag(&self, tag: BlockNumberOrTag) -> Result<Option<Block>, NodeError> {
        match tag {
            BlockNumberOrTag::Number(number) => self.store.block(number),
            BlockNumberOrTag::Earliest => self.store.block(0),
            _ => self.store.latest().map(Some),
        }
    }

    /// Refuses to speak about states of the past, which are not kept.
    fn latest_only(&self, params: &Value, index: usize) -> Result<(), RpcError> {
        let latest = self.store.latest()?.header.number;
        let number = match param::<Option<BlockId>>(params, index)? {
            Some(BlockId::Number(BlockNumberOrTag::Number(number))) => number,
            Some(BlockId::Number(BlockNumberOrTag::Earliest)) => 0,
            Some(BlockId::Number(_)) | None => latest,
            Some(BlockId::Hash(hash)) => {
                let block = self.store.block_by_hash(hash.block_hash)?;
                let block = block.ok_or_else(|| RpcError::invalid("unknown block"))?;
                block.header.number
            }
        };
        match number < latest {
            true => Err(RpcError::refused(format!("the state of block {number} is not kept"))),
            false => Ok(()),
        }
    }

    /// A receipt, with what the transaction reverted with where Besu says it.
    fn receipt(&self, hash: B256) -> Result<Value, RpcError> {
        let Some(block) = self.store.block_of(hash)? else { return Ok(Value::Null) };
        let mut receipt = show(block.receipt())?;
        if let Some(reason) = block.executed.and_then(|executed| executed.reason) {
            receipt["revertReason"] = show(reason)?;
        }
        Ok(receipt)
    }

    fn transaction(&self, hash: B256) -> Result<Value, RpcError> {
        if let Some(pending) = self.pool.find(hash) {
            return show(pending.shown(None));
        }
        let block = self.store.block_of(hash)?;
        show(block.as_ref().and_then(|b| Some(b.executed.as_ref()?.shown(Some(b)))))
    }

    fn fee_history(&self, params: &Value) -> Result<Value, RpcError> {
        let blocks = param::<Quantity>(params, 0)?.get()?.clamp(1, 1024);
        let latest = self.store.latest()?.header.number;
        let oldest_block = (latest + 1).saturating_sub(blocks);
        let count = usize::try_from(latest + 1 - oldest_block).unwrap_or_default();
        let percentiles: Vec<f64> = param(params, 2).unwrap_or_default();
        let mut ratios = Vec::new();
        for number in oldest_block..=latest {
            let used = self.store.block(number)?.map_or(0, |block| block.header.gas_used);
            ratios.push(used as f64 / GAS_LIMIT as f64);
        }
        show(FeeHistory {
            base_fee_per_gas: vec![u128::from(BASE_FEE); count + 1],
            gas_used_ratio: ratios,
            oldest_block,
            reward: (!percentiles.is_empty())
                .then(|| vec![vec![u128::from(TIP); percentiles.len()]; count]),
            ..FeeHistory::default()
        })
    }

    fn logs(&self, filter: &Filter) -> Result<Vec<Log>, RpcError> {
        let latest = self.store.latest()?.header.number;
        let number = |tag: Option<BlockNumberOrTag>, default: u64| match tag {
            Some(BlockNumberOrTag::Number(number)) => number,
            Some(BlockNumberOrTag::Earliest) => 0,
            Some(_) => latest,
            None => default,
        };
        let (from, to) = match filter.block_option {
            FilterBlockOption::Range { from_block, to_block } => {
                (number(from_block, latest), number(to_block, latest).min(latest))
            }
            FilterBlockOption::AtBlockHash(hash) => {
                let block = self.store.block_by_hash(hash)?;
                let number = block.map(|block| block.header.number);
                let number = number.ok_or_else(|| RpcError::invalid("unknown block"))?;
                (number, number)
            }
        };
        let mut found = Vec::new();
        for number in from..=to {
            let Some(block) = self.store.block(number)? else { continue };
            found.extend(block.logs().into_iter().filter(|log| filter.rpc_matches(log)));
            if found.len() > MOST_LOGS {
                return Err(RpcError::refused(format!(
                    "more than {MOST_LOGS} logs: ask for fewer blocks"
                )));
            }
        }
        Ok(found)
    }
}

/// A number as wallets write it: hexadecimal, or plain.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Quantity {
    Hex(U256),
    Number(u64),
}

impl Quantity {
    fn get(&self) -> Result<u64, RpcError> {
        match self {
            Self::Hex(number) => {
                u64::try_from(*number).map_err(|_| RpcError::invalid("the number is too large"))
            }
            Self::Number(number) => Ok(*number),
        }
    }
}

fn param<T: DeserializeOwned>(params: &Value, index: usize) -> Result<T, RpcError> {
    let value = params.get(index).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|e| RpcError::invalid(format!("parameter {index}: {e}")))
}

fn show(value: impl Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(|e| NodeError::from(e).into())
}
