//! `zktrain verify`: checks a registration and a chain of proofs, from files alone.

mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{BigInteger, PrimeField};
use zktrain_argument::curve::blinding_base;
use zktrain_audit::trust::{Root, Roots};
use zktrain_model::Hash;
use zktrain_project::circuits::{Circuits, RegistrationFault};
use zktrain_project::project::{
    ModelOpeningFile, PROOF_ENDINGS, Project, Round, exists, find_proof, read_json, read_toml,
    settings,
};
use zktrain_project::proofs;
use zktrain_project::replace;
use zktrain_project::session::{Rules, Session, read_genesis, read_model};
use zktrain_prove::training::commit_model;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::dataset::DatasetProofError;
use zktrain_verify::file::StoredProof;
use zktrain_verify::round::rows_hash;
use zktrain_verify::training::{ChainEnd, ProofChain, TrainingError};

use crate::error::{Error, OptionsError, ProjectError};
use crate::evm;
use crate::roots::{self, DERIVED, Pins, StatedPins, hash_pin, nonce_pin};
use crate::ui::Ui;

pub use report::{BindingReport, VerifyReport};

/// Options of `zktrain verify`.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(after_help = "Examples:\n  zktrain verify cancer\n  \
    zktrain verify cancer --srs-fingerprint 5d01… --manifest-hash 30c7… --genesis-hash 9ab2… \\\n    \
    --nonce derived --strict\n  \
    zktrain verify cancer --contract 0x5fbd… --chain-id 1 --domain 7 --prover 0x7e5f… \\\n    \
    --dataset-root 33c1…\n  \
    zktrain verify cancer/proofs/000003.proof --manifest cancer/manifest.toml --srs cancer/srs.bin\n\n\
    A directory needs manifest.toml, round.toml, genesis.int.safetensors, registration,\n\
    proofs/ and the reference string; neither the data nor any secret. Single proofs are\n\
    checked each on its own: that it holds, not that it follows another.\n\n\
    A verdict names what it rests on. The exit code is 0 if everything holds and all roots are\n\
    pinned or known, 3 if it holds on a root that nobody pinned, and 1 otherwise. Contract, chain,\n\
    domain, prover and dataset are what the proofs state: they are compared if you name them.")]
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
    /// The nonce that draws the order of windows, in hexadecimal; `derived` if you know that none
    /// is drawn.
    #[arg(long, value_name = "HASH", help_heading = "Roots")]
    pub nonce: Option<String>,
    /// Of what proofs state, what is pinned.
    #[command(flatten)]
    pub stated: StatedPins,
    /// What is pinned.
    #[command(flatten)]
    pub pins: Pins,
    /// Have the contracts check the proofs as well, in an embedded EVM.
    #[arg(long)]
    pub evm: bool,
}

/// Windows of a dataset that is taken as registered at most: their order is drawn in memory.
const MAX_WINDOWS: i64 = 1 << 24;

type Proof = (TrainingStatement, StoredProof);

/// Verifies.
///
/// # Errors
/// If a file is missing or malformed, or anything does not hold.
pub fn run(args: &Args, ui: &Ui) -> Result<VerifyReport, Error> {
    for path in &args.paths {
        exists(path, "name a project's directory, or proof files")?;
    }
    match args.paths.as_slice() {
        [dir] if dir.is_dir() => {
            let project = Project::new(dir);
            replace::reading(&project, || verify_chain(args, &project, ui))
        }
        files => verify_files(args, files, ui),
    }
}

fn session(args: &Args, project: &Project, ui: &Ui) -> Result<Session, Error> {
    Ok(Session::of_files(project, args.manifest.as_deref(), args.srs.as_deref(), ui)?)
}

/// Refuses what single proofs are not compared with, rather than to leave it out silently.
fn without_a_chain(args: &Args) -> Result<(), OptionsError> {
    let of_chains = [
        ("--round", args.round.is_some()),
        ("--genesis", args.genesis.is_some()),
        ("--genesis-hash", args.pins.genesis_hash.is_some()),
        ("--nonce", args.nonce.is_some()),
        ("--dataset", args.dataset.is_some()),
        ("--windows", args.windows.is_some()),
        ("--model", args.model.is_some()),
        ("--opening", args.opening.is_some()),
    ];
    match of_chains.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(OptionsError::OfChains { option }),
        None => Ok(()),
    }
}

fn verify_files(args: &Args, paths: &[PathBuf], ui: &Ui) -> Result<VerifyReport, Error> {
    without_a_chain(args)?;
    // A proof lies in the folder `proofs` of its project.
    let folder = paths.first().and_then(|path| path.parent()?.parent()).unwrap_or(Path::new("."));
    let project = Project::new(folder);
    let session = session(args, &project, ui)?;
    let mut roots = session_roots(&args.pins, &session)?;
    let circuits = Circuits::new(&session, &project, ui);
    let proofs: Vec<Proof> =
        paths.iter().map(|path| proofs::read(&session.key, path)).collect::<Result<_, _>>()?;
    let circuit = circuits.training_key(&proofs)?;
    groth16_root(&mut roots, &args.pins, &circuit)?;
    let started = Instant::now();
    for (path, (statement, proof)) in paths.iter().zip(&proofs) {
        zktrain_verify::training::verify(&session.key, &circuit, statement, proof)
            .map_err(|e| rejected(&session, path, e))?;
    }
    stated_by_all(&mut roots, &args.stated, &proofs)?;
    let steps = (paths.len() * session.network().steps) as u64;
    let mut report = report(roots, args.pins.strict, &proofs, steps, started);
    if args.evm {
        report.gas = Some(evm::verify(&session.key, &circuit, &proofs, ui)?);
    }
    Ok(report)
}

fn verify_chain(args: &Args, project: &Project, ui: &Ui) -> Result<VerifyReport, Error> {
    let session = session(args, project, ui)?;
    let mut roots = session_roots(&args.pins, &session)?;
    let genesis = args.genesis.clone().unwrap_or_else(|| project.genesis_path());
    let genesis = read_genesis(&genesis, session.network())?;
    let round_path = args.round.clone().unwrap_or_else(|| project.round_path());
    let round: Round = read_toml(&round_path)?;
    let model = commit_model(&session.key, session.srs.g1(), &genesis)?.points;
    roots.push(genesis_root(&model, args.pins.genesis()?.as_deref())?);
    let circuits = Circuits::new(&session, project, ui);
    let started = Instant::now();
    let (dataset, windows) = match (&args.dataset, args.windows) {
        (Some(root), Some(windows)) => (dataset_root(root)?, windows as usize),
        _ => verify_registration(&session, &circuits, project, &round_path, &round)?,
    };
    let registration_ms = 1e3 * started.elapsed().as_secs_f64();
    let rules = Rules::new(&round_path, &round, &session.key.spec, dataset, windows)?;
    chain_roots(&mut roots, args, &round_path, &round, &rules)?;
    let chain = ProofChain {
        binding: rules.binding,
        dataset: rules.dataset,
        windows: rules.windows as u64,
        nonce: rules.nonce,
        model,
    };
    let folder = project.proofs_path();
    let proofs = read_proofs(&session, &folder)?;
    let circuit = circuits.training_key(&proofs)?;
    groth16_root(&mut roots, &args.pins, &circuit)?;
    let started = Instant::now();
    let end = chain.verify(&session.key, &circuit, &proofs).map_err(|error| match error {
        TrainingError::Link { index, source } => {
            let path = find_proof(&folder, index).unwrap_or_else(|| folder.clone());
            rejected(&session, &path, *source)
        }
        other => rejected(&session, &folder, other),
    })?;
    let mut report = report(roots, args.pins.strict, &proofs, end.steps, started);
    report.registration_ms = registration_ms;
    let final_model = verify_final(args, &session, project, proofs.len(), &end)?;
    if args.evm {
        report.gas = Some(evm::verify(&session.key, &circuit, &proofs, ui)?);
    }
    report.chain = true;
    report.binding = Some(BindingReport::new(&rules.binding));
    report.registration = args.dataset.is_none();
    report.windows = Some(rules.windows);
    report.dataset = Some(hex::encode(rules.dataset));
    report.final_model = final_model;
    Ok(report)
}

fn report(
    roots: Roots,
    strict: bool,
    proofs: &[Proof],
    steps: u64,
    started: Instant,
) -> VerifyReport {
    let verify_ms = 1e3 * started.elapsed().as_secs_f64();
    let forms: BTreeSet<&'static str> = proofs.iter().map(|(_, proof)| proof.form()).collect();
    let (proofs, pinned) = (proofs.len(), roots.are_named());
    VerifyReport {
        valid: pinned || !strict,
        pinned,
        strict,
        roots,
        chain: false,
        binding: None,
        proofs,
        forms: forms.into_iter().collect(),
        gas: None,
        steps,
        windows: None,
        dataset: None,
        registration: false,
        final_model: false,
        verify_ms,
        registration_ms: 0.0,
        verify_ms_per_proof: verify_ms / proofs.max(1) as f64,
    }
}

/// What every proof rests on: reference string and manifest.
fn session_roots(pins: &Pins, session: &Session) -> Result<Roots, Error> {
    let mut roots = Roots::default();
    roots.push(srs_root(session, pins.srs()?.as_deref())?);
    roots.push(manifest_root(session, pins.manifest()?.as_deref())?);
    Ok(roots)
}

/// The reference string.
///
/// # Errors
/// If another one was asked for.
pub(super) fn srs_root(session: &Session, pin: Option<&str>) -> Result<Root, Error> {
    Ok(roots::reference_string(&session.srs, pin)?)
}

/// The manifest.
///
/// # Errors
/// If another one was asked for.
pub(super) fn manifest_root(session: &Session, pin: Option<&str>) -> Result<Root, Error> {
    let hash = hex::encode(session.manifest.hash());
    Ok(Root::new("manifest", "--manifest-hash", hash, pin)?)
}

/// The first model, by the hash of its row commitments, as contracts know it.
///
/// # Errors
/// If another one was asked for.
pub(super) fn genesis_root(rows: &[G1Affine], pin: Option<&str>) -> Result<Root, Error> {
    let hash = hex::encode(rows_hash(rows));
    Ok(Root::new("genesis model", "--genesis-hash", hash, pin)?)
}

fn groth16_root(roots: &mut Roots, pins: &Pins, circuit: &CircuitKey) -> Result<(), Error> {
    if let Some(key) = &circuit.groth16 {
        roots.push(Root::groth16_key(key, pins.groth16()?.as_deref())?);
    }
    Ok(())
}

/// The nonce, a dataset that is taken as registered, and what else is named of what proofs state.
fn chain_roots(
    roots: &mut Roots,
    args: &Args,
    round_path: &Path,
    round: &Round,
    rules: &Rules,
) -> Result<(), Error> {
    let pin = nonce_pin(args.nonce.as_deref())?;
    let drawn = round.nonce().map_err(|e| settings(round_path, e))?.is_some();
    // Who knows the hash can name it, whether it was drawn or follows from the data.
    let by_hash = pin.as_deref().is_some_and(|pin| pin != DERIVED);
    let nonce = (drawn || by_hash).then(|| hex::encode(rules.nonce));
    roots.push(roots::nonce(nonce, pin.as_deref())?);
    if args.dataset.is_some() {
        let dataset = hex::encode(rules.dataset);
        roots.push(Root::new("dataset", "--dataset", dataset.clone(), Some(&dataset))?);
    }
    let stated = args.stated.roots(&rules.binding, &rules.dataset)?;
    stated.into_iter().for_each(|root| roots.push(root));
    Ok(())
}

/// What is named of what proofs state that are no chain: each of them has to state it.
fn stated_by_all(roots: &mut Roots, pins: &StatedPins, proofs: &[Proof]) -> Result<(), Error> {
    let mut named = Vec::new();
    for (statement, _) in proofs {
        named = pins.roots(&statement.binding, &statement.dataset)?;
    }
    named.into_iter().for_each(|root| roots.push(root));
    Ok(())
}

/// The root of the dataset that is taken as registered.
fn dataset_root(text: &str) -> Result<Hash, Error> {
    let hash = hash_pin("--dataset", Some(text))?;
    let bytes = hash.and_then(|hash| hex::decode(hash).ok()?.try_into().ok());
    // `hash_pin` has refused everything else.
    Ok(bytes.unwrap_or_default())
}

/// Checks the registration and that the round's prover owns it; root and windows.
fn verify_registration(
    session: &Session,
    circuits: &Circuits<'_>,
    project: &Project,
    round_path: &Path,
    round: &Round,
) -> Result<(Hash, usize), Error> {
    let path = project.find_registration().ok_or_else(|| {
        Error::Project(ProjectError::Missing {
            path: project.registration_path(),
            hint: "register the data first: `zktrain data commit`",
        })
    })?;
    let registration = proofs::read_registration(&session.key, &path)?;
    let root = circuits.verify_registration(&registration);
    let root = root.map_err(|fault| match fault {
        RegistrationFault::Proof(DatasetProofError::Spec { .. }) => other_spec(session, &path),
        fault => fault.of_file(&path).into(),
    })?;
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
    let file = |source| Error::Project(ProjectError::File { path: folder.to_owned(), source });
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

fn rejected(session: &Session, path: &Path, source: TrainingError) -> Error {
    match source {
        TrainingError::Spec => other_spec(session, path),
        source => Error::Rejected { path: path.to_owned(), source: Box::new(source) },
    }
}

/// It may hold under another manifest or string: the verifier may have named the wrong one.
fn other_spec(session: &Session, path: &Path) -> Error {
    Error::OtherSpec {
        path: path.to_owned(),
        srs: session.srs_file.path().to_owned(),
        fingerprint: hex::encode(session.srs.fingerprint()),
    }
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
    let opening: ModelOpeningFile = read_json(&path, "name the file that came with the model")?;
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
fn blindings(path: &Path, opening: &ModelOpeningFile) -> Result<Vec<Fr>, Error> {
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
                zktrain_project::project::SettingsError::Hex {
                    field: "blindings",
                    expected: 32,
                    got,
                },
            )
            .into()
        })
    });
    parsed.collect()
}
