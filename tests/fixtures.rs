//! Files of the first version: they decode, verify and encode to the same bytes.
//!
//! `ZKTRAIN_WRITE_FIXTURES=1 cargo test --release --test fixtures` writes them
//! anew, which is a change of format and needs a new version.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::cases::{Case, LossKind};
use common::{Run, srs};
use zktrain_circuits::key::TrainingKey;
use zktrain_circuits::manifest::{LayerKind, Manifest};
use zktrain_circuits::proof::SheetProof;
use zktrain_circuits::wire::{decode_dataset, decode_training, encode_dataset, encode_training};
use zktrain_prover::training::derive_key;
use zktrain_verifier::{dataset, training};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Networks with the files' names.
fn cases() -> [(&'static str, Case); 2] {
    let relu = Case { row_log: 7, momentum: 0.9, batch: 2, ..Case::plain(&[5, 6, 3]) };
    let kinds = vec![Some(LayerKind::Tanh), Some(LayerKind::Sigmoid)];
    let smooth = Case { kinds, loss: LossKind::Logistic, clip: Some(1.0), ..relu.clone() };
    [("relu", relu), ("smooth", Case { widths: vec![3, 4, 2, 1], ..smooth })]
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
    let (g1, kzg) = (&srs().g1, srs().verifier_key());
    derive_key(manifest.hash(), manifest.network().unwrap(), g1, kzg).unwrap()
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
            model = Some(training::add_rows(&statement.model, &statement.update));
        }
    }
}
