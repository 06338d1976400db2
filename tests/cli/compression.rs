//! Keys, compressed proofs and their other forms, on the command line.

use crate::project;

use ark_bn254::G2Affine;
use ark_ec::{AffineRepr, CurveGroup};
use project::Project;
use zktrain_verify::groth16::Groth16Key;

/// A project with one proof in a system.
fn proven(system: &str) -> Project {
    let project = Project::trained(1);
    if system == "groth16" {
        let made = project.json(&["setup", "insecure", "p"]);
        assert_eq!(made["insecure"], true);
    }
    let made = project.json(&["prove", "p", "--proofs", "1", "--compress", system]);
    assert_eq!(made["compression"], system);
    assert!(made["compress_s"].as_f64().unwrap() > 0.0);
    project
}

const PROOF: &str = "p/proofs/000000.proof";

#[test]
fn halo2_keys_are_derived_compared_and_taken_by_the_contracts() {
    let project = proven("halo2");
    let derived = project.json(&["keys", "derive", "p", "--contract", "p/contract.key"]);
    assert_eq!(derived["system"], "halo2");
    assert_eq!(derived["roots"][0]["trust"], "came-with-the-proofs");
    let size = std::fs::metadata(project.path("contract.key")).unwrap().len();
    assert_eq!(derived["contract_bytes"], size);
    let checked = project.json(&["keys", "check", "p/keys/halo2.vk", "p"]);
    assert_eq!(checked["hash"], derived["hash"]);
    assert_eq!(checked["contract_key"], derived["contract_key"]);
    let flip = |bytes: &mut Vec<u8>| bytes[70] ^= 1;
    let check = || project.fails(&["keys", "check", "p/keys/halo2.vk", "p"]);
    assert!(project.with_change("keys/halo2.vk", flip, check).contains("not the key of this"));
    let report = project.verify(&[PROOF, "--evm"]);
    assert_eq!(report["forms"], serde_json::json!(["halo2"]));
    let system = &report["gas"]["systems"][0];
    assert_eq!(system["key"], derived["contract_key"]);
    assert!((300_000..1_500_000).contains(&system["verify_gas"].as_u64().unwrap()));
}

#[test]
fn proofs_are_shown_and_exported() {
    let project = proven("halo2");
    let shown = project.json(&["proof", "inspect", PROOF]);
    assert_eq!((&shown["form"], &shown["circuit_bytes"]), (&"halo2".into(), &1760.into()));
    let file = std::fs::metadata(project.path("proofs/000000.proof")).unwrap().len();
    let parts = [&shown["statement_bytes"], &shown["proof_bytes"]];
    assert_eq!(parts.map(|bytes| bytes.as_u64().unwrap()).iter().sum::<u64>() + 50, file);
    let export = |format: &str, out: &str| {
        project.ok(&["proof", "export", PROOF, "--format", format, "--out", out]);
        std::fs::read_to_string(project.folder.path().join(out)).unwrap()
    };
    let fields: serde_json::Value = serde_json::from_str(&export("json", "proof.json")).unwrap();
    let proof = fields["proof_bytes"].as_str().unwrap().trim_start_matches("0x").to_owned();
    assert_eq!(proof.len() as u64, 2 * shown["proof_bytes"].as_u64().unwrap());
    let call = export("calldata", "call.hex");
    assert!(call.contains(&proof), "the calldata hold the proof as it is");
    let snarkjs = ["proof", "export", PROOF, "--format", "snarkjs", "--out", "snarkjs"];
    assert!(project.fails(&snarkjs).contains("snarkjs reads Groth16 proofs"));
    // Onto the proof itself: there is no other copy.
    let own = std::fs::read(project.path("proofs/000000.proof")).unwrap();
    let onto = ["proof", "export", PROOF, "--format", "json", "--out", PROOF];
    assert!(project.fails(&onto).contains("exists already"));
    assert!(std::fs::read(project.path("proofs/000000.proof")).unwrap() == own);
    let again = ["proof", "export", PROOF, "--format", "json", "--out", "proof.json"];
    project.ok(&again);
    project.ok(&[&again[..], &["--force"]].concat());
}

#[test]
fn groth16_proofs_are_checked_by_verifier_contracts_and_snarkjs() {
    let project = proven("groth16");
    let report = project.verify(&[PROOF, "--evm"]);
    assert_eq!(report["forms"], serde_json::json!(["groth16"]));
    assert!(report["gas"]["systems"][0]["verify_gas"].as_u64().unwrap() > 200_000);
    let pins = project.pins_of_proofs();
    let said = project.ok(&[&["verify", PROOF], &pins[..]].concat()).stderr;
    assert!(String::from_utf8_lossy(&said).contains("groth16.vk is INSECURE"));
    project.ok(&["proof", "export", PROOF, "--format", "snarkjs", "--out", "snarkjs"]);
    let snarkjs = |file: &str| {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/node_modules/.bin/snarkjs");
        let mut command = std::process::Command::new(program);
        command.args(["groth16", "verify", "verification_key.json", file, "proof.json"]);
        let command = command.current_dir(project.folder.path().join("snarkjs"));
        command
            .status()
            .expect("install snarkjs: `npm install --ignore-scripts` in contracts/")
            .success()
    };
    assert!(snarkjs("public.json"));
    let inputs = project.folder.path().join("snarkjs/public.json");
    let text = std::fs::read_to_string(&inputs).unwrap();
    let mut altered: Vec<String> = serde_json::from_str(&text).unwrap();
    altered.swap(0, 1);
    let altered = serde_json::to_string(&altered).unwrap();
    std::fs::write(inputs.with_file_name("altered.json"), altered).unwrap();
    assert!(!snarkjs("altered.json"));
    // With another key the files would be no proof.
    let other = |bytes: &mut Vec<u8>| {
        let mut key = Groth16Key::from_bytes(bytes).unwrap();
        key.delta_g2 = (key.delta_g2 + G2Affine::generator()).into_affine();
        *bytes = key.to_bytes();
    };
    let export = ["proof", "export", PROOF, "--format", "snarkjs", "--out", "other"];
    let refused = project.with_change("keys/groth16.vk", other, || project.fails(&export));
    assert!(refused.contains("pairing equation") && refused.contains("may not be the one"));
    assert!(!project.folder.path().join("other").exists());
    let key = project.json(&["keys", "check", "p/keys/groth16.vk", "p"]);
    assert_eq!(key["system"], "groth16");
    let root = |report: &serde_json::Value| {
        let mut roots = report["roots"].as_array().unwrap().iter();
        roots.find(|root| root["name"] == "Groth16 key").cloned().unwrap()
    };
    assert_eq!((&root(&key)["value"], &root(&report)["value"]), (&key["hash"], &key["hash"]));
    assert_eq!(root(&report)["trust"], "pinned");
    assert_eq!(root(&key)["trust"], "came-with-the-proofs");
    assert_eq!(root(&key)["says"], "made by one party, insecure");
    let hash = key["hash"].as_str().unwrap();
    // All but the key are pinned.
    let at = pins.iter().position(|option| *option == "--groth16-key").unwrap();
    let others = [&pins[..at], &pins[at + 2..]].concat();
    let open = project.run(&[&["verify", PROOF, "--json"], &others[..]].concat());
    assert_eq!(open.status.code(), Some(3));
    let open: serde_json::Value = serde_json::from_slice(&open.stdout).unwrap();
    assert_eq!((&open["pinned"], &root(&open)["trust"]), (&false.into(), &root(&key)["trust"]));
    let other = "ab".repeat(32);
    let refused = project.fails(&["verify", PROOF, "--groth16-key", &other]);
    assert!(refused.contains(hash) && refused.contains(&other), "{refused}");
    assert!(project.fails(&["verify", PROOF, "--groth16-key", "ab"]).contains("32 bytes"));
}

#[test]
fn uncompressed_proofs_stay_with_their_owner() {
    let project = Project::trained(1);
    project.ok(&["prove", "p", "--proofs", "1", "--compress", "none"]);
    let proof = "p/proofs/000000.proof.NOT-ZK";
    assert_eq!(project.json(&["proof", "inspect", proof])["form"], "not-zk");
    let export = ["proof", "export", proof, "--format", "json", "--out", "x.json"];
    assert!(project.fails(&export).contains("only compressed proofs"));
    assert!(project.fails(&["verify", proof, "--evm"]).contains("compressed proofs only"));
    assert!(!project.folder.path().join("x.json").exists());
}

#[test]
fn a_chain_may_mix_systems_and_missing_keys_are_named() {
    let project = proven("halo2");
    let missing = project.fails(&["prove", "p", "--compress", "groth16"]);
    assert!(missing.contains("no groth16 key") && missing.contains("zktrain setup"), "{missing}");
    project.ok(&["setup", "insecure", "p"]);
    project.ok(&["prove", "p", "--proofs", "1", "--compress", "groth16"]);
    project.ok(&["prove", "p", "--proofs", "1", "--compress", "none"]);
    project.ok(&["prove", "p"]);
    let report = project.verify(&["p"]);
    assert_eq!(report["forms"], serde_json::json!(["groth16", "halo2", "not-zk"]));
    assert_eq!((&report["chain"], &report["final_model"]), (&true.into(), &true.into()));
    let flip = |bytes: &mut Vec<u8>| bytes[200] ^= 1;
    let verify = || project.fails(&["verify", "p"]);
    assert!(project.with_change("keys/groth16.vk", flip, verify).contains("groth16.vk"));
}

#[test]
fn a_ceremony_needs_a_string_for_it_and_says_so() {
    let project = Project::trained(1);
    let new = ["setup", "new", "p", "-o", "c.ceremony"];
    assert!(project.fails(&new).contains("no sections for a second phase"));
    for args in [
        &["setup", "contribute", "c.ceremony", "--name", "alice"][..],
        &["setup", "verify", "c.ceremony", "p"],
        &["setup", "finish", "c.ceremony", "p"],
    ] {
        assert!(project.fails(args).contains("c.ceremony is missing"), "{args:?}");
    }
    let beacon = ["setup", "beacon", "c.ceremony", "--name", "block", "--randomness", "0x12"];
    assert!(project.fails(&beacon).contains("32 bytes in hexadecimal"));
    std::fs::write(project.folder.path().join("c.ceremony"), "not one").unwrap();
    let contribute = ["setup", "contribute", "c.ceremony", "--name", "alice"];
    assert!(project.fails(&contribute).contains("c.ceremony"));
    assert!(project.fails(&new).contains("exists already"));
}
