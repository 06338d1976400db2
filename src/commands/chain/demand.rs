//! Deliveries that have to be proven on chain: demanded by somebody for a bond, or drawn by lot.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use alloy::primitives::{Address, U256};
use zktrain_chain::amount::{parse_address, parse_ether, show_ether};
use zktrain_chain::protocol::Client;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::time;
use zktrain_ledger::typed::Submission;

use super::{ChainRefusal, Done};
use crate::chain::Connection;
use crate::chain::files;
use crate::error::Error;
use crate::ui::Ui;

/// Options of `zktrain chain demand`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain chain demand 7 \
    0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key watcher.json\n  zktrain chain demand 7 \
    0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --most 0.02 --key watcher.json")]
pub struct DemandArgs {
    /// The round.
    pub round: u64,
    /// The member.
    #[arg(value_parser = parse_address)]
    pub account: Address,
    /// The highest bond that you agree to, in ether, without being asked.
    #[arg(long, value_name = "ETHER", value_parser = parse_ether)]
    pub most: Option<U256>,
}

/// Options of `zktrain chain answer`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain answer 7.submission.json --key coordinator.json")]
pub struct AnswerArgs {
    /// The submission that was demanded.
    pub submission: PathBuf,
}

/// Options of `zktrain chain collect`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain collect 7 \
    0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key anyone.json")]
pub struct CollectArgs {
    /// The round.
    pub round: u64,
    /// The member whose delivery was demanded.
    #[arg(value_parser = parse_address)]
    pub account: Address,
}

/// Options of `zktrain chain audit`, `draw` and `abandon`.
#[derive(clap::Args, Clone, Debug)]
pub struct RoundArgs {
    /// The round.
    pub round: u64,
}

/// What a submission's file is.
pub const EVIDENCE: &str = "name a file that `zktrain chain submit` wrote";

pub async fn demand(at: &Connection, args: &DemandArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let bond = client.demand_bond(args.round).await?;
    agree(bond, args.most, ui)?;
    let receipt = client.demand_for(args.round, args.account, bond).await?;
    let until = match client.demand_of(args.round, args.account).await? {
        Some(demand) => time(demand.until),
        None => "never".to_owned(),
    };
    Ok(Done::by(format!("{} has to be proven until {until}", args.account), &receipt)
        .with("bond", show_ether(bond))
        .with("then", format!("zktrain chain collect {} {}", args.round, args.account)))
}

/// Shows what a demand costs, and asks the person at the terminal, unless that was agreed to.
fn agree(bond: U256, most: Option<U256>, ui: &Ui) -> Result<(), ChainRefusal> {
    match most {
        Some(most) if bond <= most => return Ok(()),
        None if std::io::stdin().is_terminal() && !ui.json => {}
        _ => return Err(ChainRefusal::Bond { bond, most }),
    }
    ui.say(&format!(
        "a bond of {}: the account that answers gets it, or you get it back if none does",
        show_ether(bond)
    ));
    // A person may type it without having seen the question.
    let _ = write!(std::io::stderr(), "demand it? [y/N] ");
    let mut typed = String::new();
    match std::io::stdin().read_line(&mut typed) {
        Ok(_) if matches!(typed.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(ChainRefusal::Declined),
    }
}

pub async fn answer(at: &Connection, args: &AnswerArgs, ui: &Ui) -> Result<Done, Error> {
    let file: SubmissionFile = files::read(&args.submission, EVIDENCE)?;
    let client = at.client(ui).await?;
    let Submission { round, member, .. } = file.signed.submission;
    let receipt = client.answer(round, member, &file.statement, &file.proof).await?;
    Ok(Done::by(format!("the contract has checked the proof of {member}"), &receipt)
        .with("then", format!("zktrain chain collect {round} {member}, once the round is settled")))
}

pub async fn collect(at: &Connection, args: &CollectArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let bond = client.demand_of(args.round, args.account).await?.map(|demand| demand.bond);
    let receipt = client.collect(args.round, args.account).await?;
    let bond = bond.map_or(U256::ZERO, U256::from);
    Ok(Done::by(format!("a bond of {} is paid out", show_ether(bond)), &receipt))
}

/// Draws a round's audit.
pub async fn audit(at: &Connection, args: &RoundArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    if let Some(audit) = client.audit_of(args.round).await? {
        ui.say(&format!("block {} draws whose deliveries are audited", audit.target));
    }
    let drawn = client.audit(args.round).await?;
    let Some(drawn) = drawn else {
        return Ok(Done::new(format!("round {} has no audit to be drawn", args.round)));
    };
    let due = due(&client, args.round, &drawn).await?;
    let done = match drawn.len() {
        0 => "no delivery of the round is audited".to_owned(),
        count => format!("{count} deliveries have to be proven until {due}"),
    };
    Ok(Done::new(done)
        .with("audited", drawn.iter().map(Address::to_string).collect::<Vec<_>>())
        .with("then", "zktrain chain answer FILE, for each"))
}

/// Until when what was drawn has to be answered.
async fn due(client: &Client, round: u64, drawn: &[Address]) -> Result<String, Error> {
    let Some(first) = drawn.first() else { return Ok("never".to_owned()) };
    let demand = client.demand_of(round, *first).await?;
    Ok(demand.map_or("never".to_owned(), |demand| time(demand.until)))
}

/// Draws a round's windows.
pub async fn draw(at: &Connection, args: &RoundArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let nonce = client.draw(args.round).await?;
    Ok(Done::new(format!("the windows of round {} are drawn", args.round))
        .with("nonce", nonce.to_string()))
}

/// Ends a round whose verifier was stopped.
pub async fn abandon(at: &Connection, args: &RoundArgs, ui: &Ui) -> Result<Done, Error> {
    let receipt = at.client(ui).await?.abandon(args.round).await?;
    Ok(Done::by(format!("round {} is void: its verifier was stopped", args.round), &receipt))
}
