//! What a coordinator answers for with its key.

use alloy::primitives::{Address, B256};
use zktrain_ledger::SignedReceipt;
use zktrain_secagg::plan::Plan;
use zktrain_wire::Scoped;
use zktrain_wire::messages::{End, MemberMessage, Notice, Phase, Reason, Response};
use zktrain_wire::receipts::{ReceiptError, check_receipt};

use crate::work::FALSE;
use crate::world::{World, is_received};

/// An owner's upload again, with the answer: it is known.
async fn again(world: &mut World, index: usize) -> (MemberMessage, Response) {
    let plan = world.plan.body.clone();
    let is_shares = |notice: &&Notice| matches!(notice, Notice::Shares(_));
    let shares = world.owners[index].seen.iter().find(is_shares).unwrap().clone();
    let upload = world.owners[index].contribution(&plan, shares).unwrap();
    let response = world.send(index, upload.clone()).await;
    (upload, response)
}

/// These owners answer until they are told who is counted.
async fn to_counted(world: &mut World, who: &[usize]) {
    let is_told = |world: &World, index: usize| {
        world.owners[index].seen.iter().any(|notice| matches!(notice, Notice::Counted(_)))
    };
    while !who.iter().all(|index| is_told(world, *index)) {
        for index in who {
            if !is_told(world, *index) {
                world.step(*index).await;
            }
        }
    }
}

/// A receipt that the coordinator gave, for this upload.
async fn given(world: &mut World) -> (MemberMessage, SignedReceipt) {
    to_counted(world, &[0, 1, 2]).await;
    match again(world, 0).await {
        (upload, Response::Received(receipt)) => (upload, *receipt),
        (_, other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_upload_is_answered_with_a_receipt_that_holds_for_nothing_else() {
    let mut world = World::new(3, 600);
    world.open().await;
    let plan = world.plan.body.clone();
    let (what, receipt) = given(&mut world).await;
    assert!(is_received(&plan, &what, &Response::Received(Box::new(receipt.clone()))));
    let MemberMessage::Upload(upload) = &what else { panic!("{what:?}") };
    let upload = upload.body;
    assert!(receipt.receipt.time > 1_700_000_000, "in Unix seconds");

    // Each field, changed in the receipt: another receipt, or one that nobody signed.
    let coordinator = plan.coordinator;
    let unsigned = ReceiptError::Signature { coordinator };
    let field = |field| ReceiptError::Field { field };
    type Change = fn(&mut SignedReceipt);
    let changes: [(Change, ReceiptError); 8] = [
        (|r| r.receipt.round += 1, field("round")),
        (|r| r.receipt.member.0[0] ^= 1, field("member")),
        (|r| r.receipt.plan.0[0] ^= 1, field("plan")),
        (|r| r.receipt.masked.0[0] ^= 1, field("masked vector")),
        (|r| r.receipt.submission.0[0] ^= 1, field("submission")),
        (|r| r.receipt.time += 1, unsigned),
        (|r| r.signature = r.signature[..64].to_vec().into(), unsigned),
        (|r| r.signature = vec![0; 65].into(), unsigned),
    ];
    for (index, (change, error)) in changes.into_iter().enumerate() {
        let mut other = receipt.clone();
        change(&mut other);
        assert_eq!(check_receipt(&plan, &upload, &other), Err(error), "{index}");
    }
    // And for another chain, contract, coordinator or plan.
    let plans: [fn(&mut Plan); 5] = [
        |p| p.chain_id += 1,
        |p| p.rounds = Address::ZERO,
        |p| p.coordinator = Address::ZERO,
        |p| p.parent = B256::ZERO,
        |p| p.nonce.0[0] ^= 1,
    ];
    for (index, change) in plans.into_iter().enumerate() {
        let mut other = plan.clone();
        change(&mut other);
        assert!(check_receipt(&other, &upload, &receipt).is_err(), "{index}");
    }
    let mut by_another = receipt.clone();
    let owner = &world.owners[0].signer;
    by_another = SignedReceipt::new(by_another.receipt, &plan.scope(), owner).unwrap();
    assert_eq!(check_receipt(&plan, &upload, &by_another), Err(unsigned));
}

#[tokio::test]
async fn nothing_but_a_stored_upload_gets_one() {
    let mut world = World::new(3, 600);
    world.open().await;
    let plan = world.plan.clone();
    let keys = world.owners[0].contribution(&plan.body, Notice::Plan(plan.clone())).unwrap();
    assert_eq!(world.send(0, keys).await, Response::Taken);
    let (upload, _) = given(&mut world).await;
    let MemberMessage::Upload(mut other) = upload else { panic!("no upload") };
    other.body.masked.0[0] ^= 1;
    let index = world.owners.iter().position(|o| o.account() == other.body.account).unwrap();
    let refused = world.send(index, MemberMessage::Upload(other)).await;
    assert!(matches!(refused, Response::Refused(_)), "{refused:?}");
}

/// A member that had a receipt for a proof that does not hold, or that nobody has looked at yet,
/// could accuse an honest coordinator of leaving it out.
#[tokio::test]
async fn what_is_not_counted_is_answered_for_by_nobody_however_often_it_is_sent() {
    let mut world = World::new(4, 600);
    world.owners[0].forge =
        |submission| submission.splice(0..0, FALSE.iter().copied()).for_each(drop);
    world.owners[3].silent = Some(Phase::Uploads);
    world.open().await;
    let plan = world.plan.body.clone();
    // Before the proofs are judged, and after: one upload is missing, so that nobody is counted.
    while world.office().driver.progress().await.uploaded.len() < 3 {
        for index in 0..4 {
            world.step(index).await;
        }
    }
    for _ in 0..2 {
        for index in 0..3 {
            assert_eq!(again(&mut world, index).await.1, Response::Taken, "{index}");
        }
        while world.office().driver.jobs().await > 0 {
            world.step(0).await;
        }
    }
    world.owners[3].silent = None;
    assert!(matches!(world.owners[3].seen.pop(), Some(Notice::Shares(_))));
    to_counted(&mut world, &[0, 1, 2, 3]).await;
    let check = async |world: &mut World| {
        assert_eq!(again(world, 0).await.1, Response::Taken);
        for index in 1..4 {
            let (upload, response) = again(world, index).await;
            assert!(is_received(&plan, &upload, &response), "{index}: {response:?}");
        }
    };
    check(&mut world).await;
    // Neither the end of the round nor a restart makes it any better.
    let End::Summed { .. } = world.run().await else { panic!("no sum") };
    check(&mut world).await;
    world.open().await;
    check(&mut world).await;
}

/// A round that comes to nothing once receipts were given must not belie them.
#[tokio::test]
async fn a_member_that_may_have_a_receipt_is_promised_a_place_whatever_becomes_of_the_round() {
    let mut world = World::new(3, 600);
    world.open().await;
    assert!(world.office().driver.promised().await.is_empty(), "nobody is counted");
    let (upload, receipt) = given(&mut world).await;
    let MemberMessage::Upload(upload) = upload else { panic!("no upload") };
    assert_eq!(receipt.receipt.submission, upload.body.submission);
    let promised = world.office().driver.promised().await;
    assert_eq!(promised.keys().copied().collect::<Vec<_>>(), world.accounts(&[0, 1, 2]));
    assert_eq!(promised[&receipt.receipt.member], receipt.receipt.submission);
    world.office().driver.call_off().await.unwrap();
    let off = End::Void(Reason::CalledOff);
    assert_eq!(world.office().driver.ended().await, off);
    // Neither the end nor a restart changes that, and their work is told to be theirs.
    for _ in 0..2 {
        assert_eq!(world.office().driver.promised().await, promised);
        let worked = world.office().driver.progress().await.counted;
        assert_eq!(worked, world.accounts(&[0, 1, 2]));
        world.open().await;
    }
}
