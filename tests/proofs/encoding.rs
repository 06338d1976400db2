//! Encodings have one form, faults have names, and no bytes make anything panic.

use crate::common;

use common::made::made;
use proptest::prelude::*;
use zktrain_argument::opening::{OpeningDecodeError, OpeningProof};
use zktrain_model::manifest::Manifest;
use zktrain_statement::proof::{MAGIC, ProofDecodeError, SheetProof};
use zktrain_statement::statements::{Binding, DatasetStatement, TrainingStatement};
use zktrain_statement::wire::{
    ProofFile, WireError, decode_dataset, decode_training, encode_dataset, encode_training,
};
use zktrain_verify::dataset::DatasetProofError;

#[test]
fn encodings_have_one_form_and_faults_have_names() {
    let (run, proofs) = made();
    let key = &run.key;
    let (statement, proof) = &proofs[0];
    let bytes = encode_training(statement, proof);
    let decoded = decode_training::<SheetProof>(key, &bytes).unwrap();
    assert_eq!(decoded, proofs[0]);
    assert_eq!(encode_training(&decoded.0, &decoded.1), bytes);
    let registration = encode_dataset(&run.chunks);
    assert_eq!(decode_dataset::<SheetProof>(key, &registration).unwrap(), run.chunks);

    let mut trailing = bytes.clone();
    trailing.push(0);
    assert_eq!(decode_training::<SheetProof>(key, &trailing), Err(WireError::Trailing { got: 1 }));
    for end in (0..bytes.len()).step_by(97) {
        assert!(decode_training::<SheetProof>(key, &bytes[..end]).is_err(), "cut at {end}");
    }
    for end in (0..registration.len()).step_by(997) {
        assert!(decode_dataset::<SheetProof>(key, &registration[..end]).is_err(), "cut at {end}");
    }
    let wrong = decode_training::<SheetProof>(key, &registration);
    assert_eq!(wrong, Err(WireError::Magic { expected: "training proof" }));
    let wrong = decode_dataset::<SheetProof>(key, &bytes);
    assert_eq!(wrong, Err(WireError::Magic { expected: "dataset registration" }));
}

/// The places that contracts read too.
#[test]
fn a_statement_names_its_binding_in_places_that_contracts_know() {
    let statement = &made().1[0].0;
    let bytes = statement.to_bytes();
    let binding = statement.binding.to_bytes();
    assert_eq!(bytes[72..152], binding);
    let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    let Binding { chain_id, contract, domain, round, prover } = statement.binding;
    assert_eq!([number(72), number(80), number(108), number(116)], [chain_id, 20, domain, round]);
    assert_eq!((&bytes[88..108], number(124)), (&contract[..], 20));
    assert_eq!((&bytes[132..152], number(152)), (&prover[..], statement.step));
    assert_eq!(TrainingStatement::from_bytes(&bytes).as_ref(), Ok(statement));
    for (at, part) in [(87, "contract"), (131, "prover")] {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let error = WireError::Length { part, expected: 20, got: 21 };
        assert_eq!(TrainingStatement::from_bytes(&other), Err(error));
    }
    // Without contract and domain, as statements were: none is read as another one.
    for round in [statement.binding.round, 20] {
        let mut older = [&bytes[..80], &bytes[116..]].concat();
        older[80..88].copy_from_slice(&round.to_be_bytes());
        assert!(matches!(TrainingStatement::from_bytes(&older), Err(WireError::Length { .. })));
    }
}

#[test]
fn faults_within_a_proof_are_named() {
    let (run, proofs) = made();
    let relation = &run.key.relation;
    let bytes = proofs[0].1.to_bytes();
    let decode = |alter: &dyn Fn(&mut Vec<u8>)| {
        let mut altered = bytes.clone();
        alter(&mut altered);
        SheetProof::from_bytes(relation, &altered).unwrap_err()
    };
    assert_eq!(decode(&|b| b[0] ^= 1), ProofDecodeError::Magic);
    assert_eq!(decode(&|b| b.truncate(3)), ProofDecodeError::Magic);
    assert_eq!(decode(&|b| b[MAGIC.len() + 3] = 9), ProofDecodeError::Format { got: 9 });
    let expected = bytes.len();
    let length = |got| ProofDecodeError::Length { expected, got };
    assert_eq!(decode(&|b| b.push(0)), length(expected + 1));
    assert_eq!(
        decode(&|b| {
            b.pop();
        }),
        length(expected - 1)
    );
    let points = MAGIC.len() + 4;
    let off = decode(&|b| b[points + 63] ^= 1);
    assert_eq!(off, ProofDecodeError::Element(OpeningDecodeError::OffCurve { offset: points }));
    let big = decode(&|b| b[points..points + 32].fill(0xff));
    let fault = OpeningDecodeError::UnreducedCoordinate { offset: points };
    assert_eq!(big, ProofDecodeError::Element(fault));
    let scalars = points + 64 * (proofs[0].1.rows.len() + 1);
    let big = decode(&|b| b[scalars..scalars + 32].fill(0xff));
    let fault = OpeningDecodeError::UnreducedScalar { offset: scalars };
    assert_eq!(big, ProofDecodeError::Element(fault));
}

/// A file that announces more windows than it has rows for is refused before
/// anything is laid out for them.
#[test]
fn announced_windows_without_rows_are_refused() {
    let (run, _) = made();
    for (windows, part) in [(1 << 20, "windows"), (run.chunks[0].0.rows.len(), "rows")] {
        let (mut statement, proof) = run.chunks[0].clone();
        statement.rows = vec![Vec::new(); windows];
        let file = encode_dataset(&[(statement, proof)]);
        let refused = decode_dataset::<SheetProof>(&run.key, &file);
        let Err(WireError::Length { part: got, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(got, part);
    }
}

/// Windows in other chunks than everybody's, each of them well formed: no key is made for these.
#[test]
fn chunks_of_other_sizes_are_refused() {
    let (run, _) = made();
    assert_eq!(run.chunks.iter().map(|c| c.0.rows.len()).collect::<Vec<_>>(), [4, 1]);
    let four = |sizes: &[usize]| -> Vec<_> {
        let (statement, proof) = &run.chunks[0];
        let mut first = 0;
        let chunk = |size: &usize| {
            let rows = statement.rows[first..first + size].to_vec();
            let statement = DatasetStatement { rows, first: first as u64, ..statement.clone() };
            first += size;
            (statement, proof.clone())
        };
        sizes.iter().map(chunk).collect()
    };
    for sizes in [&[2, 2][..], &[1, 1, 1, 1], &[2, 1, 1], &[3, 1]] {
        let chunks = [four(sizes), vec![run.chunks[1].clone()]].concat();
        let refused = decode_dataset::<SheetProof>(&run.key, &encode_dataset(&chunks));
        let got = sizes[0] as u64;
        assert_eq!(refused, Err(WireError::Length { part: "windows", expected: 4, got }));
        let asked = std::cell::Cell::new(0);
        let circuit = |_| {
            asked.set(asked.get() + 1);
            Some(())
        };
        let refused = zktrain_verify::dataset::verify(&run.key, circuit, &chunks);
        let expected = DatasetProofError::ChunkSize { chunk: 0, expected: 4, got: sizes[0] };
        assert_eq!((refused, asked.get()), (Err(expected), 0));
    }
    let mut endless = run.chunks.clone();
    endless.iter_mut().for_each(|chunk| chunk.0.windows = u64::MAX);
    let refused = decode_dataset::<SheetProof>(&run.key, &encode_dataset(&endless));
    assert!(matches!(refused, Err(WireError::Windows(_))), "{refused:?}");
}

fn settings(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: prop::test_runner::RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(settings(256))]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let key = &made().0.key;
        let files = [SheetProof::TRAINING_FILE, SheetProof::DATASET_FILE];
        for magic in [&[][..], files[0], files[1], MAGIC.as_slice()] {
            let bytes = [magic, &bytes].concat();
            let _ = decode_training::<SheetProof>(key, &bytes);
            let _ = decode_dataset::<SheetProof>(key, &bytes);
            let _ = TrainingStatement::from_bytes(&bytes);
            let _ = DatasetStatement::from_bytes(&bytes);
            let _ = SheetProof::from_bytes(&key.relation, &bytes);
            let _ = OpeningProof::from_bytes(&bytes);
            let _ = Manifest::from_toml(&String::from_utf8_lossy(&bytes));
        }
    }

    /// Valid bytes with a few of them changed, cut or doubled: an error, or
    /// exactly what these bytes encode.
    #[test]
    fn mutated_files_do_not_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..4),
        which in 0usize..3,
    ) {
        let (run, proofs) = made();
        let key = &run.key;
        let mut bytes = match which {
            0 => encode_training(&proofs[0].0, &proofs[0].1),
            1 => encode_dataset(&run.chunks),
            _ => run.manifest.to_toml().unwrap().into_bytes(),
        };
        for (index, byte, kind) in edits {
            // Half of the edits go where lengths and headers are.
            let at = index.index(bytes.len());
            let at = if kind % 2 == 0 { at } else { at % 400.min(bytes.len()) };
            match kind {
                0 | 1 => bytes[at] = byte,
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, byte),
            }
        }
        if let Ok((statement, proof)) = decode_training::<SheetProof>(key, &bytes) {
            prop_assert_eq!(encode_training(&statement, &proof), bytes.clone());
        }
        if let Ok(chunks) = decode_dataset::<SheetProof>(key, &bytes) {
            prop_assert_eq!(encode_dataset(&chunks), bytes.clone());
        }
        if let Ok(manifest) = Manifest::from_toml(&String::from_utf8_lossy(&bytes)) {
            let _ = manifest.validate();
        }
    }
}
