//! Jobs: on threads of their own, several at a time, each reported as an event.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use alloy::primitives::Address;
use ark_bn254::{Fr, G1Affine};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use zktrain_network::messages::{Defence, Phase, Reveal, Sharing, Signed, Test, Unmask, Upload};
use zktrain_network::secagg;
use zktrain_network::secagg::blame::{Setup, Trial};
use zktrain_network::secagg::coordinator::{Secrets, recover};
use zktrain_network::secagg::group::Roster;
use zktrain_network::secagg::unmasking::Unmasking;

use super::{Inner, Job, items};
use crate::machine::{Event, Machine, ProofVerdict, SumResult, TrialResult};
use crate::store::StoreError;

/// Bytes of a vector that are in memory at a time.
const PIECE: usize = 1 << 20;
/// Bytes of a submission at most.
pub const SUBMISSION: u64 = 32 << 20;

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Aggregation(#[from] secagg::Error),
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
            let event = inner.result(job).await;
            inner.report(event).await;
            drop(permit);
        });
    }
}

/// What a sum is made from, taken out of the machine.
struct Parts {
    roster: Roster,
    counted: Vec<Address>,
    unmasks: Vec<Unmask>,
    sharings: Vec<Sharing>,
    uploads: BTreeMap<Address, Signed<Upload>>,
}

impl Parts {
    fn of(machine: &Machine) -> Option<Self> {
        Some(Self {
            roster: machine.roster()?.clone(),
            counted: machine.counted().to_vec(),
            unmasks: machine.unmasks(),
            sharings: machine.sharings().to_vec(),
            uploads: machine.uploads().clone(),
        })
    }
}

/// What of a sum can go wrong before it is one.
enum Unsummed {
    Recover(secagg::coordinator::RecoverError),
    Job(JobError),
}

impl<E: Into<JobError>> From<E> for Unsummed {
    fn from(error: E) -> Self {
        Self::Job(error.into())
    }
}

impl Inner {
    async fn result(self: &Arc<Self>, job: Job) -> Event {
        let round = self.round();
        match job {
            Job::Judge(account) => {
                let verdict = self.judge(account).await.unwrap_or_else(|error| {
                    tracing::error!(round, %account, %error, "a proof could not be judged");
                    ProofVerdict::Rejected { signed: false, why: error.to_string() }
                });
                Event::Judged { account, verdict }
            }
            Job::Sum => Event::Summed(match self.sum().await {
                Ok(result) => result,
                Err(Unsummed::Recover(error)) if error.guilty.is_empty() => {
                    SumResult::Short(error.short)
                }
                Err(Unsummed::Recover(error)) => SumResult::Guilty(error.guilty),
                Err(Unsummed::Job(error)) => {
                    tracing::error!(round, %error, "the sum could not be made");
                    SumResult::Failed
                }
            }),
            Job::Try => Event::Tried(self.try_uploads().await.unwrap_or_else(|error| {
                tracing::error!(round, "the uploads could not be tried: {error}");
                TrialResult::Failed
            })),
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
            let machine = self.machine.lock().await;
            machine.uploads().get(&account).ok_or(JobError::State)?.body
        };
        let submission = self.read_all(account, &items::submission(self.round())).await?;
        let inner = self.clone();
        let judged = spawn_blocking(move || {
            let plan = &inner.plan.body;
            let member = plan.member(account).ok_or(JobError::State)?;
            Ok::<_, JobError>(inner.work.judge(plan, member, &upload, &submission))
        });
        Ok(judged.await??.map_or_else(|rejected| rejected, |_| ProofVerdict::Accepted))
    }

    async fn parts(&self) -> Result<Parts, JobError> {
        Parts::of(&*self.machine.lock().await).ok_or(JobError::State)
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
        &self,
        counted: &[Address],
    ) -> Result<BTreeMap<Address, Vec<G1Affine>>, JobError> {
        let mut updates = BTreeMap::new();
        for account in counted {
            let bytes = self.read_all(*account, &items::submission(self.round())).await?;
            let update = self.work.update(&bytes).ok_or(JobError::State)?;
            updates.insert(*account, update);
        }
        Ok(updates)
    }

    async fn sum(self: &Arc<Self>) -> Result<SumResult, Unsummed> {
        let parts = Arc::new(self.parts().await?);
        let secrets = self.secrets(parts.clone()).await?;
        let updates = self.updates(&parts.counted).await?;
        let sum = self.add_up(&parts, &secrets).await?;
        let inner = self.clone();
        let settled =
            spawn_blocking(move || inner.work.settle(&inner.plan.body, &updates, &sum)).await?;
        Ok(settled.map_or(SumResult::Wrong, |model| SumResult::Right { model }))
    }

    /// Adds up the vectors, a piece of one at a time.
    async fn add_up(&self, parts: &Parts, secrets: &Secrets) -> Result<Vec<Fr>, JobError> {
        let elements = self.work.shape().elements();
        let plan = &self.plan.body;
        let mut sum = Unmasking::new(plan, &parts.roster, &parts.counted, secrets, elements)?;
        for account in &parts.counted {
            sum.start(&parts.uploads.get(account).ok_or(JobError::State)?.body)?;
            let item = items::masked(self.round());
            let mut offset = 0;
            loop {
                let piece =
                    self.store.upload_read(account.into_array(), &item, offset, PIECE).await?;
                if piece.is_empty() {
                    break;
                }
                offset += piece.len() as u64;
                sum.write(&piece)?;
            }
            sum.end()?;
        }
        Ok(spawn_blocking(move || sum.finish()).await??)
    }

    async fn try_uploads(self: &Arc<Self>) -> Result<TrialResult, JobError> {
        let parts = Arc::new(self.parts().await?);
        let secrets = self.secrets(parts.clone()).await.map_err(|_| JobError::State)?;
        let commitments = self.updates(&parts.counted).await?;
        let (test, answers) = {
            let machine = self.machine.lock().await;
            let defences = machine.defences().values().cloned().collect();
            let reveals = machine.reveals().values().cloned().collect();
            let last = machine.phase() == Phase::Dispute;
            let test = machine.test().cloned().ok_or(JobError::State)?;
            (test, Answers { defences, reveals, last })
        };
        let mut trial = self.open_trial(&parts, &secrets, &commitments, &test)?;
        for account in &parts.counted {
            trial.start(*account)?;
            let (item, mut offset) = (items::masked(self.round()), 0);
            loop {
                let piece =
                    self.store.upload_read(account.into_array(), &item, offset, PIECE).await?;
                if piece.is_empty() {
                    break;
                }
                offset += piece.len() as u64;
                trial.write(&piece)?;
            }
            trial.end()?;
        }
        Ok(spawn_blocking(move || verdict(trial, &answers)).await?)
    }

    fn open_trial(
        &self,
        parts: &Parts,
        secrets: &Secrets,
        commitments: &BTreeMap<Address, Vec<G1Affine>>,
        test: &Test,
    ) -> Result<Trial, JobError> {
        Ok(Trial::new(Setup {
            plan: &self.plan.body,
            roster: &parts.roster,
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
