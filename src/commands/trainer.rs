//! `zktrain trainer`: a data owner in the network.

use std::io::Write;

use serde::Serialize;
use zktrain_member::{Account, Fault};

use super::coordinator::signal;
use crate::chain::{Connection, block_on_threads};
use crate::config::TrainerFlags;
use crate::error::Error;
use crate::logging;
use crate::ui::{Report, Ui, print, success};

/// Options of `zktrain trainer`.
///
/// Takes part in one round after another: trains on the window of its private data that the chain
/// has drawn, proves the update in zero knowledge, and uploads it masked. Nothing else leaves this
/// machine. It connects out; no port needs to be open.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain trainer --config trainer.toml\n  \
    zktrain trainer --project credit --domain 1 --coordinator train.example.org:7443 \\\n    \
    --key alice.json")]
pub struct Args {
    /// Its configuration.
    #[command(flatten)]
    pub flags: TrainerFlags,
    /// Leave what rounds have paid in the contract instead of claiming it.
    #[arg(long)]
    pub no_claim: bool,
    /// Misbehave in a round, counted from one: for demonstrations and tests. `2:wrong-update` is
    /// slashed for, `2:leave-before-upload` only costs reputation.
    #[arg(long, value_name = "ROUND:FAULT", value_parser = fault, hide = true)]
    pub misbehave: Option<(u64, Fault)>,
}

fn fault(text: &str) -> Result<(u64, Fault), String> {
    let (round, fault) = text.split_once(':').ok_or("expected ROUND:FAULT")?;
    let round = round.parse().map_err(|_| "expected a number before the colon")?;
    Ok((round, fault.parse()?))
}

/// What an owner has done.
#[derive(Clone, Debug, Serialize)]
pub struct TrainerReport {
    /// Rounds that it took part in.
    pub rounds: u64,
}

impl Report for TrainerReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        success(out, format!("took part in {} rounds", self.rounds))
    }
}

/// Runs the owner.
///
/// # Errors
/// If the configuration is refused, the account is no member, or the coordinator breaks the rules.
pub fn run(args: &Args, ui: &Ui) -> Result<(), Error> {
    let effective = args.flags.load()?;
    if args.flags.common.print_config {
        return print(&effective.render());
    }
    let config = effective.into_inner();
    logging::start(&config.log.level, config.log.format)?;
    let options = zktrain_member::Options {
        project: config.project.clone(),
        domain: config.domain,
        coordinator: config.coordinator.clone(),
        coordinator_address: config.coordinator_address,
        policy: config.policy.policy(),
        asked: config.policy.asked(),
        force: config.policy.force(),
        retention: zktrain_member::Retention { rounds: config.retention.rounds as usize },
        rounds: config.rounds,
        claim: !args.no_claim,
        fault: args.misbehave,
    };
    let at = config.connection();
    let take_part = async {
        let node = at.endpoint()?;
        // The key is opened afterwards, so that its password is asked for once.
        zktrain_member::node(&node, &Connection::genesis()).await?;
        let account = Account { client: at.service().await?, node, outbox: at.outbox()? };
        Ok::<u64, Error>(zktrain_member::run(account, &options, *ui).await?)
    };
    let rounds = block_on_threads(async {
        tokio::select! {
            rounds = take_part => rounds.map(Some),
            () = signal() => Ok(None),
        }
    })?;
    match rounds {
        Some(rounds) => ui.report(&TrainerReport { rounds }),
        None => Ok(()),
    }
}
