//! Domains and memberships.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, U256};
use zktrain_circuits::compressed::System;
use zktrain_contracts::bindings::parameters::Parameters;
use zktrain_contracts::bindings::registry::IDomainRegistry::Config;
use zktrain_contracts::protocol::Client;
use zktrain_prover::training::{RegisteredDataset, commit_model};

use super::Done;
use crate::cache::Cache;
use crate::chain::Connection;
use crate::chain::amount::{parse, parse_address, parse_duration, show};
use crate::circuits::{Circuits, Compression};
use crate::error::Error;
use crate::evm::{contract_key, contract_key_hash};
use crate::project::Project;
use crate::round::rows_hash;
use crate::secrets::read_dataset;
use crate::session::{Session, read_genesis};
use crate::ui::Ui;

/// What to do with a domain.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Open a domain for a project's manifest and first model.
    Open(OpenArgs),
    /// Pay into a domain's budget.
    #[command(after_help = "Example:\n  zktrain chain domain fund 1 1000 --key sponsor.json")]
    Fund {
        /// The domain.
        domain: u64,
        /// How much, in the domain's token.
        #[arg(value_parser = parse)]
        amount: U256,
    },
    /// Close a domain; deposit and unused budget come back.
    #[command(after_help = "Example:\n  zktrain chain domain close 1 --key sponsor.json")]
    Close {
        /// The domain.
        domain: u64,
    },
}

/// Options of `zktrain chain domain open`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain domain open credit --optimistic \\\n    \
    --challenge-window 1h --key operator.json")]
pub struct OpenArgs {
    /// A project with the manifest, the reference string and the first model.
    pub dir: PathBuf,
    /// Proofs are not checked on submission, but may be challenged: far cheaper.
    #[arg(long)]
    pub optimistic: bool,
    /// The system of its proofs.
    #[arg(long, value_name = "SYSTEM", value_enum, default_value_t)]
    pub compress: Compression,
    /// Who opens its rounds; by default the account.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub coordinator: Option<Address>,
    /// The ERC-20 token of its budget; by default the reward token.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub token: Option<Address>,
    /// Time to challenge what a coordinator proposes.
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = parse_duration)]
    pub challenge_window: u64,
    /// What a member answers with; by default the least.
    #[arg(long, value_name = "AMOUNT", value_parser = parse)]
    pub trainer_bond: Option<U256>,
    /// What the coordinator answers with in each round; by default the least.
    #[arg(long, value_name = "AMOUNT", value_parser = parse)]
    pub coordinator_bond: Option<U256>,
    /// Percent of a budget that are the coordinator's.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=100))]
    pub coordinator_share: u16,
    /// Least members of a round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub min_members: u16,
    /// Where the manifest can be found; a hint for others.
    #[arg(long, default_value = "")]
    pub uri: String,
}

/// Options of `zktrain chain join`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain join 1 credit --key alice.json")]
pub struct JoinArgs {
    /// The domain.
    pub domain: u64,
    /// The project whose data are registered.
    pub dir: PathBuf,
}

/// Options of `zktrain chain resign` and `exit`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain resign 1 --key alice.json")]
pub struct LeaveArgs {
    /// The domain.
    pub domain: u64,
}

pub(super) async fn run(at: &Connection, command: &Command, ui: &Ui) -> Result<Done, Error> {
    match command {
        Command::Open(args) => open(at, args, ui).await,
        Command::Fund { domain, amount } => {
            let client = at.client(ui).await?;
            let receipt = client.fund(*domain, *amount).await?;
            Ok(Done::by(format!("domain {domain} has {} more", show(*amount)), &receipt))
        }
        Command::Close { domain } => {
            let client = at.client(ui).await?;
            let receipt = client.close_domain(*domain).await?;
            Ok(Done::by(format!("domain {domain} is closed"), &receipt))
        }
    }
}

async fn open(at: &Connection, args: &OpenArgs, ui: &Ui) -> Result<Done, Error> {
    let system = args.compress.on_chain()?;
    let project = Project::new(&args.dir);
    // What is registered here is what others compare and rely on: it is derived now.
    let session = Session::of_files_with(&project, None, None, Cache::none(), ui)?;
    session.certify(&project.manifest_path())?;
    let circuit = Circuits::new(&session, &project, ui).key_of(system)?;
    let encoded = contract_key(&session.key, &circuit, system)?;
    let genesis = read_genesis(&project.genesis_path(), session.network())?;
    let rows = commit_model(&session.key, session.srs.g1(), &genesis)?;
    let client = at.client(ui).await?;
    let least = client.view(client.at().parameters, Parameters::getCall {}).await?;
    let bond = |given: Option<U256>, least: u128| match given {
        None => Ok(least),
        Some(amount) => u128::try_from(amount)
            .map_err(|_| Error::Argument { why: format!("{} is too much", show(amount)) }),
    };
    let key = client.register_key(&encoded).await?;
    let config = Config {
        manifest: B256::from(session.manifest.hash()),
        verifier: client.at().verifier,
        key,
        genesis: B256::from(rows_hash(&rows.points)),
        coordinator: args.coordinator.unwrap_or(client.address()),
        token: args.token.unwrap_or(client.at().reward_token),
        optimistic: args.optimistic,
        challengeWindow: args.challenge_window,
        trainerBond: bond(args.trainer_bond, least.trainerBond)?,
        coordinatorBond: bond(args.coordinator_bond, least.coordinatorBond)?,
        coordinatorShare: 100 * args.coordinator_share,
        minMembers: args.min_members,
        uri: args.uri.clone(),
    };
    let (trainer, coordinator) = (config.trainerBond, config.coordinatorBond);
    let domain = client.open_domain(config).await?;
    Ok(Done::new(format!("domain {domain} is open"))
        .with("domain", domain)
        .with("training_key", key.to_string())
        .with("trainers'_bond", show(U256::from(trainer)))
        .with("coordinator's_bond", show(U256::from(coordinator)))
        .with("then", format!("zktrain chain domain fund {domain} AMOUNT")))
}

pub(super) async fn join(at: &Connection, args: &JoinArgs, ui: &Ui) -> Result<Done, Error> {
    let project = Project::new(&args.dir);
    let (session, data) = registered(&project, ui)?;
    let client = at.client(ui).await?;
    let domain = client.domain(args.domain).await?;
    system_of(args.domain, &domain.config, &client, &session, &project, ui)?;
    let (root, windows) = (B256::from(data.tree.root()), data.windows.len() as u64);
    let receipt = client.join(args.domain, root, windows).await?;
    Ok(Done::by(format!("{} is a member of domain {}", client.address(), args.domain), &receipt)
        .with("dataset", root.to_string())
        .with("windows", windows))
}

/// A project with its registered data, for a comparison of keys, which no cache decides.
fn registered(project: &Project, ui: &Ui) -> Result<(Session, RegisteredDataset), Error> {
    let _lock = project.lock()?;
    let session = Session::of_project_with(project, Cache::none(), ui)?;
    let data = read_dataset(&project.dataset_path(), &session.key.spec)?.dataset;
    Ok((session, data))
}

/// The system of a domain's proofs, which are checked with the key that follows from the project's
/// own manifest.
///
/// # Errors
/// If they are checked with another key.
pub fn own_system(
    domain: u64,
    config: &Config,
    client: &Client,
    project: &Project,
    ui: &Ui,
) -> Result<System, Error> {
    let session = Session::of_project(project, ui)?;
    system_of(domain, config, client, &session, project, ui)
}

/// As [`own_system`]. Anyone can register a key that says so and accepts everything.
fn system_of(
    domain: u64,
    config: &Config,
    client: &Client,
    session: &Session,
    project: &Project,
    ui: &Ui,
) -> Result<System, Error> {
    let circuits = Circuits::new(session, project, ui);
    let is_key = |system| match circuits.key_of(system) {
        Ok(circuit) => {
            let own = contract_key_hash(&session.key, &circuit, system)?;
            Ok(config.key.0 == own)
        }
        // Without a ceremony's result there is nothing to compare a Groth16 domain with.
        Err(Error::NoCircuitKey { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    if config.verifier == client.at().verifier {
        for system in [System::Halo2, System::Groth16] {
            if is_key(system)? {
                return Ok(system);
            }
        }
    }
    Err(Error::OtherDomain { domain })
}

pub(super) async fn resign(at: &Connection, args: &LeaveArgs, ui: &Ui) -> Result<Done, Error> {
    let receipt = at.client(ui).await?.resign(args.domain).await?;
    let then = format!("zktrain chain exit {}, once no round can be under way", args.domain);
    Ok(Done::by(format!("no new rounds of domain {}", args.domain), &receipt).with("then", then))
}

pub(super) async fn exit(at: &Connection, args: &LeaveArgs, ui: &Ui) -> Result<Done, Error> {
    let receipt = at.client(ui).await?.exit(args.domain).await?;
    Ok(Done::by(format!("no member of domain {} any more", args.domain), &receipt))
}
