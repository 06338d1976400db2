//! An account: what it has, what it answers with, what is owed to it.

use alloy::primitives::utils::format_ether;
use alloy::primitives::{Address, U256};
use alloy::providers::Provider;
use zktrain_chain::ChainError;
use zktrain_chain::amount;
use zktrain_chain::protocol::Client;
use zktrain_ledger::bindings::stakes::{IStakeManager, StakeManager};
use zktrain_ledger::time;

use super::super::Done;
use crate::error::Error;

pub async fn show(
    client: &Client,
    account: Address,
    viewer: Option<Address>,
) -> Result<Done, Error> {
    let at = client.at();
    let pool = client.pool(account).await?;
    let exposure = client.exposure(account).await?;
    let provider = client.sender().chain().provider();
    let wei = provider.get_balance(account).await.map_err(ChainError::from)?;
    let done = Done::new(account.to_string())
        .with("ether", format_ether(wei))
        .with("balance", amount::show(client.balance(at.reward_token, account).await?))
        .with("stake", amount::show(U256::from(pool.own)))
        .with("delegated", amount::show(U256::from(pool.delegated)))
        .with("limit", limit(&pool))
        .with("delegators_lose_at_most", amount::show(exposure))
        .with("answers_for", amount::show(U256::from(pool.obligations)))
        .with("unbonding", unbonding(client, account).await?)
        .with("owed", amount::show(client.owed(at.reward_token, account).await?));
    match viewer.filter(|viewer| *viewer != account) {
        None => Ok(done),
        Some(staker) => {
            let call = StakeManager::stakeOfCall { operator: account, staker };
            let part = client.view(at.stakes, call).await?;
            Ok(done.with("your_part", amount::show(part)))
        }
    }
}

/// What the account may answer with beyond its own stake.
fn limit(pool: &IStakeManager::Pool) -> String {
    let now = amount::show(U256::from(pool.limit));
    match pool.nextLimitAt {
        0 => now,
        from => {
            let next = amount::show(U256::from(pool.nextLimit));
            format!("{now}, and {next} from {} on", time(from))
        }
    }
}

/// What is on its way out of the account's pool, of all who have staked with it.
async fn unbonding(client: &Client, account: Address) -> Result<Vec<String>, Error> {
    let stakes = client.at().stakes;
    let topic = Some(account.into_word());
    let mut tickets = Vec::new();
    for begun in client.events::<StakeManager::Unbonding>(stakes, topic).await? {
        let ticket = begun.ticket;
        let known = client.view(stakes, StakeManager::ticketOfCall { ticket }).await?;
        if known.staker.is_zero() {
            continue;
        }
        let worth = client.view(stakes, StakeManager::worthOfCall { ticket }).await?;
        tickets.push(format!(
            "ticket {ticket} of {}: {}, due {}",
            known.staker,
            amount::show(worth),
            time(known.releaseTime)
        ));
    }
    Ok(tickets)
}
