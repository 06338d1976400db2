//! Packing, encoding, and that masked vectors say nothing.

use ark_ff::{AdditiveGroup, Field, PrimeField};
use proptest::prelude::*;
use zktrain_verify::aggregate::weighted_rows;

use super::*;
use crate::unmasking::Inspection;
use crate::vector::{DIGIT, ELEMENT, PACKED, VectorError, decode, encode, pack, unpack};

fn shape_of(widths: &[usize], biased: &[bool], row_log: u32) -> (TrainingKey, VectorShape) {
    let key = key(widths, biased, row_log);
    let shape = VectorShape::of(&key).unwrap();
    (key, shape)
}

fn constant(shape: &VectorShape, value: i32) -> Update {
    Update { values: vec![value; shape.parameters()], blinds: vec![Fr::from(3u64); shape.rows()] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn sums_of_packed_updates_are_packed_sums(
        widths in prop::collection::vec(1usize..40, 3..6),
        biased in prop::collection::vec(any::<bool>(), 5),
        row_log in 4u32..9,
        weights in prop::collection::vec(0u32..=1 << 16, 1..4),
        seed: u64,
    ) {
        let (key, shape) = shape_of(&widths, &biased, row_log);
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let mut total = vec![Fr::ZERO; shape.elements()];
        let mut expected = vec![0i64; shape.parameters()];
        for weight in &weights {
            let update = update(&key.network, shape.rows(), 24, rng);
            let packed = pack(&shape, &update, *weight).unwrap();
            let single = unpack(&shape, &packed).unwrap();
            let values = shape.values(&update).unwrap();
            for ((got, sum), value) in single.values.iter().zip(&mut expected).zip(values) {
                prop_assert_eq!(*got, i64::from(*value) * i64::from(*weight));
                *sum += got;
            }
            total.iter_mut().zip(packed.iter()).for_each(|(t, p)| *t += p);
        }
        prop_assert_eq!(unpack(&shape, &total).unwrap().values, expected);
        prop_assert_eq!(decode(&encode(&total)).unwrap(), total);
        prop_assert_eq!(shape.bytes(), (shape.elements() * ELEMENT) as u64);
        prop_assert!(shape.elements() >= key.network.parameters().div_ceil(PACKED) + shape.rows());
    }
}

#[test]
fn rows_have_four_cells_at_least() {
    for row_log in [0, 1] {
        let mut key = key(&[4, 4, 4], &[true; 2], 4);
        key.relation.layout.row_log = row_log;
        assert_eq!(VectorShape::of(&key).err(), Some(VectorError::Rows { row_log }));
    }
}

#[test]
fn what_is_packed_together_are_neighbours_that_waste_least() {
    let quads = |widths: &[usize]| {
        let (key, shape) = shape_of(widths, &[true; 4], 8);
        (shape.elements() - shape.rows(), key.network.parameters())
    };
    // 8 bytes a parameter where sizes are multiples of four, and nearly so where inputs are.
    assert_eq!(quads(&[16, 8, 4]).0 * 4, quads(&[16, 8, 4]).1);
    let (quads, parameters) = quads(&[784, 13, 10]);
    assert!(quads * 4 * 100 < parameters * 103, "{quads} {parameters}");
}

#[test]
fn the_sum_opens_the_sum_of_commitments() {
    let world = World::new(&[30000, 20000, 15000, 536], 3);
    let round = Round::whole(&world);
    let sum = round.sum().unwrap();
    let commitments = world.commitments(&[0, 1, 2, 3]);
    let weighted: Vec<(u32, &[G1Affine])> = commitments
        .iter()
        .map(|(account, rows)| (world.plan.member(*account).unwrap().weight, rows.as_slice()))
        .collect();
    assert_eq!(opened(sum), weighted_rows(&weighted).unwrap());
}

/// What is divided by the weights' sum is what the weights summed to.
#[test]
fn weights_sum_to_what_averages_are_divided_by() {
    assert_eq!(WEIGHT_LOG, zktrain_commit::average::WEIGHT_LOG);
}

#[test]
fn extremes_do_not_run_over() {
    let Fixture { shape, .. } = fixture();
    // The largest magnitude that 2^14 steps can reach, with all of the weight.
    for value in [1 << 29, -(1 << 29), 0] {
        let packed = pack(shape, &constant(shape, value), 1 << WEIGHT_LOG).unwrap();
        let sum = unpack(shape, &packed).unwrap();
        assert!(sum.values.iter().all(|v| *v == i64::from(value) << WEIGHT_LOG));
        assert!(sum.blinds.iter().all(|b| *b == Fr::from(3u64 << WEIGHT_LOG)));
    }
}

#[test]
fn what_is_no_sum_is_refused() {
    let Fixture { shape, .. } = fixture();
    let packed = pack(shape, &constant(shape, 7), 1).unwrap();
    let digit = |k: u64| Fr::from(2u64).pow([u64::from(DIGIT) * k]);
    let mut changed = packed.clone();
    changed[2] += digit(4);
    assert_eq!(unpack(shape, &changed), Err(VectorError::Range { element: 2 }));
    changed[2] = -digit(4);
    assert_eq!(unpack(shape, &changed), Err(VectorError::Range { element: 2 }));
    // A cell of padding: of all cells there are more than parameters here.
    let cells = PACKED * (shape.elements() - shape.rows());
    assert!(cells > shape.parameters());
    let padded = (0..cells).find(|cell| {
        let mut changed = packed.clone();
        changed[cell / PACKED] += digit((cell % PACKED) as u64);
        unpack(shape, &changed) == Err(VectorError::Padding { element: cell / PACKED })
    });
    assert!(padded.is_some());
    let short = &packed[1..];
    let bytes = shape.bytes();
    let expected = VectorError::Length { expected: bytes, got: bytes - ELEMENT as u64 };
    assert_eq!(unpack(shape, short), Err(expected));
}

#[test]
fn updates_of_other_networks_are_refused() {
    let Fixture { shape, .. } = fixture();
    let update = constant(shape, 1);
    let mut other = update.clone();
    other.values.pop();
    let expected = shape.parameters();
    let error = VectorError::Parameters { expected, got: expected - 1 };
    assert_eq!(pack(shape, &other, 1), Err(error));
    let mut other = update.clone();
    other.blinds.pop();
    let expected = shape.rows();
    assert_eq!(pack(shape, &other, 1), Err(VectorError::Blinds { expected, got: expected - 1 }));
    let weight = (1 << WEIGHT_LOG) + 1;
    assert_eq!(pack(shape, &update, weight), Err(VectorError::Weight { got: weight }));
    assert_eq!(format!("{update:?}"), "Update { .. }");
}

#[test]
fn one_encoding_of_each_vector() {
    assert_eq!(decode(&[0; 33]), Err(VectorError::Length { expected: 64, got: 33 }));
    let modulus: Vec<u8> = Fr::MODULUS.0.iter().rev().flat_map(|l| l.to_be_bytes()).collect();
    let bytes = [encode(&[-Fr::ONE]), modulus].concat();
    assert_eq!(decode(&bytes), Err(VectorError::Unreduced { element: 1 }));
    assert_eq!(decode(&bytes[..32]).unwrap(), [-Fr::ONE]);
    assert_eq!(decode(&[0xff; 32]), Err(VectorError::Unreduced { element: 0 }));
    assert_eq!(decode(&[]).unwrap(), []);
}

/// Bytes of a masked vector of zeros.
fn masked(secret: u8, elements: usize) -> Vec<u8> {
    let mut world = World::of(3, 2);
    world.plan.nonce = B256::repeat_byte(secret);
    let mut round = Round::new(&world);
    round.until_shares(&[0, 1, 2], &[0, 1, 2]).unwrap();
    round.pass().unwrap();
    kept(round.members[0].mask(&vec![Fr::ZERO; elements], B256::ZERO).unwrap()).1
}

#[test]
fn masked_vectors_are_uniform_and_independent() {
    let elements = 1 << 14;
    let (a, b) = (masked(1, elements), masked(2, elements));
    // The low 31 bytes of an element are nearly uniform: counts of 508k bytes within six
    // standard deviations (44) of their mean 1984.
    for bytes in [&a, &b] {
        let mut counts = [0i32; 256];
        for element in bytes.chunks(ELEMENT) {
            element[1..].iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        }
        assert!(counts.iter().all(|count| (count - 1984).abs() < 6 * 45), "{counts:?}");
    }
    let equal = a.chunks(8).zip(b.chunks(8)).filter(|(a, b)| a == b).count();
    assert_eq!(equal, 0);
    let bits: u32 = a.iter().zip(&b).map(|(a, b)| (a ^ b).count_ones()).sum();
    let all = elements as u32 * 248;
    assert!(bits.abs_diff(all / 2) < all / 50, "{bits} of {all}");
}

#[test]
fn vectors_are_inspected_before_they_count() {
    let world = World::of(3, 2);
    let round = Round::whole(&world);
    let (signed, bytes) = &round.uploads[&0];
    let upload = &signed.body;
    let inspect = |upload: &Upload, bytes: &[u8]| {
        let mut inspection = Inspection::new(upload, fixture().shape.elements());
        bytes.chunks(100).try_for_each(|part| inspection.write(part))?;
        inspection.end()
    };
    assert_eq!(inspect(upload, bytes), Ok(()));
    // A member can sign for anything.
    let mut unreduced = bytes.clone();
    unreduced[64..96].fill(0xff);
    let signed = Upload { masked: keccak256(&unreduced), ..*upload };
    assert_eq!(inspect(&signed, &unreduced), Err(VectorError::Unreduced { element: 2 }.into()));
    let signed = Upload { masked: keccak256(&bytes[32..]), ..*upload };
    let (expected, got) = (bytes.len() as u64, bytes.len() as u64 - 32);
    assert_eq!(inspect(&signed, &bytes[32..]), Err(VectorError::Length { expected, got }.into()));
    let other = inspect(&signed, bytes);
    assert!(matches!(other, Err(SecaggError::Mismatch { what: "the masked vector", .. })));
}

#[test]
fn wrong_vectors_are_refused_when_they_are_added() {
    let world = World::of(3, 2);
    let round = Round::whole(&world);
    let elements = fixture().shape.elements();
    let secrets = round.secrets().unwrap();
    let accounts = world.accounts(&[0, 1, 2]);
    let roster = round.roster.as_ref().unwrap();
    let start = || Unmasking::new(roster, &round.shared(), &accounts, &secrets, elements).unwrap();
    let (upload, bytes) = &round.uploads[&1];
    let mut changed = bytes.clone();
    changed[40] ^= 1;
    let mut sum = start();
    assert_eq!(sum.write(bytes), Err(SecaggError::Early { what: "the vector" }));
    sum.start(&upload.body).unwrap();
    assert_eq!(sum.start(&upload.body), Err(SecaggError::Conflict { what: "vector" }));
    sum.write(&changed).unwrap();
    assert!(matches!(sum.end(), Err(SecaggError::Mismatch { what: "the masked vector", .. })));
    for cut in [0, 31, bytes.len() - 1] {
        let mut sum = start();
        sum.start(&upload.body).unwrap();
        sum.write(&bytes[..cut]).unwrap();
        let length = VectorError::Length { expected: bytes.len() as u64, got: cut as u64 };
        assert_eq!(sum.end(), Err(length.into()));
    }
    let mut sum = start();
    sum.start(&upload.body).unwrap();
    sum.write(bytes).unwrap();
    let got = bytes.len() as u64 + 1;
    let length = VectorError::Length { expected: bytes.len() as u64, got };
    assert_eq!(sum.write(&[0]), Err(length.into()));
    let mut sum = start();
    sum.start(&upload.body).unwrap();
    sum.write(&bytes[..32 + 5]).unwrap();
    assert_eq!(sum.write(&[0xff; 60]), Err(VectorError::Unreduced { element: 2 }.into()));
    let mut sum = start();
    sum.start(&upload.body).unwrap();
    sum.write(bytes).unwrap();
    sum.end().unwrap();
    let again = SecaggError::Stranger { account: world.account(1), set: "the counted" };
    assert_eq!(sum.start(&upload.body), Err(again));
    assert!(matches!(sum.finish(), Err(SecaggError::Count { got: 2, .. })));
    let stranger = World::of(4, 3);
    let accounts = stranger.accounts(&[0, 1, 2, 3]);
    let missing = Unmasking::new(roster, &round.shared(), &accounts, &secrets, elements);
    assert!(matches!(missing, Err(SecaggError::Stranger { set: "the recovered", .. })));
}
