//! What a coordinator answers for with its key.

use alloy::primitives::{Address, B256};
use zktrain_contracts::protocol::SignedReceipt;
use zktrain_network::messages::{Contribution, Notice, ReceiptError, Response, check_receipt};
use zktrain_network::plan::Plan;

use crate::world::{World, is_taken};

/// A receipt that the coordinator gave, for this upload.
async fn given(world: &mut World) -> (Contribution, SignedReceipt) {
    let plan = world.plan.body.clone();
    loop {
        for index in 0..3 {
            world.step(index).await;
            let seen = world.owners[index].seen.clone();
            let Some(shares) = seen.iter().find(|n| matches!(n, Notice::Shares(_))) else {
                continue;
            };
            // The same again: it is known, and answered for as before.
            let upload = world.owners[index].contribution(&plan, shares.clone()).unwrap();
            match world.send(index, upload.clone()).await {
                Response::Received(receipt) => return (upload, *receipt),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_upload_is_answered_with_a_receipt_that_holds_for_nothing_else() {
    let mut world = World::new(3, 600);
    world.open().await;
    let plan = world.plan.body.clone();
    let (what, receipt) = given(&mut world).await;
    assert!(is_taken(&plan, &what, &Response::Received(Box::new(receipt.clone()))));
    let Contribution::Upload(upload) = &what else { panic!("{what:?}") };
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
    let plans: [fn(&mut Plan); 4] = [
        |p| p.chain_id += 1,
        |p| p.rounds = Address::ZERO,
        |p| p.coordinator = Address::ZERO,
        |p| p.parent = B256::ZERO,
    ];
    for (index, change) in plans.into_iter().enumerate() {
        let mut other = plan.clone();
        change(&mut other);
        assert!(check_receipt(&other, &upload, &receipt).is_err(), "{index}");
    }
    let mut by_another = receipt.clone();
    let owner = &world.owners[0].signer;
    let domain = plan.typed_domain();
    by_another = SignedReceipt::new(by_another.receipt, &domain, owner).unwrap();
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
    let Contribution::Upload(mut other) = upload else { panic!("no upload") };
    other.body.masked.0[0] ^= 1;
    let index = world.owners.iter().position(|o| o.account() == other.body.account).unwrap();
    let refused = world.send(index, Contribution::Upload(other)).await;
    assert!(matches!(refused, Response::Refused(_)), "{refused:?}");
}
