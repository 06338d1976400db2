//! Blocks as they are stored, and as they are shown.

use alloy::consensus::transaction::Recovered;
use alloy::consensus::{
    Eip658Value, Header, Receipt, ReceiptEnvelope, Transaction as _, TxEnvelope, TxType,
};
use alloy::primitives::{Address, B256, Bloom, Bytes, Log as LogEntry};
use alloy::rpc::types::{
    Block as RpcBlock, BlockTransactions, Header as RpcHeader, Log, Transaction, TransactionReceipt,
};
use serde::{Deserialize, Serialize};

/// Gas of a block.
pub(super) const GAS_LIMIT: u64 = 60_000_000;
/// Wei a gas that are burned; the same in all blocks.
pub(super) const BASE_FEE: u64 = 1_000_000_000;

/// What became of a block's transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Executed {
    pub transaction: TxEnvelope,
    pub from: Address,
    pub success: bool,
    pub gas_used: u64,
    pub created: Option<Address>,
    pub logs: Vec<LogEntry>,
    /// What it reverted with.
    pub reason: Option<Bytes>,
}

/// A block with at most one transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Block {
    pub header: Header,
    pub executed: Option<Executed>,
}

impl Executed {
    pub fn hash(&self) -> B256 {
        *self.transaction.tx_hash()
    }

    fn price(&self) -> u128 {
        self.transaction.effective_gas_price(Some(BASE_FEE))
    }

    /// The transaction, mined in this block or pending.
    pub fn shown(&self, block: Option<&Block>) -> Transaction {
        let inner = Recovered::new_unchecked(self.transaction.clone(), self.from);
        Transaction {
            inner,
            block_hash: block.map(Block::hash),
            block_number: block.map(|b| b.header.number),
            transaction_index: block.map(|_| 0),
            effective_gas_price: Some(self.price()),
            block_timestamp: block.map(|b| b.header.timestamp),
        }
    }
}

impl Block {
    /// A block; what the transaction did goes into its header.
    pub fn new(mut header: Header, executed: Option<Executed>) -> Self {
        if let Some(executed) = &executed {
            header.gas_used = executed.gas_used;
            header.transactions_root = executed.hash();
            header.logs_bloom = bloom(&executed.logs);
        }
        Self { header, executed }
    }

    pub fn hash(&self) -> B256 {
        self.header.hash_slow()
    }

    pub fn shown(&self, full: bool) -> RpcBlock {
        let transactions = match full {
            true => {
                BlockTransactions::Full(self.executed.iter().map(|e| e.shown(Some(self))).collect())
            }
            false => BlockTransactions::Hashes(self.executed.iter().map(Executed::hash).collect()),
        };
        let header = RpcHeader {
            hash: self.hash(),
            inner: self.header.clone(),
            total_difficulty: None,
            size: None,
        };
        RpcBlock { header, transactions, ..RpcBlock::default() }
    }

    pub fn logs(&self) -> Vec<Log> {
        let Some(executed) = &self.executed else { return Vec::new() };
        let shown = |(index, log): (usize, &LogEntry)| Log {
            inner: log.clone(),
            block_hash: Some(self.hash()),
            block_number: Some(self.header.number),
            block_timestamp: Some(self.header.timestamp),
            transaction_hash: Some(executed.hash()),
            transaction_index: Some(0),
            log_index: Some(index as u64),
            removed: false,
        };
        executed.logs.iter().enumerate().map(shown).collect()
    }

    pub fn receipt(&self) -> Option<TransactionReceipt> {
        let executed = self.executed.as_ref()?;
        let logs = self.logs();
        let receipt = Receipt {
            status: Eip658Value::Eip658(executed.success),
            cumulative_gas_used: executed.gas_used,
            logs,
        };
        let receipt = receipt.with_bloom();
        let inner = match executed.transaction.tx_type() {
            TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
            TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
            _ => ReceiptEnvelope::Eip1559(receipt),
        };
        Some(TransactionReceipt {
            inner,
            transaction_hash: executed.hash(),
            transaction_index: Some(0),
            block_hash: Some(self.hash()),
            block_number: Some(self.header.number),
            gas_used: executed.gas_used,
            effective_gas_price: executed.price(),
            blob_gas_used: None,
            blob_gas_price: None,
            from: executed.from,
            to: executed.transaction.to(),
            contract_address: executed.created,
        })
    }
}

fn bloom(logs: &[LogEntry]) -> Bloom {
    let mut bloom = Bloom::default();
    logs.iter().for_each(|log| bloom.accrue_log(log));
    bloom
}
