use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::{Arithmetic, Check};
use zktrain_backends::r1cs::{R1cs, R1csBuilder, Synthesis};
use zktrain_commit::srs::{Provenance as SrsProvenance, Srs};
use zktrain_verify::groth16::{KeyProvenance, verify};

use super::contribution::{beacon_factor, divide};
use super::*;
use crate::groth16::{Trapdoor, key_from, prove};

/// `x·w = y` and `y·y = z` for a witness `w`; with a permutation that takes `w` too.
fn circuit(permuted: bool) -> Synthesis {
    let [x, w] = [3u64, 5].map(Fr::from);
    let (mut builder, [x, y, z]) = R1csBuilder::new([x, x * w, (x * w).square()]);
    let w = builder.witness(w);
    let product = builder.mul(&x, &w);
    let _ = builder.assert_equal(Check::Fold, &product, &y);
    let square = builder.mul(&y, &y);
    let _ = builder.assert_equal(Check::Fold, &square, &z);
    if permuted {
        let sum = builder.add(&w, &x);
        let mut state = [x, y, z, w, sum];
        builder.permute(&mut state);
        let [a, b, ..] = &state;
        builder.mul(a, b);
    }
    builder.finish()
}

const SEED: u64 = 4;

/// As if from a ceremony.
fn srs(power: u32) -> CheckedSrs {
    let mut srs = Srs::generate(power, &mut ChaCha20Rng::seed_from_u64(SEED));
    srs.provenance = SrsProvenance::Imported { source_sha256: [1; 32] };
    srs.check().unwrap()
}

fn trapdoor(delta: Fr) -> Trapdoor {
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    let [alpha, beta, tau] = [(); 3].map(|()| Fr::rand(&mut rng));
    Trapdoor { tau, alpha, beta, delta }
}

/// A finished ceremony for the small circuit.
fn ceremony() -> (R1cs, CheckedSrs, Ceremony) {
    let system = circuit(false).system;
    let srs = srs(system.domain_log() + 1);
    let mut ceremony = Ceremony::new(&system, &srs).unwrap();
    ceremony.contribute("first", b"dice").unwrap();
    ceremony.contribute("second", b"").unwrap();
    ceremony.beacon("block 7", [9; 32], MIN_BEACON_LOG).unwrap();
    (system, srs, ceremony)
}

fn shifted<P: AffineRepr>(point: P) -> P {
    (point + P::generator()).into_affine()
}

#[test]
fn the_start_is_the_key_that_the_trapdoor_gives() {
    for permuted in [false, true] {
        let system = circuit(permuted).system;
        let log = system.domain_log();
        for power in [log, log + 1] {
            let key = starting_key(&system, &srs(power)).unwrap();
            assert_eq!(key, key_from(&system, &trapdoor(Fr::ONE)));
        }
    }
}

#[test]
fn factors_multiply() {
    let (system, srs, _) = ceremony();
    let mut ceremony = Ceremony::new(&system, &srs).unwrap();
    let factors = [7u64, 11].map(Fr::from);
    for factor in factors {
        ceremony.apply("someone", FactorSource::Secret, factor).unwrap();
    }
    let expected = key_from(&system, &trapdoor(factors[0] * factors[1]));
    let mut key = ceremony.verify(&system, &srs).unwrap().finish();
    key.key.provenance = KeyProvenance::Insecure;
    assert_eq!(key, expected);
}

#[test]
fn a_ceremony_gives_a_key_that_proves() {
    let (system, srs, ceremony) = ceremony();
    let verified = ceremony.verify(&system, &srs).unwrap();
    let key = verified.finish();
    let transcript = ceremony.transcript();
    assert_eq!(key.key.provenance, KeyProvenance::Ceremony { contributions: 2, transcript });
    let synthesis = circuit(false);
    let (proof, _) = prove(&key, &synthesis).unwrap();
    let inputs: [Fr; 3] = synthesis.assignment[1..4].try_into().unwrap();
    assert_eq!(verify(&key.key, &inputs, &proof.to_bytes()), Ok(()));
}

#[test]
fn a_local_reference_string_makes_the_key_insecure() {
    let (system, srs, ceremony) = ceremony();
    let mut srs = srs.into_unchecked();
    srs.provenance = SrsProvenance::Insecure;
    let srs = srs.check().unwrap();
    assert!(ceremony.verify(&system, &srs).unwrap().finish().key.is_insecure());
}

#[test]
fn secrets_differ_each_time() {
    let (system, srs, _) = ceremony();
    let start = Ceremony::new(&system, &srs).unwrap();
    let contribute = || {
        let mut next = start.clone();
        let transcript = next.contribute("same", b"same").unwrap();
        assert_eq!(transcript, next.transcript());
        next
    };
    assert_ne!(contribute().contributions, contribute().contributions);
}

#[test]
fn public_factors_alone_are_not_enough() {
    let (system, srs, _) = ceremony();
    let mut ceremony = Ceremony::new(&system, &srs).unwrap();
    let fault = |c: &Ceremony| c.verify(&system, &srs).unwrap_err();
    assert!(matches!(fault(&ceremony), CeremonyError::NoContribution));
    ceremony.beacon("block 7", [9; 32], MIN_BEACON_LOG).unwrap();
    assert!(matches!(fault(&ceremony), CeremonyError::NoContribution));
}

#[test]
fn another_circuit_or_string_is_not_the_start() {
    let (system, srs, ceremony) = ceremony();
    let other = circuit(true).system;
    let larger = self::srs(other.domain_log());
    assert!(matches!(ceremony.verify(&other, &larger), Err(CeremonyError::Start)));
    let other = Srs::generate(srs.power, &mut ChaCha20Rng::seed_from_u64(SEED + 1));
    let other = other.check().unwrap();
    assert!(matches!(ceremony.verify(&system, &other), Err(CeremonyError::Start)));
}

#[test]
fn unfit_strings_and_circuits_are_refused() {
    let system = circuit(false).system;
    let log = system.domain_log();
    let short = starting_key(&system, &srs(log - 1));
    assert!(matches!(short, Err(CeremonyError::Power { expected, .. }) if expected == log));
    let rows = Srs::generate_g1(log, &mut ChaCha20Rng::seed_from_u64(1)).check().unwrap();
    assert!(matches!(starting_key(&system, &rows), Err(CeremonyError::PhaseTwoSections)));
    let (mut builder, [x]) = R1csBuilder::new([Fr::ONE]);
    builder.mul(&x, &x);
    let single = starting_key(&builder.finish().system, &srs(log));
    assert!(matches!(single, Err(CeremonyError::PublicInputs { expected: 3, got: 1 })));
}

/// Every element of a contribution, altered alone.
#[test]
fn every_altered_contribution_is_found() {
    let (system, _, honest) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    honest.verify_from(&start).unwrap();
    type Alter = fn(&mut Contribution);
    use ContributionFault::*;
    let alterations: [(Alter, ContributionFault); 5] = [
        (|c| c.name.push('!'), Knowledge),
        (|c| c.factor_g2 = shifted(c.factor_g2), DeltaG1),
        (|c| c.delta_g1 = shifted(c.delta_g1), DeltaG1),
        (|c| c.delta_g2 = shifted(c.delta_g2), DeltaG2),
        (|c| c.knowledge = shifted(c.knowledge), Knowledge),
    ];
    for at in 0..3 {
        for (number, (alter, expected)) in alterations.iter().enumerate() {
            let mut altered = honest.clone();
            alter(&mut altered.contributions[at]);
            match altered.verify_from(&start).unwrap_err() {
                CeremonyError::Contribution { index, fault } => {
                    assert_eq!((index, fault), (at, *expected), "alteration {number}");
                }
                other => panic!("alteration {number} of {at}: {other}"),
            }
        }
    }
    for source in [
        FactorSource::Secret,
        FactorSource::Beacon { randomness: [8; 32], rounds_log: MIN_BEACON_LOG },
        FactorSource::Beacon { randomness: [9; 32], rounds_log: MIN_BEACON_LOG + 1 },
    ] {
        let mut altered = honest.clone();
        altered.contributions[2].source = source;
        assert!(altered.verify_from(&start).is_err(), "{source:?}");
    }
}

#[test]
fn contributions_cannot_be_dropped_swapped_or_repeated() {
    let (system, _, honest) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    type Alter = fn(&mut Vec<Contribution>);
    let alterations: [Alter; 5] = [
        |all| drop(all.remove(0)),
        |all| drop(all.pop()),
        |all| all.swap(0, 1),
        |all| all.insert(1, all[0].clone()),
        |all| all.push(all[2].clone()),
    ];
    for (number, alter) in alterations.iter().enumerate() {
        let mut altered = honest.clone();
        alter(&mut altered.contributions);
        assert!(altered.verify_from(&start).is_err(), "alteration {number}");
    }
}

/// A contribution whose factor the contributor does not know in this place of the transcript.
#[test]
fn a_proof_of_knowledge_belongs_to_its_place() {
    let (system, _, _) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    let mut cheat = Ceremony::from_start(start.clone());
    let elsewhere = Contribution::new("x", FactorSource::Secret, &[0; 32], &start, Fr::from(9u64));
    divide(&mut cheat.key, &elsewhere, Fr::from(9u64));
    cheat.contributions.push(elsewhere);
    let error = cheat.verify_from(&start).unwrap_err();
    let fault = ContributionFault::Knowledge;
    assert!(matches!(error, CeremonyError::Contribution { index: 0, fault: f } if f == fault));
}

/// A last contributor who throws the others' secrets away: `δ` is theirs alone.
#[test]
fn earlier_secrets_cannot_be_thrown_away() {
    let (system, _, honest) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    let own = Fr::from(1234u64);
    let mut cheat = honest.clone();
    let before = cheat.transcript();
    cheat.key = start.clone();
    let contribution = Contribution::new("x", FactorSource::Secret, &before, &start, own);
    divide(&mut cheat.key, &contribution, own);
    cheat.contributions.push(contribution);
    let error = cheat.verify_from(&start).unwrap_err();
    let fault = ContributionFault::DeltaG1;
    assert!(matches!(error, CeremonyError::Contribution { index: 3, fault: f } if f == fault));
}

#[test]
fn a_factor_of_zero_is_no_contribution() {
    let (system, _, _) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    let mut cheat = Ceremony::from_start(start.clone());
    let zero = Contribution::new("x", FactorSource::Secret, &cheat.transcript(), &start, Fr::ZERO);
    cheat.key.delta_g1 = zero.delta_g1;
    cheat.key.key.delta_g2 = zero.delta_g2;
    cheat.contributions.push(zero);
    assert!(cheat.verify_from(&start).is_err());
    // Nor can it be read from a file.
    assert!(Ceremony::from_bytes(&cheat.to_bytes()).is_err());
}

#[test]
fn a_beacon_cannot_be_chosen() {
    let (system, _, honest) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    let mut cheat = honest.clone();
    let source = FactorSource::Beacon { randomness: [3; 32], rounds_log: MIN_BEACON_LOG };
    cheat.apply("block 8", source, Fr::from(5u64)).unwrap();
    let error = cheat.verify_from(&start).unwrap_err();
    let fault = ContributionFault::Beacon;
    assert!(matches!(error, CeremonyError::Contribution { index: 3, fault: f } if f == fault));
    let transcript = honest.transcript();
    let factor = beacon_factor(&transcript, &[3; 32], MIN_BEACON_LOG);
    let mut honest = honest;
    honest.apply("block 8", source, factor).unwrap();
    honest.verify_from(&start).unwrap();
}

/// Every element that `δ` divides, altered alone; and all of them left as they were.
#[test]
fn elements_must_be_divided_by_delta() {
    let (system, _, honest) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    let scaled = |c: &Ceremony| matches!(c.verify_from(&start), Err(CeremonyError::Scaled));
    for index in 0..honest.key.l.points.len() {
        let mut altered = honest.clone();
        altered.key.l.points[index] = shifted(altered.key.l.points[index]);
        assert!(scaled(&altered), "l {index}");
    }
    for index in 0..honest.key.h.len() {
        let mut altered = honest.clone();
        altered.key.h[index] = shifted(altered.key.h[index]);
        assert!(scaled(&altered), "h {index}");
    }
    let mut undivided = honest.clone();
    undivided.key.l = start.l.clone();
    undivided.key.h = start.h.clone();
    assert!(scaled(&undivided));
}

/// Everything else in the key, altered alone.
#[test]
fn the_rest_of_the_key_stays() {
    let (system, _, honest) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    type Alter = fn(&mut ProvingKey);
    let alterations: [(&str, Alter); 17] = [
        ("provenance", |k| {
            k.key.provenance = KeyProvenance::Ceremony { contributions: 1, transcript: [0; 32] };
        }),
        ("circuit", |k| k.key.circuit[0] ^= 1),
        ("alpha", |k| k.key.alpha_g1 = shifted(k.key.alpha_g1)),
        ("beta in G2", |k| k.key.beta_g2 = shifted(k.key.beta_g2)),
        ("gamma", |k| k.key.gamma_g2 = shifted(k.key.gamma_g2)),
        ("public inputs", |k| k.key.ic[0] = shifted(k.key.ic[0])),
        ("public inputs", |k| k.key.ic[3] = shifted(k.key.ic[3])),
        ("size", |k| k.variables += 1),
        ("size", |k| k.domain_log += 1),
        ("beta in G1", |k| k.beta_g1 = shifted(k.beta_g1)),
        ("query of A", |k| k.a.points[1] = shifted(k.a.points[1])),
        ("query of A", |k| k.a.variables[0] += 1),
        ("query of B", |k| k.b_g1.points[1] = shifted(k.b_g1.points[1])),
        ("query of B in G2", |k| k.b_g2.points[1] = shifted(k.b_g2.points[1])),
        ("query of C", |k| k.l.variables[0] += 1),
        ("query of C", |k| k.l.points.truncate(1)),
        ("query of the quotient", |k| k.h.truncate(1)),
    ];
    for (number, (expected, alter)) in alterations.iter().enumerate() {
        let mut altered = honest.clone();
        alter(&mut altered.key);
        match altered.verify_from(&start).unwrap_err() {
            CeremonyError::Fixed { part } => assert_eq!(part, *expected, "alteration {number}"),
            other => panic!("alteration {number}: {other}"),
        }
    }
    for alter in [(|k| k.delta_g1 = shifted(k.delta_g1)) as Alter, |k| {
        k.key.delta_g2 = shifted(k.key.delta_g2)
    }] {
        let mut altered = honest.clone();
        alter(&mut altered.key);
        assert!(matches!(altered.verify_from(&start), Err(CeremonyError::Delta)));
    }
    let mut altered = honest.clone();
    altered.start[0] ^= 1;
    assert!(matches!(altered.verify_from(&start), Err(CeremonyError::Start)));
}

#[test]
fn names_and_rounds_have_limits() {
    let (_, _, mut ceremony) = ceremony();
    let long = "x".repeat(MAX_NAME + 1);
    for name in ["", "line\nbreak", "naïve", &long] {
        assert!(matches!(ceremony.contribute(name, b""), Err(CeremonyError::Name)), "{name}");
    }
    for rounds in [MIN_BEACON_LOG - 1, MAX_BEACON_LOG + 1, u8::MAX] {
        let error = ceremony.beacon("x", [0; 32], rounds).unwrap_err();
        assert!(matches!(error, CeremonyError::BeaconRounds { got } if got == rounds));
    }
    let one = ceremony.contributions[0].clone();
    // A file does not choose how long its readers hash.
    let beacon = |rounds_log| FactorSource::Beacon { randomness: [0; 32], rounds_log };
    for rounds in [MAX_BEACON_LOG + 1, 36, u8::MAX] {
        ceremony.contributions[2].source = beacon(rounds);
        let error = Ceremony::from_bytes(&ceremony.to_bytes()).unwrap_err();
        assert!(matches!(error, CeremonyError::BeaconRounds { got } if got == rounds));
    }
    ceremony.contributions[2].source = beacon(MAX_BEACON_LOG);
    Ceremony::from_bytes(&ceremony.to_bytes()).unwrap();
    let error = ceremony.beacon("x", [0; 32], MIN_BEACON_LOG).unwrap_err();
    assert!(matches!(error, CeremonyError::AllBeaconRounds { .. }));
    let again = ceremony.contributions[2].clone();
    ceremony.contributions.push(again);
    let error = Ceremony::from_bytes(&ceremony.to_bytes()).unwrap_err();
    assert!(matches!(error, CeremonyError::AllBeaconRounds { got } if got == 2 << MAX_BEACON_LOG));
    ceremony.contributions.resize(MAX_CONTRIBUTIONS, one);
    assert!(matches!(ceremony.contribute("x", b""), Err(CeremonyError::TooMany)));
}

#[test]
fn bytes_and_back() {
    let (_, _, ceremony) = ceremony();
    let bytes = ceremony.to_bytes();
    assert_eq!(Ceremony::from_bytes(&bytes).unwrap(), ceremony);
    for length in (0..bytes.len()).step_by(13) {
        assert!(Ceremony::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    for index in (0..bytes.len()).step_by(11) {
        let mut altered = bytes.clone();
        altered[index] ^= 4;
        assert!(Ceremony::from_bytes(&altered).is_err(), "byte {index}");
    }
    assert!(Ceremony::from_bytes(&[bytes, vec![0]].concat()).is_err());
}

/// Altered bytes under a matching checksum: refused while reading, or by the checks.
#[test]
fn altered_bytes_are_found_without_the_checksum() {
    let (system, _, ceremony) = ceremony();
    let start = key_from(&system, &trapdoor(Fr::ONE));
    let bytes = ceremony.to_bytes();
    let body = bytes.len() - 32;
    let header = 16 + 32 + 4;
    let contributions: usize = ceremony.contributions.iter().map(|c| c.to_bytes().len()).sum();
    let dense = header + contributions;
    for index in (0..dense).step_by(7).chain((dense..body).step_by(97)) {
        let mut altered = bytes[..body].to_vec();
        altered[index] ^= 1;
        let digest = blake3::hash(&altered);
        altered.extend_from_slice(digest.as_bytes());
        if let Ok(read) = Ceremony::from_bytes(&altered) {
            assert!(read.verify_from(&start).is_err(), "byte {index}");
        }
    }
}

#[test]
fn files_and_back() {
    let (_, _, ceremony) = ceremony();
    let folder = std::env::temp_dir().join(format!("zktrain-ceremony-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("state");
    ceremony.save(&path).unwrap();
    assert_eq!(Ceremony::load(&path).unwrap(), ceremony);
    let key = folder.join("key");
    ceremony.key.save(&key).unwrap();
    assert_eq!(ProvingKey::load(&key).unwrap(), ceremony.key);
    assert!(ProvingKey::load(&path).is_err() && Ceremony::load(&key).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(Ceremony::load(&path), Err(CeremonyError::File { .. })));
}

#[test]
fn the_base_of_knowledge_is_a_point_that_depends_on_everything() {
    let (_, _, ceremony) = ceremony();
    let contribution = &ceremony.contributions[0];
    let base = contribution.base(&[0; 32]);
    assert!(!base.is_zero() && base.is_on_curve());
    let mut others: Vec<G1Affine> = vec![contribution.base(&[1; 32])];
    let mut renamed = contribution.clone();
    renamed.name.push('!');
    others.push(renamed.base(&[0; 32]));
    let mut moved = contribution.clone();
    moved.delta_g1 = shifted(moved.delta_g1);
    others.push(moved.base(&[0; 32]));
    assert!(!others.contains(&base));
}
