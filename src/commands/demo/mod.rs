//! `zktrain demo`: a whole network on one machine, or one owner alone.

mod alone;
mod crash;
pub mod leash;
mod model;
mod network;
mod prepare;
mod process;
mod purse;
mod shards;

use std::path::{Path, PathBuf};

use crate::circuits::Compression;
use crate::error::{Error, ProjectError};
use crate::ui::Ui;

/// Options of `zktrain demo`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain demo\n  zktrain demo --out demo-output\n  \
    zktrain demo --model lenet\n  \
    zktrain demo --crashes --rounds 6\n  zktrain demo --eager --compress groth16\n  \
    zktrain demo --chain http://127.0.0.1:8545 --purse rich.json\n  zktrain demo --alone")]
pub struct Args {
    /// Where everything is written; a new temporary directory without it.
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The model, and the data that come with the program for it.
    #[arg(long, value_name = "MODEL", value_enum, default_value_t)]
    pub model: model::Model,
    /// One owner without a network: train, prove, verify, tamper.
    #[arg(long)]
    pub alone: bool,
    /// Times that every row is trained on; with --alone.
    #[arg(long, default_value_t = 5, requires = "alone")]
    pub epochs: usize,
    /// Rounds of the network.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(4..=1000),
          conflicts_with = "alone")]
    pub rounds: u64,
    /// Also kill the coordinator three times and an owner once in the middle of rounds, and start
    /// them again.
    #[arg(long, conflicts_with = "alone")]
    pub crashes: bool,
    /// Have the contracts check every proof before anything is summed, instead of when somebody
    /// challenges it.
    #[arg(long, conflicts_with = "alone")]
    pub eager: bool,
    /// The system of the domain's proofs. Groth16's keys are made here, without a ceremony.
    #[arg(long, value_name = "SYSTEM", value_enum, default_value_t, conflicts_with = "alone")]
    pub compress: Compression,
    /// Another chain than an embedded one.
    #[command(flatten)]
    pub node: purse::NodeArgs,
}

/// Runs the demonstration and reports on it.
///
/// # Errors
/// If anything does not go as it should.
pub fn run(args: &Args, ui: &Ui) -> Result<(), Error> {
    match args.alone {
        true => ui.report(&alone::run(args, ui)?),
        false => ui.report(&network::run(args, ui)?),
    }
}

fn folder(out: Option<&Path>) -> Result<PathBuf, Error> {
    match out {
        Some(dir) => Ok(dir.to_owned()),
        None => tempfile::Builder::new()
            .prefix("zktrain-demo-")
            .tempdir()
            .map(tempfile::TempDir::keep)
            .map_err(|source| {
                Error::Project(ProjectError::File { path: std::env::temp_dir(), source })
            }),
    }
}
