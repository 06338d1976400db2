//! The program, on committed files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)
}

fn name(system: &str) -> String {
    let text = std::fs::read_to_string(fixture(&format!("compressed_{system}_v1.name"))).unwrap();
    text.trim().to_owned()
}

/// Checks files with a system's committed key.
fn verify(system: &str, files: &[&Path], more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zktrain-verify"))
        .args(files)
        .arg("--manifest")
        .arg(fixture("compressed_v1.toml"))
        .arg("--key")
        .arg(fixture(&format!("compressed_{system}_v1.key")))
        .args(more)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn proofs_hold_under_a_named_key() {
    for system in ["halo2", "groth16"] {
        let proof = fixture(&format!("compressed_{system}_v1.proof"));
        let pin = format!("0x{}", name(system).to_uppercase());
        let output = verify(system, &[&proof, &proof], &["--key-name", &pin, "--strict", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty());
        let report = json(&output);
        assert_eq!((&report["valid"], &report["pinned"]), (&true.into(), &true.into()));
        assert_eq!((&report["proofs"], &report["steps"]), (&2.into(), &4.into()));
        assert_eq!(report["forms"], serde_json::json!([system]));
        assert_eq!(report["roots"][0]["value"], name(system));
        assert_eq!(report["statements"][1]["step"], 0);
    }
}

#[test]
fn without_a_name_they_hold_only_if_the_key_is_trusted() {
    let proof = fixture("compressed_halo2_v1.proof");
    let output = verify("halo2", &[&proof], &[]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("✓ VALID on a key that nobody named: 1 proofs, 2 steps"), "{said}");
    assert!(said.contains(&name("halo2")) && said.contains("came-with-the-proofs"), "{said}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("--key-name"));
    let output = verify("halo2", &[&proof], &["--strict", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["valid"], false);
}

#[test]
fn what_does_not_hold_is_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let altered = folder.path().join("altered.proof");
    let mut bytes = std::fs::read(fixture("compressed_halo2_v1.proof")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&altered, bytes).unwrap();
    let proof = fixture("compressed_halo2_v1.proof");
    let refused = |output: &Output, says: &str| {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = json(output)["error"].as_str().unwrap().to_owned();
        assert!(said.contains(says), "{said}");
    };
    refused(&verify("halo2", &[&proof, &altered], &["--json"]), "altered.proof");
    refused(&verify("groth16", &[&proof], &["--json"]), "there is no key for that");
    refused(&verify("halo2", &[&fixture("nothing")], &["--json"]), "nothing");
    refused(&verify("halo2", &[folder.path()], &["--json"]), "not a regular file");
    refused(&verify("halo2", &[&fixture("compressed_v1.toml")], &["--json"]), "first bytes differ");
    let other = "ab".repeat(32);
    let output = verify("halo2", &[&proof], &["--key-name", &other, "--json"]);
    refused(&output, "not abab");
}

#[test]
fn a_command_line_that_cannot_be_read_is_told_apart() {
    let proof = fixture("compressed_halo2_v1.proof");
    assert_eq!(verify("halo2", &[], &[]).status.code(), Some(2));
    assert_eq!(verify("halo2", &[&proof], &["--key-name", "ab"]).status.code(), Some(2));
}
