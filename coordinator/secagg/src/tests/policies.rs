//! What a member asks of a plan and of the sets in it.

use super::*;
use crate::group::default_threshold;
use crate::keys::{Pair, own_mask};
use crate::policy::{PolicyError, bears, required, third};
use crate::stream;

/// A policy that asks for nothing but that so many may collude.
fn bearing(colluders: Option<u32>) -> Policy {
    Policy { least: 1, max_share: 1 << WEIGHT_LOG, colluders, ..Policy::default() }
}

#[test]
fn by_default_members_are_many_light_and_a_third_may_collude() {
    let expected = Policy {
        least: 16,
        max_share: 1 << 14,
        colluders: None,
        known: Vec::new(),
        least_known: 0,
    };
    assert_eq!(Policy::default(), expected);
    let refused = |world: &World| {
        Policy::default().check_plan(&world.plan, world.account(0)).map_err(|error| match error {
            PolicyError::TooFewWeights { needed, got, .. } => (needed, got),
            other => panic!("{other}"),
        })
    };
    assert_eq!(refused(&World::of(15, 11)), Err((16, 15)));
    assert_eq!(refused(&World::of(16, 11)), Ok(()));
}

/// `n`, the smallest threshold that owners take by default, and how many may collude then.
const TABLE: [(u32, u32, u32); 18] = [
    (3, 2, 0),
    (4, 3, 1),
    (5, 4, 1),
    (6, 4, 1),
    (7, 5, 2),
    (8, 6, 2),
    (9, 6, 2),
    (10, 7, 3),
    (11, 8, 3),
    (12, 8, 3),
    (13, 9, 4),
    (14, 10, 4),
    (15, 10, 4),
    (16, 11, 5),
    (17, 12, 5),
    (18, 12, 5),
    (19, 13, 6),
    (20, 14, 6),
];

#[test]
fn thresholds_bear_a_third_of_colluders_or_are_refused() {
    for (members, smallest, colluders) in TABLE {
        assert_eq!(third(members as usize), colluders);
        assert!(default_threshold(members as usize) >= smallest);
        for threshold in members / 2 + 1..=members {
            let world = World::of(members, threshold);
            let checked = bearing(None).check_plan(&world.plan, world.account(0));
            let refused =
                PolicyError::Collusion { members: members as usize, threshold, colluders };
            let expected = if threshold < smallest { Err(refused) } else { Ok(()) };
            assert_eq!(checked, expected, "{members} {threshold}");
            // The bound itself: all sign one set, colluders both.
            let signatures = members + colluders;
            assert_eq!(checked.is_ok(), 2 * threshold > signatures);
        }
    }
    for (colluders, fine) in [(0, true), (1, true), (2, true), (3, false), (u32::MAX, false)] {
        let world = World::of(5, 4);
        let checked = bearing(Some(colluders)).check_plan(&world.plan, world.account(0));
        assert_eq!(checked.is_ok(), fine, "{colluders}");
        assert_eq!(bears(5, 4, colluders), fine);
    }
}

/// What the rule is for: one colluder of five and a threshold of three give the coordinator one
/// honest member's own mask and its mask key.
#[test]
fn a_threshold_that_does_not_bear_its_colluders_isolates_a_member() {
    let world = World::of(5, 3);
    let mut round = Round::new(&world);
    let all: Vec<usize> = (0..5).collect();
    round.until_shares(&all, &all).unwrap();
    round.pass().unwrap();
    round.upload(&all).unwrap();
    let (mut first, mut second) = (round.clone(), round.clone());
    first.finish(&[0, 1, 4]).unwrap();
    second.finish(&[2, 3, 4]).unwrap();
    let (own, keys) = (first.secrets().unwrap(), second.secrets().unwrap());
    let victim = world.account(0);
    let (roster, shared) = (round.roster.as_ref().unwrap(), round.shared());
    let mut vector = vector::decode(&round.uploads[&0].1).unwrap();
    let mut masks = vec![(stream::Sign::Minus, own_mask(&shared, victim, &own.own[&victim]))];
    for other in world.accounts(&[1, 2, 3, 4]) {
        let pair = Pair::new(victim, other);
        let point = *keys.masks[&victim] * roster.points(other).unwrap().mask;
        masks.push((-pair.sign(victim), pair.mask(&shared, &point)));
    }
    stream::apply(&mut vector, &masks);
    assert_eq!(vector, world.packed(0));
    // So owners refuse it, unless they say that nobody colludes.
    let refused = bearing(None).check_plan(&world.plan, victim);
    assert!(matches!(refused, Err(PolicyError::Collusion { colluders: 1, .. })), "{refused:?}");
}

#[test]
fn known_members_are_there_and_weigh_as_much_as_the_member_itself() {
    let world = World::new(&[20_000, 15_000, 15_536, 10_000, 5_000, 0], 4);
    let (plan, own) = (&world.plan, world.account(0));
    let policy = |known: &[usize], least_known| Policy {
        known: world.accounts(known),
        least_known,
        ..bearing(Some(0))
    };
    let counted =
        |policy: &Policy, who: &[usize]| policy.check_counted(plan, own, &world.accounts(who));
    let two = policy(&[0, 1, 2, 4, 5], 2);
    assert_eq!(counted(&two, &[0, 1, 2, 3]), Ok(()));
    let few = |got| Err(PolicyError::TooFewKnown { set: "the counted", needed: 2, got });
    // Itself, a stranger, and a known one without weight do not count.
    assert_eq!(counted(&two, &[0, 1, 3, 5]), few(1));
    assert_eq!(counted(&two, &[0, 3, 4, 5]), few(1));
    let light = PolicyError::LightKnown { set: "the counted", needed: 20_000, got: 15_000 };
    assert_eq!(counted(&policy(&[1, 3], 1), &[0, 1, 2, 4]), Err(light));
    assert_eq!(counted(&policy(&[1, 4], 2), &[0, 1, 2, 4]), Ok(()));
    // A plan without them is not worth training for.
    let lacking = policy(&[4, 5], 2).check_plan(plan, own).unwrap_err();
    assert_eq!(lacking, PolicyError::TooFewKnown { set: "the plan", needed: 2, got: 1 });
    assert_eq!(two.check_plan(plan, own), Ok(()));
}

#[test]
fn who_is_too_heavy_itself_does_not_begin() {
    let world = World::new(&[30_000, 20_000, 15_536], 3);
    let quarter = Policy { max_share: 1 << 14, ..bearing(None) };
    let (account, weight, total, most) = (world.account(0), 30_000, 1 << 16, 1 << 14);
    let dominant = PolicyError::Dominant { account, weight, total, most };
    assert_eq!(quarter.check_plan(&world.plan, account), Err(dominant));
    // That another one is may change until the sum.
    assert_eq!(quarter.check_plan(&world.plan, world.account(2)), Ok(()));
    let counted = world.accounts(&[0, 1, 2]);
    assert!(quarter.check_counted(&world.plan, world.account(2), &counted).is_err());
}

/// The rule of domains that is written down as 66.66 %: the smallest threshold that owners take.
#[test]
fn a_domains_rule_is_the_smallest_threshold_that_bears_a_third() {
    for (members, threshold, _) in TABLE {
        assert_eq!(required(members as usize, 6_666), threshold, "{members}");
    }
    for members in 1..=256u32 {
        let at = |points| required(members as usize, points);
        assert!(bears(members as usize, at(6_666), third(members as usize)), "{members}");
        assert_eq!(at(5_000), members / 2 + 1, "more than half");
        assert_eq!(at(9_999), members, "all");
    }
}
