//! Rounds: opening, working, handing in, proposing, settling.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use ark_bn254::G1Affine;
use zktrain_argument::opening::point_bytes;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::typed::Submission;
use zktrain_ledger::{Members, SignedSubmission, is_summed};
use zktrain_prove::training::commit_model;
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_verify::aggregate::weighted_rows;
use zktrain_verify::file::{self, StoredProof};

use super::demand::EVIDENCE;
use super::refusal::reason;
use super::status::propose_until;
use super::{ChainRefusal, Done};
use crate::chain::Connection;
use crate::chain::amount::{parse, parse_address, parse_duration, show};
use crate::chain::files::{self, BatchFile, MemberUpdate, SubmissionFile};
use crate::circuits::Compression;
use crate::commands::proof::Source;
use crate::error::{Error, OptionsError};
use crate::files::{self as disk, Access};
use crate::owner::signed::SignedLog;
use crate::project::{Project, to_json};
use crate::proofs;
use crate::round::{Task, WindowProver, submission, submission_file};
use crate::session::{Session, read_genesis, read_model};
use crate::ui::Ui;
use zktrain_verify::round::rows_hash;

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
    /// Write over another file that is there. An owner that signs two proofs for one round can be
    /// slashed for it.
    #[arg(long)]
    pub force: bool,
}

/// Options of `zktrain chain submit`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  zktrain chain submit credit/rounds/7.proof --key alice.json\n  \
    zktrain chain submit credit/rounds/7.proof --on-chain --key alice.json\n\n\
    What is signed is noted where the trainer of this account looks as well, in the folder\n\
    `--outbox`. Nothing is signed while that runs, and no second submission for a round."
)]
pub struct SubmitArgs {
    /// The proof.
    #[command(flatten)]
    pub source: Source,
    /// Hand it in to the contract in an optimistic domain as well: a coordinator that leaves it out
    /// can propose no batch. It costs a verification.
    #[arg(long)]
    pub on_chain: bool,
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
    /// What the members handed in that are in the sum; none if nobody is. A member that has delivered
    /// to the contract alone is paid beside it.
    #[arg(conflicts_with = "no_sum")]
    pub submissions: Vec<PathBuf>,
    /// Propose that there is no sum, although members have delivered to the contract: they are paid,
    /// and the model stays.
    #[arg(long)]
    pub no_sum: bool,
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

/// What to do about a proof that is there already.
const PROVEN: &str = "hand in the proof that is there: proofs are never the same twice, and an \
     owner that signs two for one round can be slashed for it; or write over it with `--force`";

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
    let done = Done::new(format!("round {round} of domain {} is open", args.domain))
        .with("round", round)
        .with("nonce", nonce.to_string())
        .with("deadline", files::time(deadline))
        .with("members", shown.collect::<Vec<_>>());
    let is_out = |account: &&Address| members.find(**account).is_none();
    let left_out: Vec<String> =
        args.members.iter().filter(is_out).map(Address::to_string).collect();
    // Who has resigned, or is not covered by stake any more, keeps no round from being opened.
    Ok(if left_out.is_empty() { done } else { done.with("left_out", left_out) })
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
    // What is proven for a draw that the chain takes back is worth nothing.
    let round = client.until_drawn(args.round).await?;
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
    disk::write(&path, &file::encode(&statement, &proof), Access::Public)?;
    Ok(Done::new(format!("trained on window {} and proven", statement.window))
        .with("proof", path.display().to_string())
        .with("bytes", proof.to_bytes().len())
        .with("then", format!("zktrain chain submit {}", path.display())))
}

fn prove(
    project: &Project,
    model: &Path,
    system: ProofSystem,
    task: Task,
    ui: &Ui,
) -> Result<(TrainingStatement, CompressedProof), Error> {
    let _lock = project.lock()?;
    let session = Session::of_project(project, ui)?;
    let initial = read_genesis(model, session.network())?;
    let prover = WindowProver::open(project, &session, ui)?;
    let work = prover.work(&prover.parent(initial)?, system, task)?;
    Ok((work.statement, work.proof))
}

/// A proof with its statement, read with its project's manifest.
fn load(source: &Source, ui: &Ui) -> Result<(TrainingStatement, CompressedProof), Error> {
    let folder = source.file.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let (manifest, srs) = (source.manifest.as_deref(), source.srs.as_deref());
    let session = Session::of_files(&Project::new(folder), manifest, srs, ui)?;
    match proofs::read(&session.key, &source.file)? {
        (statement, StoredProof::Compressed(proof)) => Ok((statement, proof)),
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
    let (bytes, sent) = (statement.to_bytes(), proof.to_bytes());
    // An owner that signs a proof that does not hold can be slashed for it.
    client.judge(round, account, &bytes, &sent).await?;
    let default = || args.source.file.with_extension("submission.json");
    let path = args.out.clone().unwrap_or_else(default);
    let file = signed(&client, &statement, &proof).await?;
    let file = match file {
        None => None,
        Some(file) => {
            let bytes = to_json(&path, &file)?;
            // Before anything is paid for.
            disk::may_write(&path, &bytes, args.force)?;
            note(at, &client, statement.binding.domain, &file.signed, ui).await?;
            Some(bytes)
        }
    };
    let optimistic = client.round(round).await?.optimistic;
    let done = match optimistic && !args.on_chain {
        true => Done::new(format!("signed for the coordinator of round {round}")),
        false => {
            let receipt = client.submit(round, account, &bytes, &sent).await?;
            Done::by(format!("checked by the contract in round {round}"), &receipt)
        }
    };
    let Some(file) = file else { return Ok(done) };
    disk::write_new(&path, &file, Access::Public, args.force)?;
    Ok(done.with("submission", path.display().to_string()))
}

/// Writes down what is signed, where a trainer of this account looks as well.
async fn note(
    at: &Connection,
    client: &Client,
    domain: u64,
    signed: &SignedSubmission,
    ui: &Ui,
) -> Result<(), Error> {
    if !SignedLog::by_hand(client, &at.outbox()?, domain, signed).await? {
        ui.warn(&format!(
            "whether this key has signed another submission for round {} is not known here (`--outbox`): \
             two of them could be held against it",
            signed.submission.round
        ));
    }
    Ok(())
}

/// A signed submission; none if the proof is somebody else's, which is relayed.
async fn signed(
    client: &Client,
    statement: &TrainingStatement,
    proof: &CompressedProof,
) -> Result<Option<SubmissionFile>, Error> {
    if Address::from(statement.binding.prover) != client.address() {
        return Ok(None);
    }
    let signed = client.sign_submission(submission(statement, proof)).await?;
    Ok(Some(submission_file(signed, statement, proof)))
}

/// Checks what a member handed in, as a challenger would have it checked: a coordinator that
/// proposes what does not hold can be slashed for it. Its statement.
async fn check(
    session: &Session,
    client: &Client,
    path: &Path,
    file: &SubmissionFile,
) -> Result<TrainingStatement, Error> {
    let refused = |why: &str| Error::Submission { path: path.to_owned(), why: why.to_owned() };
    let scope = client.scope(file.signed.submission.round).await;
    let scope = scope.map_err(|error| refused(&error.to_string()))?;
    if !file.is_signed(&scope) {
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
    updates: Vec<MemberUpdate>,
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
        let zktrain_ledger::bindings::rounds::IRounds::Member { account, weight, .. } = member;
        MemberUpdate { account: *account, weight: *weight, rows: bytes_of(&statement.update) }
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
    let (counted, given) = (summed(args, &deliveries), collected.updates.len());
    if counted != given {
        return Err(ChainRefusal::Undelivered { counted, given }.into());
    }
    let (hash, model) = match counted {
        0 => (B256::ZERO, client.round(args.round).await?.parent),
        _ => (keccak256(&aggregate), next_model(&session, args.model.as_deref())?),
    };
    // Two different signed batches are fraud: none is signed before one can be proposed.
    require_due(&client, args.round, &deliveries, [hash, model]).await?;
    let signed = client.sign_batch(args.round, &deliveries, hash, model).await?;
    let file = BatchFile { signed: signed.clone(), aggregate, updates: collected.updates };
    // Before it is proposed: without the rows nobody could check the sum. Not over another round's.
    disk::write_new(&args.out, &to_json(&args.out, &file)?, Access::Public, args.force)?;
    propose_signed(&client, args, &file, deliveries).await
}

/// How many deliveries are in the sum: what was only handed in to the contract is paid for, and is not
/// part of it.
fn summed(args: &ProposeArgs, deliveries: &[Delivery]) -> usize {
    let counts = |delivery: &&Delivery| !args.no_sum && is_summed(delivery);
    deliveries.iter().filter(counts).count()
}

/// Asks the contract whether this could be proposed now, without a signature.
async fn require_due(
    client: &Client,
    round: u64,
    deliveries: &[Delivery],
    [aggregate, model]: [B256; 2],
) -> Result<(), Error> {
    let members = client.members(round).await?.0;
    let (deliveries, signature) = (deliveries.to_vec(), Bytes::new());
    let call = Rounds::proposeCall {
        round,
        members,
        deliveries: deliveries.clone(),
        aggregate,
        model,
        signature,
    };
    match client.view(client.at().rounds, call).await {
        Err(error) if matches!(reason(&error), "NotEverybody" | "TooLate") => {
            Err(untimely(client, round, &deliveries, error).await)
        }
        // Whatever else is wrong is told when it is sent.
        _ => Ok(()),
    }
}

/// Why a batch cannot be proposed now, with the time.
async fn untimely(
    client: &Client,
    round: u64,
    deliveries: &[Delivery],
    error: ClientError,
) -> Error {
    let Ok(known) = client.round(round).await else { return error.into() };
    match reason(&error) {
        "NotEverybody" => ChainRefusal::NotEverybody {
            round,
            members: deliveries.len(),
            delivered: deliveries.iter().filter(|d| !d.update.is_zero()).count(),
            deadline: known.deadline,
        }
        .into(),
        "TooLate" => match propose_until(client, &known).await {
            Ok(until) => ChainRefusal::Late { round, until }.into(),
            Err(_) => error.into(),
        },
        _ => error.into(),
    }
}

async fn propose_signed(
    client: &Client,
    args: &ProposeArgs,
    file: &BatchFile,
    deliveries: Vec<Delivery>,
) -> Result<Done, Error> {
    let receipt = match client.propose(&file.signed, deliveries.clone()).await {
        Ok(receipt) => receipt,
        Err(error) => return Err(untimely(client, args.round, &deliveries, error).await),
    };
    let end = client.round(args.round).await?.challengeEnd;
    let done = match file.updates.len() {
        0 => format!("proposed that round {} has no sum", args.round),
        count => format!("proposed {count} deliveries in round {}", args.round),
    };
    let done = Done::by(done, &receipt)
        .with("batch", args.out.display().to_string())
        .with("model", file.signed.batch.model.to_string())
        .with("challenges_until", files::time(end));
    Ok(match client.audit_of(args.round).await? {
        Some(_) => done.with("then", format!("zktrain chain audit {}", args.round)),
        None => done,
    })
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
    let settled = match client.settle(args.round).await {
        Ok(settled) => settled,
        Err(error) => return Err(unsettled(&client, args.round, error).await),
    };
    let done = match settled.model.is_zero() {
        true => format!("round {} is over, without a model", args.round),
        false => format!("round {} is settled", args.round),
    };
    Ok(Done::new(done)
        .with("paid", show(settled.paid))
        .with("model", settled.model.to_string())
        .with("then", "zktrain chain claim, each member"))
}

/// Why a round cannot be settled now, and what helps.
async fn unsettled(client: &Client, round: u64, error: ClientError) -> Error {
    match reason(&error) {
        "TooEarly" => match client.round(round).await {
            Ok(known) => ChainRefusal::Challengeable { round, until: known.challengeEnd }.into(),
            Err(_) => error.into(),
        },
        "StillPending" => match (client.audit_of(round).await, client.demanded(round).await) {
            (Ok(audit), Ok(demanded)) => {
                let (audit, demands) = (audit.is_some(), demanded.len());
                ChainRefusal::Pending { round, audit, demands }.into()
            }
            _ => error.into(),
        },
        _ => error.into(),
    }
}
