//! A coordinator that cheats its members.

use super::*;
use crate::group::default_threshold;
use crate::messages::Keys;
use crate::policy::PolicyError;

fn policy(error: SecaggError) -> PolicyError {
    match error {
        SecaggError::Policy(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plans_that_do_not_protect_are_refused() {
    let world = World::of(5, 3);
    let refused = |change: &dyn Fn(&mut Plan, &mut Policy)| {
        let (mut plan, mut limits) = (world.plan.clone(), world.policy.clone());
        change(&mut plan, &mut limits);
        policy(Member::new(plan, world.account(0), [1; 32], limits).unwrap_err())
    };
    let version = refused(&|plan, _| plan.version += 1);
    assert_eq!(version, PolicyError::Version { expected: VERSION, got: VERSION + 1 });
    assert_eq!(refused(&|plan, _| plan.members.swap(2, 3)), PolicyError::Order { position: 3 });
    let twice = |plan: &mut Plan, _: &mut Policy| plan.members[1] = plan.members[0].clone();
    assert_eq!(refused(&twice), PolicyError::Order { position: 1 });
    let weights = refused(&|plan, _| plan.members[4].weight += 1);
    assert_eq!(weights, PolicyError::Weights { expected: 1 << 16, got: (1 << 16) + 1 });
    for got in [0, 2, 6, u32::MAX] {
        let error = refused(&|plan, _| plan.threshold = got);
        assert_eq!(error, PolicyError::Threshold { members: 5, got });
    }
    let account = world.account(0);
    let stranger = refused(&|plan, _| {
        plan.members[1].weight += plan.members[0].weight;
        plan.members.remove(0);
    });
    assert_eq!(stranger, PolicyError::Stranger { account });
    let alone = refused(&|plan, limits| {
        limits.least = 3;
        plan.members.iter_mut().for_each(|member| member.weight = 0);
        (plan.members[0].weight, plan.members[1].weight) = (1 << 15, 1 << 15);
    });
    let few = PolicyError::TooFewWeights { set: "the plan", needed: 3, got: 2 };
    assert_eq!(alone, few);
    let few = refused(&|plan, _| plan.least = 6);
    assert_eq!(few, PolicyError::TooFewWeights { set: "the plan", needed: 6, got: 5 });
}

#[test]
fn thresholds_are_above_two_thirds_by_default() {
    let expected = [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (9, 7), (20, 14), (200, 134)];
    for (members, threshold) in expected {
        assert_eq!(default_threshold(members), threshold);
        let members: u32 = members.try_into().unwrap();
        let world = World::of(members.min(9), default_threshold(members.min(9) as usize));
        world.member(0);
    }
}

#[test]
fn rosters_that_do_not_protect_are_refused() {
    let world = World::of(5, 3);
    let round = Round::new(&world);
    let keys = round.keys(&[0, 1, 2, 3, 4]);
    let refused = |keys: &[Signed<Keys>]| world.member(0).roster(keys).unwrap_err();
    let without = SecaggError::Stranger { account: world.account(0), set: "the roster" };
    assert_eq!(refused(&keys[1..]), without);
    let few = PolicyError::TooFew { set: "the roster", needed: 3, got: 2 };
    assert_eq!(policy(refused(&keys[..2])), few);
    assert!(matches!(refused(&[&keys[..], &keys[..1]].concat()), SecaggError::Order { .. }));
    // Keys that this member has signed in the same round with another secret.
    let other = Member::new(world.plan.clone(), world.account(0), [77; 32], world.policy.clone());
    let other = other.unwrap();
    let mut changed = keys.clone();
    changed[0] = world.sign(0, kept(other.keys()));
    assert_eq!(refused(&changed), without);
    // Weights: two of the five have some.
    let heavy = World::new(&[1 << 15, 1 << 14, 1 << 14, 0, 0], 3);
    let limits = Policy { least: 3, ..heavy.policy.clone() };
    let secret = [1; 32];
    let mut member = Member::new(heavy.plan.clone(), heavy.account(0), secret, limits).unwrap();
    let keys = Round::new(&heavy).keys(&[0, 1, 3, 4]);
    let few = PolicyError::TooFewWeights { set: "the roster", needed: 3, got: 2 };
    assert_eq!(policy(member.roster(&keys).unwrap_err()), few);
}

#[test]
fn a_member_takes_one_roster() {
    let world = World::of(5, 3);
    let keys = Round::new(&world).keys(&[0, 1, 2, 3, 4]);
    let mut member = world.member(0);
    let first = kept(member.roster(&keys[..4]).unwrap());
    assert_eq!(member.roster(&keys).unwrap_err(), SecaggError::Conflict { what: "roster" });
    assert_eq!(kept(member.roster(&keys[..4]).unwrap()), first);
    // Nor another one after a restart.
    let (plan, account) = (world.plan.clone(), world.account(0));
    let promises = member.promises().clone();
    let mut again = Member::resume(plan, account, [1; 32], world.policy.clone(), promises).unwrap();
    assert_eq!(again.roster(&keys).unwrap_err(), SecaggError::Conflict { what: "roster" });
    assert_eq!(kept(again.roster(&keys[..4]).unwrap()), first);
}

/// A round up to the sharings, and what is passed on to member 0.
fn passed(world: &World) -> (Round<'_>, Vec<Passed>) {
    let all: Vec<usize> = (0..world.signers.len()).collect();
    let mut round = Round::new(world);
    round.until_shares(&all, &all).unwrap();
    let passed = pass(&round.sharings, world.account(0)).unwrap();
    (round, passed)
}

#[test]
fn what_is_passed_on_has_to_be_what_was_signed() {
    let world = World::of(5, 3);
    let (round, passed) = passed(&world);
    let account = world.account(1);
    let refused = |change: &dyn Fn(&mut Vec<Passed>)| {
        let mut changed = passed.clone();
        change(&mut changed);
        round.members[0].clone().shares(&changed).unwrap_err()
    };
    let others = pass(&round.sharings, world.account(2)).unwrap();
    assert_eq!(refused(&|p| p[1] = others[1].clone()), SecaggError::Envelope { account });
    assert_eq!(refused(&|p| p[1].envelope.mask.0[0] ^= 1), SecaggError::Envelope { account });
    assert_eq!(refused(&|p| p[1].envelope.sealed.0[0] ^= 1), SecaggError::Envelope { account });
    assert_eq!(refused(&|p| p[1].path.truncate(1)), SecaggError::Envelope { account });
    let signature = SecaggError::Signature { what: "the sharing", account };
    assert_eq!(refused(&|p| p[1].head.body.own = p[2].head.body.own), signature);
    assert_eq!(refused(&|p| p[1].head.signature = p[2].head.signature.clone()), signature);
    assert!(matches!(refused(&|p| p.swap(1, 2)), SecaggError::Order { .. }));
    assert!(matches!(refused(&|p| p[1] = p[0].clone()), SecaggError::Order { .. }));
    let without = refused(&|p| drop(p.remove(0)));
    let account = world.account(0);
    assert_eq!(without, SecaggError::Stranger { account, set: "those that have shared" });
    let few = PolicyError::TooFew { set: "those that have shared", needed: 3, got: 2 };
    assert_eq!(policy(refused(&|p| p.truncate(2))), few);
    let early = world.member(0).shares(&passed).unwrap_err();
    assert_eq!(early, SecaggError::Early { what: "the roster" });
}

#[test]
fn members_that_saw_different_rosters_do_not_go_on() {
    let world = World::of(5, 3);
    let (mut round, _) = passed(&world);
    let keys = round.keys(&[0, 1, 2, 3]);
    let mut deceived = world.member(1);
    let (head, mut envelopes) = kept(deceived.roster(&keys).unwrap());
    // To pass it on, the coordinator needs an envelope for everybody.
    envelopes.push(round.sharings[1].envelopes[4].clone());
    round.sharings[1] = Sharing { head: world.sign(1, head), envelopes };
    let passed = pass(&round.sharings, world.account(0)).unwrap();
    let error = round.members[0].shares(&passed).unwrap_err();
    assert!(matches!(error, SecaggError::Mismatch { what: "the roster", .. }));
    let roster = round.roster.as_ref().unwrap();
    assert!(coordinator::check_sharing(&world.plan, roster, &round.sharings[1]).is_err());
}

#[test]
fn a_member_masks_one_vector_for_one_set() {
    let world = World::of(5, 3);
    let (mut round, passed) = passed(&world);
    let member = &mut round.members[0];
    let error = |result: Result<Sealed<(Upload, Vec<u8>)>, SecaggError>| result.unwrap_err();
    let early = SecaggError::Early { what: "those that have shared" };
    assert_eq!(error(member.mask(&[], B256::ZERO)), early);
    let _ = member.shares(&passed[..4]).unwrap();
    let conflict = SecaggError::Conflict { what: "set that has shared" };
    assert_eq!(member.shares(&passed).unwrap_err(), conflict);
    let packed = world.packed(0);
    let masked = kept(member.mask(&packed, B256::ZERO).unwrap());
    assert_eq!(kept(member.mask(&packed, B256::ZERO).unwrap()), masked);
    let mut other = packed.clone();
    other[0] += Fr::from(1u64);
    let conflict = SecaggError::Conflict { what: "upload" };
    assert_eq!(error(member.mask(&other, B256::ZERO)), conflict);
    assert_eq!(error(member.mask(&packed, B256::repeat_byte(1))), conflict);
}

/// A round of five up to the uploads.
fn uploaded(world: &World) -> Round<'_> {
    let (mut round, _) = passed(world);
    round.pass().unwrap();
    let all: Vec<usize> = (0..world.signers.len()).collect();
    round.upload(&all).unwrap();
    round
}

#[test]
fn counted_sets_that_isolate_are_refused() {
    let weights = [50_000, 10_000, 3_000, 2_536, 0];
    let world = World::new(&weights, 3);
    let limits = Policy { least: 3, max_share: 3 << 14, ..world.policy.clone() };
    let mut round = uploaded(&world);
    let strict = |index: usize| {
        let mut member = round.members[index].clone();
        member.set_policy(limits.clone());
        member
    };
    let all = world.accounts(&[0, 1, 2, 3, 4]);
    let member = strict(1);
    let refused = |who: &[usize]| member.clone().counted(&world.accounts(who)).unwrap_err();
    // Without the member itself, or with somebody who has not shared.
    let account = world.account(1);
    assert_eq!(refused(&[0, 2, 3, 4]), SecaggError::Stranger { account, set: "the counted" });
    let order = member.clone().counted(&[all[1], all[0], all[2]]).unwrap_err();
    assert!(matches!(order, SecaggError::Order { what: "the counted", position: 1 }));
    let twice = member.clone().counted(&[all[0], all[1], all[1]]).unwrap_err();
    assert!(matches!(twice, SecaggError::Order { what: "the counted", position: 2 }));
    // Tiny sets, and sets of members without weight.
    let few = PolicyError::TooFew { set: "the counted", needed: 3, got: 2 };
    assert_eq!(policy(refused(&[0, 1])), few);
    let few = PolicyError::TooFewWeights { set: "the counted", needed: 3, got: 2 };
    assert_eq!(policy(refused(&[1, 2, 4])), few);
    // One member that dominates, the victim or another one.
    let (account, weight, most) = (world.account(0), 50_000, limits.max_share);
    let dominant = |total: u64| PolicyError::Dominant { account, weight, total, most };
    assert_eq!(policy(refused(&[0, 1, 2, 3, 4])), dominant(65_536));
    assert_eq!(policy(refused(&[0, 1, 2])), dominant(63_000));
    let mut member = strict(1);
    let _ = member.counted(&world.accounts(&[1, 2, 3])).unwrap();
    let stranger = {
        round.members[0] = world.member(0);
        round.sharings.truncate(4);
        let keys = round.keys(&[0, 1, 2, 3, 4]);
        let _ = round.members[0].roster(&keys).unwrap();
        let passed = pass(&round.sharings, world.account(0)).unwrap();
        let _ = round.members[0].shares(&passed).unwrap();
        let _ = round.members[0].mask(&world.packed(0), B256::ZERO).unwrap();
        round.members[0].counted(&all).unwrap_err()
    };
    assert_eq!(stranger, SecaggError::Stranger { account: all[4], set: "those that have shared" });
}

#[test]
fn a_member_confirms_one_set() {
    let world = World::of(5, 3);
    let mut round = uploaded(&world);
    let fresh = world.member(0).counted(&world.accounts(&[0, 1, 2])).unwrap_err();
    assert_eq!(fresh, SecaggError::Early { what: "the upload" });
    let member = &mut round.members[0];
    let first = kept(member.counted(&world.accounts(&[0, 1, 2])).unwrap());
    let conflict = SecaggError::Conflict { what: "counted set" };
    assert_eq!(member.counted(&world.accounts(&[0, 1, 2, 3])).unwrap_err(), conflict);
    assert_eq!(kept(member.counted(&world.accounts(&[0, 1, 2])).unwrap()), first);
    // Nor another one after a restart.
    let (plan, account) = (world.plan.clone(), world.account(0));
    let promises = round.members[0].promises().clone();
    let mut again = Member::resume(plan, account, [1; 32], world.policy.clone(), promises).unwrap();
    let _ = again.roster(&round.keys(&[0, 1, 2, 3, 4])).unwrap();
    let _ = again.shares(&pass(&round.sharings, account).unwrap()).unwrap();
    assert_eq!(again.counted(&world.accounts(&[0, 1, 2, 3])).unwrap_err(), conflict);
}

#[test]
fn nothing_is_unmasked_without_a_threshold_of_equal_confirmations() {
    let world = World::of(5, 3);
    let mut round = uploaded(&world);
    let early = round.members[0].confirmed(&[]).unwrap_err();
    assert_eq!(early, SecaggError::Early { what: "the counted" });
    round.confirm(&[0, 1, 2, 3], &[0, 1, 2, 3]).unwrap();
    let confirms = round.confirms.clone();
    let refused =
        |confirms: &[Signed<Confirm>]| round.members[0].clone().confirmed(confirms).unwrap_err();
    let few = PolicyError::TooFew { set: "the confirmations", needed: 3, got: 2 };
    assert_eq!(policy(refused(&confirms[..2])), few);
    // The same one again, someone else's signature, a member that is not counted.
    let twice = [confirms[0].clone(), confirms[0].clone(), confirms[1].clone()];
    assert!(matches!(refused(&twice), SecaggError::Order { .. }));
    let mut foreign = confirms.clone();
    foreign[2] = world.sign(1, foreign[2].body);
    let account = world.account(2);
    assert_eq!(refused(&foreign), SecaggError::Signature { what: "the confirmation", account });
    let mut outside = confirms[..3].to_vec();
    let body = Confirm { account: world.account(4), ..confirms[0].body };
    outside.push(world.sign(4, body));
    let account = world.account(4);
    assert_eq!(refused(&outside), SecaggError::Stranger { account, set: "the counted" });
    // Other sets.
    let mut other = confirms.clone();
    let mut body = confirms[3].body;
    body.counted = accounts_digest(&world.accounts(&[0, 1, 3]));
    other[3] = world.sign(3, body);
    assert!(matches!(refused(&other), SecaggError::Mismatch { what: "the counted set", .. }));
    body = confirms[3].body;
    body.shared = B256::repeat_byte(1);
    other[3] = world.sign(3, body);
    assert!(matches!(
        refused(&other),
        SecaggError::Mismatch { what: "the set that has shared", .. }
    ));
    let _ = round.members[0].confirmed(&confirms[1..]).unwrap();
}

#[test]
fn members_without_weight_confirm_as_others_do() {
    let world = World::new(&[30_000, 20_000, 15_536, 0, 0], 3);
    let mut round = uploaded(&world);
    let limits = Policy { least: 3, ..world.policy.clone() };
    round.members.iter_mut().for_each(|member| member.set_policy(limits.clone()));
    round.confirm(&[0, 1, 2, 3, 4], &[0, 3, 4]).unwrap();
    round.unmask(&[0, 3, 4]).unwrap();
    assert_eq!(round.sum().unwrap(), world.expected(&[0, 1, 2, 3, 4]));
}

#[test]
fn two_counted_sets_never_reach_the_threshold_both() {
    // The coordinator tells members 0 and 1 that 4 is counted, the others that it is not.
    let world = World::of(5, 4);
    let mut round = uploaded(&world);
    let (with, without) = (world.accounts(&[0, 1, 2, 3, 4]), world.accounts(&[0, 1, 2, 3]));
    let mut signed = [Vec::new(), Vec::new()];
    for (index, counted) in [(0, &with), (1, &with), (2, &without), (3, &without)] {
        let confirm = kept(round.members[index].counted(counted).unwrap());
        let set = usize::from(counted.len() == 4);
        signed[set].push(world.sign(index, confirm));
    }
    // Member 4 colludes, and signs whatever counts it.
    let (shared, counted) = (round.shared().digest(), accounts_digest(&with));
    let confirm = Confirm { account: world.account(4), shared, counted };
    signed[0].push(world.sign(4, confirm));
    for (index, set) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        let error = round.members[index].confirmed(&signed[set]).unwrap_err();
        let got = signed[set].len();
        let few = PolicyError::TooFew { set: "the confirmations", needed: 4, got };
        assert_eq!(policy(error), few);
    }
}

#[test]
fn one_kind_of_share_of_each_member() {
    let world = World::of(5, 3);
    let mut round = uploaded(&world);
    round.finish(&[0, 1, 3]).unwrap();
    for unmask in &round.unmasks {
        let holder = round.index(unmask.account);
        for (dealer, share) in unmask.shares.iter().enumerate() {
            let envelope = &round.sharings[dealer].envelopes[holder];
            let (shown, kept) = match dealer {
                0 | 1 | 3 => (envelope.own, envelope.mask),
                _ => (envelope.mask, envelope.own),
            };
            let hash = keccak256(share.unwrap());
            assert_eq!(hash, shown);
            assert_ne!(hash, kept);
        }
    }
    // Asked again with other confirmations, a member shows the same.
    let again = kept(round.members[0].confirmed(&round.confirms).unwrap());
    assert_eq!(again, round.unmasks[0]);
}

#[test]
fn a_member_that_restarts_sends_the_same_bytes() {
    let world = World::of(4, 3);
    let round = Round::whole(&world);
    let (plan, account) = (world.plan.clone(), world.account(1));
    let mut again = Member::new(plan.clone(), account, [2; 32], world.policy.clone()).unwrap();
    for _ in 0..2 {
        let keys = round.roster.as_ref().unwrap().signed();
        assert_eq!(kept(again.keys()), keys[1].body);
        let (head, envelopes) = kept(again.roster(keys).unwrap());
        assert_eq!((head, &envelopes), (round.sharings[1].head.body, &round.sharings[1].envelopes));
        let passed = pass(&round.sharings, account).unwrap();
        assert_eq!(kept(again.shares(&passed).unwrap()), []);
        let upload = round.uploads[&1].0.body;
        let sealed = again.mask(&world.packed(1), upload.submission).unwrap();
        assert_eq!(kept(sealed), (upload, round.uploads[&1].1.clone()));
        let counted = world.accounts(&round.counted);
        assert_eq!(kept(again.counted(&counted).unwrap()), round.confirms[1].body);
        assert_eq!(kept(again.confirmed(&round.confirms).unwrap()), round.unmasks[1]);
        // And once more, from what it had promised.
        let promises = postcard::to_stdvec(again.promises()).unwrap();
        let promises = postcard::from_bytes(&promises).unwrap();
        again =
            Member::resume(plan.clone(), account, [2; 32], world.policy.clone(), promises).unwrap();
    }
}

#[test]
fn secrets_plans_and_accounts_separate_everything() {
    let world = World::of(3, 2);
    let mut plan = world.plan.clone();
    plan.round += 1;
    let (first, second) = (world.account(0), world.account(1));
    let new = |plan: &Plan, account, secret| {
        kept(Member::new(plan.clone(), account, [secret; 32], world.policy.clone()).unwrap().keys())
    };
    let base = new(&world.plan, first, 1);
    let others = [new(&world.plan, first, 2), new(&plan, first, 1), new(&world.plan, second, 1)];
    for other in others {
        assert!(base.mask != other.mask && base.seal != other.seal);
    }
    assert_ne!(base.mask, base.seal);
    let member = Member::new(plan, first, [0xab; 32], world.policy.clone()).unwrap();
    let printed = format!("{member:?}");
    assert!(!printed.contains("171") && !printed.contains("secret") && !printed.contains("abab"));
}
