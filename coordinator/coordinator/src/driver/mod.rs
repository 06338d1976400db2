//! The shell around a round's machine: a clock, the store, waiting peers, and jobs.
//!
//! Every event is stored before the machine sees it and before anyone is told that it was taken, so
//! a coordinator that is killed goes on where it was: events are replayed, and jobs whose result is
//! missing are done again. If storing fails it is not known whether the event is stored; then the
//! machine first catches up with the store, since it must never be another one than a replay makes.
//!
//! Time is that of the wall clock when the round was started, here or before a restart, and goes on
//! steadily: a clock that is set does not change how long phases last.

mod begin;
mod erase;
mod jobs;
mod state;
mod vectors;
mod work;

pub use erase::{erase, forget};
pub use jobs::SUBMISSION;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, B256};
use tokio::sync::{Mutex, MutexGuard, mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use zktrain_secagg::messages::{Signed, Upload};
use zktrain_secagg::plan::Plan;
use zktrain_wire::messages::{End, MemberMessage, Notice, Phase, Refusal};

pub use work::{Judged, RoundComputations, Settled, Timed};

use self::state::{Clock, Job, State, job_of, passed};
use crate::machine::{Action, Bounds, Ends, Machine, NoticeDraft, Progress, RoundEvent};
use crate::store::{Store, StoreError};

/// Why a round cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored cannot be read.
    #[error("round {round}: what is stored of it is of another version or damaged")]
    Stored { round: u64 },
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
    work: Arc<dyn RoundComputations>,
    clock: Clock,
    state: Mutex<State>,
    /// Counts what was published, to wake the requests that wait.
    published: watch::Sender<u64>,
    jobs: mpsc::UnboundedSender<Job>,
}

impl Driver {
    /// Begins a round, or goes on with it if it was begun: then the coordinator's part of the stored
    /// plan counts. If the chain says something else than it did for the stored plan, what is stored
    /// is of a round that the chain has given up: it is forgotten, and the round begins anew. The
    /// round keeps to the earliest ends that are given here or were before, in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// If the store fails or holds something else.
    pub async fn start(
        store: Store,
        plan: Signed<Plan>,
        work: Arc<dyn RoundComputations>,
        ends: Ends,
    ) -> Result<Self, DriverError> {
        let round = plan.body.round;
        let (plan, begun) = begin::begin(&store, plan).await?;
        let (machine, since_ms) = (Machine::new(plan.clone(), begun.began_ms), begun.began_ms);
        let (arrived_ms, verified) = Default::default();
        let mut state = State { machine, since_ms, arrived_ms, verified, handled: 0, behind: true };
        let last_ms = replay(&store, round, &mut state, |_| ()).await?;
        // Time does not go back, even if the clock was set back in between.
        let start_ms = now_ms().max(begun.began_ms).max(last_ms.unwrap_or_default());
        let clock = Clock { start_ms, start: Instant::now() };
        let (jobs, inbox) = mpsc::unbounded_channel();
        for job in state.machine.pending().iter().filter_map(job_of) {
            // The inbox is here.
            let _ = jobs.send(job);
        }
        let (state, published) = (Mutex::new(state), watch::Sender::new(0));
        let inner = Arc::new(Inner { store, plan, work, clock, state, published, jobs });
        inner.bound(ends).await?;
        tokio::spawn(keep_time(Arc::downgrade(&inner)));
        tokio::spawn(jobs::run(Arc::downgrade(&inner), inbox));
        Ok(Self { inner })
    }

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
    pub async fn contribute(&self, from: Address, what: MemberMessage) -> Result<(), Refusal> {
        let failed = |error: DriverError| {
            tracing::error!(%error, "an event could not be stored");
            Refusal::Internal
        };
        let grounds = self.inner.current().await.map_err(failed)?.machine.look_at(from, &what)?;
        let Some(grounds) = grounds else { return Ok(()) };
        // Signatures are verified while others have the round.
        let verified = spawn_blocking(move || grounds.verify(&what).map(|()| what)).await;
        let what = verified.map_err(|_| Refusal::Internal)??;
        if let MemberMessage::Upload(upload) = &what {
            self.inner.require_uploads(&upload.body).await?;
        }
        let mut state = self.inner.current().await.map_err(failed)?;
        // Meanwhile the phase may have ended, or the same may have come once more.
        if state.machine.look_at(from, &what)?.is_none() {
            return Ok(());
        }
        let event = RoundEvent::Contribution { from, what: Box::new(what) };
        self.inner.feed(&mut state, event).await.map_err(failed)
    }

    /// Whether a member's upload is counted for good, see [`Machine::answers_for`].
    pub async fn answers_for(&self, account: Address) -> bool {
        self.inner.state.lock().await.machine.answers_for(account)
    }

    /// The submissions that a batch has to have, see [`Machine::promised`].
    pub async fn promised(&self) -> BTreeMap<Address, B256> {
        self.inner.state.lock().await.machine.promised()
    }

    /// Waits for a notice.
    ///
    /// # Errors
    /// [`Refusal::Internal`] if it cannot be made.
    pub async fn notice(&self, to: Address, number: u32) -> Result<Notice, Refusal> {
        let mut published = self.inner.published.subscribe();
        loop {
            published.mark_unchanged();
            let draft = self.inner.state.lock().await.machine.draft(to, number);
            if let Some(draft) = draft {
                return made(draft).await;
            }
            if published.changed().await.is_err() {
                // The sender lives in what this borrows.
                core::future::pending::<()>().await;
            }
        }
    }

    /// What the chain sets an end to, in milliseconds since 1970.
    pub async fn ends(&self) -> Ends {
        self.inner.state.lock().await.machine.ends()
    }

    /// For how long what is due has not happened: the store fails, or nothing here goes on.
    pub async fn overdue(&self) -> Duration {
        let deadline = self.inner.state.lock().await.machine.deadline();
        deadline.map_or(Duration::ZERO, |due| passed(due, self.inner.clock.now_ms()))
    }

    /// Where the round stands.
    pub async fn progress(&self) -> Progress {
        self.inner.state.lock().await.machine.progress()
    }

    /// How long deliveries waited for the verdict on their proofs.
    pub async fn verified(&self) -> BTreeMap<Address, Duration> {
        self.inner.state.lock().await.verified.clone()
    }

    /// Proofs and sums that are under way or wait.
    pub async fn jobs(&self) -> usize {
        self.inner.state.lock().await.machine.pending().len()
    }

    /// How long the oldest delivery without a verdict has waited.
    pub async fn queue_age(&self) -> Duration {
        let state = self.inner.state.lock().await;
        let now = self.inner.clock.now_ms();
        let waits = |action: &Action| match action {
            Action::Judge { account } => Some(passed(*state.arrived_ms.get(account)?, now)),
            _ => None,
        };
        state.machine.pending().iter().filter_map(waits).max().unwrap_or_default()
    }

    /// Ends the round without a sum.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn call_off(&self) -> Result<(), DriverError> {
        let mut state = self.inner.current().await?;
        if state.machine.phase() == Phase::Ended {
            return Ok(());
        }
        self.inner.feed(&mut state, RoundEvent::CalledOff).await
    }

    /// Waits for the end.
    pub async fn ended(&self) -> End {
        let mut published = self.inner.published.subscribe();
        loop {
            published.mark_unchanged();
            if let Some(end) = self.inner.state.lock().await.machine.progress().end {
                return end;
            }
            if published.changed().await.is_err() {
                core::future::pending::<()>().await;
            }
        }
    }

    /// Whether it is over.
    pub async fn is_over(&self) -> bool {
        self.inner.state.lock().await.machine.phase() == Phase::Ended
    }
}

impl Inner {
    fn round(&self) -> u64 {
        self.plan.body.round
    }

    /// The state, once it is that of the store.
    async fn current(&self) -> Result<MutexGuard<'_, State>, DriverError> {
        let mut state = self.state.lock().await;
        self.catch_up(&mut state).await?;
        Ok(state)
    }

    /// Has the machine keep to what is known besides the plan, if it does not already.
    async fn bound(&self, ends: Ends) -> Result<(), DriverError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let elements = self.work.shape().elements() as u64;
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        let bounds = Bounds { ends, elements, threads };
        let mut state = self.current().await?;
        if state.machine.phase() == Phase::Ended || state.machine.is_bounded_by(&bounds) {
            return Ok(());
        }
        self.feed(&mut state, RoundEvent::Bounded(bounds)).await
    }

    async fn catch_up(&self, state: &mut State) -> Result<(), DriverError> {
        if state.behind {
            replay(&self.store, self.round(), state, |actions| self.act(actions)).await?;
        }
        Ok(())
    }

    /// Stores an event, and lets the machine handle it.
    async fn feed(&self, state: &mut State, event: RoundEvent) -> Result<(), DriverError> {
        let round = self.round();
        let body = postcard::to_stdvec(&event).map_err(|_| DriverError::Stored { round })?;
        let now = self.clock.now_ms();
        // Also if this is not polled to its end.
        state.behind = true;
        let place = self.store.append(round, &body, now).await?;
        if place != state.handled {
            return self.catch_up(state).await;
        }
        state.handled += 1;
        state.behind = false;
        let (actions, timed) = state.handle(event, now);
        self.act(&actions);
        timed.into_iter().for_each(|what| self.work.observe(what));
        Ok(())
    }

    fn act(&self, actions: &[Action]) {
        for action in actions {
            if let Some(job) = job_of(action) {
                // The receiver lives as long as this.
                let _ = self.jobs.send(job);
            }
            if let Action::Ended(end) = action {
                tracing::info!(round = self.round(), ?end, "the round has ended");
            }
        }
        if actions.iter().any(|action| matches!(action, Action::Published | Action::Ended(_))) {
            self.published.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Stores what is not a member's. Whether that is done, or not needed as the round is over.
    async fn report(&self, event: &RoundEvent) -> bool {
        let stored = async {
            let mut state = self.current().await?;
            if state.machine.phase() == Phase::Ended {
                return Ok(());
            }
            self.feed(&mut state, event.clone()).await
        };
        let stored: Result<(), DriverError> = stored.await;
        if let Err(error) = &stored {
            tracing::error!(round = self.round(), ?event, %error, "an event could not be stored");
        }
        stored.is_ok()
    }

    /// Both uploads are there, and the masked vector is the one that is named. (That the submission
    /// is, is found when it is judged.)
    async fn require_uploads(&self, upload: &Upload) -> Result<(), Refusal> {
        let (round, account) = (self.round(), upload.account.into_array());
        let uploads = [
            ("the masked vector", items::masked(round), Some(upload.masked.0)),
            ("the submission", items::submission(round), None),
        ];
        for (what, item, digest) in uploads {
            let info = self.store.upload_info(account, &item).await;
            let info = info.map_err(|_| Refusal::Internal)?.filter(|info| info.finished);
            if info.is_none_or(|info| digest.is_some_and(|digest| digest != info.digest)) {
                return Err(Refusal::Invalid(format!("{what} was not uploaded")));
            }
        }
        Ok(())
    }
}

/// Makes a notice. That of a member's shares takes many hashes: not between messages of a round.
async fn made(draft: NoticeDraft) -> Result<Notice, Refusal> {
    let made = match spawn_blocking(move || draft.make()).await {
        Ok(made) => made.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    made.map_err(|error| {
        tracing::error!(error, "a notice could not be made");
        Refusal::Internal
    })
}

/// Hands the machine the events of the store that it has not handled. When the last one was.
async fn replay(
    store: &Store,
    round: u64,
    state: &mut State,
    act: impl Fn(&[Action]),
) -> Result<Option<u64>, DriverError> {
    let mut last_ms = None;
    for stored in store.events(round).await? {
        if stored.seq < state.handled {
            continue;
        }
        let event = postcard::from_bytes(&stored.body);
        let event: RoundEvent = event.map_err(|_| DriverError::Stored { round })?;
        act(&state.handle(event, stored.at_ms).0);
        state.handled = stored.seq + 1;
        last_ms = Some(stored.at_ms);
    }
    state.behind = false;
    Ok(last_ms)
}

/// Names of uploads in the store. None begins another one: they are dropped by prefix.
pub mod items {
    /// A masked vector.
    pub fn masked(round: u64) -> String {
        format!("masked/{round}/")
    }

    pub fn submission(round: u64) -> String {
        format!("submission/{round}/")
    }

    pub fn registration(domain: u64) -> String {
        format!("registration/{domain}/")
    }
}

/// The longest pause of a clock: so long a round that is dropped may be kept by it.
const PAUSE: Duration = Duration::from_secs(1);

/// Ticks at the machine's deadlines.
async fn keep_time(inner: Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let mut published = strong.published.subscribe();
        published.mark_unchanged();
        let deadline = strong.state.lock().await.machine.deadline();
        let Some(deadline) = deadline else { return };
        let left = Duration::from_millis(deadline.saturating_sub(strong.clock.now_ms()));
        // A store that fails is not asked all the time.
        let pause = if !left.is_zero() {
            left.min(PAUSE)
        } else if strong.report(&RoundEvent::Tick).await {
            continue;
        } else {
            PAUSE
        };
        drop(strong);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = published.changed() => if changed.is_err() { return },
        }
    }
}
