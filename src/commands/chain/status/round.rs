//! A round: who is in it, what can still be done and until when.

use alloy::primitives::{B256, U256};
use zktrain_chain::amount;
use zktrain_chain::protocol::{Client, Status};
use zktrain_ledger::bindings::demands::Demands;
use zktrain_ledger::bindings::rounds::{IRounds, Rounds};
use zktrain_ledger::time;

use super::super::Done;
use crate::error::Error;

pub async fn show(client: &Client, number: u64) -> Result<Done, Error> {
    let round = client.round(number).await?;
    let members = client.members(number).await?.0;
    let shown = members.iter().map(|m| format!("{} weight {} of 65536", m.account, m.weight));
    let status = Status::of(round.status);
    let done = Done::new(format!("round {number} of domain {}: {}", round.domain, name(status)))
        .with("coordinator", round.coordinator.to_string())
        .with("parent", round.parent.to_string())
        .with("nonce", round.nonce.to_string())
        .with("deadline", time(round.deadline))
        .with("budget", amount::show(U256::from(round.budget)))
        .with("checked_by_the_contract", round.checked);
    let done = match status {
        Status::Open => done.with("proposed_until", time(propose_until(client, &round).await?)),
        _ => proposed(client, number, &round, done).await?,
    };
    Ok(done.with("members", shown.collect::<Vec<_>>()))
}

fn name(status: Status) -> &'static str {
    match status {
        Status::None => "none",
        Status::Open => "open",
        Status::Proposed => "proposed",
        Status::Settled => "settled",
        Status::Void => "void",
    }
}

/// Until when a batch is taken.
pub async fn propose_until(client: &Client, round: &IRounds::Round) -> Result<u64, Error> {
    let window = client.view(client.at().rounds, Rounds::PROPOSE_WINDOWCall {}).await?;
    Ok(round.deadline.saturating_add(window))
}

async fn proposed(
    client: &Client,
    number: u64,
    round: &IRounds::Round,
    done: Done,
) -> Result<Done, Error> {
    let audit = match client.audit_of(number).await? {
        Some(audit) => format!("to be drawn until {}", time(audit.until)),
        None => "nothing to be drawn".to_owned(),
    };
    let (open, demands) = demands(client, number).await?;
    Ok(done
        .with("challenges_until", time(round.challengeEnd))
        .with("audit", audit)
        .with("open_demands", open)
        .with("demands", demands))
}

/// How many demands are open, and all that there are, in words.
async fn demands(client: &Client, number: u64) -> Result<(usize, Vec<String>), Error> {
    let topic = Some(B256::from(U256::from(number)));
    let (mut open, mut told) = (0, Vec::new());
    for made in client.events::<Demands::Demanded>(client.at().demands, topic).await? {
        let account = made.account;
        let Some(demand) = client.demand_of(number, account).await? else { continue };
        let by = match demand.by == client.at().demands {
            true => "the audit".to_owned(),
            false => demand.by.to_string(),
        };
        let answer = match demand.answeredBy.is_zero() {
            true => format!("to be answered until {}", time(demand.until)),
            false => format!("answered by {}", demand.answeredBy),
        };
        open += usize::from(demand.answeredBy.is_zero());
        let bond = amount::show_ether(U256::from(demand.bond));
        told.push(format!("{account}, by {by}: {answer}; bond {bond}"));
    }
    Ok((open, told))
}
