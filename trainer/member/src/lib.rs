//! A data owner in the network: joins round after round, trains and proves on private data, and
//! uploads nothing but masked updates and zero-knowledge proofs.
//!
//! [`run`] goes through rounds. What leaves the machine is decided in a [`RoundContext`]; a [`Worker`] has
//! the project, opened once, on a thread of its own, and is all that sees private data.
//!
//! ```
//! use alloy::primitives::U256;
//! use zktrain_member::{Asked, Force, When};
//!
//! // What an owner works for, and when it turns to the contract itself, if it does not say otherwise.
//! assert_eq!(Asked::default().pay, U256::ZERO);
//! assert_eq!("never".parse(), Ok(When::Never));
//! # let _ = Force::default();
//! ```
#![forbid(unsafe_code)]

mod attempts;
mod check;
mod erase;
mod error;
pub mod fault;
#[cfg(test)]
mod hostile;
mod inclusion;
mod journal;
mod outcome;
mod parent;
mod ports;
mod round;
pub mod signed;
mod start;
mod sums;
mod terms;
mod verdict;
mod wait;
pub mod work;
mod worker;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use zktrain_chain::Endpoint;
use zktrain_chain::protocol::Client;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::typed;
use zktrain_project::Notices;
use zktrain_project::project::Project;
use zktrain_secagg::policy::Policy;
use zktrain_secagg::vector::VectorError;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::statements::Binding;
use zktrain_wire::messages::{Item, Refusal, Request, Response};
use zktrain_wire::receipts::ReceiptError;
use zktrain_wire::{CoordinatorTarget, Peer, Timeouts, UploadSource};

use attempts::Attempts;
pub use check::{Expected, PlanError};
pub use erase::Retention;
pub use error::Error;
pub use fault::Fault;
pub use inclusion::{Force, PayMonitor, When};
pub use journal::OtherPlan;
use outcome::{Outcome, OwnerRecords};
pub use parent::{Ancestry, LineageSource, ParentError, Versions};
use ports::in_time;
pub use ports::{Line, UpdateProver};
pub use round::{Owner, RoundContext};
use signed::SignedError;
pub use start::node;
pub use sums::{RepeatError, Sums};
pub use terms::{Asked, JoinError, TermsError, may_join};
pub use verdict::OwnerVerdict;
pub use worker::{PublicProject, Worker};

/// Between two questions whether there is a round.
const PAUSE: Duration = Duration::from_secs(1);

/// Why an owner cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// The coordinator refuses something.
    #[error("the coordinator refuses: {0}")]
    Refused(#[from] Refusal),
    /// The coordinator says something that does not belong there.
    #[error("the coordinator answered with {what}, which does not belong there")]
    Unexpected { what: &'static str },
    /// The chain's node accepts a question and does not answer.
    #[error("the chain's node does not answer")]
    Silent,
    /// A rule of secure aggregation is broken.
    #[error("secure aggregation: {0}")]
    Aggregation(#[from] zktrain_secagg::SecaggError),
    /// The update is not of the network.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The key refuses to sign.
    #[error("the key does not sign: {0}")]
    Signer(#[from] alloy::signers::Error),
    #[error("{account} is not a member of domain {domain}")]
    NotMember { account: Address, domain: u64 },
    /// The membership is for other data than the project's.
    #[error("domain {domain} knows {account} by another dataset than this project's")]
    OtherDataset { account: Address, domain: u64 },
    /// The domain is not one that the owner works in.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The contracts would not let it join.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// Handing a proof in would cost more gas than its key is bounded by.
    #[error(
        "handing in the proof of round {round} would take {got} gas, more than the {most} that its \
         key is bounded by"
    )]
    Dear {
        round: u64,
        /// Gas that it should take at most.
        most: u64,
        /// Gas that it would take.
        got: u64,
    },
    /// The round is over for this owner, and its secrets are gone: it is not entered again.
    #[error("round {round} is over for this owner, and its secrets are erased")]
    Over { round: u64 },
    /// The chain has ended the round, and the coordinator does not tell how.
    #[error("round {round} is over on the chain, and the coordinator has told of no end")]
    Ended { round: u64 },
    /// A round has no end.
    #[error("round {round} goes on for longer than its plan allows")]
    Late { round: u64 },
    /// The coordinator took an upload and does not answer for it.
    #[error("the coordinator gave no valid receipt for the upload: {0}")]
    Receipt(#[from] ReceiptError),
    /// What was signed before forbids to sign more, or is not known.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// What was done in a round is not handed in, as something else may have been signed.
    #[error(
        "the work of round {round} is finished in this project and is not handed in to the contract: {why}. \
         It is paid ({pay}) only if the coordinator counts it, or the machine hands it in that has signed it"
    )]
    Undelivered {
        /// The round.
        round: u64,
        /// What it would pay.
        pay: String,
        /// Why not.
        why: SignedError,
    },
    /// It left on purpose.
    #[error("left the round on purpose")]
    Left,
}

/// How an owner runs.
pub struct Options {
    /// The project with the registered data.
    pub project: PathBuf,
    pub domain: u64,
    /// `host:port` of the coordinator.
    pub coordinator: String,
    /// Who the coordinator has to be; by default whom the chain names.
    pub coordinator_address: Option<Address>,
    /// What the owner agrees to.
    pub policy: Policy,
    /// What it works for.
    pub asked: Asked,
    /// When it hands its proof in itself.
    pub force: Force,
    /// Stop after so many rounds.
    pub rounds: Option<u64>,
    /// Take what is owed after each round.
    pub claim: bool,
    /// How long secrets of rounds stay that are over.
    pub retention: Retention,
    /// Misbehaviour in a round, counted from one.
    pub fault: Option<(u64, Fault)>,
}

/// The account that takes part, and where its chain is.
pub struct Account {
    /// The account and the contracts.
    pub client: Client,
    /// The chain's node, for messages.
    pub node: Endpoint,
    /// The folder of transactions under way, and of the record of what the account has signed.
    pub outbox: PathBuf,
}

/// Takes part in rounds until told to stop. Rounds that it does not agree to are passed over.
///
/// # Errors
/// If the account is no member (any more), or something fails here. A coordinator or a chain that does
/// not answer is waited for.
pub async fn run<N: Notices + Send + 'static>(
    account: Account,
    options: &Options,
    notices: N,
) -> Result<u64, Error> {
    let mut owner = open(account, options, notices).await?;
    erase::ended(&owner.project, options.retention)?;
    let (contracts, project) = (owner.client.clone(), owner.project.clone());
    let (account, signed) = (owner.account(), owner.signed.clone());
    let mut monitor =
        PayMonitor::new(contracts, project, account, options.domain, options.force, signed);
    monitor.claim = options.claim;
    let done = tokio::select! {
        done = rounds(&mut owner, options) => done?,
        never = monitor.keep() => match never {},
    };
    // What the last round has left to do.
    if let Err(error) = monitor.look().await {
        tracing::warn!(%error, "looking after what was delivered");
    }
    owner.peer.close().await;
    Ok(done)
}

/// Goes through rounds; how many.
async fn rounds(owner: &mut Owner, options: &Options) -> Result<u64, Error> {
    let (mut done, mut passed, mut attempts) = (0, BTreeSet::new(), Attempts::default());
    let mut pause = PAUSE;
    while options.rounds.is_none_or(|most| done < most) {
        let round = match next(owner, options.domain, &passed).await {
            Ok(round) => round,
            Err(error) if OwnerVerdict::of(&error) == OwnerVerdict::Again => {
                tracing::warn!(%error, again_in_seconds = pause.as_secs(), "waiting");
                tokio::time::sleep(pause).await;
                pause = start::SOON.min(pause * 2);
                continue;
            }
            Err(error) => return Err(error),
        };
        pause = PAUSE;
        owner.seat.fault = options.fault.filter(|(at, _)| *at == done + 1).map(|(_, fault)| fault);
        let result = owner.take_part(round).await;
        let (project, account) = (&owner.project, owner.account());
        let records = OwnerRecords { project, account, retention: options.retention };
        match outcome::conclude(&records, &mut attempts, round, result)? {
            Outcome::Ended => done += 1,
            Outcome::Again(pause) => tokio::time::sleep(pause).await,
            Outcome::PassedOver => {
                passed.insert(round);
            }
        }
        if options.claim {
            claim(&owner.client, options.domain).await;
        }
    }
    Ok(done)
}

async fn open<N: Notices + Send + 'static>(
    account: Account,
    options: &Options,
    notices: N,
) -> Result<Owner, Error> {
    let Account { client, node, outbox } = account;
    let project = Project::new(&options.project);
    let asked = || in_time(start::ANSWER, client.domain(options.domain));
    let domain = start::patiently(&node, asked).await?.config;
    let (worker, facts) = Worker::spawn(options.project.clone(), notices).await?;
    let own = own_system(&worker, &client, options.domain, &domain).await;
    let system = start::erase_over(own, &project, &client).await?;
    let circuit = Arc::new(worker.circuit(system).await?);
    let (account, dataset) = (client.address(), B256::from(facts.dataset));
    let spec = B256::from(facts.key.spec);
    let expected = Expected {
        domain: options.domain,
        spec,
        system,
        account,
        dataset,
        windows: facts.windows,
        asked: options.asked,
    };
    expected.asked.check(options.domain, &domain).map_err(OwnerError::from)?;
    terms::tell(options.domain, &domain);
    let asked = || in_time(start::ANSWER, membership(&client, &expected));
    start::patiently(&node, asked).await?;
    let signed = start::record(&node, &outbox, &client, options.domain).await?;
    let signer = client.sender().signer().clone();
    let binding = Binding {
        chain_id: client.at().chain_id,
        contract: client.at().rounds.into_array(),
        domain: expected.domain,
        round: 0,
        prover: client.address().into_array(),
    };
    let peer = connect(&client, options, &domain).await?;
    let owner = Owner {
        client,
        versions: Versions::new(facts.clone(), project.clone()),
        seat: RoundContext {
            signer,
            peer,
            worker,
            facts,
            binding,
            project,
            policy: options.policy.clone(),
            signed,
            fault: None,
        },
        circuit,
        expected,
    };
    start::patiently(&options.coordinator, || register(&owner)).await?;
    Ok(owner)
}

/// Connects to the coordinator, once it is there.
async fn connect(client: &Client, options: &Options, domain: &Config) -> Result<Peer, Error> {
    let target = CoordinatorTarget {
        address: options.coordinator.clone(),
        coordinator: options.coordinator_address.unwrap_or(domain.coordinator),
        domain: typed::domain(client.at().chain_id, client.at().rounds),
    };
    let signer = client.sender().signer();
    let connect = || async {
        let connected = Peer::connect(target.clone(), signer.clone(), Timeouts::default()).await;
        connected.map_err(Error::from)
    };
    start::patiently(&options.coordinator, connect).await
}

/// The system of a domain's proofs, which are checked with the key that follows from the project's own
/// manifest. Anyone can register a key that says so and accepts everything.
async fn own_system(
    worker: &Worker,
    client: &Client,
    domain: u64,
    config: &Config,
) -> Result<ProofSystem, Error> {
    let system = match client.key_name(config) {
        Some(name) => worker.system(name.0).await?,
        None => None,
    };
    system.ok_or(Error::OtherDomain { domain })
}

async fn membership(client: &Client, expected: &Expected) -> Result<(), Error> {
    let Expected { domain, account, dataset, windows, .. } = *expected;
    match client.candidate(domain, account).await? {
        None => Err(OwnerError::NotMember { account, domain }.into()),
        Some(known) if (known.dataset, known.windows) != (dataset, windows) => {
            Err(OwnerError::OtherDataset { account, domain }.into())
        }
        Some(_) => Ok(()),
    }
}

/// Shows the coordinator that the dataset is well formed.
async fn register(owner: &Owner) -> Result<(), Error> {
    let path = owner.project.registration_path();
    zktrain_project::project::exists(
        &path,
        "register the data without --plain: `zktrain data commit`",
    )?;
    let item = Item::Registration { domain: owner.expected.domain };
    owner.peer.upload(&item, UploadSource::File(path)).await?;
    tracing::info!(domain = owner.expected.domain, "registered with the coordinator");
    Ok(())
}

/// The next round that the owner is in.
async fn next(owner: &Owner, domain: u64, passed: &BTreeSet<u64>) -> Result<u64, Error> {
    let mut left = erase::untold(&owner.project)?;
    loop {
        erase::over(&owner.project, &owner.client, &mut left).await?;
        let request = Request::Current { domain };
        if let Response::Current(Some(round)) = owner.peer.call(request).await?
            && !passed.contains(&round)
        {
            let members = owner.client.members(round).await?;
            let over = outcome::is_over(&owner.project, round)?;
            if !over && members.find(owner.account()).is_some() {
                return Ok(round);
            }
        }
        membership(&owner.client, &owner.expected).await?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes what earlier rounds have paid. What cannot be had now can be had after the next round.
async fn claim(client: &Client, domain: u64) {
    match claim_owed(client, domain).await {
        Ok(None) => {}
        Ok(Some(amount)) => tracing::info!(amount = zktrain_chain::amount::show(amount), "claimed"),
        Err(error) => tracing::warn!(%error, "what is owed could not be claimed"),
    }
}

async fn claim_owed(client: &Client, domain: u64) -> Result<Option<U256>, Error> {
    let token = client.domain(domain).await?.config.token;
    if client.owed(token, client.address()).await? == U256::ZERO {
        return Ok(None);
    }
    Ok(Some(client.claim(token).await?))
}
