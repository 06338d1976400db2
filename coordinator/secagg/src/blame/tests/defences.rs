//! What a defence holds, shows and hides.

use super::*;

/// Changes one field of a defence.
type Tamper = fn(&mut Proof);

/// Every field, and how it is changed.
fn tampered() -> Vec<(&'static str, Tamper)> {
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
    let error = Err(SecaggError::Signature { what: "the defence", account });
    assert_eq!(trial.defence(&foreign), error);
    trial.defence(&defence).unwrap();
    trial.defence(&defence).unwrap();
    let other = Defence { account, proof: vec![].into() };
    let conflict = Err(SecaggError::Conflict { what: "defence" });
    assert_eq!(trial.defence(&world.sign(1, other)), conflict);
    assert!(trial.verdict().guilty.is_empty());
    let stranger = Defence { account: world.account(3), proof: vec![].into() };
    let error = trial.defence(&world.sign(3, stranger)).unwrap_err();
    assert_eq!(error, SecaggError::Stranger { account: world.account(3), set: "the counted" });
}

#[test]
fn a_defence_names_the_test_that_it_is_about() {
    // Under another name, but for this test's point: whom it contradicts could not answer it.
    let world = world();
    let round = round(&world, |_, _| {});
    let counted = world.accounts(&round.counted);
    let challenge =
        BlameChallenge::new(&world.plan, &round.shared(), &counted, &round.test()).unwrap();
    let respond = |test: B256| {
        let mut trial = trial(&round);
        let defence = adapt(&round, 1, |commitments| commitments.test = test);
        trial.defence(&defence).unwrap();
        trial.verdict().guilty
    };
    assert!(respond(challenge.digest).is_empty());
    assert_eq!(respond(B256::ZERO), world.accounts(&[1]));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000),
        pairs in 0usize..20,
    ) {
        let mut bytes = bytes;
        if pairs % 2 == 0 {
            bytes.resize(1024 + 64 * pairs, 0);
        }
        if let Ok(proof) = Proof::from_bytes(&bytes, pairs) {
            proptest::prop_assert_eq!(proof.to_bytes(), bytes);
        }
    }
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
    let evidence = BlameEvidence {
        shape: &fixture().shape,
        opener: &fixture().srs.g1(),
        update: &world.updates[0],
        commitments: &commitments,
    };
    let mut member = round.members[0].clone();
    let test = round.test();
    let error = |test: &Test| round.members[0].clone().defend(test, &evidence).unwrap_err();
    // Fewer uploads, in another order, not signed, another one of its own.
    let mut other = test.clone();
    other.uploads.pop();
    assert_eq!(error(&other), SecaggError::Count { what: "uploads", expected: 3, got: 2 });
    other = test.clone();
    other.uploads.swap(1, 2);
    assert!(matches!(error(&other), SecaggError::Order { what: "uploads", position: 1 }));
    other = test.clone();
    other.uploads[1].body.masked = B256::ZERO;
    let account = world.account(1);
    assert_eq!(error(&other), SecaggError::Signature { what: "the upload", account });
    other = test.clone();
    let mut body = other.uploads[0].body;
    body.submission = B256::repeat_byte(9);
    other.uploads[0] = world.sign(0, body);
    assert_eq!(error(&other), SecaggError::Conflict { what: "upload" });
    // A colluding member signs two uploads: there is one test all the same.
    let defence = kept(member.defend(&test, &evidence).unwrap());
    assert_eq!(kept(member.defend(&test, &evidence).unwrap()), defence);
    other = test.clone();
    body = other.uploads[1].body;
    body.masked = B256::ZERO;
    other.uploads[1] = world.sign(1, body);
    let conflict = SecaggError::Conflict { what: "test" };
    assert_eq!(member.defend(&other, &evidence).unwrap_err(), conflict);
    assert_eq!(member.dispute(&other, &evidence, &[]).unwrap_err(), conflict);
    // Powers and commitments that do not fit are errors, not panics.
    let short = BlameEvidence { opener: &fixture().srs.g1().prefix(10), ..evidence };
    assert!(matches!(member.defend(&test, &short), Err(SecaggError::Count { got: 10, .. })));
    let none = BlameEvidence { commitments: &[], ..evidence };
    let blinds = VectorError::Blinds { expected: fixture().shape.rows(), got: 0 };
    assert_eq!(member.defend(&test, &none).unwrap_err(), blinds.into());
    let fresh = world.member(0).defend(&test, &evidence).unwrap_err();
    assert_eq!(fresh, SecaggError::Early { what: "the counted" });
}

#[test]
fn defences_share_nothing_but_pairs() {
    // The same update in two rounds: an observer who guesses it finds nothing to test the guess
    // with.
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
    let challenge =
        BlameChallenge::new(&world.plan, &round.shared(), &counted, &round.test()).unwrap();
    let shape = &fixture().shape;
    let weights = challenge.point(shape).weights(shape).unwrap();
    let unweighted = crate::vector::pack(shape, &world.updates[0], 1).unwrap();
    let value: Fr = weights.iter().zip(unweighted.iter()).map(|(w, e)| *w * e).sum();
    let g = fixture().srs.g1[0];
    assert_ne!((g * value).into_affine(), proof.commitments.value);
    // With the member's secret it is: the same commitment, blinded.
    let update = commit(&fixture().key, &fixture().srs, &world.updates[0]);
    let (account, pairs) = (world.account(0), &proof.commitments.pairs);
    let known = Commitments::known(challenge.digest, account, pairs, &update);
    let rng = &mut rand_chacha::ChaCha20Rng::from_seed(*secret(&world, 0).defence(known));
    use rand::SeedableRng;
    let drawn: Vec<Fr> =
        (0..(1usize << shape.row_log) + 3).map(|_| ark_ff::UniformRand::rand(rng)).collect();
    let link = drawn[drawn.len() - 2];
    let expected = g * value + zktrain_argument::curve::blinding_base() * link;
    assert_eq!(expected.into_affine(), proof.commitments.value);
}

/// With a weight of zero it could be anything.
#[test]
fn an_element_in_a_row_that_the_point_lacks_has_no_weight() {
    let world = world();
    let round = round(&world, |_, _| {});
    let counted = world.accounts(&round.counted);
    let challenge =
        BlameChallenge::new(&world.plan, &round.shared(), &counted, &round.test()).unwrap();
    let mut shape = fixture().shape.clone();
    let point = challenge.point(&shape);
    let rows = 1usize << shape.high_log;
    shape.quads.push((rows as u64) << shape.row_log);
    let missing = SecaggError::Count { what: "rows of the test", expected: rows + 1, got: rows };
    assert_eq!(point.weights(&shape), Err(missing));
}

#[test]
fn evaluations_are_those_of_the_extension() {
    // ⟨r, x⟩ = K·Δ(ρ) + η·b(ρ_hi), with extensions evaluated cell by cell.
    let (world, shape) = (world(), &fixture().shape);
    let round = round(&world, |_, _| {});
    let counted = world.accounts(&round.counted);
    let challenge =
        BlameChallenge::new(&world.plan, &round.shared(), &counted, &round.test()).unwrap();
    let point = challenge.point(shape);
    let update = &world.updates[0];
    let packed = crate::vector::pack(shape, update, 1).unwrap();
    let weights = point.weights(shape).unwrap();
    let left: Fr = weights.iter().zip(packed.iter()).map(|(w, e)| *w * e).sum();
    let all: Vec<Fr> = point.low.iter().chain(&point.high).copied().collect();
    let cells = shape.addresses().zip(shape.values(update).unwrap());
    let values: Fr = cells.map(|(a, v)| eq_at(&all, a as usize) * Fr::from(*v)).sum();
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
    let setup = TrialSetup {
        plan: &world.plan,
        roster: round.roster.as_ref().unwrap(),
        shared: &round.shared(),
        shape: &fixture().shape,
        kzg: &kzg,
        counted: &counted,
        test: &test,
        secrets: &secrets,
        commitments: &commitments,
    };
    let fewer = TrialSetup { counted: &counted[..2], ..setup };
    assert!(matches!(Trial::new(fewer).err(), Some(SecaggError::Count { what: "uploads", .. })));
    let mut without = commitments.clone();
    without.insert(counted[0], vec![]);
    let without = TrialSetup { commitments: &without, ..setup };
    let error = Trial::new(without).err();
    assert!(matches!(error, Some(SecaggError::Count { what: "row commitments", got: 0, .. })));
    let mut trial = Trial::new(setup).unwrap();
    assert_eq!(trial.write(&[]), Err(SecaggError::Early { what: "the vector" }));
    let early = trial.defence(&defend(&mut round.clone(), 0));
    assert_eq!(early, Err(SecaggError::Early { what: "the vector" }));
    assert_eq!(trial.verdict(), TrialVerdict { guilty: vec![], silent: counted.clone() });
    trial.start(counted[0]).unwrap();
    assert_eq!(trial.start(counted[1]), Err(SecaggError::Conflict { what: "vector" }));
    trial.write(&round.uploads[&1].1).unwrap();
    assert!(matches!(trial.end(), Err(SecaggError::Mismatch { what: "the masked vector", .. })));
    let outside = trial.start(Address::ZERO).unwrap_err();
    assert_eq!(outside, SecaggError::Stranger { account: Address::ZERO, set: "the counted" });
}

/// A member that answers one test twice, with another update or other pairs, uses other
/// randomness: two challenges for the same would give the update away.
#[test]
fn defences_that_differ_share_no_randomness() {
    let world = world();
    let mut round = round(&world, |_, _| {});
    let honest = defend(&mut round, 0);
    let others = [pretend(&round, 0, &[1]), {
        let test = round.test();
        let update = &world.updates[1];
        let commitments = commit(&fixture().key, &fixture().srs, update);
        let (shape, opener) = (&fixture().shape, &fixture().srs.g1());
        let evidence = BlameEvidence { shape, opener, update, commitments: &commitments };
        world.sign(0, kept(round.members[0].defend(&test, &evidence).unwrap()))
    }];
    let read = |defence: &Signed<Defence>| Proof::from_bytes(&defence.body.proof, 2).unwrap();
    let first = read(&honest).commitments;
    for other in others.iter().map(read) {
        let other = other.commitments;
        assert_eq!(first.test, other.test);
        assert!(first.mask != other.mask && first.mask_value != other.mask_value);
        assert_ne!(first.value, other.value);
    }
    assert_eq!(read(&defend(&mut round, 0)).commitments, first);
}
