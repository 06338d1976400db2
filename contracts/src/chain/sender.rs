//! Sends transactions of one account, and sees them through.

use core::time::Duration;

use alloy::consensus::{SignableTransaction, Transaction as Numbered, TxEip1559, TxEnvelope};
use alloy::eips::BlockNumberOrTag;
use alloy::eips::eip2718::Encodable2718;
use alloy::network::{TransactionBuilder, TransactionResponse};
use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
use alloy::providers::Provider;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use tokio::time::Instant;

use super::outbox::{Entry, Fate, Locked, Version};
use super::{Chain, ChainError, Outbox, Revert};

/// Gas of a transaction at most, EIP-7825.
const GAS_LIMIT: u64 = 1 << 24;
/// Blocks to look through for the transaction that took a nonce.
const SEARCH: u64 = 64;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Blocks that a transaction has to be deep, its own included.
    pub confirmations: u64,
    /// After so long without being mined the fee is raised.
    pub raise_after: Duration,
    /// After so long waiting ends; the transaction stays in the outbox.
    pub give_up_after: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            confirmations: 1,
            raise_after: Duration::from_secs(60),
            give_up_after: Duration::from_secs(600),
        }
    }
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Payload {
    /// None creates a contract.
    to: Option<Address>,
    data: Bytes,
    value: U256,
}

impl Payload {
    fn of(entry: &Entry) -> Self {
        Self { to: entry.to, data: entry.data.clone(), value: entry.value }
    }
}

/// An account that sends transactions.
#[derive(Clone, Debug)]
pub struct Sender {
    chain: Chain,
    signer: PrivateKeySigner,
    outbox: Outbox,
    patience: Patience,
}

impl Sender {
    /// An account with its outbox.
    pub fn new(chain: Chain, signer: PrivateKeySigner, outbox: Outbox) -> Self {
        Self { chain, signer, outbox, patience: Patience::default() }
    }

    /// The same with other patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The account's key, for typed data.
    pub fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Calls a contract and waits for the receipt. The same `key` is sent once, whatever happens
    /// in between: later calls wait for, or return, what became of it.
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
        self.execute(key, Payload { to, data, value: U256::ZERO }).await
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
        self.execute(key, Payload { to: Some(to), data: Bytes::new(), value }).await
    }

    async fn execute(&self, key: &str, payload: Payload) -> Result<TransactionReceipt, ChainError> {
        let known = self.outbox.lock()?.get(key)?;
        if let Some(entry) = known {
            if Payload::of(&entry) != payload {
                return Err(ChainError::KeyReused { key: key.to_owned() });
            }
            return self.see_through(key, entry).await;
        }
        let gas = self.estimate(&payload).await?;
        let fees = self.chain.provider().estimate_eip1559_fees().await?;
        let fees = (fees.max_fee_per_gas, fees.max_priority_fee_per_gas);
        let entry = self.store(key, payload, gas, fees).await?;
        self.see_through(key, entry).await
    }

    /// Sees through whatever an earlier process left in the outbox; what became of it, by key.
    ///
    /// # Errors
    /// If the outbox cannot be read.
    pub async fn resume(
        &self,
    ) -> Result<Vec<(String, Result<TransactionReceipt, ChainError>)>, ChainError> {
        let pending = self.pending()?;
        let mut fates = Vec::new();
        for (key, entry) in pending {
            let fate = self.see_through(&key, entry).await;
            fates.push((key, fate));
        }
        Ok(fates)
    }

    /// Entries without a fate, in the order of their nonces.
    fn pending(&self) -> Result<Vec<(String, Entry)>, ChainError> {
        let mut all = self.outbox.lock()?.all()?;
        all.retain(|(_, entry)| entry.fate == Fate::Pending);
        all.sort_by_key(|(_, entry)| entry.nonce);
        Ok(all)
    }

    /// Entries that the account's next transactions wait for: also mined ones whose block the
    /// chain has given up.
    async fn missing(&self, before: u64) -> Result<Vec<Entry>, ChainError> {
        let mined = self.chain.provider().get_transaction_count(self.address()).await?;
        let all = self.outbox.lock()?.all()?.into_iter().map(|(_, entry)| entry);
        let mut missing: Vec<_> = all
            .filter(|e| (mined..before).contains(&e.nonce) && e.fate != Fate::Replaced)
            .collect();
        missing.sort_by_key(|entry| entry.nonce);
        Ok(missing)
    }

    fn request(&self, Payload { to, data, value }: &Payload) -> TransactionRequest {
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

    /// Takes a nonce, signs and stores; nothing is sent yet.
    async fn store(
        &self,
        key: &str,
        payload: Payload,
        gas: u64,
        fees: (u128, u128),
    ) -> Result<Entry, ChainError> {
        // Asked before the lock, which is not to be held while waiting: the outbox knows of
        // nonces that the node does not know, and the node of those of other programs.
        let account = self.address();
        let mined = self.chain.provider().get_transaction_count(account).await?;
        let locked = self.outbox.lock()?;
        if let Some(entry) = locked.get(key)? {
            return Ok(entry);
        }
        let nonce = locked.next_nonce()?.max(mined);
        let Payload { to, data, value } = payload;
        let fate = Fate::Pending;
        let mut entry = Entry { nonce, to, data, value, gas, versions: Vec::new(), fate };
        let version = self.sign(&entry, fees)?;
        entry.versions.push(version);
        locked.put(key, &entry)?;
        Ok(entry)
    }

    fn sign(&self, entry: &Entry, (max_fee, tip): (u128, u128)) -> Result<Version, ChainError> {
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

    /// Follows a transaction until it has a fate.
    async fn see_through(
        &self,
        key: &str,
        mut entry: Entry,
    ) -> Result<TransactionReceipt, ChainError> {
        let started = Instant::now();
        let mut raise_at = started + self.patience.raise_after;
        self.push_before(&entry).await;
        loop {
            if let Some(receipt) = self.look(&entry).await? {
                let fate = Fate::Mined(receipt.transaction_hash);
                self.settle(key, fate)?;
                return self.judge(&entry, receipt).await;
            }
            if let Some(error) = self.replaced(&entry).await? {
                self.settle(key, Fate::Replaced)?;
                return Err(error);
            }
            self.push(&entry).await;
            let now = Instant::now();
            if now >= started + self.patience.give_up_after {
                let hash = entry.versions.last().map(|v| v.hash).unwrap_or_default();
                return Err(ChainError::NotMined { hash });
            }
            if now >= raise_at {
                raise_at = now + self.patience.raise_after;
                entry = self.raise(key)?;
                continue;
            }
            tokio::time::sleep(self.chain.poll()).await;
        }
    }

    /// Sends all versions that the node does not know. A node that refuses is asked again later.
    async fn push(&self, entry: &Entry) {
        for version in &entry.versions {
            let known = self.chain.provider().get_transaction_by_hash(version.hash).await;
            if matches!(known, Ok(None)) {
                // Its answer is what the next look finds.
                let _ = self.chain.provider().send_raw_transaction(&version.raw).await;
            }
        }
    }

    /// Sends what an earlier process stored and did not send: later nonces wait for it.
    async fn push_before(&self, entry: &Entry) {
        for before in self.missing(entry.nonce).await.unwrap_or_default() {
            self.push(&before).await;
        }
    }

    /// The receipt of a version that is deep enough.
    async fn look(&self, entry: &Entry) -> Result<Option<TransactionReceipt>, ChainError> {
        let provider = self.chain.provider();
        for version in &entry.versions {
            let Some(receipt) = provider.get_transaction_receipt(version.hash).await? else {
                continue;
            };
            let Some(block) = receipt.block_number else { continue };
            let latest = provider.get_block_number().await?;
            if latest + 1 >= block + self.patience.confirmations {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// Whether a stranger's transaction has taken the nonce.
    async fn replaced(&self, entry: &Entry) -> Result<Option<ChainError>, ChainError> {
        let (provider, account) = (self.chain.provider(), self.address());
        if provider.get_transaction_count(account).await? <= entry.nonce {
            return Ok(None);
        }
        // It may have been ours, mined since the last look.
        for version in &entry.versions {
            if provider.get_transaction_receipt(version.hash).await?.is_some() {
                return Ok(None);
            }
        }
        let by = self.thief(account, entry.nonce).await?;
        Ok(Some(ChainError::Replaced { account, nonce: entry.nonce, by }))
    }

    /// The transaction in the latest blocks that has this nonce.
    async fn thief(&self, account: Address, nonce: u64) -> Result<Option<B256>, ChainError> {
        let provider = self.chain.provider();
        let latest = provider.get_block_number().await?;
        for number in (latest.saturating_sub(SEARCH)..=latest).rev() {
            let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).full();
            let Some(block) = block.await? else { continue };
            let found = block
                .transactions
                .txns()
                .find(|t| t.from() == account && Numbered::nonce(*t) == nonce);
            if let Some(hash) = found.map(|transaction| transaction.tx_hash()) {
                return Ok(Some(hash));
            }
        }
        Ok(None)
    }

    /// Adds a version with a higher fee: by an eighth, more than any node asks.
    fn raise(&self, key: &str) -> Result<Entry, ChainError> {
        let locked = self.outbox.lock()?;
        let Some(mut entry) = locked.get(key)? else {
            return Err(ChainError::KeyReused { key: key.to_owned() });
        };
        let fees = entry.versions.last().map_or((0, 0), |v| (v.max_fee, v.tip));
        let higher = |fee: u128| fee + fee / 8 + 1;
        let version = self.sign(&entry, (higher(fees.0), higher(fees.1)))?;
        entry.versions.push(version);
        locked.put(key, &entry)?;
        Ok(entry)
    }

    fn settle(&self, key: &str, fate: Fate) -> Result<(), ChainError> {
        let locked: Locked = self.outbox.lock()?;
        if let Some(mut entry) = locked.get(key)? {
            entry.fate = fate;
            locked.put(key, &entry)?;
        }
        Ok(())
    }

    /// The receipt of a success; the reason of a failure.
    async fn judge(
        &self,
        entry: &Entry,
        receipt: TransactionReceipt,
    ) -> Result<TransactionReceipt, ChainError> {
        if receipt.status() {
            return Ok(receipt);
        }
        let block = receipt.block_number.unwrap_or_default().saturating_sub(1);
        let request = self.request(&Payload::of(entry));
        let replay = self.chain.provider().call(request).block(block.into()).await;
        let revert = match replay.map_err(ChainError::from_rpc) {
            Err(ChainError::Reverted(revert)) => revert,
            _ => Revert::decode(&[]),
        };
        Err(ChainError::Failed { hash: receipt.transaction_hash, revert })
    }
}
