//! Wrong vectors.

use super::*;

#[test]
fn nobody_is_blamed_for_honest_vectors() {
    let world = world();
    let mut round = round(&world, |_, _| {});
    assert!(is_right(&round));
    assert_eq!(judge(&mut round), TrialVerdict::default());
}

#[test]
fn members_without_weight_defend_themselves_too() {
    let world = World::new(&[30_000, 0, 35_536, 0], 3);
    let mut honest = round(&world, |_, _| {});
    assert_eq!(judge(&mut honest), TrialVerdict::default());
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
    forged.updates[1].values[0] += 1;
    let mut round = round(&forged, |_, _| {});
    let mut trial = {
        let honest = Round { world: &world, ..round.clone() };
        trial(&honest)
    };
    let claims = commit(&fixture().key, &fixture().srs, &world.updates[1]);
    for index in [0, 2] {
        trial.defence(&defend(&mut round, index)).unwrap();
    }
    let evidence = BlameEvidence {
        shape: &fixture().shape,
        opener: &fixture().srs.g1(),
        update: &forged.updates[1],
        commitments: &claims,
    };
    let test = round.test();
    let defence = kept(round.members[1].defend(&test, &evidence).unwrap());
    trial.defence(&world.sign(1, defence)).unwrap();
    assert_eq!(trial.verdict(), guilty(&world, &[1]));
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
    let silent = TrialVerdict { guilty: vec![], silent: world.accounts(&[1, 2]) };
    assert_eq!(trial.verdict(), silent);
    trial.defence(&defend(&mut round, 1)).unwrap();
    let expected = TrialVerdict { guilty: world.accounts(&[1]), silent: world.accounts(&[2]) };
    assert_eq!(trial.verdict(), expected);
    assert_eq!(expected.blamed(), world.accounts(&[1, 2]));
}

#[test]
fn what_balances_a_wrong_vector_is_not_what_was_proven() {
    // Member 1 commits to the value that its vector has, and opens its proven update besides.
    let world = world();
    let round = round(&world, |index, vector| {
        if index == 1 {
            vector[0] += Fr::ONE;
        }
    });
    let counted = world.accounts(&round.counted);
    let challenge =
        BlameChallenge::new(&world.plan, &round.shared(), &counted, &round.test()).unwrap();
    let shape = &fixture().shape;
    let weight = Fr::from(world.plan.members[1].weight);
    let shift = challenge.point(shape).weights(shape).unwrap()[0] / weight;
    let mut trial = trial(&round);
    for index in [0, 2] {
        trial.defence(&defend(&mut round.clone(), index)).unwrap();
    }
    let forged = adapt(&round, 1, |commitments| {
        commitments.value = (commitments.value + fixture().srs.g1[0] * shift).into_affine();
    });
    trial.defence(&forged).unwrap();
    assert_eq!(trial.verdict(), guilty(&world, &[1]));
}
