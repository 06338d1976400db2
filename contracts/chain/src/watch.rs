//! Sees a transaction through: until it is mined deep enough, or a stranger's took its nonce.

use core::time::Duration;

use alloy::consensus::Transaction as Numbered;
use alloy::eips::BlockNumberOrTag;
use alloy::network::TransactionResponse;
use alloy::primitives::{B256, Bytes};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionReceipt;
use serde::Deserialize;
use tokio::time::Instant;
use zktrain_ledger::Revert;

use super::outbox::{Entry, TransactionStatus};
use super::sender::Payload;
use super::{ChainError, Sender};

/// Blocks to look through for the transaction that took a nonce.
const SEARCH: u64 = 64;
/// Looks in a row that a transaction has to be missing for, with its nonce used, to be given up:
/// of nodes behind one address some may be a block behind.
const MISSED: u32 = 3;
/// Requests in a row that may get no answer.
const UNANSWERED: u32 = 20;
/// Between two looks at what the account's earlier nonces wait for.
const RESEND: Duration = Duration::from_secs(2);

/// What has been seen so far of a transaction.
struct Watch {
    entry: Entry,
    missed: u32,
    refusal: Option<String>,
    raise_at: Instant,
    resend_at: Instant,
}

/// What a node knows of a mined transaction beyond the standard: the embedded one and Besu do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reason {
    revert_reason: Option<Bytes>,
}

impl Sender {
    /// Follows a transaction until it has a fate.
    pub(super) async fn see_through(
        &self,
        key: &str,
        entry: Entry,
    ) -> Result<TransactionReceipt, ChainError> {
        let now = Instant::now();
        let (give_up_at, raise_at) =
            (now + self.patience.give_up_after, now + self.patience.raise_after);
        let mut watch = Watch { entry, missed: 0, refusal: None, raise_at, resend_at: now };
        let mut unanswered = 0;
        loop {
            match self.look_once(key, &mut watch).await {
                Ok(Some(receipt)) => return self.judge(&watch.entry, receipt).await,
                Ok(None) => unanswered = 0,
                Err(ChainError::Node(error))
                    if error.is_transport_error() && unanswered < UNANSWERED =>
                {
                    unanswered += 1;
                }
                Err(error) => return Err(error),
            }
            if Instant::now() >= give_up_at {
                let hash = watch.entry.versions.last().map(|v| v.hash).unwrap_or_default();
                return Err(ChainError::NotMined { hash, refusal: watch.refusal });
            }
            tokio::time::sleep(self.chain.poll()).await;
        }
    }

    /// Looks for a transaction, and sends again whatever the node has lost.
    async fn look_once(
        &self,
        key: &str,
        watch: &mut Watch,
    ) -> Result<Option<TransactionReceipt>, ChainError> {
        if let Some(receipt) = self.mined(&watch.entry).await? {
            let hash = receipt.transaction_hash;
            let fate = if receipt.status() {
                TransactionStatus::Mined(hash)
            } else {
                TransactionStatus::Reverted(hash)
            };
            self.settle(key, watch.entry.nonce, fate)?;
            return Ok(Some(receipt));
        }
        let count = self.chain.provider().get_transaction_count(self.address()).await?;
        if count > watch.entry.nonce {
            return self.lost(key, watch).await.map(|()| None);
        }
        watch.missed = 0;
        let now = Instant::now();
        let mut first = None;
        if count < watch.entry.nonce && now >= watch.resend_at.min(watch.raise_at) {
            watch.resend_at = now + RESEND;
            for (before, entry) in self.missing(count, watch.entry.nonce)? {
                let _ = self.push(&entry).await;
                first.get_or_insert((before, entry));
            }
        }
        watch.refusal = self.push(&watch.entry).await;
        if now >= watch.raise_at {
            watch.raise_at = now + self.patience.raise_after;
            // A fee makes nothing faster that waits for an earlier nonce.
            match first {
                Some((before, entry)) => drop(self.raise(&before, &entry).await?),
                None => watch.entry = self.raise(key, &watch.entry).await?,
            }
        }
        Ok(None)
    }

    /// The nonce is used, but by none of the versions that we know.
    async fn lost(&self, key: &str, watch: &mut Watch) -> Result<(), ChainError> {
        // Another process may have sent a version with a higher fee.
        if let Some((_, known)) = self.lock()?.find(key, watch.entry.nonce)?
            && known.versions.len() > watch.entry.versions.len()
        {
            watch.entry = known;
            return Ok(());
        }
        // It may have been mined since the last look, and not be deep enough.
        if self.any_receipt(&watch.entry).await?.is_some() {
            watch.missed = 0;
            return Ok(());
        }
        watch.missed += 1;
        if watch.missed < MISSED {
            return Ok(());
        }
        let (account, nonce) = (self.address(), watch.entry.nonce);
        let found = self.thief(nonce).await?;
        if let Some((_, block)) = found
            && !self.deep(block).await?
        {
            return Ok(());
        }
        let by = found.map(|(hash, _)| hash);
        if by.is_some_and(|by| watch.entry.versions.iter().any(|version| version.hash == by)) {
            return Ok(());
        }
        self.settle(key, nonce, TransactionStatus::Replaced)?;
        Err(ChainError::Replaced { account, nonce, by })
    }

    /// Entries with nonces in a range, which later ones wait for: also mined ones whose block the
    /// chain has given up.
    fn missing(&self, from: u64, to: u64) -> Result<Vec<(String, Entry)>, ChainError> {
        let mut all = self.lock()?.all()?;
        all.retain(|(_, e)| (from..to).contains(&e.nonce) && e.fate != TransactionStatus::Replaced);
        all.sort_by_key(|(_, entry)| entry.nonce);
        Ok(all)
    }

    /// Sends all versions that the node does not know; why it does not take the latest.
    pub(super) async fn push(&self, entry: &Entry) -> Option<String> {
        let mut refusal = None;
        for version in &entry.versions {
            let known = self.chain.provider().get_transaction_by_hash(version.hash).await;
            refusal = match known {
                Ok(None) => {
                    let sent = self.chain.provider().send_raw_transaction(&version.raw).await;
                    sent.err().map(|error| error.to_string())
                }
                _ => None,
            };
        }
        refusal
    }

    async fn any_receipt(&self, entry: &Entry) -> Result<Option<TransactionReceipt>, ChainError> {
        for version in &entry.versions {
            let receipt = self.chain.provider().get_transaction_receipt(version.hash).await?;
            if receipt.is_some() {
                return Ok(receipt);
            }
        }
        Ok(None)
    }

    /// Whether a block has the confirmations that are asked for.
    async fn deep(&self, block: u64) -> Result<bool, ChainError> {
        let latest = self.chain.provider().get_block_number().await?;
        Ok(latest + 1 >= block + self.patience.confirmations)
    }

    /// The receipt of a version that is deep enough.
    async fn mined(&self, entry: &Entry) -> Result<Option<TransactionReceipt>, ChainError> {
        let Some(receipt) = self.any_receipt(entry).await? else { return Ok(None) };
        let Some(block) = receipt.block_number else { return Ok(None) };
        Ok(self.deep(block).await?.then_some(receipt))
    }

    /// The transaction in the latest blocks that has this nonce, and its block.
    async fn thief(&self, nonce: u64) -> Result<Option<(B256, u64)>, ChainError> {
        let (provider, account) = (self.chain.provider(), self.address());
        let latest = provider.get_block_number().await?;
        for number in (latest.saturating_sub(SEARCH)..=latest).rev() {
            let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).full();
            let Some(block) = block.await? else { continue };
            let mut all = block.transactions.txns();
            if let Some(found) = all.find(|t| t.from() == account && Numbered::nonce(*t) == nonce) {
                return Ok(Some((found.tx_hash(), number)));
            }
        }
        Ok(None)
    }

    /// Adds a version with a higher fee: by an eighth, more than any node asks, and not less than
    /// others pay at the moment.
    async fn raise(&self, key: &str, seen: &Entry) -> Result<Entry, ChainError> {
        let now = self.fees().await?;
        let locked = self.lock()?;
        let Some((key, mut entry)) = locked.find(key, seen.nonce)? else {
            return Err(ChainError::KeyReused { key: key.to_owned() });
        };
        let last = entry.versions.last().map_or((0, 0), |v| (v.max_fee, v.tip));
        let higher = |fee: u128| fee + fee / 8 + 1;
        let fees = (higher(last.0).max(now.0), higher(last.1).max(now.1));
        // Somebody else may have raised it, and there is an end to it.
        if entry.versions.len() > seen.versions.len() || fees.0 > self.patience.most_fee {
            return Ok(entry);
        }
        let version = self.sign(&entry, (fees.0, fees.1.min(fees.0)))?;
        entry.versions.push(version);
        locked.put(&key, &entry)?;
        Ok(entry)
    }

    fn settle(&self, key: &str, nonce: u64, fate: TransactionStatus) -> Result<(), ChainError> {
        let locked = self.lock()?;
        if let Some((key, mut entry)) = locked.find(key, nonce)?
            && entry.fate != fate
        {
            entry.fate = fate;
            locked.put(&key, &entry)?;
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
        let hash = receipt.transaction_hash;
        let provider = self.chain.provider();
        let told = provider.raw_request("eth_getTransactionReceipt".into(), (hash,)).await;
        if let Ok(Reason { revert_reason: Some(data) }) = told {
            return Err(ChainError::Failed { hash, revert: Revert::decode(&data) });
        }
        // Before its block: the replay may differ where transactions before it in the block matter.
        let block = receipt.block_number.unwrap_or_default().saturating_sub(1);
        let mut request = self.request(&Payload::of(entry));
        request.gas = Some(entry.gas);
        let replay = provider.call(request).block(block.into()).await;
        let revert = match replay.map_err(ChainError::from_rpc) {
            Err(ChainError::Reverted(revert)) => revert,
            _ => Revert::decode(&[]),
        };
        Err(ChainError::Failed { hash, revert })
    }
}
