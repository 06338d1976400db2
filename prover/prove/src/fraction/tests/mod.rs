//! Completeness, shapes and layouts; cheating provers are in [`cheating`].

mod cheating;

use ark_bn254::Fr;
use ark_ff::{Field, One, UniformRand, Zero};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::{Check, Native};
use zktrain_argument::fraction::{self, FractionProof, LeafClaim};
use zktrain_argument::transcript::Transcript;

use super::*;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn transcript() -> Transcript<Fr> {
    let mut transcript = Transcript::new(&mut Native);
    transcript.absorb(&mut Native, "test", &[Fr::from(1u64)]);
    transcript
}

fn verify(log_leaves: u32, proof: &FractionProof<Fr>) -> Result<LeafClaim<Fr>, Check> {
    fraction::verify(&mut Native, &mut transcript(), log_leaves, proof)
}

fn numerator(segment: &Segment, index: usize) -> Fr {
    match &segment.numerators {
        Numerators::One => Fr::one(),
        Numerators::Values { values, tail } => *values.get(index).unwrap_or(tail),
    }
}

fn denominator(segment: &Segment, index: usize) -> Fr {
    match &segment.denominators {
        Denominators::Small { base, values, tail } => {
            *base - Fr::from(*values.get(index).unwrap_or(tail))
        }
        Denominators::Field { values, tail } => *values.get(index).unwrap_or(tail),
        Denominators::Sparse { base, default, entries } => {
            let entry = entries.iter().find(|(i, _)| *i as usize == index);
            *base - Fr::from(entry.map_or(*default, |(_, value)| *value))
        }
    }
}

/// The segments' leaves, written out.
fn used_leaves(segments: &[Segment]) -> (Vec<Fr>, Vec<Fr>) {
    let (mut p, mut q) = (Vec::new(), Vec::new());
    for segment in segments {
        p.extend((0..1 << segment.log).map(|i| numerator(segment, i)));
        q.extend((0..1 << segment.log).map(|i| denominator(segment, i)));
    }
    (p, q)
}

/// All leaves, written out.
fn leaves(log_leaves: u32, segments: &[Segment]) -> (Vec<Fr>, Vec<Fr>) {
    let (mut p, mut q) = used_leaves(segments);
    p.resize(1 << log_leaves, Fr::zero());
    q.resize(1 << log_leaves, Fr::one());
    (p, q)
}

fn sum(segments: &[Segment]) -> Fr {
    let (p, q) = used_leaves(segments);
    p.iter().zip(&q).map(|(p, q)| *p * q.inverse().unwrap()).sum()
}

/// One segment of a random kind, size and content.
fn random_segment(rng: &mut ChaCha20Rng, log: u32, base: Fr) -> Segment {
    let size = 1usize << log;
    let prefix = rng.gen_range(0..=size);
    // Any integers, just too many bits for the small kernel, and sixteen bits with their extremes.
    let width = rng.gen_range(0..4);
    let small = |rng: &mut ChaCha20Rng| match (width, rng.gen_range(0..3)) {
        (0, _) => rng.r#gen::<i32>(),
        (1, _) => rng.gen_range(-70_000..70_000),
        (_, 0) => -12_345,
        (_, 1) => -12_345 + 65_535,
        _ => rng.gen_range(-12_345..-12_345 + 65_536),
    };
    let denominators = match rng.gen_range(0..4) {
        0 | 1 => Denominators::Small {
            base,
            values: (0..prefix).map(|_| small(rng)).collect(),
            tail: small(rng),
        },
        2 => Denominators::Field {
            values: (0..prefix).map(|_| Fr::rand(rng)).collect(),
            tail: Fr::rand(rng),
        },
        _ => {
            let density = [0.0, 1.0 / size as f64, 0.05, 0.3][rng.gen_range(0..4)];
            let positions: Vec<u32> = (0..size as u32).filter(|_| rng.gen_bool(density)).collect();
            let entries = positions.into_iter().map(|i| (i, small(rng))).collect();
            Denominators::Sparse { base, default: small(rng), entries }
        }
    };
    let numerators = match rng.gen_bool(0.7) {
        true => Numerators::One,
        false => Numerators::Values {
            values: (0..rng.gen_range(0..=size)).map(|_| Fr::rand(rng)).collect(),
            tail: Fr::from(rng.gen_range(0..3u64)),
        },
    };
    Segment { log, numerators, denominators }
}

/// A random mix of segments whose last leaf makes the sum zero.
fn random_segments(log_leaves: u32, seed: u64) -> Vec<Segment> {
    let mut rng = rng(seed);
    let base = Fr::rand(&mut rng);
    let mut logs = Vec::new();
    let mut room = (1u64 << log_leaves) - 1; // for the leaf that balances
    while logs.len() < 12 && room > 0 {
        let log = rng.gen_range(0..log_leaves).min(room.ilog2());
        room -= 1 << log;
        logs.push(log);
        if rng.gen_bool(0.1) {
            break;
        }
    }
    logs.sort_by(|a, b| b.cmp(a));
    let mut segments: Vec<Segment> =
        logs.iter().map(|log| random_segment(&mut rng, *log, base)).collect();
    let balance = -sum(&segments);
    segments.push(Segment {
        log: 0,
        numerators: Numerators::Values { values: vec![balance], tail: Fr::zero() },
        denominators: Denominators::Field { values: vec![], tail: Fr::one() },
    });
    segments
}

fn prove_random(log_leaves: u32, seed: u64) -> FractionProof<Fr> {
    prove(&mut transcript(), log_leaves, random_segments(log_leaves, seed)).0
}

fn check_completeness(log_leaves: u32, segments: Vec<Segment>) {
    let (p, q) = leaves(log_leaves, &segments);
    let (proof, claim) = prove(&mut transcript(), log_leaves, segments);
    assert!(proof.has_shape(log_leaves));
    assert_eq!(verify(log_leaves, &proof).as_ref(), Ok(&claim));
    assert_eq!(interpolate(&p, &claim.point), claim.numerator);
    assert_eq!(interpolate(&q, &claim.point), claim.denominator);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn honest_proofs_verify_and_reduce_to_the_leaves(half in 2u32..7, seed: u64) {
        check_completeness(2 * half, random_segments(2 * half, seed));
    }
}

#[test]
fn no_segments_sum_to_zero() {
    for log_leaves in [4, 6, 12, 20] {
        let (proof, claim) = prove(&mut transcript(), log_leaves, vec![]);
        assert_eq!(verify(log_leaves, &proof), Ok(claim));
    }
}

#[test]
fn one_segment_may_fill_the_tree() {
    for log in [4, 6, 8] {
        let values = (0..1 << log).map(|i| Fr::from((i % 2) as u64 * 2) - Fr::one()).collect();
        let numerators = Numerators::Values { values, tail: Fr::zero() };
        let denominators = Denominators::Small { base: Fr::from(77u64), values: vec![], tail: 3 };
        check_completeness(log, vec![Segment { log, numerators, denominators }]);
    }
}

/// Lookups in a table and the table with its multiplicities.
fn lookups(log: u32, log_table: u32, seed: u64) -> Vec<Segment> {
    let mut rng = rng(seed);
    let base = Fr::rand(&mut rng);
    let mut counts = vec![0u64; 1 << log_table];
    let prefix = (1usize << log) * 5 / 8 + 3;
    let values: Vec<i32> = (0..prefix).map(|_| rng.gen_range(0..1 << log_table)).collect();
    values.iter().for_each(|value| counts[*value as usize] += 1);
    counts[0] += (1u64 << log) - prefix as u64;
    let multiplicities = counts.iter().map(|count| -Fr::from(*count)).collect();
    vec![
        Segment {
            log,
            numerators: Numerators::One,
            denominators: Denominators::Small { base, values, tail: 0 },
        },
        Segment {
            log: log_table,
            numerators: Numerators::Values { values: multiplicities, tail: Fr::zero() },
            denominators: Denominators::Small {
                base,
                values: (0..1 << log_table).collect(),
                tail: 0,
            },
        },
    ]
}

#[test]
fn lookups_and_permutation_counts() {
    for log_leaves in [8u32, 16] {
        check_completeness(log_leaves, lookups(log_leaves - 1, log_leaves / 2, 1));
    }
    for log_leaves in [16, 20, 22] {
        let (proof, claim) = prove(&mut transcript(), log_leaves, lookups(12, 8, 1));
        let mut transcript = transcript();
        let before = transcript.permutations();
        let result = fraction::verify(&mut Native, &mut transcript, log_leaves, &proof);
        assert_eq!(result, Ok(claim));
        println!("n = {log_leaves}: {} permutations", transcript.permutations() - before);
    }
}

#[test]
fn a_lookup_outside_the_table_is_rejected() {
    let mut segments = lookups(9, 6, 2);
    if let Denominators::Small { values, .. } = &mut segments[0].denominators {
        values[100] = 64;
    }
    let (proof, _) = prove(&mut transcript(), 10, segments);
    assert_eq!(verify(10, &proof), Err(Check::LookupSum));
}

#[test]
fn every_element_counts() {
    let log_leaves = 8;
    let proof = prove_random(log_leaves, 5);
    assert!(verify(log_leaves, &proof).is_ok());
    let elements: Vec<Fr> = proof.elements().copied().collect();
    for index in 0..elements.len() {
        let mut altered = elements.clone();
        altered[index] += Fr::one();
        let altered = FractionProof::from_elements(log_leaves, &mut altered.into_iter()).unwrap();
        assert!(verify(log_leaves, &altered).is_err(), "element {index}");
    }
}

#[test]
fn proofs_do_not_depend_on_the_number_of_threads() {
    let prove_with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let prove_all = || {
            let lookups = prove(&mut transcript(), 16, lookups(15, 9, 3));
            (lookups, prove(&mut transcript(), 14, random_segments(14, 4)))
        };
        pool.install(prove_all)
    };
    let (one, two, five) = (prove_with(1), prove_with(2), prove_with(5));
    assert_eq!(one, two);
    assert_eq!(one, five);
}
