//! The thread that reads private data, trains and proves. Only what is public or masked leaves it,
//! but for a round's secret update, which goes to the masking beside it in the same process.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;
use zktrain_commit::srs::CheckedSrs;
use zktrain_model::Hash;
use zktrain_project::Notices;
use zktrain_project::project::Project;
use zktrain_project::session::Session;
use zktrain_project::version::Version;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;
use zktrain_verify::circuit::CircuitKey;

use crate::Error;
use crate::work::{SecretUpdate, Task, WindowProver, Work};

/// What everyone may know of the project.
#[derive(Clone)]
pub struct PublicProject {
    pub key: Arc<TrainingKey>,
    /// The reference string, as far as rows need it.
    pub srs: Arc<CheckedSrs>,
    /// Merkle root of the registered dataset.
    pub dataset: Hash,
    pub windows: u64,
}

type Reply<T> = oneshot::Sender<Result<T, Error>>;

enum Job {
    Work(Arc<Version>, ProofSystem, Task, Reply<Work>),
    Recall(Arc<Version>, Task, Reply<SecretUpdate>),
    Circuit(ProofSystem, Reply<CircuitKey>),
    System(Hash, Reply<Option<ProofSystem>>),
}

/// A handle on the thread; it ends when the last handle is dropped.
#[derive(Clone)]
pub struct Worker {
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    /// Opens a project, which stays locked as long as the thread lives.
    ///
    /// # Errors
    /// If its data are not registered or have changed.
    pub async fn spawn<N: Notices + Send + 'static>(
        dir: PathBuf,
        notices: N,
    ) -> Result<(Self, PublicProject), Error> {
        let (ready, opened) = oneshot::channel();
        let (jobs, inbox) = mpsc::channel();
        thread::Builder::new()
            .name("worker".into())
            .spawn(move || work(&dir, &notices, ready, &inbox))
            .map_err(Error::NoWorker)?;
        let facts = opened.await.map_err(|_| Error::WorkerStopped)??;
        Ok((Self { jobs }, facts))
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).map_err(|_| Error::WorkerStopped)?;
        answer.await.map_err(|_| Error::WorkerStopped)?
    }

    /// Trains and proves, see [`WindowProver::work`].
    ///
    /// # Errors
    /// As there.
    pub async fn work(
        &self,
        parent: &Arc<Version>,
        system: ProofSystem,
        task: Task,
    ) -> Result<Work, Error> {
        self.ask(|reply| Job::Work(parent.clone(), system, task, reply)).await
    }

    /// See [`WindowProver::recall`].
    ///
    /// # Errors
    /// As there.
    pub async fn recall(&self, parent: &Arc<Version>, task: Task) -> Result<SecretUpdate, Error> {
        self.ask(|reply| Job::Recall(parent.clone(), task, reply)).await
    }

    /// What checks proofs of training in a system.
    ///
    /// # Errors
    /// If there is no such key.
    pub async fn circuit(&self, system: ProofSystem) -> Result<CircuitKey, Error> {
        self.ask(|reply| Job::Circuit(system, reply)).await
    }

    /// The system of proofs that contracts check with the key of this name, if it is the project's own.
    ///
    /// # Errors
    /// If a key cannot be derived.
    pub async fn system(&self, name: Hash) -> Result<Option<ProofSystem>, Error> {
        self.ask(|reply| Job::System(name, reply)).await
    }
}

fn work(
    dir: &std::path::Path,
    notices: &dyn Notices,
    ready: oneshot::Sender<Result<PublicProject, Error>>,
    inbox: &mpsc::Receiver<Job>,
) {
    let project = Project::new(dir);
    let opened =
        project.lock().and_then(|lock| Ok((lock, Session::of_project(&project, notices)?)));
    let (_lock, session) = match opened {
        Ok(opened) => opened,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    let prover = match WindowProver::open(&project, &session, notices) {
        Ok(prover) => prover,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let (dataset, windows) = prover.dataset();
    let (key, srs) = (Arc::new(session.key.clone()), Arc::new(session.srs.clone()));
    // The caller may have gone; then the inbox is closed as well.
    let _ = ready.send(Ok(PublicProject { key, srs, dataset, windows }));
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Work(parent, system, task, reply) => {
                drop(reply.send(prover.work(&parent, system, task)));
            }
            Job::Recall(parent, task, reply) => drop(reply.send(prover.recall(&parent, task))),
            Job::Circuit(system, reply) => drop(reply.send(prover.circuit(system))),
            Job::System(name, reply) => drop(reply.send(prover.system(&name))),
        }
    }
}
