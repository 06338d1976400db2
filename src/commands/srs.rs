//! `zktrain srs`: reference strings.

use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use zktrain_commit::random::{Label, Randomness};
use zktrain_commit::srs::{MAX_POWER, Srs, SrsInfo, ceremonies};
use zktrain_project::files;
use zktrain_project::project::exists;
use zktrain_project::session::{open_srs, srs_error, warn_insecure};

use crate::error::{Error, ProjectError};
use crate::ui::{Report, Ui, field, success};

/// What to do with reference strings.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Generate one: INSECURE, for tests and demonstrations only.
    Generate(GenerateArgs),
    /// Import a public ceremony's powers of tau, and check them.
    Import(ImportArgs),
    /// Show size, origin and fingerprint.
    Info(InfoArgs),
}

/// Options of `zktrain srs generate`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain srs generate --power 12 -o test.srs")]
pub struct GenerateArgs {
    /// Rows of 2^K entries can be committed to.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_POWER)))]
    pub power: u32,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write over the file if it is there. What was proven with another string cannot be verified
    /// without it.
    #[arg(long)]
    pub force: bool,
    /// With the sections that Groth16's second phase needs.
    #[arg(long)]
    pub full: bool,
}

/// Options of `zktrain srs import`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  zktrain srs import powersOfTau28_hez_final_15.ptau -o srs.bin\n\n\
    Compare the printed SHA-256 with the one that the ceremony published."
)]
pub struct ImportArgs {
    /// The ceremony's file, as snarkjs writes it.
    pub file: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write over the file if it is there, unless it is the ceremony's. What was proven with
    /// another string cannot be verified without it.
    #[arg(long)]
    pub force: bool,
    /// Keep only what rows of 2^K entries need.
    #[arg(long, value_name = "K", default_value_t = MAX_POWER, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_POWER)))]
    pub power: u32,
}

/// Options of `zktrain srs info`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain srs info srs.bin")]
pub struct InfoArgs {
    /// The reference string.
    pub file: PathBuf,
    /// Check as well that it is one: all points, and the pairing relations between them.
    #[arg(long)]
    pub check: bool,
}

/// A reference string in a file.
#[derive(Clone, Debug, Serialize)]
pub struct SrsReport {
    /// The file.
    #[serde(serialize_with = "crate::ui::tell")]
    pub file: PathBuf,
    /// Sizes, origin and fingerprint.
    #[serde(flatten)]
    pub info: SrsInfo,
    /// Whether it was checked now that the points are a reference string.
    pub checked: bool,
    /// The public ceremony that it is from, where it was checked and this program knows it.
    pub known: Option<&'static str>,
}

impl Report for SrsReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let info = &self.info;
        success(out, self.file.display())?;
        field(out, "power", format!("{} (rows of {} entries)", info.power, 1u64 << info.power))?;
        field(out, "powers in G1, G2", format!("{}, {}", info.g1_powers, info.g2_powers))?;
        field(out, "for Groth16", if info.phase_two { "yes" } else { "no" })?;
        // The file's own word, which anybody could change on the way.
        let origin = match &info.claims_source_sha256 {
            Some(hash) => format!("imported from a file of SHA-256 {hash}"),
            None => "generated on one machine: INSECURE".into(),
        };
        field(out, "says of itself", origin)?;
        field(out, "fingerprint", &info.fingerprint)?;
        match self.known {
            Some(ceremony) => field(out, "known", ceremony)?,
            None if self.checked => field(out, "known", "no: of no ceremony that is known here")?,
            None => field(out, "known", "not checked now")?,
        }
        field(out, "relations", if self.checked { "checked, they hold" } else { "not checked now" })
    }
}

/// Runs the command.
///
/// # Errors
/// If a file is missing, malformed, or a relation does not hold.
pub fn run(command: &Command, ui: &Ui) -> Result<(), Error> {
    let report = match command {
        Command::Generate(args) => generate(args, ui)?,
        Command::Import(args) => import(args)?,
        Command::Info(args) => info(args, ui)?,
    };
    ui.report(&report)
}

fn generate(args: &GenerateArgs, ui: &Ui) -> Result<SrsReport, Error> {
    files::free(&args.out, args.force, files::OVERWRITE)?;
    let srs = if args.full {
        Srs::generate(args.power, &mut Randomness::fresh(Label::ReferenceString)?)
    } else {
        Srs::generate_g1(args.power, &mut Randomness::fresh(Label::ReferenceString)?)
    };
    let srs = srs.check().map_err(|source| srs_error(&args.out, source))?;
    save(&srs, &args.out)?;
    warn_insecure(&args.out, ui);
    Ok(report(&args.out, &srs, true))
}

fn import(args: &ImportArgs) -> Result<SrsReport, Error> {
    exists(&args.file, "name the .ptau file of a ceremony over BN254")?;
    let force = args.force && !is_same(&args.file, &args.out);
    files::free(&args.out, force, files::OVERWRITE)?;
    let file = |source| Error::Project(ProjectError::File { path: args.file.clone(), source });
    let reader = BufReader::with_capacity(1 << 20, std::fs::File::open(&args.file).map_err(file)?);
    let srs = Srs::import_ptau_prefix(reader, args.power).map_err(|e| srs_error(&args.file, e))?;
    save(&srs, &args.out)?;
    Ok(report(&args.out, &srs, true))
}

fn info(args: &InfoArgs, ui: &Ui) -> Result<SrsReport, Error> {
    exists(&args.file, "name a file that `zktrain srs generate` or `import` made")?;
    let fault = |source| srs_error(&args.file, source);
    let srs = open_srs(&args.file)?.whole().map_err(fault)?;
    if srs.claims_insecure() {
        warn_insecure(&args.file, ui);
    }
    if !args.check {
        return Ok(report(&args.file, &srs, false));
    }
    let srs = srs.check().map_err(fault)?;
    Ok(report(&args.file, &srs, true))
}

/// Whether two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

fn save(srs: &Srs, path: &Path) -> Result<(), Error> {
    Ok(srs.save(path).map_err(|source| srs_error(path, source))?)
}

fn report(file: &Path, srs: &Srs, checked: bool) -> SrsReport {
    let ceremony = ceremonies::find(&srs.g2[1]).filter(|_| checked);
    let known = ceremony.map(|ceremony| ceremony.name);
    SrsReport { file: file.to_owned(), info: srs.info(), checked, known }
}
