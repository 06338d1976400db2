use super::*;
use proptest::prelude::*;

fn proof(c: usize) -> OpeningProof {
    let g = G1Affine::generator();
    OpeningProof {
        folds: vec![g; c - 1],
        evaluations: (0..c as u64).map(|k| (Fr::from(k), -Fr::from(k))).collect(),
        quotient: G1Affine::zero(),
        linearisation: -g,
    }
}

#[test]
fn encoding_round_trips() {
    for c in 1..=16 {
        let bytes = proof(c).to_bytes();
        assert_eq!(bytes.len(), OpeningProof::encoded_len(c));
        assert_eq!(OpeningProof::from_bytes(c, &bytes), Ok(proof(c)));
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let bytes = proof(4).to_bytes();
    for got in [0, bytes.len() - 1] {
        let expected = bytes.len();
        assert_eq!(
            OpeningProof::from_bytes(4, &bytes[..got]),
            Err(OpeningDecodeError::Length { expected, got })
        );
    }
    let mut long = bytes.clone();
    long.push(0);
    assert!(matches!(OpeningProof::from_bytes(4, &long), Err(OpeningDecodeError::Length { .. })));
    for got in [0, MAX_VARIABLES + 1, usize::MAX] {
        assert_eq!(
            OpeningProof::from_bytes(got, &bytes),
            Err(OpeningDecodeError::Variables { got })
        );
    }
}

#[test]
fn non_canonical_words_are_refused() {
    let bytes = proof(2).to_bytes();
    let altered = |offset: usize, word: [u8; 32]| {
        let mut bytes = bytes.clone();
        bytes[offset..offset + WORD].copy_from_slice(&word);
        OpeningProof::from_bytes(2, &bytes)
    };
    let (q, r) = (word_bytes(Fq::MODULUS), word_bytes(Fr::MODULUS));
    for offset in [0, 32, 192, 256] {
        assert_eq!(altered(offset, q), Err(OpeningDecodeError::UnreducedCoordinate { offset }));
    }
    for offset in [64, 96, 128, 160] {
        assert_eq!(altered(offset, r), Err(OpeningDecodeError::UnreducedScalar { offset }));
    }
    for (offset, start) in [(0, 0), (32, 0), (192, 192), (288, 256)] {
        let three = word_bytes(BigInt::from(3u64));
        assert_eq!(altered(offset, three), Err(OpeningDecodeError::OffCurve { offset: start }));
    }
}

#[test]
fn transcript_separates_labels_and_data() {
    let start = || {
        OpeningTranscript::new([7; 32], &G1Affine::generator(), &[Fr::from(3u64)], &Fr::from(4u64))
    };
    let mut seen =
        vec![start().challenge(b"r\0\0\0\0\0\0\0"), start().challenge(b"z\0\0\0\0\0\0\0")];
    seen.push(start().evaluation_point(&[]));
    seen.push(start().evaluation_point(&[G1Affine::generator()]));
    seen.push(start().batching_scalar(&[]));
    seen.push(start().linearisation_point(&G1Affine::zero()));
    for (i, a) in seen.iter().enumerate() {
        assert!(seen.iter().skip(i + 1).all(|b| a != b));
    }
}

proptest! {
    #[test]
    fn decoding_never_panics(c in 0usize..6, bytes in prop::collection::vec(any::<u8>(), 0..900)) {
        let _ = OpeningProof::from_bytes(c, &bytes);
        let mut fitted = bytes;
        fitted.resize(OpeningProof::encoded_len(c), 0);
        if let Ok(proof) = OpeningProof::from_bytes(c, &fitted) {
            prop_assert_eq!(proof.to_bytes(), fitted);
        }
    }

    #[test]
    fn altered_encodings_decode_to_something_else(index in 0usize..576, bit in 0u8..8) {
        let mut bytes = proof(4).to_bytes();
        bytes[index] ^= 1 << bit;
        if let Ok(other) = OpeningProof::from_bytes(4, &bytes) {
            prop_assert_ne!(other, proof(4));
        }
    }
}
