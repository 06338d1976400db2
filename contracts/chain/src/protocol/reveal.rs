//! Evidence is first committed to, and shown in a later block: an observer who sees it waiting would
//! take the bounty otherwise, or the guilty half of what it loses.

use alloy::primitives::{B256, Bytes, keccak256};
use alloy::rpc::types::TransactionReceipt;
use alloy::signers::SignerSync;
use alloy::sol_types::{SolCall, SolValue};
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::bindings::token::RewardToken;

use super::client::Client;
use super::error::ClientError;
use crate::ChainError;

impl Client {
    /// Brings evidence: commits to this call, waits for another block, and reveals it. Repeated after
    /// a crash it goes on where it was.
    pub(super) async fn reveal(
        &self,
        action: &str,
        call: &impl SolCall,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = Bytes::from(call.abi_encode());
        // What was revealed before shows nothing any more: its answer is in the outbox.
        if !self.has_sent(action)? {
            self.require_evidence(&call).await?;
        }
        let salt = self.salt(&call)?;
        let commitment = (self.address(), salt, keccak256(&call)).abi_encode();
        let commitment = keccak256(commitment);
        let (slashing, commit) = (self.at().slashing, Slashing::commitCall { commitment });
        let committed = self.send(&format!("commit/{commitment}"), slashing, commit).await?;
        // Nodes estimate a transaction's gas as if it were in the latest block.
        self.until_block(committed.block_number.unwrap_or_default() + 1).await?;
        self.send(action, slashing, Slashing::revealCall { salt, call }).await
    }

    /// Has the contract judge evidence as if it had been revealed: that it shows nothing would cost two
    /// transactions to find out. Only the node sees it.
    async fn require_evidence(&self, call: &Bytes) -> Result<(), ClientError> {
        let slashing = self.at().slashing;
        let tried = self.sender().chain().attempt(slashing, slashing, call.clone()).await;
        match tried {
            Err(error @ ChainError::Reverted(_)) if !may_hold(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Nobody else can guess it, and this account finds it again: a signature over the call, which
    /// goes nowhere, and is the same each time. So no secret has to be kept for what is committed to: a
    /// process that was killed has it as soon as it is given the evidence again.
    fn salt(&self, call: &[u8]) -> Result<B256, ClientError> {
        let digest = keccak256([&b"zktrain/commitment"[..], call].concat());
        let signature = self.sender().signer().sign_hash_sync(&digest).map_err(ChainError::from)?;
        Ok(keccak256(signature.as_bytes()))
    }
}

/// Whether evidence with which a call reverts like this may be good for all that: nobody is paid the
/// bounty in an attempt, and nodes give attempts less gas than a transaction can have.
fn may_hold(error: &ChainError) -> bool {
    error.revert().is_some_and(|revert| {
        revert.data.is_empty()
            || revert.is::<RewardToken::ERC20InvalidReceiver>()
            || revert.is::<Slashing::NotEnoughGas>()
            || revert.is::<Slashing::NoVerdict>()
    })
}
