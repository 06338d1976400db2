//! Members that upload something else than their update, and what it takes to blame them.

use alloy::primitives::{Address, B256, Bytes};
use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::Field;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;
use zktrain_prover::average::{commit_sum, weighted_rows};

use super::proof::Proof;
use super::*;
use crate::messages::{Defence, PairOpening, Reveal, Signed};
use crate::secagg::keys::{Pair, Secret};
use crate::secagg::stream;
use crate::secagg::tests::{Round, World, commit, fixture};
use crate::secagg::vector::VectorError;

/// Weight is uneven, and nothing of it zero.
fn world() -> World {
    World::new(&[20_000, 15_000, 25_000, 5_536], 3)
}

/// A round in which member 3 has shared and is not counted, with changed vectors of others.
fn round(world: &World, change: impl Fn(usize, &mut Vec<Fr>)) -> Round<'_> {
    let mut round = Round::new(world);
    round.to_shares(&[0, 1, 2, 3], &[0, 1, 2, 3]).unwrap();
    round.pass().unwrap();
    round.upload_with(&[0, 1, 2], change).unwrap();
    round.finish(&[0, 1, 2]).unwrap();
    round
}

/// Whether the sum opens the sum of commitments.
fn is_right(round: &Round<'_>) -> bool {
    let (key, srs, world) = (&fixture().key, &fixture().srs, round.world);
    let Ok(sum) = round.sum() else { return false };
    let commitments = world.commitments(&round.counted);
    let weighted: Vec<(u32, &[G1Affine])> = commitments
        .iter()
        .map(|(account, rows)| (world.plan.member(*account).unwrap().weight, rows.as_slice()))
        .collect();
    commit_sum(key, &srs.g1, &sum).is_ok_and(|rows| rows == weighted_rows(&weighted))
}

/// A trial that has seen all uploads.
fn trial(round: &Round<'_>) -> Trial {
    let (world, counted) = (round.world, round.world.accounts(&round.counted));
    let setup = Setup {
        plan: &world.plan,
        roster: round.roster.as_ref().unwrap(),
        shape: &fixture().shape,
        kzg: &fixture().srs.verifier_key(),
        counted: &counted,
        test: &round.test(),
        secrets: &round.secrets().unwrap(),
        commitments: &world.commitments(&round.counted),
    };
    let mut trial = Trial::new(setup).unwrap();
    for index in &round.counted {
        trial.start(world.account(*index)).unwrap();
        for part in round.uploads[index].1.chunks(1000) {
            trial.write(part).unwrap();
        }
        trial.end().unwrap();
    }
    trial
}

/// A member's defence, honestly made from its proven update.
fn defend(round: &mut Round<'_>, index: usize) -> Signed<Defence> {
    let (test, world) = (round.test(), round.world);
    let commitments = commit(&fixture().key, &fixture().srs, &world.updates[index]);
    let evidence = Evidence {
        shape: &fixture().shape,
        g1: &fixture().srs.g1,
        update: &world.updates[index],
        commitments: &commitments,
    };
    world.sign(index, round.members[index].defend(&test, &evidence).unwrap())
}

/// A member's answer to what contradicts its defence.
fn dispute(
    round: &mut Round<'_>,
    index: usize,
    defences: &[Signed<Defence>],
) -> Result<Signed<Reveal>, Error> {
    let (test, world) = (round.test(), round.world);
    let evidence = Evidence {
        shape: &fixture().shape,
        g1: &fixture().srs.g1,
        update: &world.updates[index],
        commitments: &[],
    };
    let reveal = round.members[index].dispute(&test, &evidence, defences)?;
    Ok(world.sign(index, reveal))
}

/// All defend themselves honestly and answer disputes.
fn judge(round: &mut Round<'_>) -> Verdict {
    let mut trial = trial(round);
    for index in round.counted.clone() {
        trial.defence(&defend(round, index)).unwrap();
    }
    assert!(trial.disputes().is_empty());
    trial.verdict()
}

fn guilty(world: &World, who: &[usize]) -> Verdict {
    Verdict { guilty: world.accounts(who), silent: vec![] }
}

#[test]
fn nobody_is_blamed_for_honest_vectors() {
    let world = world();
    let mut round = round(&world, |_, _| {});
    assert!(is_right(&round));
    assert_eq!(judge(&mut round), Verdict::default());
}

#[test]
fn members_without_weight_defend_themselves_too() {
    let world = World::new(&[30_000, 0, 35_536, 0], 3);
    let mut honest = round(&world, |_, _| {});
    assert_eq!(judge(&mut honest), Verdict::default());
    let mut cheated = round(&world, |index, vector| {
        if index == 1 {
            vector[3] += Fr::ONE;
        }
    });
    assert!(!is_right(&cheated));
    assert_eq!(judge(&mut cheated), guilty(&world, &[1]));
}

/// What changes a member's vector.
type Change = fn(usize, &mut Vec<Fr>);

#[test]
fn who_changes_its_vector_is_found() {
    let changes: [(Change, &[usize]); 6] = [
        // One parameter by the smallest amount.
        (
            |i, v| {
                if i == 1 {
                    v[0] += Fr::ONE
                }
            },
            &[1],
        ),
        // One blinding.
        (
            |i, v| {
                if i == 1 {
                    *v.last_mut().unwrap() += Fr::ONE
                }
            },
            &[1],
        ),
        // Another weight, of values and blindings alike.
        (
            |i, v| {
                if i == 2 {
                    v.iter_mut().for_each(|e| *e *= Fr::from(2u64))
                }
            },
            &[2],
        ),
        // Nothing at all.
        (
            |i, v| {
                if i == 0 {
                    v.fill(Fr::from(0u64))
                }
            },
            &[0],
        ),
        // Two, independently.
        (
            |i, v| {
                if i != 1 {
                    v[5] += Fr::from(i as u64 + 1)
                }
            },
            &[0, 2],
        ),
        // Out of the packing's range.
        (
            |i, v| {
                if i == 1 {
                    v[1] += Fr::from(2u64).pow([250])
                }
            },
            &[1],
        ),
    ];
    for (index, (change, who)) in changes.into_iter().enumerate() {
        let world = world();
        let mut round = round(&world, change);
        assert!(!is_right(&round), "{index}");
        assert_eq!(judge(&mut round), guilty(&world, who), "{index}");
    }
}

#[test]
fn errors_of_two_that_cancel_are_no_error() {
    let world = world();
    let round = round(&world, |index, vector| match index {
        0 => vector[4] += Fr::ONE,
        2 => vector[4] -= Fr::ONE,
        _ => {}
    });
    assert!(is_right(&round));
}

#[test]
fn a_wrong_update_cannot_be_defended_as_the_proven_one() {
    // Member 1 claims the update that it uploaded: the opening of the commitments fails.
    let world = world();
    let mut forged = World { updates: world.updates.clone(), ..self::world() };
    forged.updates[1].values.layers[0].w[0] += 1;
    let mut round = round(&forged, |_, _| {});
    let mut trial = {
        let honest = Round { world: &world, ..round.clone() };
        trial(&honest)
    };
    let claims = commit(&fixture().key, &fixture().srs, &world.updates[1]);
    for index in [0, 2] {
        trial.defence(&defend(&mut round, index)).unwrap();
    }
    let evidence = Evidence {
        shape: &fixture().shape,
        g1: &fixture().srs.g1,
        update: &forged.updates[1],
        commitments: &claims,
    };
    let test = round.test();
    let defence = round.members[1].defend(&test, &evidence).unwrap();
    trial.defence(&world.sign(1, defence)).unwrap();
    assert_eq!(trial.verdict(), guilty(&world, &[1]));
}

fn secret(world: &World, index: usize) -> Secret {
    Secret::new([index as u8 + 1; 32], world.plan.digest(), world.account(index))
}

/// The point that two members agree on for their mask.
fn agreed(world: &World, a: usize, b: usize) -> RistrettoPoint {
    *secret(world, a).mask() * RistrettoPoint::mul_base(&secret(world, b).mask())
}

fn other_point() -> RistrettoPoint {
    RistrettoPoint::mul_base(&Scalar::from(99u64))
}

/// Replaces the mask of member `of`'s pair with another by that of another point.
fn swap_mask(world: &World, of: usize, with: usize, vector: &mut [Fr]) {
    let pair = Pair::new(world.account(of), world.account(with));
    let (sign, plan) = (pair.sign(world.account(of)), world.plan.digest());
    let masks = [
        (sign, pair.mask(plan, &other_point())),
        (-sign, pair.mask(plan, &agreed(world, of, with))),
    ];
    stream::apply(vector, &masks);
}

/// The defence of a member that pretends to agree on another point with some.
fn pretend(round: &Round<'_>, index: usize, with: &[usize]) -> Signed<Defence> {
    let world = round.world;
    let counted = world.accounts(&round.counted);
    let challenge = Challenge::new(&world.plan, &counted, &round.test()).unwrap();
    let others = round.counted.iter().filter(|other| **other != index);
    let pairs: Vec<Agreed> = others
        .map(|other| {
            let point =
                if with.contains(other) { other_point() } else { agreed(world, index, *other) };
            Agreed { with: world.account(*other), shared: Zeroizing::new(point) }
        })
        .collect();
    let commitments = commit(&fixture().key, &fixture().srs, &world.updates[index]);
    let evidence = Evidence {
        shape: &fixture().shape,
        g1: &fixture().srs.g1,
        update: &world.updates[index],
        commitments: &commitments,
    };
    let (plan, account) = (&world.plan, world.account(index));
    let secret = secret(world, index);
    world.sign(index, super::defend(plan, account, &challenge, &pairs, &secret, &evidence).unwrap())
}

#[test]
fn a_wrong_mask_is_found_where_the_true_pair_is_published() {
    let world = world();
    let mut round = round(&world, |index, vector| {
        if index == 1 {
            swap_mask(&world, 1, 2, vector);
        }
    });
    assert!(!is_right(&round));
    assert_eq!(judge(&mut round), guilty(&world, &[1]));
}

/// Member 1 masks for member 2 with another point and publishes its pair accordingly.
fn disputed(world: &World) -> (Round<'_>, Trial) {
    let mut round = round(world, |index, vector| {
        if index == 1 {
            swap_mask(world, 1, 2, vector);
        }
    });
    let mut trial = trial(&round);
    for index in [0, 2] {
        trial.defence(&defend(&mut round, index)).unwrap();
    }
    trial.defence(&pretend(&round, 1, &[2])).unwrap();
    (round, trial)
}

#[test]
fn a_pair_that_contradicts_is_settled_by_its_honest_member() {
    let world = world();
    let (mut round, mut trial) = disputed(&world);
    let disputes = trial.disputes();
    assert_eq!(disputes.keys().copied().collect::<Vec<_>>(), world.accounts(&[1, 2]));
    // Before anyone answers, both are silent.
    let silent = Verdict { guilty: vec![], silent: world.accounts(&[1, 2]) };
    assert_eq!(trial.verdict(), silent);
    assert_eq!(trial.verdict().blamed(), world.accounts(&[1, 2]));
    let reveal = dispute(&mut round, 2, &disputes[&world.account(2)]).unwrap();
    trial.reveal(&reveal).unwrap();
    trial.reveal(&reveal).unwrap();
    assert_eq!(trial.verdict(), guilty(&world, &[1]));
}

#[test]
fn a_false_answer_settles_nothing() {
    let world = world();
    let (mut round, mut trial) = disputed(&world);
    let honest = {
        let defences = trial.disputes().remove(&world.account(2)).unwrap();
        dispute(&mut round, 2, &defences).unwrap().body
    };
    let account = world.account(1);
    let of = |reveal: &Reveal| reveal.pairs[0];
    // The one who lies shows the point that it pretended, or the honest one's proof as its own.
    let shared = other_point().compress().0;
    for changed in [
        PairOpening { with: world.account(2), shared, ..of(&honest) },
        PairOpening { with: world.account(2), ..of(&honest) },
        PairOpening { with: world.account(2), shared: [0; 32], ..of(&honest) },
    ] {
        let reveal = world.sign(1, Reveal { account, pairs: vec![changed] });
        assert!(matches!(trial.reveal(&reveal), Err(Error::Defence { .. })));
    }
    for part in 0..2 {
        let mut changed = honest.clone();
        changed.pairs[0].proof[part][0] ^= 1;
        assert!(matches!(trial.reveal(&world.sign(2, changed)), Err(Error::Defence { .. })));
    }
    // About a pair that is not in dispute, in someone else's name, by someone who is not counted.
    let mut undisputed = honest.clone();
    undisputed.pairs[0].with = world.account(0);
    let error = trial.reveal(&world.sign(2, undisputed)).unwrap_err();
    assert_eq!(error, Error::Stranger { account: world.account(0), set: "the disputed" });
    let foreign = trial.reveal(&world.sign(1, honest.clone())).unwrap_err();
    assert!(matches!(foreign, Error::Signature { what: "the opened pairs", .. }));
    let outside = Reveal { account: world.account(3), ..honest.clone() };
    let error = trial.reveal(&world.sign(3, outside)).unwrap_err();
    assert_eq!(error, Error::Stranger { account: world.account(3), set: "the counted" });
    assert!(trial.verdict().guilty.is_empty());
    trial.reveal(&world.sign(2, honest)).unwrap();
    assert_eq!(trial.verdict(), guilty(&world, &[1]));
}

#[test]
fn a_colluding_pair_cannot_shift_the_blame() {
    // Both pretend another point; one masks with it, the other with the true one.
    let world = world();
    let round = round(&world, |index, vector| {
        if index == 1 {
            swap_mask(&world, 1, 2, vector);
        }
    });
    assert!(!is_right(&round));
    let mut trial = trial(&round);
    trial.defence(&defend(&mut round.clone(), 0)).unwrap();
    trial.defence(&pretend(&round, 1, &[2])).unwrap();
    trial.defence(&pretend(&round, 2, &[1])).unwrap();
    assert!(trial.disputes().is_empty());
    assert_eq!(trial.verdict(), guilty(&world, &[2]));

    // Both mask with it: the sum is right. If one adds something, it is found.
    let world = self::world();
    let both = |add: bool| {
        let world = &world;
        self::round(world, move |index, vector| {
            match index {
                1 => swap_mask(world, 1, 2, vector),
                2 => swap_mask(world, 2, 1, vector),
                _ => {}
            }
            if add && index == 2 {
                vector[7] += Fr::ONE;
            }
        })
    };
    assert!(is_right(&both(false)));
    let round = both(true);
    assert!(!is_right(&round));
    let mut trial = self::trial(&round);
    trial.defence(&defend(&mut round.clone(), 0)).unwrap();
    trial.defence(&pretend(&round, 1, &[2])).unwrap();
    trial.defence(&pretend(&round, 2, &[1])).unwrap();
    assert_eq!(trial.verdict(), guilty(&world, &[2]));
}

#[test]
fn the_silent_are_told_from_the_guilty() {
    let world = world();
    let mut round = round(&world, |index, vector| {
        if index == 1 {
            vector[0] += Fr::ONE;
        }
    });
    let mut trial = trial(&round);
    trial.defence(&defend(&mut round, 0)).unwrap();
    let silent = Verdict { guilty: vec![], silent: world.accounts(&[1, 2]) };
    assert_eq!(trial.verdict(), silent);
    trial.defence(&defend(&mut round, 1)).unwrap();
    let expected = Verdict { guilty: world.accounts(&[1]), silent: world.accounts(&[2]) };
    assert_eq!(trial.verdict(), expected);
    assert_eq!(expected.blamed(), world.accounts(&[1, 2]));
}

/// An honest defence with one field changed.
fn tampered() -> Vec<(&'static str, fn(&mut Proof))> {
    fn point(point: &mut G1Affine) {
        *point = (*point + fixture().srs.g1[0]).into_affine();
    }
    vec![
        ("test", |p| p.commitments.test.0[0] ^= 1),
        ("value", |p| point(&mut p.commitments.value)),
        ("mask", |p| point(&mut p.commitments.mask)),
        ("mask value", |p| point(&mut p.commitments.mask_value)),
        ("first pair", |p| point(&mut p.commitments.pairs[0])),
        ("second pair", |p| point(&mut p.commitments.pairs[1])),
        ("opened value", |p| p.response.value += Fr::ONE),
        ("blinding", |p| p.response.blinding += Fr::ONE),
        ("link", |p| p.response.link += Fr::ONE),
        ("balance", |p| p.response.balance += Fr::ONE),
        ("fold", |p| point(&mut p.response.opening.fold)),
        ("quotient", |p| point(&mut p.response.opening.quotient)),
        ("remainder", |p| point(&mut p.response.opening.remainder)),
        ("products", |p| point(&mut p.response.opening.products)),
        ("reversal", |p| point(&mut p.response.opening.reversal)),
        ("batch", |p| point(&mut p.response.opening.batch)),
        ("linearisation", |p| point(&mut p.response.opening.linearisation)),
        ("g at zeta", |p| p.response.opening.evaluations.remainder[0] += Fr::ONE),
        ("g at 1/zeta", |p| p.response.opening.evaluations.remainder[1] += Fr::ONE),
        ("h at zeta", |p| p.response.opening.evaluations.fold[0] += Fr::ONE),
        ("h at 1/zeta", |p| p.response.opening.evaluations.fold[1] += Fr::ONE),
        ("S at zeta", |p| p.response.opening.evaluations.products[0] += Fr::ONE),
        ("S at 1/zeta", |p| p.response.opening.evaluations.products[1] += Fr::ONE),
    ]
}

#[test]
fn every_field_of_a_defence_matters() {
    let world = world();
    let mut round = round(&world, |_, _| {});
    let defences: Vec<_> = (0..3).map(|index| defend(&mut round, index)).collect();
    let proof = Proof::from_bytes(&defences[1].body.proof, 2).unwrap();
    assert_eq!(proof.to_bytes(), defences[1].body.proof.to_vec());
    let changes = tampered();
    // Each word of the encoding belongs to one of them.
    let points = changes.len() - 11;
    assert_eq!(proof.to_bytes().len(), 32 + 64 * points + 32 * 10);
    for (field, change) in changes {
        let mut changed = proof.clone();
        change(&mut changed);
        let proof = Bytes::from(changed.to_bytes());
        let mut trial = trial(&round);
        trial.defence(&defences[0]).unwrap();
        let body = Defence { account: world.account(1), proof };
        trial.defence(&world.sign(1, body)).unwrap();
        trial.defence(&defences[2]).unwrap();
        assert_eq!(trial.verdict(), guilty(&world, &[1]), "{field}");
        assert!(trial.disputes().is_empty(), "{field}");
    }
}

#[test]
fn other_encodings_are_no_defence() {
    let world = world();
    let mut round = round(&world, |_, _| {});
    let defence = defend(&mut round, 1);
    let bytes = defence.body.proof.to_vec();
    let unreduced = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at..at + 32].fill(0xff);
        bytes
    };
    let cases = [
        vec![],
        bytes[..bytes.len() - 1].to_vec(),
        [bytes.as_slice(), &[0]].concat(),
        unreduced(32),
        unreduced(32 + 3 * 64),
        unreduced(bytes.len() - 64),
    ];
    for proof in cases {
        let mut trial = trial(&round);
        let body = Defence { account: world.account(1), proof: proof.into() };
        trial.defence(&world.sign(1, body)).unwrap();
        assert_eq!(trial.verdict().guilty, world.accounts(&[1]));
    }
    // Not signed by the member, or a second one: refused, and of no consequence.
    let mut trial = trial(&round);
    let account = world.account(1);
    let foreign = world.sign(2, defence.body.clone());
    let error = Err(Error::Signature { what: "the defence", account });
    assert_eq!(trial.defence(&foreign), error);
    trial.defence(&defence).unwrap();
    trial.defence(&defence).unwrap();
    let other = Defence { account, proof: vec![].into() };
    let conflict = Err(Error::Conflict { what: "defence" });
    assert_eq!(trial.defence(&world.sign(1, other)), conflict);
    assert!(trial.verdict().guilty.is_empty());
    let stranger = Defence { account: world.account(3), proof: vec![].into() };
    let error = trial.defence(&world.sign(3, stranger)).unwrap_err();
    assert_eq!(error, Error::Stranger { account: world.account(3), set: "the counted" });
}

#[test]
fn someone_elses_defence_is_none() {
    let world = world();
    let mut round = round(&world, |_, _| {});
    let defence = defend(&mut round, 0);
    let mut trial = trial(&round);
    let body = Defence { account: world.account(1), ..defence.body };
    trial.defence(&world.sign(1, body)).unwrap();
    assert_eq!(trial.verdict().guilty, world.accounts(&[1]));
}

#[test]
fn a_member_answers_one_test_about_its_own_upload() {
    let world = world();
    let round = round(&world, |_, _| {});
    let commitments = commit(&fixture().key, &fixture().srs, &world.updates[0]);
    let evidence = Evidence {
        shape: &fixture().shape,
        g1: &fixture().srs.g1,
        update: &world.updates[0],
        commitments: &commitments,
    };
    let mut member = round.members[0].clone();
    let test = round.test();
    let error = |test: &Test| round.members[0].clone().defend(test, &evidence).unwrap_err();
    // Fewer uploads, in another order, not signed, another one of its own.
    let mut other = test.clone();
    other.uploads.pop();
    assert_eq!(error(&other), Error::Count { what: "uploads", expected: 3, got: 2 });
    other = test.clone();
    other.uploads.swap(1, 2);
    assert!(matches!(error(&other), Error::Order { what: "uploads", position: 1 }));
    other = test.clone();
    other.uploads[1].body.masked = B256::ZERO;
    let account = world.account(1);
    assert_eq!(error(&other), Error::Signature { what: "the upload", account });
    other = test.clone();
    let mut body = other.uploads[0].body;
    body.submission = B256::repeat_byte(9);
    other.uploads[0] = world.sign(0, body);
    assert_eq!(error(&other), Error::Conflict { what: "upload" });
    // A colluding member signs two uploads: there is one test all the same.
    let defence = member.defend(&test, &evidence).unwrap();
    assert_eq!(member.defend(&test, &evidence).unwrap(), defence);
    other = test.clone();
    body = other.uploads[1].body;
    body.masked = B256::ZERO;
    other.uploads[1] = world.sign(1, body);
    let conflict = Error::Conflict { what: "test" };
    assert_eq!(member.defend(&other, &evidence).unwrap_err(), conflict);
    assert_eq!(member.dispute(&other, &evidence, &[]).unwrap_err(), conflict);
    // Powers and commitments that do not fit are errors, not panics.
    let short = Evidence { g1: &evidence.g1[..10], ..evidence };
    assert!(matches!(member.defend(&test, &short), Err(Error::Count { got: 10, .. })));
    let none = Evidence { commitments: &[], ..evidence };
    let blinds = VectorError::Blinds { expected: fixture().shape.rows(), got: 0 };
    assert_eq!(member.defend(&test, &none), Err(blinds.into()));
    let fresh = world.member(0).defend(&test, &evidence).unwrap_err();
    assert_eq!(fresh, Error::Early { what: "the counted" });
}

#[test]
fn nothing_is_shown_against_honest_members() {
    let world = world();
    let (mut round, trial) = disputed(&world);
    let refused =
        |round: &mut Round<'_>, defence: Signed<Defence>| match dispute(round, 2, &[defence])
            .unwrap_err()
        {
            Error::Defence { why, .. } => why,
            other => panic!("{other:?}"),
        };
    let honest = defend(&mut round, 0);
    assert_eq!(refused(&mut round, honest.clone()), "it contradicts nothing");
    let lie = trial.disputes()[&world.account(2)][0].clone();
    // The honest one's defence with the lie in it, but without its signature.
    let forged = Signed { signature: lie.signature.clone(), ..honest };
    let error = dispute(&mut round, 2, &[forged]).unwrap_err();
    assert!(matches!(error, Error::Signature { what: "the defence", .. }));
    // A defence of the same member in another test contradicts nothing.
    let mut proof = Proof::from_bytes(&lie.body.proof, 2).unwrap();
    proof.commitments.test.0[0] ^= 1;
    let body = Defence { account: world.account(1), proof: proof.to_bytes().into() };
    assert_eq!(refused(&mut round, world.sign(1, body)), "it is about another test");
    let body = Defence { account: world.account(1), proof: vec![].into() };
    assert_eq!(refused(&mut round, world.sign(1, body)), "it has another encoding");
    let own = defend(&mut round, 2);
    let error = dispute(&mut round, 2, &[own]).unwrap_err();
    assert_eq!(error, Error::Stranger { account: world.account(2), set: "the counted" });
    let twice = dispute(&mut round, 2, &[lie.clone(), lie.clone()]).unwrap_err();
    assert!(matches!(twice, Error::Order { what: "the defences", .. }));
    assert_eq!(dispute(&mut round, 2, &[lie]).unwrap().body.pairs.len(), 1);
}

#[test]
fn defences_share_nothing_but_pairs() {
    // The same update in two rounds: whoever guesses it finds nothing to test the guess with.
    let defence = |nonce: u8| {
        let mut world = world();
        world.plan.nonce = B256::repeat_byte(nonce);
        let mut round = round(&world, |_, _| {});
        let proofs: Vec<Proof> = (0..2)
            .map(|index| defend(&mut round, index))
            .map(|defence| Proof::from_bytes(&defence.body.proof, 2).unwrap())
            .collect();
        // Both of a pair publish the same.
        assert_eq!(proofs[0].commitments.pairs[0], proofs[1].commitments.pairs[0]);
        proofs
    };
    let (first, second) = (defence(1), defence(2));
    for (a, b) in first.iter().zip(&second) {
        let (a, b) = (a.clone(), b.clone());
        assert_ne!(a.commitments.value, b.commitments.value);
        assert_ne!(a.commitments.mask, b.commitments.mask);
        assert_ne!(a.commitments.mask_value, b.commitments.mask_value);
        assert!(a.commitments.pairs.iter().zip(&b.commitments.pairs).all(|(a, b)| a != b));
        let ours = [a.response.value, a.response.blinding, a.response.link, a.response.balance];
        let theirs = [b.response.value, b.response.blinding, b.response.link, b.response.balance];
        assert!(ours.iter().zip(&theirs).all(|(a, b)| a != b));
        assert_ne!(a.response.opening, b.response.opening);
    }
}

#[test]
fn a_guess_cannot_be_tested() {
    // V_i without its blinding would be a function of the update alone.
    let world = world();
    let mut round = round(&world, |_, _| {});
    let proof = Proof::from_bytes(&defend(&mut round, 0).body.proof, 2).unwrap();
    let counted = world.accounts(&round.counted);
    let challenge = Challenge::new(&world.plan, &counted, &round.test()).unwrap();
    let shape = &fixture().shape;
    let weights = challenge.point(shape).weights(shape);
    let unweighted = crate::secagg::vector::pack(shape, &world.updates[0], 1).unwrap();
    let value: Fr = weights.iter().zip(unweighted.iter()).map(|(w, e)| *w * e).sum();
    let g = fixture().srs.g1[0];
    assert_ne!((g * value).into_affine(), proof.commitments.value);
    // With the member's secret it is: the same commitment, blinded.
    let rng =
        &mut rand_chacha::ChaCha20Rng::from_seed(*secret(&world, 0).defence(challenge.digest));
    use rand::SeedableRng;
    let drawn = zktrain_prover::random::scalars(rng, (1 << shape.row_log) + 3);
    let link = drawn[drawn.len() - 2];
    let expected = g * value + zktrain_circuits::curve::blinding_base() * link;
    assert_eq!(expected.into_affine(), proof.commitments.value);
}

#[test]
fn evaluations_are_those_of_the_extension() {
    // ⟨r, x⟩ = K·Δ(ρ) + η·b(ρ_hi), with extensions evaluated cell by cell.
    let (world, shape) = (world(), &fixture().shape);
    let round = round(&world, |_, _| {});
    let counted = world.accounts(&round.counted);
    let challenge = Challenge::new(&world.plan, &counted, &round.test()).unwrap();
    let point = challenge.point(shape);
    let update = &world.updates[0];
    let packed = crate::secagg::vector::pack(shape, update, 1).unwrap();
    let left: Fr = point.weights(shape).iter().zip(packed.iter()).map(|(w, e)| *w * e).sum();
    let all: Vec<Fr> = point.low.iter().chain(&point.high).copied().collect();
    let cells = shape.addresses().zip(shape.values(update).unwrap());
    let values: Fr = cells.map(|(a, v)| eq_at(&all, a as usize) * Fr::from(v)).sum();
    let blinds: Fr = point.rows(shape).iter().zip(&update.blinds).map(|(r, b)| *r * b).sum();
    assert_eq!(left, point.scale * values + point.eta * blinds);
    assert_ne!(point.scale, Fr::from(0u64));
}

#[test]
fn trials_about_other_things_are_refused() {
    let world = world();
    let round = round(&world, |_, _| {});
    let counted = world.accounts(&round.counted);
    let (kzg, test, secrets) =
        (fixture().srs.verifier_key(), round.test(), round.secrets().unwrap());
    let commitments = world.commitments(&round.counted);
    let setup = Setup {
        plan: &world.plan,
        roster: round.roster.as_ref().unwrap(),
        shape: &fixture().shape,
        kzg: &kzg,
        counted: &counted,
        test: &test,
        secrets: &secrets,
        commitments: &commitments,
    };
    let fewer = Setup { counted: &counted[..2], ..setup };
    assert!(matches!(Trial::new(fewer).err(), Some(Error::Count { what: "uploads", .. })));
    let mut without = commitments.clone();
    without.insert(counted[0], vec![]);
    let without = Setup { commitments: &without, ..setup };
    let error = Trial::new(without).err();
    assert!(matches!(error, Some(Error::Count { what: "row commitments", got: 0, .. })));
    let mut trial = Trial::new(setup).unwrap();
    assert_eq!(trial.write(&[]), Err(Error::Early { what: "the vector" }));
    trial.start(counted[0]).unwrap();
    assert_eq!(trial.start(counted[1]), Err(Error::Conflict { what: "vector" }));
    trial.write(&round.uploads[&1].1).unwrap();
    assert!(matches!(trial.end(), Err(Error::Mismatch { what: "the masked vector", .. })));
    let outside = trial.start(Address::ZERO).unwrap_err();
    assert_eq!(outside, Error::Stranger { account: Address::ZERO, set: "the counted" });
}
