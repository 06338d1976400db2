//! A domain: its rules, its money, its members.

use alloy::primitives::{Address, B256, U256};
use zktrain_chain::amount;
use zktrain_chain::protocol::Client;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::{DomainRegistry, IDomainRegistry};
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::time;

use super::super::Done;
use super::super::rules::describe;
use crate::error::Error;

/// The best score of a reputation.
const BEST: u32 = 65_536;
/// Width of a drawn bar.
const BAR: usize = 24;

pub async fn show(client: &Client, number: u64, viewer: Option<Address>) -> Result<Done, Error> {
    let domain = client.domain(number).await?;
    let config = &domain.config;
    let current = client.current(number).await?.unwrap_or_default();
    let mode = if config.optimistic { "optimistic" } else { "eager" };
    let closed = if domain.closed { ", closed" } else { "" };
    let done = Done::new(format!("domain {number}, {mode}{closed}"))
        .with("manifest", config.manifest.to_string())
        .with("training_key", config.key.to_string())
        .with("model", format!("version {}: {}", domain.versions, domain.head))
        .with("owner", owner(client, number, &domain).await?)
        .with("coordinator", coordinator(client, number, config.coordinator).await?)
        .with("rules", describe(config))
        .with("verifier_stopped", super::stopped(client, config.verifier).await?)
        .with("round_under_way", current);
    let done = money(client, number, viewer, done).await?;
    Ok(done.with("reputation", members(client, number).await?))
}

/// Who owns it, and to whom it is offered.
async fn owner(
    client: &Client,
    number: u64,
    domain: &IDomainRegistry::Domain,
) -> Result<String, Error> {
    let topic = Some(B256::from(U256::from(number)));
    let offers =
        client.events::<DomainRegistry::DomainOffered>(client.at().registry, topic).await?;
    let open = offers.last().map(|offer| offer.to);
    Ok(match open.filter(|to| !to.is_zero() && *to != domain.owner && !domain.closed) {
        Some(to) => format!("{}, who offers it to {to}", domain.owner),
        None => domain.owner.to_string(),
    })
}

async fn coordinator(client: &Client, number: u64, account: Address) -> Result<String, Error> {
    Ok(match client.is_barred(number, account).await? {
        true => format!("{account}, who was slashed and opens no round any more"),
        false => account.to_string(),
    })
}

async fn money(
    client: &Client,
    domain: u64,
    viewer: Option<Address>,
    done: Done,
) -> Result<Done, Error> {
    let escrow = client.at().escrow;
    let available = client.view(escrow, Escrow::availableCall { domain }).await?;
    let reserved = client.view(escrow, Escrow::reservedCall { domain }).await?;
    let idle = client.view(escrow, Escrow::idleAtCall { domain }).await?;
    let mut done =
        done.with("budget", amount::show(available)).with("set_aside", amount::show(reserved));
    if let Some(idle) = u64::try_from(idle).ok().filter(|idle| *idle != 0) {
        done = done.with("funds_come_back", format!("when it is closed, or at {}", time(idle)));
    }
    if let Some(account) = viewer {
        let [own, all] = client.funded(domain, account).await?;
        // Of what no round has paid yet.
        let part =
            (available + reserved).checked_mul(own).and_then(|all_of| all_of.checked_div(all));
        let part = part.unwrap_or_default();
        done = done.with("your_part", amount::show(part));
    }
    Ok(done)
}

/// Everybody who ever joined, with its reputation.
async fn members(client: &Client, domain: u64) -> Result<Vec<String>, Error> {
    let at = client.at();
    let topic = Some(B256::from(U256::from(domain)));
    let mut members = Vec::new();
    for joined in client.events::<Rounds::Joined>(at.rounds, topic).await? {
        let account = joined.account;
        let call = Rounds::membershipCall { domain, account };
        let membership = client.view(at.rounds, call).await?;
        let standing = Reputation::standingCall { domain, account };
        let standing = client.view(at.reputation, standing).await?;
        let note = match (standing.slashed, membership.windows, membership.leavesAt) {
            (true, ..) => "slashed".to_owned(),
            (false, 0, _) => "left".to_owned(),
            (false, _, 0) => String::new(),
            (false, _, at) => format!("can leave at {}", time(at)),
        };
        let line =
            format!("{account} {} {:>5.1} % {note}", bar(standing.score), share(standing.score));
        if !members.contains(&line) {
            members.push(line);
        }
    }
    Ok(members)
}

fn share(score: u32) -> f64 {
    100.0 * f64::from(score) / f64::from(BEST)
}

fn bar(score: u32) -> String {
    let full = (BAR * score as usize).div_ceil(BEST as usize).min(BAR);
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}
