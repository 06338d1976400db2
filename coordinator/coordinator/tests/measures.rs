//! A domain's history as the contracts' events tell it is what the contracts themselves know.

use std::ops::Deref;

use alloy::primitives::{Address, B256, U256, keccak256};
use zktrain_chain::protocol::Client;
use zktrain_coordinator::metrics::{
    ChangeKind, HistoryError, MeasuredOutcome, Measures, MetricsHistory, Poisoning,
    ProvenanceDepth, Role, Slashing,
};
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::token::RewardToken;
use zktrain_ledger::typed::Submission;
use zktrain_ledger::{Evidence, SignedSubmission};
use zktrain_testchains::Backend;
use zktrain_testchains::economy::{Economy, HOUR, tokens};

struct World {
    economy: Economy,
    /// A key that the contracts take, with a statement and a proof that hold for it.
    fixture: serde_json::Value,
}

impl Deref for World {
    type Target = Economy;

    fn deref(&self) -> &Economy {
        &self.economy
    }
}

impl World {
    async fn new() -> Self {
        let economy = Economy::new(Backend::embedded().await, 4).await;
        let fixture = include_str!("../../../contracts/test/fixtures/plain_halo2.json");
        Self { economy, fixture: serde_json::from_str(fixture).unwrap() }
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        alloy::hex::decode(self.fixture[field].as_str().unwrap()).unwrap()
    }

    async fn domain(&self, serial: u8) -> u64 {
        let (name, genesis) = (keccak256([serial]), keccak256(b"genesis"));
        self.economy.domain(name, &self.bytes("key"), genesis).await
    }

    async fn join(&self, domain: u64, owner: usize) {
        let client = &self.owners[owner];
        let amount = tokens(20 + 10 * owner as u128) + U256::from(domain);
        client.stake(amount).await.unwrap();
        client.join(domain, keccak256([owner as u8]), 4).await.unwrap();
    }

    async fn open(&self, domain: u64, owners: &[usize]) -> u64 {
        let round = self.economy.open(domain, owners).await;
        self.coordinator.draw(round).await.unwrap();
        round
    }

    /// A submission with a proof that does not hold.
    async fn submission(&self, owner: usize, round: u64, update: u8) -> Evidence {
        let (statement, mut proof) = (self.bytes("statement"), self.bytes("proof"));
        proof[100] ^= update;
        let client = &self.owners[owner];
        let update = B256::repeat_byte(update);
        let submission = Submission::new(round, client.address(), &statement, &proof, update);
        Evidence { signed: client.sign_submission(submission).await.unwrap(), statement, proof }
    }

    async fn propose(&self, round: u64, submissions: &[&SignedSubmission]) {
        let submissions: Vec<_> = submissions.iter().map(|s| s.submission.clone()).collect();
        let deliveries = self.coordinator.deliveries(round, &submissions).await.unwrap();
        if deliveries.iter().any(|delivery| delivery.update.is_zero()) {
            // Until the deadline everybody could still deliver.
            self.pass(HOUR + 1).await;
        }
        let model = keccak256(round.to_be_bytes());
        let batch = self.coordinator.sign_batch(round, &deliveries, keccak256(b"sum"), model);
        self.coordinator.propose(&batch.await.unwrap(), deliveries).await.unwrap();
    }

    async fn settle(&self, round: u64) {
        self.pass(HOUR + 1).await;
        self.watcher.settle(round).await.unwrap();
    }

    async fn history(&self, domain: u64) -> MetricsHistory {
        MetricsHistory::from_chain(&self.watcher, domain).await.unwrap()
    }

    /// Stakes, debts, supply and versions are those that the contracts have.
    async fn agrees(&self, domain: u64) {
        let history = self.history(domain).await;
        let everybody = || self.owners.iter().chain([&self.coordinator]);
        for account in everybody().map(Client::address) {
            let stake = history.stakes.get(&account).copied().unwrap_or_default();
            assert_eq!(stake, self.stake(account).await, "{account}");
        }
        let supply = RewardToken::totalSupplyCall {};
        let supply = self.watcher.view(self.at.reward_token, supply).await.unwrap();
        assert_eq!(history.epochs().last().unwrap().supply, supply);
        let head = DomainRegistry::headCall { domain };
        let head = self.watcher.view(self.at.registry, head).await.unwrap();
        assert_eq!(history.versions.len() as u64, head.number);
        let last = history.versions.last().map_or(history.genesis, |version| version.model);
        assert_eq!(last, head.model);
    }
}

/// Two deliver, one is silent, all is paid.
async fn a_good_round(world: &World, domain: u64) -> u64 {
    let round = world.open(domain, &[0, 1, 2]).await;
    let submissions =
        [world.submission(0, round, 1).await.signed, world.submission(1, round, 1).await.signed];
    world.propose(round, &submissions.each_ref()).await;
    world.settle(round).await;
    round
}

/// One is slashed before the coordinator proposes, one for what it had delivered.
async fn a_bad_round(world: &World, domain: u64) -> u64 {
    let round = world.open(domain, &[0, 1, 2, 3]).await;
    let first = world.submission(2, round, 1).await.signed;
    let second = world.submission(2, round, 2).await.signed;
    world.watcher.challenge_equivocation([&first, &second]).await.unwrap();
    let bad = world.submission(3, round, 7).await;
    let good = world.submission(0, round, 1).await.signed;
    world.propose(round, &[&good, &bad.signed]).await;
    // Part of what is slashed is unbonding.
    let client = &world.owners[3];
    client.unstake(client.address(), Some(tokens(43))).await.unwrap();
    world.watcher.challenge_proof(&bad).await.unwrap();
    world.settle(round).await;
    round
}

async fn a_late_round(world: &World, domain: u64) -> u64 {
    let round = world.open(domain, &[0, 1]).await;
    world.pass(25 * HOUR + 1).await;
    world.watcher.challenge_deadline(round).await.unwrap();
    round
}

fn rounds_are_told(history: &MetricsHistory, numbers: [u64; 3]) {
    let outcomes = [MeasuredOutcome::Settled, MeasuredOutcome::Settled, MeasuredOutcome::Void];
    assert_eq!(history.rounds.len(), 3);
    for ((round, number), outcome) in history.rounds.iter().zip(numbers).zip(outcomes) {
        assert_eq!((round.number, round.outcome), (number, outcome));
        let took = round.ended.unwrap() - round.opened;
        assert!((HOUR..26 * HOUR).contains(&took), "{took}");
        assert_eq!(round.seats.iter().map(|seat| seat.weight).sum::<u32>(), 1 << 16);
    }
    let delivered = |round: usize| -> Vec<bool> {
        history.rounds[round].seats.iter().map(|seat| seat.delivered).collect()
    };
    assert_eq!(delivered(0), [true, true, false]);
    assert_eq!(delivered(1), [true, false, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_what_the_contracts_know() {
    let world = World::new().await;
    let (domain, other) = (world.domain(1).await, world.domain(2).await);
    for owner in 0..3 {
        world.join(domain, owner).await;
        world.join(other, owner).await;
    }
    let trusted = world.owners[1].address();
    world.owners[0].delegate(trusted, tokens(5), U256::ZERO).await.unwrap();
    let first = a_good_round(&world, domain).await;
    let accounts: Vec<Address> = world.owners.iter().map(Client::address).collect();
    let history = world.history(domain).await;
    for account in accounts.iter().copied().chain([world.coordinator.address()]) {
        let paid = history.payments.iter().filter(|payment| payment.account == account);
        let paid: U256 = paid.map(|payment| payment.amount).sum();
        assert_eq!(paid, world.watcher.owed(world.at.reward_token, account).await.unwrap());
    }
    assert_eq!(history.payments.len(), 3, "two members and the coordinator");
    world.agrees(domain).await;

    a_good_round(&world, other).await;
    world.join(domain, 3).await;
    let second = a_bad_round(&world, domain).await;
    world.agrees(domain).await;
    let third = a_late_round(&world, domain).await;
    world.owners[1].resign(domain).await.unwrap();
    world.owners[0].claim(world.at.reward_token).await.unwrap();
    world.agrees(domain).await;

    let history = world.history(domain).await;
    rounds_are_told(&history, [first, second, third]);
    let kinds: Vec<(Address, ChangeKind, usize)> =
        history.changes.iter().map(|change| (change.account, change.kind, change.after)).collect();
    let expected = [
        (accounts[0], ChangeKind::Joined, 0),
        (accounts[1], ChangeKind::Joined, 0),
        (accounts[2], ChangeKind::Joined, 0),
        (accounts[3], ChangeKind::Joined, 1),
        (accounts[2], ChangeKind::Slashed, 2),
        (accounts[3], ChangeKind::Slashed, 2),
        (accounts[1], ChangeKind::Resigned, 3),
    ];
    assert_eq!(kinds, expected);
    let roles: Vec<Role> = history.slashes.iter().map(|slash| slash.role).collect();
    assert_eq!(roles, [Role::Member, Role::Member, Role::Coordinator]);

    let measures = Measures::of(&history, 20);
    assert_eq!(measures.diversity.unwrap().contributors, 3);
    assert_eq!(measures.churn.silent, 3);
    let slashing = Slashing { members: 2, seats: 9, coordinators: 1, rounds: 3 };
    assert_eq!(measures.slashing, slashing);
    assert_eq!(measures.poisoning, Poisoning { attempts: 2, succeeded: 1, undecided: 0 });
    let provenance = ProvenanceDepth { versions: 2, depth: 2, untainted: 1 };
    assert_eq!(measures.provenance, provenance);
    assert!(measures.rewards_gini.unwrap() > 0.2);
    let velocity = measures.epoch.unwrap();
    assert!(velocity.free_velocity().unwrap() < velocity.velocity().unwrap());
    assert_eq!(world.history(other).await.rounds.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_nobody_opened_has_no_history() {
    let world = World::new().await;
    let none = MetricsHistory::from_chain(&world.watcher, 7).await;
    assert!(matches!(none, Err(HistoryError::NoDomain { domain: 7 })));
}
