//! Members that do not do what they should, and a coordinator that cannot.

use std::time::Duration;

use sqlx::{AnyConnection, Connection, Executor};
use zktrain_coordinator::driver::Timed;
use zktrain_coordinator::machine::{MisdeedKind, RoundEvent};
use zktrain_wire::messages::{End, MemberMessage, Notice, Phase, Reason, Refusal, Response};

use crate::work::{FALSE, PANIC};
use crate::world::{ROUND, World};

/// Does something to the database behind the store's back.
async fn run(world: &World, statement: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&world.url()).await.unwrap();
    connection.execute(statement).await.unwrap();
    connection.close().await.unwrap();
}

/// The first of three owners goes wrong; the sum is that of the others.
async fn only_the_first_is_left_out(mut world: World, kind: Option<MisdeedKind>) {
    world.open().await;
    let End::Summed { counted, .. } = world.run().await else { panic!("no sum") };
    assert_eq!(counted, world.accounts(&[1, 2]));
    let kept = world.office().bench.kept.lock().unwrap().clone();
    assert_eq!(kept, Some(world.expected(&[1, 2])));
    let misdeeds = world.office().driver.progress().await.misdeeds;
    let found: Vec<_> = misdeeds.into_iter().map(|m| (m.account, m.kind)).collect();
    let expected = kind.map(|kind| (world.owners[0].account(), kind));
    assert_eq!(found, Vec::from_iter(expected));
}

#[tokio::test]
async fn silence_ends_with_the_phase_and_is_noted_once_others_depend_on_the_silent() {
    let absent = MisdeedKind::Absent { phase: Phase::Uploads };
    for (phase, kind) in
        [(Phase::Keys, None), (Phase::Shares, None), (Phase::Uploads, Some(absent))]
    {
        let mut world = World::new(3, 2);
        world.owners[0].silent = Some(phase);
        only_the_first_is_left_out(world, kind).await;
    }
}

#[tokio::test]
async fn a_false_proof_is_not_counted() {
    let mut world = World::new(3, 600);
    world.owners[0].forge =
        |submission| submission.splice(0..0, FALSE.iter().copied()).for_each(drop);
    let why = "the proof does not hold".into();
    let kind = MisdeedKind::Submission { signed: true, why };
    only_the_first_is_left_out(world, Some(kind)).await;
}

#[tokio::test]
async fn phases_and_verdicts_are_timed() {
    let mut world = World::new(3, 600);
    world.owners[0].forge =
        |submission| submission.splice(0..0, FALSE.iter().copied()).for_each(drop);
    world.open().await;
    world.run().await;
    let timed = world.office().bench.timed.lock().unwrap().clone();
    let phases = timed.iter().filter_map(|what| match what {
        Timed::Phase(phase, _) => Some(*phase),
        Timed::Proof(..) => None,
    });
    let expected =
        [Phase::Keys, Phase::Shares, Phase::Uploads, Phase::Confirm, Phase::Unmask, Phase::Sum];
    assert!(phases.eq(expected), "{timed:?}");
    let proofs =
        |held: bool| timed.iter().filter(move |t| matches!(t, Timed::Proof(h, _) if *h == held));
    assert_eq!((proofs(true).count(), proofs(false).count()), (2, 1), "{timed:?}");
    let verified = world.office().driver.verified().await;
    assert!(verified.keys().copied().eq(world.accounts(&[0, 1, 2])), "{verified:?}");
}

#[tokio::test]
async fn a_proof_that_breaks_the_verifier_is_not_counted() {
    let mut world = World::new(3, 600);
    world.owners[0].forge =
        |submission| submission.splice(0..0, PANIC.iter().copied()).for_each(drop);
    let why = "its verification was broken off".into();
    let kind = MisdeedKind::Submission { signed: false, why };
    only_the_first_is_left_out(world, Some(kind)).await;
}

#[tokio::test]
async fn a_vector_that_is_none_spoils_no_sum() {
    let mut world = World::new(3, 600);
    // Not reduced, and not the first element of its part.
    world.owners[0].garble = |masked| masked[32 * 24..32 * 25].fill(0xff);
    let why = "the masked vector: element 24 is not reduced".into();
    let kind = MisdeedKind::Submission { signed: false, why };
    only_the_first_is_left_out(world, Some(kind)).await;
}

#[tokio::test]
async fn another_vector_than_the_update_is_blamed_on_its_sender() {
    let mut world = World::new(4, 600);
    world.owners[2].spoil = |packed| packed[3] += ark_bn254::Fr::from(1);
    world.open().await;
    assert_eq!(world.run().await, End::Void(Reason::Blamed(world.accounts(&[2]))));
}

#[tokio::test]
async fn a_sum_that_cannot_be_kept_is_blamed_on_nobody() {
    let mut world = World::new(3, 600);
    world.full = true;
    world.open().await;
    assert_eq!(world.run().await, End::Void(Reason::CalledOff));
    assert_eq!(world.office().driver.progress().await.misdeeds, []);
    let tested = |notice: &Notice| matches!(notice, Notice::Test(_));
    assert!(!world.owners.iter().any(|owner| owner.seen.iter().any(tested)));
}

#[tokio::test]
async fn a_round_is_called_off_once() {
    let mut world = World::new(3, 600);
    world.open().await;
    world.office().driver.call_off().await.unwrap();
    assert_eq!(world.office().driver.ended().await, End::Void(Reason::CalledOff));
    let before = world.office().store.events(ROUND).await.unwrap();
    world.office().driver.call_off().await.unwrap();
    assert_eq!(world.office().store.events(ROUND).await.unwrap(), before);
    let told = world.office().driver.notice(world.owners[0].account(), 1).await.unwrap();
    assert_eq!(told, Notice::End(End::Void(Reason::CalledOff)));
}

#[tokio::test]
async fn nothing_is_taken_that_is_not_stored() {
    let mut world = World::new(3, 600);
    world.open().await;
    let fail = "CREATE TRIGGER fail BEFORE INSERT ON round_event \
                BEGIN SELECT RAISE(ABORT, 'full'); END";
    run(&world, fail).await;
    let keys = |world: &mut World, index: usize| {
        let plan = world.plan.clone();
        world.owners[index].contribution(&plan.body, Notice::Plan(plan.clone())).unwrap()
    };
    let first = keys(&mut world, 0);
    let refused = Response::Refused(Refusal::Internal);
    assert_eq!(world.send(0, first.clone()).await, refused);
    assert!(world.office().driver.progress().await.roster.is_empty());
    run(&world, "DROP TRIGGER fail").await;
    assert_eq!(world.send(0, first).await, Response::Taken);
    assert_eq!(world.office().driver.progress().await.roster, world.accounts(&[0]));
}

#[tokio::test]
async fn what_was_stored_unawares_counts_before_what_comes_next() {
    let mut world = World::new(3, 600);
    world.open().await;
    let plan = world.plan.clone();
    let keys = |owner: &mut crate::world::Owner| {
        owner.contribution(&plan.body, Notice::Plan(plan.clone())).unwrap()
    };
    let stored: Vec<MemberMessage> = world.owners.iter_mut().map(keys).collect();
    // As if the store had said that it failed, and had not.
    let event = RoundEvent::Contribution {
        from: world.owners[1].account(),
        what: Box::new(stored[1].clone()),
    };
    let body = postcard::to_stdvec(&event).unwrap();
    world.office().store.append(ROUND, &body, 1).await.unwrap();
    assert_eq!(world.send(0, stored[0].clone()).await, Response::Taken);
    let progress = world.office().driver.progress().await;
    assert_eq!(progress.roster, world.accounts(&[0, 1]));
    assert_eq!(world.send(2, stored[2].clone()).await, Response::Taken);
    let progress = world.office().driver.progress().await;
    assert_eq!(progress.phase, Phase::Shares);
    world.open().await;
    assert_eq!(world.office().driver.progress().await, progress);
}

#[tokio::test]
async fn the_clock_and_jobs_go_on_once_the_store_does() {
    let mut world = World::new(3, 3);
    world.owners[0].silent = Some(Phase::Uploads);
    world.open().await;
    while world.office().driver.progress().await.phase < Phase::Uploads {
        for index in 0..3 {
            world.step(index).await;
        }
    }
    let fail = "CREATE TRIGGER fail BEFORE INSERT ON round_event WHEN length(NEW.body) < 150 \
                BEGIN SELECT RAISE(ABORT, 'full'); END";
    // Neither verdicts nor ticks.
    run(&world, fail).await;
    for index in 1..3 {
        world.step(index).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let progress = world.office().driver.progress().await;
    assert_eq!((progress.uploaded.len(), progress.counted.len()), (2, 0));
    run(&world, "DROP TRIGGER fail").await;
    let End::Summed { counted, .. } = world.run().await else { panic!("no sum") };
    assert_eq!(counted, world.accounts(&[1, 2]));
}

#[tokio::test]
async fn what_the_coordinator_lost_is_no_misdeed() {
    let mut world = World::new(3, 3);
    world.open().await;
    while world.office().driver.progress().await.phase < Phase::Uploads {
        for index in 0..3 {
            world.step(index).await;
        }
    }
    // The parts of the first owner's uploads vanish before they are read.
    let lose = "CREATE TRIGGER lose AFTER UPDATE ON upload WHEN NEW.finished = 1 AND \
                NEW.id <= (SELECT MIN(id) + 1 FROM upload) \
                BEGIN DELETE FROM upload_part WHERE upload = NEW.id; END";
    run(&world, lose).await;
    only_ended(&mut world).await;
    let progress = world.office().driver.progress().await;
    assert_eq!(progress.misdeeds, []);
    assert_eq!(progress.counted, world.accounts(&[1, 2]));
}

async fn only_ended(world: &mut World) {
    assert!(matches!(world.run().await, End::Summed { .. }));
}
