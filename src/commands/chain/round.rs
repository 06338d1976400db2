//! Rounds: opening, working, handing in, proposing, settling.

mod propose;
mod submit;

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, U256};
use zktrain_chain::amount::{parse, parse_address, parse_duration, show};
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_ledger::time;
use zktrain_member::work::{Task, WindowProver};
use zktrain_project::files::{self, Access};
use zktrain_project::project::Project;
use zktrain_project::session::{Session, read_genesis};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_verify::file;

pub use self::propose::{ProposeArgs, propose};
pub use self::submit::{SubmitArgs, submit};
use super::refusal::reason;
use super::{ChainRefusal, Done};
use crate::chain::Connection;
use crate::circuits::Compression;
use crate::error::{Error, OptionsError};
use crate::ui::Ui;

/// Options of `zktrain chain open`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain open 1 --duration 2h --budget 90 \\\n    \
    --member 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf \\\n    \
    --member 0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF --key coordinator.json")]
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
        .with("deadline", time(deadline))
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
    files::free(&path, args.force, PROVEN)?;
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
        files::create_folder(folder, Access::Public)?;
    }
    files::write(&path, &file::encode(&statement, &proof), Access::Public)?;
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
