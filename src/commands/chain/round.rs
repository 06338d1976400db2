//! Rounds: opening, working, handing in, proposing, settling.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use ark_bn254::G1Affine;
use zktrain_circuits::compressed::{CompressedProof, System};
use zktrain_circuits::opening::point_bytes;
use zktrain_circuits::statement::{Binding, TrainingStatement};
use zktrain_contracts::bindings::rounds::IRounds::Delivery;
use zktrain_contracts::protocol::typed::Submission;
use zktrain_contracts::protocol::{Client, Members};
use zktrain_prover::average::weighted_rows;
use zktrain_prover::training::commit_model;

use super::Done;
use crate::chain::Connection;
use crate::chain::amount::{parse, parse_address, parse_duration, show};
use crate::chain::files::{self, BatchFile, SubmissionFile, Update};
use crate::circuits::Compression;
use crate::commands::proof::Source;
use crate::error::{Error, OptionsError};
use crate::files::{self as disk, Access};
use crate::project::{Project, to_json};
use crate::proofs::{self, StoredProof};
use crate::round::{Task, Workshop, rows_hash};
use crate::session::{Session, read_genesis, read_model};
use crate::ui::Ui;

/// Options of `zktrain chain open`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain open 1 --duration 2h --budget 90 \\\n    \
    --member 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf \\\n    \
    --member 0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF --key operator.json")]
pub struct OpenArgs {
    /// The domain.
    pub domain: u64,
    /// Who is in it.
    #[arg(long = "member", value_name = "ADDRESS", value_parser = parse_address, required = true)]
    pub members: Vec<Address>,
    /// Time until the deadline.
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = parse_duration)]
    pub duration: u64,
    /// What it may pay.
    #[arg(long, default_value = "0", value_parser = parse)]
    pub budget: U256,
}

/// Options of `zktrain chain work`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain work 7 credit --key alice.json")]
pub struct WorkArgs {
    /// The round.
    pub round: u64,
    /// The project with the registered data.
    pub dir: PathBuf,
    /// The round's model; by default the project's first one.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// The system of the proof: that of the domain.
    #[arg(long, value_name = "SYSTEM", value_enum, default_value_t)]
    pub compress: Compression,
    /// The proof's file; by default in the project's folder `rounds`.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over another file that is there. Whoever signs two proofs for one round can be slashed
    /// for it.
    #[arg(long)]
    pub force: bool,
}

/// Options of `zktrain chain submit`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain submit credit/rounds/7.proof --key alice.json")]
pub struct SubmitArgs {
    /// The proof.
    #[command(flatten)]
    pub source: Source,
    /// Where the signed submission goes in an optimistic domain; by default beside the proof.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over another file that is there.
    #[arg(long)]
    pub force: bool,
}

/// Options of `zktrain chain propose`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain propose 7 credit *.submission.json \\\n    \
    --model next.int.safetensors --out 7.batch.json --key operator.json")]
pub struct ProposeArgs {
    /// The round.
    pub round: u64,
    /// A project with the domain's manifest and reference string.
    pub dir: PathBuf,
    /// What members handed in; none if nobody did.
    pub submissions: Vec<PathBuf>,
    /// The next model's parameters.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Where batch and rows go, to be published: members need them to check the sum.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Write over another file that is there.
    #[arg(long)]
    pub force: bool,
}

/// Options of `zktrain chain settle`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain settle 7 --key anyone.json")]
pub struct SettleArgs {
    /// The round.
    pub round: u64,
}

/// Options of `zktrain chain answer`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain answer 7.submission.json --key operator.json")]
pub struct AnswerArgs {
    /// The submission that was demanded.
    pub submission: PathBuf,
}

/// What to do about a proof that is there already.
const PROVEN: &str = "hand in the proof that is there: proofs are never the same twice, and whoever \
     signs two for one round can be slashed for it; or write over it with `--force`";

const EVIDENCE: &str = "name a file that `zktrain chain submit` wrote";

pub async fn open(at: &Connection, args: &OpenArgs, ui: &Ui) -> Result<Done, Error> {
    let budget = u128::try_from(args.budget)
        .map_err(|_| Error::Argument { why: format!("{} is too much", show(args.budget)) })?;
    let client = at.client(ui).await?;
    let members = args.members.clone();
    let round = client.open_round(args.domain, args.duration, budget, members).await?;
    ui.say(&format!("round {round} is open; waiting for the block that draws its windows"));
    let nonce = client.draw(round).await?;
    let deadline = client.round(round).await?.deadline;
    let members = client.members(round).await?;
    let shown = members.0.iter().map(|m| format!("{} weight {}", m.account, m.weight));
    Ok(Done::new(format!("round {round} of domain {} is open", args.domain))
        .with("round", round)
        .with("nonce", nonce.to_string())
        .with("deadline", files::time(deadline))
        .with("members", shown.collect::<Vec<_>>()))
}

pub async fn work(at: &Connection, args: &WorkArgs, ui: &Ui) -> Result<Done, Error> {
    let system = args.compress.system().ok_or(OptionsError::Required {
        option: "--compress",
        when: "because a round's proofs are zero-knowledge",
        hint: "`--compress halo2` or `--compress groth16`",
    })?;
    let project = Project::new(&args.dir);
    let path = args.out.clone().unwrap_or_else(|| project.round_proof_path(args.round));
    disk::free(&path, args.force, PROVEN)?;
    let client = at.client(ui).await?;
    let round = client.round(args.round).await?;
    let binding = Binding {
        chain_id: client.at().chain_id,
        contract: client.at().rounds.into_array(),
        domain: round.domain,
        round: args.round,
        prover: client.address().into_array(),
    };
    let task = Task { binding, nonce: round.nonce.0, parent: round.parent.0 };
    let model = args.model.clone().unwrap_or_else(|| project.genesis_path());
    let (statement, proof) = prove(&project, &model, system, task, ui)?;
    if let Some(folder) = path.parent() {
        disk::create_folder(folder, Access::Public)?;
    }
    let (window, stored) = (statement.window, StoredProof::Compressed(proof));
    disk::write(&path, &proofs::encode(&statement, &stored), Access::Public)?;
    Ok(Done::new(format!("trained on window {window} and proven"))
        .with("proof", path.display().to_string())
        .with("bytes", stored.encoded_len())
        .with("then", format!("zktrain chain submit {}", path.display())))
}

fn prove(
    project: &Project,
    model: &Path,
    system: System,
    task: Task,
    ui: &Ui,
) -> Result<(TrainingStatement, CompressedProof), Error> {
    let _lock = project.lock()?;
    let session = Session::of_project(project, ui)?;
    let initial = read_genesis(model, session.network())?;
    let work = Workshop::open(project, &session, ui)?.work(&initial, system, task)?;
    Ok((work.statement, work.proof))
}

/// A proof with its statement, read with its project's manifest.
fn load(source: &Source, ui: &Ui) -> Result<(TrainingStatement, Vec<u8>), Error> {
    let folder = source.file.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let (manifest, srs) = (source.manifest.as_deref(), source.srs.as_deref());
    let session = Session::of_files(&Project::new(folder), manifest, srs, ui)?;
    match proofs::read(&session.key, &source.file)? {
        (statement, StoredProof::Compressed(proof)) => Ok((statement, proof.to_bytes())),
        (_, StoredProof::Plain(_)) => Err(OptionsError::Required {
            option: "--compress",
            when: "because contracts check compressed proofs only",
            hint: "`zktrain chain work` makes one",
        }
        .into()),
    }
}

pub async fn submit(at: &Connection, args: &SubmitArgs, ui: &Ui) -> Result<Done, Error> {
    let (statement, proof) = load(&args.source, ui)?;
    let client = at.client(ui).await?;
    let (round, account) = (statement.binding.round, Address::from(statement.binding.prover));
    let bytes = statement.to_bytes();
    // Whoever signs a proof that does not hold can be slashed for it.
    client.judge(round, account, &bytes, &proof).await?;
    let default = || args.source.file.with_extension("submission.json");
    let path = args.out.clone().unwrap_or_else(default);
    let file = signed(&client, &path, &statement, &proof)?;
    if let Some(file) = &file {
        // Before anything is paid for.
        disk::may_write(&path, file, args.force)?;
    }
    let optimistic = client.round(round).await?.optimistic;
    let done = match optimistic {
        true => Done::new(format!("signed for the coordinator of round {round}")),
        false => {
            let receipt = client.submit(round, account, &bytes, &proof).await?;
            Done::by(format!("checked by the contract in round {round}"), &receipt)
        }
    };
    let Some(file) = file else { return Ok(done) };
    disk::write_new(&path, &file, Access::Public, args.force)?;
    Ok(done.with("submission", path.display().to_string()))
}

/// The file of a signed submission; none if the proof is somebody else's, which is relayed.
fn signed(
    client: &Client,
    path: &Path,
    statement: &TrainingStatement,
    proof: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    if Address::from(statement.binding.prover) != client.address() {
        return Ok(None);
    }
    let signed = client.sign_submission(crate::round::submission(statement, proof))?;
    let (statement, proof) = (statement.to_bytes().into(), proof.to_vec().into());
    Ok(Some(to_json(path, &SubmissionFile { signed, statement, proof })?))
}

/// Checks what a member handed in, as a challenger would have it checked: whoever proposes what
/// does not hold can be slashed for it. Its statement.
async fn check(
    session: &Session,
    client: &Client,
    path: &Path,
    file: &SubmissionFile,
) -> Result<TrainingStatement, Error> {
    let refused = |why: &str| Error::Submission { path: path.to_owned(), why: why.to_owned() };
    if !file.is_signed(client.at()) {
        return Err(refused("its signature is not the member's, or not over these bytes"));
    }
    let statement = TrainingStatement::from_bytes(&file.statement)
        .map_err(|error| refused(&error.to_string()))?;
    let (said, binding) = (&file.signed.submission, statement.binding);
    let agrees = binding.round == said.round
        && binding.prover == said.member.into_array()
        && binding.chain_id == client.at().chain_id
        && binding.contract == client.at().rounds.into_array()
        && rows_hash(&statement.update) == said.update.0
        && statement.spec == session.key.spec;
    if !agrees {
        return Err(refused("its statement is about something else"));
    }
    client
        .judge(said.round, said.member, &file.statement, &file.proof)
        .await
        .map_err(|error| refused(&error.to_string()))?;
    Ok(statement)
}

fn bytes_of(rows: &[G1Affine]) -> Bytes {
    rows.iter().flat_map(point_bytes).collect::<Vec<u8>>().into()
}

/// What was handed in, in the order of the members.
struct Collected {
    submissions: Vec<Submission>,
    updates: Vec<Update>,
    sum: Vec<G1Affine>,
}

async fn collect(
    session: &Session,
    client: &Client,
    members: &Members,
    round: u64,
    paths: &[PathBuf],
) -> Result<Collected, Error> {
    let mut found = Vec::new();
    for path in paths {
        let file: SubmissionFile = files::read(path, EVIDENCE)?;
        let statement = check(session, client, path, &file).await?;
        let member = members.find(file.signed.submission.member);
        let refused = |why: &str| Error::Submission { path: path.clone(), why: why.to_owned() };
        let (member, _) = member.ok_or_else(|| refused("its member is not in this round"))?;
        if file.signed.submission.round != round {
            return Err(refused("it is for another round"));
        }
        found.push((member, statement, file.signed.submission));
    }
    found.sort_by_key(|(member, ..)| member.account);
    let rows =
        found.iter().map(|(member, statement, _)| (member.weight, statement.update.as_slice()));
    let sum = weighted_rows(&rows.collect::<Vec<_>>());
    let update = |(member, statement, _): &(_, TrainingStatement, _)| {
        let zktrain_contracts::bindings::rounds::IRounds::Member { account, weight, .. } = member;
        Update { account: *account, weight: *weight, rows: bytes_of(&statement.update) }
    };
    let updates = found.iter().map(update).collect();
    Ok(Collected { submissions: found.into_iter().map(|(.., s)| s).collect(), updates, sum })
}

pub async fn propose(at: &Connection, args: &ProposeArgs, ui: &Ui) -> Result<Done, Error> {
    let session = Session::of_files(&Project::new(&args.dir), None, None, ui)?;
    let client = at.client(ui).await?;
    let members = client.members(args.round).await?;
    let collected = collect(&session, &client, &members, args.round, &args.submissions).await?;
    let aggregate = bytes_of(&collected.sum);
    let deliveries = client.deliveries(args.round, &collected.submissions).await?;
    let delivered = deliveries.iter().filter(|d| !d.update.is_zero()).count();
    if delivered != collected.updates.len() {
        return Err(Error::Argument {
            why: format!(
                "{delivered} members have delivered; submissions of {} are given",
                collected.updates.len()
            ),
        });
    }
    let (hash, model) = match delivered {
        0 => (B256::ZERO, client.round(args.round).await?.parent),
        _ => (keccak256(&aggregate), next_model(&session, args.model.as_deref())?),
    };
    let signed = client.sign_batch(args.round, &deliveries, hash, model).await?;
    let file = BatchFile { signed: signed.clone(), aggregate, updates: collected.updates };
    // Before it is proposed: without the rows nobody could check the sum. Not over another round's.
    disk::write_new(&args.out, &to_json(&args.out, &file)?, Access::Public, args.force)?;
    propose_signed(&client, args, &file, deliveries).await
}

async fn propose_signed(
    client: &Client,
    args: &ProposeArgs,
    file: &BatchFile,
    deliveries: Vec<Delivery>,
) -> Result<Done, Error> {
    let receipt = client.propose(&file.signed, deliveries).await?;
    let end = client.round(args.round).await?.challengeEnd;
    Ok(Done::by(
        format!("proposed {} deliveries in round {}", file.updates.len(), args.round),
        &receipt,
    )
    .with("batch", args.out.display().to_string())
    .with("model", file.signed.batch.model.to_string())
    .with("challenges_until", files::time(end)))
}

fn next_model(session: &Session, path: Option<&Path>) -> Result<B256, Error> {
    let path = path.ok_or(OptionsError::Required {
        option: "--model",
        when: "because members have delivered",
        hint: "name the parameters after the round: `--model next.int.safetensors`",
    })?;
    let model = read_model(path, session.network(), "name the next model's parameters")?;
    let rows = commit_model(&session.key, session.srs.g1(), &model)?;
    Ok(B256::from(rows_hash(&rows.points)))
}

pub async fn settle(at: &Connection, args: &SettleArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let settled = client.settle(args.round).await?;
    Ok(Done::new(format!("round {} is settled", args.round))
        .with("paid", show(settled.paid))
        .with("model", settled.model.to_string())
        .with("then", "zktrain chain claim, each member"))
}

pub async fn answer(at: &Connection, args: &AnswerArgs, ui: &Ui) -> Result<Done, Error> {
    let file: SubmissionFile = files::read(&args.submission, EVIDENCE)?;
    let client = at.client(ui).await?;
    let Submission { round, member, .. } = file.signed.submission;
    let receipt = client.answer(round, member, &file.statement, &file.proof).await?;
    Ok(Done::by(format!("the contract has checked the proof of {member}"), &receipt))
}
