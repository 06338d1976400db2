//! A coordinator that shows a member different views of a round, one after another: the member has
//! lost its promises in between, has got older ones back, or could not write them.

use ark_ff::AdditiveGroup;

use super::*;
use crate::keys::{Pair, Secret, own_mask};
use crate::messages::{Envelope, Keys, SharingHead};
use crate::stream::{self, Seed, Sign};

/// A round in which everybody has shared.
fn shared(world: &World) -> Round<'_> {
    let all: Vec<usize> = (0..world.signers.len()).collect();
    let mut round = Round::new(world);
    round.until_shares(&all, &all).unwrap();
    round
}

/// What a member passes on that was shown the sharings of these.
fn list(round: &Round<'_>, to: usize, of: &[usize]) -> Vec<Passed> {
    let passed = pass(&round.sharings, round.world.account(to)).unwrap();
    of.iter().map(|index| passed[*index].clone()).collect()
}

/// Member 0 with its secret, and no memory of anything, shown a list: its view and masked vector.
fn deceived(round: &Round<'_>, of: &[usize]) -> (Shared, Vec<Fr>) {
    let world = round.world;
    let mut member = world.member(0);
    let _ = member.roster(round.roster.as_ref().unwrap().signed()).unwrap();
    let _ = member.shares(&list(round, 0, of)).unwrap();
    let (_, bytes) = kept(member.mask(&world.packed(0), B256::ZERO).unwrap());
    let heads = of.iter().map(|index| &round.sharings[*index].head.body);
    let view = Shared::new(round.roster.as_ref().unwrap(), heads).unwrap();
    (view, vector::decode(&bytes).unwrap())
}

fn secret(world: &World, index: usize) -> Secret {
    Secret::new([index as u8 + 1; 32], world.plan.digest(), world.account(index))
}

fn elements(seed: &Seed) -> Vec<Fr> {
    let mut vector = vec![Fr::ZERO; fixture().shape.elements()];
    stream::apply(&mut vector, &[(Sign::Plus, seed.clone())]);
    vector
}

/// The attack by which a coordinator alone had any owner's update: a list without each of the
/// others in turn, one with all; the differences were the masks of all pairs.
#[test]
fn lists_shown_one_after_another_do_not_add_up_to_an_update() {
    let world = World::of(5, 4);
    let round = shared(&world);
    let (full, vector) = deceived(&round, &[0, 1, 2, 3, 4]);
    // What the others reveal of a counted member.
    let own_secret = secret(&world, 0).own(full.roster());
    let own = own_mask(&full, world.account(0), &own_secret);
    let mut left = vector.clone();
    stream::apply(&mut left, &[(Sign::Minus, own)]);
    for without in 1..5 {
        let of: Vec<usize> = (0..5).filter(|index| *index != without).collect();
        let (view, other) = deceived(&round, &of);
        let own = elements(&own_mask(&view, world.account(0), &own_secret));
        let same = elements(&own_mask(&full, world.account(0), &own_secret));
        // Own masks are known of both: they are taken off.
        let parts = vector.iter().zip(&other).zip(own.iter().zip(&same));
        let difference: Vec<Fr> = parts.map(|((a, b), (own, same))| *a - same - b + own).collect();
        left.iter_mut().zip(&difference).for_each(|(left, pair)| *left -= pair);
        // The difference is none of the pair that is in one of the lists only, in no element.
        let pair = Pair::new(world.account(0), world.account(without));
        let point = *secret(&world, 0).mask()
            * round.roster.as_ref().unwrap().points(world.account(without)).unwrap().mask;
        let stream = elements(&pair.mask(&full, &point));
        assert!(stream.iter().zip(&difference).all(|(s, d)| *s != *d && -*s != *d));
    }
    let packed = world.packed(0);
    assert!(left.iter().zip(&packed).all(|(left, own)| left != own));
}

#[test]
fn no_two_views_share_a_stream() {
    let world = World::of(5, 3);
    let round = shared(&world);
    let lists: [&[usize]; 4] = [&[0, 1, 2, 3, 4], &[0, 1, 2, 3], &[0, 1, 2, 4], &[0, 1, 2]];
    let mut views: Vec<Shared> = lists.iter().map(|of| deceived(&round, of).0).collect();
    // The same accounts, one of which has shared otherwise.
    let mut heads: Vec<SharingHead> = round.sharings.iter().map(|s| s.head.body).collect();
    heads[3].root.0[7] ^= 1;
    views.push(Shared::new(round.roster.as_ref().unwrap(), &heads).unwrap());
    heads[3].root.0[7] ^= 1;
    heads[2].own = heads[3].own;
    views.push(Shared::new(round.roster.as_ref().unwrap(), &heads).unwrap());
    // The same accounts with other keys.
    let mut other = Round::new(&world);
    other.members[4] = {
        let (plan, account) = (world.plan.clone(), world.account(4));
        Member::new(plan, account, [99; 32], world.policy.clone()).unwrap()
    };
    other.until_shares(&[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4]).unwrap();
    views.push(other.shared());
    let point = *secret(&world, 0).mask()
        * round.roster.as_ref().unwrap().points(world.account(1)).unwrap().mask;
    let pair = Pair::new(world.account(0), world.account(1));
    let own = secret(&world, 0).own(views[0].roster());
    let streams = views.iter().flat_map(|view| {
        [elements(&pair.mask(view, &point)), elements(&own_mask(view, world.account(0), &own))]
    });
    let streams: Vec<Vec<Fr>> = streams.collect();
    for (index, one) in streams.iter().enumerate() {
        for other in &streams[index + 1..] {
            assert!(one.iter().zip(other).all(|(a, b)| a != b));
        }
    }
}

#[test]
fn nothing_that_is_dealt_for_one_roster_is_dealt_for_another() {
    let world = World::of(5, 3);
    let keys = Round::new(&world).keys(&[0, 1, 2, 3, 4]);
    let dealt = |keys: &[Signed<Keys>]| kept(world.member(0).roster(keys).unwrap());
    let (first, second) = (dealt(&keys), dealt(&keys[..4]));
    assert_ne!(first.0.own, second.0.own);
    let parts = |e: &Envelope| [e.mask.0.to_vec(), e.own.0.to_vec(), e.sealed.0.to_vec()];
    for (a, b) in first.1.iter().zip(&second.1) {
        assert_eq!(a.to, b.to);
        assert!(parts(a).iter().zip(parts(b)).all(|(a, b)| *a != b));
    }
    // The key of an envelope too: the same shares would be sealed otherwise.
    let differ = first.1.iter().zip(&second.1).all(|(a, b)| {
        let (a, b) = (&a.sealed.0, &b.sealed.0);
        a.iter().zip(b).filter(|(a, b)| a == b).count() < 10
    });
    assert!(differ);
}

/// Everything of a member in a round, opened with one disk.
fn run(round: &Round<'_>, member: &mut Member, disk: &mut Disk) -> Result<Vec<u8>, SecaggError> {
    let world = round.world;
    let mut said = Vec::new();
    let mut say = |what: Vec<u8>| said.extend(what);
    let bytes = |what: &dyn core::fmt::Debug| format!("{what:?}").into_bytes();
    say(bytes(&member.keys().open(disk)?));
    say(bytes(&member.roster(round.roster.as_ref().unwrap().signed())?.open(disk)?));
    say(bytes(&member.shares(&list(round, 0, &[0, 1, 2, 3]))?.open(disk)?));
    say(bytes(&member.mask(&world.packed(0), B256::repeat_byte(0))?.open(disk)?));
    say(bytes(&member.counted(&world.accounts(&round.counted))?.open(disk)?));
    say(bytes(&member.confirmed(&round.confirms)?.open(disk)?));
    Ok(said)
}

#[test]
fn what_is_sent_is_promised_before() {
    let world = World::of(4, 3);
    let round = Round::whole(&world);
    let (mut member, mut disk) = (world.member(0), Disk::default());
    let said = run(&round, &mut member, &mut disk).unwrap();
    let shared = round.shared();
    let expected = Promises {
        roster: Some(round.roster.as_ref().unwrap().digest()),
        shared: Some(shared.digest()),
        upload: Some(round.uploads[&0].0.body),
        confirm: Some(round.confirms[0].body),
        test: None,
    };
    assert_eq!(disk.promises, expected);
    // Again from the disk: the same bytes.
    let (plan, account) = (world.plan.clone(), world.account(0));
    let mut again =
        Member::resume(plan, account, [1; 32], world.policy.clone(), disk.promises.clone())
            .unwrap();
    assert_eq!(run(&round, &mut again, &mut disk).unwrap(), said);
}

/// Each step, with a disk that is full from there on: nothing comes out, and later the same does.
#[test]
fn what_cannot_be_promised_is_not_sent() {
    type Step = fn(&Round<'_>, &mut Member, &mut Disk) -> Result<(), SecaggError>;
    let steps: [Step; 4] = [
        |round, member, disk| {
            member.roster(round.roster.as_ref().unwrap().signed())?.open(disk).map(drop)
        },
        |round, member, disk| member.shares(&list(round, 0, &[0, 1, 2, 3]))?.open(disk).map(drop),
        |round, member, disk| member.mask(&round.world.packed(0), B256::ZERO)?.open(disk).map(drop),
        |round, member, disk| {
            member.counted(&round.world.accounts(&round.counted))?.open(disk).map(drop)
        },
    ];
    let world = World::of(4, 3);
    let round = Round::whole(&world);
    let (mut member, mut disk) = (world.member(0), Disk::default());
    for step in steps {
        let before = disk.promises.clone();
        disk.full = true;
        assert_eq!(
            step(&round, &mut member, &mut disk),
            Err(SecaggError::Early { what: "the disk" })
        );
        assert_eq!(disk.promises, before);
        disk.full = false;
        step(&round, &mut member, &mut disk).unwrap();
        assert_ne!(disk.promises, before);
    }
}

/// A promise that was opened out of order is kept all the same, and none is lost by it.
#[test]
fn promises_add_up_in_any_order() {
    let world = World::of(4, 3);
    let round = Round::whole(&world);
    let (mut member, mut disk) = (world.member(0), Disk::default());
    let first = member.roster(round.roster.as_ref().unwrap().signed()).unwrap();
    let second = member.shares(&list(&round, 0, &[0, 1, 2, 3])).unwrap();
    second.open(&mut disk).unwrap();
    let all = disk.promises.clone();
    assert!(all.roster.is_some() && all.shared.is_some());
    first.open(&mut disk).unwrap();
    assert_eq!(disk.promises, all);
    // Another view does not come out of a member that has forgotten, if its disk has not.
    let mut forgetful = world.member(0);
    let sealed = forgetful.roster(&round.keys(&[0, 1, 2])).unwrap();
    assert_eq!(sealed.open(&mut disk).unwrap_err(), SecaggError::Conflict { what: "roster" });
    assert_eq!(disk.promises, all);
}

#[test]
fn what_is_sealed_is_not_printed() {
    let world = World::of(4, 3);
    let round = shared(&world);
    let mut member = world.member(0);
    let _ = member.roster(round.roster.as_ref().unwrap().signed()).unwrap();
    let _ = member.shares(&list(&round, 0, &[0, 1, 2, 3])).unwrap();
    let sealed = member.mask(&world.packed(0), B256::ZERO).unwrap();
    let printed = format!("{sealed:?}");
    let (_, vector) = kept(sealed);
    let vector = format!("{vector:?}");
    assert!(!printed.contains(&vector[1..20]) && printed.len() < 1000, "{printed}");
}

/// A test in which others have uploaded for another list is none.
#[test]
fn a_test_is_about_one_view() {
    let world = World::of(4, 3);
    let mut round = Round::whole(&world);
    let mut test = round.test();
    let mut body = test.uploads[2].body;
    body.shared.0[0] ^= 1;
    test.uploads[2] = world.sign(2, body);
    let update = &world.updates[0];
    let evidence = crate::blame::BlameEvidence {
        shape: &fixture().shape,
        opener: &fixture().srs.g1(),
        update,
        commitments: &commit(&fixture().key, &fixture().srs, update),
    };
    let error = round.members[0].defend(&test, &evidence).unwrap_err();
    assert!(matches!(error, SecaggError::Mismatch { what: "the masked set", .. }), "{error}");
    let test = round.test();
    let _ = round.members[0].defend(&test, &evidence).unwrap();
}
