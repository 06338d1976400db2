//! Sends transactions of one account, and sees them through.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, Bytes, TxKind, U256};
use alloy::providers::Provider;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use tokio::time::Instant;

use super::outbox::{Entry, Locked, TransactionStatus, Version};
use super::{Chain, ChainError, Outbox};

/// Gas of a transaction at most, EIP-7825.
const GAS_LIMIT: u64 = 1 << 24;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct WaitPolicy {
    /// Blocks that a transaction has to be deep, its own included.
    pub confirmations: u64,
    /// After so long without being mined the fee is raised.
    pub raise_after: Duration,
    /// After so long waiting ends; the transaction stays in the outbox.
    pub give_up_after: Duration,
    /// Wei a gas that are never exceeded, however long it takes.
    pub most_fee: u128,
}

impl Default for WaitPolicy {
    fn default() -> Self {
        Self {
            confirmations: 1,
            raise_after: Duration::from_secs(60),
            give_up_after: Duration::from_secs(600),
            most_fee: 500_000_000_000,
        }
    }
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    /// None creates a contract.
    to: Option<Address>,
    data: Bytes,
    value: U256,
}

impl Payload {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { to: entry.to, data: entry.data.clone(), value: entry.value }
    }
}

/// What an earlier transaction under the same key means to a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// The key names what happens once: a success is the answer for ever.
    Once,
    /// The key names what is wanted time and again: what is still under way is the answer, and what has
    /// come to an end is none.
    Anew,
}

impl Use {
    /// Whether a new transaction may have the key of this one.
    fn frees(self, entry: &Entry) -> bool {
        match self {
            Self::Once => entry.fate.is_void(),
            Self::Anew => entry.fate != TransactionStatus::Pending,
        }
    }
}

/// What has become of an account's transactions since this process began, for metrics.
#[derive(Debug, Default)]
pub struct SenderCounters {
    /// The chain has them.
    pub mined: AtomicU64,
    /// Contracts refused them, before or after they were sent.
    pub reverted: AtomicU64,
    /// No node took them, none answered, or there was no ether.
    pub failed: AtomicU64,
}

impl SenderCounters {
    fn count<T>(&self, fate: &Result<T, ChainError>) {
        let counter = match fate {
            Ok(_) => &self.mined,
            Err(ChainError::Reverted(_) | ChainError::Failed { .. }) => &self.reverted,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// An account that sends transactions.
#[derive(Clone, Debug)]
pub struct Sender {
    pub(super) chain: Chain,
    signer: PrivateKeySigner,
    outbox: Outbox,
    counters: Arc<SenderCounters>,
    pub(super) patience: WaitPolicy,
}

impl Sender {
    /// An account with its outbox.
    pub fn new(chain: Chain, signer: PrivateKeySigner, outbox: Outbox) -> Self {
        let (counters, patience) = (Arc::default(), WaitPolicy::default());
        Self { chain, signer, outbox, counters, patience }
    }

    /// The same with other patience.
    #[must_use]
    pub fn with_patience(self, patience: WaitPolicy) -> Self {
        Self { patience, ..self }
    }

    /// Until when anything that begins now is waited for.
    pub fn until(&self) -> Instant {
        Instant::now() + self.patience.give_up_after
    }

    /// How long it waits for what.
    pub fn patience(&self) -> WaitPolicy {
        self.patience
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// What has become of its transactions.
    pub fn counters(&self) -> Arc<SenderCounters> {
        self.counters.clone()
    }

    /// The account's key, for typed data.
    pub fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Calls a contract and waits for the receipt. What the `key` names happens once, whatever happens
    /// in between: later calls wait for, or return, what became of it. An attempt that reverted, or
    /// whose nonce a stranger took, ends with its caller being told: the next call is a new attempt.
    ///
    /// # Errors
    /// If the contract reverts, the transaction is replaced by a stranger's, or it is not mined
    /// in time.
    pub async fn send<C: SolCall>(
        &self,
        key: &str,
        to: Address,
        call: C,
    ) -> Result<TransactionReceipt, ChainError> {
        self.transact(key, Some(to), call.abi_encode().into()).await
    }

    /// As [`Self::send`], for what is wanted time and again: each call is another transaction, but for
    /// one that finds the last one under way and waits for it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_anew<C: SolCall>(
        &self,
        key: &str,
        to: Address,
        call: C,
    ) -> Result<TransactionReceipt, ChainError> {
        let (data, value) = (call.abi_encode().into(), U256::ZERO);
        self.execute(key, Payload { to: Some(to), data, value }, Use::Anew).await
    }

    /// Sends data to a contract, or creates one; otherwise as [`Self::send`].
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn transact(
        &self,
        key: &str,
        to: Option<Address>,
        data: Bytes,
    ) -> Result<TransactionReceipt, ChainError> {
        self.execute(key, Payload { to, data, value: U256::ZERO }, Use::Once).await
    }

    /// Calls a contract and pays it wei; otherwise as [`Self::send_anew`].
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_with<C: SolCall>(
        &self,
        key: &str,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<TransactionReceipt, ChainError> {
        let data = call.abi_encode().into();
        self.execute(key, Payload { to: Some(to), data, value }, Use::Anew).await
    }

    /// Pays wei to an account; otherwise as [`Self::send`].
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn pay(
        &self,
        key: &str,
        to: Address,
        value: U256,
    ) -> Result<TransactionReceipt, ChainError> {
        self.execute(key, Payload { to: Some(to), data: Bytes::new(), value }, Use::Once).await
    }

    /// Pays wei to an account; otherwise as [`Self::send_anew`].
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn pay_anew(
        &self,
        key: &str,
        to: Address,
        value: U256,
    ) -> Result<TransactionReceipt, ChainError> {
        self.execute(key, Payload { to: Some(to), data: Bytes::new(), value }, Use::Anew).await
    }

    async fn execute(
        &self,
        key: &str,
        payload: Payload,
        usage: Use,
    ) -> Result<TransactionReceipt, ChainError> {
        let fate = self.attempt(key, &payload, usage).await;
        self.counters.count(&fate);
        fate
    }

    async fn attempt(
        &self,
        key: &str,
        payload: &Payload,
        usage: Use,
    ) -> Result<TransactionReceipt, ChainError> {
        loop {
            let known = self.lock()?.get(key)?;
            match known.filter(|entry| !usage.frees(entry)) {
                Some(entry) if Payload::of(&entry) == *payload => {
                    return self.see_through(key, entry).await;
                }
                Some(entry) => self.make_way(key, entry, usage).await?,
                None => {
                    let gas = self.estimate(payload).await?;
                    let fees = self.fees().await?;
                    self.afford(payload, gas, fees).await?;
                    // Another process may have been faster: then its transaction is looked at.
                    if let Some(entry) = self.store(key, payload, usage, (gas, fees)).await? {
                        return self.see_through(key, entry).await;
                    }
                }
            }
        }
    }

    /// Another transaction has the key: whether that was to be so is known once it has come to an end.
    async fn make_way(&self, key: &str, entry: Entry, usage: Use) -> Result<(), ChainError> {
        match self.see_through(key, entry).await {
            Ok(_) if usage == Use::Once => Err(ChainError::KeyReused { key: key.to_owned() }),
            Ok(_) | Err(ChainError::Failed { .. } | ChainError::Replaced { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends again whatever an earlier process left under way, and waits for none of it: keys, in the
    /// order of nonces. What becomes of it [`Self::finish`] tells.
    ///
    /// # Errors
    /// If the outbox cannot be read.
    pub async fn resume(&self) -> Result<Vec<String>, ChainError> {
        let pending = self.pending()?;
        for (_, entry) in &pending {
            // A node that does not take it now is asked again by the caller that waits for it.
            let _ = self.push(entry).await;
        }
        Ok(pending.into_iter().map(|(key, _)| key).collect())
    }

    /// Sees through whatever an earlier process left in the outbox; what became of it, by key.
    ///
    /// # Errors
    /// If the outbox cannot be read.
    pub async fn finish(
        &self,
    ) -> Result<Vec<(String, Result<TransactionReceipt, ChainError>)>, ChainError> {
        let pending = self.pending()?;
        let mut fates = Vec::new();
        for (key, entry) in pending {
            let fate = self.see_through(&key, entry).await;
            self.counters.count(&fate);
            fates.push((key, fate));
        }
        Ok(fates)
    }

    /// Entries without a fate, in the order of their nonces.
    fn pending(&self) -> Result<Vec<(String, Entry)>, ChainError> {
        let mut all = self.lock()?.all()?;
        all.retain(|(_, entry)| entry.fate == TransactionStatus::Pending);
        all.sort_by_key(|(_, entry)| entry.nonce);
        Ok(all)
    }

    pub(super) fn request(&self, Payload { to, data, value }: &Payload) -> TransactionRequest {
        let request = TransactionRequest::default().with_from(self.address()).with_value(*value);
        match to {
            Some(to) => request.with_to(*to).with_input(data.clone()),
            None => request.with_deploy_code(data.clone()),
        }
    }

    /// Gas, with a fifth to spare.
    async fn estimate(&self, payload: &Payload) -> Result<u64, ChainError> {
        let estimate = self.chain.provider().estimate_gas(self.request(payload));
        let got = estimate.await.map_err(ChainError::from_rpc)?;
        if got > GAS_LIMIT {
            return Err(ChainError::Gas { limit: GAS_LIMIT, got });
        }
        Ok((got + got / 5).min(GAS_LIMIT))
    }

    /// What the chain asks for at the moment, wei a gas: at most, and as the tip of the block
    /// producer.
    pub(super) async fn fees(&self) -> Result<(u128, u128), ChainError> {
        let fees = self.chain.provider().estimate_eip1559_fees().await?;
        let most = self.patience.most_fee;
        Ok((fees.max_fee_per_gas.min(most), fees.max_priority_fee_per_gas.min(most)))
    }

    /// Without the money for it a transaction would be stored, refused, and waited for.
    async fn afford(
        &self,
        payload: &Payload,
        gas: u64,
        (fee, _): (u128, u128),
    ) -> Result<(), ChainError> {
        let account = self.address();
        let got = self.chain.provider().get_balance(account).await?;
        let needed = U256::from(gas).saturating_mul(U256::from(fee)).saturating_add(payload.value);
        match got < needed {
            true => Err(ChainError::Funds { account, needed, got }),
            false => Ok(()),
        }
    }

    /// Whether a transaction has this key that is under way, or has done what it should.
    ///
    /// # Errors
    /// If the outbox cannot be read.
    pub fn has_sent(&self, key: &str) -> Result<bool, ChainError> {
        Ok(self.lock()?.get(key)?.is_some_and(|entry| !entry.fate.is_void()))
    }

    /// The outbox, for this chain and nobody else at the moment.
    pub(super) fn lock(&self) -> Result<Locked, ChainError> {
        Ok(self.outbox.lock(self.chain.genesis())?)
    }

    /// Takes a nonce, signs and stores; nothing is sent yet. None if the key was taken meanwhile.
    async fn store(
        &self,
        key: &str,
        payload: &Payload,
        usage: Use,
        (gas, fees): (u64, (u128, u128)),
    ) -> Result<Option<Entry>, ChainError> {
        // Asked before the lock, which is not to be held while waiting: the outbox knows of
        // nonces that the node does not know, and the node of those of other programs.
        let account = self.address();
        let mined = self.chain.provider().get_transaction_count(account).await?;
        let locked = self.lock()?;
        let known = locked.get(key)?;
        if known.as_ref().is_some_and(|entry| !usage.frees(entry)) {
            return Ok(None);
        }
        let nonce = locked.next_nonce()?.max(mined);
        let Payload { to, data, value } = payload.clone();
        let fate = TransactionStatus::Pending;
        let mut entry = Entry { nonce, to, data, value, gas, versions: Vec::new(), fate };
        let version = self.sign(&entry, fees)?;
        entry.versions.push(version);
        match known {
            Some(old) => locked.put_anew(key, &old, &entry)?,
            None => locked.put(key, &entry)?,
        }
        Ok(Some(entry))
    }

    pub(super) fn sign(
        &self,
        entry: &Entry,
        (max_fee, tip): (u128, u128),
    ) -> Result<Version, ChainError> {
        let transaction = TxEip1559 {
            chain_id: self.chain.id(),
            nonce: entry.nonce,
            gas_limit: entry.gas,
            max_fee_per_gas: max_fee,
            max_priority_fee_per_gas: tip,
            to: entry.to.map_or(TxKind::Create, TxKind::Call),
            value: entry.value,
            input: entry.data.clone(),
            ..TxEip1559::default()
        };
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash())?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let (hash, raw) = (*envelope.tx_hash(), envelope.encoded_2718().into());
        Ok(Version { hash, raw, max_fee, tip })
    }
}
