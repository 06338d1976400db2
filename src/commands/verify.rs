//! `zktrain verify`: checks a registration and a chain of proofs, from files alone.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{BigInteger, PrimeField};
use serde::Serialize;
use zktrain_circuits::curve::blinding_base;
use zktrain_circuits::merkle::Hash;
use zktrain_circuits::statement::TrainingStatement;
use zktrain_prover::training::commit_model;
use zktrain_verifier::circuit::CircuitKey;
use zktrain_verifier::training::{Chain, ChainEnd, TrainingError};

use crate::circuits::Circuits;
use crate::error::{Error, OptionsError};
use crate::evm::{self, EvmReport};
use crate::project::{
    Opening, PROOF_ENDINGS, Project, Round, exists, find_proof, read_json, read_toml, settings,
};
use crate::proofs::{self, StoredProof};
use crate::session::{Rules, Session, read_genesis, read_model};
use crate::ui::{Report, Ui, field, success};

/// Options of `zktrain verify`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain verify cancer\n  \
    zktrain verify cancer/proofs/000003.proof --manifest cancer/manifest.toml --srs cancer/srs.bin\n\n\
    A directory needs manifest.toml, round.toml, genesis.int.safetensors, registration,\n\
    proofs/ and the reference string; neither the data nor any secret. Single proofs are\n\
    checked each on its own: that it holds, not that it follows another.")]
pub struct Args {
    /// A project's directory, or proof files.
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// The manifest; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The reference string; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
    /// Prover, chain, round and nonce; by default the project's `round.toml`.
    #[arg(long, value_name = "FILE")]
    pub round: Option<PathBuf>,
    /// The public model that the chain starts from; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// Root of a dataset whose registration was checked before, in hexadecimal; then
    /// no registration is read.
    #[arg(long, value_name = "ROOT", requires = "windows")]
    pub dataset: Option<String>,
    /// Windows of that dataset.
    #[arg(long, value_name = "N", requires = "dataset", value_parser = clap::value_parser!(u32).range(1..=MAX_WINDOWS))]
    pub windows: Option<u32>,
    /// The final model that the chain has to end with; by default the project's, if
    /// it comes with its opening.
    #[arg(long, value_name = "FILE", requires = "opening")]
    pub model: Option<PathBuf>,
    /// The opening of the final model.
    #[arg(long, value_name = "FILE")]
    pub opening: Option<PathBuf>,
    /// Keccak-256 of the Groth16 key that proofs are to be checked with, in hexadecimal, as
    /// `zktrain keys check` prints it: who verifies should know it from the ceremony, not
    /// from the files of whoever proves.
    #[arg(long, value_name = "HASH")]
    pub groth16_key: Option<String>,
    /// Have the contracts check the proofs as well, in an embedded EVM.
    #[arg(long)]
    pub evm: bool,
}

/// What was checked; there is a report only if all of it holds.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// Always true: anything else is an error.
    pub valid: bool,
    /// Whether the proofs were checked as a chain from the first model on.
    pub chain: bool,
    /// Proofs checked.
    pub proofs: usize,
    /// Optimizer steps that they cover.
    pub steps: u64,
    /// Windows of the registered dataset; none for single proofs.
    pub windows: Option<usize>,
    /// Its root.
    pub dataset: Option<String>,
    /// Whether the dataset's registration was checked now.
    pub registration: bool,
    /// Whether the final model was shown to be the chain's end.
    pub final_model: bool,
    /// Forms of the proofs: `halo2`, `groth16`, `not-zk`.
    pub forms: Vec<&'static str>,
    /// The Groth16 key that was used, if there are Groth16 proofs.
    pub groth16_key: Option<Groth16Trust>,
    /// What the contracts charged, if they checked the proofs too.
    pub gas: Option<EvmReport>,
    /// Whether the reference string is one that convinces nobody.
    pub insecure_srs: bool,
    /// Milliseconds of verifying, registration included.
    pub verify_ms: f64,
    /// Milliseconds of checking the registration.
    pub registration_ms: f64,
    /// Milliseconds a proof.
    pub verify_ms_per_proof: f64,
}

/// The key that Groth16 proofs were checked with, and how far it can be trusted.
#[derive(Clone, Debug, Serialize)]
pub struct Groth16Trust {
    /// Its Keccak-256.
    pub hash: String,
    /// One party made it and could forge any proof.
    pub insecure: bool,
    /// Whether it is the one that `--groth16-key` names; otherwise it came with the proofs.
    pub pinned: bool,
}

impl Groth16Trust {
    /// Compares a key with the one that was asked for.
    fn of(wanted: Option<&str>, circuit: &CircuitKey) -> Result<Option<Self>, Error> {
        let Some(key) = &circuit.groth16 else { return Ok(None) };
        let got = key.hash();
        if let Some(text) = wanted {
            let expected = parse_hash("--groth16-key", text)?;
            if expected != got {
                let [expected, got] = [expected, got].map(hex::encode);
                return Err(Error::UnexpectedKey { expected, got });
            }
        }
        let (insecure, pinned) = (key.is_insecure(), wanted.is_some());
        Ok(Some(Self { hash: hex::encode(got), insecure, pinned }))
    }
}

impl Report for VerifyReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if self.chain {
            success(
                out,
                format!("VALID: {} proofs, {} steps, one chain", self.proofs, self.steps),
            )?;
        } else {
            let line = format!("VALID: {} proofs, {} steps", self.proofs, self.steps);
            success(out, format!("{line}, each on its own (give a directory to check a chain)"))?;
        }
        if let (Some(root), Some(windows)) = (&self.dataset, self.windows) {
            let how = if self.registration { "registration valid" } else { "taken as registered" };
            field(out, "dataset", format!("{windows} windows, {how}, root {root}"))?;
        }
        let model = if self.final_model { "is what the chain ends with" } else { "not checked" };
        if self.chain {
            field(out, "final model", model)?;
        }
        let times = format!("{:.0} ms, {:.1} ms a proof", self.verify_ms, self.verify_ms_per_proof);
        field(out, "time", times)?;
        field(out, "proofs", self.forms.join(", "))?;
        if let Some(gas) = &self.gas {
            gas.print(out)?;
        }
        if let Some(key) = &self.groth16_key {
            let how = match key.pinned {
                true => "as asked for",
                false => "came with the proofs: compare it, `--groth16-key HASH`",
            };
            field(out, "Groth16 key", format!("{} ({how})", key.hash))?;
            if key.insecure {
                field(out, "but", "its maker can forge any proof: this convinces nobody else")?;
            }
        }
        if self.insecure_srs {
            field(out, "but", "the reference string is insecure: this convinces nobody else")?;
        }
        Ok(())
    }
}

/// Windows of a dataset that is taken as registered at most: their order is drawn in memory.
const MAX_WINDOWS: i64 = 1 << 24;

type Proof = (TrainingStatement, StoredProof);

/// Verifies.
///
/// # Errors
/// If a file is missing or malformed, or anything does not hold.
pub fn run(args: &Args, ui: &Ui) -> Result<VerifyReport, Error> {
    match args.paths.as_slice() {
        [dir] if dir.is_dir() => verify_chain(args, &Project::new(dir), ui),
        files => verify_files(args, files, ui),
    }
}

fn session(args: &Args, project: &Project, ui: &Ui) -> Result<Session, Error> {
    Session::of_files(project, args.manifest.as_deref(), args.srs.as_deref(), ui)
}

fn verify_files(args: &Args, paths: &[PathBuf], ui: &Ui) -> Result<VerifyReport, Error> {
    // A proof lies in the folder `proofs` of its project.
    let folder = paths.first().and_then(|path| path.parent()?.parent()).unwrap_or(Path::new("."));
    let project = Project::new(folder);
    let session = session(args, &project, ui)?;
    let circuits = Circuits::new(&session, &project, ui);
    let proofs: Vec<Proof> =
        paths.iter().map(|path| proofs::read(&session.key, path)).collect::<Result<_, _>>()?;
    let circuit = circuits.training_key(&proofs)?;
    let trust = Groth16Trust::of(args.groth16_key.as_deref(), &circuit)?;
    let started = Instant::now();
    for (path, (statement, proof)) in paths.iter().zip(&proofs) {
        zktrain_verifier::training::verify(&session.key, &circuit, statement, proof)
            .map_err(|e| rejected(path, e))?;
    }
    let steps = (paths.len() * session.network().steps) as u64;
    let mut report = report(&session, &proofs, steps, started);
    report.groth16_key = trust;
    if args.evm {
        report.gas = Some(evm::verify(&session.key, &circuit, &proofs, ui)?);
    }
    Ok(report)
}

fn verify_chain(args: &Args, project: &Project, ui: &Ui) -> Result<VerifyReport, Error> {
    let session = session(args, project, ui)?;
    let genesis = args.genesis.clone().unwrap_or_else(|| project.genesis_path());
    let genesis = read_genesis(&genesis, session.network())?;
    let round_path = args.round.clone().unwrap_or_else(|| project.round_path());
    let round: Round = read_toml(&round_path)?;
    let circuits = Circuits::new(&session, project, ui);
    let started = Instant::now();
    let (dataset, windows) = match (&args.dataset, args.windows) {
        (Some(root), Some(windows)) => (parse_hash("--dataset", root)?, windows as usize),
        _ => verify_registration(&session, &circuits, project, &round_path, &round)?,
    };
    let registration_ms = 1e3 * started.elapsed().as_secs_f64();
    let rules = Rules::new(&round_path, &round, &session.key.spec, dataset, windows)?;
    let chain = Chain {
        binding: rules.binding,
        dataset: rules.dataset,
        windows: rules.windows as u64,
        nonce: rules.nonce,
        model: commit_model(&session.key, session.srs.g1(), &genesis)?.points,
    };
    let folder = project.proofs_path();
    let proofs = read_proofs(&session, &folder)?;
    let circuit = circuits.training_key(&proofs)?;
    let trust = Groth16Trust::of(args.groth16_key.as_deref(), &circuit)?;
    let started = Instant::now();
    let end = chain.verify(&session.key, &circuit, &proofs).map_err(|error| match error {
        TrainingError::Link { index, source } => {
            rejected(&find_proof(&folder, index).unwrap_or_else(|| folder.clone()), *source)
        }
        other => rejected(&folder, other),
    })?;
    let mut report = report(&session, &proofs, end.steps, started);
    report.registration_ms = registration_ms;
    report.groth16_key = trust;
    let final_model = verify_final(args, &session, project, proofs.len(), &end)?;
    if args.evm {
        report.gas = Some(evm::verify(&session.key, &circuit, &proofs, ui)?);
    }
    report.chain = true;
    report.registration = args.dataset.is_none();
    report.windows = Some(rules.windows);
    report.dataset = Some(hex::encode(rules.dataset));
    report.final_model = final_model;
    Ok(report)
}

fn report(session: &Session, proofs: &[Proof], steps: u64, started: Instant) -> VerifyReport {
    let verify_ms = 1e3 * started.elapsed().as_secs_f64();
    let forms: BTreeSet<&'static str> = proofs.iter().map(|(_, proof)| proof.form()).collect();
    let proofs = proofs.len();
    VerifyReport {
        valid: true,
        chain: false,
        proofs,
        forms: forms.into_iter().collect(),
        groth16_key: None,
        gas: None,
        steps,
        windows: None,
        dataset: None,
        registration: false,
        final_model: false,
        insecure_srs: session.srs.claims_insecure(),
        verify_ms,
        registration_ms: 0.0,
        verify_ms_per_proof: verify_ms / proofs.max(1) as f64,
    }
}

/// A hash that an option gives.
fn parse_hash(option: &'static str, text: &str) -> Result<Hash, Error> {
    let bytes = hex::decode(text.trim_start_matches("0x")).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        let expected = "32 bytes in hexadecimal";
        OptionsError::Value { option, expected, got: text.to_owned() }.into()
    })
}

/// Checks the registration and that the round's prover owns it; root and windows.
fn verify_registration(
    session: &Session,
    circuits: &Circuits<'_>,
    project: &Project,
    round_path: &Path,
    round: &Round,
) -> Result<(Hash, usize), Error> {
    let path = project.find_registration().ok_or_else(|| Error::Missing {
        path: project.registration_path(),
        hint: "register the data first: `zktrain data commit`",
    })?;
    let registration = proofs::read_registration(&session.key, &path)?;
    let root = circuits.verify_registration(&registration);
    let root = root.map_err(|fault| fault.of_file(&path))?;
    let statements = registration.statements();
    let windows = statements.iter().map(|statement| statement.rows.len()).sum();
    let prover = round.binding().map_err(|e| settings(round_path, e))?.prover;
    let owner = statements.first().map(|statement| statement.owner).unwrap_or_default();
    if owner != prover {
        let [expected, got] = [prover, owner].map(hex::encode);
        return Err(Error::Owner { path, expected, got });
    }
    Ok((root, windows))
}

/// All proofs of a folder, which must be numbered without a gap.
fn read_proofs(session: &Session, folder: &Path) -> Result<Vec<Proof>, Error> {
    exists(folder, "prove first: `zktrain prove`")?;
    let file = |source| Error::File { path: folder.to_owned(), source };
    // A proof may be there in both forms.
    let mut numbers = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(file)? {
        let name = entry.map_err(file)?.file_name();
        let name = name.to_string_lossy();
        numbers.extend(
            PROOF_ENDINGS.iter().filter_map(|end| Some(name.strip_suffix(end)?.to_owned())),
        );
    }
    let count = numbers.len();
    if count == 0 {
        return Err(Error::Gap { path: folder.to_owned(), expected: 0 });
    }
    let mut all = Vec::new();
    for index in 0..count {
        let gap = || Error::Gap { path: folder.to_owned(), expected: index };
        all.push(proofs::read(&session.key, &find_proof(folder, index).ok_or_else(gap)?)?);
    }
    Ok(all)
}

fn rejected(path: &Path, source: TrainingError) -> Error {
    Error::Rejected { path: path.to_owned(), source: Box::new(source) }
}

/// Checks the final model against the chain's end; false if there is none to check.
fn verify_final(
    args: &Args,
    session: &Session,
    project: &Project,
    proofs: usize,
    end: &ChainEnd,
) -> Result<bool, Error> {
    let path = args.opening.clone().unwrap_or_else(|| project.opening_path());
    if args.opening.is_none() && !path.exists() {
        return Ok(false);
    }
    let opening: Opening = read_json(&path, "name the file that came with the model")?;
    let model_path = args.model.clone().unwrap_or_else(|| project.model_path());
    if opening.proofs != proofs {
        return Err(Error::OpeningProofs { path, expected: proofs, got: opening.proofs });
    }
    let hint = "name the trained model: `--model model.int.safetensors`";
    let model = read_model(&model_path, session.network(), hint)?;
    let rows = commit_model(&session.key, session.srs.g1(), &model)?.points;
    let blindings = blindings(&path, &opening)?;
    let (expected, got) = (end.model.len(), blindings.len());
    if expected != got || rows.len() != expected {
        return Err(Error::Opening { path, expected, got });
    }
    let opened = |row: &G1Affine, b: &Fr| (blinding_base() * b + row).into_affine();
    let pairs = rows.iter().zip(&blindings).zip(&end.model);
    match pairs.into_iter().position(|((row, b), end)| opened(row, b) != *end) {
        Some(row) => Err(Error::FinalModel { path: model_path, row }),
        None => Ok(true),
    }
}

/// Canonical scalars from hexadecimal.
fn blindings(path: &Path, opening: &Opening) -> Result<Vec<Fr>, Error> {
    let scalar = |text: &String| {
        let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32)?;
        let scalar = Fr::from_be_bytes_mod_order(&bytes);
        (scalar.into_bigint().to_bytes_be() == bytes).then_some(scalar)
    };
    let parsed = opening.blindings.iter().map(|text| {
        scalar(text).ok_or_else(|| {
            let got = text.clone();
            settings(
                path,
                crate::project::SettingsError::Hex { field: "blindings", expected: 32, got },
            )
        })
    });
    parsed.collect()
}
