//! The chain's deadline, and silence that costs others.

use zktrain_coordinator::machine::{Action, Admit, Bounds, Ends, Misdeed, MisdeedKind, RoundEvent};
use zktrain_wire::messages::{End, MemberMessage, Phase, Reason, Refusal};

use crate::world::{Round, World};

/// Seconds of the phases in which members answer.
const PLANNED: u64 = 10 + 20 + 300 + 40 + 50;
/// Those of the phases until members have delivered.
const DELIVERED: u64 = 10 + 20 + 300;
/// Seconds that a sum of four tiny vectors may take.
const SUM: u64 = 10;

fn within(ends: Ends) -> (Round, Vec<Action>) {
    let mut round = Round::new(World::of(4, 3));
    let actions = round.handle(RoundEvent::Bounded(Bounds { ends, elements: 0, threads: 1 }));
    (round, actions)
}

/// A round that has to be over after so many seconds.
fn bounded(seconds: u64) -> (Round, Vec<Action>) {
    within(Ends { asked_ms: None, until_ms: Some(1000 * seconds) })
}

fn called_off(round: &Round) -> bool {
    round.end() == Some(End::Void(Reason::CalledOff))
}

#[test]
fn a_round_that_fits_keeps_its_times() {
    for ends in [
        Ends { asked_ms: None, until_ms: Some(1000 * (PLANNED + SUM)) },
        Ends { asked_ms: Some(1000 * DELIVERED), until_ms: Some(1000 * 86_400) },
    ] {
        let (mut round, actions) = within(ends);
        assert_eq!(actions, []);
        for (phase, seconds) in [(Phase::Keys, 10), (Phase::Shares, 20), (Phase::Uploads, 300)] {
            round.to(phase);
            assert_eq!(round.machine.deadline(), Some(round.now + 1000 * seconds));
        }
    }
}

#[test]
fn phases_that_do_not_fit_are_shortened_alike() {
    let (mut round, _) = bounded(PLANNED * 4 / 5 + SUM);
    assert_eq!(round.machine.deadline(), Some(8_000));
    round.to(Phase::Uploads);
    let left = 1000 * PLANNED * 4 / 5;
    assert_eq!(round.machine.deadline(), Some(left * 300 / (300 + 40 + 50)));
    // Three deliver at the last moment; the rest of the time is for the others.
    round.poll(&[0, 1, 2]);
    round.accept(&[0, 1, 2]);
    round.tick();
    assert_eq!(round.machine.phase(), Phase::Confirm);
    assert!(round.machine.deadline().unwrap() < left);
    round.poll(&[0, 1, 2]);
    round.poll(&[0, 1, 2]);
    assert_eq!(round.machine.phase(), Phase::Sum);
    assert!(round.machine.deadline().unwrap() <= left + 1000 * SUM);
    assert_eq!(round.machine.progress().misdeeds, [], "it had less time than it was told");
    round.replay();
}

#[test]
fn members_deliver_before_the_deadline_and_what_follows_has_the_time_after_it() {
    let ends = Ends { asked_ms: Some(1000 * DELIVERED * 2 / 3), until_ms: Some(1000 * 86_400) };
    let (mut round, _) = within(ends);
    round.to(Phase::Uploads);
    assert_eq!(round.machine.deadline(), ends.asked_ms);
    round.poll(&[0, 1, 2]);
    round.accept(&[0, 1, 2]);
    round.tick();
    assert_eq!(round.machine.phase(), Phase::Confirm);
    assert_eq!(round.machine.deadline(), Some(round.now + 40_000));
    round.poll(&[0, 1, 2]);
    assert_eq!(round.machine.deadline(), Some(round.now + 50_000));
}

#[test]
fn a_round_without_time_is_called_off_before_members_work_and_never_after() {
    for ends in [
        Ends { asked_ms: None, until_ms: Some(500 * PLANNED - 1) },
        Ends { asked_ms: Some(500 * DELIVERED - 1), until_ms: None },
    ] {
        let (round, actions) = within(ends);
        assert!(called_off(&round), "{actions:?}");
        // Members are told.
        assert_eq!(actions.first(), Some(&Action::Published));
    }
    let (mut round, _) = bounded(PLANNED + SUM);
    round.to(Phase::Shares);
    // Sharing lasts too long: training does not fit any more.
    round.now = 1000 * (PLANNED + SUM - 150);
    round.poll(&[0, 1, 2, 3]);
    assert!(called_off(&round));
    let (mut round, _) = bounded(PLANNED + SUM);
    round.to(Phase::Uploads);
    round.now = 1000 * (PLANNED + SUM - 5);
    round.poll(&[0, 1, 2, 3]);
    round.accept(&[0, 1, 2, 3]);
    assert_eq!(round.machine.phase(), Phase::Confirm, "what is done is not thrown away");
    // Nor is it when a coordinator comes back and learns of less time.
    let ends = Ends { asked_ms: Some(1), until_ms: None };
    round.handle(RoundEvent::Bounded(Bounds { ends, elements: 0, threads: 1 }));
    round.to(Phase::Sum);
    round.replay();
}

#[test]
fn every_phase_ends_at_the_chains_deadline() {
    use Phase::{Confirm, Defence, Keys, Shares, Sum, Unmask, Uploads};
    for phase in [Keys, Shares, Uploads, Confirm, Unmask, Sum, Defence] {
        let (mut round, _) = bounded(PLANNED + SUM);
        round.to(phase);
        assert!(round.machine.deadline().unwrap() <= 1000 * (PLANNED + SUM), "{phase:?}");
        round.now = 1000 * (PLANNED + SUM);
        round.handle(RoundEvent::Tick);
        assert!(called_off(&round), "{phase:?}");
        assert_eq!(round.machine.progress().misdeeds, [], "{phase:?}");
        round.replay();
    }
}

#[test]
fn the_earlier_end_counts() {
    let (mut round, _) = bounded(PLANNED + SUM);
    let bounds = |until_ms| {
        let ends = Ends { asked_ms: None, until_ms };
        Bounds { ends, elements: 0, threads: 1 }
    };
    for later in [None, Some(u64::MAX)] {
        assert!(round.machine.is_bounded_by(&bounds(later)));
        round.handle(RoundEvent::Bounded(bounds(later)));
        assert_eq!(round.machine.ends().until_ms, Some(1000 * (PLANNED + SUM)));
    }
    let earlier = Some(1000 * (PLANNED + SUM) - 1);
    assert!(!round.machine.is_bounded_by(&bounds(earlier)));
    round.handle(RoundEvent::Bounded(bounds(earlier)));
    assert_eq!(round.machine.ends().until_ms, earlier);
}

#[test]
fn a_large_sum_has_the_time_that_it_takes() {
    let mut round = Round::new(World::of(6, 4));
    let bounds = Bounds { ends: Ends::default(), elements: 2_500_000, threads: 2 };
    round.handle(RoundEvent::Bounded(bounds));
    round.to(Phase::Uploads);
    round.poll(&[0, 1, 2, 3, 4]);
    round.accept(&[0, 1, 2, 3, 4]);
    round.tick();
    round.poll(&[0, 1, 2, 3, 4]);
    round.poll(&[0, 1, 2, 3, 4]);
    assert_eq!(round.machine.phase(), Phase::Sum);
    let takes = bounds.sum_ms(5, 1);
    assert!(takes > 14_000);
    assert_eq!(round.machine.deadline(), Some(round.now + 50_000 + takes));
}

#[test]
fn silence_that_costs_others_is_noted_with_its_phase() {
    for phase in [Phase::Uploads, Phase::Confirm, Phase::Unmask] {
        let mut round = Round::new(World::of(4, 3));
        round.to(phase);
        round.poll(&[0, 1, 2]);
        if phase == Phase::Uploads {
            round.accept(&[0, 1, 2]);
        }
        round.tick();
        let absent =
            Misdeed { account: round.world.account(3), kind: MisdeedKind::Absent { phase } };
        assert_eq!(round.machine.progress().misdeeds, [absent]);
        round.replay();
    }
    // A member that was silent before was never depended on.
    for phase in [Phase::Keys, Phase::Shares] {
        let mut round = Round::new(World::of(4, 3));
        round.to(phase);
        round.poll(&[0, 1, 2]);
        round.tick();
        assert_eq!(round.machine.progress().misdeeds, []);
    }
}

#[test]
fn a_counted_member_that_is_silent_still_gets_its_receipt() {
    let mut round = Round::new(World::of(4, 3));
    round.to(Phase::Confirm);
    round.poll(&[0, 1, 2]);
    round.tick();
    assert!(round.machine.answers_for(round.world.account(3)));
}

#[test]
fn what_is_verified_without_the_machine_is_taken_only_while_it_is_asked_for() {
    let mut round = Round::new(World::of(4, 3));
    let keys = round.said(3).remove(0);
    let account = round.world.account(3);
    let grounds = round.machine.look_at(account, &keys).unwrap().unwrap();
    // Meanwhile the phase ends without it.
    round.poll(&[0, 1, 2]);
    round.tick();
    assert_eq!(grounds.verify(&keys), Ok(()));
    let late = round.machine.look_at(account, &keys).unwrap_err();
    assert_eq!(late, Refusal::WrongPhase { now: Phase::Shares });
    // What others have signed holds on no grounds.
    let mut forged = Round::new(World::of(4, 3));
    let MemberMessage::Keys(signed) = &keys else { panic!() };
    let other = MemberMessage::Keys(forged.world.sign(2, signed.body));
    let grounds = forged.machine.look_at(account, &other).unwrap().unwrap();
    assert!(matches!(grounds.verify(&other), Err(Refusal::Invalid(_))));
    assert_eq!(forged.send(3, keys.clone()), Ok(Admit::New));
    assert!(forged.machine.look_at(account, &keys).unwrap().is_none(), "it is known");
}
