//! Rounds that the chain ends, or gives up.

use alloy::primitives::B256;
use zktrain_coordinator::driver::now_ms;
use zktrain_wire::messages::{End, Notice, Phase, Reason};
use zktrain_wire::sign;

use crate::world::{ROUND, World, coordinator};

const OFF: End = End::Void(Reason::CalledOff);

#[tokio::test]
async fn a_coordinator_killed_past_its_deadline_ends_the_round_by_itself() {
    let mut world = World::new(3, 600);
    world.until_ms = Some(now_ms() + 4_000_000);
    world.open().await;
    for index in 0..3 {
        assert!(world.step(index).await, "the plan");
    }
    assert_eq!(world.office().driver.progress().await.phase, Phase::Shares);
    // It comes back when the chain takes nothing any more.
    world.until_ms = Some(now_ms() - 1);
    world.open().await;
    assert_eq!(world.office().driver.ended().await, OFF);
    let told = world.office().driver.notice(world.owners[0].account(), 2).await.unwrap();
    assert_eq!(told, Notice::End(OFF));
    // Once more, without being told of a deadline: it stays over, and nothing more happens.
    let before = world.office().store.events(ROUND).await.unwrap();
    world.until_ms = None;
    world.open().await;
    assert_eq!(world.office().driver.ended().await, OFF);
    assert_eq!(world.office().store.events(ROUND).await.unwrap(), before);
}

#[tokio::test]
async fn a_deadline_that_was_known_ends_the_round_whatever_comes_later() {
    let mut world = World::new(3, 1);
    // Enough for members to begin, not for all phases.
    world.until_ms = Some(now_ms() + 12_500);
    world.open().await;
    let known = world.office().driver.ends().await;
    assert_eq!(known.until_ms, world.until_ms);
    world.until_ms = Some(now_ms() + 1_000_000);
    world.open().await;
    assert_eq!(world.office().driver.ends().await, known, "an earlier end counts");
}

#[tokio::test]
async fn a_round_that_cannot_fit_is_called_off_before_anybody_works() {
    let mut world = World::new(3, 600);
    world.until_ms = Some(now_ms() + 60_000);
    world.open().await;
    assert_eq!(world.office().driver.ended().await, OFF);
    let progress = world.office().driver.progress().await;
    assert!(progress.roster.is_empty() && progress.misdeeds.is_empty());
}

#[tokio::test]
async fn another_draw_begins_the_round_anew() {
    let mut world = World::new(3, 600);
    world.open().await;
    for index in 0..3 {
        assert!(world.step(index).await, "the plan");
    }
    // What the coordinator has changed meanwhile is no other round.
    let signed = world.plan.clone();
    let mut plan = signed.body.clone();
    plan.timing.uploads += 1;
    world.plan = sign(&plan, plan.clone(), &coordinator()).unwrap();
    world.open().await;
    assert_eq!(world.office().driver.signed_plan(), &signed);
    assert_eq!(world.office().driver.progress().await.phase, Phase::Shares);
    // A reorganisation has.
    plan.nonce = B256::repeat_byte(7);
    world.plan = sign(&plan, plan.clone(), &coordinator()).unwrap();
    for _ in 0..2 {
        world.open().await;
        assert_eq!(world.office().driver.plan(), &plan);
        let progress = world.office().driver.progress().await;
        assert_eq!((progress.phase, progress.roster.len()), (Phase::Keys, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_sent_many_times_at_once_is_stored_once() {
    let mut world = World::new(3, 600);
    world.open().await;
    let plan = world.plan.clone();
    let keys = world.owners[0].contribution(&plan.body, Notice::Plan(plan.clone())).unwrap();
    let before = world.office().store.events(ROUND).await.unwrap().len();
    let account = world.owners[0].account();
    let sent: Vec<_> = (0..16)
        .map(|_| {
            let (driver, keys) = (world.office().driver.clone(), keys.clone());
            tokio::spawn(async move { driver.contribute(account, keys).await })
        })
        .collect();
    for taken in sent {
        assert_eq!(taken.await.unwrap(), Ok(()));
    }
    let after = world.office().store.events(ROUND).await.unwrap().len();
    assert_eq!(after, before + 1);
}
