//! Compressed proofs: what is accepted, that everything altered is rejected, their encoding.

use crate::common;

use std::path::Path;
use std::sync::OnceLock;

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInteger, One, PrimeField};
use common::cases::Case;
use common::forge::forge;
use common::{Run, srs};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_backends::r1cs;
use zktrain_ceremony::groth16::insecure_key;
use zktrain_cli::cost::cost;
use zktrain_devnet::Evm;
use zktrain_model::compile::compile_dataset;
use zktrain_prove::compress::Compressor;
use zktrain_prove::halo2::{Halo2Params, log_rows};
use zktrain_prove::training::{Chunk, Counts, RegisteredDataset, TrainingProver, register_chunk};
use zktrain_statement::compressed::{CompressedProof, ProofSystem, encoded_len};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::{DatasetStatement, TrainingStatement};
use zktrain_statement::wire::{WireError, decode_training, encode_training};
use zktrain_verify::circuit::{CircuitError, CircuitKey};
use zktrain_verify::dataset::{self, DatasetProofError};
use zktrain_verify::evm::encode_key;
use zktrain_verify::sheet::SheetError;
use zktrain_verify::training::{ProofChain, TrainingError, verify};

/// A run with momentum and a chain of two proofs in both systems.
struct Made {
    run: Run,
    key: CircuitKey,
    proofs: Vec<(TrainingStatement, [CompressedProof; 2])>,
}

fn compressors(run: &Run) -> [Compressor; 2] {
    let relation = run.key.relation.clone();
    let params = Halo2Params::new(srs(), log_rows(&relation).unwrap()).unwrap();
    let key = insecure_key(&r1cs::compile(&relation).unwrap(), &mut ChaCha20Rng::seed_from_u64(5));
    [Compressor::halo2(relation.clone(), params).unwrap(), Compressor::groth16(relation, key)]
}

fn made_of() -> Case {
    Case { momentum: 0.9, batch: 2, row_log: 13, ..Case::plain(&[5, 4, 3]) }
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let run = Run::of(&made_of(), 2).unwrap();
        let compressors = compressors(&run);
        let mut before = run.start.clone();
        let mut proofs = Vec::new();
        for (index, (window, trace)) in run.traces(2).into_iter().enumerate() {
            let position = run.position(index, window);
            let proved = run.prover().prove(&before, position, &trace).unwrap();
            let compress =
                |compressor: &Compressor| compressor.compress(proved.proof.clone()).unwrap();
            proofs.push((proved.statement.clone(), compressors.each_ref().map(compress)));
            before = proved.after;
        }
        let [halo2, groth16] = compressors.map(|compressor| compressor.key());
        let key = CircuitKey { halo2: halo2.halo2, groth16: groth16.groth16 };
        Made { run, key, proofs }
    })
}

impl Made {
    fn check(
        &self,
        statement: &TrainingStatement,
        proof: &CompressedProof,
    ) -> Result<(), TrainingError> {
        verify(&self.run.key, &self.key, statement, proof)
    }

    /// Whether the bytes are a valid proof of the first statement.
    fn accepts(&self, system: ProofSystem, bytes: &[u8]) -> bool {
        CompressedProof::from_bytes(&self.run.key.relation, system, bytes)
            .is_ok_and(|proof| self.check(&self.proofs[0].0, &proof).is_ok())
    }

    fn both(&self) -> impl Iterator<Item = (ProofSystem, Vec<u8>)> {
        self.proofs[0].1.iter().map(|proof| (proof.system, proof.to_bytes()))
    }
}

#[test]
fn both_systems_are_accepted_also_as_a_mixed_chain() {
    let made = made();
    for (statement, proofs) in &made.proofs {
        for proof in proofs {
            assert_eq!(made.check(statement, proof), Ok(()));
        }
    }
    let chain: ProofChain = made.run.chain();
    let links: Vec<_> = made
        .proofs
        .iter()
        .enumerate()
        .map(|(index, (statement, proofs))| (statement.clone(), proofs[index % 2].clone()))
        .collect();
    let end = chain.verify(&made.run.key, &made.key, &links).unwrap();
    assert_eq!(end.steps, 2 * made.run.key.network.steps as u64);
}

#[test]
fn a_flipped_bit_in_any_word_is_rejected() {
    let made = made();
    for (system, bytes) in made.both() {
        assert!(made.accepts(system, &bytes));
        for word in 0..bytes.len() / 32 {
            for bit in [0, 77, 255] {
                let mut altered = bytes.clone();
                altered[32 * word + 31 - bit / 8] ^= 1 << (bit % 8);
                assert!(!made.accepts(system, &altered), "{system}: word {word}, bit {bit}");
            }
        }
    }
}

/// Points stay on the curve and scalars stay reduced: the equations have to notice.
#[test]
fn negated_points_and_shifted_scalars_are_rejected() {
    let made = made();
    let relation = &made.run.key.relation;
    let points = zktrain_statement::proof::own_rows(relation) + 1;
    let scalars = relation.layout.address_log as usize + 3;
    for (system, bytes) in made.both() {
        for point in 0..points {
            let mut altered = bytes.clone();
            let y = &mut altered[64 * point + 32..64 * point + 64];
            let negated = (-Fq::from_be_bytes_mod_order(y)).into_bigint().to_bytes_be();
            if y != negated {
                y.copy_from_slice(&negated);
                assert!(!made.accepts(system, &altered), "{system}: point {point}");
            }
        }
        for scalar in 0..scalars {
            let mut altered = bytes.clone();
            let at = 64 * points + 32 * scalar;
            let word = &mut altered[at..at + 32];
            let shifted = Fr::from_be_bytes_mod_order(word) + Fr::one();
            word.copy_from_slice(&shifted.into_bigint().to_bytes_be());
            assert!(!made.accepts(system, &altered), "{system}: scalar {scalar}");
        }
    }
}

/// The same number written as itself plus the modulus would be a second encoding.
#[test]
fn unreduced_words_are_refused() {
    let made = made();
    let relation = &made.run.key.relation;
    let points = zktrain_statement::proof::own_rows(relation) + 1;
    for (system, bytes) in made.both() {
        for word in 0..bytes.len() / 32 {
            for modulus in [Fr::MODULUS, Fq::MODULUS] {
                let mut limbs = [0u64; 4];
                for (limb, chunk) in limbs.iter_mut().rev().zip(bytes[32 * word..].chunks(8)) {
                    *limb = u64::from_be_bytes(chunk.try_into().unwrap());
                }
                let mut sum = ark_ff::BigInt::<4>(limbs);
                if sum.add_with_carry(&modulus) {
                    continue;
                }
                let mut altered = bytes.clone();
                altered[32 * word..32 * word + 32].copy_from_slice(&sum.to_bytes_be());
                assert!(!made.accepts(system, &altered), "{system}: word {word}");
            }
        }
        assert!(bytes.len() > 64 * points);
    }
}

#[test]
fn lengths_are_exact() {
    let made = made();
    for (system, bytes) in made.both() {
        for cut in [0, 1, 31, 64, 640, bytes.len() - 32, bytes.len() - 1] {
            assert!(!made.accepts(system, &bytes[..cut]), "{system}: {cut} bytes");
        }
        assert!(!made.accepts(system, &[&bytes[..], &[0]].concat()), "{system}: one byte more");
        assert!(!made.accepts(system, &[&bytes[..], &[0; 32]].concat()), "{system}: a word more");
        assert!(!made.accepts(system, &[&bytes[..], &[0; 1 << 15]].concat()), "{system}");
    }
}

#[test]
fn a_proof_is_worth_nothing_elsewhere() {
    let made = made();
    let (honest, proofs) = &made.proofs[0];
    type Change = fn(&mut TrainingStatement);
    let changes: [(&str, Change); 15] = [
        ("prover", |s| s.binding.prover[3] ^= 1),
        ("round", |s| s.binding.round += 1),
        ("chain", |s| s.binding.chain_id += 1),
        ("contract", |s| s.binding.contract[0] ^= 1),
        ("domain", |s| s.binding.domain += 1),
        ("spec", |s| s.spec[0] ^= 1),
        ("step", |s| s.step += 1),
        ("dataset", |s| s.dataset[0] ^= 1),
        ("windows", |s| s.windows += 1),
        ("window", |s| s.window ^= 1),
        ("data", |s| s.data[0] = -s.data[0]),
        ("path", |s| s.path[0][0] ^= 1),
        ("model", |s| s.model[0] = -s.model[0]),
        ("update", |s| s.update[0] = -s.update[0]),
        ("state after", |s| s.state_after[0] = -s.state_after[0]),
    ];
    for proof in proofs {
        for (what, change) in &changes {
            let mut statement = honest.clone();
            change(&mut statement);
            assert_ne!(&statement, honest, "{what}");
            assert!(made.check(&statement, proof).is_err(), "{}: {what}", proof.system);
        }
        assert!(made.check(&made.proofs[1].0, proof).is_err(), "another window's statement");
    }
}

#[test]
fn parts_of_different_proofs_do_not_fit_together() {
    let made = made();
    let [(statement, [halo2, groth16]), (_, [other_halo2, other_groth16])] = &made.proofs[..]
    else {
        panic!("two proofs")
    };
    let circuit = |proof: &CompressedProof, from: &CompressedProof| CompressedProof {
        circuit_proof: from.circuit_proof.clone(),
        ..proof.clone()
    };
    assert!(made.check(statement, &circuit(halo2, other_halo2)).is_err());
    assert!(made.check(statement, &circuit(groth16, other_groth16)).is_err());
    assert!(made.check(statement, &circuit(halo2, groth16)).is_err());
    let opening = CompressedProof { opening: other_halo2.opening.clone(), ..halo2.clone() };
    assert!(made.check(statement, &opening).is_err());
    let claim = CompressedProof { claim: other_halo2.claim.clone(), ..halo2.clone() };
    assert!(made.check(statement, &claim).is_err());
    let renamed = CompressedProof { system: ProofSystem::Groth16, ..halo2.clone() };
    assert!(made.check(statement, &renamed).is_err());
}

#[test]
fn without_the_systems_key_nothing_is_accepted() {
    let made = made();
    let (statement, proofs) = &made.proofs[0];
    for proof in proofs {
        let none = CircuitKey::default();
        let no_key = CircuitError::NoKey { got: proof.system };
        let expected = TrainingError::Sheet(SheetError::Circuit(no_key));
        assert_eq!(verify(&made.run.key, &none, statement, proof), Err(expected));
    }
    let other = Run::of(&Case { row_log: 13, ..Case::plain(&[5, 6, 3]) }, 1).unwrap();
    let [halo2, groth16] = compressors(&other).map(|compressor| compressor.key());
    let key = CircuitKey { halo2: halo2.halo2, groth16: groth16.groth16 };
    for proof in proofs {
        assert!(verify(&made.run.key, &key, statement, proof).is_err(), "{}", proof.system);
    }
}

#[test]
fn a_proof_of_another_shape_is_refused_as_such() {
    let made = made();
    let (statement, proofs) = &made.proofs[0];
    for proof in proofs {
        let mut short = proof.clone();
        short.claim.point.pop();
        let shape = TrainingError::Sheet(SheetError::Shape);
        assert_eq!(made.check(statement, &short), Err(shape.clone()));
        short.claim.point.extend([Fr::one(), Fr::one()]);
        assert_eq!(made.check(statement, &short), Err(shape));
        let mut fewer = proof.clone();
        fewer.rows.pop();
        let result = made.check(statement, &fewer);
        let Err(TrainingError::Sheet(SheetError::RowCount { expected, got })) = result else {
            panic!("{result:?}")
        };
        assert_eq!(got + 1, expected);
    }
}

#[test]
fn a_compressed_registration_is_checked_chunk_by_chunk() {
    let run = &made().run;
    let network = &run.key.network;
    let (x, y) = run.data.window(network, 0).unwrap();
    let [inputs, labels] = [x, y].map(|v| v.iter().map(|v| i32::from(*v)).collect::<Vec<_>>());
    let chunk =
        Chunk { owner: [7; 20], total: 1, first: 0, windows: 1, inputs: &inputs, labels: &labels };
    let made = register_chunk(&run.key, srs().g1(), &run.secret, &chunk).unwrap();
    let (relation, _) = compile_dataset(network, 1).unwrap();
    let params = Halo2Params::new(srs(), log_rows(&relation).unwrap()).unwrap();
    let compressor = Compressor::halo2(relation, params).unwrap();
    let proof = compressor.compress(made.proof).unwrap();
    let key = compressor.key();
    let check = |statement: &DatasetStatement, proof: &CompressedProof| {
        let chunks = [(statement.clone(), proof.clone())];
        dataset::verify(&run.key, |windows| (windows == 1).then_some(&key), &chunks)
    };
    let root = check(&made.statement, &proof).unwrap();
    assert_eq!(root, RegisteredDataset::new(made.windows).tree.root());
    let none = dataset::verify(
        &run.key,
        |_| None::<&CircuitKey>,
        &[(made.statement.clone(), proof.clone())],
    );
    assert_eq!(none, Err(DatasetProofError::NoCircuit { chunk: 0, windows: 1 }));
    let mut altered = proof.clone();
    altered.circuit_proof[40] ^= 1;
    assert!(matches!(
        check(&made.statement, &altered),
        Err(DatasetProofError::Sheet { chunk: 0, .. })
    ));
    let mut altered = proof.clone();
    altered.blinding += Fr::one();
    assert!(check(&made.statement, &altered).is_err());
    let mut other = made.statement.clone();
    other.owner[0] ^= 1;
    assert!(check(&other, &proof).is_err());
    let mut other = made.statement.clone();
    other.rows[0][0] = -other.rows[0][0];
    assert!(check(&other, &proof).is_err());
}

#[test]
fn files_are_canonical() {
    let made = made();
    let key = &made.run.key;
    for (statement, proofs) in &made.proofs {
        for proof in proofs {
            let bytes = encode_training(statement, proof);
            let (decoded_statement, decoded): (_, CompressedProof) =
                decode_training(key, &bytes).unwrap();
            assert_eq!((&decoded_statement, &decoded), (statement, proof));
            assert_eq!(encode_training(&decoded_statement, &decoded), bytes);
            for end in (0..bytes.len()).step_by(61) {
                assert!(decode_training::<CompressedProof>(key, &bytes[..end]).is_err());
            }
            let longer = [&bytes[..], &[0]].concat();
            let refused = decode_training::<CompressedProof>(key, &longer);
            assert_eq!(refused, Err(WireError::Trailing { got: 1 }));
        }
    }
    let mut unknown = encode_training(&made.proofs[0].0, &made.proofs[0].1[0]);
    let at = b"zktrain training proof v1\n".len() + 7;
    unknown[at] = 9;
    let refused = decode_training::<CompressedProof>(key, &unknown);
    assert_eq!(refused, Err(WireError::System { got: 9 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the bytes, there is an answer.
    #[test]
    fn decoding_never_panics(
        seed in any::<u64>(),
        length in 0usize..6000,
        altered in proptest::collection::vec((0usize..6000, any::<u8>()), 0..4),
    ) {
        use rand::RngCore;
        let made = made();
        let mut random = vec![0; length];
        ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut random);
        for (system, mut bytes) in made.both() {
            prop_assert!(!made.accepts(system, &random));
            let original = bytes.clone();
            for (position, byte) in &altered {
                let position = position % bytes.len();
                bytes[position] = *byte;
            }
            prop_assert_eq!(made.accepts(system, &bytes), bytes == original);
        }
    }
}

#[test]
fn the_length_is_the_relations() {
    let made = made();
    let [halo2, groth16] = &made.proofs[0].1;
    let rest = encoded_len(&made.run.key.relation);
    assert_eq!(halo2.to_bytes().len(), rest + zktrain_verify::halo2::PROOF_LENGTH);
    // What is said of it before anything is trained.
    let told = cost(Path::new("manifest.toml"), &made_of().manifest().unwrap(), false).unwrap();
    assert_eq!(halo2.to_bytes().len(), told.proof_bytes);
    assert_eq!(log_rows(&made.run.key.relation).unwrap(), told.circuit_log);
    assert_eq!(groth16.to_bytes().len(), rest + zktrain_verify::groth16::PROOF_BYTES);
}

/// A window whose labels are none (8 for the class, −8 for the others) was committed to, and nobody
/// has registered it. Training on it is honest but for that; its update is larger than any that data
/// could lead to.
#[test]
fn labels_that_are_none_prove_nothing_here_or_on_chain() {
    let case = Case { batch: 2, row_log: 13, ..Case::plain(&[5, 4, 3]) };
    let run = Run::of(&case, 1).unwrap();
    let (window, mut sheet) = run.first_sheet();
    let labels = run.key.ids.labels;
    for flat in 0..sheet.layout().tensor(labels).stored() as usize {
        let class = 2 * sheet.get(labels, flat) - 1;
        sheet.set(labels, flat, 8 * class);
    }
    let sheet = forge(&run.key.network, sheet, &mut |_, _, _| {});
    let dataset = run.committed_to(window, &sheet);
    let mut weak = run.key.clone();
    weak.relation = weak.relation.without(|l| ["labels.bit", "labels.one_hot"].contains(&l));
    let prove = |key| {
        let prover = TrainingProver { key, dataset: &dataset, ..run.prover() };
        let position = run.position(0, window);
        prover.prove_sheet(&run.start, position, sheet.clone(), Counts::Missing).unwrap()
    };
    let proved = prove(&run.key);
    assert!(verify(&run.key, &(), &proved.statement, proved.proof.revealed()).is_err());
    let params = || Halo2Params::new(srs(), log_rows(&run.key.relation).unwrap()).unwrap();
    let compressor = |key: &TrainingKey| Compressor::halo2(key.relation.clone(), params()).unwrap();
    let strict = compressor(&run.key);
    assert!(strict.compress(proved.proof).is_err(), "nothing to assign");

    // The same under a relation that asks nothing of labels: what everybody took before.
    let (proved, loose) = (prove(&weak), compressor(&weak));
    let proof = loose.compress(proved.proof).unwrap().to_bytes();
    let statement = proved.statement.to_bytes();
    let mut evm = Evm::new(proved.statement.binding.chain_id).unwrap();
    let mut register = |key: &TrainingKey, compressor: &Compressor| {
        let circuit = compressor.key().contract_bytes(ProofSystem::Halo2).unwrap();
        let encoded = encode_key(key, ProofSystem::Halo2, &circuit).unwrap();
        evm.register(&encoded).unwrap().key
    };
    let keys = [register(&weak, &loose), register(&run.key, &strict)];
    let [taken, refused] = keys.map(|key| evm.verify(key, &statement, &proof).is_ok());
    assert!(taken && !refused);
}
