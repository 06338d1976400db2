//! Domains and memberships.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, U256};
use zktrain_chain::amount::{parse, parse_address, show};
use zktrain_chain::protocol::Client;
use zktrain_ledger::bindings::parameters::Parameters;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::time;
use zktrain_member::may_join;
use zktrain_member::signed::{Of, SignedLog};
use zktrain_model::manifest::Network;
use zktrain_model::operators::MIN_RATE;
use zktrain_project::cache::Cache;
use zktrain_project::circuits::{Circuits, contract_key};
use zktrain_project::project::Project;
use zktrain_project::secrets::read_dataset;
use zktrain_project::session::{Session, read_genesis};
use zktrain_prove::training::{RegisteredDataset, commit_model};
use zktrain_statement::compressed::ProofSystem;

use super::Done;
use super::rules::{Rules, describe};
use crate::chain::Connection;
use crate::circuits::Compression;
use crate::error::Error;
use crate::ui::Ui;
use zktrain_verify::round::rows_hash;

/// What to do with a domain.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Open a domain for a project's manifest and first model.
    Open(Box<OpenArgs>),
    /// Pay into a domain's budget.
    #[command(after_help = "Example:\n  zktrain chain domain fund 1 1000 --key sponsor.json")]
    Fund {
        /// The domain.
        domain: u64,
        /// How much, in the domain's token.
        #[arg(value_parser = parse)]
        amount: U256,
    },
    /// Close a domain; the deposit comes back, and funders can withdraw what is left.
    #[command(after_help = "Example:\n  zktrain chain domain close 1 --key sponsor.json")]
    Close {
        /// The domain.
        domain: u64,
    },
    /// Take back what is left of what this account has funded a domain with, once that is closed, or
    /// no round of it has moved money for 90 days.
    #[command(after_help = "Example:\n  zktrain chain domain withdraw 1 --key sponsor.json")]
    Withdraw {
        /// The domain.
        domain: u64,
    },
    /// Offer a domain, deposit included, to somebody who becomes its owner by accepting.
    #[command(after_help = "Example:\n  zktrain chain domain offer 1 \
        0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key sponsor.json")]
    Offer {
        /// The domain.
        domain: u64,
        /// To whom; an earlier offer ends.
        #[arg(value_parser = parse_address)]
        to: Address,
    },
    /// Take over a domain that was offered to this account.
    #[command(after_help = "Example:\n  zktrain chain domain accept 1 --key heir.json")]
    Accept {
        /// The domain.
        domain: u64,
    },
    /// Name another coordinator, from the next round on.
    #[command(after_help = "Example:\n  zktrain chain domain coordinator 1 \
        0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key sponsor.json")]
    Coordinator {
        /// The domain.
        domain: u64,
        /// Who opens its rounds.
        #[arg(value_parser = parse_address)]
        account: Address,
    },
}

/// Options of `zktrain chain domain open`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain domain open credit --optimistic \\\n    \
    --coordinator-bond 500 --max-budget 450 --audits 4 --key coordinator.json")]
pub struct OpenArgs {
    /// A project with the manifest, the reference string and the first model.
    pub dir: PathBuf,
    /// The system of its proofs.
    #[arg(long, value_name = "SYSTEM", value_enum, default_value_t)]
    pub compress: Compression,
    /// Who opens its rounds; by default the account.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub coordinator: Option<Address>,
    /// The ERC-20 token of its budget; by default the reward token.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub token: Option<Address>,
    /// What holds for its rounds.
    #[command(flatten)]
    pub rules: Rules,
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
            let then =
                format!("zktrain chain domain withdraw {domain}, by each account that funded it");
            Ok(Done::by(format!("domain {domain} is closed"), &receipt).with("then", then))
        }
        Command::Withdraw { domain } => {
            let client = at.client(ui).await?;
            let amount = client.withdraw_funds(*domain).await?;
            Ok(Done::new(format!("{} of domain {domain}'s funds are back", show(amount))))
        }
        Command::Offer { domain, to } => {
            let client = at.client(ui).await?;
            let receipt = client.offer_domain(*domain, *to).await?;
            let then = format!("zktrain chain domain accept {domain}, as {to}");
            Ok(Done::by(format!("domain {domain} is offered to {to}"), &receipt).with("then", then))
        }
        Command::Accept { domain } => {
            let client = at.client(ui).await?;
            let receipt = client.accept_domain(*domain).await?;
            Ok(Done::by(format!("domain {domain} is {}'s", client.address()), &receipt))
        }
        Command::Coordinator { domain, account } => {
            let client = at.client(ui).await?;
            let receipt = client.set_coordinator(*domain, *account).await?;
            let done = format!("{account} coordinates domain {domain} from the next round on");
            Ok(Done::by(done, &receipt))
        }
    }
}

/// Refuses a model that no round moves: each begins Adam anew, and has as many steps as a proof.
fn moves(network: &Network) -> Result<(), Error> {
    let Some(adam) = &network.adam else { return Ok(()) };
    let (steps, rates) = (network.steps, adam.rates.values());
    let largest = rates.iter().take(steps).copied().max().unwrap_or(0);
    if largest >= MIN_RATE {
        return Ok(());
    }
    let why = format!(
        "optimizer: a round begins Adam anew and has {steps} steps, whose largest rate is {largest} units of a parameter; at \
         least {MIN_RATE} are needed: leave out the warm-up, or make proofs of more steps"
    );
    Err(Error::Argument { why })
}

async fn open(at: &Connection, args: &OpenArgs, ui: &Ui) -> Result<Done, Error> {
    let system = args.compress.on_chain()?;
    args.rules.check()?;
    let project = Project::new(&args.dir);
    // What is registered here is what others compare and rely on: it is derived now.
    let session = Session::of_files_with(&project, None, None, Cache::none(), ui)?;
    session.certify(&project.manifest_path())?;
    moves(session.network())?;
    let circuit = Circuits::new(&session, &project, ui).key_of(system)?;
    let encoded = contract_key(&session.key, &circuit, system)?;
    let genesis = read_genesis(&project.genesis_path(), session.network())?;
    let rows = commit_model(&session.key, session.srs.g1(), &genesis)?;
    args.rules.check_rows(rows.points.len())?;
    let client = at.client(ui).await?;
    let config = ruled(args, &client).await?;
    if args.rules.optimistic {
        let most = show(U256::from(config.maxBudget));
        ui.say(&format!("a round of this domain will pay {most} at most"));
    }
    let key = client.register_key(&encoded).await?;
    let config = Config {
        manifest: B256::from(session.manifest.hash()),
        key,
        genesis: B256::from(rows_hash(&rows.points)),
        ..config
    };
    let rules = describe(&config);
    let domain = client.open_domain(config).await?;
    Ok(Done::new(format!("domain {domain} is open"))
        .with("domain", domain)
        .with("training_key", key.to_string())
        .with("rules", rules)
        .with("then", format!("zktrain chain domain fund {domain} AMOUNT")))
}

/// A domain's rules, before what is derived from the project.
async fn ruled(args: &OpenArgs, client: &Client) -> Result<Config, Error> {
    let at = client.at();
    let least = client.view(at.parameters, Parameters::getCall {}).await?;
    let token = args.token.unwrap_or(at.reward_token);
    Ok(Config {
        verifier: at.verifier,
        coordinator: args.coordinator.unwrap_or(client.address()),
        token,
        uri: args.uri.clone(),
        ..args.rules.config(&least, token == at.reward_token)?
    })
}

pub(super) async fn join(at: &Connection, args: &JoinArgs, ui: &Ui) -> Result<Done, Error> {
    let project = Project::new(&args.dir);
    let (session, data) = registered(&project, ui)?;
    let client = at.client(ui).await?;
    let domain = client.domain(args.domain).await?;
    system_of(args.domain, &domain.config, &client, &session, &project, ui)?;
    let (root, windows) = (B256::from(data.tree.root()), data.windows.len() as u64);
    may_join(&client, args.domain, &domain.config, (root, windows)).await?;
    let before = client.current(args.domain).await?.unwrap_or(0);
    let receipt = client.join(args.domain, root, windows).await?;
    let of = Of::client(&client, args.domain);
    // Nothing can have been signed by then. Without this record the owner sits a round out.
    if let Err(error) = SignedLog::found(&of.path(&at.outbox()?), of, before) {
        ui.warn(&format!("there is no record of what this account signs: {error}"));
    }
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

/// The system of a domain's proofs, which are checked with the key that follows from the session, which is
/// of the project's own manifest: anyone can register a key that says so and accepts everything.
///
/// # Errors
/// If they are checked with another key.
pub fn system_of(
    domain: u64,
    config: &Config,
    client: &Client,
    session: &Session,
    project: &Project,
    ui: &Ui,
) -> Result<ProofSystem, Error> {
    let system = match client.key_name(config) {
        Some(name) => Circuits::new(session, project, ui).system_of(&name.0)?,
        None => None,
    };
    system.ok_or(Error::OtherDomain { domain })
}

pub(super) async fn resign(at: &Connection, args: &LeaveArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let receipt = client.resign(args.domain).await?;
    let call = Rounds::membershipCall { domain: args.domain, account: client.address() };
    let leaves = client.view(client.at().rounds, call).await?.leavesAt;
    let then = format!("zktrain chain exit {}, from {} on", args.domain, time(leaves));
    Ok(Done::by(format!("no new rounds of domain {}", args.domain), &receipt).with("then", then))
}

pub(super) async fn exit(at: &Connection, args: &LeaveArgs, ui: &Ui) -> Result<Done, Error> {
    let receipt = at.client(ui).await?.exit(args.domain).await?;
    Ok(Done::by(format!("no member of domain {} any more", args.domain), &receipt))
}

#[cfg(test)]
mod tests {
    use zktrain_model::manifest::{Optimizer, Schedule, ScheduleKind};
    use zktrain_trainer::synthetic;

    use super::*;

    /// A round has as many steps as a proof, and begins the warm-up anew.
    #[test]
    fn a_domain_whose_rounds_move_nothing_is_refused() {
        let network = |warmup: usize| {
            let kind = ScheduleKind::Constant;
            let schedule = Some(Schedule { kind, warmup, steps: None, every: None, factor: None });
            let optimizer = Optimizer { schedule, ..Optimizer::adam(0.01) };
            let mut draft = synthetic::draft(&[4, 2], 4, 2);
            draft.optimizer = optimizer;
            synthetic::calibrated(draft).unwrap().network().unwrap()
        };
        assert!(moves(&network(0)).is_ok());
        let said = moves(&network(1000)).unwrap_err().to_string();
        assert!(said.contains("leave out the warm-up"), "{said}");
        let plain = synthetic::manifest(&[4, 2], 4, 2).unwrap().network().unwrap();
        assert!(moves(&plain).is_ok());
    }
}
