//! `zktrain audit`: checks a model's lineage back to its first version, from files alone.

use std::path::PathBuf;

use zktrain_contracts::chain::Endpoint;

use crate::audit::{Options, audit, page};
use crate::error::Error;
use crate::files::{self, Access};
use crate::lineage::Lineage;
use crate::ui::Ui;

/// Options of `zktrain audit`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain audit model.int.safetensors --lineage lineage\n  \
    zktrain audit model.safetensors --lineage lineage.tar.gz --srs srs.bin --html audit.html\n  \
    zktrain audit model.int.safetensors --lineage lineage --chain http://localhost:8545\n\n\
    Everything is checked again: chain events, registrations, signatures, proofs, sums, versions,\n\
    payments. The command fails if anything does not hold, and says where.")]
pub struct Args {
    /// The model: integers, or the floats that they stand for.
    pub model: PathBuf,
    /// The lineage: a directory, or a .tar.gz of one.
    #[arg(long, value_name = "DIR|ARCHIVE", default_value = "lineage")]
    pub lineage: PathBuf,
    /// A reference string that you trust; by default the lineage's own is used.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
    /// A node to compare the chain's export with: `http(s)://…` or `embedded:PATH`.
    #[arg(long, value_name = "WHERE")]
    pub chain: Option<String>,
    /// Receipts that owners have got for their uploads: a folder of them, or one.
    #[arg(long, value_name = "DIR|FILE")]
    pub receipts: Option<PathBuf>,
    /// Write the report as a page, too.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If something cannot be read, or does not hold.
pub fn run(args: &Args, ui: &Ui) -> Result<(), Error> {
    let lineage = Lineage::open(&args.lineage)?;
    let chain = args.chain.as_deref().map(str::parse::<Endpoint>).transpose()?;
    let options = Options {
        model: &args.model,
        srs: args.srs.as_deref(),
        chain: chain.as_ref(),
        receipts: args.receipts.as_deref(),
    };
    let report = audit(&lineage, &options, ui)?;
    if let Some(path) = &args.html {
        files::write(path, page(&report).as_bytes(), Access::Public)?;
    }
    ui.report(&report)?;
    match report.failures.first() {
        None => Ok(()),
        Some(first) => {
            let failures = report.failures.len();
            Err(Error::Audit { failures, first: first.to_string() })
        }
    }
}
