//! The coordinator of a domain: opens rounds, gathers what members deliver, settles.
//!
//! All that decides what to do next is on the chain and in the store, so a restart goes on where
//! the last process stopped, wherever that was.

pub mod admission;
mod conduct;
mod desk;
mod erase;
mod history;
mod judge;
mod models;
mod pay;
mod pending;
mod plan;
mod propose;
mod rounds;
mod watch;
mod work;

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use tokio_util::sync::CancellationToken;
use zktrain_circuits::compressed::System;
use zktrain_contracts::protocol::{Client, ClientError, Status};
use zktrain_coordinator::driver::DriverError;
use zktrain_coordinator::health::{Part, Readiness};
use zktrain_coordinator::metrics::{History, Measures, Metrics};
use zktrain_coordinator::service::Desk;
use zktrain_coordinator::store::{Store, StoreError};
use zktrain_network::secagg::vector::{Shape, VectorError};
use zktrain_verifier::circuit::CircuitKey;

pub use self::desk::Shelf;
pub use self::history::{Account, Told};
pub use self::models::{Model, Models};
pub use self::pay::Pay;
pub use self::pending::Pending;
pub use self::plan::Rules;
pub(crate) use self::plan::plan;
pub use self::watch::{watch_chain, watch_counters};

use crate::error::Error;
use crate::lineage::LineageWriter;
use crate::project::Project;
use crate::session::Session;
use crate::version::VersionError;

/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a coordinator cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A submission that was checked before cannot be read.
    #[error("a submission that was checked before cannot be read")]
    Submission,
    /// The sum, which was checked before, is not there any more.
    #[error("the sum of round {round}, which was checked before, is not there any more")]
    NoSum {
        /// The round.
        round: u64,
    },
    /// The sum, which was checked before, does not open the commitments, or gives no model.
    #[error("the next version: {0}")]
    Version(#[from] VersionError),
    /// The network has no vectors.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The chain or a contract refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A round cannot be run.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The key refuses to sign.
    #[error("the key does not sign: {0}")]
    Signer(#[from] alloy::signers::Error),
    /// The domain's coordinator is somebody else.
    #[error("domain {domain} names {expected} as its coordinator; this key is {got}")]
    NotCoordinator {
        /// The domain.
        domain: u64,
        /// Its coordinator.
        expected: Address,
        /// This account.
        got: Address,
    },
    /// Pay is by improvement, and nothing measures it.
    #[error(
        "`pay.least` makes pay depend on improvement, and there are no rows to measure it on: give \
         the coordinator's project public rows that nobody trains on (`zktrain init … --data \
         public.csv --held-out 0.5`), or leave `pay.least` out"
    )]
    NoRows,
    /// The port is taken, or the address is not this machine's.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address.
        listen: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// What the operator has decided.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain.
    pub domain: u64,
    /// Members of a round at least.
    pub least: usize,
    /// Members of a round at most.
    pub most: usize,
    /// How rounds go.
    pub rules: Rules,
    /// Seconds until a round's deadline on the chain.
    pub duration: u64,
    /// What rounds pay, in the smallest unit of the domain's token.
    pub pay: Pay,
    /// Members are asked if they were heard of within this time.
    pub silence: Duration,
    /// Members that could be there are waited for so long.
    pub gathering: Duration,
    /// Stop after so many rounds.
    pub rounds: Option<u64>,
    /// Rounds that are over of which submissions, messages and models are kept.
    pub retention: usize,
    /// On a test chain: let its time pass instead of waiting for it.
    pub fast_forward: bool,
}

/// The coordinator of a domain.
pub struct Operator {
    /// The account and the contracts.
    pub client: Client,
    /// A project with manifest, reference string and first model; its data, if any, are public.
    pub project: Project,
    /// Manifest, reference string, key.
    pub session: Arc<Session>,
    /// The system of the domain's proofs.
    pub system: System,
    /// What proofs are checked with.
    pub circuit: Arc<CircuitKey>,
    /// The shape of masked vectors.
    pub shape: Shape,
    /// All versions of the model.
    pub models: Models,
    /// Sums that are not settled yet.
    pub pending: Pending,
    /// What auditors get.
    pub lineage: LineageWriter,
    /// What people are told.
    pub account: Account,
    /// Everything that was acknowledged.
    pub store: Store,
    /// What peers talk to.
    pub desk: Arc<Desk<Shelf>>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Whether everything works.
    pub readiness: Arc<Readiness>,
    /// What the operator has decided.
    pub options: Options,
}

impl Operator {
    /// Runs rounds until as many are over as wanted, or until told to stop. How many there were.
    ///
    /// # Errors
    /// If the store fails. A chain that does not answer is asked again.
    pub async fn run(&self, stop: &CancellationToken) -> Result<u64, Error> {
        let mut done = 0;
        while self.options.rounds.is_none_or(|most| done < most) {
            let stepped = tokio::select! {
                () = stop.cancelled() => break,
                stepped = self.step() => stepped,
            };
            match stepped {
                Ok(over) => {
                    self.readiness.works(Part::Driver);
                    done += u64::from(over);
                    if over {
                        self.measure().await;
                    }
                }
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "trying again");
                    self.readiness.fails(Part::Chain, "the chain refuses or does not answer");
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.export().await?;
        Ok(done)
    }

    /// Does what is next. Whether a round is over with it.
    async fn step(&self) -> Result<bool, Error> {
        self.store.ping().await.map_err(OperatorError::from)?;
        self.readiness.works(Part::Store);
        if self.catch_up().await? {
            return Ok(true);
        }
        let Some(round) = self.client.current(self.options.domain).await? else {
            self.readiness.works(Part::Chain);
            return self.open().await.map(|_| false);
        };
        self.readiness.works(Part::Chain);
        match self.client.status(round).await? {
            Status::Open => self.gather_and_propose(round).await.map(|()| false),
            Status::Proposed | Status::Void => self.settle(round).await.map(|()| true),
            Status::None | Status::Settled => Ok(false),
        }
    }

    /// Finishes what follows a settlement if the last process ended right after it.
    async fn catch_up(&self) -> Result<bool, Error> {
        let Some(round) = self.account.unsettled()? else { return Ok(false) };
        if self.client.status(round).await? != Status::Settled {
            return Ok(false);
        }
        self.finish(round).await?;
        Ok(true)
    }

    /// Writes what the chain says of the domain beside the proofs.
    async fn export(&self) -> Result<(), Error> {
        self.lineage.chain(&self.client.export(self.options.domain).await?)
    }

    /// Computes and publishes the measures of the network's health.
    async fn measure(&self) {
        match History::from_chain(&self.client, self.options.domain).await {
            Ok(mut history) => {
                history.verdicts = conduct::verdicts(&self.account.read().unwrap_or_default());
                self.metrics.set_measures(&Measures::of(&history, Measures::LAST));
            }
            Err(error) => tracing::warn!(%error, "measures are not up to date"),
        }
    }

    /// The model that rounds start from now.
    async fn head(&self, hash: B256) -> Result<Model, Error> {
        self.models.get(&self.session, hash)
    }
}

/// Whether trying again may help: the chain's troubles pass.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Client(_) => true,
        Error::Operator(error) => matches!(**error, OperatorError::Client(_)),
        _ => false,
    }
}
