//! A coordinator that ends and comes back, between any two messages.

use zktrain_coordinator::machine::MisdeedKind;
use zktrain_wire::messages::{End, Notice, Phase, Reason};

use crate::world::World;

/// Runs a round, with a new driver on a new store after every message. What members were told
/// before is what they would be told again.
async fn reopened(world: &mut World) -> End {
    loop {
        for index in 0..world.owners.len() {
            world.open().await;
            let driver = &world.office().driver;
            let owner = &world.owners[index];
            for (number, seen) in owner.seen.iter().enumerate() {
                assert_eq!(&driver.notice(owner.account(), number as u32).await.unwrap(), seen);
            }
            world.step(index).await;
        }
        if let Some(end) = world.office().driver.progress().await.end {
            return end;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_survives_the_end_of_its_coordinator_after_any_message() {
    let mut world = World::new(3, 600);
    let End::Summed { counted, .. } = reopened(&mut world).await else { panic!("no sum") };
    assert_eq!(counted, world.accounts(&[0, 1, 2]));
    let progress = world.office().driver.progress().await;
    assert_eq!(progress.misdeeds, []);
    // Once more: it is over, and a member that asks late is told what it ended with.
    world.open().await;
    let told = world.office().driver.notice(world.owners[2].account(), 5).await.unwrap();
    assert!(matches!(told, Notice::End(End::Summed { .. })), "{told:?}");
    assert_eq!(world.office().driver.progress().await, progress);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cheats_is_found_by_a_coordinator_that_comes_back_after_any_message() {
    let mut world = World::new(3, 600);
    world.owners[1].spoil = |vector| vector[2] += ark_bn254::Fr::from(1);
    let end = reopened(&mut world).await;
    let cheats = world.accounts(&[1]);
    assert_eq!(end, End::Void(Reason::Blamed(cheats.clone())));
    let misdeeds = world.office().driver.progress().await.misdeeds;
    let found: Vec<_> = misdeeds.iter().map(|m| (m.account, m.kind.clone())).collect();
    assert_eq!(found, [(cheats[0], MisdeedKind::Blamed)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_whose_result_was_lost_are_done_again() {
    let mut world = World::new(3, 600);
    world.open().await;
    // Up to the last shares; the sum is under way, or not, when the coordinator ends.
    loop {
        for index in 0..3 {
            world.step(index).await;
        }
        if world.office().driver.progress().await.phase >= Phase::Sum {
            break;
        }
    }
    world.open().await;
    let End::Summed { .. } = world.office().driver.ended().await else { panic!("no sum") };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phases_go_on_while_a_coordinator_is_down() {
    let mut world = World::new(3, 1);
    world.open().await;
    world.step(0).await;
    world.office = None;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    world.open().await;
    let end = world.office().driver.ended().await;
    let (phase, needed, got) = (Phase::Keys, 2, 1);
    assert_eq!(end, End::Void(Reason::TooFew { phase, needed, got }));
}
