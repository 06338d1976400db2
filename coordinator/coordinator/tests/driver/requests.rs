//! What peers can upload, download and ask for.

use alloy::primitives::{Address, keccak256};
use zktrain_coordinator::driver::items;
use zktrain_wire::messages::{End, Item, MemberMessage, Notice, Phase, Refusal, Request, Response};
use zktrain_wire::{Content, Service};

use crate::work::fixture;
use crate::world::{DOMAIN, ROUND, World, is_received, upload};

const MASKED: Item = Item::Masked { round: ROUND };
const SUBMISSION: Item = Item::Submission { round: ROUND };
const REGISTRATION: Item = Item::Registration { domain: DOMAIN };

async fn world() -> World {
    let mut world = World::new(3, 600);
    world.open().await;
    world
}

#[tokio::test]
async fn only_members_and_only_of_rounds_that_are_known() {
    let world = world().await;
    let handler = &*world.office().handler;
    let stranger = Address::repeat_byte(0x77);
    assert_eq!(handler.admit(Address::ZERO).await, Err(Refusal::NotMember));
    for item in [MASKED, SUBMISSION] {
        assert_eq!(upload(handler, stranger, &item, b"x").await, Err(Refusal::NotMember));
        assert_eq!(handler.finish(stranger, &item).await, Err(Refusal::NotMember));
    }
    let ask = |round| Request::Notice { round, number: 0 };
    let refused = Response::Refused(Refusal::NotMember);
    assert_eq!(handler.call(stranger, ask(ROUND)).await, refused);
    let member = world.owners[0].account();
    let refused = Response::Refused(Refusal::UnknownRound);
    assert_eq!(handler.call(member, ask(ROUND + 1)).await, refused);
    let refused = Err(Refusal::UnknownRound);
    assert_eq!(upload(handler, member, &Item::Masked { round: 8 }, b"x").await, refused);
    let other = Item::Registration { domain: DOMAIN + 1 };
    assert_eq!(upload(handler, member, &other, b"x").await, Err(Refusal::Missing));
    let file = Item::Lineage { path: "chain.json".into() };
    for item in [file, Item::Retired { number: ROUND }] {
        assert_eq!(upload(handler, member, &item, b"x").await, Err(Refusal::Missing));
    }
}

#[tokio::test]
async fn the_round_under_way_is_told() {
    let world = world().await;
    let (handler, member) = (&*world.office().handler, world.owners[0].account());
    let ask = |domain| handler.call(member, Request::Current { domain });
    assert_eq!(ask(DOMAIN).await, Response::Current(Some(ROUND)));
    assert_eq!(ask(DOMAIN + 1).await, Response::Refused(Refusal::Missing));
    handler.close_round();
    assert_eq!(ask(DOMAIN).await, Response::Current(None));
    // Who comes late still learns how it ended.
    let plan = handler.call(member, Request::Notice { round: ROUND, number: 0 }).await;
    assert_eq!(plan, Response::Notice(Box::new(Notice::Plan(world.plan.clone()))));
}

#[tokio::test]
async fn uploads_have_their_length() {
    let world = world().await;
    let (handler, member) = (&*world.office().handler, world.owners[0].account());
    let most = fixture().shape.bytes();
    for got in [most - 1, most + 1] {
        let refused = Err(Refusal::TooLarge { most, got });
        assert_eq!(upload(handler, member, &MASKED, &vec![0; got as usize]).await, refused);
    }
    let most = 32 << 20;
    let content = Content { len: most + 1, digest: keccak256(b"") };
    let refused = Err(Refusal::TooLarge { most, got: most + 1 });
    assert_eq!(handler.begin(member, &SUBMISSION, content).await, refused);
    assert_eq!(upload(handler, member, &SUBMISSION, b"short").await, Ok(()));
}

#[tokio::test]
async fn an_upload_is_finished_once() {
    let world = world().await;
    let (handler, member) = (&*world.office().handler, world.owners[0].account());
    assert_eq!(upload(handler, member, &SUBMISSION, b"one").await, Ok(()));
    assert_eq!(upload(handler, member, &SUBMISSION, b"one").await, Ok(()));
    assert_eq!(upload(handler, member, &SUBMISSION, b"two").await, Err(Refusal::Conflict));
    let content = Content { len: 3, digest: keccak256(b"not this") };
    let other = world.owners[1].account();
    handler.begin(other, &SUBMISSION, content).await.unwrap();
    handler.chunk(other, &SUBMISSION, 0, b"odd".as_slice().into()).await.unwrap();
    let refused = handler.finish(other, &SUBMISSION).await;
    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
    assert_eq!(upload(handler, other, &SUBMISSION, b"odd").await, Ok(()));
}

#[tokio::test]
async fn a_registration_can_be_made_good() {
    let world = world().await;
    let (handler, member) = (&*world.office().handler, world.owners[0].account());
    let refused = Err(Refusal::Invalid("no proof".into()));
    assert_eq!(upload(handler, member, &REGISTRATION, b"bad").await, refused);
    assert_eq!(upload(handler, member, &REGISTRATION, b"bad").await, refused);
    assert_eq!(upload(handler, member, &REGISTRATION, b"good").await, Ok(()));
    assert_eq!(upload(handler, member, &REGISTRATION, b"good").await, Ok(()));
    assert_eq!(handler.finish(member, &REGISTRATION).await, Ok(()));
    let checked = || handler.library().registered.lock().unwrap().len();
    assert_eq!(checked(), 1, "what holds is not checked again");
    assert_eq!(upload(handler, member, &REGISTRATION, b"good too").await, Ok(()));
    assert_eq!(checked(), 2);
    // The first one again is another one than the last.
    assert_eq!(upload(handler, member, &REGISTRATION, b"good").await, Ok(()));
    assert_eq!(checked(), 3);
}

#[tokio::test]
async fn a_registered_owner_need_not_do_it_again_after_a_restart() {
    let mut world = world().await;
    let [first, second, third] = [0, 1, 2].map(|index| world.owners[index].account());
    let handler = &*world.office().handler;
    upload(handler, first, &REGISTRATION, b"good").await.unwrap();
    upload(handler, second, &REGISTRATION, b"bad").await.unwrap_err();
    handler
        .begin(third, &REGISTRATION, Content { len: 4, digest: keccak256(b"good") })
        .await
        .unwrap();
    world.open().await;
    let handler = &*world.office().handler;
    assert!(handler.library().registered.lock().unwrap().is_empty());
    assert_eq!(handler.restore().await.unwrap(), 1);
    assert_eq!(*handler.library().registered.lock().unwrap(), [first]);
}

#[tokio::test]
async fn an_upload_is_named_once_it_is_there() {
    let mut world = world().await;
    let plan = world.plan.clone();
    for index in [0, 1, 2, 0, 1, 2] {
        world.step(index).await;
    }
    let shares = world.office().driver.notice(world.owners[0].account(), 2).await.unwrap();
    let Notice::Shares(passed) = &shares else { panic!("{shares:?}") };
    let _ = world.owners[0].member.shares(passed).unwrap();
    let named = world.owners[0].contribution(&plan.body, shares).unwrap();
    let missing =
        |what: &str| Response::Refused(Refusal::Invalid(format!("{what} was not uploaded")));
    assert_eq!(world.send(0, named.clone()).await, missing("the masked vector"));
    let other = vec![0; fixture().shape.bytes() as usize];
    world.upload(0, &MASKED, &other).await.unwrap();
    assert_eq!(world.send(0, named).await, missing("the masked vector"));
    let told = world.office().handler.library().refused.lock().unwrap().clone();
    let refusal = Refusal::Invalid("the masked vector was not uploaded".into());
    assert_eq!(told, [(world.owners[0].account(), refusal.clone()), (told[0].0, refusal)]);
}

#[tokio::test]
async fn after_the_end_the_same_is_known_and_nothing_is_stored() {
    let mut world = world().await;
    let plan = world.plan.clone();
    let End::Summed { .. } = world.run().await else { panic!("no sum") };
    let (store, member) = (world.office().store.clone(), world.owners[0].account());
    assert_eq!(store.upload_drop(&items::masked(ROUND)).await.unwrap(), 3);
    let shares = world.owners[0].seen[2].clone();
    let upload = world.owners[0].contribution(&plan.body, shares).unwrap();
    let response = world.send(0, upload.clone()).await;
    assert!(is_received(&plan.body, &upload, &response), "{response:?}");
    let MemberMessage::Upload(mut other) = upload else { panic!("no upload") };
    other.body.submission.0[0] ^= 1;
    let refused = Response::Refused(Refusal::WrongPhase { now: Phase::Ended });
    assert_eq!(world.send(0, MemberMessage::Upload(other)).await, refused);
    let bytes = vec![0; fixture().shape.bytes() as usize];
    let refused = Err(Refusal::WrongPhase { now: Phase::Ended });
    assert_eq!(world.upload(0, &MASKED, &bytes).await, refused);
    let info = store.upload_info(member.into_array(), &items::masked(ROUND)).await.unwrap();
    assert_eq!(info, None);
}

#[test]
fn names_of_uploads_do_not_begin_each_other() {
    for name in [items::masked, items::submission, items::registration] {
        assert!(!name(12).starts_with(&name(1)));
    }
}

#[tokio::test]
async fn downloads_come_in_parts() {
    let world = world().await;
    let (handler, member) = (&*world.office().handler, world.owners[0].account());
    let cases = [
        (Item::Lineage { path: "short".into() }, b"a file".to_vec()),
        (Item::Lineage { path: "chain.json".into() }, vec![5; 100_000]),
    ];
    for (item, expected) in cases {
        let content = handler.open(member, &item).await.unwrap();
        assert_eq!((content.len, content.digest), (expected.len() as u64, keccak256(&expected)));
        let mut got = Vec::new();
        loop {
            let part = handler.read(member, &item, got.len() as u64, 4099).await.unwrap();
            if part.is_empty() {
                break;
            }
            assert!(part.len() <= 4099);
            got.extend_from_slice(&part);
        }
        assert_eq!(got, expected);
        assert!(handler.read(member, &item, u64::MAX, 10).await.is_ok_and(|part| part.is_empty()));
    }
    let missing = Item::Retired { number: ROUND };
    assert_eq!(handler.open(member, &missing).await, Err(Refusal::Missing));
}
