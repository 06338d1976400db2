//! What is where: contracts, an account, a domain, a round.

mod account;
mod domain;
mod round;

use alloy::primitives::{Address, B256, keccak256};
use alloy::providers::Provider;
use zktrain_chain::ChainError;
use zktrain_chain::amount::parse_address;
use zktrain_chain::keystore;
use zktrain_chain::protocol::Client;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::router::VerifierRouter;
use zktrain_ledger::time;

pub(super) use self::round::propose_until;
use super::Done;
use crate::chain::Connection;
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

pub async fn status(at: &Connection, args: &Args) -> Result<Done, Error> {
    let client = at.viewer().await?;
    if let Some(round) = args.round {
        return round::show(&client, round).await;
    }
    let of_key = at.key.as_deref().map(keystore::address).transpose()?.flatten();
    if let Some(domain) = args.domain {
        return domain::show(&client, domain, of_key).await;
    }
    match args.account.or(of_key) {
        Some(account) => account::show(&client, account, of_key).await,
        None => of_chain(at, &client).await,
    }
}

async fn of_chain(at: &Connection, client: &Client) -> Result<Done, Error> {
    let chain = client.sender().chain();
    let block = chain.provider().get_block_number().await.map_err(ChainError::from)?;
    let domains = client.view(client.at().registry, DomainRegistry::countCall {}).await?;
    let there = client.at();
    let code = chain.provider().get_code_at(there.rounds).await.map_err(ChainError::from)?;
    let guardian = client.view(there.router, VerifierRouter::guardianCall {}).await?;
    Ok(Done::new(format!("chain {} at {}", chain.id(), at.endpoint()?))
        .with("block", block)
        .with("time", time(chain.time().await?))
        .with("domains", domains)
        .with("rounds", there.rounds.to_string())
        .with("rounds_code", hex::encode(keccak256(&code)))
        .with("stakes", there.stakes.to_string())
        .with("demands", there.demands.to_string())
        .with("slashing", there.slashing.to_string())
        .with("timelock", there.timelock.to_string())
        .with("guardian", guardian.to_string())
        .with("reward_token", there.reward_token.to_string())
        .with("training_verifier", there.training_verifier.to_string())
        .with("stopped", stopped(client, there.verifier).await?))
}

/// Whether and since when a verifier is out of use.
async fn stopped(client: &Client, verifier: B256) -> Result<String, Error> {
    let since = client.stopped_at(verifier).await?;
    Ok(since.map_or("no".to_owned(), |at| format!("since {}", time(at))))
}
