//! The coordinator of a domain: opens rounds, gathers what members deliver, settles.
//!
//! All that decides what to do next is on the chain and in the store, so a restart goes on where
//! the last process stopped, wherever that was.

pub mod admission;
mod batch;
mod clock;
mod conduct;
mod erase;
mod history;
mod late;
mod library;
mod lottery;
mod members;
mod models;
mod next;
mod open;
mod pay;
mod pending;
mod plan;
mod propose;
mod rounds;
mod settle;
mod terms;
mod trouble;
mod watch;
mod work;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy::primitives::{Address, B256};
use tokio_util::sync::CancellationToken;
use zktrain_chain::protocol::{Client, ClientError, Status};
use zktrain_coordinator::driver::DriverError;
use zktrain_coordinator::health::HealthReporter;
use zktrain_coordinator::metrics::{Measures, MetricsHistory, ProcessMetrics};
use zktrain_coordinator::service::RequestHandler;
use zktrain_coordinator::store::{SignedBatchError, SignedBatchLog, Store, StoreError};
use zktrain_project::project::Project;
use zktrain_project::session::Session;
use zktrain_project::version::VersionError;
use zktrain_secagg::vector::{VectorError, VectorShape};
use zktrain_statement::compressed::ProofSystem;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::training::TrainingError;

pub use self::conduct::Standing;
pub use self::history::{Account, RoundRecord};
pub use self::library::DomainLibrary;
pub use self::members::{Found, Member, MembersError, Pardon, members, pardon};
pub use self::models::{Model, Models};
pub use self::pay::Pay;
pub use self::pending::Pending;
pub use self::plan::Rules;
pub use self::terms::{StakeError, Terms, TermsError};
use self::trouble::{Backoff, Interruption};
pub use self::watch::{BLOCK, watch_chain, watch_counters};

use crate::error::Error;
use crate::lineage::LineageWriter;

/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a coordinator cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// A submission that was checked before cannot be read.
    #[error("a submission that was checked before cannot be read")]
    Submission,
    /// The sum, which was checked before, is not there any more.
    #[error("the sum of round {round}, which was checked before, is not there any more")]
    NoSum { round: u64 },
    /// The sum, which was checked before, does not open the commitments, or gives no model.
    #[error("the next version: {0}")]
    Version(#[from] VersionError),
    /// Updates, which were checked before, have different numbers of rows.
    #[error("the updates: {0}")]
    Rows(#[source] TrainingError),
    /// The network has no vectors.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The chain or a contract refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was signed forbids to sign more.
    #[error(transparent)]
    Signed(#[from] SignedBatchError),
    /// A round cannot be run.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The key refuses to sign.
    #[error("the key does not sign: {0}")]
    Signer(#[from] alloy::signers::Error),
    /// The domain's coordinator is somebody else.
    #[error("domain {domain} names {expected} as its coordinator; this key is {got}")]
    NotCoordinator {
        domain: u64,
        /// Its coordinator.
        expected: Address,
        /// This account.
        got: Address,
    },
    /// The configuration does not fit the domain.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The account's stake does not cover another round.
    #[error(transparent)]
    Stake(#[from] StakeError),
    /// A member that is to be asked again is not known, or is asked.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// A batch would say otherwise than a receipt that its member may have.
    #[error(
        "the batch of round {round} would not have the submission of {account}, for which a receipt may \
         have been given: it is not signed, as that would cost the bond. The store has lost something: \
         read the log, and restore what is missing before the round's last moment"
    )]
    Contradiction {
        round: u64,
        /// The member.
        account: Address,
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
        source: std::io::Error,
    },
}

/// What the coordinator has decided.
#[derive(Clone, Debug)]
pub struct Options {
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
pub struct Coordinator {
    /// The account and the contracts.
    pub client: Client,
    /// A project with manifest, reference string and first model; its data, if any, are public.
    pub project: Project,
    /// Manifest, reference string, key.
    pub session: Arc<Session>,
    /// The system of the domain's proofs.
    pub system: ProofSystem,
    /// What proofs are checked with.
    pub circuit: Arc<CircuitKey>,
    /// The shape of masked vectors.
    pub shape: VectorShape,
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
    /// What was signed, and what is not to be signed any more.
    pub signed: SignedBatchLog,
    /// What peers talk to.
    pub handler: Arc<RequestHandler<DomainLibrary>>,
    /// What is measured.
    pub metrics: Arc<ProcessMetrics>,
    /// Tells that it goes on, or why it does not.
    pub reporter: Arc<HealthReporter>,
    /// What it has said last of why there is nothing to do.
    pub said: Mutex<String>,
    /// What the domain asks of its rounds.
    pub terms: Terms,
    /// What the coordinator has decided.
    pub options: Options,
}

impl Coordinator {
    /// Runs rounds until as many are over as wanted, or until told to stop. How many there were.
    ///
    /// # Errors
    /// If the store fails. A chain that does not answer is asked again.
    pub async fn run(&self, stop: &CancellationToken) -> Result<u64, Error> {
        let (mut done, mut backoff) = (0, Backoff::default());
        while self.options.rounds.is_none_or(|most| done < most) {
            let stepped = tokio::select! {
                () = stop.cancelled() => break,
                stepped = self.step() => stepped,
            };
            let pause = match stepped {
                Ok(over) => {
                    self.goes_on(&mut backoff);
                    done += u64::from(over);
                    if over {
                        self.measure().await;
                    }
                    PAUSE
                }
                Err(error) => match Interruption::of(&error) {
                    Some(interruption) => self.keeps_waiting(&error, &interruption, &mut backoff),
                    None => return Err(error),
                },
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.export().await?;
        Ok(done)
    }

    fn goes_on(&self, backoff: &mut Backoff) {
        if backoff.clear().is_some() {
            tracing::info!("it goes on");
        }
        self.reporter.report(None);
    }

    /// Tells what keeps it, if that is news. How long to wait.
    fn keeps_waiting(
        &self,
        error: &Error,
        interruption: &Interruption,
        backoff: &mut Backoff,
    ) -> Duration {
        let (pause, is_news) = backoff.after(interruption);
        if is_news {
            let helps = interruption.advice;
            tracing::warn!(%error, helps, "it is tried again, after ever longer pauses");
        }
        self.reporter.report(Some(interruption.why));
        pause
    }

    /// Says something, unless it is what was said last.
    fn say(&self, text: String) {
        if self.is_news(&text) && !text.is_empty() {
            tracing::info!("{text}");
        }
    }

    /// Says that something is wrong, unless that is what was said last.
    fn alarm(&self, text: String) {
        if self.is_news(&text) {
            tracing::error!("{text}");
        }
    }

    fn is_news(&self, text: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *said != text;
        if is_news {
            text.clone_into(&mut said);
        }
        is_news
    }

    /// Does what is next. Whether a round is over with it.
    async fn step(&self) -> Result<bool, Error> {
        self.store.ping().await.map_err(CoordinatorError::from)?;
        if self.catch_up().await? {
            return Ok(true);
        }
        let Some(round) = self.client.current(self.options.domain).await? else {
            return self.open().await.map(|_| false);
        };
        match self.client.status(round).await? {
            Status::Open if self.is_late(round).await? => self.end_late(round).await,
            Status::Open => self.gather_and_propose(round).await.map(|()| false),
            Status::Proposed | Status::Void => self.settle(round).await,
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
        match MetricsHistory::from_chain(&self.client, self.options.domain).await {
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
