//! `zktrain proof`: looks at training proofs, and writes them in other forms.

use std::io::Write;
use std::path::{Path, PathBuf};

use ark_bn254::{Fr, G1Affine};
use serde::Serialize;
use zktrain_argument::opening::{point_bytes, scalar_bytes};
use zktrain_backends::compress::PublicInputs;
use zktrain_devnet::Evm;
use zktrain_project::circuits::{Circuits, contract_key_hash};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, to_json};
use zktrain_project::proofs;
use zktrain_project::session::Session;
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::file::StoredProof;
use zktrain_verify::groth16::{self, Groth16Proof, snarkjs};
use zktrain_verify::sheet::public_inputs;
use zktrain_verify::training::known_rows;

use crate::error::{Error, OptionsError};
use crate::ui::{Report, Ui, field, success};

/// What to do with a proof.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Show what a proof states and what it consists of. Does not check it.
    Inspect(InspectArgs),
    /// Write a proof for contracts, for snarkjs, or as JSON.
    Export(ExportArgs),
}

/// Where a proof and what belongs to it are.
#[derive(clap::Args, Clone, Debug)]
pub struct Source {
    /// The proof's file.
    pub file: PathBuf,
    /// The manifest; by default that of the project which the proof is in.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The reference string; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
}

/// Options of `zktrain proof inspect`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain proof inspect cancer/proofs/000003.proof")]
pub struct InspectArgs {
    /// The proof.
    #[command(flatten)]
    pub source: Source,
}

/// Options of `zktrain proof export`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    zktrain proof export cancer/proofs/000003.proof --format calldata --out call.hex\n  \
    zktrain proof export cancer/proofs/000003.proof --format snarkjs --out snarkjs/")]
pub struct ExportArgs {
    /// The proof.
    #[command(flatten)]
    pub source: Source,
    /// What to write.
    #[arg(long, value_enum)]
    pub format: Format,
    /// Where to: a file, or for snarkjs a directory.
    #[arg(long, short, value_name = "PATH")]
    pub out: PathBuf,
    /// Write over other files that are there.
    #[arg(long)]
    pub force: bool,
}

/// A form that others read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Calldata of the contract `TrainingVerifier`, in hexadecimal.
    Calldata,
    /// `proof.json`, `public.json` and `verification_key.json`; Groth16 only.
    Snarkjs,
    /// Every field, in hexadecimal.
    Json,
}

/// What a statement says, points left out.
#[derive(Clone, Debug, Serialize)]
pub struct StatementReport {
    /// Digest of manifest and reference string.
    pub spec: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the contract that it is for; zeros off chain.
    pub contract: String,
    /// The domain there.
    pub domain: u64,
    /// The round.
    pub round: u64,
    /// The prover's address.
    pub prover: String,
    /// First step.
    pub step: u64,
    /// Root of the dataset.
    pub dataset: String,
    /// Windows of the dataset.
    pub windows: u64,
    /// The window trained on.
    pub window: u64,
}

impl StatementReport {
    fn new(statement: &TrainingStatement) -> Self {
        Self {
            spec: hex::encode(statement.spec),
            chain_id: statement.binding.chain_id,
            contract: format!("0x{}", hex::encode(statement.binding.contract)),
            domain: statement.binding.domain,
            round: statement.binding.round,
            prover: format!("0x{}", hex::encode(statement.binding.prover)),
            step: statement.step,
            dataset: hex::encode(statement.dataset),
            windows: statement.windows,
            window: statement.window,
        }
    }
}

/// What a proof's file holds.
#[derive(Clone, Debug, Serialize)]
pub struct InspectReport {
    /// `halo2`, `groth16` or `not-zk`.
    pub form: &'static str,
    /// What it states.
    pub statement: StatementReport,
    /// Row commitments in the statement.
    pub statement_rows: usize,
    /// Row commitments in the proof, the mask's included.
    pub proof_rows: usize,
    /// Bytes of the statement.
    pub statement_bytes: usize,
    /// Bytes of the proof.
    pub proof_bytes: usize,
    /// Of these, bytes of row commitments.
    pub row_bytes: usize,
    /// Of these, bytes of the circuit's proof; none if uncompressed.
    pub circuit_bytes: Option<usize>,
    /// Of these, bytes of the opening.
    pub opening_bytes: usize,
}

impl Report for InspectReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let statement = &self.statement;
        writeln!(out, "a training proof, {}: what it says, not checked here", self.form)?;
        field(out, "spec", &statement.spec)?;
        field(out, "prover", &statement.prover)?;
        field(out, "chain", statement.chain_id)?;
        field(out, "contract", &statement.contract)?;
        field(out, "domain, round", format!("{}, {}", statement.domain, statement.round))?;
        field(out, "first step", statement.step)?;
        let window = format!("{} of {}", statement.window, statement.windows);
        field(out, "window", format!("{window}, root {}", statement.dataset))?;
        field(out, "statement", format!("{} bytes", self.statement_bytes))?;
        field(out, "proof", format!("{} bytes", self.proof_bytes))?;
        field(out, "  rows", format!("{} bytes, {} rows", self.row_bytes, self.proof_rows))?;
        field(out, "  opening", format!("{} bytes", self.opening_bytes))?;
        match self.circuit_bytes {
            Some(bytes) => field(out, "  circuit", format!("{bytes} bytes")),
            None => field(out, "  argument", "uncompressed: for its owner alone"),
        }
    }
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct ExportReport {
    /// In which form.
    pub format: Format,
    /// The files.
    #[serde(serialize_with = "crate::ui::tell")]
    pub files: Vec<PathBuf>,
}

impl Report for ExportReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        success(out, "written")?;
        self.files.iter().try_for_each(|path| writeln!(out, "  {}", path.display()))
    }
}

/// Runs the command.
///
/// # Errors
/// If a file is missing or malformed, or there is no such form of the proof.
pub fn run(command: &Command, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::Inspect(args) => ui.report(&inspect(args, ui)?),
        Command::Export(args) => ui.report(&export(args, ui)?),
    }
}

/// A proof, with the session and project that it belongs to.
struct Loaded {
    path: PathBuf,
    project: Project,
    session: Session,
    statement: TrainingStatement,
    proof: StoredProof,
}

fn load(source: &Source, ui: &Ui) -> Result<Loaded, Error> {
    // A proof lies in the folder `proofs` of its project.
    let folder = source.file.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let project = Project::new(folder);
    let session =
        Session::of_files(&project, source.manifest.as_deref(), source.srs.as_deref(), ui)?;
    let (statement, proof) = proofs::read(&session.key, &source.file)?;
    Ok(Loaded { path: source.file.clone(), project, session, statement, proof })
}

/// Shows a proof.
///
/// # Errors
/// If the file is missing or not a proof of the manifest.
pub fn inspect(args: &InspectArgs, ui: &Ui) -> Result<InspectReport, Error> {
    let Loaded { statement, proof, .. } = load(&args.source, ui)?;
    let lists = [&statement.data, &statement.model, &statement.state, &statement.update];
    let statement_rows =
        lists.iter().map(|list| list.len()).sum::<usize>() + statement.state_after.len();
    let (rows, opening, circuit_bytes) = match &proof {
        StoredProof::Plain(proof) => (&proof.rows, &proof.opening, None),
        StoredProof::Compressed(proof) => {
            (&proof.rows, &proof.opening, Some(proof.circuit_proof.len()))
        }
    };
    let proof_rows = rows.len() + 1;
    Ok(InspectReport {
        form: proof.form(),
        statement: StatementReport::new(&statement),
        statement_rows,
        proof_rows,
        statement_bytes: statement.to_bytes().len(),
        proof_bytes: proof.encoded_len(),
        row_bytes: 64 * proof_rows,
        circuit_bytes,
        opening_bytes: opening.to_bytes().len(),
    })
}

/// Writes a proof in another form.
///
/// # Errors
/// If the proof is not compressed, or has no such form.
pub fn export(args: &ExportArgs, ui: &Ui) -> Result<ExportReport, Error> {
    let loaded = load(&args.source, ui)?;
    let StoredProof::Compressed(proof) = &loaded.proof else {
        let hint = "make a compressed one: `zktrain prove --compress halo2`";
        let when = "because only compressed proofs may leave the owner's machine";
        return Err(OptionsError::Required { option: "--compress", when, hint }.into());
    };
    let out = args.out.clone();
    let files = match args.format {
        Format::Calldata => vec![(out, calldata(&loaded, proof, ui)?)],
        Format::Snarkjs => snarkjs_files(&loaded, proof, &out, ui)?,
        Format::Json => {
            let json = to_json(&out, &ProofJson::new(&loaded, proof)?)?;
            vec![(out, json)]
        }
    };
    if args.format == Format::Snarkjs {
        files::create_folder(&args.out, Access::Public)?;
    }
    for (path, bytes) in &files {
        files::write_new(path, bytes, Access::Public, args.force)?;
    }
    let files = files.into_iter().map(|(path, _)| path).collect();
    Ok(ExportReport { format: args.format, files })
}

fn calldata(loaded: &Loaded, proof: &CompressedProof, ui: &Ui) -> Result<Vec<u8>, Error> {
    let circuits = Circuits::new(&loaded.session, &loaded.project, ui);
    let circuit = circuits.key_of(proof.system)?;
    let key = contract_key_hash(&loaded.session.key, &circuit, proof.system)?;
    let data = Evm::verify_calldata(key, &loaded.statement.to_bytes(), &proof.to_bytes());
    Ok(format!("0x{}\n", hex::encode(data)).into_bytes())
}

fn snarkjs_files(
    loaded: &Loaded,
    proof: &CompressedProof,
    out: &Path,
    ui: &Ui,
) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
    let circuits = Circuits::new(&loaded.session, &loaded.project, ui);
    let key = match proof.system {
        ProofSystem::Groth16 => circuits.key_of(ProofSystem::Groth16)?.groth16,
        ProofSystem::Halo2 => None,
    };
    let key = key.ok_or(Error::Options(OptionsError::Required {
        option: "--compress groth16",
        when: "because snarkjs reads Groth16 proofs",
        hint: "choose another --format, or prove with `--compress groth16`",
    }))?;
    let wrong = |source| Error::CircuitProof { path: loaded.path.clone(), source };
    let decoded = Groth16Proof::from_bytes(&proof.circuit_proof).map_err(wrong)?;
    let inputs = inputs(loaded, proof)?.to_array();
    // With the key of another time the files would be no proof, and who gets them would not know why.
    groth16::verify(&key, &inputs, &proof.circuit_proof).map_err(wrong)?;
    let contents = [
        ("proof.json", snarkjs::proof_json(&decoded)),
        ("public.json", snarkjs::inputs_json(&inputs)),
        ("verification_key.json", snarkjs::key_json(&key)),
    ];
    Ok(contents.into_iter().map(|(name, text)| (out.join(name), text.into_bytes())).collect())
}

fn inputs(loaded: &Loaded, proof: &CompressedProof) -> Result<PublicInputs<Fr>, Error> {
    let key = &loaded.session.key;
    let known = known_rows(key, &loaded.statement);
    let inputs = public_inputs(&key.relation, &loaded.statement.to_bytes(), &known, proof);
    inputs.map_err(|source| Error::Rejected {
        path: loaded.path.clone(),
        source: Box::new(source.into()),
    })
}

/// A compressed proof, field by field, in hexadecimal.
#[derive(Serialize)]
struct ProofJson {
    system: &'static str,
    statement: StatementReport,
    data: Vec<String>,
    path: Vec<String>,
    model: Vec<String>,
    state: Vec<String>,
    update: Vec<String>,
    state_after: Vec<String>,
    rows: Vec<String>,
    mask: String,
    point: Vec<String>,
    gamma: String,
    value: String,
    blinding: String,
    opening: String,
    circuit_proof: String,
    h: String,
    kappa: String,
    fold: String,
    statement_bytes: String,
    proof_bytes: String,
}

impl ProofJson {
    fn new(loaded: &Loaded, proof: &CompressedProof) -> Result<Self, Error> {
        let points = |list: &[G1Affine]| list.iter().map(|p| hex_of(&point_bytes(p))).collect();
        let scalar = |x: &Fr| hex_of(&scalar_bytes(x));
        let statement = &loaded.statement;
        let inputs = inputs(loaded, proof)?;
        Ok(Self {
            system: proof.system.name(),
            statement: StatementReport::new(statement),
            data: points(&statement.data),
            path: statement.path.iter().map(|hash| hex_of(hash)).collect(),
            model: points(&statement.model),
            state: points(&statement.state),
            update: points(&statement.update),
            state_after: points(&statement.state_after),
            rows: points(&proof.rows),
            mask: hex_of(&point_bytes(&proof.mask)),
            point: proof.claim.point.iter().map(scalar).collect(),
            gamma: scalar(&proof.claim.gamma),
            value: scalar(&proof.claim.value),
            blinding: scalar(&proof.blinding),
            opening: hex_of(&proof.opening.to_bytes()),
            circuit_proof: hex_of(&proof.circuit_proof),
            h: scalar(&inputs.h),
            kappa: scalar(&inputs.kappa),
            fold: scalar(&inputs.fold),
            statement_bytes: hex_of(&statement.to_bytes()),
            proof_bytes: hex_of(&proof.to_bytes()),
        })
    }
}

fn hex_of(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
