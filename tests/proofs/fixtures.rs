//! Files of the first version: they decode, verify and encode to the same bytes.
//!
//! `ZKTRAIN_WRITE_FIXTURES=1 cargo test --profile ci --workspace --test proofs fixtures` writes them
//! anew, which is a change of format and needs a new version.

use crate::common;

use std::fs;
use std::path::{Path, PathBuf};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use common::cases::{Case, Images, LossKind};
use common::{Run, srs};
use rand::rngs::OsRng;
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_backends::halo2::shape;
use zktrain_backends::r1cs;
use zktrain_ceremony::groth16::insecure_key;
use zktrain_model::compile::{compile_dataset, compile_training};
use zktrain_model::manifest::{Kernel, LayerKind, LayerSpec, Manifest, Optimizer};
use zktrain_model::size::Limits;
use zktrain_prove::compress::Compressor;
use zktrain_prove::halo2::{Halo2Params, log_rows};
use zktrain_prove::training::derive_key;
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::wire::{decode_dataset, decode_training, encode_dataset, encode_training};
use zktrain_trainer::transformer::attention;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::evm::{encode_key, key_hash};
use zktrain_verify::groth16::Groth16Key;
use zktrain_verify::{dataset, training};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Networks with the files' names.
fn cases() -> [(&'static str, Case); 6] {
    let relu = Case { row_log: 7, momentum: 0.9, batch: 2, ..Case::plain(&[5, 6, 3]) };
    let kinds = vec![Some(LayerKind::Tanh), Some(LayerKind::Sigmoid)];
    let kernels = [
        (3, Kernel { size: 3, stride: 2, padding: 1 }),
        (2, Kernel { size: 2, stride: 1, padding: 0 }),
    ];
    let image = Some((
        [4, 5, 2],
        kernels.map(|(out, kernel)| LayerSpec::conv2d(out, kernel, true)).to_vec(),
    ));
    let images = Case { image, kinds: kinds.clone(), widths: vec![0, 3], ..relu.clone() };
    let smooth = Case { kinds, loss: LossKind::Logistic, clip: Some(1.0), ..relu.clone() };
    let smooth = Case { widths: vec![3, 4, 2, 1], ..smooth };
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    let pool = |kind, size| LayerSpec::pool2d(kind, Some(size));
    let layers = vec![
        LayerSpec::conv2d(3, kernel, true),
        pool(LayerKind::MaxPool2d, 3),
        LayerSpec::conv2d(2, Kernel { size: 2, stride: 1, padding: 1 }, true),
        pool(LayerKind::AvgPool2d, 3),
    ];
    let kinds = vec![None, Some(LayerKind::Relu), Some(LayerKind::Sigmoid), None];
    let pools =
        Case { image: Some(([6, 6, 2], layers)), kinds, widths: vec![0, 2], ..relu.clone() };
    let adam = Case { adam: Some(Optimizer::adam(0.01)), ..relu.clone() };
    let attending = Case { image: Some(attending()), kinds: vec![None], ..relu.clone() };
    let attending = Case { widths: vec![0, 3], ..attending };
    [
        ("relu", relu),
        ("smooth", smooth),
        ("convolution", images),
        ("pooled", pools),
        ("adam", adam),
        ("attention", attending),
    ]
}

/// A causal attention of two heads over four positions.
fn attending() -> Images {
    let each = LayerSpec::conv2d(4, Kernel { size: 1, stride: 1, padding: 0 }, true);
    let from = Some(1);
    let taking = [each; 3].map(|layer| LayerSpec { from, ..layer });
    let first = [each, LayerSpec::of(LayerKind::Positions)];
    let layers = first.into_iter().chain(taking).chain(attention(2, true, [2, 3, 4]));
    ([4, 1, 3], layers.collect())
}

fn write(name: &str, case: &Case) {
    let run = Run::of(case, 2).unwrap();
    let manifest = run.manifest.to_toml().unwrap();
    fs::write(path(&format!("{name}_v1.toml")), manifest).unwrap();
    let registration = encode_dataset(&run.chunks);
    fs::write(path(&format!("{name}_dataset_v1.NOT-ZK")), registration).unwrap();
    for (index, (statement, proof)) in run.prove(2).iter().enumerate() {
        let bytes = encode_training(statement, proof);
        fs::write(path(&format!("{name}_training{index}_v1.NOT-ZK")), bytes).unwrap();
    }
}

fn key(manifest: &Manifest) -> TrainingKey {
    let network = Limits::default().admit(manifest.network().unwrap()).unwrap();
    derive_key(manifest.hash(), network, srs()).unwrap()
}

/// The reference verifier makes the string from this file.
#[test]
fn the_reference_string_is_the_one_that_its_file_says() {
    let text = fs::read_to_string(path("reference_string_v1.toml")).unwrap();
    let (_, rest) = text.split_once("tau = \"").unwrap();
    let digits = rest.trim_end().strip_suffix('"').unwrap();
    let tau = digits.chars().fold(Fr::from(0u64), |tau, digit| {
        tau * Fr::from(16u64) + Fr::from(u64::from(digit.to_digit(16).unwrap()))
    });
    assert_eq!(srs().g1[1], (G1Affine::generator() * tau).into_affine());
    assert_eq!(srs().g2[1], (G2Affine::generator() * tau).into_affine());
}

/// A list that the reference verifier's tests read too: both refuse the same manifests, and give
/// the others the same hash.
#[test]
fn edited_manifests_have_the_verdicts_of_the_list() {
    let list = fs::read_to_string(path("manifest_edits_v1.tsv")).unwrap();
    for line in list.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [base, before, after, verdict] = fields[..] else { panic!("{line}") };
        let text = fs::read_to_string(path(&format!("{base}_v1.toml"))).unwrap();
        let [before, after] = [before, after].map(|part| part.replace("\\n", "\n"));
        assert!(text.contains(&before), "{line}");
        let manifest = Manifest::from_toml(&text.replacen(&before, &after, 1));
        let hash = manifest.and_then(|manifest| manifest.network().map(|_| manifest.hash()));
        let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = hash.map_or_else(|_| "refused".to_string(), hex);
        assert_eq!(found, verdict, "{line}");
    }
}

/// Networks with everything that a manifest can ask for, whose circuits the reference verifier
/// lays out too.
fn laid_out() -> Vec<Case> {
    let (relu, sigmoid, tanh) = (LayerKind::Relu, LayerKind::Sigmoid, LayerKind::Tanh);
    let plain = |widths: &[usize], kinds: &[Option<LayerKind>], loss| Case {
        kinds: kinds.to_vec(),
        loss,
        row_log: 9,
        ..Case::plain(widths)
    };
    vec![
        Case {
            momentum: 0.9,
            decay: 1.0 / 64.0,
            unbiased: 0b101,
            steps: 3,
            ..plain(&[7, 5, 3, 4], &[Some(sigmoid), None], LossKind::MseOneHot)
        },
        Case {
            decay: 1.0 / 64.0,
            batch: 0,
            row_log: 5,
            ..plain(&[4, 9, 1], &[Some(tanh)], LossKind::MseTarget)
        },
        Case { steps: 0, ..plain(&[6, 1], &[None], LossKind::Logistic) },
        Case {
            clip: Some(0.02),
            momentum: 0.9,
            row_log: 12,
            ..plain(
                &[3, 17, 6, 5, 9, 3],
                &[Some(relu), None, Some(tanh), Some(sigmoid)],
                LossKind::Softmax,
            )
        },
        Case {
            fine: true,
            stretch: 1000.0,
            clip: Some(1.0),
            ..plain(&[5, 6, 6, 5], &[Some(relu), Some(sigmoid)], LossKind::Softmax)
        },
        Case { fine: true, decay: 1.0 / 64.0, ..plain(&[2, 3, 7], &[None], LossKind::MseOneHot) },
    ]
}

/// Manifests by hand behind those: networks over images.
const OVER_IMAGES: usize = 9;

/// Digests of the circuit of training, and of that of a registration's chunk of four windows.
fn circuits(manifest: &Manifest) -> [String; 2] {
    let network = Limits::default().admit(manifest.network().unwrap()).unwrap();
    let relations =
        [compile_training(&network).unwrap().0, compile_dataset(&network, 4).unwrap().0];
    let digests = relations.map(|relation| shape(&relation).unwrap().digest());
    digests.map(hex)
}

fn hex(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The list of the verifier that was written from the documents alone, made before anybody compared: manifests' hashes and
/// circuits' digests of networks with norms.
#[test]
fn circuits_of_norms_are_those_of_the_second_reading() {
    compare_circuits("norm_circuits_v1.tsv", "circuits/model/tests/constraints");
}

/// The same of Adam.
#[test]
fn circuits_with_adam_are_those_of_the_second_reading() {
    compare_circuits("adam_circuits_v1.tsv", "verifier/reference/adam_manifests");
}

/// The same of attention.
#[test]
fn circuits_with_attention_are_those_of_the_second_reading() {
    compare_circuits("attention_circuits_v1.tsv", "verifier/reference/attention_manifests");
}

/// The same of labels with weights.
#[test]
fn circuits_with_weights_are_those_of_the_second_reading() {
    compare_circuits("weights_circuits_v1.tsv", "verifier/reference/weights_manifests");
}

/// Compares the digests of a list of the second reading's with those of the manifests in a folder.
fn compare_circuits(list: &str, folder: &str) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let list = root.join("verifier/reference").join(list);
    let (mut lines, known) = (String::new(), fs::read_to_string(list).unwrap());
    for name in known.lines().filter_map(|line| line.split('\t').next()) {
        let file = root.join(folder).join(format!("{name}.toml"));
        let manifest = Manifest::from_toml(&fs::read_to_string(file).unwrap()).unwrap();
        let [training, dataset] = circuits(&manifest);
        lines += &format!("{name}\t{}\t{training}\t{dataset}\n", hex(manifest.hash()));
    }
    assert_eq!(lines, known);
    assert!(lines.lines().count() > 2);
}

/// Training's circuit and that of a registration's chunk of four windows: the digest of
/// each one's rows and copies.
#[test]
fn circuits_are_laid_out_as_the_list_says() {
    let write = std::env::var_os("ZKTRAIN_WRITE_FIXTURES").is_some();
    for (index, case) in laid_out().iter().enumerate() {
        let name = path(&format!("circuit{index}_v1.toml"));
        if write {
            fs::write(&name, case.manifest().unwrap().to_toml().unwrap()).unwrap();
        }
    }
    let mut lines = String::new();
    for index in 0..laid_out().len() + OVER_IMAGES {
        let text = fs::read_to_string(path(&format!("circuit{index}_v1.toml"))).unwrap();
        let [training, dataset] = circuits(&Manifest::from_toml(&text).unwrap());
        lines += &format!("circuit{index}\t{training}\t{dataset}\n");
    }
    if write {
        fs::write(path("circuits_v1.tsv"), &lines).unwrap();
    }
    assert_eq!(lines, fs::read_to_string(path("circuits_v1.tsv")).unwrap());
}

#[test]
fn files_of_the_first_version_verify() {
    for (name, case) in cases() {
        if std::env::var_os("ZKTRAIN_WRITE_FIXTURES").is_some() {
            write(name, &case);
        }
        let text = fs::read_to_string(path(&format!("{name}_v1.toml"))).unwrap();
        let manifest = Manifest::from_toml(&text).unwrap();
        assert_eq!(manifest.to_toml().unwrap(), text, "{name}: the manifest");
        let key = key(&manifest);
        let bytes = fs::read(path(&format!("{name}_dataset_v1.NOT-ZK"))).unwrap();
        let chunks = decode_dataset::<SheetProof>(&key, &bytes).unwrap();
        assert_eq!(encode_dataset(&chunks), bytes, "{name}: the registration");
        let root = dataset::verify(&key, |_| Some(&()), &chunks).unwrap();
        let mut model = None;
        for index in 0..2 {
            let bytes = fs::read(path(&format!("{name}_training{index}_v1.NOT-ZK"))).unwrap();
            let (statement, proof) = decode_training::<SheetProof>(&key, &bytes).unwrap();
            assert_eq!(encode_training(&statement, &proof), bytes, "{name}: proof {index}");
            training::verify(&key, &(), &statement, &proof).unwrap();
            assert_eq!(statement.dataset, root);
            assert!(model.is_none_or(|model| model == statement.model), "{name}: handed over");
            model = Some(training::add_rows(&statement.model, &statement.update).unwrap());
        }
    }
}

/// A network whose compressed proofs are kept.
fn compressed_case() -> Case {
    Case { row_log: 13, batch: 2, ..Case::plain(&[4, 3, 2]) }
}

fn write_compressed() {
    let run = Run::of(&compressed_case(), 1).unwrap();
    let relation = run.key.relation.clone();
    let params = Halo2Params::new(srs(), log_rows(&relation).unwrap()).unwrap();
    let key = insecure_key(&r1cs::compile(&relation).unwrap(), &mut OsRng);
    fs::write(path("compressed_v1.toml"), run.manifest.to_toml().unwrap()).unwrap();
    fs::write(path("compressed_groth16_v1.vk"), key.key.to_bytes()).unwrap();
    let (window, trace) = run.traces(1).remove(0);
    let position = run.position(0, window);
    let proved = run.prover().prove(&run.start, position, &trace).unwrap();
    let halo2 = Compressor::halo2(relation.clone(), params).unwrap();
    fs::write(path("compressed_halo2_v1.vk"), halo2.key().halo2.unwrap().to_bytes()).unwrap();
    for compressor in [halo2, Compressor::groth16(relation, key)] {
        let system = compressor.system();
        let circuit = compressor.key().contract_bytes(system).unwrap();
        let encoded = encode_key(&run.key, system, &circuit).unwrap();
        fs::write(path(&format!("compressed_{system}_v1.name")), name_of(&encoded) + "\n").unwrap();
        fs::write(path(&format!("compressed_{system}_v1.key")), encoded).unwrap();
        let proof = compressor.compress(proved.proof.clone()).unwrap();
        let name = format!("compressed_{}_v1.proof", proof.system);
        fs::write(path(&name), encode_training(&proved.statement, &proof)).unwrap();
    }
}

/// A key's name on chain.
fn name_of(encoded: &[u8]) -> String {
    key_hash(encoded).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn compressed_proofs_of_the_first_version_verify() {
    if std::env::var_os("ZKTRAIN_WRITE_FIXTURES").is_some() {
        write_compressed();
    }
    let manifest = fs::read_to_string(path("compressed_v1.toml")).unwrap();
    let key = key(&Manifest::from_toml(&manifest).unwrap());
    let groth16 = fs::read(path("compressed_groth16_v1.vk")).unwrap();
    let halo2 = fs::read(path("compressed_halo2_v1.vk")).unwrap();
    let circuit = CircuitKey {
        halo2: Some(Halo2Key::from_bytes(&halo2).unwrap()),
        groth16: Some(Groth16Key::from_bytes(&groth16).unwrap()),
    };
    assert_eq!(
        circuit.groth16.as_ref().unwrap().circuit,
        r1cs::compile(&key.relation).unwrap().digest()
    );
    for system in [ProofSystem::Halo2, ProofSystem::Groth16] {
        let encoded = encode_key(&key, system, &circuit.contract_bytes(system).unwrap()).unwrap();
        assert_eq!(fs::read(path(&format!("compressed_{system}_v1.key"))).unwrap(), encoded);
        let name = fs::read_to_string(path(&format!("compressed_{system}_v1.name"))).unwrap();
        assert_eq!(name.trim(), name_of(&encoded));
    }
    let params = Halo2Params::new(srs(), log_rows(&key.relation).unwrap()).unwrap();
    let derived = zktrain_prove::halo2::derive(&key.relation, &params).unwrap().verifying;
    assert_eq!(circuit.halo2, Some(derived), "halo2's key follows from the manifest");
    for system in ["halo2", "groth16"] {
        let bytes = fs::read(path(&format!("compressed_{system}_v1.proof"))).unwrap();
        let (statement, proof) = decode_training::<CompressedProof>(&key, &bytes).unwrap();
        assert_eq!(encode_training(&statement, &proof), bytes, "{system}");
        assert_eq!(proof.system.name(), system);
        training::verify(&key, &circuit, &statement, &proof).unwrap();
    }
}
