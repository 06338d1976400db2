//! An owner's program with a coordinator at its other end that decides what becomes of each call,
//! and a prover that trains nothing.

use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;
use zktrain_ledger::files::SubmissionFile;
use zktrain_project::Error as ProjectError;
use zktrain_project::files::trial::{self, InjectedFault};
use zktrain_project::files::{self, Access};
use zktrain_project::project::Project;
use zktrain_project::secrets::create_key;
use zktrain_project::version::Version;
use zktrain_secagg::plan::Plan;
use zktrain_secagg::policy::Policy;
use zktrain_secagg::vector::VectorShape;
use zktrain_statement::statements::Binding;
use zktrain_wire::messages::End;

use super::distant::DistantContracts;
use super::folders::{copy_folder, folder};
use super::untrained::{Bench, zero_model};
use super::wire::{Tap, Wire};
use crate::attempts::Attempts;
use crate::inclusion::{Force, PayMonitor};
use crate::outcome::{self, Outcome, OwnerRecords};
use crate::signed::{Of, SignedError, SignedLog};
use crate::{Error, OwnerError, PublicProject, Retention, RoundContext, erase};

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
        let parent = Arc::new(Version { parameters, rows, hash });
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
                    Error::Owner(error) => {
                        matches!(**error, OwnerError::Signed(SignedError::Damaged { .. }))
                    }
                    error => matches!(error, Error::Project(ProjectError::Settings { .. })),
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
                let Error::Owner(error) = error else { panic!("{error}") };
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
