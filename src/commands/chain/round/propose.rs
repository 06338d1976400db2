//! Proposing: what members handed in is checked, summed, signed as a batch and proposed with its model.

use std::path::{Path, PathBuf};

use alloy::primitives::{B256, Bytes, keccak256};
use ark_bn254::G1Affine;
use zktrain_argument::opening::point_bytes;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::files::{BatchFile, MemberUpdate, SubmissionFile};
use zktrain_ledger::time;
use zktrain_ledger::typed::Submission;
use zktrain_ledger::{Members, is_summed};
use zktrain_project::files::{self as disk, Access};
use zktrain_project::project::{Project, to_json};
use zktrain_project::session::{Session, read_model};
use zktrain_prove::training::commit_model;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::aggregate::weighted_rows;
use zktrain_verify::round::rows_hash;

use crate::chain::Connection;
use crate::chain::files;
use crate::commands::chain::demand::EVIDENCE;
use crate::commands::chain::refusal::reason;
use crate::commands::chain::status::propose_until;
use crate::commands::chain::{ChainRefusal, Done};
use crate::error::{Error, OptionsError};
use crate::ui::Ui;

/// Options of `zktrain chain propose`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain propose 7 credit *.submission.json \\\n    \
    --model next.int.safetensors --out 7.batch.json --key coordinator.json")]
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
    let sum = weighted_rows(&rows.collect::<Vec<_>>()).map_err(ChainRefusal::Rows)?;
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
        .with("challenges_until", time(end));
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
