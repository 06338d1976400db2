//! Jobs: on threads of their own, several at a time, each reported as an event.
//!
//! What fails on the coordinator's side is tried again, and then nobody's fault: no verdict comes of
//! it, and the round's deadlines end what cannot go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use alloy::primitives::Address;
use ark_bn254::G1Affine;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use zktrain_secagg::blame::{Trial, TrialSetup};
use zktrain_secagg::coordinator::{Secrets, recover};
use zktrain_secagg::group::{Roster, Shared};
use zktrain_secagg::messages::{Defence, Reveal, Sharing, Signed, Test, Unmask, Upload};
use zktrain_secagg::unmasking::Unmasking;
use zktrain_wire::messages::Phase;

use super::vectors::PIECE;
use super::{Inner, Job, Settled, items, job_of};
use crate::machine::{Machine, ProofVerdict, RoundEvent, SumResult, TrialResult};
use crate::store::StoreError;

/// Bytes of a submission at most.
pub const SUBMISSION: u64 = zktrain_ledger::files::SubmissionFile::MOST;
/// A job whose store fails is tried so many times, an event that cannot be stored likewise.
const TRIES: u32 = 30;
/// In between.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Aggregation(#[from] zktrain_secagg::SecaggError),
    #[error("the round is not where the job belongs")]
    State,
    #[error("the job was stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

pub(super) async fn run(inner: Weak<Inner>, mut inbox: mpsc::UnboundedReceiver<Job>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let free = Arc::new(Semaphore::new(threads));
    while let Some(job) = inbox.recv().await {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        let Some(inner) = inner.upgrade() else { return };
        tokio::spawn(async move {
            if let Some(event) = inner.result(job).await {
                inner.insist(&event).await;
            }
            drop(permit);
        });
    }
}

/// What a sum is made from, taken out of the machine.
pub(super) struct Parts {
    roster: Roster,
    shared: Shared,
    pub(super) counted: Vec<Address>,
    unmasks: Vec<Unmask>,
    sharings: Vec<Sharing>,
    pub(super) uploads: BTreeMap<Address, Signed<Upload>>,
}

impl Parts {
    fn of(machine: &Machine) -> Option<Self> {
        Some(Self {
            roster: machine.roster()?.clone(),
            shared: machine.shared()?.clone(),
            counted: machine.counted().to_vec(),
            unmasks: machine.unmasks(),
            sharings: machine.sharings().to_vec(),
            uploads: machine.uploads().clone(),
        })
    }
}

/// Why a sum cannot be made.
enum Unsummed {
    Recover(zktrain_secagg::coordinator::RecoverError),
    Job(JobError),
}

impl<E: Into<JobError>> From<E> for Unsummed {
    fn from(error: E) -> Self {
        Self::Job(error.into())
    }
}

impl Inner {
    async fn result(self: &Arc<Self>, job: Job) -> Option<RoundEvent> {
        for _ in 0..TRIES {
            let error = match self.attempt(job).await {
                Ok(event) => return Some(event),
                Err(error) => error,
            };
            tracing::error!(round = self.round(), ?job, %error, "a job failed");
            let may_pass = matches!(error, JobError::Store(_));
            if !may_pass || !self.needs(job).await {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        match job {
            Job::Judge(_) => None,
            Job::Sum => Some(RoundEvent::Summed(SumResult::Failed)),
            Job::Try => Some(RoundEvent::Tried(TrialResult::Failed)),
        }
    }

    /// Whether the round still waits for a job.
    async fn needs(&self, job: Job) -> bool {
        let pending = self.state.lock().await.machine.pending();
        pending.iter().filter_map(job_of).any(|other| other == job)
    }

    async fn attempt(self: &Arc<Self>, job: Job) -> Result<RoundEvent, JobError> {
        Ok(match job {
            Job::Judge(account) => {
                RoundEvent::Judged { account, verdict: self.judge(account).await? }
            }
            Job::Sum => RoundEvent::Summed(match self.sum().await {
                Ok(result) => result,
                Err(Unsummed::Recover(error)) if error.guilty.is_empty() => {
                    SumResult::Short(error.short)
                }
                Err(Unsummed::Recover(error)) => SumResult::Guilty(error.guilty),
                Err(Unsummed::Job(error)) => return Err(error),
            }),
            Job::Try => RoundEvent::Tried(self.try_uploads().await?),
        })
    }

    /// Stores a result, also if that does not succeed at once.
    async fn insist(&self, event: &RoundEvent) {
        for _ in 0..TRIES {
            if self.report(event).await {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read_all(&self, account: Address, item: &str) -> Result<Vec<u8>, JobError> {
        let mut all = Vec::new();
        while all.len() as u64 <= SUBMISSION {
            let offset = all.len() as u64;
            let part = self.store.upload_read(account.into_array(), item, offset, PIECE).await?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend(part);
        }
        Err(JobError::State)
    }

    async fn judge(self: &Arc<Self>, account: Address) -> Result<ProofVerdict, JobError> {
        let upload = {
            let state = self.state.lock().await;
            state.machine.uploads().get(&account).ok_or(JobError::State)?.body
        };
        if let Some(flaw) = self.flaw(&upload).await? {
            let why = format!("the masked vector: {flaw}");
            return Ok(ProofVerdict::Rejected { signed: false, why });
        }
        let submission = self.read_all(account, &items::submission(self.round())).await?;
        let inner = self.clone();
        let judged = spawn_blocking(move || {
            let plan = &inner.plan.body;
            let member = plan.member(account).ok_or(JobError::State)?;
            Ok::<_, JobError>(inner.work.judge(plan, member, &upload, &submission))
        });
        match judged.await {
            Ok(judged) => Ok(judged?.map_or_else(|rejected| rejected, |_| ProofVerdict::Accepted)),
            // What the verifier cannot bear is not counted.
            Err(error) if error.is_panic() => {
                let why = "its verification was broken off".to_owned();
                Ok(ProofVerdict::Rejected { signed: false, why })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn parts(&self) -> Result<Parts, JobError> {
        Parts::of(&self.state.lock().await.machine).ok_or(JobError::State)
    }

    async fn secrets(self: &Arc<Self>, parts: Arc<Parts>) -> Result<Secrets, Unsummed> {
        let inner = self.clone();
        let found = spawn_blocking(move || {
            let Parts { roster, counted, unmasks, sharings, .. } = &*parts;
            recover(&inner.plan.body, roster, sharings, counted, unmasks)
        });
        found.await?.map_err(Unsummed::Recover)
    }

    async fn updates(
        self: &Arc<Self>,
        counted: &[Address],
    ) -> Result<BTreeMap<Address, Vec<G1Affine>>, JobError> {
        let mut updates = BTreeMap::new();
        for account in counted {
            let bytes = self.read_all(*account, &items::submission(self.round())).await?;
            let inner = self.clone();
            let update = spawn_blocking(move || inner.work.update(&bytes)).await?;
            updates.insert(*account, update.ok_or(JobError::State)?);
        }
        Ok(updates)
    }

    async fn sum(self: &Arc<Self>) -> Result<SumResult, Unsummed> {
        let parts = Arc::new(self.parts().await?);
        let secrets = self.secrets(parts.clone()).await?;
        let updates = self.updates(&parts.counted).await?;
        let (inner, of) = (self.clone(), parts.clone());
        let sum = spawn_blocking(move || {
            let elements = inner.work.shape().elements();
            Unmasking::new(&of.roster, &of.shared, &of.counted, &secrets, elements)
        });
        let sum = self.read_vectors(sum.await??, &parts).await?;
        let inner = self.clone();
        let settled = spawn_blocking(move || {
            Ok::<_, JobError>(inner.work.settle(&inner.plan.body, &updates, &sum.finish()?))
        });
        Ok(match settled.await?? {
            Settled::Right { model } => SumResult::Right { model },
            Settled::Wrong => SumResult::Wrong,
            Settled::Failed => SumResult::Failed,
        })
    }

    async fn try_uploads(self: &Arc<Self>) -> Result<TrialResult, JobError> {
        let parts = Arc::new(self.parts().await?);
        let secrets = self.secrets(parts.clone()).await.map_err(|_| JobError::State)?;
        let commitments = self.updates(&parts.counted).await?;
        let (test, answers) = {
            let machine = &self.state.lock().await.machine;
            let defences = machine.defences().values().cloned().collect();
            let reveals = machine.reveals().values().cloned().collect();
            let last = machine.phase() == Phase::Dispute;
            let test = machine.test().cloned().ok_or(JobError::State)?;
            (test, Answers { defences, reveals, last })
        };
        let (inner, of) = (self.clone(), parts.clone());
        let trial = spawn_blocking(move || inner.open_trial(&of, &secrets, &commitments, &test));
        let trial = self.read_vectors(trial.await??, &parts).await?;
        Ok(spawn_blocking(move || verdict(trial, &answers)).await?)
    }

    fn open_trial(
        &self,
        parts: &Parts,
        secrets: &Secrets,
        commitments: &BTreeMap<Address, Vec<G1Affine>>,
        test: &Test,
    ) -> Result<Trial, JobError> {
        Ok(Trial::new(TrialSetup {
            plan: &self.plan.body,
            roster: &parts.roster,
            shared: &parts.shared,
            shape: self.work.shape(),
            kzg: self.work.kzg(),
            counted: &parts.counted,
            test,
            secrets,
            commitments,
        })?)
    }
}

/// What members say for themselves.
struct Answers {
    defences: Vec<Signed<Defence>>,
    reveals: Vec<Signed<Reveal>>,
    /// Nobody is asked again.
    last: bool,
}

/// The verdict, or what has to be settled before there is one.
fn verdict(mut trial: Trial, answers: &Answers) -> TrialResult {
    // What does not hold counts as not sent: its sender is blamed for its silence.
    for defence in &answers.defences {
        let _ = trial.defence(defence);
    }
    let disputes = trial.disputes();
    if !answers.last && !disputes.is_empty() {
        let others = |defences: Vec<Signed<Defence>>| -> Vec<Address> {
            defences.iter().map(|defence| defence.body.account).collect()
        };
        let disputes = disputes.into_iter().map(|(account, with)| (account, others(with)));
        return TrialResult::Disputes(disputes.collect());
    }
    for reveal in &answers.reveals {
        let _ = trial.reveal(reveal);
    }
    TrialResult::Guilty(trial.verdict().blamed())
}
