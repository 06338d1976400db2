//! Members that cheat when they share or unmask.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;

use super::*;
use crate::keys::{SealKey, Secret};
use crate::merkle;
use crate::messages::{Ciphertext, Envelope, SEALED, SharingHead};
use crate::{dleq, sharing};

/// A round up to the sharings, in which member 1's is changed before it signs.
fn dealt(world: &World, change: impl Fn(&mut SharingHead, &mut Vec<Envelope>)) -> Round<'_> {
    let all: Vec<usize> = (0..world.signers.len()).collect();
    let mut round = Round::new(world);
    round.until_shares(&all, &all).unwrap();
    let Sharing { head, mut envelopes } = round.sharings[1].clone();
    let mut head = head.body;
    change(&mut head, &mut envelopes);
    head.root = merkle::root(&sharing::leaves(&envelopes));
    round.sharings[1] = Sharing { head: world.sign(1, head), envelopes };
    let roster = round.roster.as_ref().unwrap();
    coordinator::check_sharing(&world.plan, roster, &round.sharings[1]).unwrap();
    round
}

fn secret(world: &World, index: usize) -> Secret {
    Secret::new([index as u8 + 1; 32], world.plan.digest(), world.account(index))
}

/// What members `a` and `b` agree on for sealing.
fn seal_point(world: &World, a: usize, b: usize) -> RistrettoPoint {
    *secret(world, a).seal() * RistrettoPoint::mul_base(&secret(world, b).seal())
}

/// Seals other shares from member 1 for member 0, with the hashes that the envelope names
/// adapted if wanted.
fn reseal(
    world: &World,
    round: &Round<'_>,
    envelope: &mut Envelope,
    mask: [u8; 32],
    own: [u8; 32],
    adapt: bool,
) {
    let roster = round.roster.as_ref().unwrap().digest();
    let point = seal_point(world, 1, 0);
    let key = SealKey::new(world.plan.digest(), &point, roster, world.account(1), world.account(0));
    envelope.sealed = key.seal(&mask, &own).unwrap();
    if adapt {
        (envelope.mask, envelope.own) = (keccak256(mask), keccak256(own));
    }
}

/// Every member complains that has to; convicted members are not counted; the sum is of the rest.
fn convict(mut round: Round<'_>, complaints: usize) {
    let world = round.world;
    let raised = round.pass().unwrap();
    assert_eq!(raised.len(), complaints);
    for complaint in &raised {
        let roster = round.roster.as_ref().unwrap();
        let convicted = coordinator::check_complaint(&world.plan, roster, complaint);
        assert_eq!(convicted, Ok(world.account(1)));
    }
    round.upload(&[0, 1, 2, 3]).unwrap();
    round.finish(&[0, 2, 3]).unwrap();
    assert!(round.unmasks[0].shares[1].is_none());
    let enough = round.world.plan.threshold as usize <= 3 - complaints;
    if enough {
        assert_eq!(round.sum().unwrap(), world.expected(&[0, 2, 3]));
    } else {
        assert_eq!(round.secrets().unwrap_err().short, [world.account(1)]);
    }
}

/// World of four, threshold 3 or smaller, as large as a plan allows.
fn world() -> World {
    World::of(4, 3)
}

#[test]
fn garbage_in_an_envelope_convicts_its_dealer() {
    for garbage in [0, 7, 255] {
        let world = world();
        let garbage = |_: &mut SharingHead, envelopes: &mut Vec<Envelope>| {
            envelopes[0].sealed = Ciphertext([garbage; SEALED]);
        };
        convict(dealt(&world, garbage), 1);
    }
}

#[test]
fn one_bad_envelope_does_not_stop_the_sum() {
    // Five members, threshold 3: three others still hold shares of the dealer's key.
    let world = World::of(5, 3);
    let mut round = dealt(&world, |_, envelopes| envelopes[0].sealed = Ciphertext([1; SEALED]));
    let complaints = round.pass().unwrap();
    assert_eq!(complaints.len(), 1);
    round.upload(&[0, 1, 2, 3, 4]).unwrap();
    round.finish(&[0, 2, 3, 4]).unwrap();
    assert_eq!(round.sum().unwrap(), world.expected(&[0, 2, 3, 4]));
}

#[test]
fn shares_with_other_hashes_convict_their_dealer() {
    for changed in 0..2 {
        let world = world();
        let clean = dealt(&world, |_, _| {});
        let change = |_: &mut SharingHead, envelopes: &mut Vec<Envelope>| {
            let passed = pass(&clean.sharings, world.account(0)).unwrap();
            let roster = clean.roster.as_ref().unwrap();
            let point = seal_point(&world, 0, 1);
            let shares = sharing::open(&world.plan, roster, &passed[1], &point).unwrap();
            let mut parts = [*shares.mask, *shares.own];
            parts[changed][0] ^= 1;
            reseal(&world, &clean, &mut envelopes[0], parts[0], parts[1], false);
        };
        convict(dealt(&world, change), 1);
    }
}

#[test]
fn shares_that_are_no_scalars_convict_their_dealer() {
    for parts in [[[0xff; 32], [1; 32]], [[1; 32], [0xff; 32]]] {
        let world = world();
        let clean = dealt(&world, |_, _| {});
        let change = |_: &mut SharingHead, envelopes: &mut Vec<Envelope>| {
            reseal(&world, &clean, &mut envelopes[0], parts[0], parts[1], true);
        };
        convict(dealt(&world, change), 1);
    }
}

#[test]
fn false_complaints_convict_nobody() {
    let world = world();
    let mut round = dealt(&world, |_, _| {});
    assert_eq!(round.pass().unwrap(), []);
    let (plan, roster) = (&world.plan, round.roster.as_ref().unwrap());
    let passed = pass(&round.sharings, world.account(0)).unwrap();
    let seal = secret(&world, 0).seal();
    let check = |complaint: &Complaint| match coordinator::check_complaint(plan, roster, complaint)
    {
        Err(SecaggError::Unfounded { account, why }) => {
            assert_eq!(account, complaint.passed.head.body.account);
            why
        }
        other => panic!("{other:?}"),
    };
    let honest = sharing::complain(plan, roster, &passed[1], &seal).unwrap();
    assert_eq!(check(&honest), "the envelope opens");
    // Another key does not open the envelope, but it is not the pair's.
    let other = RistrettoPoint::mul_base(&Scalar::from(5u64)).compress().0;
    assert_eq!(check(&Complaint { shared: other, ..honest.clone() }), "the key is not the pair's");
    assert_eq!(check(&Complaint { shared: [0; 32], ..honest.clone() }), "the key is no point");
    for part in 0..2 {
        let mut changed = honest.clone();
        changed.proof[part][3] ^= 1;
        assert_eq!(check(&changed), "the key is not the pair's");
    }
    // Someone else's complaint in the receiver's name.
    let foreign = sharing::complain(plan, roster, &passed[1], &secret(&world, 2).seal()).unwrap();
    assert_eq!(check(&foreign), "the key is not the pair's");
    let itself = sharing::complain(plan, roster, &passed[0], &seal).unwrap();
    assert_eq!(check(&itself), "it is about itself");
    // An envelope that the dealer never signed for.
    let mut changed = honest.clone();
    changed.passed.envelope.sealed = Ciphertext([1; SEALED]);
    let error = coordinator::check_complaint(plan, roster, &changed);
    assert_eq!(error, Err(SecaggError::Envelope { account: world.account(1) }));
    let mut changed = honest;
    changed.passed.head.body.root = B256::ZERO;
    let error = coordinator::check_complaint(plan, roster, &changed);
    assert!(matches!(error, Err(SecaggError::Signature { what: "the sharing", .. })));
}

#[test]
fn a_wrong_own_point_is_the_dealers_fault() {
    let world = world();
    let other = RistrettoPoint::mul_base(&Scalar::from(9u64)).compress().0;
    let mut round = dealt(&world, |head, _| head.own = other);
    assert_eq!(round.pass().unwrap(), []);
    round.upload(&[0, 1, 2, 3]).unwrap();
    round.finish(&[0, 1, 2, 3]).unwrap();
    let error = round.secrets().unwrap_err();
    assert_eq!((error.short, error.guilty), (vec![], vec![world.account(1)]));
}

#[test]
fn shares_of_different_polynomials_are_the_dealers_fault() {
    // Opened without complaint, but off the polynomial: found when it matters.
    for own in [true, false] {
        let world = world();
        let clean = dealt(&world, |_, _| {});
        let one = Scalar::ONE.to_bytes();
        let change = |_: &mut SharingHead, envelopes: &mut Vec<Envelope>| {
            reseal(&world, &clean, &mut envelopes[0], one, one, true);
        };
        let mut round = dealt(&world, change);
        assert_eq!(round.pass().unwrap(), []);
        round.upload(&[0, 1, 2, 3]).unwrap();
        let counted: &[usize] = if own { &[0, 1, 2, 3] } else { &[0, 2, 3] };
        round.finish(counted).unwrap();
        let error = round.secrets().unwrap_err();
        assert_eq!((error.short, error.guilty), (vec![], vec![world.account(1)]));
    }
}

#[test]
fn invented_shares_are_ignored() {
    let world = world();
    let mut round = Round::whole(&world);
    let honest = round.sum().unwrap();
    for share in [Some([1; 32]), Some([0xff; 32]), None] {
        round.unmasks[0].shares[2] = share;
        assert_eq!(round.sum().unwrap(), honest);
    }
    round.unmasks[1].shares[2] = Some([3; 32]);
    let error = round.secrets().unwrap_err();
    assert_eq!((error.short, error.guilty), (vec![world.account(2)], vec![]));
    // Sent twice, a share counts once.
    let mut round = Round::whole(&world);
    round.unmasks.truncate(2);
    round.unmasks.push(round.unmasks[0].clone());
    assert_eq!(round.secrets().unwrap_err().short.len(), 4);
    // A share of one kind is none of the other.
    let mut round = Round::whole(&world);
    let (counted, unmasks) = (round.counted.clone(), round.unmasks.clone());
    round.counted = vec![0, 1, 2];
    assert_eq!(round.secrets().unwrap_err().short, [world.account(3)]);
    (round.counted, round.unmasks) = (counted, unmasks);
    round.secrets().unwrap();
}

#[test]
fn keys_and_rosters_that_do_not_hold_are_refused() {
    let world = world();
    let round = Round::new(&world);
    let plan = &world.plan;
    let keys = round.keys(&[0, 1, 2, 3]);
    let refused = |change: &dyn Fn(&mut Vec<Signed<crate::messages::Keys>>)| {
        let mut changed = keys.clone();
        change(&mut changed);
        Roster::new(plan, &changed).unwrap_err()
    };
    assert!(matches!(refused(&|k| k.swap(0, 1)), SecaggError::Order { position: 1, .. }));
    let twice = |k: &mut Vec<Signed<crate::messages::Keys>>| k[1] = k[0].clone();
    assert!(matches!(refused(&twice), SecaggError::Order { position: 1, .. }));
    let account = world.account(2);
    let foreign = |k: &mut Vec<Signed<crate::messages::Keys>>| {
        k[2] = world.sign(1, kept(round.members[2].keys()))
    };
    let error = SecaggError::Signature { what: "the keys", account };
    assert_eq!(refused(&foreign), error);
    let altered = |k: &mut Vec<Signed<crate::messages::Keys>>| k[2].body.mask = k[1].body.mask;
    assert_eq!(refused(&altered), error);
    for (bytes, what) in [([0; 32], "the mask key"), ([0xff; 32], "the mask key")] {
        let mut body = kept(round.members[2].keys());
        body.mask = bytes;
        let signed = world.sign(2, body);
        assert_eq!(
            coordinator::check_keys(plan, &signed),
            Err(SecaggError::Point { what, account })
        );
    }
    let mut body = kept(round.members[2].keys());
    body.seal = [0; 32];
    let error = Err(SecaggError::Point { what: "the seal key", account });
    assert_eq!(coordinator::check_keys(plan, &world.sign(2, body)), error);
    body.seal = body.mask;
    assert!(matches!(
        coordinator::check_keys(plan, &world.sign(2, body)),
        Err(SecaggError::Point { .. })
    ));
    let many = World::of(5, 3);
    let stranger = (0..5).find(|i| plan.member(many.account(*i)).is_none()).unwrap();
    let keys = sign(plan, kept(many.member(stranger).keys()), &many.signers[stranger]);
    assert!(matches!(coordinator::check_keys(plan, &keys), Err(SecaggError::Stranger { .. })));
}

#[test]
fn sharings_that_do_not_hold_are_refused() {
    let world = world();
    let round = dealt(&world, |_, _| {});
    let roster = round.roster.as_ref().unwrap();
    let account = world.account(1);
    let refused = |change: &dyn Fn(&mut SharingHead, &mut Vec<Envelope>), signer: usize| {
        let Sharing { head, mut envelopes } = round.sharings[1].clone();
        let mut head = head.body;
        change(&mut head, &mut envelopes);
        let sharing = Sharing { head: world.sign(signer, head), envelopes };
        coordinator::check_sharing(&world.plan, roster, &sharing).unwrap_err()
    };
    let error = SecaggError::Signature { what: "the sharing", account };
    assert_eq!(refused(&|_, _| {}, 2), error);
    let count = refused(
        &|_, envelopes| {
            envelopes.pop();
        },
        1,
    );
    assert_eq!(count, SecaggError::Count { what: "envelopes", expected: 4, got: 3 });
    let order = refused(&|_, envelopes| envelopes.swap(1, 2), 1);
    assert_eq!(order, SecaggError::Order { what: "envelopes", position: 1 });
    for change in [
        |e: &mut Envelope| e.mask.0[0] ^= 1,
        |e: &mut Envelope| e.own.0[0] ^= 1,
        |e: &mut Envelope| e.sealed.0[79] ^= 1,
    ] {
        let error = refused(&|_, envelopes| change(&mut envelopes[3]), 1);
        assert_eq!(error, SecaggError::Envelope { account });
    }
    let other = refused(&|head, _| head.roster = B256::ZERO, 1);
    assert!(matches!(other, SecaggError::Mismatch { what: "the roster", .. }));
    let point = refused(&|head, _| head.own = [0; 32], 1);
    assert_eq!(point, SecaggError::Point { what: "the own mask", account });
    assert!(dleq::point(&[0; 32]).is_none());
    // A member that is not on the roster has nobody to share with.
    let world = World::of(5, 3);
    let mut round = Round::new(&world);
    round.until_shares(&[0, 1, 2, 3], &[0, 1, 2, 3]).unwrap();
    let (account, Sharing { head, envelopes }) = (world.account(4), round.sharings[1].clone());
    let head = world.sign(4, SharingHead { account, ..head.body });
    let roster = round.roster.as_ref().unwrap();
    let error = coordinator::check_sharing(&world.plan, roster, &Sharing { head, envelopes });
    assert_eq!(error, Err(SecaggError::Stranger { account, set: "the roster" }));
    assert!(matches!(
        pass(&round.sharings, Address::ZERO),
        Err(SecaggError::Stranger { set: "the roster", .. })
    ));
}

#[test]
fn uploads_confirmations_and_shares_that_do_not_hold_are_refused() {
    let world = world();
    let round = Round::whole(&world);
    let plan = &world.plan;
    let (shared, account) = (round.shared(), world.account(1));
    let upload = round.uploads[&1].0.body;
    let check = |body: Upload, signer: usize, shared: &Shared| {
        coordinator::check_upload(plan, shared, &world.sign(signer, body))
    };
    assert_eq!(check(upload, 1, &shared), Ok(()));
    assert!(matches!(check(upload, 0, &shared), Err(SecaggError::Signature { .. })));
    let heads = |who: &[usize]| {
        let heads = who.iter().map(|index| &round.sharings[*index].head.body);
        Shared::new(round.roster.as_ref().unwrap(), heads).unwrap()
    };
    let less = heads(&[0, 1, 2]);
    assert!(matches!(check(upload, 1, &heads(&[0, 2, 3])), Err(SecaggError::Stranger { .. })));
    assert!(matches!(check(upload, 1, &less), Err(SecaggError::Mismatch { .. })));
    // The same accounts, one of which has shared something else.
    let mut other: Vec<SharingHead> = round.sharings.iter().map(|s| s.head.body).collect();
    other[2].root.0[0] ^= 1;
    let other = Shared::new(round.roster.as_ref().unwrap(), &other).unwrap();
    assert!(matches!(check(upload, 1, &other), Err(SecaggError::Mismatch { .. })));

    let confirm = round.confirms[1].body;
    let all = world.accounts(&[0, 1, 2, 3]);
    let check = |body: Confirm, signer: usize| {
        coordinator::check_confirm(plan, &shared, &all, &world.sign(signer, body))
    };
    assert_eq!(check(confirm, 1), Ok(()));
    assert!(matches!(check(confirm, 0), Err(SecaggError::Signature { .. })));
    let other = check(Confirm { shared: less.digest(), ..confirm }, 1);
    assert!(matches!(other, Err(SecaggError::Mismatch { what: "the set that has shared", .. })));
    let other = check(Confirm { counted: accounts_digest(&all[..3]), ..confirm }, 1);
    assert!(matches!(other, Err(SecaggError::Mismatch { what: "the counted set", .. })));
    let last = world.sign(3, round.confirms[3].body);
    let error = coordinator::check_confirm(plan, &shared, &all[..3], &last);
    assert!(matches!(error, Err(SecaggError::Stranger { set: "the counted", .. })));

    let unmask = round.unmasks[1].clone();
    let check = |body: Unmask, signer: usize, counted: &[Address]| {
        coordinator::check_unmask(plan, &shared, counted, &world.sign(signer, body))
    };
    assert_eq!(check(unmask.clone(), 1, &all), Ok(()));
    let error = Err(SecaggError::Signature { what: "the shares", account });
    assert_eq!(check(unmask.clone(), 2, &all), error);
    assert!(matches!(check(unmask.clone(), 1, &all[2..]), Err(SecaggError::Stranger { .. })));
    let short = Unmask { shares: unmask.shares[1..].to_vec(), ..unmask };
    assert_eq!(
        check(short, 1, &all),
        Err(SecaggError::Count { what: "shares", expected: 4, got: 3 })
    );
}
