//! Runs transactions and calls.

use alloy::consensus::transaction::SignerRecoverable;
use alloy::consensus::{Header, Transaction as _, TxEnvelope};
use alloy::eips::eip2718::Decodable2718;
use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
use alloy::rpc::types::TransactionRequest;
use rand::RngCore;
use rand::rngs::OsRng;
use revm::context::result::{EVMError, ExecResultAndState, ExecutionResult, Output};
use revm::context::{BlockEnv, CfgEnv, TxEnv};
use revm::database_interface::WrapDatabaseRef;
use revm::primitives::hardfork::SpecId;
use revm::state::EvmState;
use revm::{Context, ExecuteEvm, MainBuilder, MainContext};

use super::block::{BASE_FEE, Block, Executed, GAS_LIMIT};
use super::rpc::RpcError;
use super::store::StoreError;
use super::{State, now};

/// Gas of a transaction at most, EIP-7825.
const TRANSACTION_GAS: u64 = 1 << 24;
/// Bytes of a transaction at most, as elsewhere.
const TRANSACTION_BYTES: usize = 128 << 10;
/// Gas of a transaction at least.
const LEAST_GAS: u64 = 21_000;

type Ran = ExecResultAndState<ExecutionResult, EvmState>;

impl State {
    /// The next block's time: never before its parent's.
    fn time(&self, parent: &Header) -> u64 {
        self.next_time.unwrap_or_else(|| now() + self.offset).max(parent.timestamp)
    }

    /// The header of the block after this one. What it draws is known to nobody before it is there,
    /// as on a chain with a beacon.
    fn next_header(&self, parent: &Block) -> Result<Header, RpcError> {
        Ok(Header {
            parent_hash: parent.hash(),
            number: parent.header.number + 1,
            timestamp: self.time(&parent.header),
            gas_limit: GAS_LIMIT,
            base_fee_per_gas: Some(BASE_FEE),
            mix_hash: random()?,
            ..Header::default()
        })
    }

    fn run(
        &self,
        header: &Header,
        transaction: TxEnv,
        base_fee: u64,
        check_nonce: bool,
    ) -> Result<Ran, EVMError<StoreError>> {
        let mut cfg = CfgEnv::new_with_spec(SpecId::OSAKA).with_mainnet_gas_params();
        cfg.chain_id = self.genesis.chain_id;
        cfg.disable_nonce_check = !check_nonce;
        // A call may name a contract as its sender.
        cfg.disable_eip3607 = !check_nonce;
        let block = BlockEnv {
            number: U256::from(header.number),
            timestamp: U256::from(header.timestamp),
            gas_limit: header.gas_limit,
            basefee: base_fee,
            prevrandao: Some(header.mix_hash),
            ..BlockEnv::default()
        };
        let context = Context::mainnet()
            .with_db(WrapDatabaseRef(&self.store))
            .with_cfg(cfg)
            .with_block(block);
        context.build_mainnet().transact(transaction)
    }

    /// Takes a signed transaction: mines it, and those that waited for it, or keeps it.
    pub(super) fn send(&mut self, raw: &[u8]) -> Result<B256, RpcError> {
        if raw.len() > TRANSACTION_BYTES {
            return Err(RpcError::refused("oversized data"));
        }
        let mut rest = raw;
        let transaction = TxEnvelope::decode_2718(&mut rest)
            .map_err(|e| RpcError::invalid(format!("not a transaction: {e}")))?;
        if !rest.is_empty() {
            return Err(RpcError::invalid("bytes after the transaction"));
        }
        let from = transaction
            .recover_signer()
            .map_err(|e| RpcError::invalid(format!("signature: {e}")))?;
        if transaction.is_eip4844() || transaction.is_eip7702() {
            return Err(RpcError::invalid("transactions of this type are not taken"));
        }
        let hash = *transaction.tx_hash();
        if self.pool.find(hash).is_some() || self.store.block_of(hash)?.is_some() {
            return Err(RpcError::refused("already known"));
        }
        let known = self.store.account(from)?.unwrap_or_default();
        if transaction.nonce() < known.nonce {
            return Err(RpcError::refused("nonce too low"));
        }
        let pending = Executed {
            transaction,
            from,
            success: false,
            gas_used: 0,
            created: None,
            logs: Vec::new(),
            reason: None,
        };
        if pending.transaction.nonce() > known.nonce {
            return match self.pool.insert(pending) {
                true => Ok(hash),
                false => Err(RpcError::refused("replacement transaction underpriced")),
            };
        }
        self.mine(Some(pending))?;
        let mut nonce = known.nonce + 1;
        while let Some(next) = self.pool.take(from, nonce) {
            // Refused now: as if it had never been sent.
            if self.mine(Some(next)).is_err() {
                break;
            }
            nonce += 1;
        }
        Ok(hash)
    }

    /// Appends a block.
    pub(super) fn mine(&mut self, pending: Option<Executed>) -> Result<(), RpcError> {
        let header = self.next_header(&self.store.latest()?)?;
        let Some(mut executed) = pending else {
            self.store.append(&Block::new(header, None), &EvmState::default())?;
            self.next_time = None;
            return Ok(());
        };
        let environment = signed(&executed);
        let ran = self.run(&header, environment, BASE_FEE, true).map_err(RpcError::from_evm)?;
        executed.success = ran.result.is_success();
        executed.gas_used = ran.result.tx_gas_used();
        match ran.result {
            ExecutionResult::Success { output, logs, .. } => {
                executed.created = output.address().copied();
                executed.logs = logs;
            }
            ExecutionResult::Revert { output, .. } => executed.reason = Some(output),
            ExecutionResult::Halt { .. } => {}
        }
        self.store.append(&Block::new(header, Some(executed)), &ran.state)?;
        self.next_time = None;
        Ok(())
    }

    fn environment(&self, request: &TransactionRequest, gas: u64) -> Result<TxEnv, RpcError> {
        let caller = request.from.unwrap_or_default();
        let nonce = self.store.account(caller)?.unwrap_or_default().nonce;
        Ok(TxEnv {
            caller,
            gas_limit: gas,
            kind: request.to.unwrap_or(TxKind::Create),
            value: request.value.unwrap_or_default(),
            data: request.input.input().cloned().unwrap_or_default(),
            nonce,
            chain_id: Some(self.genesis.chain_id),
            access_list: request.access_list.clone().unwrap_or_default(),
            ..TxEnv::default()
        })
    }

    /// Runs a call as the next block's, without a price.
    fn call_with(&self, request: &TransactionRequest, gas: u64) -> Result<Ran, RpcError> {
        let header = self.next_header(&self.store.latest()?)?;
        let environment = self.environment(request, gas)?;
        self.run(&header, environment, 0, false).map_err(RpcError::from_evm)
    }

    /// What a call returns.
    pub(super) fn call(&self, request: &TransactionRequest) -> Result<Bytes, RpcError> {
        let gas = request.gas.unwrap_or(TRANSACTION_GAS).min(TRANSACTION_GAS);
        output(self.call_with(request, gas)?.result)
    }

    /// Gas with which a transaction succeeds, found by raising what it uses: calls pass on only a
    /// part of what is left.
    pub(super) fn estimate(&self, request: &TransactionRequest) -> Result<u64, RpcError> {
        let most = request.gas.unwrap_or(TRANSACTION_GAS).min(TRANSACTION_GAS);
        let ran = self.call_with(request, most)?.result;
        let mut gas = ran.tx_gas_used().max(LEAST_GAS);
        output(ran)?;
        while gas < most {
            if self.call_with(request, gas)?.result.is_success() {
                return Ok(gas);
            }
            gas = (gas + gas / 16).min(most);
        }
        Ok(most)
    }
}

/// Of the operating system.
fn random() -> Result<B256, RpcError> {
    let mut bytes = [0; 32];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| RpcError::refused(format!("the system gives no randomness: {error}")))?;
    Ok(B256::from(bytes))
}

fn output(result: ExecutionResult) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success {
            output: Output::Call(data) | Output::Create(data, _), ..
        } => Ok(data),
        ExecutionResult::Revert { output, .. } => Err(RpcError::reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::refused(format!("{reason:?}"))),
    }
}

/// A signed transaction as the EVM takes it.
fn signed(executed: &Executed) -> TxEnv {
    let transaction = &executed.transaction;
    let caller: Address = executed.from;
    TxEnv {
        tx_type: transaction.tx_type() as u8,
        caller,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        ..TxEnv::default()
    }
}
