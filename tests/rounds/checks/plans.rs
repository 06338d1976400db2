//! A coordinator whose plan is not the chain's.

use alloy::primitives::{Address, B256, U256};
use zktrain_chain::protocol::Client;
use zktrain_ledger::payments;
use zktrain_member::{Asked, Error, Expected, PlanError};
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::Plan;
use zktrain_secagg::policy;
use zktrain_statement::compressed::ProofSystem;

use crate::checks::liar;
use crate::checks::world::{WINDOWS, World, world};
use crate::common::plan::{plan, signed};

/// What a lie is called, and what it changes.
type Change<T> = (&'static str, fn(&mut T));

impl World {
    /// What the first owner knows.
    fn expected(&self) -> Expected {
        Expected {
            domain: self.domain,
            spec: self.cohort.key().spec.into(),
            system: ProofSystem::Halo2,
            account: self.owner(0).address(),
            dataset: self.cohort.members[0].dataset.tree.root().into(),
            windows: WINDOWS as u64,
            asked: Asked::default(),
        }
    }
}

async fn check(client: &Client, plan: &Signed<Plan>, expected: &Expected) -> Result<(), PlanError> {
    match expected.check(client, plan).await {
        Ok(()) => Ok(()),
        Err(Error::Plan(error)) => Err(*error),
        Err(other) => panic!("{other}"),
    }
}

fn field(round: u64, field: &'static str) -> Result<(), PlanError> {
    Err(PlanError::Field { round, field })
}

#[tokio::test]
async fn every_field_of_a_plan_is_the_chains() {
    let world = world();
    let (client, expected) = (world.owner(0), world.expected());
    let honest = signed(world.plan.clone(), world.coordinator());
    assert_eq!(check(client, &honest, &expected).await, Ok(()));
    let changes: [Change<Plan>; 18] = [
        ("version", |p| p.version += 1),
        ("chain", |p| p.chain_id += 1),
        ("chain", |p| p.rounds = Address::repeat_byte(1)),
        ("domain", |p| p.domain += 1),
        ("coordinator", |p| p.coordinator = Address::repeat_byte(1)),
        ("manifest or reference string", |p| p.spec.0[0] ^= 1),
        ("parent model", |p| p.parent.0[0] ^= 1),
        ("nonce", |p| p.nonce.0[0] ^= 1),
        ("proof system", |p| p.system = ProofSystem::Groth16.code()),
        ("mode", |p| p.optimistic = false),
        // Of others as well as of the owner itself: weights and whose masks cancel depend on all.
        ("list of members", |p| p.members[2].account = Address::repeat_byte(0xff)),
        ("list of members", |p| p.members[1].dataset.0[0] ^= 1),
        ("list of members", |p| p.members[1].windows += 1),
        ("list of members", |p| p.members[2].weight += 1),
        ("list of members", |p| p.members.truncate(p.members.len() - 1)),
        ("list of members", |p| p.members.push(p.members[2].clone())),
        ("list of members", |p| p.members.swap(1, 2)),
        ("list of members", |p| p.members.clear()),
    ];
    for (index, (name, change)) in changes.into_iter().enumerate() {
        let mut other = world.plan.clone();
        change(&mut other);
        // Signed as it is: the coordinator itself lies.
        let other = signed(other, world.coordinator());
        let result = check(client, &other, &expected).await;
        assert_eq!(result, field(world.round, name), "{index}");
    }
    // Another open round's number: everything else is that round's, too.
    let moved = Plan { round: world.other, ..world.plan.clone() };
    let moved = check(client, &signed(moved, world.coordinator()), &expected).await;
    assert_eq!(moved, field(world.other, "domain"));
}

#[tokio::test]
async fn a_plan_is_for_the_domain_data_and_proofs_that_the_owner_has() {
    let world = world();
    let (client, expected) = (world.owner(0), world.expected());
    let honest = signed(world.plan.clone(), world.coordinator());
    let changes: [Change<Expected>; 6] = [
        ("domain", |e| e.domain += 1),
        ("manifest or reference string", |e| e.spec.0[0] ^= 1),
        ("proof system", |e| e.system = ProofSystem::Groth16),
        ("dataset", |e| e.account = Address::repeat_byte(1)),
        ("dataset", |e| e.dataset.0[0] ^= 1),
        ("dataset", |e| e.windows += 1),
    ];
    for (index, (name, change)) in changes.into_iter().enumerate() {
        let mut other = expected;
        change(&mut other);
        let result = check(client, &honest, &other).await;
        assert_eq!(result, field(world.round, name), "{index}");
    }
    // The neighbour's round has the same members, model and coordinator: only the chain tells.
    let spec = world.cohort.key().spec;
    let foreign = plan(world.coordinator(), world.domain, world.other, spec).await;
    let foreign = check(client, &signed(foreign, world.coordinator()), &expected).await;
    assert_eq!(foreign, field(world.other, "domain"));
    let right = plan(world.coordinator(), world.neighbour, world.other, spec).await;
    let there = Expected { domain: world.neighbour, ..expected };
    assert_eq!(check(client, &signed(right, world.coordinator()), &there).await, Ok(()));
}

#[tokio::test]
async fn a_round_pays_what_the_owner_works_for() {
    let world = world();
    let (client, expected, round) = (world.owner(0), world.expected(), world.round);
    let honest = signed(world.plan.clone(), world.coordinator());
    let known = client.round(round).await.unwrap();
    let budget = U256::from(known.budget);
    // Its part of what is not the coordinator's, less the fee: not the others' as well.
    let share = client.domain(world.domain).await.unwrap().config.coordinatorShare;
    let weight = world.plan.member(expected.account).unwrap().weight;
    let pay = payments::member(payments::split(budget, share).1, weight, known.settlementFee).0;
    assert!(U256::ZERO < pay && pay < budget);
    let asks =
        |budget, pay| Expected { asked: Asked { budget, pay, ..Asked::default() }, ..expected };
    assert_eq!(check(client, &honest, &asks(budget, pay)).await, Ok(()));
    let least = budget + U256::from(1);
    let refused = Err(PlanError::Budget { round, budget, least });
    assert_eq!(check(client, &honest, &asks(least, pay)).await, refused);
    let least = pay + U256::from(1);
    let refused = Err(PlanError::Pay { round, budget, pay, least });
    assert_eq!(check(client, &honest, &asks(budget, least)).await, refused);
}

#[tokio::test]
async fn a_threshold_below_the_domains_rule_is_refused() {
    let world = world();
    let (client, expected, round) = (world.owner(0), world.expected(), world.round);
    let points = client.domain(world.domain).await.unwrap().config.threshold;
    let members = world.plan.members.len();
    let least = policy::required(members, points);
    for threshold in 0..=members as u32 {
        let plan = Plan { threshold, ..world.plan.clone() };
        let checked = check(client, &signed(plan, world.coordinator()), &expected).await;
        let refused = PlanError::Threshold { round, members, least, got: threshold };
        assert_eq!(checked, if threshold < least { Err(refused) } else { Ok(()) }, "{threshold}");
    }
}

#[tokio::test]
async fn a_domain_that_checks_less_than_the_owner_asks_for_is_not_worked_in() {
    let world = world();
    let (client, expected) = (world.owner(0), world.expected());
    let honest = signed(world.plan.clone(), world.coordinator());
    let config = client.domain(world.domain).await.unwrap().config;
    assert!(config.optimistic);
    let asked = Asked { audits: config.audits + 1, ..Asked::default() };
    let refused = Expected { asked, ..expected }.check(client, &honest).await.unwrap_err();
    assert!(refused.to_string().contains("policy.least_audits"), "{refused}");
}

#[tokio::test]
async fn a_plan_is_signed_by_whom_the_chain_names() {
    let world = world();
    let (client, expected) = (world.owner(0), world.expected());
    let (round, coordinator) = (world.round, world.coordinator().address());
    let refused = Err(PlanError::Signature { round, coordinator });
    let honest = signed(world.plan.clone(), world.coordinator());
    let stranger = signed(world.plan.clone(), world.owner(1));
    assert_eq!(check(client, &stranger, &expected).await, refused);
    // Somebody who says to be the coordinator.
    let own = Plan { coordinator: world.owner(1).address(), ..world.plan.clone() };
    assert_eq!(check(client, &signed(own, world.owner(1)), &expected).await, refused);
    // The coordinator's signature of something else, and none at all.
    let longer = Plan { threshold: 3, ..world.plan.clone() };
    let longer = Signed { body: longer, signature: honest.signature.clone() };
    assert_eq!(check(client, &longer, &expected).await, refused);
    let none = Signed { signature: vec![0; 65].into(), ..honest };
    assert_eq!(check(client, &none, &expected).await, refused);
}

#[tokio::test]
async fn only_open_rounds_with_drawn_windows_are_begun() {
    let world = world();
    let (client, expected) = (world.owner(0), world.expected());
    let spec = world.cohort.key().spec;
    let asked = async |round| {
        let plan = plan(world.coordinator(), world.domain, round, spec).await;
        expected.check(client, &signed(plan, world.coordinator())).await.unwrap_err()
    };
    let over = asked(world.over).await;
    assert!(
        matches!(over, Error::Plan(ref error) if **error == PlanError::NotOpen { round: world.over })
    );
    let undrawn = asked(world.undrawn).await.to_string();
    assert!(undrawn.contains("is not final yet"), "{undrawn}");
    assert!(!client.round(world.over).await.unwrap().nonce.is_zero());
    let nowhere = Plan { round: 1_000, ..world.plan.clone() };
    let nowhere = signed(nowhere, world.coordinator());
    assert!(expected.check(client, &nowhere).await.is_err());
}

/// Who answers for the coordinator's node tells the owner the coordinator's members.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_cannot_invent_members() {
    let world = world();
    let invented = B256::repeat_byte(0x77);
    let mut other = world.plan.clone();
    let truth = std::mem::replace(&mut other.members[1].dataset, invented);
    let url = liar::serve(world.node.clone(), truth, invented).await;
    let client = liar::client(&url, world.owner(0)).await;
    // What it says is another list than the one whose root the contract has.
    assert_eq!(client.members(world.round).await.unwrap().0[1].dataset, invented);
    let result = check(&client, &signed(other, world.coordinator()), &world.expected()).await;
    assert_eq!(result, field(world.round, "list of members"));
}
