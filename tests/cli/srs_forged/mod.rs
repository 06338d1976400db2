//! Reference strings by people who know the mathematics: the right `[τ]` in G2, and powers or a
//! unit with which a proof of anything would verify. No knowledge of `τ` is used.

use crate::common;
mod poison;
use crate::project;
mod unit;

use std::path::Path;
use std::process::Output;

use common::srs;
use poison::Poisoned;
use project::Project;
use zktrain_commit::srs::{Section, SrsError, SrsFile};
use zktrain_model::manifest::Manifest;
use zktrain_prove::training::derive_key;
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::wire::{decode_training, encode_training};
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::training::verify;

/// A project with one honest proof under the tests' string.
fn honest() -> Project {
    let project = Project::with_rows(40);
    srs().save(&project.folder.path().join("honest.bin")).unwrap();
    project.init(&["--srs", "honest.bin"]);
    // Rows that are shorter than the circuit: the altered powers lie behind them.
    project.shorten_rows(10);
    project.ok(&["data", "commit", "p"]);
    project.ok(&["train", "p"]);
    project.ok(&["prove", "p", "--proofs", "1"]);
    project
}

/// Copies what a verifier gets, without the proofs.
fn copy_public(project: &Project, to: &Path) {
    std::fs::create_dir_all(to.join("proofs")).unwrap();
    for name in ["manifest.toml", "round.toml", "genesis.int.safetensors", "registration"] {
        std::fs::copy(project.path(name), to.join(name)).unwrap();
    }
}

/// Runs the program as a verifier whose cache is empty at first.
fn victim(project: &Project, args: &[&str]) -> Output {
    let mut command = project.command(args);
    command.env("ZKTRAIN_CACHE", project.folder.path().join("victim"));
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn twelve_altered_powers_forge_nothing_and_leave_nothing_in_a_cache() {
    let project = honest();
    let manifest = std::fs::read_to_string(project.path("manifest.toml")).unwrap();
    let manifest = Manifest::from_toml(&manifest).unwrap();
    let bounded = zktrain_model::size::Limits::default();
    let bounded = bounded.admit(manifest.network().unwrap()).unwrap();
    let key = derive_key(manifest.hash(), bounded, srs()).unwrap();
    let proof = project.path("proofs/000000.proof");
    let (template, _) =
        decode_training::<CompressedProof>(&key, &std::fs::read(&proof).unwrap()).unwrap();
    let Poisoned { srs: evil, target, params, honest } = poison::poison(srs(), &key.relation);
    assert_eq!(evil.g1.iter().zip(&srs().g1).filter(|(a, b)| a != b).count(), 12);
    assert_eq!(evil.fingerprint(), srs().fingerprint());
    let forgery = poison::forge(&key, srs(), &target, &params, &template, 1_000_000);
    let (statement, forged) = &forgery;
    // The forgery is one: under the key that follows from the altered powers it verifies.
    let circuit = |halo2| CircuitKey { halo2: Some(halo2), groth16: None };
    let under = |halo2| verify(&key, &circuit(halo2), statement, forged);
    assert_eq!(under(target.verifying), Ok(()));
    assert!(under(honest.verifying.clone()).is_err());

    // In memory: nothing derives a key from these powers.
    let bait = project.folder.path().join("bait");
    copy_public(&project, &bait);
    evil.save(&bait.join("srs.bin")).unwrap();
    let file = SrsFile::open(&bait.join("srs.bin")).unwrap();
    assert!(file.prefix(1 << key.relation.layout.row_log).unwrap().check().is_ok());
    for points in [file.prefix(1 << params.log_rows).unwrap(), file.whole().unwrap()] {
        let refused = points.check();
        assert!(matches!(refused, Err(SrsError::Relation { section: Section::TauG1 })));
    }

    // On the command line: rejected, whatever the cache holds, and the cache is none the worse.
    std::fs::write(bait.join("proofs/000000.proof"), encode_training(statement, forged)).unwrap();
    let clean = project.folder.path().join("clean");
    copy_public(&project, &clean);
    std::fs::copy(&proof, clean.join("proofs/000000.proof")).unwrap();
    let genuine = ["--srs", "honest.bin"];
    let pinned = [&["verify", "clean"][..], &genuine, &project.pins()].concat();
    for round in 0..2 {
        let looked = victim(&project, &["verify", "bait", "--evm"]);
        assert_eq!(looked.status.code(), Some(1), "{round}: {}", text(&looked));
        assert!(text(&looked).contains("tauG1"), "{}", text(&looked));
        let forged = victim(&project, &[&["verify", "bait"][..], &genuine].concat());
        assert!(text(&forged).contains("REJECTED"), "{round}: {}", text(&forged));
        let honest = victim(&project, &pinned);
        assert_eq!(honest.status.code(), Some(0), "{round}: {}", text(&honest));
    }
    let keys = [&["keys", "derive", "clean", "--json"][..], &genuine].concat();
    let keys: serde_json::Value = serde_json::from_slice(&victim(&project, &keys).stdout).unwrap();
    assert_eq!(keys["hash"], hex::encode(honest.digest));
}
