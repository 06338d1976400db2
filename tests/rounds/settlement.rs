//! The economy end to end, on the embedded chain and on anvil with the same code: stake, domains,
//! rounds, real proofs, payment, and every fraud with its slash.

use crate::common;

use std::ops::Deref;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::Provider;
use common::cases::Case;
use common::round::{Cohort, Delivered, aggregate, digest, row_bytes};
use zktrain_chain::protocol::DeploymentSetup;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::reputation::{ReputationStanding, SCORE_FIRST};
use zktrain_ledger::typed::Submission;
use zktrain_ledger::weights::weights;
use zktrain_ledger::{Evidence, MARK, SignedBatch, SignedSubmission};
use zktrain_model::manifest::Manifest;
use zktrain_statement::statements::Binding;
use zktrain_testchains::Backend;
use zktrain_testchains::economy::{BUDGET, COORDINATOR_BOND, Economy, HOUR, TRAINER_BOND, tokens};

const WINDOWS: usize = 4;

fn manifest() -> Manifest {
    let case = Case { momentum: 0.9, batch: 2, steps: 0, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    case.manifest().unwrap()
}

/// Everybody, on one chain.
struct World {
    economy: Economy,
    /// With a member for each owner.
    cohort: Cohort,
    serial: u32,
}

impl Deref for World {
    type Target = Economy;

    fn deref(&self) -> &Economy {
        &self.economy
    }
}

impl World {
    async fn new(backend: Backend) -> Self {
        let economy = Economy::new(backend, 4).await;
        // Once more: what is there is found.
        let rich = economy.backend.rich();
        let again = DeploymentSetup::of_one(rich.address()).deploy(&rich).await;
        assert_eq!(again.unwrap(), economy.at);
        let accounts: Vec<_> = economy.owners.iter().map(|o| o.address().into_array()).collect();
        let cohort = Cohort::new(&manifest(), &accounts, WINDOWS);
        Self { economy, cohort, serial: 0 }
    }

    /// A domain with all owners as members, funded.
    async fn domain(&mut self, optimistic: bool) -> u64 {
        self.serial += 1;
        let (name, key) = (keccak256(self.serial.to_be_bytes()), self.cohort.contract_key());
        let genesis = digest(self.cohort.genesis()).into();
        let mode = |config: &mut Config| config.optimistic = optimistic;
        let domain = self.domain_with(name, &key, genesis, mode).await;
        for (owner, run) in self.owners.iter().zip(&self.cohort.members) {
            let amount = tokens(TRAINER_BOND) + U256::from(self.serial);
            owner.stake(amount).await.unwrap();
            let root = B256::from(run.dataset.tree.root());
            owner.join(domain, root, WINDOWS as u64).await.unwrap();
        }
        domain
    }

    /// A round of these owners, drawn; its number and nonce.
    async fn round(&self, domain: u64, members: &[usize]) -> (u64, [u8; 32]) {
        let round = self.open(domain, members).await;
        (round, self.coordinator.draw(round).await.unwrap().0)
    }

    /// Where a round's proofs are for.
    fn place(&self, domain: u64, round: u64) -> Binding {
        let contract = self.at.rounds.into_array();
        Binding { chain_id: zktrain_testchains::CHAIN, contract, domain, round, prover: [0; 20] }
    }

    fn work(&self, member: usize, domain: u64, round: u64, nonce: [u8; 32]) -> Delivered {
        let window = self.cohort.window(member, nonce);
        self.cohort.prove(member, self.place(domain, round), window)
    }

    async fn sign(&self, member: usize, round: u64, work: &Delivered) -> Evidence {
        self.sign_bytes(
            member,
            round,
            work.statement.to_bytes(),
            work.proof.to_bytes(),
            work.update(),
        )
        .await
    }

    async fn sign_bytes(
        &self,
        member: usize,
        round: u64,
        statement: Vec<u8>,
        proof: Vec<u8>,
        update: [u8; 32],
    ) -> Evidence {
        let account = self.owners[member].address();
        let submission = Submission::new(round, account, &statement, &proof, update.into());
        let signed = self.owners[member].sign_submission(submission).await.unwrap();
        Evidence { signed, statement, proof }
    }

    /// The aggregate of these works, with the round's weights.
    async fn aggregate(&self, round: u64, works: &[&Delivered]) -> Vec<u8> {
        let weights: Vec<u32> =
            self.coordinator.members(round).await.unwrap().0.iter().map(|m| m.weight).collect();
        let updates: Vec<_> = works.iter().map(|w| w.statement.update.as_slice()).collect();
        row_bytes(&aggregate(&updates, &weights))
    }

    async fn propose(&self, round: u64, submissions: &[&Evidence], aggregate: B256) -> SignedBatch {
        let submissions: Vec<Submission> =
            submissions.iter().map(|e| e.signed.submission.clone()).collect();
        let deliveries = self.coordinator.deliveries(round, &submissions).await.unwrap();
        if deliveries.iter().any(|delivery| delivery.update.is_zero()) {
            // Until the deadline everybody could still deliver.
            self.pass(HOUR + 1).await;
        }
        let model = keccak256(round.to_be_bytes());
        let batch =
            self.coordinator.sign_batch(round, &deliveries, aggregate, model).await.unwrap();
        self.coordinator.propose(&batch, deliveries).await.unwrap();
        batch
    }

    async fn score(&self, domain: u64, account: Address) -> u32 {
        let call = Reputation::standingCall { domain, account };
        self.watcher.view(self.at.reputation, call).await.unwrap().score
    }

    async fn head(&self, domain: u64) -> (B256, u64) {
        let head = DomainRegistry::headCall { domain };
        let head = self.watcher.view(self.at.registry, head).await.unwrap();
        (head.model, head.number)
    }

    /// Wei of an account.
    async fn ether(&self, account: Address) -> U256 {
        self.backend.chain.provider().get_balance(account).await.unwrap()
    }

    async fn status(&self, round: u64) -> u8 {
        self.watcher.round(round).await.unwrap().status
    }
}

const SETTLED: u8 = 3;
const VOID: u8 = 4;

/// Each proof is checked by the contract; who worked is paid, in proportion to its weight.
async fn eager_work_is_paid(world: &mut World) {
    let domain = world.domain(false).await;
    let (round, nonce) = world.round(domain, &[0, 1, 2, 3]).await;
    let works = [0, 1].map(|member| world.work(member, domain, round, nonce));
    // It turns to the contract alone, and takes no sum from the others.
    let alone = world.work(3, domain, round, nonce);
    for (member, work) in [(0, &works[0]), (1, &works[1]), (3, &alone)] {
        let owner = &world.owners[member];
        let (statement, proof) = (work.statement.to_bytes(), work.proof.to_bytes());
        let mut altered = proof.clone();
        altered[100] ^= 1;
        assert!(owner.submit(round, owner.address(), &statement, &altered).await.is_err());
        owner.submit(round, owner.address(), &statement, &proof).await.unwrap();
    }
    // The same work, proven for another contract or domain of this chain.
    type Change = fn(&mut Binding);
    let elsewhere: [(Change, u64); 2] =
        [(|place| place.contract[0] ^= 1, 2), (|place| place.domain += 1, 3)];
    for (change, field) in elsewhere {
        let mut place = world.place(domain, round);
        change(&mut place);
        let work = world.cohort.prove(2, place, world.cohort.window(2, nonce));
        let (statement, proof) = (work.statement.to_bytes(), work.proof.to_bytes());
        let late = &world.owners[2];
        let refused = late.submit(round, late.address(), &statement, &proof).await.unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains(&format!("WrongClaim {{ field: {field},")), "{refused}");
    }
    let sum = world.aggregate(round, &works.each_ref()).await;
    let signed = [world.sign(0, round, &works[0]).await, world.sign(1, round, &works[1]).await];
    world.propose(round, &signed.each_ref(), keccak256(&sum)).await;
    assert!(world.watcher.settle(round).await.is_err(), "the challenge window is open");
    world.pass(HOUR + 1).await;
    world.watcher.settle(round).await.unwrap();
    assert!(world.coordinator.settle(round).await.is_err(), "settled once");
    assert_eq!(world.head(domain).await, (keccak256(round.to_be_bytes()), 1));
    let deliveries = world.watcher.proposed(round).await.unwrap().deliveries;
    let named = [MARK, MARK, B256::ZERO, B256::ZERO];
    assert_eq!(deliveries.iter().map(|said| said.submission).collect::<Vec<_>>(), named);
    let call =
        Escrow::owedCall { token: world.at.reward_token, account: world.coordinator.address() };
    let half = tokens(BUDGET) / U256::from(20);
    assert_eq!(world.watcher.view(world.at.escrow, call).await.unwrap(), half, "what is summed");
    let pool = tokens(BUDGET) * U256::from(9) / U256::from(10);
    for member in [0, 1, 3] {
        let (owner, weight) = (&world.owners[member], 16_384_u64);
        let before = world.balance(owner.address()).await;
        let claimed = owner.claim(world.at.reward_token).await.unwrap();
        let pay = (pool * U256::from(weight)) >> 16;
        assert_eq!(claimed, pay - pay / U256::from(100), "one percent is burned");
        assert_eq!(world.balance(owner.address()).await, before + claimed);
        assert!(owner.claim(world.at.reward_token).await.is_err(), "nothing is owed any more");
        assert_eq!(world.balance(owner.address()).await, before + claimed, "and paid once");
        assert!(world.score(domain, owner.address()).await > SCORE_FIRST);
    }
    let absent = world.owners[2].address();
    assert_eq!(world.score(domain, absent).await, SCORE_FIRST, "nothing is worse");
    let call = Escrow::owedCall { token: world.at.reward_token, account: absent };
    assert_eq!(world.watcher.view(world.at.escrow, call).await.unwrap(), U256::ZERO);
    let left = Escrow::availableCall { domain };
    let left = world.watcher.view(world.at.escrow, left).await.unwrap();
    assert!(left > tokens(1_000 - BUDGET) && left < tokens(1_000));
}

/// Nothing is checked unless somebody demands it; a demand is answered with the real proof.
async fn optimistic_work_is_paid(world: &World, domain: u64) {
    let (round, nonce) = world.round(domain, &[0, 1]).await;
    let works = [0, 1].map(|member| world.work(member, domain, round, nonce));
    let signed = [world.sign(0, round, &works[0]).await, world.sign(1, round, &works[1]).await];
    let sum = world.aggregate(round, &works.each_ref()).await;
    world.propose(round, &signed.each_ref(), keccak256(&sum)).await;
    let account = world.owners[1].address();
    let price = world.watcher.demand_price(round).await.unwrap();
    world.watcher.demand(round, account).await.unwrap();
    let demand = world.watcher.demand_of(round, account).await.unwrap().unwrap();
    let bond = U256::from(demand.bond);
    assert!(bond >= price && demand.by == world.watcher.address(), "{bond} {price}");
    assert_eq!(world.watcher.demanded(round).await.unwrap(), [account]);
    let (statement, proof) = (&signed[1].statement, &signed[1].proof);
    let wrong = world.coordinator.answer(round, account, statement, &signed[0].proof).await;
    assert!(wrong.is_err());
    world.pass(HOUR + 1).await;
    assert!(world.watcher.settle(round).await.is_err(), "a demand is open");
    world.coordinator.answer(round, account, statement, proof).await.unwrap();
    assert!(world.watcher.demanded(round).await.unwrap().is_empty());
    assert!(world.watcher.collect(round, account).await.is_err(), "not before the round is over");
    world.watcher.settle(round).await.unwrap();
    assert_eq!((world.status(round).await, world.head(domain).await.1), (SETTLED, 1));
    // The bond pays for the answer.
    let before = world.ether(world.coordinator.address()).await;
    world.watcher.collect(round, account).await.unwrap();
    assert_eq!(world.ether(world.coordinator.address()).await, before + bond);
    assert!(world.owners[0].claim(world.at.reward_token).await.is_ok());
}

/// Slashes a coordinator by `challenge`, and checks who got what.
async fn coordinator_is_slashed(world: &World, round: u64, challenge: impl Future<Output = bool>) {
    let (coordinator, watcher) = (world.coordinator.address(), world.watcher.address());
    let (stake, balance) = (world.stake(coordinator).await, world.balance(watcher).await);
    assert!(challenge.await, "the evidence holds");
    assert_eq!(world.stake(coordinator).await, stake - tokens(COORDINATOR_BOND));
    let bounty = tokens(COORDINATOR_BOND / 2);
    assert_eq!(world.balance(watcher).await, balance + bounty, "half is burned");
    assert_eq!(world.status(round).await, VOID);
    assert!(world.coordinator.challenge_deadline(round).await.is_err(), "once");
    let domain = world.watcher.round(round).await.unwrap().domain;
    assert!(world.watcher.is_barred(domain, coordinator).await.unwrap());
    let again = world.coordinator.open_round(domain, HOUR, 0, vec![world.owners[0].address()]);
    assert!(again.await.unwrap_err().to_string().contains("Barred"));
}

/// Anyone can recompute the weights that the contract gave.
async fn weights_follow_from_reputations(world: &World, domain: u64, round: u64) {
    let members = world.watcher.members(round).await.unwrap();
    assert_eq!(members.root(), world.watcher.round(round).await.unwrap().members);
    let mut scores = Vec::new();
    for member in &members.0 {
        let call = Reputation::standingCall { domain, account: member.account };
        let found = world.watcher.view(world.at.reputation, call).await.unwrap();
        let (score, rounds, slashed) = (found.score, found.rounds, found.slashed);
        scores.push(ReputationStanding { score, rounds, slashed });
    }
    let got: Vec<u32> = members.0.iter().map(|member| member.weight).collect();
    assert_eq!(got, weights(&scores));
    assert!(got[0] > got[2], "who has worked counts more: {scores:?}");
}

/// Each in a domain of its own: a slashed coordinator opens no round there again.
async fn coordinators_frauds(world: &mut World, domain: u64) {
    it_is_late(world, domain).await;
    let domain = world.domain(true).await;
    its_sum_is_wrong(world, domain).await;
    let domain = world.domain(true).await;
    it_signs_two_batches(world, domain).await;
    let domain = world.domain(true).await;
    it_cannot_show_what_was_delivered(world, domain).await;
}

async fn it_is_late(world: &World, domain: u64) {
    let watcher = &world.watcher;
    let (late, _) = world.round(domain, &[0, 1, 2, 3]).await;
    weights_follow_from_reputations(world, domain, late).await;
    assert!(watcher.challenge_deadline(late).await.is_err(), "not yet");
    world.pass(HOUR + 1).await;
    assert!(watcher.challenge_deadline(late).await.is_err(), "it has a day to propose");
    world.pass(24 * HOUR).await;
    coordinator_is_slashed(world, late, async { watcher.challenge_deadline(late).await.is_ok() })
        .await;
}

/// In one row.
async fn its_sum_is_wrong(world: &World, domain: u64) {
    let watcher = &world.watcher;
    let (round, nonce) = world.round(domain, &[0, 1]).await;
    let works = [0, 1].map(|member| world.work(member, domain, round, nonce));
    let signed = [world.sign(0, round, &works[0]).await, world.sign(1, round, &works[1]).await];
    let right = world.aggregate(round, &works.each_ref()).await;
    let mut wrong = right.clone();
    let last = wrong.len() - 64;
    wrong.copy_within(..64, last);
    if wrong == right {
        wrong[last..].fill(0);
    }
    world.propose(round, &signed.each_ref(), keccak256(&wrong)).await;
    let updates = || works.iter().map(|w| Bytes::from(row_bytes(&w.statement.update))).collect();
    let row = |index: usize| Some((Bytes::from(wrong.clone()), U256::from(index)));
    if last > 0 {
        assert!(watcher.challenge_aggregate(round, updates(), row(0)).await.is_err(), "is right");
    }
    coordinator_is_slashed(world, round, async {
        watcher.challenge_aggregate(round, updates(), row(last / 64)).await.is_ok()
    })
    .await;
}

async fn it_signs_two_batches(world: &World, domain: u64) {
    let watcher = &world.watcher;
    let (round, nonce) = world.round(domain, &[0]).await;
    let work = world.work(0, domain, round, nonce);
    let signed = world.sign(0, round, &work).await;
    let first = world.propose(round, &[&signed], keccak256(b"sum")).await;
    let deliveries = watcher.proposed(round).await.unwrap().deliveries;
    let second = world.coordinator.sign_batch(round, &deliveries, keccak256(b"other"), B256::ZERO);
    let second = second.await.unwrap();
    assert!(watcher.challenge_batches([&first, &first]).await.is_err(), "one is not two");
    coordinator_is_slashed(world, round, async {
        watcher.challenge_batches([&first, &second]).await.is_ok()
    })
    .await;
}

async fn it_cannot_show_what_was_delivered(world: &World, domain: u64) {
    let watcher = &world.watcher;
    let (round, _) = world.round(domain, &[0]).await;
    let made_up = world.sign_bytes(0, round, vec![1], vec![2], [3; 32]).await;
    world.propose(round, &[&made_up], keccak256(b"sum")).await;
    let account = world.owners[0].address();
    watcher.demand(round, account).await.unwrap();
    assert!(watcher.challenge_unanswered(round, account).await.is_err(), "not yet");
    world.pass(24 * HOUR + 1).await;
    coordinator_is_slashed(world, round, async {
        watcher.challenge_unanswered(round, account).await.is_ok()
    })
    .await;
    // The round is void: the bond goes back, no matter who asks for it.
    let bond = watcher.demand_of(round, account).await.unwrap().unwrap().bond;
    let before = world.ether(watcher.address()).await;
    world.coordinator.collect(round, account).await.unwrap();
    assert_eq!(world.ether(watcher.address()).await, before + U256::from(bond));
}

async fn member_is_slashed(
    world: &World,
    domain: u64,
    member: usize,
    challenge: impl Future<Output = bool>,
) {
    let (account, watcher) = (world.owners[member].address(), world.watcher.address());
    let (stake, balance) = (world.stake(account).await, world.balance(watcher).await);
    // Who sees it coming cannot get away with the stake.
    let ticket = world.owners[member].unstake(account, None).await.unwrap().ticket;
    assert_eq!(world.stake(account).await, U256::ZERO);
    assert!(challenge.await, "the evidence holds");
    assert_eq!(world.balance(watcher).await, balance + tokens(TRAINER_BOND) / U256::from(2));
    assert_eq!(world.score(domain, account).await, 0);
    let call = Rounds::membershipCall { domain, account };
    assert_eq!(world.watcher.view(world.at.rounds, call).await.unwrap().windows, 0);
    world.pass(21 * 24 * HOUR).await;
    let left = world.owners[member].withdraw(ticket).await.unwrap().amount;
    assert_eq!(left, stake - tokens(TRAINER_BOND));
}

async fn members_frauds(world: &World, domain: u64) {
    let watcher = &world.watcher;
    // A proof that does not hold. Honest ones convince nobody of the contrary.
    let (round, nonce) = world.round(domain, &[0, 1, 2, 3]).await;
    let honest = world.work(1, domain, round, nonce);
    let evidence = world.sign(1, round, &honest).await;
    let refused = watcher.challenge_proof(&evidence).await.unwrap_err().to_string();
    assert!(refused.contains("ProofIsValid"), "{refused}");
    let mut proof = honest.proof.to_bytes();
    proof[100] ^= 1;
    let statement = evidence.statement.clone();
    let tampered = world.sign_bytes(1, round, statement, proof, honest.update()).await;
    // Another window than the drawn one.
    let window = (world.cohort.window(2, nonce) + 1) % WINDOWS as u64;
    let elsewhere = world.cohort.prove(2, world.place(domain, round), window);
    let elsewhere = world.sign(2, round, &elsewhere).await;
    // Two submissions.
    let works = [0, 0].map(|_| world.work(3, domain, round, nonce));
    let twice = [world.sign(3, round, &works[0]).await, world.sign(3, round, &works[1]).await];
    let twice = twice.map(|evidence| evidence.signed);
    let forged = SignedSubmission {
        submission: Submission { member: world.owners[0].address(), ..twice[0].submission.clone() },
        signature: twice[0].signature.clone(),
    };
    assert!(watcher.challenge_equivocation([&forged, &forged]).await.is_err());
    assert!(watcher.challenge_equivocation([&twice[0], &twice[0]]).await.is_err());
    // The coordinator puts the tampered one into its batch.
    world.propose(round, &[&tampered], keccak256(b"sum")).await;
    member_is_slashed(world, domain, 2, async {
        watcher.challenge_proof(&elsewhere).await.is_ok()
    })
    .await;
    member_is_slashed(world, domain, 3, async {
        watcher.challenge_equivocation([&twice[0], &twice[1]]).await.is_ok()
    })
    .await;
    // Evidence shows nothing a second time: what was brought is found again, and nothing is sent.
    let before = world.ether(watcher.address()).await;
    assert!(watcher.challenge_equivocation([&twice[0], &twice[1]]).await.is_ok());
    assert_eq!(world.ether(watcher.address()).await, before);
}

async fn a_bad_delivery_costs_both(world: &World, domain: u64) {
    let (round, nonce) = world.round(domain, &[0, 1]).await;
    let work = world.work(1, domain, round, nonce);
    let mut proof = work.proof.to_bytes();
    proof[100] ^= 1;
    let bytes = work.statement.to_bytes();
    let tampered = world.sign_bytes(1, round, bytes, proof, work.update()).await;
    world.propose(round, &[&tampered], keccak256(b"sum")).await;
    let account = world.owners[1].address();
    let [stake, own] = [world.stake(world.coordinator.address()).await, world.stake(account).await];
    world.watcher.challenge_delivery(&tampered).await.unwrap();
    assert_eq!(world.stake(world.coordinator.address()).await, stake - tokens(COORDINATOR_BOND));
    assert_eq!(world.stake(account).await, own - tokens(TRAINER_BOND));
    assert_eq!((world.status(round).await, world.score(domain, account).await), (VOID, 0));
    let proven = Slashing::INVALID_DELIVERYCall {};
    assert!(!world.watcher.view(world.at.slashing, proven).await.unwrap().is_zero());
}

async fn story(backend: Backend) {
    let mut world = World::new(backend).await;
    eager_work_is_paid(&mut world).await;
    let domain = world.domain(true).await;
    optimistic_work_is_paid(&world, domain).await;
    coordinators_frauds(&mut world, domain).await;
    let domain = world.domain(true).await;
    a_bad_delivery_costs_both(&world, domain).await;
    let domain = world.domain(true).await;
    members_frauds(&world, domain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_embedded_chain() {
    story(Backend::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_anvil() {
    story(Backend::anvil().await).await;
}
