//! What is where: contracts, an account, a domain, a round.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::providers::Provider;
use zktrain_contracts::bindings::escrow::Escrow;
use zktrain_contracts::bindings::registry::DomainRegistry;
use zktrain_contracts::bindings::reputation::Reputation;
use zktrain_contracts::bindings::rounds::Rounds;
use zktrain_contracts::bindings::stakes::StakeManager;
use zktrain_contracts::chain::ChainError;
use zktrain_contracts::keystore;
use zktrain_contracts::protocol::Client;

use super::Done;
use crate::chain::amount::{parse_address, show};
use crate::chain::{Connection, files};
use crate::error::Error;

/// Options of `zktrain chain status`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain chain status\n  zktrain chain status --domain 1\n  \
    zktrain chain status --round 7\n  \
    zktrain chain status --account 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")]
pub struct Args {
    /// An account; by default that of `--key`.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub account: Option<Address>,
    /// A domain, with its members' reputations.
    #[arg(long, value_name = "N")]
    pub domain: Option<u64>,
    /// A round.
    #[arg(long, value_name = "N")]
    pub round: Option<u64>,
}

/// The best score of a reputation.
const BEST: u32 = 65_536;
/// Width of a drawn bar.
const BAR: usize = 24;

pub async fn status(at: &Connection, args: &Args) -> Result<Done, Error> {
    let client = at.viewer().await?;
    if let Some(round) = args.round {
        return of_round(&client, round).await;
    }
    if let Some(domain) = args.domain {
        return of_domain(&client, domain).await;
    }
    let of_key = at.key.as_deref().map(keystore::address).transpose()?.flatten();
    match args.account.or(of_key) {
        Some(account) => of_account(&client, account).await,
        None => of_chain(at, &client).await,
    }
}

async fn of_chain(at: &Connection, client: &Client) -> Result<Done, Error> {
    let chain = client.sender().chain();
    let block = chain.provider().get_block_number().await.map_err(ChainError::from)?;
    let domains = client.view(client.at().registry, DomainRegistry::countCall {}).await?;
    let there = client.at();
    let code = chain.provider().get_code_at(there.rounds).await.map_err(ChainError::from)?;
    Ok(Done::new(format!("chain {} at {}", chain.id(), at.endpoint()?))
        .with("block", block)
        .with("time", files::time(chain.time().await?))
        .with("domains", domains)
        .with("rounds", there.rounds.to_string())
        .with("rounds_code", hex::encode(keccak256(&code)))
        .with("stakes", there.stakes.to_string())
        .with("reward_token", there.reward_token.to_string())
        .with("training_verifier", there.training_verifier.to_string()))
}

async fn of_account(client: &Client, account: Address) -> Result<Done, Error> {
    let at = client.at();
    let pool = client.view(at.stakes, StakeManager::poolCall { operator: account }).await?;
    let owed = Escrow::owedCall { token: at.reward_token, account };
    let provider = client.sender().chain().provider();
    let wei = provider.get_balance(account).await.map_err(ChainError::from)?;
    Ok(Done::new(account.to_string())
        .with("ether", alloy::primitives::utils::format_ether(wei))
        .with("balance", show(client.balance(at.reward_token, account).await?))
        .with("stake", show(U256::from(pool.active)))
        .with("unbonding", show(U256::from(pool.unbonding)))
        .with("answers_for", show(U256::from(pool.obligations)))
        .with("owed", show(client.view(at.escrow, owed).await?)))
}

async fn of_domain(client: &Client, number: u64) -> Result<Done, Error> {
    let at = client.at();
    let domain = client.domain(number).await?;
    let available = client.view(at.escrow, Escrow::availableCall { domain: number }).await?;
    let current = client.view(at.rounds, Rounds::currentCall { domain: number }).await?;
    let topic = Some(B256::from(U256::from(number)));
    let mut members = Vec::new();
    for joined in client.events::<Rounds::Joined>(at.rounds, topic).await? {
        let account = joined.account;
        let call = Rounds::membershipCall { domain: number, account };
        let windows = client.view(at.rounds, call).await?.windows;
        let call = Reputation::standingCall { domain: number, account };
        let standing = client.view(at.reputation, call).await?;
        let note = match (standing.slashed, windows) {
            (true, _) => "slashed",
            (false, 0) => "left",
            _ => "",
        };
        let line =
            format!("{account} {} {:>5.1} % {note}", bar(standing.score), share(standing.score));
        if !members.contains(&line) {
            members.push(line);
        }
    }
    let mode = if domain.config.optimistic { "optimistic" } else { "eager" };
    Ok(Done::new(format!("domain {number}, {mode}{}", if domain.closed { ", closed" } else { "" }))
        .with("manifest", domain.config.manifest.to_string())
        .with("training_key", domain.config.key.to_string())
        .with("model", format!("version {}: {}", domain.versions, domain.head))
        .with("coordinator", domain.config.coordinator.to_string())
        .with("budget", show(available))
        .with("round_under_way", current)
        .with("reputation", members))
}

async fn of_round(client: &Client, number: u64) -> Result<Done, Error> {
    let round = client.round(number).await?;
    let status = ["none", "open", "proposed", "settled", "void"];
    let status = status.get(usize::from(round.status)).copied().unwrap_or("unknown");
    let members = client.members(number).await?.0;
    let shown = members.iter().map(|m| format!("{} weight {} of 65536", m.account, m.weight));
    Ok(Done::new(format!("round {number} of domain {}: {status}", round.domain))
        .with("coordinator", round.coordinator.to_string())
        .with("parent", round.parent.to_string())
        .with("nonce", round.nonce.to_string())
        .with("deadline", files::time(round.deadline))
        .with("challenges_until", files::time(round.challengeEnd))
        .with("open_demands", round.demands)
        .with("budget", show(U256::from(round.budget)))
        .with("members", shown.collect::<Vec<_>>()))
}

fn share(score: u32) -> f64 {
    100.0 * f64::from(score) / f64::from(BEST)
}

fn bar(score: u32) -> String {
    let full = (BAR * score as usize).div_ceil(BEST as usize).min(BAR);
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}
