//! An owner's program with a coordinator at its other end that decides what becomes of each call,
//! and a prover that trains nothing.

use std::cell::RefCell;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use ark_bn254::{Fr, G1Affine};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;
use zktrain_chain::protocol::Status;
use zktrain_commit::random::scalars;
use zktrain_commit::rows::commit_rows;
use zktrain_commit::sheet::{Sheet, fill_block};
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::files::SubmissionFile;
use zktrain_model::schedule::round_window;
use zktrain_model::trace::{LayerParameters, Parameters};
use zktrain_secagg::plan::Plan;
use zktrain_secagg::policy::Policy;
use zktrain_secagg::vector::{Update, VectorShape};
use zktrain_statement::compressed::{CompressedProof, ProofSystem, encoded_len};
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_wire::messages::{End, Item, MemberMessage, Notice, Phase, Refusal, Request, Response};
use zktrain_wire::{Scoped, receipts};

use super::super::attempts::Attempts;
use super::super::inclusion::{Cost, Force, OwnerContracts, PayMonitor, Standing};
use super::super::outcome::{self, Outcome, OwnerRecords};
use super::super::signed::{Of, SignedError, SignedLog};
use super::super::{Line, OwnerError, PublicProject, Retention, RoundContext, UpdateProver, erase};
use crate::error::Error;
use crate::files::trial::{self, InjectedFault};
use crate::files::{self, Access};
use crate::project::Project;
use crate::round::{SecretUpdate, Task, Work};
use crate::secrets::create_key;
use crate::version::Version;

/// Something that an owner has sent.
#[allow(clippy::large_enum_variant)] // a few hundred of them, in tests
pub enum Sent {
    Said(MemberMessage),
    Uploaded(Item, Vec<u8>),
}

/// What becomes of a call.
pub enum CallOutcome {
    Taken,
    /// It has come, and the owner is told that it is refused.
    Refused(Refusal),
    /// It has come, and the owner's process ends before it hears of it.
    Crashed,
    /// The owner's process ends, and nothing has come.
    Lost,
}

/// The coordinator's end of a line.
pub struct Wire {
    /// Notices of the round, from number one on.
    pub notices: Vec<Notice>,
    /// What has come.
    pub sent: Vec<Sent>,
    pub rng: ChaCha20Rng,
    /// How often something else than `Taken` happens, in a thousand.
    pub trouble: u32,
    /// Refuses every upload but that of a vector.
    pub greedy: bool,
    /// Every upload is lost, and the owner's process ends in it.
    pub loses_uploads: bool,
    /// The owner's process has ended in a call.
    pub hung: bool,
    /// Signs receipts.
    pub coordinator: PrivateKeySigner,
    /// The round.
    pub plan: Option<Plan>,
    /// The round of the last upload: who asks again is given a receipt.
    pub uploaded: Option<u64>,
}

impl Wire {
    /// After how many effects on files the process ends, or the disk refuses.
    fn trial(&mut self) -> Option<(u32, InjectedFault)> {
        let trouble =
            if self.rng.gen_ratio(2, 3) { InjectedFault::Ends } else { InjectedFault::Refuses };
        let steps = self.rng.gen_range(0..24);
        self.rng.gen_ratio(2 * self.trouble, 1000).then_some((steps, trouble))
    }

    fn fate(&mut self, is_vector: bool) -> CallOutcome {
        if self.greedy && !is_vector {
            return CallOutcome::Refused(Refusal::Busy);
        }
        if !self.rng.gen_ratio(self.trouble, 1000) {
            return CallOutcome::Taken;
        }
        match self.rng.gen_range(0..4) {
            0 => CallOutcome::Crashed,
            1 => CallOutcome::Lost,
            _ => self.refusal(),
        }
    }

    fn refusal(&mut self) -> CallOutcome {
        CallOutcome::Refused(match self.rng.gen_range(0..9) {
            0 => Refusal::UnknownRound,
            1 => Refusal::NotMember,
            2 => Refusal::Missing,
            3 => Refusal::Conflict,
            4 => Refusal::Invalid("it is".into()),
            5 => Refusal::Internal,
            6 => Refusal::WrongPhase { now: Phase::Ended },
            _ => Refusal::Busy,
        })
    }
}

/// An owner's end.
#[derive(Clone)]
pub struct Tap(pub Rc<RefCell<Wire>>);

impl Tap {
    /// There is none for the first upload, as long as its proof is not judged.
    fn receipt(&self, what: &MemberMessage) -> Option<Box<SignedReceipt>> {
        let MemberMessage::Upload(upload) = what else { return None };
        let mut wire = self.0.borrow_mut();
        let round = wire.plan.as_ref()?.round;
        if wire.uploaded.replace(round) != Some(round) {
            return None;
        }
        let plan = wire.plan.as_ref()?;
        let receipt = receipts::receipt(plan, &upload.body, 1);
        Some(Box::new(SignedReceipt::new(receipt, &plan.scope(), &wire.coordinator).unwrap()))
    }

    async fn bring(&self, sent: Sent) -> Result<(), Refusal> {
        // Nothing leaves a process that has ended.
        if trial::happened() == Some(InjectedFault::Ends) {
            self.0.borrow_mut().hung = true;
            return std::future::pending().await;
        }
        let is_vector = matches!(sent, Sent::Uploaded(Item::Masked { .. }, _));
        let is_upload = matches!(sent, Sent::Uploaded(..));
        if is_upload && self.0.borrow().loses_uploads {
            self.0.borrow_mut().hung = true;
            return std::future::pending().await;
        }
        let fate = {
            let mut wire = self.0.borrow_mut();
            match is_upload || !wire.greedy {
                true => wire.fate(is_vector),
                false => CallOutcome::Taken,
            }
        };
        if !matches!(fate, CallOutcome::Lost) {
            self.0.borrow_mut().sent.push(sent);
        }
        match fate {
            CallOutcome::Taken => Ok(()),
            CallOutcome::Refused(refusal) => Err(refusal),
            CallOutcome::Crashed | CallOutcome::Lost => {
                self.0.borrow_mut().hung = true;
                std::future::pending().await
            }
        }
    }
}

impl Line for Tap {
    async fn call(&self, request: Request) -> Result<Response, zktrain_wire::PeerError> {
        match request {
            Request::Notice { number, .. } => {
                let notice = std::future::poll_fn(|_| {
                    let wire = self.0.borrow();
                    match wire.notices.get((number as usize).wrapping_sub(1)) {
                        Some(notice) => Poll::Ready(notice.clone()),
                        None => Poll::Pending,
                    }
                });
                Ok(Response::Notice(Box::new(notice.await)))
            }
            Request::Send { what, .. } => {
                let receipt = self.receipt(&what);
                Ok(match self.bring(Sent::Said(*what)).await {
                    Ok(()) => receipt.map_or(Response::Taken, Response::Received),
                    Err(refusal) => Response::Refused(refusal),
                })
            }
            Request::Current { .. } => Ok(Response::Current(None)),
        }
    }

    async fn upload(&self, item: &Item, bytes: Vec<u8>) -> Result<(), zktrain_wire::PeerError> {
        let brought = self.bring(Sent::Uploaded(item.clone(), bytes)).await;
        brought.map_err(zktrain_wire::PeerError::Refused)
    }
}

/// Everything that an owner has ever worked out, for the one who judges.
#[derive(Clone)]
pub struct Made {
    /// Of which task its values are.
    pub task: [u8; 32],
    pub update: Update,
}

/// A prover that proves nothing: the same values for the same task, fresh blindings each time.
pub struct Bench {
    pub account: Address,
    pub facts: PublicProject,
    pub shape: VectorShape,
    pub project: Project,
    pub rng: RefCell<ChaCha20Rng>,
    /// By `keccak256` of the encoded update commitments.
    pub made: RefCell<Vec<(Vec<G1Affine>, Made)>>,
}

impl Bench {
    fn window(&self, task: &Task) -> u64 {
        round_window(task.nonce, self.account.into_array(), self.facts.windows).unwrap()
    }

    /// What is computed depends on the owner, the parent and the window.
    fn task_id(&self, task: &Task) -> [u8; 32] {
        let window = self.window(task).to_be_bytes();
        keccak256([self.account.as_slice(), &task.parent, &window].concat()).0
    }

    fn values(&self, id: [u8; 32]) -> Parameters {
        use rand::SeedableRng;
        let rng = &mut ChaCha20Rng::from_seed(id);
        let mut list = |count: usize| (0..count).map(|_| rng.gen_range(-9999..9999)).collect();
        let layers = self.facts.key.network.layers.iter().map(|layer| LayerParameters {
            w: list(layer.n_in * layer.n_out),
            b: layer.bias.then(|| list(layer.n_out)),
        });
        Parameters { layers: layers.collect() }
    }

    fn commit(&self, values: &Parameters, blinds: &[Fr]) -> Vec<G1Affine> {
        use zktrain_model::relation::Group;
        let key = &self.facts.key;
        let layers = key.ids.layers.iter();
        let ids: Vec<_> = layers
            .flat_map(|l| core::iter::once(l.w.before).chain(l.b.as_ref().map(|b| b.before)))
            .collect();
        let mut sheet = Sheet::new(key.relation.layout.clone());
        fill_block(&mut sheet, &ids, values);
        commit_rows(self.facts.srs.g1(), &sheet.group(Group::Parameters), blinds).unwrap()
    }
}

impl UpdateProver for Bench {
    async fn work(&self, _: &Parameters, system: ProofSystem, task: Task) -> Result<Work, Error> {
        let id = self.task_id(&task);
        let blinds = scalars(&mut *self.rng.borrow_mut(), self.shape.rows());
        let values = self.values(id);
        let rows = self.commit(&values, &blinds);
        let mut bytes = Vec::new();
        blinds.serialize_uncompressed(&mut bytes).unwrap();
        let path = self.project.round_state_path(task.binding.round);
        files::write(&path, &bytes, Access::Owner)?;
        let update = Update { values: values.flat().collect(), blinds: blinds.clone() };
        let secret = SecretUpdate { values, blinds };
        self.made.borrow_mut().push((rows.clone(), Made { task: id, update }));
        let statement = TrainingStatement {
            spec: [0; 32],
            binding: task.binding,
            step: 0,
            dataset: self.facts.dataset,
            windows: self.facts.windows,
            window: self.window(&task),
            data: Vec::new(),
            path: Vec::new(),
            model: Vec::new(),
            state: Vec::new(),
            update: rows,
            state_after: Vec::new(),
        };
        let relation = &self.facts.key.relation;
        let proof = vec![0; encoded_len(relation)];
        let proof = CompressedProof::from_bytes(relation, system, &proof).unwrap();
        Ok(Work { statement, proof, secret })
    }

    async fn recall(&self, _: &Parameters, task: Task) -> Result<SecretUpdate, Error> {
        let bytes = files::read(&self.project.round_state_path(task.binding.round))?;
        let blinds = Vec::<Fr>::deserialize_uncompressed(&bytes[..]).unwrap();
        Ok(SecretUpdate { values: self.values(self.task_id(&task)), blinds })
    }
}

/// The contract of a round whose deadline is far away: only what its owner is told, or has done, can be
/// a reason to turn to it.
struct DistantContracts {
    round: u64,
    taken: RefCell<Option<SubmissionFile>>,
}

impl OwnerContracts for DistantContracts {
    async fn current(&self, _domain: u64) -> Result<Option<u64>, Error> {
        Ok(Some(self.round))
    }

    async fn standing(&self, _round: u64) -> Result<Standing, Error> {
        Ok(Standing {
            status: Status::Open,
            optimistic: true,
            since: u64::MAX,
            deadline: u64::MAX,
            challenge_end: 0,
            time: 0,
            delivered: self.taken.borrow().is_some(),
            pay: U256::ONE,
        })
    }

    async fn hand_in(&self, file: &SubmissionFile) -> Result<Cost, Error> {
        let before = self.taken.replace(Some(file.clone()));
        assert!(before.is_none(), "once is enough");
        Ok(Cost { gas: 0, wei: U256::ZERO })
    }

    async fn listed(&self, _round: u64) -> Result<B256, Error> {
        Ok(B256::ZERO)
    }

    async fn settle(&self, _round: u64) -> Result<(), Error> {
        Ok(())
    }

    async fn claim(&self, _domain: u64) {}
}

type Running = Pin<Box<dyn Future<Output = Result<End, Error>>>>;

/// An owner: its folder, and its process while there is one.
pub struct Program {
    pub account: Address,
    pub seat: Rc<RoundContext<Tap, Bench>>,
    pub wire: Rc<RefCell<Wire>>,
    /// The last version of the model, as the owner has computed it.
    pub head: B256,
    /// How often its process ended between two effects on files, or its disk refused one.
    pub troubles: usize,
    attempts: Attempts,
    running: Option<Running>,
    /// It goes on with the round.
    pub takes_part: bool,
    folder: TempDir,
    copies: Vec<TempDir>,
    /// Where the record is of what it has signed.
    record: TempDir,
    /// When rounds were opened, as its chain tells.
    pub opened: u64,
    /// What is restored or lost is the project alone. Otherwise the whole machine is set back, with the
    /// record, and nothing but secure aggregation itself protects its owner's secrets.
    pub project_alone: bool,
}

impl Program {
    pub fn new(
        signer: PrivateKeySigner,
        facts: &PublicProject,
        policy: Policy,
        wire: Wire,
    ) -> Self {
        use rand::SeedableRng;
        let folder = folder();
        let project = || Project::new(folder.path());
        files::create_folder(&folder.path().join("secret"), Access::Owner).unwrap();
        files::create_folder(&project().rounds_path(), Access::Public).unwrap();
        create_key(&project().key_path()).unwrap();
        let account = signer.address();
        let worker = Bench {
            account,
            facts: facts.clone(),
            shape: VectorShape::of(&facts.key).unwrap(),
            project: project(),
            rng: RefCell::new(ChaCha20Rng::from_seed(keccak256(account).0)),
            made: RefCell::default(),
        };
        let wire = Rc::new(RefCell::new(wire));
        let (peer, facts, project) = (Tap(wire.clone()), facts.clone(), project());
        let binding = Binding { prover: signer.address().into_array(), ..Binding::default() };
        let record = self::folder();
        let signed = Arc::new(SignedLog::open(&log(&record), of(account), 0).unwrap());
        let fault = None;
        let seat =
            RoundContext { signer, peer, worker, facts, binding, project, policy, signed, fault };
        let (running, copies) = (None, Vec::new());
        let (attempts, takes_part) = (Attempts::default(), false);
        let seat = Rc::new(seat);
        let (head, troubles) = (B256::ZERO, 0);
        let (opened, project_alone) = (u64::MAX, false);
        Self {
            account,
            seat,
            wire,
            head,
            troubles,
            attempts,
            running,
            takes_part,
            folder,
            copies,
            record,
            opened,
            project_alone,
        }
    }

    /// Starts the process in a round; the coordinator has to send its notices again.
    pub fn start(&mut self, plan: &Plan) {
        let (seat, entered, opened) = (self.seat.clone(), plan.clone(), self.opened);
        let (parameters, rows, hash) = (zero_model(&seat.facts), Vec::new(), self.head);
        let parent = Version { parameters, rows, hash };
        self.wire.borrow_mut().notices.clear();
        self.wire.borrow_mut().hung = false;
        self.wire.borrow_mut().plan = Some(plan.clone());
        self.running = None;
        self.seat.signed.reread().unwrap();
        self.tidy(plan.round);
        self.takes_part = !outcome::is_over(&seat.project, plan.round).unwrap();
        if self.takes_part {
            self.running =
                Some(Box::pin(async move { seat.begin(entered, parent, opened)?.run().await }));
            self.poll(plan);
        }
    }

    /// What the program does before it enters rounds: nothing secret is left of those that are over.
    fn tidy(&self, round: u64) {
        let project = &self.seat.project;
        erase::ended(project, Retention::default()).unwrap();
        let mut untold = erase::untold(project).unwrap();
        let mut over = pin!(erase::over(project, &(), &mut untold));
        let over = over.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(over, Poll::Ready(Ok(()))));
        let is_left = project.round_state_path(round).exists();
        assert!(!is_left || !outcome::is_over(project, round).unwrap(), "a round is over");
    }

    /// Lets the process go on as far as it can. Does what the program does about the result.
    /// Whether the process is still there.
    pub fn poll(&mut self, plan: &Plan) -> bool {
        let Some(mut running) = self.running.take() else { return false };
        trial::begin(self.wire.borrow_mut().trial());
        let polled = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let has_ended = trial::happened() == Some(InjectedFault::Ends);
        let is_gone = std::mem::take(&mut self.wire.borrow_mut().hung) || has_ended;
        match polled {
            Poll::Pending if !is_gone => self.running = Some(running),
            Poll::Ready(result) if !has_ended => self.conclude(plan.round, result),
            _ => {}
        }
        self.troubles += usize::from(trial::end().is_some());
        self.running.is_some()
    }

    fn conclude(&mut self, round: u64, result: Result<End, Error>) {
        let (project, retention) = (&self.seat.project, Retention::default());
        let records = OwnerRecords { project, account: self.account, retention };
        self.takes_part = match outcome::conclude(&records, &mut self.attempts, round, result) {
            Ok(Outcome::Again(_)) => true,
            Ok(Outcome::Ended | Outcome::PassedOver) => false,
            Err(error) => {
                let is_damaged = match &error {
                    Error::Member(error) => {
                        matches!(**error, OwnerError::Signed(SignedError::Damaged { .. }))
                    }
                    error => matches!(error, Error::Settings { .. }),
                };
                assert!(!is_damaged, "a crash has left a file that nobody reads: {error}");
                // Started again, if the disk was the reason. A file that is missing is a person's
                // business.
                trial::happened().is_some()
            }
        };
    }

    /// What the owner hands in to the contract of a round: two looks, the second as after a restart.
    pub fn turns_to_the_contract(&self, plan: &Plan) -> Option<SubmissionFile> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut contracts = DistantContracts { round: plan.round, taken: RefCell::default() };
        for _ in 0..2 {
            let project = Project::new(self.folder.path());
            let force = Force::default();
            let signed = self.seat.signed.clone();
            let mut monitor =
                PayMonitor::new(contracts, project, self.account, plan.domain, force, signed);
            if let Err(error) = runtime.block_on(monitor.look()) {
                let Error::Member(error) = error else { panic!("{error}") };
                let is_undelivered = matches!(*error, OwnerError::Undelivered { .. });
                assert!(is_undelivered && self.project_alone, "{error}");
            }
            contracts = monitor.contracts;
        }
        contracts.taken.into_inner()
    }

    /// Whether the owner has the coordinator's word that it is counted, or is still at work.
    pub fn relies_on_the_coordinator(&self, round: u64) -> bool {
        let project = &self.seat.project;
        project.round_receipt_path(round).exists() || !outcome::is_over(project, round).unwrap()
    }

    /// The process ends, wherever it is.
    pub fn crash(&mut self) {
        self.running = None;
    }

    pub fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// Copies all files.
    pub fn back_up(&mut self) {
        let copy = folder();
        copy_folder(self.folder.path(), copy.path());
        std::fs::copy(log(&self.record), log(&copy)).unwrap();
        self.copies.push(copy);
    }

    /// Brings the files of a copy back. The process ends.
    pub fn restore(&mut self, copy: usize) {
        self.crash();
        for folder in ["secret", "rounds"] {
            let path = self.folder.path().join(folder);
            std::fs::remove_dir_all(&path).unwrap();
            copy_folder(&self.copies[copy].path().join(folder), &path);
        }
        if !self.project_alone {
            std::fs::copy(log(&self.copies[copy]), log(&self.record)).unwrap();
        }
    }

    pub fn copies(&self) -> usize {
        self.copies.len()
    }

    /// The journal of a round is lost. The process ends.
    pub fn lose(&mut self, round: u64) {
        self.crash();
        files::remove(&self.seat.project.round_journal_path(round)).unwrap();
        if !self.project_alone {
            self.seat.signed.forget().unwrap();
        }
    }

    /// The record is another machine's, or that of this one from now on: nobody knows what was signed
    /// for rounds up to this one.
    pub fn replace_record(&mut self, after: u64) {
        std::fs::remove_file(log(&self.record)).unwrap();
        self.reopen(after);
    }

    /// Another process, which opens the record while this round is open.
    pub fn reopen(&mut self, open: u64) {
        self.crash();
        let seat = Rc::get_mut(&mut self.seat).unwrap();
        let elsewhere = TempDir::new().unwrap();
        let none = SignedLog::open(&log(&elsewhere), of(self.account), 0).unwrap();
        drop(std::mem::replace(&mut seat.signed, Arc::new(none)));
        seat.signed =
            Arc::new(SignedLog::open(&log(&self.record), of(self.account), open).unwrap());
    }

    /// The file with the record.
    pub fn log(&self) -> PathBuf {
        log(&self.record)
    }
}

fn of(account: Address) -> Of {
    Of { chain_id: 0, contract: Address::ZERO, domain: 0, account }
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("signed.log")
}

/// A folder that is gone with the test: in memory where there is such a place, since all that owners
/// write is synced, which takes most of the time elsewhere.
fn folder() -> TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// What all owners of a network know of it.
pub fn facts() -> PublicProject {
    use rand::SeedableRng;
    use zktrain_commit::srs::Srs;
    use zktrain_model::compile::compile_training;
    use zktrain_model::manifest::Manifest;
    use zktrain_model::relation::Group;
    use zktrain_model::size::Limits;
    use zktrain_statement::key::TrainingKey;
    const ROW_LOG: u32 = 7;
    let manifest = include_str!("../../../circuits/model/tests/manifest.toml");
    let mut network = Manifest::from_toml(manifest).unwrap().network().unwrap();
    network.row_log = ROW_LOG;
    // So many rows that the blindings of all updates of a run, one element a row, are independent.
    let widths = [127, 64, 4];
    network.input = widths[0];
    let kept = network.layers.len() - 2;
    network.layers.drain(..kept);
    for (layer, widths) in network.layers.iter_mut().zip(widths.windows(2)) {
        (layer.n_in, layer.n_out) = (widths[0], widths[1]);
    }
    let network = Limits::default().admit(network).unwrap();
    let srs = Srs::generate_g1(ROW_LOG, &mut ChaCha20Rng::seed_from_u64(7)).check().unwrap();
    let relation = compile_training(&network).unwrap().0;
    let tables = relation.layout.group_rows(Group::Tables).count();
    let tables = vec![G1Affine::default(); tables];
    let key = TrainingKey::new([0; 32], network, tables, srs.verifier_key()).unwrap();
    PublicProject { key: Arc::new(key), srs: Arc::new(srs), dataset: [5; 32], windows: 1 }
}

/// A model of nothing but zeros.
pub fn zero_model(facts: &PublicProject) -> Parameters {
    let layers = facts.key.network.layers.iter().map(|layer| LayerParameters {
        w: vec![0; layer.n_in * layer.n_out],
        b: layer.bias.then(|| vec![0; layer.n_out]),
    });
    Parameters { layers: layers.collect() }
}
