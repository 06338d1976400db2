//! The shell around a round's machine: a clock, the store, waiting peers, and jobs.
//!
//! Every event is stored before the machine sees it and before anyone is told that it was taken, so
//! a coordinator that is killed goes on where it was: events are replayed, and jobs whose result is
//! missing are done again.

mod jobs;
mod work;

pub use jobs::SUBMISSION;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::Address;
use tokio::sync::{Mutex, mpsc, watch};
use zktrain_network::messages::{Contribution, End, Notice, Phase, Refusal, Signed};
use zktrain_network::plan::Plan;

pub use work::{Judged, Work};

use crate::machine::{Action, Admit, Event, Machine, Progress};
use crate::store::{Store, StoreError};

/// Why a round cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored cannot be read.
    #[error("round {round}: what is stored of it is of another version or damaged")]
    Stored {
        /// The round.
        round: u64,
    },
    /// The round has stopped because the store failed.
    #[error("the round has stopped")]
    Stopped,
}

/// Milliseconds since 1970: phases go on while a coordinator is down.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A round under way. Clones share it; its tasks end when the last one is dropped.
#[derive(Clone)]
pub struct Driver {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    plan: Signed<Plan>,
    work: Arc<dyn Work>,
    machine: Mutex<Machine>,
    /// Counts what happened, to wake whoever waits.
    happened: watch::Sender<u64>,
    jobs: mpsc::UnboundedSender<Job>,
}

/// What takes longer than a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    Judge(Address),
    Sum,
    Try,
}

/// What is missing after a replay.
#[derive(Default)]
struct Open(BTreeSet<Job>);

impl Open {
    fn note(&mut self, actions: &[Action]) {
        self.0.extend(actions.iter().filter_map(job_of));
    }

    fn done(&mut self, event: &Event) {
        match event {
            Event::Judged { account, .. } => self.0.remove(&Job::Judge(*account)),
            Event::Summed(_) => self.0.remove(&Job::Sum),
            Event::Tried(_) => self.0.remove(&Job::Try),
            _ => false,
        };
    }
}

fn job_of(action: &Action) -> Option<Job> {
    match action {
        Action::Judge { account } => Some(Job::Judge(*account)),
        Action::Sum => Some(Job::Sum),
        Action::Try => Some(Job::Try),
        Action::Published | Action::Ended(_) => None,
    }
}

impl Driver {
    /// Begins a round, or goes on with it if it was begun: then the stored plan counts.
    ///
    /// # Errors
    /// If the store fails or holds something else.
    pub async fn start(
        store: Store,
        plan: Signed<Plan>,
        work: Arc<dyn Work>,
    ) -> Result<Self, DriverError> {
        let round = plan.body.round;
        let damaged = |_| DriverError::Stored { round };
        let encoded = postcard::to_stdvec(&plan).map_err(damaged)?;
        let begun = store.begin(round, &encoded, now_ms()).await?;
        let plan: Signed<Plan> = postcard::from_bytes(&begun.plan).map_err(damaged)?;
        let mut machine = Machine::new(plan.clone(), begun.began_ms);
        let mut open = Open::default();
        for stored in store.events(round).await? {
            let event: Event = postcard::from_bytes(&stored.body).map_err(damaged)?;
            open.done(&event);
            open.note(&machine.handle(event, stored.at_ms));
        }
        let (jobs, inbox) = mpsc::unbounded_channel();
        for job in open.0 {
            // The inbox is here.
            let _ = jobs.send(job);
        }
        let machine = Mutex::new(machine);
        let happened = watch::Sender::new(0);
        let inner = Arc::new(Inner { store, plan, work, machine, happened, jobs });
        tokio::spawn(keep_time(Arc::downgrade(&inner)));
        tokio::spawn(jobs::run(Arc::downgrade(&inner), inbox));
        Ok(Self { inner })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.inner.plan.body
    }

    /// The plan with its signature.
    pub fn signed_plan(&self) -> &Signed<Plan> {
        &self.inner.plan
    }

    /// Takes a member's contribution: stored when this returns.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn contribute(&self, from: Address, what: Contribution) -> Result<(), Refusal> {
        if let Contribution::Upload(upload) = &what {
            let named = &upload.body;
            self.inner.require_uploads(from, named.masked).await?;
        }
        let mut machine = self.inner.machine.lock().await;
        match machine.check(from, &what)? {
            Admit::Known => Ok(()),
            Admit::New => {
                let event = Event::Contribution { from, what: Box::new(what) };
                let stored = self.inner.feed(&mut machine, event).await;
                stored.map_err(|error| {
                    tracing::error!(%error, "an event could not be stored");
                    Refusal::Internal
                })
            }
        }
    }

    /// Waits for a notice.
    pub async fn notice(&self, to: Address, number: u32) -> Notice {
        let mut happened = self.inner.happened.subscribe();
        loop {
            happened.mark_unchanged();
            if let Some(notice) = self.inner.machine.lock().await.notice(to, number) {
                return notice;
            }
            if happened.changed().await.is_err() {
                // The sender lives in what this borrows.
                core::future::pending::<()>().await;
            }
        }
    }

    /// Where the round stands.
    pub async fn progress(&self) -> Progress {
        self.inner.machine.lock().await.progress()
    }

    /// Ends the round without a sum.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn call_off(&self) -> Result<(), DriverError> {
        let mut machine = self.inner.machine.lock().await;
        self.inner.feed(&mut machine, Event::CalledOff).await
    }

    /// Waits for the end.
    pub async fn ended(&self) -> End {
        let mut happened = self.inner.happened.subscribe();
        loop {
            happened.mark_unchanged();
            if let Some(end) = self.inner.machine.lock().await.progress().end {
                return end;
            }
            if happened.changed().await.is_err() {
                core::future::pending::<()>().await;
            }
        }
    }

    /// Whether it is over.
    pub async fn is_over(&self) -> bool {
        self.inner.machine.lock().await.phase() == Phase::Ended
    }
}

impl Inner {
    fn round(&self) -> u64 {
        self.plan.body.round
    }

    /// Stores an event, and lets the machine handle it.
    async fn feed(&self, machine: &mut Machine, event: Event) -> Result<(), DriverError> {
        let round = self.round();
        let body =
            postcard::to_stdvec(&event).map_err(|_| DriverError::Stored { round })?;
        let now = now_ms();
        self.store.append(round, &body, now).await?;
        let actions = machine.handle(event, now);
        for action in &actions {
            if let Some(job) = job_of(action) {
                // The receiver lives as long as this.
                let _ = self.jobs.send(job);
            }
            if let Action::Ended(end) = action {
                tracing::info!(round, ?end, "the round has ended");
            }
        }
        self.happened.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    async fn report(&self, event: Event) {
        let mut machine = self.machine.lock().await;
        if machine.phase() == Phase::Ended {
            return;
        }
        if let Err(error) = self.feed(&mut machine, event).await {
            tracing::error!(round = self.round(), %error, "a result could not be stored");
        }
    }

    /// Both uploads are there, and the masked vector is the one that is named.
    async fn require_uploads(
        &self,
        from: Address,
        masked: alloy::primitives::B256,
    ) -> Result<(), Refusal> {
        let missing = |what: &str| Refusal::Invalid(format!("{what} was not uploaded"));
        let round = self.round();
        for (item, digest) in [(items::masked(round), Some(masked)), (items::submission(round), None)] {
            let info = self.store.upload_info(from.into_array(), &item).await;
            let info = info.map_err(|_| Refusal::Internal)?.filter(|info| info.finished);
            let info = info.ok_or_else(|| missing(&item))?;
            if digest.is_some_and(|digest| digest.0 != info.digest) {
                return Err(missing(&item));
            }
        }
        Ok(())
    }
}

/// Names of uploads in the store.
pub mod items {
    /// A masked vector.
    pub fn masked(round: u64) -> String {
        format!("masked/{round}")
    }

    /// A submission.
    pub fn submission(round: u64) -> String {
        format!("submission/{round}")
    }

    /// A registration.
    pub fn registration(domain: u64) -> String {
        format!("registration/{domain}")
    }
}

/// Ticks at the machine's deadlines.
async fn keep_time(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let mut happened = strong.happened.subscribe();
        happened.mark_unchanged();
        let deadline = strong.machine.lock().await.deadline();
        let Some(deadline) = deadline else { return };
        let left = deadline.saturating_sub(now_ms());
        if left == 0 {
            strong.report(Event::Tick).await;
            // A machine that does not move on must not keep a processor busy.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        drop(strong);
        // A round that is dropped must not be kept by its clock: look again from time to time.
        let pause = Duration::from_millis(left.min(1_000));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = happened.changed() => if changed.is_err() { return },
        }
    }
}
