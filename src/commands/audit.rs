//! `zktrain audit`: checks a model's lineage back to its first version, from files alone.

use std::path::PathBuf;

use alloy::primitives::Address;
use zktrain_audit::lineage::Lineage;
use zktrain_audit::trust::Verdict;
use zktrain_audit::{AuditPins, page};
use zktrain_chain::Endpoint;
use zktrain_chain::amount::parse_address;
use zktrain_project::files::{self, Access};

use crate::audit::{Options, audit};
use crate::error::Error;
use crate::roots::{Pins, hash_pin};
use crate::ui::Ui;

/// Options of `zktrain audit`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain audit model.int.safetensors --lineage lineage\n  \
    zktrain audit model.safetensors --lineage lineage.tar.gz --srs srs.bin --html audit.html\n  \
    zktrain audit model.int.safetensors --lineage lineage --chain http://localhost:8545 \\\n    \
    --rounds 0x5FbD… --code-hash 71ab… --domain 1 --srs-fingerprint 5d01…\n\n\
    Everything is checked again: chain events, registrations, signatures, proofs, sums, versions,\n\
    payments. The command fails if anything does not hold, and says where. The exit code is 0 if\n\
    everything holds and all roots are pinned or known, 3 if it holds on a root that nobody pinned.")]
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
    /// Audit an earlier version, too: the lineage may end before the chain does.
    #[arg(long, requires = "chain")]
    pub stale: bool,
    /// The contract `Rounds` that settled the rounds, as the coordinator of the domain names it.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, help_heading = "Roots")]
    pub rounds: Option<Address>,
    /// Keccak-256 of that contract's code, as `zktrain chain status` prints it.
    #[arg(long, value_name = "HASH", requires = "chain", help_heading = "Roots")]
    pub code_hash: Option<String>,
    /// The domain.
    #[arg(long, value_name = "N", help_heading = "Roots")]
    pub domain: Option<u64>,
    /// Checksum of the whole chain.json, where you have it from somebody whom you trust: what an
    /// audit without a node can rest on.
    #[arg(long, value_name = "HASH", help_heading = "Roots")]
    pub export_hash: Option<String>,
    /// What else is pinned.
    #[command(flatten)]
    pub pins: Pins,
    /// Write the report as a page, too.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the page over another file that is there.
    #[arg(long, requires = "html")]
    pub force: bool,
}

impl Args {
    fn pins(&self) -> Result<AuditPins, Error> {
        Ok(AuditPins {
            srs: self.pins.srs()?,
            groth16: self.pins.groth16()?,
            manifest: self.pins.manifest()?,
            genesis: self.pins.genesis()?,
            rounds: self.rounds,
            code: hash_pin("--code-hash", self.code_hash.as_deref())?,
            domain: self.domain,
            export: hash_pin("--export-hash", self.export_hash.as_deref())?,
            strict: self.pins.strict,
            stale: self.stale,
        })
    }
}

/// Runs the command.
///
/// # Errors
/// If something cannot be read, or does not hold.
pub fn run(args: &Args, ui: &Ui) -> Result<Verdict, Error> {
    if let Some(path) = &args.html {
        files::free(path, args.force, files::OVERWRITE)?;
    }
    let lineage = Lineage::open(&args.lineage)?;
    let chain = args.chain.as_deref().map(str::parse::<Endpoint>).transpose()?;
    let (srs, pins) = (args.srs.as_deref(), args.pins()?);
    let receipts = args.receipts.as_deref();
    let options = Options { model: &args.model, srs, chain: chain.as_ref(), receipts, pins };
    let report = audit(&lineage, &options, ui)?;
    if let Some(path) = &args.html {
        files::write(path, page(&report).as_bytes(), Access::Public)?;
    }
    ui.report(&report)?;
    match report.failures.first() {
        None => Ok(report.roots.verdict(report.strict)?),
        Some(first) => {
            let failures = report.failures.len();
            Err(Error::Audit { failures, first: first.to_string() })
        }
    }
}
