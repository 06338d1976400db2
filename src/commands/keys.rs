//! `zktrain keys`: circuit keys that anyone derives and compares.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use zktrain_audit::trust::{Root, Roots};
use zktrain_project::cache::Cache;
use zktrain_project::circuits::{CircuitShape, Circuits, contract_key};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, exists};
use zktrain_project::session::Session;
use zktrain_statement::compressed::ProofSystem;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::groth16::Groth16Key;

use super::verify::srs_root;
use crate::error::{Error, ProjectError};
use crate::ui::{Report, Ui, field, success};

/// What to do with keys.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Derive halo2's verifying key from the manifest and the reference string.
    Derive(DeriveArgs),
    /// Check that a key is the one of the manifest.
    Check(CheckArgs),
}

/// Which manifest and reference string.
#[derive(clap::Args, Clone, Debug)]
pub struct Source {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The manifest; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The reference string; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
}

/// Options of `zktrain keys derive`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain keys derive cancer\n  \
    zktrain keys derive cancer --contract cancer/keys/halo2.contract")]
pub struct DeriveArgs {
    /// Whose key.
    #[command(flatten)]
    pub source: Source,
    /// Where to write the key; `keys/halo2.vk` of the project without it.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over other files that are there.
    #[arg(long)]
    pub force: bool,
    /// Also write the training key that the contract `TrainingVerifier` registers.
    #[arg(long, value_name = "FILE")]
    pub contract: Option<PathBuf>,
}

/// Options of `zktrain keys check`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain keys check cancer/keys/halo2.vk cancer")]
pub struct CheckArgs {
    /// The key: halo2's or Groth16's.
    pub key: PathBuf,
    /// Whose key it should be.
    #[command(flatten)]
    pub source: Source,
}

/// A verifying key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyReport {
    /// The proof system.
    pub system: &'static str,
    /// The file.
    #[serde(serialize_with = "crate::ui::tell")]
    pub path: PathBuf,
    /// Digest of the key, in hexadecimal.
    pub hash: String,
    /// Bytes of the key.
    pub bytes: usize,
    /// Name of the training key that contracts register, in hexadecimal.
    pub contract_key: String,
    /// Bytes of that key.
    pub contract_bytes: usize,
    /// What proofs rest on that are checked with this key.
    pub roots: Roots,
    /// Seconds of deriving or checking.
    pub seconds: f64,
}

impl Report for KeyReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let string = "of this manifest and reference string";
        success(out, format!("{} key {string}", self.system))?;
        field(out, "file", self.path.display())?;
        field(out, "hash", &self.hash)?;
        field(out, "on chain", format!("{} ({} bytes)", self.contract_key, self.contract_bytes))?;
        field(out, "time", format!("{:.2} s", self.seconds))?;
        self.roots.print(out)
    }
}

/// Runs the command.
///
/// # Errors
/// If a file is missing, or the key is another one.
pub fn run(command: &Command, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::Derive(args) => ui.report(&derive(args, ui)?),
        Command::Check(args) => ui.report(&check(args, ui)?),
    }
}

fn session(source: &Source, ui: &Ui) -> Result<(Project, Session), Error> {
    let project = Project::new(&source.dir);
    let (manifest, srs) = (source.manifest.as_deref(), source.srs.as_deref());
    let session = Session::of_files_with(&project, manifest, srs, Cache::none(), ui)?;
    Ok((project, session))
}

/// Derives halo2's key.
///
/// # Errors
/// If the reference string is too short, or a file cannot be written.
pub fn derive(args: &DeriveArgs, ui: &Ui) -> Result<KeyReport, Error> {
    let (project, session) = session(&args.source, ui)?;
    let started = Instant::now();
    let key = Circuits::new(&session, &project, ui).derive_halo2(CircuitShape::Training)?;
    let bytes = key.to_bytes();
    let path = args.out.clone().unwrap_or_else(|| project.keys_path().join("halo2.vk"));
    if let Some(folder) = path.parent() {
        files::create_folder(folder, Access::Public)?;
    }
    files::write_new(&path, &bytes, Access::Public, args.force)?;
    let hash = hex::encode(key.digest());
    let circuit = CircuitKey { halo2: Some(key), groth16: None };
    let contract = contract_key(&session.key, &circuit, ProofSystem::Halo2)?;
    if let Some(path) = &args.contract {
        files::write_new(path, &contract, Access::Public, args.force)?;
    }
    report(&session, ProofSystem::Halo2, path, hash, bytes.len(), &contract, started)
}

/// Checks a key.
///
/// # Errors
/// If it is not the manifest's.
pub fn check(args: &CheckArgs, ui: &Ui) -> Result<KeyReport, Error> {
    let (project, session) = session(&args.source, ui)?;
    let circuits = Circuits::new(&session, &project, ui);
    exists(&args.key, "derive it: `zktrain keys derive`")?;
    let bytes = files::read(&args.key)?;
    let started = Instant::now();
    let path = args.key.clone();
    if let Ok(key) = Groth16Key::from_bytes(&bytes) {
        circuits.check_groth16(CircuitShape::Training, &path, &key)?;
        let (hash, root) = (hex::encode(key.hash()), Root::groth16_key(&key, None)?);
        let circuit = CircuitKey { halo2: None, groth16: Some(key) };
        let contract = contract_key(&session.key, &circuit, ProofSystem::Groth16)?;
        let mut report =
            report(&session, ProofSystem::Groth16, path, hash, bytes.len(), &contract, started)?;
        report.roots.push(root);
        return Ok(report);
    }
    let key = circuits.derive_halo2(CircuitShape::Training)?;
    if key.to_bytes() != bytes {
        return Err(Error::Project(ProjectError::OtherKey { path }));
    }
    let hash = hex::encode(key.digest());
    let circuit = CircuitKey { halo2: Some(key), groth16: None };
    let contract = contract_key(&session.key, &circuit, ProofSystem::Halo2)?;
    report(&session, ProofSystem::Halo2, path, hash, bytes.len(), &contract, started)
}

fn report(
    session: &Session,
    system: ProofSystem,
    path: PathBuf,
    hash: String,
    bytes: usize,
    contract: &[u8],
    started: Instant,
) -> Result<KeyReport, Error> {
    let mut roots = Roots::default();
    roots.push(srs_root(session, None)?);
    Ok(KeyReport {
        system: system.name(),
        path,
        hash,
        bytes,
        contract_key: hex::encode(zktrain_verify::evm::key_hash(contract)),
        contract_bytes: contract.len(),
        roots,
        seconds: started.elapsed().as_secs_f64(),
    })
}
