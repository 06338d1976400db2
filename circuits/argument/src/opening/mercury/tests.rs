use super::*;
use crate::opening::{OpeningDecodeError, word_bytes};
use ark_bn254::Fq;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::BigInt;
use proptest::prelude::*;

fn point(k: u64) -> G1Affine {
    (G1Affine::generator() * Fr::from(k)).into_affine()
}

fn pair(k: u64) -> [Fr; 2] {
    [Fr::from(k), -Fr::from(k)]
}

fn proof() -> OpeningProof {
    OpeningProof {
        fold: point(1),
        quotient: point(2),
        remainder: point(3),
        products: G1Affine::zero(),
        reversal: point(5),
        evaluations: Evaluations { remainder: pair(6), fold: pair(7), products: pair(8) },
        batch: point(9),
        linearisation: point(10),
    }
}

#[test]
fn encoding_round_trips() {
    let bytes = proof().to_bytes();
    assert_eq!(bytes.len(), 640);
    assert_eq!(OpeningProof::from_bytes(&bytes), Ok(proof()));
}

#[test]
fn wrong_lengths_are_refused() {
    let bytes = proof().to_bytes();
    let expected = bytes.len();
    for got in [0, expected - 1, expected + 1, 2 * expected] {
        let mut bytes = bytes.clone();
        bytes.resize(got, 0);
        let fault = OpeningDecodeError::Length { expected, got };
        assert_eq!(OpeningProof::from_bytes(&bytes), Err(fault));
    }
}

#[test]
fn non_canonical_words_are_refused() {
    let altered = |offset: usize, word: [u8; 32]| {
        let mut bytes = proof().to_bytes();
        bytes[offset..offset + 32].copy_from_slice(&word);
        OpeningProof::from_bytes(&bytes)
    };
    let three = word_bytes(BigInt::from(3u64));
    for word in 0..20 {
        let offset = 32 * word;
        if (10..16).contains(&word) {
            let fault = OpeningDecodeError::UnreducedScalar { offset };
            assert_eq!(altered(offset, word_bytes(Fr::MODULUS)), Err(fault));
        } else {
            let fault = OpeningDecodeError::UnreducedCoordinate { offset };
            assert_eq!(altered(offset, word_bytes(Fq::MODULUS)), Err(fault));
            let fault = OpeningDecodeError::OffCurve { offset: offset / 64 * 64 };
            assert_eq!(altered(offset, three), Err(fault));
        }
    }
}

#[test]
fn every_part_of_every_message_changes_the_challenge() {
    let (g, zero) = (point(1), G1Affine::zero());
    let start = |seed: u8, commitment: &G1Affine, u: u64, value: u64| {
        let u = [Fr::from(u), Fr::from(3u64)];
        OpeningTranscript::new([seed; 32], commitment, &u, &Fr::from(value))
    };
    let base = || start(7, &g, 3, 4);
    let mut seen = vec![
        base().alpha(&g),
        base().alpha(&zero),
        start(8, &g, 3, 4).alpha(&g),
        start(7, &zero, 3, 4).alpha(&g),
        start(7, &g, 4, 4).alpha(&g),
        start(7, &g, 3, 5).alpha(&g),
        base().gamma(&g, &zero),
        base().gamma(&zero, &g),
        base().zeta(&g, &zero),
        base().zeta(&zero, &g),
    ];
    for index in 0..6 {
        let mut values = proof().evaluations.to_array();
        values[index] += Fr::ONE;
        let [a, b, c, d, e, f] = values;
        seen.push(base().beta(&Evaluations { remainder: [a, b], fold: [c, d], products: [e, f] }));
    }
    for batch in [&g, &zero] {
        let (z, delta) = base().linearisation(batch);
        seen.extend([z, delta]);
    }
    for (i, a) in seen.iter().enumerate() {
        assert!(seen.iter().skip(i + 1).all(|b| a != b), "{i}");
    }
}

#[test]
fn the_kernel_evaluates_the_table_of_eq() {
    let u: Vec<Fr> = (2..7u64).map(Fr::from).collect();
    let x = Fr::from(11u64);
    let eq = |j: u64| -> Fr {
        let factor = |(k, u): (usize, &Fr)| if j >> k & 1 == 1 { *u } else { Fr::ONE - u };
        u.iter().enumerate().map(factor).product()
    };
    let expected: Fr = (0..32u64).map(|j| eq(j) * x.pow([j])).sum();
    assert_eq!(eq_polynomial(&u, x), expected);
    assert_eq!(eq_polynomial(&[], x), Fr::ONE);
    assert_eq!(split(15), (8, 7));
    assert_eq!(split(1), (1, 0));
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
        let _ = OpeningProof::from_bytes(&bytes);
        let mut fitted = bytes;
        fitted.resize(OpeningProof::ENCODED_LEN, 0);
        if let Ok(proof) = OpeningProof::from_bytes(&fitted) {
            prop_assert_eq!(proof.to_bytes(), fitted);
        }
    }

    #[test]
    fn altered_encodings_decode_to_something_else(index in 0usize..640, bit in 0u8..8) {
        let mut bytes = proof().to_bytes();
        bytes[index] ^= 1 << bit;
        if let Ok(other) = OpeningProof::from_bytes(&bytes) {
            prop_assert_ne!(other, proof());
        }
    }
}
