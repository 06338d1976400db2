//! Owners whose projects are restored from backups, or whose machines are replaced: whatever they are
//! shown, they sign nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, keccak256};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_ledger::SignedSubmission;
use zktrain_ledger::files::SubmissionFile;
use zktrain_project::files;
use zktrain_project::project::write_json;
use zktrain_secagg::group::default_threshold;
use zktrain_secagg::plan::Plan;
use zktrain_wire::Scoped;

use super::coordinator::{Game, Style};
use super::program::Program;
use super::{Run, style};
use crate::outcome;

const HONEST: Style = Style { equivocates: 0, greed: false, meddles: 0, forgetful: 0 };

/// A group without trouble of its own, and a plan that it follows.
fn group(seed: u64) -> (Run, Plan) {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let run = Run::new(seed, rng);
    run.owners.iter().for_each(|owner| owner.wire.borrow_mut().trouble = 0);
    let mut plans = (1..).map(|_| run.people.first(1, run.heads[0], rng));
    let plan = plans.find(|plan| run.people.is_agreeable(plan)).unwrap();
    (run, plan)
}

/// Plays a round that nobody disturbs; what members have said, vectors, and submissions.
fn play(run: &mut Run, plan: &Plan) -> [usize; 3] {
    let rng = ChaCha20Rng::seed_from_u64(7);
    let mut game = Game::new(plan, &run.colluders, HONEST, rng);
    game.play(&mut run.owners);
    [game.heard, game.vectors.len(), game.submissions.len()]
}

fn restored(run: &mut Run) {
    run.owners.iter_mut().for_each(|owner| owner.restore(0));
}

/// Another round with another model.
fn next(run: &mut Run, plan: &Plan, round: u64) -> Plan {
    let parent = keccak256(round.to_be_bytes());
    run.owners.iter_mut().for_each(|owner| owner.head = parent);
    Plan { round, parent, ..plan.clone() }
}

fn members<'a>(run: &'a Run, plan: &Plan) -> impl Iterator<Item = &'a Program> {
    let all: Vec<Address> = plan.members.iter().map(|member| member.account).collect();
    run.owners.iter().filter(move |owner| all.contains(&owner.account))
}

#[test]
fn hostile_coordinator_is_sent_nothing_by_a_project_older_than_its_record() {
    let (mut run, plan) = group(1);
    run.owners.iter_mut().for_each(|owner| {
        owner.project_alone = true;
        owner.back_up();
    });
    let [_, vectors, submissions] = play(&mut run, &plan);
    assert!(vectors > 0 && submissions >= vectors, "or this shows nothing");
    let before = run.trained();
    restored(&mut run);
    assert_eq!(play(&mut run, &plan), [0; 3]);
    assert_eq!(run.trained(), before);
    for owner in members(&run, &plan) {
        assert!(outcome::is_over(&owner.seat.project, plan.round).unwrap(), "it is left for good");
    }
    // The next round is taken, and the one after it, by the same projects.
    for round in 2..4 {
        let plan = next(&mut run, &plan, round);
        assert!(play(&mut run, &plan)[1] > 0);
    }
    // Where the record is set back as well, all is signed again: it is the record that holds this.
    let (mut run, plan) = group(1);
    run.owners.iter_mut().for_each(Program::back_up);
    play(&mut run, &plan);
    restored(&mut run);
    assert!(play(&mut run, &plan)[1] > 0);
}

#[test]
fn hostile_coordinator_is_sent_nothing_from_another_machine_before_the_next_round() {
    let (mut run, plan) = group(2);
    run.owners.iter_mut().for_each(Program::back_up);
    assert!(play(&mut run, &plan)[1] > 0);
    let before = run.trained();
    restored(&mut run);
    run.owners.iter_mut().for_each(|owner| owner.replace_record(plan.round));
    assert_eq!(play(&mut run, &plan), [0; 3]);
    assert_eq!(run.trained(), before);
    let plan = next(&mut run, &plan, 2);
    assert!(play(&mut run, &plan)[1] > 0);
}

/// A round from the same model as another one, with the same windows, and with one member fewer. Owners
/// agree to it as well.
fn fewer(run: &Run, plan: &Plan, round: u64) -> Option<Plan> {
    let without = |index| {
        let mut plan = Plan { round, ..plan.clone() };
        let gone = plan.members.remove(index).weight;
        plan.threshold = default_threshold(plan.members.len());
        plan.members.iter_mut().min_by_key(|member| member.weight)?.weight += gone;
        Some(plan)
    };
    let is_played = |plan: &Plan| {
        let all: Vec<Address> = plan.members.iter().map(|member| member.account).collect();
        run.people.is_agreeable(plan)
            && run.people.is_fair(plan)
            && run.people.may_be_summed(plan, &all)
    };
    (0..plan.members.len()).filter_map(without).find(is_played)
}

/// A group whose round may be repeated with fewer.
fn shrinking() -> (Run, Plan) {
    let mut groups = (1..).map(group);
    groups.find(|(run, plan)| fewer(run, plan, 2).is_some()).unwrap()
}

/// Two sums that differ by one member are that member's update.
#[test]
fn hostile_coordinator_is_sent_no_update_again_by_projects_that_have_forgotten_it() {
    for project_alone in [true, false] {
        let (mut run, plan) = shrinking();
        run.owners.iter_mut().for_each(|owner| {
            owner.project_alone = project_alone;
            owner.back_up();
        });
        assert!(play(&mut run, &plan)[1] > 0);
        restored(&mut run);
        // The first round is left out; it comes to nothing, and there is another one.
        if project_alone {
            assert_eq!(play(&mut run, &plan), [0; 3]);
        }
        let fewer = fewer(&run, &plan, 2).unwrap();
        let made = |run: &Run| -> Vec<usize> {
            run.owners.iter().map(|owner| owner.seat.worker.made.borrow().len()).collect()
        };
        let before = made(&run);
        play(&mut run, &fewer);
        let after = made(&run);
        // A member that was in no sum of the first round may be in one of this.
        let again =
            before.iter().zip(&after).filter(|(before, after)| **before > 0 && after > before);
        // It is the record that holds this.
        assert_eq!(again.count() > 0, !project_alone);
        let plan = next(&mut run, &plan, 3);
        assert!(play(&mut run, &plan)[1] > 0);
    }
}

/// What a record says that was set back with its project is not all: it has nothing of the open round.
#[test]
fn hostile_coordinator_is_sent_nothing_by_machines_from_backups_before_the_next_round() {
    let (mut run, first) = shrinking();
    assert!(play(&mut run, &first)[1] > 0);
    let plan = next(&mut run, &first, 2);
    run.owners.iter_mut().for_each(Program::back_up);
    assert!(play(&mut run, &plan)[1] > 0);
    let before = run.trained();
    restored(&mut run);
    run.owners.iter_mut().for_each(|owner| owner.reopen(2));
    assert_eq!(play(&mut run, &plan), [0; 3]);
    // Nor what may be in a sum of it, in a round that follows on it.
    let fewer = fewer(&run, &plan, 3).unwrap();
    assert_eq!(play(&mut run, &fewer), [0; 3]);
    assert_eq!(run.trained(), before);
    let plan = next(&mut run, &plan, 4);
    assert!(play(&mut run, &plan)[1] > 0);
}

/// Nodes that are still syncing when a machine is replaced tell of no open round, and later of one that
/// was opened before.
#[test]
fn hostile_coordinator_is_sent_nothing_by_new_machines_whose_nodes_lag_behind() {
    let (mut run, plan) = group(2);
    run.owners.iter_mut().for_each(Program::back_up);
    assert!(play(&mut run, &plan)[1] > 0);
    let before = run.trained();
    restored(&mut run);
    run.owners.iter_mut().for_each(|owner| {
        owner.replace_record(0);
        owner.opened = 1;
    });
    assert_eq!(play(&mut run, &plan), [0; 3]);
    assert_eq!(run.trained(), before);
    run.owners.iter_mut().for_each(|owner| owner.opened = u64::MAX);
    let plan = next(&mut run, &plan, 2);
    assert!(play(&mut run, &plan)[1] > 0);
}

/// As a backup that was made when the round had begun, and before anything was proven in it.
#[test]
fn a_submission_that_is_gone_is_not_made_again() {
    let (mut run, plan) = group(3);
    // Nobody is told an end, so that all go on after a restart.
    stops_before_uploads(&mut run, &plan);
    let before = run.trained();
    assert!(before > 0);
    for owner in members(&run, &plan) {
        assert!(owner.seat.signed.knows_submission(1), "what was signed is known before it leaves");
        files::remove(&owner.seat.project.round_submission_path(1)).unwrap();
    }
    let [_, vectors, submissions] = play(&mut run, &plan);
    assert_eq!([vectors, submissions, run.trained()], [0, 0, before]);
    for owner in members(&run, &plan) {
        assert!(!owner.seat.project.round_submission_path(1).exists());
    }
}

/// Between two files the process may end: what is in the project then was signed, and leaves only once the
/// record says so, as it is.
#[test]
fn what_was_signed_before_a_crash_leaves_as_it_is_and_is_written_down() {
    let (mut run, plan) = group(3);
    stops_before_uploads(&mut run, &plan);
    let before = run.trained();
    let mut signed = BTreeSet::new();
    for owner in members(&run, &plan) {
        let text = std::fs::read_to_string(owner.log()).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("submission")).collect();
        assert!(kept.len() < text.lines().count());
        std::fs::write(owner.log(), kept.join("\n") + "\n").unwrap();
        signed.insert(std::fs::read(owner.seat.project.round_submission_path(1)).unwrap());
    }
    let rng = ChaCha20Rng::seed_from_u64(7);
    let mut game = Game::new(&plan, &run.colluders, HONEST, rng);
    game.play(&mut run.owners);
    let parsed = |bytes: &Vec<u8>| serde_json::from_slice::<SubmissionFile>(bytes).unwrap();
    let signatures: Vec<_> = signed.iter().map(|bytes| parsed(bytes).signed.signature).collect();
    assert!(!game.submissions.is_empty());
    for sent in &game.submissions {
        assert!(signatures.contains(&parsed(sent).signed.signature));
    }
    assert_eq!(run.trained(), before, "nothing is proven again");
    assert!(members(&run, &plan).all(|owner| owner.seat.signed.knows_submission(1)));
}

/// Another submission in the project than the one that was signed last.
#[test]
fn another_submission_than_the_one_that_was_signed_does_not_leave() {
    let (mut run, plan) = group(3);
    run.owners.iter_mut().for_each(|owner| owner.project_alone = true);
    stops_before_uploads(&mut run, &plan);
    for owner in members(&run, &plan) {
        let path = owner.seat.project.round_submission_path(1);
        let bytes = std::fs::read(&path).unwrap();
        let mut file: SubmissionFile = serde_json::from_slice(&bytes).unwrap();
        file.signed.submission.update = keccak256("other blindings");
        let (said, scope) = (file.signed.submission.clone(), plan.scope());
        file.signed = SignedSubmission::new(said, &scope, &owner.seat.signer).unwrap();
        write_json(&path, &file).unwrap();
    }
    let [_, vectors, submissions] = play(&mut run, &plan);
    assert_eq!([vectors, submissions], [0, 0]);
}

/// All prove and sign, and their processes end in the upload, of which nothing has come.
fn stops_before_uploads(run: &mut Run, plan: &Plan) {
    let loses = |run: &Run, all| {
        run.owners.iter().for_each(|owner| owner.wire.borrow_mut().loses_uploads = all);
    };
    loses(run, true);
    let [_, vectors, submissions] = play(run, plan);
    assert_eq!([vectors, submissions], [0, 0]);
    loses(run, false);
}

/// How many different things of each kind owners have said at most in one round: keys, uploads, counted
/// sets, vectors, submissions.
fn most(game: &Game<'_>, owners: &[Program]) -> [usize; 5] {
    fn widest<T: Ord>(all: impl Iterator<Item = (Address, T)>) -> usize {
        let mut by = BTreeMap::<Address, BTreeSet<T>>::new();
        for (account, what) in all {
            by.entry(account).or_default().insert(what);
        }
        by.values().map(BTreeSet::len).max().unwrap_or(0)
    }
    fn text(what: &impl serde::Serialize) -> String {
        serde_json::to_string(what).unwrap()
    }
    let is_owner = |account: &Address| owners.iter().any(|owner| owner.account == *account);
    let keys = game.keys.values().flatten().map(|keys| (keys.body.account, text(&keys.body)));
    let uploads = game.uploads.iter().map(|upload| (upload.body.account, text(&upload.body)));
    let confirms = game.confirms.iter().map(|c| (c.body.account, text(&c.body)));
    let vectors = game.vectors.iter().map(|vector| (vector.account, vector.bytes.clone()));
    let submissions = game.submissions.iter().map(|bytes| {
        let file: SubmissionFile = serde_json::from_slice(bytes).unwrap();
        (file.signed.submission.member, text(&file.signed))
    });
    [
        widest(keys.filter(|(account, _)| is_owner(account))),
        widest(uploads),
        widest(confirms.filter(|(account, _)| is_owner(account))),
        widest(vectors),
        widest(submissions),
    ]
}

/// Whatever a hostile coordinator shows, and whenever projects are restored or journals lost, each owner
/// says one thing of each kind. With records that are set back as well this is not so.
#[test]
fn hostile_coordinator_with_restored_projects_is_told_nothing_twice() {
    let (mut apart, mut together) = ([0; 5], [0; 5]);
    let worst = |all: &mut [usize; 5], one: [usize; 5]| {
        all.iter_mut().zip(one).for_each(|(all, one)| *all = one.max(*all));
    };
    for seed in 0..24 {
        for project_alone in [true, false] {
            let rng = &mut ChaCha20Rng::seed_from_u64(seed);
            let mut run = Run::new(seed, rng);
            let mut plans = (1..).map(|round| run.people.first(round, run.heads[0], rng));
            let plan = plans.find(|plan| run.people.is_agreeable(plan)).unwrap();
            let style = Style { meddles: 15, forgetful: 2, ..style(rng, 2) };
            run.owners.iter_mut().for_each(|owner| owner.project_alone = project_alone);
            let rng = ChaCha20Rng::seed_from_u64(seed);
            let mut game = Game::new(&plan, &run.colluders, style, rng);
            game.play(&mut run.owners);
            let most = most(&game, &run.owners);
            match project_alone {
                true => worst(&mut apart, most),
                false => worst(&mut together, most),
            }
        }
    }
    assert!(apart.iter().all(|most| *most <= 1), "{apart:?}");
    // It is no use if nothing is ever said, or nothing would be said twice.
    assert!(apart[3] == 1 && apart[4] == 1, "{apart:?}");
    assert!(together[0] > 1 && together[4] > 1, "{together:?}");
}
