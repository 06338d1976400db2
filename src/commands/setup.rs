//! `zktrain setup`: Groth16 keys from a ceremony, or from one party for demonstrations.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use zktrain_backends::r1cs::{self, R1cs};
use zktrain_ceremony::groth16::{ProvingKey, insecure_key};
use zktrain_ceremony::phase_two::{Ceremony, CeremonyError, FactorSource as Contributed};
use zktrain_commit::random::{Label, Randomness};
use zktrain_commit::srs::CheckedSrs;
use zktrain_project::circuits::Circuits;
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, exists};
use zktrain_project::session::Session;
use zktrain_prove::compress::CompressError;
use zktrain_verify::groth16::KeyProvenance;

use crate::error::{Error, OptionsError, ProjectError};
use crate::ui::{Report, Ui, field, success};

/// What to do.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Start a ceremony for the manifest's circuit.
    New(NewArgs),
    /// Add a secret of your own, which is forgotten at once.
    Contribute(ContributeArgs),
    /// Check a ceremony from its start to its last contribution.
    Verify(VerifyArgs),
    /// Add public randomness that nobody could choose.
    Beacon(BeaconArgs),
    /// Check a ceremony and write the keys that it ends with.
    Finish(FinishArgs),
    /// Make keys alone: insecure, for tests and demonstrations.
    Insecure(InsecureArgs),
}

/// Whose circuit, and which reference string.
#[derive(clap::Args, Clone, Debug)]
pub struct Source {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The manifest; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The reference string with its sections for a second phase; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
}

/// Options of `zktrain setup new`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain setup new cancer -o cancer.ceremony")]
pub struct NewArgs {
    /// Whose circuit.
    #[command(flatten)]
    pub source: Source,
    /// The ceremony's file.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
}

/// Options of `zktrain setup contribute`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain setup contribute cancer.ceremony --name alice")]
pub struct ContributeArgs {
    /// The ceremony's file, which is replaced.
    pub ceremony: PathBuf,
    /// Who contributes, as others will read it.
    #[arg(long)]
    pub name: String,
    /// Anything hard to guess, mixed with the operating system's randomness.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub entropy: String,
}

/// Options of `zktrain setup verify`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain setup verify cancer.ceremony cancer")]
pub struct VerifyArgs {
    /// The ceremony's file.
    pub ceremony: PathBuf,
    /// Whose circuit it should be for.
    #[command(flatten)]
    pub source: Source,
}

/// Options of `zktrain setup beacon`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  zktrain setup beacon cancer.ceremony --name 'block 9000000' \\\n    \
    --randomness 0x6f1d2c…"
)]
pub struct BeaconArgs {
    /// The ceremony's file, which is replaced.
    pub ceremony: PathBuf,
    /// What the randomness is, as others will read it.
    #[arg(long)]
    pub name: String,
    /// 32 bytes in hexadecimal that were announced before they were known.
    #[arg(long, value_name = "HEX")]
    pub randomness: String,
    /// The randomness is hashed two to this many times.
    #[arg(long, value_name = "LOG", default_value_t = 16)]
    pub rounds_log: u8,
}

/// Options of `zktrain setup finish`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain setup finish cancer.ceremony cancer")]
pub struct FinishArgs {
    /// The ceremony's file.
    pub ceremony: PathBuf,
    /// Write over other keys that are there; proofs made with them cannot be verified without them.
    #[arg(long)]
    pub force: bool,
    /// Whose circuit it is for; the keys go to the project's folder `keys`.
    #[command(flatten)]
    pub source: Source,
}

/// Options of `zktrain setup insecure`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain setup insecure cancer")]
pub struct InsecureArgs {
    /// Write over keys that are there; proofs made with them cannot be verified without them.
    #[arg(long)]
    pub force: bool,
    /// Whose circuit; the keys go to the project's folder `keys`.
    #[command(flatten)]
    pub source: Source,
}

/// One contribution.
#[derive(Clone, Debug, Serialize)]
pub struct ContributionReport {
    /// Who, or what.
    pub name: String,
    /// `secret` or `beacon`.
    pub kind: &'static str,
}

/// A ceremony, as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct CeremonyReport {
    /// The file.
    #[serde(serialize_with = "crate::ui::tell")]
    pub path: PathBuf,
    /// Digest of the circuit, in hexadecimal.
    pub circuit: String,
    /// Digest of the ceremony so far, for contributors to publish.
    pub transcript: String,
    /// Contributions, in order.
    pub contributions: Vec<ContributionReport>,
    /// Whether all of it was checked now.
    pub verified: bool,
    /// Seconds taken.
    pub seconds: f64,
}

impl Report for CeremonyReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let checked = if self.verified { "VALID" } else { "written" };
        success(out, format!("{checked}: {}", self.path.display()))?;
        field(out, "circuit", &self.circuit)?;
        field(out, "transcript", format!("{} (publish this)", self.transcript))?;
        let says = if self.verified { "" } else { ", its file says" };
        for (index, contribution) in self.contributions.iter().enumerate() {
            let what = format!("{} ({}){says}", contribution.name, contribution.kind);
            field(out, &format!("contribution {index}"), what)?;
        }
        field(out, "time", format!("{:.1} s", self.seconds))
    }
}

/// Keys that were written.
#[derive(Clone, Debug, Serialize)]
pub struct KeysReport {
    /// What proofs are made with.
    #[serde(serialize_with = "crate::ui::tell")]
    pub proving_key: PathBuf,
    /// What checks them.
    #[serde(serialize_with = "crate::ui::tell")]
    pub verifying_key: PathBuf,
    /// Digest of the verifying key, in hexadecimal.
    pub hash: String,
    /// Contributions to the ceremony; none for a single party's keys.
    pub contributions: Option<u32>,
    /// Whether one party made the keys and could forge proofs.
    pub insecure: bool,
    /// Seconds taken.
    pub seconds: f64,
}

impl Report for KeysReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        success(out, "Groth16 keys written")?;
        field(out, "proving key", self.proving_key.display())?;
        field(out, "verifying key", self.verifying_key.display())?;
        field(out, "hash", &self.hash)?;
        if let Some(contributions) = self.contributions {
            field(out, "ceremony", format!("{contributions} contributions, verified now"))?;
        }
        field(out, "time", format!("{:.1} s", self.seconds))?;
        if self.insecure {
            field(out, "but", "they are insecure: the one who ran this can forge any proof")?;
        }
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// If a file is missing or malformed, or the ceremony does not hold.
pub fn run(command: &Command, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::New(args) => ui.report(&new(args, ui)?),
        Command::Contribute(args) => ui.report(&contribute(args)?),
        Command::Verify(args) => ui.report(&verify(args, ui)?),
        Command::Beacon(args) => ui.report(&beacon(args)?),
        Command::Finish(args) => ui.report(&finish(args, ui)?),
        Command::Insecure(args) => ui.report(&insecure(args, ui)?),
    }
}

/// A project's circuit.
struct Circuit {
    project: Project,
    session: Session,
    system: R1cs,
}

fn circuit(source: &Source, ui: &Ui) -> Result<Circuit, Error> {
    let project = Project::new(&source.dir);
    let (manifest, srs) = (source.manifest.as_deref(), source.srs.as_deref());
    let session = Session::of_files(&project, manifest, srs, ui)?;
    let system = r1cs::compile(&session.key.relation).map_err(CompressError::from)?;
    Ok(Circuit { project, session, system })
}

impl Circuit {
    /// The whole reference string.
    fn srs(&self) -> Result<CheckedSrs, Error> {
        Ok(self.session.whole_srs()?)
    }
}

fn fault(path: &Path) -> impl FnOnce(CeremonyError) -> Error {
    let path = path.to_owned();
    |source| match source {
        CeremonyError::File { path, source } => Error::Project(ProjectError::File { path, source }),
        source => Error::Ceremony { path, source: Box::new(source) },
    }
}

/// Starts a ceremony.
///
/// # Errors
/// If the reference string does not serve, or the file is there already.
pub fn new(args: &NewArgs, ui: &Ui) -> Result<CeremonyReport, Error> {
    if args.out.exists() {
        let hint = "choose another name: a ceremony cannot be held again";
        return Err(Error::Project(ProjectError::Exists { path: args.out.clone(), hint }));
    }
    let started = Instant::now();
    let circuit = circuit(&args.source, ui)?;
    let srs = circuit.srs()?;
    ui.say("deriving the start from the powers of tau; a minute or two for 2^16 constraints");
    let ceremony =
        Ceremony::new(&circuit.system, &srs).map_err(fault(circuit.session.srs_file.path()))?;
    save(&ceremony, &args.out, started)
}

fn save(ceremony: &Ceremony, path: &Path, started: Instant) -> Result<CeremonyReport, Error> {
    ceremony.save(path).map_err(fault(path))?;
    Ok(report(ceremony, path, false, started))
}

fn load(path: &Path) -> Result<Ceremony, Error> {
    exists(path, "start a ceremony: `zktrain setup new`")?;
    Ceremony::load(path).map_err(fault(path))
}

fn report(ceremony: &Ceremony, path: &Path, verified: bool, started: Instant) -> CeremonyReport {
    let contributions = ceremony.contributions().iter().map(|contribution| ContributionReport {
        name: contribution.name.clone(),
        kind: match contribution.source {
            Contributed::Secret => "secret",
            Contributed::Beacon { .. } => "beacon",
        },
    });
    CeremonyReport {
        path: path.to_owned(),
        circuit: hex::encode(ceremony.circuit()),
        transcript: hex::encode(ceremony.transcript()),
        contributions: contributions.collect(),
        verified,
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// Contributes.
///
/// # Errors
/// If the file is not a ceremony, or the name is not acceptable.
pub fn contribute(args: &ContributeArgs) -> Result<CeremonyReport, Error> {
    let started = Instant::now();
    let mut ceremony = load(&args.ceremony)?;
    let contributed = ceremony.contribute(&args.name, args.entropy.as_bytes());
    contributed.map_err(fault(&args.ceremony))?;
    save(&ceremony, &args.ceremony, started)
}

/// Adds a beacon.
///
/// # Errors
/// If the file is not a ceremony, or the randomness is not 32 bytes.
pub fn beacon(args: &BeaconArgs) -> Result<CeremonyReport, Error> {
    let started = Instant::now();
    let digits = args.randomness.strip_prefix("0x").unwrap_or(&args.randomness);
    let bytes = hex::decode(digits).ok().and_then(|bytes| bytes.try_into().ok());
    let randomness: [u8; 32] = bytes.ok_or_else(|| OptionsError::Value {
        option: "--randomness",
        expected: "32 bytes in hexadecimal",
        got: args.randomness.clone(),
    })?;
    let mut ceremony = load(&args.ceremony)?;
    let added = ceremony.beacon(&args.name, randomness, args.rounds_log);
    added.map_err(fault(&args.ceremony))?;
    save(&ceremony, &args.ceremony, started)
}

/// Checks a ceremony.
///
/// # Errors
/// If anything does not hold.
pub fn verify(args: &VerifyArgs, ui: &Ui) -> Result<CeremonyReport, Error> {
    let started = Instant::now();
    let ceremony = load(&args.ceremony)?;
    let circuit = circuit(&args.source, ui)?;
    let srs = circuit.srs()?;
    ceremony.verify(&circuit.system, &srs).map_err(fault(&args.ceremony))?;
    Ok(report(&ceremony, &args.ceremony, true, started))
}

/// Checks a ceremony and writes its keys.
///
/// # Errors
/// If anything does not hold.
pub fn finish(args: &FinishArgs, ui: &Ui) -> Result<KeysReport, Error> {
    let started = Instant::now();
    let ceremony = load(&args.ceremony)?;
    let circuit = circuit(&args.source, ui)?;
    let srs = circuit.srs()?;
    let verified = ceremony.verify(&circuit.system, &srs).map_err(fault(&args.ceremony))?;
    write_keys(&circuit, &verified.finish(), args.force, ui, started)
}

/// Makes keys alone.
///
/// # Errors
/// If the files cannot be written.
pub fn insecure(args: &InsecureArgs, ui: &Ui) -> Result<KeysReport, Error> {
    let started = Instant::now();
    let circuit = circuit(&args.source, ui)?;
    // These keys are never the same twice.
    for path in Circuits::new(&circuit.session, &circuit.project, ui).groth16_paths() {
        files::free(&path, args.force, KEYS)?;
    }
    let key = insecure_key(&circuit.system, &mut Randomness::fresh(Label::InsecureKey)?);
    write_keys(&circuit, &key, args.force, ui, started)
}

const KEYS: &str = "proofs made with these keys cannot be verified without them: move them away, \
     or write over them with `--force`";

fn write_keys(
    circuit: &Circuit,
    key: &ProvingKey,
    force: bool,
    ui: &Ui,
    started: Instant,
) -> Result<KeysReport, Error> {
    let circuits = Circuits::new(&circuit.session, &circuit.project, ui);
    let [proving_key, verifying_key] = circuits.groth16_paths();
    files::create_folder(&circuit.project.keys_path(), Access::Public)?;
    let files = [(&proving_key, key.to_bytes()), (&verifying_key, key.key.to_bytes())];
    // Both or none: a pair of two keys is worth nothing.
    for (path, bytes) in &files {
        if !files::holds(path, bytes) {
            files::free(path, force, KEYS)?;
        }
    }
    for (path, bytes) in &files {
        files::write(path, bytes, Access::Public)?;
    }
    let contributions = match key.key.provenance {
        KeyProvenance::Insecure => None,
        KeyProvenance::Ceremony { contributions, .. } => Some(contributions),
    };
    Ok(KeysReport {
        proving_key,
        verifying_key,
        hash: hex::encode(key.key.hash()),
        contributions,
        insecure: key.key.is_insecure(),
        seconds: started.elapsed().as_secs_f64(),
    })
}
