//! `zktrain coordinator members` and `unbar`: who is not asked any more and why, and to ask one again.

use std::io::{self, Write};
use std::path::PathBuf;

use alloy::primitives::Address;
use serde::Serialize;
use zktrain_chain::amount::parse_address;
use zktrain_coordinator::machine::MisdeedKind;
use zktrain_project::project::exists;

use crate::config::CoordinatorFlags;
use crate::coordinator::{self, Found, Member, Pardon, Standing};
use crate::error::Error;
use crate::ui::{Report, field, success};

/// What to do about a folder that is not there.
const NAME_IT: &str = "name the coordinator's configuration or project: a coordinator makes this folder \
    when it runs for the first time";

/// Options of `zktrain coordinator members`.
///
/// From the coordinator's folder alone, also while it runs.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain coordinator members --config coordinator.toml\n  \
    zktrain coordinator members --domain 1 --project credit --json")]
pub struct MembersArgs {
    /// The coordinator's configuration.
    #[command(flatten)]
    pub flags: CoordinatorFlags,
}

/// Options of `zktrain coordinator unbar`.
///
/// Nothing that was found of the member until now is held against it any more, and it is asked from the next
/// round on, also by a coordinator that runs. What is found later counts.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain coordinator unbar \
    0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --config coordinator.toml")]
pub struct UnbarArgs {
    /// The member's account.
    #[arg(value_parser = parse_address)]
    pub account: Address,
    /// The coordinator's configuration.
    #[command(flatten)]
    pub flags: CoordinatorFlags,
}

/// Members of earlier rounds.
#[derive(Clone, Debug, Serialize)]
pub struct MembersReport {
    /// All of them, by their accounts.
    pub members: Vec<Member>,
}

impl Report for MembersReport {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let count = |which| self.members.iter().filter(|m| m.standing == which).count();
        let (all, barred) = (self.members.len(), count(Standing::Barred));
        let paused = count(Standing::Paused);
        let line = format!("{all} members of earlier rounds: {barred} barred, {paused} paused");
        success(out, line)?;
        for member in &self.members {
            let name = member.account.to_string();
            match (member.standing, member.pardoned) {
                (Standing::Free, None) => continue,
                (Standing::Free, Some(round)) => {
                    field(out, &name, format!("asked: unbarred after round {round}"))?;
                }
                (Standing::Barred, _) => field(out, &name, "barred: not asked again")?,
                (Standing::Paused, _) => field(out, &name, pause(member.rounds_left))?,
            }
            for found in &member.found {
                field(out, "", words(found))?;
            }
        }
        Ok(())
    }
}

fn pause(rounds: Option<usize>) -> String {
    match rounds {
        Some(1) => "paused: not asked for the next round".to_owned(),
        rounds => format!("paused: not asked for the next {} rounds", rounds.unwrap_or_default()),
    }
}

fn words(found: &Found) -> String {
    let what = match &found.what {
        MisdeedKind::Share { to } => format!("dealt {to} a share that does not open"),
        MisdeedKind::Dealer => "dealt shares that recover something else than announced".to_owned(),
        MisdeedKind::Blamed => "uploaded another vector than that of its proven update".to_owned(),
        MisdeedKind::Undefended => "did not answer when the sum was wrong".to_owned(),
        MisdeedKind::Absent { phase } => format!("was silent in phase {phase:?}"),
        // Nobody is kept out for it.
        MisdeedKind::Submission { why, .. } => format!("delivered what does not hold: {why}"),
    };
    format!("round {}: {what}", found.round)
}

/// A member is asked again.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct UnbarReport(pub Pardon);

impl Report for UnbarReport {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Pardon { account, was, through } = &self.0;
        success(out, format!("{account} is asked again"))?;
        let was = if *was == Standing::Barred { "barred" } else { "paused" };
        field(out, "was", was)?;
        field(out, "forgotten", format!("what was found up to round {through}"))?;
        field(out, "from", "the next round on; the coordinator need not be restarted")
    }
}

/// The folder of a configuration's coordinator.
fn folder(flags: &CoordinatorFlags) -> Result<PathBuf, Error> {
    let data = flags.load()?.into_inner().data();
    exists(&data, NAME_IT)?;
    Ok(data)
}

/// Who was in earlier rounds, and what is held against them.
///
/// # Errors
/// If the configuration is refused, or a file of the coordinator's is not there or damaged.
pub fn members(args: &MembersArgs) -> Result<MembersReport, Error> {
    Ok(MembersReport { members: coordinator::members(&folder(&args.flags)?)? })
}

/// Has a member asked again.
///
/// # Errors
/// As [`members`]; if it is not known, or is asked already.
pub fn unbar(args: &UnbarArgs) -> Result<UnbarReport, Error> {
    coordinator::pardon(&folder(&args.flags)?, args.account).map(UnbarReport)
}
