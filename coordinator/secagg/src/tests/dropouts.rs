//! Every pattern of members that go silent: the exact sum of the counted, or a typed failure.

use super::*;
use crate::policy::PolicyError;

/// All subsets of a list.
fn subsets(of: &[usize]) -> Vec<Vec<usize>> {
    let chosen = |set: usize| {
        of.iter().enumerate().filter(|(k, _)| set >> k & 1 == 1).map(|(_, i)| *i).collect()
    };
    (0..1 << of.len()).map(chosen).collect()
}

fn is_too_few(error: SecaggError, set: &str, needed: u32, got: usize) -> bool {
    let SecaggError::Policy(PolicyError::TooFew { set: s, needed: n, got: g }) = error else {
        return false;
    };
    (s, n, g) == (set, needed as usize, got)
}

/// Patterns that end with so many members who have done this phase: each of them may go silent
/// in any of the phases left, or never.
fn patterns(members: usize, phase: u32) -> usize {
    (6 - phase as usize).pow(members as u32)
}

/// Goes through all sets of members that are still there after each phase. Returns the number of
/// patterns covered.
fn all_patterns(members: u32, threshold: u32) -> usize {
    let world = &World::of(members, threshold);
    let start = &Round::new(world);
    let all: Vec<usize> = (0..members as usize).collect();
    let first = subsets(&all);
    use rayon::prelude::*;
    first.par_iter().map(|keys| after_keys(start, keys, threshold)).sum()
}

fn after_keys(start: &Round<'_>, keys: &[usize], threshold: u32) -> usize {
    let mut covered = 0;
    for shares in subsets(keys) {
        let mut round = start.clone();
        let result = round.until_shares(keys, &shares);
        if keys.len() < threshold as usize {
            if let Some(error) = result.err() {
                assert!(is_too_few(error, "the roster", threshold, keys.len()));
            } else {
                assert!(keys.is_empty());
            }
            return patterns(keys.len(), 1);
        }
        result.unwrap();
        covered += after_shares(round, &shares, threshold);
    }
    covered
}

fn after_shares(mut round: Round<'_>, shares: &[usize], threshold: u32) -> usize {
    let result = round.pass();
    if shares.len() < threshold as usize {
        if let Some(error) = result.err() {
            assert!(is_too_few(error, "those that have shared", threshold, shares.len()));
        } else {
            assert!(shares.is_empty());
        }
        return patterns(shares.len(), 2);
    }
    assert_eq!(result.unwrap(), []);
    round.upload(shares).unwrap();
    let uploads = subsets(shares);
    uploads.iter().map(|uploads| after_uploads(round.clone(), uploads, threshold)).sum()
}

fn after_uploads(mut round: Round<'_>, counted: &[usize], threshold: u32) -> usize {
    let result = round.confirm(counted, counted);
    if counted.len() < threshold as usize {
        if let Some(error) = result.err() {
            assert!(is_too_few(error, "the counted", threshold, counted.len()));
        } else {
            assert!(counted.is_empty());
        }
        return patterns(counted.len(), 3);
    }
    result.unwrap();
    let confirms = round.confirms.clone();
    let mut covered = 0;
    for confirmed in subsets(counted) {
        let kept = confirms.iter().filter(|c| confirmed.contains(&round.index(c.body.account)));
        round.confirms = kept.cloned().collect();
        covered += after_confirms(&mut round, &confirmed, threshold);
    }
    covered
}

fn after_confirms(round: &mut Round<'_>, confirmed: &[usize], threshold: u32) -> usize {
    let result = round.unmask(confirmed);
    if confirmed.len() < threshold as usize {
        if let Some(error) = result.err() {
            assert!(is_too_few(error, "the confirmations", threshold, confirmed.len()));
        } else {
            assert!(confirmed.is_empty());
        }
        return patterns(confirmed.len(), 4);
    }
    result.unwrap();
    let unmasks = round.unmasks.clone();
    let mut covered = 0;
    for unmasked in subsets(confirmed) {
        let kept = unmasks.iter().filter(|u| unmasked.contains(&round.index(u.account)));
        round.unmasks = kept.cloned().collect();
        covered += patterns(unmasked.len(), 5);
        if unmasked.len() < threshold as usize {
            assert_eq!(round.secrets().unwrap_err().short, round.shared().accounts());
        } else {
            assert_eq!(round.sum().unwrap(), round.world.expected(&round.counted));
        }
    }
    covered
}

#[test]
fn groups_of_three() {
    assert_eq!(all_patterns(3, 2), 6usize.pow(3));
    assert_eq!(all_patterns(3, 3), 6usize.pow(3));
}

#[test]
fn groups_of_four() {
    assert_eq!(all_patterns(4, 3), 6usize.pow(4));
}

#[test]
fn groups_of_five() {
    assert_eq!(all_patterns(5, 3), 6usize.pow(5));
}

#[test]
fn vectors_that_are_not_counted_stay_masked() {
    // Member 2 has uploaded, but is not counted: what is recovered of it takes its pairs' masks
    // off, not its own.
    let world = World::of(4, 3);
    let mut round = Round::new(&world);
    round.until_shares(&[0, 1, 2, 3], &[0, 1, 2, 3]).unwrap();
    round.pass().unwrap();
    round.upload(&[0, 1, 2, 3]).unwrap();
    round.finish(&[0, 1, 3]).unwrap();
    assert_eq!(round.sum().unwrap(), world.expected(&[0, 1, 3]));
    let secrets = round.secrets().unwrap();
    assert_eq!(secrets.masks.keys().copied().collect::<Vec<_>>(), [world.account(2)]);
    assert_eq!(secrets.own.keys().copied().collect::<Vec<_>>(), world.accounts(&[0, 1, 3]));
    assert_eq!(format!("{secrets:?}"), "Secrets { .. }");
}
