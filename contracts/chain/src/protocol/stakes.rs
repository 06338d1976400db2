//! Stake: one's own, and what is delegated to others within a limit that they have announced.

use alloy::primitives::{Address, U256};
use alloy::rpc::types::TransactionReceipt;
use zktrain_ledger::bindings::stakes::{IStakeManager, StakeManager};

use super::client::Client;
use super::error::ClientError;

impl Client {
    /// Stakes for oneself: it loses first if the account is slashed.
    ///
    /// # Errors
    /// If the account has less.
    pub async fn stake(&self, amount: U256) -> Result<TransactionReceipt, ClientError> {
        let action = format!("stake/{amount}");
        self.allow(&action, self.at().reward_token, self.at().stakes, amount).await?;
        self.send_anew(&action, self.at().stakes, StakeManager::stakeCall { amount }).await
    }

    /// Stakes with another account, whose delegators lose at most its limit together.
    ///
    /// # Errors
    /// If this account has less, or what the other one may answer with beyond its own stake, now or
    /// soon, is more than this one accepts.
    pub async fn delegate(
        &self,
        account: Address,
        amount: U256,
        most: U256,
    ) -> Result<TransactionReceipt, ClientError> {
        let action = format!("delegate/{account}/{amount}");
        self.allow(&action, self.at().reward_token, self.at().stakes, amount).await?;
        let call = StakeManager::delegateCall { operator: account, amount, most };
        self.send_anew(&action, self.at().stakes, call).await
    }

    /// Says how much this account may answer with beyond its own stake: lower at once, higher after
    /// the unbonding delay and the week in which delegators hear of it and leave.
    ///
    /// # Errors
    /// If the contract refuses.
    pub async fn set_limit(&self, limit: u128) -> Result<TransactionReceipt, ClientError> {
        let call = StakeManager::setLimitCall { limit };
        self.send_anew(&format!("limit/{limit}"), self.at().stakes, call).await
    }

    /// An account's stake, obligations and limit.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn pool(&self, account: Address) -> Result<IStakeManager::Pool, ClientError> {
        self.view(self.at().stakes, StakeManager::poolCall { operator: account }).await
    }

    /// Whether an account's stake covers what it answers with: who is not covered is in no new round.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn is_covered(&self, account: Address) -> Result<bool, ClientError> {
        self.view(self.at().stakes, StakeManager::isCoveredCall { operator: account }).await
    }

    /// Most that an account's delegators can lose together as things stand.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn exposure(&self, account: Address) -> Result<U256, ClientError> {
        self.view(self.at().stakes, StakeManager::exposureOfCall { operator: account }).await
    }
}
