//! What is taken, when phases end, what is published.

use alloy::primitives::{Address, B256};
use zktrain_coordinator::machine::{
    Action, Admit, MisdeedKind, ProofVerdict, RoundEvent, SumResult,
};
use zktrain_secagg::messages::Upload;
use zktrain_wire::messages::{End, MemberMessage, Notice, Phase, Reason, Refusal};
use zktrain_wire::sign;

use crate::world::{Cheat, Round, TIMING, World};

fn round() -> Round {
    Round::new(World::of(4, 3))
}

fn too_few(phase: Phase, needed: u32, got: u32) -> Option<End> {
    Some(End::Void(Reason::TooFew { phase, needed, got }))
}

fn is_invalid(result: Result<Admit, Refusal>) -> bool {
    matches!(result, Err(Refusal::Invalid(_)))
}

#[test]
fn everybody_answers_and_is_summed() {
    let mut round = round();
    round.to(Phase::Sum);
    let all = round.world.accounts(&[0, 1, 2, 3]);
    assert_eq!(round.machine.counted(), all);
    assert_eq!(round.sum().unwrap(), round.world.expected(&all));
    assert_eq!(round.now, 0, "phases end once everybody has answered");
    assert_eq!(TIMING.longest_ms(), 1000 * (10 + 20 + 300 + 2 * 40 + 2 * 50 + 4 * 60));
}

#[test]
fn phases_last_until_their_deadlines() {
    let mut round = round();
    let seconds = [(Phase::Keys, 10), (Phase::Shares, 20), (Phase::Uploads, 300)];
    let seconds = seconds.into_iter().chain([(Phase::Confirm, 40), (Phase::Unmask, 50)]);
    for (phase, seconds) in seconds {
        assert_eq!(round.machine.phase(), phase);
        assert_eq!(round.machine.deadline(), Some(round.now + 1000 * seconds));
        round.poll(&[0, 1, 2]);
        if phase == Phase::Uploads {
            round.accept(&[0, 1, 2]);
        }
        if phase == Phase::Keys {
            // The fourth one is late: without its answer the phase goes on.
            round.now += 1000 * seconds - 1;
            assert_eq!(round.handle(RoundEvent::Tick), []);
            assert_eq!(round.machine.phase(), phase);
        }
        if round.machine.phase() == phase {
            round.tick();
        }
    }
    // It was not asked any more after the first phase.
    assert_eq!(round.machine.phase(), Phase::Sum);
    assert_eq!(round.machine.progress().roster, round.world.accounts(&[0, 1, 2]));
    let counted = round.machine.counted().to_vec();
    assert_eq!(round.sum().unwrap(), round.world.expected(&counted));
}

#[test]
fn those_that_drop_out_are_not_counted() {
    let mut round = Round::new(World::of(6, 4));
    round.to(Phase::Uploads);
    round.poll(&[0, 1, 2, 3, 4]);
    round.accept(&[0, 1, 2, 3, 4]);
    assert_eq!(round.machine.phase(), Phase::Uploads);
    round.tick();
    assert_eq!(round.machine.phase(), Phase::Confirm);
    assert_eq!(round.machine.counted(), round.world.accounts(&[0, 1, 2, 3, 4]));
    round.poll(&[0, 1, 2, 3]);
    round.tick();
    round.poll(&[0, 1, 2, 3]);
    assert_eq!(round.machine.phase(), Phase::Sum, "who has not confirmed is not waited for");
    let counted = round.machine.counted().to_vec();
    assert_eq!(round.sum().unwrap(), round.world.expected(&counted));
    assert_eq!(round.actions.last(), Some(&Action::Sum));
    round.replay();
}

#[test]
fn too_few_end_the_round() {
    for (phase, needed) in [
        (Phase::Keys, 3),
        (Phase::Shares, 3),
        (Phase::Uploads, 3),
        (Phase::Confirm, 3),
        (Phase::Unmask, 3),
    ] {
        let mut round = round();
        round.to(phase);
        round.poll(&[1, 3]);
        if phase == Phase::Uploads {
            round.accept(&[1, 3]);
        }
        let actions = round.tick();
        let end = too_few(phase, needed, 2);
        assert_eq!(round.end(), end);
        assert_eq!(actions, [Action::Published, Action::Ended(end.unwrap())]);
        assert_eq!((round.machine.phase(), round.machine.deadline()), (Phase::Ended, None));
        round.replay();
    }
}

#[test]
fn too_few_with_weight_end_the_round() {
    for phase in [Phase::Keys, Phase::Shares, Phase::Uploads] {
        let mut round = Round::new(World::new(&[0, 1 << 15, 1 << 15, 0], 3, 2));
        round.to(phase);
        round.poll(&[0, 1, 3]);
        if phase == Phase::Uploads {
            round.accept(&[0, 1, 3]);
        }
        round.tick();
        assert_eq!(round.end(), too_few(phase, 2, 1));
    }
    // Confirmations and shares count whatever their members' weights.
    let mut round = Round::new(World::new(&[0, 1 << 15, 1 << 15, 0], 3, 2));
    round.to(Phase::Confirm);
    round.poll(&[0, 1, 3]);
    round.tick();
    round.poll(&[0, 1, 3]);
    assert_eq!(round.machine.phase(), Phase::Sum);
}

#[test]
fn only_members_speak_and_for_themselves() {
    let mut round = round();
    let keys = round.said(0).remove(0);
    let stranger = Address::repeat_byte(9);
    assert_eq!(round.machine.check(stranger, &keys), Err(Refusal::NotMember));
    assert!(is_invalid(round.send(1, keys.clone())));
    let MemberMessage::Keys(signed) = &keys else { panic!() };
    let forged = round.world.sign(1, signed.body);
    assert!(is_invalid(round.send(0, MemberMessage::Keys(forged))));
    assert_eq!(round.send(0, keys), Ok(Admit::New));
}

#[test]
fn the_first_of_a_kind_counts() {
    let mut round = round();
    round.to(Phase::Uploads);
    let upload = round.said(0).remove(0);
    let MemberMessage::Upload(signed) = &upload else { panic!() };
    let other = Upload { masked: B256::repeat_byte(1), ..signed.body };
    let other = MemberMessage::Upload(round.world.sign(0, other));
    assert_eq!(round.send(0, upload.clone()), Ok(Admit::New));
    assert_eq!(round.actions, [Action::Judge { account: round.world.account(0) }]);
    assert_eq!(round.send(0, upload.clone()), Ok(Admit::Known));
    assert_eq!(round.send(0, other.clone()), Err(Refusal::Conflict));
    let (from, what) = (round.world.account(0), Box::new(other.clone()));
    assert_eq!(round.handle(RoundEvent::Contribution { from, what }), []);
    assert_eq!(round.actions.len(), 1);
    round.handle(RoundEvent::CalledOff);
    assert_eq!(round.end(), Some(End::Void(Reason::CalledOff)));
    assert_eq!(round.send(0, upload), Ok(Admit::Known));
    let now = Phase::Ended;
    assert_eq!(round.send(0, other), Err(Refusal::WrongPhase { now }));
    let late = round.said(1).remove(0);
    assert_eq!(round.send(1, late), Err(Refusal::WrongPhase { now }));
    assert_eq!(round.handle(RoundEvent::CalledOff), [], "nothing happens after the end");
}

#[test]
fn every_kind_has_its_phase() {
    let phases =
        [Phase::Keys, Phase::Shares, Phase::Uploads, Phase::Confirm, Phase::Unmask, Phase::Defence];
    for (at, phase) in phases.into_iter().enumerate() {
        let mut round = round();
        round.to(phase);
        let what = round.said(3).remove(0);
        assert_eq!(round.machine.check(round.world.account(3), &what), Ok(Admit::New));
        let (body, from) = (what.clone(), round.world.account(3));
        round.poll(&[0, 1, 2]);
        if phase == Phase::Uploads {
            round.accept(&[0, 1, 2]);
        }
        round.tick();
        let now = round.machine.phase();
        let refused = round.machine.check(from, &body);
        if phase == Phase::Defence {
            assert_eq!(now, Phase::Defence, "defences are judged");
        } else {
            assert!(now > phase);
        }
        assert_eq!(refused, Err(Refusal::WrongPhase { now }));
        if let Some(before) = at.checked_sub(1) {
            let mut early = self::round();
            early.to(phases[before]);
            let now = phases[before];
            assert_eq!(early.machine.check(from, &what), Err(Refusal::WrongPhase { now }));
        }
    }
}

#[test]
fn who_has_dropped_out_is_not_heard() {
    let mut round = Round::new(World::of(6, 4));
    round.to(Phase::Uploads);
    round.poll(&[0, 1, 2, 3, 4]);
    round.accept(&[0, 1, 2, 3, 4]);
    round.tick();
    // It confirms and unmasks what it was not counted in.
    let MemberMessage::Confirm(confirm) = round.said(0).remove(0) else { panic!() };
    let mut body = confirm.body;
    body.account = round.world.account(5);
    assert!(is_invalid(round.send(5, MemberMessage::Confirm(round.world.sign(5, body)))));
    // A counted one confirms something else.
    let mut body = confirm.body;
    body.counted = body.shared;
    assert!(is_invalid(round.send(0, MemberMessage::Confirm(round.world.sign(0, body)))));
    assert_eq!(round.send(0, MemberMessage::Confirm(confirm)), Ok(Admit::New));
}

#[test]
fn verdicts_are_waited_for() {
    let mut round = round();
    round.to(Phase::Uploads);
    let late = round.said(3);
    round.poll(&[0, 1, 2]);
    round.accept(&[0, 1]);
    assert_eq!(round.machine.pending().len(), 1);
    assert_eq!(round.tick(), []);
    assert_eq!(round.machine.phase(), Phase::Uploads);
    assert_eq!(round.machine.deadline(), Some(round.now + 40_000));
    // Nobody uploads meanwhile.
    let refused = Err(Refusal::WrongPhase { now: Phase::Uploads });
    assert_eq!(round.send(3, late[0].clone()), refused);
    round.now += 1;
    let mut waited = Round { machine: round.machine.clone(), ..self::round() };
    round.accept(&[2]);
    assert_eq!(round.machine.phase(), Phase::Confirm);
    assert_eq!(round.machine.counted(), round.world.accounts(&[0, 1, 2]));
    // If the verdict does not come, it counts as missing.
    waited.tick();
    assert_eq!(waited.end(), too_few(Phase::Uploads, 3, 2));
}

#[test]
fn phase_uploads_waits_for_everybodys_verdict() {
    let mut round = round();
    round.to(Phase::Uploads);
    round.poll(&[0, 1, 2, 3]);
    round.accept(&[0, 1, 2]);
    assert_eq!(round.machine.phase(), Phase::Uploads);
    // Verdicts that nobody asked for, and second ones.
    round.handle(RoundEvent::Judged { account: Address::ZERO, verdict: ProofVerdict::Accepted });
    let rejected = ProofVerdict::Rejected { signed: true, why: "late".into() };
    round.judge(0, rejected);
    assert_eq!(round.machine.progress().counted, round.world.accounts(&[0, 1, 2]));
    assert_eq!(round.machine.progress().misdeeds, []);
    round.accept(&[3]);
    assert_eq!(round.machine.phase(), Phase::Confirm);
}

#[test]
fn a_rejected_proof_is_not_counted() {
    let mut round = round();
    round.to(Phase::Uploads);
    round.poll(&[0, 1, 2, 3]);
    round.accept(&[0, 2, 3]);
    round.judge(1, ProofVerdict::Rejected { signed: true, why: "sum check".into() });
    assert_eq!(round.machine.counted(), round.world.accounts(&[0, 2, 3]));
    let misdeeds = round.machine.progress().misdeeds;
    assert_eq!(misdeeds.len(), 1);
    assert_eq!(misdeeds[0].account, round.world.account(1));
    let why = "sum check".into();
    assert_eq!(misdeeds[0].kind, MisdeedKind::Submission { signed: true, why });
    round.to(Phase::Sum);
    let counted = round.machine.counted().to_vec();
    assert_eq!(round.sum().unwrap(), round.world.expected(&counted));
}

#[test]
fn a_complaint_convicts_its_dealer() {
    let mut round = Round::new(World::of(4, 3));
    round.peers[2].cheat = Some(Cheat::Share);
    round.to(Phase::Uploads);
    let said = round.said(0);
    let [complaint @ MemberMessage::Complaint(inner), upload] = &said[..] else { panic!() };
    // Nobody else sends it, and nobody is convicted by one that does not hold.
    assert!(is_invalid(round.send(1, complaint.clone())));
    let mut unfounded = inner.clone();
    unfounded.proof[1] = [0; 32];
    assert!(is_invalid(round.send(0, MemberMessage::Complaint(unfounded))));
    assert_eq!(round.machine.progress().misdeeds, []);
    assert_eq!(round.send(0, complaint.clone()), Ok(Admit::New));
    assert_eq!(round.send(0, complaint.clone()), Ok(Admit::Known));
    let dealer = round.world.account(2);
    let misdeeds = round.machine.progress().misdeeds;
    assert_eq!(misdeeds.len(), 1);
    assert_eq!(misdeeds[0].account, dealer);
    assert_eq!(misdeeds[0].kind, MisdeedKind::Share { to: round.world.account(0) });
    round.send(0, upload.clone()).unwrap();
    let refused = round.said(2).remove(0);
    assert!(is_invalid(round.send(2, refused)));
    // It is not waited for either, and its masks come off.
    round.poll(&[1, 3]);
    round.accept(&[0, 1, 3]);
    assert_eq!(round.machine.counted(), round.world.accounts(&[0, 1, 3]));
    round.poll(&[0, 1, 3]);
    round.poll(&[0, 1, 3]);
    // One of the four shares of its mask key is lost: three of the others' are left, of which the
    // dealer's own is not shown.
    assert_eq!(round.machine.phase(), Phase::Sum);
    assert_eq!(round.sum(), Err(SumResult::Short(vec![dealer])));
    round.replay();
}

#[test]
fn a_complaint_drops_what_was_accepted() {
    let mut round = Round::new(World::of(5, 3));
    round.peers[2].cheat = Some(Cheat::Share);
    round.to(Phase::Uploads);
    round.poll(&[1, 2, 3, 4]);
    round.accept(&[1, 2, 3, 4]);
    assert_eq!(round.machine.progress().counted, round.world.accounts(&[1, 2, 3, 4]));
    let answers = |round: &Round| -> Vec<usize> {
        round
            .all()
            .into_iter()
            .filter(|i| round.machine.answers_for(round.world.account(*i)))
            .collect()
    };
    // It could be held against the coordinator that it left the dealer out.
    assert!(answers(&round).is_empty(), "nobody is counted for good");
    // While late verdicts are waited for, complaints still count.
    let said = round.said(0);
    round.send(0, said[1].clone()).unwrap();
    round.tick();
    assert_eq!(round.machine.phase(), Phase::Uploads);
    round.send(0, said[0].clone()).unwrap();
    round.accept(&[0]);
    assert_eq!(round.machine.counted(), round.world.accounts(&[0, 1, 3, 4]));
    assert_eq!(answers(&round), [0, 1, 3, 4]);
    round.to(Phase::Sum);
    let counted = round.machine.counted().to_vec();
    assert_eq!(round.sum().unwrap(), round.world.expected(&counted));
}

#[test]
fn members_are_told_what_concerns_them() {
    let mut round = Round::new(World::of(5, 3));
    assert_eq!(round.machine.notice(Address::repeat_byte(9), 0), None);
    let kinds = |round: &Round, index: usize| -> Vec<&'static str> {
        let account = round.world.account(index);
        let notices = (0..).map_while(|number| round.machine.notice(account, number));
        let kind = |notice| match notice {
            Notice::Plan(_) => "plan",
            Notice::Roster(_) => "roster",
            Notice::Shares(_) => "shares",
            Notice::Counted(_) => "counted",
            Notice::Confirmed(_) => "confirmed",
            Notice::Test(_) => "test",
            Notice::Dispute(_) => "dispute",
            Notice::End(_) => "end",
        };
        notices.map(kind).collect()
    };
    assert_eq!(kinds(&round, 0), ["plan"]);
    round.to(Phase::Shares);
    assert_eq!(kinds(&round, 4), ["plan", "roster"]);
    round.poll(&[0, 1, 2, 3]);
    round.tick();
    assert_eq!(kinds(&round, 4), ["plan", "roster"], "it has not shared");
    let Some(Notice::Shares(passed)) = round.machine.notice(round.world.account(0), 2) else {
        panic!()
    };
    let from: Vec<Address> = passed.iter().map(|passed| passed.head.body.account).collect();
    assert_eq!(from, round.world.accounts(&[0, 1, 2, 3]));
    assert!(passed.iter().all(|passed| passed.envelope.to == round.world.account(0)));
    round.poll(&[0, 1, 2]);
    round.accept(&[0, 1, 2]);
    round.tick();
    round.poll(&[0, 1, 2]);
    round.handle(RoundEvent::CalledOff);
    assert_eq!(kinds(&round, 0), ["plan", "roster", "shares", "counted", "confirmed", "end"]);
    assert_eq!(kinds(&round, 3), ["plan", "roster", "shares", "counted", "end"]);
    assert_eq!(kinds(&round, 4), ["plan", "roster", "end"]);
}

#[test]
fn shares_are_not_printed() {
    let mut round = round();
    round.to(Phase::Unmask);
    let said = round.said(0).remove(0);
    let MemberMessage::Unmask(unmask) = &said else { panic!() };
    let share = format!("{:?}", unmask.body.shares[0].unwrap());
    let event =
        RoundEvent::Contribution { from: round.world.account(0), what: Box::new(said.clone()) };
    let printed = format!("{event:?}");
    round.send(0, said.clone()).unwrap();
    assert!(format!("{said:?}").contains(&share), "the test looks for what there is");
    assert!(printed.contains("unmask") && !printed.contains(&share));
    assert!(!format!("{:?}", round.machine).contains(&share));
}

#[test]
fn plans_of_others_are_not_signed_for() {
    // A signature for another round's plan is none for this one.
    let mut round = round();
    let mut other = round.world.plan.body.clone();
    other.round += 1;
    let MemberMessage::Keys(keys) = round.said(0).remove(0) else { panic!() };
    let keys = sign(&other, keys.body, &round.world.signers[0]).unwrap();
    assert!(is_invalid(round.send(0, MemberMessage::Keys(keys))));
}
