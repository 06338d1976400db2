//! A coordinator that calls rounds off, keeps silent or lies, and an owner that wants its pay.

use std::cell::{Cell, RefCell};

use alloy::primitives::Bytes;
use alloy::signers::local::PrivateKeySigner;
use tempfile::TempDir;
use zktrain_ledger::SignedSubmission;
use zktrain_ledger::typed::{Receipt, Scope, Submission};
use zktrain_project::files::Access;
use zktrain_project::project::write_json;
use zktrain_wire::messages::{End, Reason};

use super::*;
use crate::journal::{self, Journal};
use crate::signed::Of;

const ROUND: u64 = 7;
const HOUR: u64 = 3_600;

/// A contract with one round, as it stands for the owner.
struct Contract {
    current: Cell<Option<u64>>,
    at: Cell<Standing>,
    listed: Cell<B256>,
    /// Statements that were handed in.
    taken: RefCell<Vec<Bytes>>,
    /// Times that it does not answer.
    refuses: Cell<u32>,
    settled: Cell<u32>,
    claimed: Cell<u32>,
}

impl OwnerContracts for Contract {
    async fn current(&self, domain: u64) -> Result<Option<u64>, Error> {
        assert_eq!(domain, 1);
        Ok(self.current.get())
    }

    async fn standing(&self, round: u64) -> Result<Standing, Error> {
        assert_eq!(Some(round), self.current.get());
        Ok(self.at.get())
    }

    async fn hand_in(&self, file: &SubmissionFile) -> Result<Cost, Error> {
        if self.refuses.get() > 0 {
            self.refuses.set(self.refuses.get() - 1);
            return Err(Error::WorkerStopped);
        }
        self.taken.borrow_mut().push(file.statement.clone());
        self.at.set(Standing { delivered: true, ..self.at.get() });
        Ok(Cost { gas: 700_000, wei: U256::from(700_000) })
    }

    async fn listed(&self, _round: u64) -> Result<B256, Error> {
        Ok(self.listed.get())
    }

    async fn settle(&self, _round: u64) -> Result<(), Error> {
        self.settled.set(self.settled.get() + 1);
        self.current.set(None);
        Ok(())
    }

    async fn claim(&self, _domain: u64) {
        self.claimed.set(self.claimed.get() + 1);
    }
}

/// An owner with a submission in an open round, an hour before its deadline.
struct Scene {
    _folder: TempDir,
    key: PrivateKeySigner,
    monitor: PayMonitor<Contract>,
}

fn scope() -> Scope {
    Scope::new(1, Address::ZERO, B256::repeat_byte(5))
}

impl Scene {
    fn new(force: Force) -> Self {
        let folder = TempDir::new().unwrap();
        let project = Project::new(folder.path());
        files::create_folder(&project.rounds_path(), Access::Public).unwrap();
        files::create_folder(&project.secret_path(), Access::Owner).unwrap();
        // Not a moment that has passed: clocks here count, too.
        let time = now(0) + 10 * HOUR;
        let at = Standing {
            status: Status::Open,
            optimistic: true,
            since: time,
            deadline: time + HOUR,
            challenge_end: 0,
            time,
            delivered: false,
            pay: U256::from(100),
        };
        let contracts = Contract {
            current: Cell::new(Some(ROUND)),
            at: Cell::new(at),
            listed: Cell::default(),
            taken: RefCell::default(),
            refuses: Cell::default(),
            settled: Cell::default(),
            claimed: Cell::default(),
        };
        let key = PrivateKeySigner::random();
        let account = key.address();
        let of = Of { chain_id: 1, contract: Address::ZERO, domain: 1, account };
        let signed = SignedLog::open(&of.path(folder.path()), of, 0).unwrap();
        let monitor = PayMonitor::new(contracts, project, account, 1, force, Arc::new(signed));
        let scene = Self { _folder: folder, key, monitor };
        scene.submit();
        scene
    }

    fn project(&self) -> &Project {
        &self.monitor.project
    }

    /// What the owner has signed in the round.
    fn file(&self) -> SubmissionFile {
        self.file_of(B256::repeat_byte(3))
    }

    /// What it would have signed for another update.
    fn file_of(&self, update: B256) -> SubmissionFile {
        let (statement, proof) = (Bytes::from_static(b"statement"), Bytes::from_static(b"proof"));
        let submission = Submission::new(ROUND, self.key.address(), &statement, &proof, update);
        let signed = SignedSubmission::new(submission, &scope(), &self.key).unwrap();
        SubmissionFile { signed, statement, proof }
    }

    fn submit(&self) {
        write_json(&self.project().round_submission_path(ROUND), &self.file()).unwrap();
    }

    fn receive(&self) -> B256 {
        let submission = scope().hash(&self.file().signed.submission);
        let (plan, masked, time) = (B256::ZERO, B256::ZERO, 1);
        let member = self.key.address();
        let receipt = Receipt { round: ROUND, member, plan, masked, submission, time };
        let signed = SignedReceipt::new(receipt, &scope(), &self.key).unwrap();
        write_json(&self.project().round_receipt_path(ROUND), &signed).unwrap();
        submission
    }

    fn call_off(&self) {
        let end = End::Void(Reason::CalledOff);
        write_json(&self.project().round_end_path(ROUND), &end).unwrap();
    }

    fn set(&self, change: impl FnOnce(&mut Standing)) {
        let mut at = self.monitor.contracts.at.get();
        change(&mut at);
        self.monitor.contracts.at.set(at);
    }

    /// Looks once; so many were handed in.
    async fn look(&mut self) -> usize {
        self.monitor.look().await.unwrap();
        self.monitor.contracts.taken.borrow().len()
    }

    /// Another process, with the same files and the same chain.
    fn restart(&mut self) {
        self.monitor.seen = Seen::default();
    }
}

#[tokio::test]
async fn a_coordinator_that_calls_a_round_off_does_not_keep_members_from_their_pay() {
    let mut scene = Scene::new(Force::default());
    assert_eq!(scene.look().await, 0, "it may still be counted");
    scene.call_off();
    assert_eq!(scene.look().await, 1);
    // The very bytes that were signed, once, whatever happens in between.
    assert_eq!(*scene.monitor.contracts.taken.borrow(), [scene.file().statement]);
    scene.restart();
    assert_eq!(scene.look().await, 1);
}

/// Contracts take what is signed: a project that was restored has signed something else since.
#[tokio::test]
async fn what_is_not_what_was_signed_last_is_not_handed_in() {
    let mut scene = Scene::new(Force::default());
    scene.monitor.signed.submission(&scene.file_of(B256::repeat_byte(4)).signed).unwrap();
    scene.call_off();
    let refused = scene.monitor.look().await.unwrap_err().to_string();
    assert!(refused.contains("another submission"), "{refused}");
    assert!(scene.monitor.contracts.taken.borrow().is_empty());
}

/// The record does not go back to the round, as that of a machine that was replaced, whatever the node has
/// told when it was made.
#[tokio::test]
async fn work_that_another_machine_may_have_signed_otherwise_is_not_handed_in_and_its_owner_told() {
    let mut scene = Scene::new(Force::default());
    scene.call_off();
    scene.set(|at| at.since = 1);
    let error = scene.monitor.look().await.unwrap_err();
    let said = error.to_string();
    for part in ["round 7 is finished in this project", "not handed in", "is paid", "opened before"]
    {
        assert!(said.contains(part), "{said}");
    }
    let Error::Owner(error) = error else { panic!("{error}") };
    assert!(matches!(*error, OwnerError::Undelivered { round: ROUND, .. }), "{error}");
    assert!(scene.monitor.contracts.taken.borrow().is_empty());
    scene.set(|at| at.since = u64::MAX);
    scene.monitor.look().await.unwrap_err();
}

#[tokio::test]
async fn a_round_that_was_left_for_good_is_paid_as_well() {
    let mut scene = Scene::new(Force::default());
    let path = scene.project().round_journal_path(ROUND);
    Journal::open(&path, ROUND, B256::ZERO).unwrap();
    assert_eq!(scene.look().await, 0);
    journal::close(&path).unwrap();
    scene.restart();
    assert_eq!(scene.look().await, 1);
}

#[tokio::test]
async fn a_coordinator_that_says_nothing_is_not_waited_for_until_the_deadline() {
    let mut scene = Scene::new(Force::default());
    assert_eq!(scene.look().await, 0);
    scene.set(|at| at.time = at.deadline - 1_000);
    assert_eq!(scene.look().await, 0);
    scene.set(|at| at.time = at.deadline - 900);
    assert_eq!(scene.look().await, 1, "a quarter of an hour");
    // An owner that was stopped meanwhile still has some time, and hands nothing in too late.
    let mut late = Scene::new(Force::default());
    late.set(|at| at.time = at.deadline + 1);
    assert_eq!(late.look().await, 0);
}

#[tokio::test]
async fn what_the_coordinator_answers_for_costs_no_transaction() {
    let mut scene = Scene::new(Force::default());
    scene.receive();
    scene.call_off();
    assert_eq!(scene.look().await, 0, "how much time there is counts from now");
    scene.set(|at| at.time = at.deadline - 1);
    assert_eq!(scene.look().await, 0);
    // Where contracts check every proof, what counts is that they have.
    scene.set(|at| at.optimistic = false);
    assert_eq!(scene.look().await, 1);
}

/// It takes the model from nobody: a proof that is in no sum is paid beside it.
#[tokio::test]
async fn who_is_left_out_of_a_sum_hands_its_proof_in_whatever_contracts_check() {
    for optimistic in [true, false] {
        let mut scene = Scene::new(Force::default());
        scene.set(|at| at.optimistic = optimistic);
        let end = End::Summed { model: B256::repeat_byte(4), counted: Vec::new() };
        write_json(&scene.project().round_end_path(ROUND), &end).unwrap();
        assert_eq!(scene.look().await, 1, "optimistic: {optimistic}");
    }
}

#[tokio::test]
async fn an_owner_that_does_not_want_to_pays_for_nothing() {
    let force = Force { when: When::Never, ..Force::default() };
    let worth = Force { worth: U256::from(101), ..Force::default() };
    for force in [force, worth] {
        let mut scene = Scene::new(force);
        scene.call_off();
        scene.set(|at| at.time = at.deadline);
        assert_eq!(scene.look().await, 0, "{force:?}");
    }
}

#[tokio::test]
async fn a_chain_that_refuses_is_asked_again() {
    let mut scene = Scene::new(Force::default());
    scene.call_off();
    scene.monitor.contracts.refuses.set(2);
    for _ in 0..2 {
        assert!(scene.monitor.look().await.is_err());
    }
    assert_eq!(scene.look().await, 1);
}

#[tokio::test]
async fn nothing_that_this_owner_has_not_signed_is_handed_in() {
    let mut scene = Scene::new(Force::default());
    scene.call_off();
    let other = Scene::new(Force::default());
    let path = scene.project().round_submission_path(ROUND);
    write_json(&path, &other.file()).unwrap();
    assert!(scene.monitor.look().await.is_err());
    files::remove(&path).unwrap();
    assert_eq!(scene.look().await, 0, "and in rounds without a submission there is nothing to do");
}

#[tokio::test]
async fn a_void_round_with_deliveries_is_settled_and_claimed() {
    let mut scene = Scene::new(Force::default());
    scene.monitor.claim = true;
    scene.call_off();
    scene.look().await;
    scene.set(|at| at.status = Status::Void);
    scene.look().await;
    assert_eq!(scene.monitor.contracts.settled.get(), 0, "the coordinator may do it");
    scene.set(|at| at.time += COURTESY + 1);
    scene.look().await;
    let contracts = &scene.monitor.contracts;
    assert_eq!((contracts.settled.get(), contracts.claimed.get()), (1, 0));
    scene.look().await;
    scene.look().await;
    assert_eq!(scene.monitor.contracts.claimed.get(), 1);
    // In a void round in which contracts have checked nothing there is nothing to settle.
    let mut empty = Scene::new(Force::default());
    empty.set(|at| at.status = Status::Void);
    empty.look().await;
    empty.set(|at| at.time += COURTESY + 1);
    empty.look().await;
    assert_eq!(empty.monitor.contracts.settled.get(), 0);
}

#[tokio::test]
async fn a_batch_that_belies_a_receipt_is_noticed() {
    for honest in [true, false] {
        let mut scene = Scene::new(Force::default());
        let submission = scene.receive();
        scene.set(|at| {
            at.status = Status::Proposed;
            at.challenge_end = at.time + HOUR;
        });
        scene.monitor.contracts.listed.set(if honest { submission } else { B256::ZERO });
        let standing = scene.monitor.contracts.at.get();
        scene.monitor.seen = Seen { round: ROUND, ..Seen::default() };
        assert_eq!(scene.monitor.is_belied(&standing).await.unwrap(), !honest);
        // Once is enough.
        assert!(!scene.monitor.is_belied(&standing).await.unwrap());
    }
}
