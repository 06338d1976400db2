//! Defences that contradict each other.

use super::*;

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
    let silent = TrialVerdict { guilty: vec![], silent: world.accounts(&[1, 2]) };
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
        assert!(matches!(trial.reveal(&reveal), Err(SecaggError::Defence { .. })));
    }
    for part in 0..2 {
        let mut changed = honest.clone();
        changed.pairs[0].proof[part][0] ^= 1;
        assert!(matches!(trial.reveal(&world.sign(2, changed)), Err(SecaggError::Defence { .. })));
    }
    // About a pair that is not in dispute, in someone else's name, by someone who is not counted.
    let mut undisputed = honest.clone();
    undisputed.pairs[0].with = world.account(0);
    let error = trial.reveal(&world.sign(2, undisputed)).unwrap_err();
    assert_eq!(error, SecaggError::Stranger { account: world.account(0), set: "the disputed" });
    let foreign = trial.reveal(&world.sign(1, honest.clone())).unwrap_err();
    assert!(matches!(foreign, SecaggError::Signature { what: "the opened pairs", .. }));
    let outside = Reveal { account: world.account(3), ..honest.clone() };
    let error = trial.reveal(&world.sign(3, outside)).unwrap_err();
    assert_eq!(error, SecaggError::Stranger { account: world.account(3), set: "the counted" });
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
fn nothing_is_shown_against_honest_members() {
    let world = world();
    let (mut round, trial) = disputed(&world);
    let refused =
        |round: &mut Round<'_>, defence: Signed<Defence>| match dispute(round, 2, &[defence])
            .unwrap_err()
        {
            SecaggError::Defence { why, .. } => why,
            other => panic!("{other:?}"),
        };
    let honest = defend(&mut round, 0);
    assert_eq!(refused(&mut round, honest.clone()), "it contradicts nothing");
    let lie = trial.disputes()[&world.account(2)][0].clone();
    // The honest one's defence with the lie in it, but without its signature.
    let forged = Signed { signature: lie.signature.clone(), ..honest };
    let error = dispute(&mut round, 2, &[forged]).unwrap_err();
    assert!(matches!(error, SecaggError::Signature { what: "the defence", .. }));
    // A defence of the same member in another test contradicts nothing.
    let mut proof = Proof::from_bytes(&lie.body.proof, 2).unwrap();
    proof.commitments.test.0[0] ^= 1;
    let body = Defence { account: world.account(1), proof: proof.to_bytes().into() };
    assert_eq!(refused(&mut round, world.sign(1, body)), "it is about another test");
    let body = Defence { account: world.account(1), proof: vec![].into() };
    assert_eq!(refused(&mut round, world.sign(1, body)), "it has another encoding");
    let own = defend(&mut round, 2);
    let error = dispute(&mut round, 2, &[own]).unwrap_err();
    assert_eq!(error, SecaggError::Stranger { account: world.account(2), set: "the counted" });
    let twice = dispute(&mut round, 2, &[lie.clone(), lie.clone()]).unwrap_err();
    assert!(matches!(twice, SecaggError::Order { what: "the defences", .. }));
    assert_eq!(dispute(&mut round, 2, &[lie]).unwrap().body.pairs.len(), 1);
}
