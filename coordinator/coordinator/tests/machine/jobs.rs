//! What follows from the results of jobs.

use alloy::primitives::B256;
use zktrain_coordinator::machine::{Action, Admit, Misdeed, MisdeedKind, SumResult, TrialResult};
use zktrain_wire::messages::{End, MemberMessage, Notice, Phase, Reason, Refusal};

use crate::world::{Round, World};

fn at(phase: Phase) -> Round {
    let mut round = Round::new(World::of(4, 3));
    round.to(phase);
    round
}

fn void(reason: Reason) -> Option<End> {
    Some(End::Void(reason))
}

/// A round in which everybody has defended itself.
fn tried() -> Round {
    let mut round = at(Phase::Defence);
    round.poll(&[0, 1, 2, 3]);
    assert_eq!(round.machine.pending(), [Action::Try]);
    round
}

/// A round in which the defences of members 0 and 2 contradict each other.
fn disputed() -> Round {
    let mut round = tried();
    let (a, b) = (round.world.account(0), round.world.account(2));
    let actions = round.tried(TrialResult::Disputes(vec![(a, vec![b]), (b, vec![a])]));
    assert_eq!(actions, [Action::Published]);
    assert_eq!(round.machine.phase(), Phase::Dispute);
    round
}

#[test]
fn a_right_sum_ends_the_round() {
    let mut round = at(Phase::Sum);
    assert_eq!(round.machine.pending(), [Action::Sum]);
    let model = B256::repeat_byte(7);
    let counted = round.machine.counted().to_vec();
    let end = End::Summed { model, counted };
    let actions = round.summed(SumResult::Right { model });
    assert_eq!(actions, [Action::Published, Action::Ended(end.clone())]);
    assert_eq!(round.end(), Some(end));
    assert_eq!(round.machine.pending(), []);
    round.replay();
}

#[test]
fn failed_sums_end_the_round() {
    let accounts = World::of(4, 3).accounts(&[1, 2]);
    for (result, reason) in [
        (SumResult::Failed, Reason::CalledOff),
        (SumResult::Short(accounts.clone()), Reason::Unrecovered(accounts[0])),
        (SumResult::Short(Vec::new()), Reason::CalledOff),
        (SumResult::Guilty(accounts.clone()), Reason::Blamed(accounts.clone())),
        (SumResult::Guilty(Vec::new()), Reason::CalledOff),
    ] {
        let mut round = at(Phase::Sum);
        round.summed(result.clone());
        assert_eq!(round.end(), void(reason));
        let misdeeds = round.machine.progress().misdeeds;
        let dealer = |account: &_| Misdeed { account: *account, kind: MisdeedKind::Dealer };
        let dealers: Vec<Misdeed> = match &result {
            SumResult::Guilty(accounts) => accounts.iter().map(dealer).collect(),
            _ => Vec::new(),
        };
        assert_eq!(misdeeds, dealers);
    }
}

#[test]
fn results_that_nobody_asked_for_change_nothing() {
    let model = B256::ZERO;
    for phase in [Phase::Keys, Phase::Uploads, Phase::Unmask, Phase::Defence] {
        let mut round = at(phase);
        assert_eq!(round.summed(SumResult::Right { model }), []);
        let accounts = round.world.accounts(&[1]);
        // In phase Defence: before defences are there.
        assert_eq!(round.tried(TrialResult::Guilty(accounts)), []);
        assert_eq!(round.machine.phase(), phase);
    }
}

#[test]
fn jobs_have_deadlines() {
    for (mut round, seconds) in [(at(Phase::Sum), 50), (tried(), 60)] {
        assert_eq!(round.machine.deadline(), Some(round.now + 1000 * seconds));
        round.tick();
        assert_eq!(round.end(), void(Reason::CalledOff));
        assert_eq!(round.summed(SumResult::Right { model: B256::ZERO }), []);
        assert_eq!(round.tried(TrialResult::Failed), []);
    }
    let mut round = disputed();
    round.poll(&[0, 2]);
    round.tick();
    assert_eq!(round.end(), void(Reason::CalledOff));
}

#[test]
fn a_wrong_sum_puts_uploads_to_the_test() {
    let mut round = at(Phase::Sum);
    assert_eq!(round.summed(SumResult::Wrong), [Action::Published]);
    assert_eq!(round.machine.phase(), Phase::Defence);
    assert_eq!(round.machine.deadline(), Some(round.now + 60_000));
    let test = round.machine.test().unwrap().clone();
    let tested: Vec<_> = test.uploads.iter().map(|upload| upload.body.account).collect();
    assert_eq!(tested, round.machine.counted());
    assert_eq!(round.machine.notice(round.world.account(0), 5), Some(Notice::Test(test)));
    // A defence is to be signed by its sender.
    let MemberMessage::Defence(mut defence) = round.said(0).remove(0) else { panic!() };
    defence.signature = round.world.sign(1, defence.body.clone()).signature;
    let refused = round.send(0, MemberMessage::Defence(defence));
    assert!(matches!(refused, Err(Refusal::Invalid(_))));
    round.poll(&[1, 2, 3]);
    assert_eq!(round.machine.phase(), Phase::Defence);
    assert_eq!(round.machine.pending(), [], "defences are waited for");
    assert_eq!(round.tick(), [Action::Try]);
    let accounts = round.world.accounts(&[0, 1]);
    round.tried(TrialResult::Guilty(accounts.clone()));
    assert_eq!(round.end(), void(Reason::Blamed(accounts.clone())));
    // Silence is no cheat that could be shown.
    let kinds: Vec<_> = round.machine.progress().misdeeds.into_iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [MisdeedKind::Undefended, MisdeedKind::Blamed]);
    round.replay();
}

#[test]
fn trials_that_blame_nobody_call_the_round_off() {
    for result in [
        TrialResult::Failed,
        TrialResult::Guilty(Vec::new()),
        TrialResult::Disputes(Vec::new()),
        TrialResult::Disputes(vec![(World::of(4, 3).account(0), Vec::new())]),
    ] {
        let mut round = tried();
        round.tried(result);
        assert_eq!(round.end(), void(Reason::CalledOff));
        assert_eq!(round.machine.progress().misdeeds, []);
    }
}

#[test]
fn disputes_are_about_defences_that_came() {
    let mut round = at(Phase::Defence);
    round.poll(&[0, 1, 2]);
    round.tick();
    let (a, b) = (round.world.account(0), round.world.account(3));
    round.tried(TrialResult::Disputes(vec![(a, vec![b])]));
    assert_eq!(round.end(), void(Reason::CalledOff));
}

#[test]
fn disputes_are_settled_once() {
    let mut round = disputed();
    let (a, b) = (round.world.account(0), round.world.account(2));
    let defence = |account| round.machine.defences()[&account].clone();
    let asked = Some(Notice::Dispute(vec![defence(b)]));
    assert_eq!(round.machine.notice(a, 6), asked);
    assert_eq!(round.machine.notice(round.world.account(1), 6), None);
    let MemberMessage::Reveal(reveal) = round.said(0).remove(0) else { panic!() };
    // Not by others, not of other pairs, not signed by others.
    let invalid = |refused| matches!(refused, Err(Refusal::Invalid(_)));
    let mut other = reveal.body.clone();
    other.account = round.world.account(1);
    assert!(invalid(round.send(1, MemberMessage::Reveal(round.world.sign(1, other)))));
    let mut other = reveal.body.clone();
    other.pairs[0].with = round.world.account(1);
    assert!(invalid(round.send(0, MemberMessage::Reveal(round.world.sign(0, other)))));
    let forged = round.world.sign(1, reveal.body.clone());
    assert!(invalid(round.send(0, MemberMessage::Reveal(forged))));
    assert_eq!(round.send(0, MemberMessage::Reveal(reveal)), Ok(Admit::New));
    assert_eq!(round.machine.pending(), []);
    assert_eq!(round.tried(TrialResult::Guilty(vec![b])), [], "answers are waited for");
    assert_eq!(round.tick(), [Action::Try]);
    assert_eq!(round.machine.reveals().len(), 1);
    let mut again = Round { machine: round.machine.clone(), ..Round::new(World::of(4, 3)) };
    again.tried(TrialResult::Disputes(vec![(a, vec![b])]));
    assert_eq!(again.end(), void(Reason::CalledOff));
    round.tried(TrialResult::Guilty(vec![a, b]));
    assert_eq!(round.end(), void(Reason::Blamed(vec![a, b])));
    let kinds: Vec<_> = round.machine.progress().misdeeds.into_iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [MisdeedKind::Blamed, MisdeedKind::Undefended]);
    round.replay();
}

#[test]
fn a_dispute_ends_once_everybody_has_answered() {
    let mut round = disputed();
    round.poll(&[0, 1, 2, 3]);
    assert_eq!(round.machine.pending(), [Action::Try]);
    assert_eq!(round.now, 0);
    let guilty = round.world.accounts(&[2]);
    round.tried(TrialResult::Guilty(guilty.clone()));
    assert_eq!(round.end(), void(Reason::Blamed(guilty)));
}
