//! What members send in a form that is theirs, but is not what they had to send.

use alloy::primitives::{B256, Bytes};
use zktrain_coordinator::machine::Admit;
use zktrain_secagg::messages::{Ciphertext, Complaint, Defence, Sharing, SharingHead, Upload};
use zktrain_wire::messages::{MemberMessage, Phase, Refusal};

use crate::world::{Cheat, Round, World};

const PHASES: [Phase; 6] =
    [Phase::Keys, Phase::Shares, Phase::Uploads, Phase::Confirm, Phase::Unmask, Phase::Defence];

fn at(phase: Phase) -> Round {
    let mut round = Round::new(World::of(4, 3));
    round.to(phase);
    round
}

fn invalid(round: &mut Round, index: usize, what: MemberMessage) {
    let refused = round.send(index, what);
    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
}

/// The same with another member's signature.
fn resigned(round: &Round, by: usize, what: &MemberMessage) -> MemberMessage {
    let world = &round.world;
    match what.clone() {
        MemberMessage::Keys(keys) => MemberMessage::Keys(world.sign(by, keys.body)),
        MemberMessage::Sharing(Sharing { head, envelopes }) => {
            let head = world.sign(by, head.body);
            MemberMessage::Sharing(Sharing { head, envelopes })
        }
        MemberMessage::Upload(upload) => MemberMessage::Upload(world.sign(by, upload.body)),
        MemberMessage::Confirm(confirm) => MemberMessage::Confirm(world.sign(by, confirm.body)),
        MemberMessage::Unmask(unmask) => MemberMessage::Unmask(world.sign(by, unmask.body)),
        MemberMessage::Defence(defence) => MemberMessage::Defence(world.sign(by, defence.body)),
        MemberMessage::Reveal(reveal) => MemberMessage::Reveal(world.sign(by, reveal.body)),
        MemberMessage::Complaint(_) => panic!("complaints are proofs, not signed"),
    }
}

#[test]
fn whatever_is_sent_is_signed_by_its_sender() {
    for phase in PHASES {
        let mut round = at(phase);
        let honest = round.said(0).remove(0);
        let forged = resigned(&round, 1, &honest);
        assert_ne!(forged, honest);
        invalid(&mut round, 0, forged);
        assert_eq!(round.send(0, honest), Ok(Admit::New), "{phase:?}");
    }
}

#[test]
fn shares_are_those_under_the_signed_root() {
    let mut round = at(Phase::Shares);
    let MemberMessage::Sharing(honest) = round.said(0).remove(0) else { panic!() };
    let changes: [fn(&mut Sharing); 5] = [
        |s| s.envelopes[1].sealed = Ciphertext([1; 80]),
        |s| s.envelopes[1].mask.0[0] ^= 1,
        |s| s.envelopes[1].own.0[0] ^= 1,
        |s| s.envelopes.swap(1, 2),
        |s| {
            s.envelopes.pop();
        },
    ];
    for change in changes {
        let mut other = honest.clone();
        change(&mut other);
        invalid(&mut round, 0, MemberMessage::Sharing(other));
    }
    // Signed as it is: for another roster, with a point that is none.
    let changes: [fn(&mut SharingHead); 3] =
        [|h| h.roster = B256::ZERO, |h| h.own = [0; 32], |h| h.root = B256::ZERO];
    for change in changes {
        let mut head = honest.head.body;
        change(&mut head);
        let (head, envelopes) = (round.world.sign(0, head), honest.envelopes.clone());
        invalid(&mut round, 0, MemberMessage::Sharing(Sharing { head, envelopes }));
    }
    assert_eq!(round.send(0, MemberMessage::Sharing(honest)), Ok(Admit::New));
}

#[test]
fn uploads_are_masked_for_those_that_have_shared() {
    let mut round = at(Phase::Uploads);
    let MemberMessage::Upload(honest) = round.said(0).remove(0) else { panic!() };
    let other = Upload { shared: B256::ZERO, ..honest.body };
    let other = round.world.sign(0, other);
    invalid(&mut round, 0, MemberMessage::Upload(other));
    assert_eq!(round.send(0, MemberMessage::Upload(honest)), Ok(Admit::New));
}

#[test]
fn one_share_is_shown_of_each_that_has_shared() {
    let mut round = at(Phase::Unmask);
    let MemberMessage::Unmask(honest) = round.said(0).remove(0) else { panic!() };
    let (mut fewer, mut more) = (honest.body.clone(), honest.body.clone());
    fewer.shares.pop();
    more.shares.push(None);
    for other in [fewer, more] {
        let other = round.world.sign(0, other);
        invalid(&mut round, 0, MemberMessage::Unmask(other));
    }
    assert_eq!(round.send(0, MemberMessage::Unmask(honest)), Ok(Admit::New));
}

#[test]
fn who_is_not_asked_is_not_heard() {
    // Member 4 has shared, but does not upload: the test is not about it.
    let mut round = Round::new(World::of(5, 3));
    round.to(Phase::Uploads);
    round.poll(&[0, 1, 2, 3]);
    round.accept(&[0, 1, 2, 3]);
    round.tick();
    round.poll(&[0, 1, 2, 3]);
    round.poll(&[0, 1, 2, 3]);
    round.summed(zktrain_coordinator::machine::SumResult::Wrong);
    assert_eq!(round.machine.phase(), Phase::Defence);
    let defence = Defence { account: round.world.account(4), proof: Bytes::from(vec![4; 9]) };
    let defence = round.world.sign(4, defence);
    invalid(&mut round, 4, MemberMessage::Defence(defence));
}

#[test]
fn complaints_are_about_those_that_have_shared_and_by_them() {
    let mut round = Round::new(World::of(5, 3));
    round.peers[2].cheat = Some(Cheat::Share);
    round.to(Phase::Shares);
    // Member 4 has sent its keys and nothing more.
    round.poll(&[0, 1, 2, 3]);
    round.tick();
    let MemberMessage::Complaint(honest) = round.said(0).remove(0) else { panic!() };
    let changes: [fn(&mut Complaint); 6] = [
        |c| c.shared = [0; 32],
        |c| c.proof[0][0] ^= 1,
        |c| c.proof[1][0] ^= 1,
        |c| c.passed.envelope.sealed = Ciphertext([1; 80]),
        |c| c.passed.path[0].0[0] ^= 1,
        |c| c.passed.head.body.root.0[0] ^= 1,
    ];
    for change in changes {
        let mut other = honest.clone();
        change(&mut other);
        invalid(&mut round, 0, MemberMessage::Complaint(other));
    }
    let mut absent = honest.clone();
    absent.passed.head.body.account = round.world.account(4);
    invalid(&mut round, 0, MemberMessage::Complaint(absent));
    let mut outside = honest.clone();
    outside.passed.envelope.to = round.world.account(4);
    invalid(&mut round, 4, MemberMessage::Complaint(outside));
    assert_eq!(round.send(0, MemberMessage::Complaint(honest)), Ok(Admit::New));
}
