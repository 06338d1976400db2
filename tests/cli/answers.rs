//! What the program says where something else stands in its way.

use crate::project;

use std::net::TcpListener;

use project::Project;

#[test]
fn a_port_that_is_taken_is_named() {
    let project = Project::with_rows(1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = project.fails(&["chain", "serve", "--listen", &address]);
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
    assert!(!said.contains("chain.redb: "), "{said}");
    assert!(said.contains("choose another port"), "{said}");
}

/// Nothing of what `verify` is asked to compare is left out silently.
#[test]
fn options_of_chains_are_refused_for_single_proofs() {
    let project = Project::trained(1);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "1"]);
    let proof = "p/proofs/000000.proof.NOT-ZK";
    let hash = "ab".repeat(32);
    let options: [&[&str]; 6] = [
        &["--round", "p/round.toml"],
        &["--genesis", "p/genesis.int.safetensors"],
        &["--genesis-hash", &hash],
        &["--nonce", "derived"],
        &["--dataset", &hash, "--windows", "4"],
        &["--opening", "p/model.opening.json"],
    ];
    for option in options {
        let said = project.fails(&[&["verify", proof], option].concat());
        let expected = format!("{} is about a project's chain of proofs", option[0]);
        assert!(said.contains(&expected), "{said}");
    }
    let report = project.verify(&[proof]);
    assert_eq!((&report["proofs"], &report["chain"]), (&1.into(), &false.into()));
}

/// What was named may be wrong, rather than what is checked with it.
#[test]
fn another_reference_string_accuses_nobody() {
    let project = Project::trained(1);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "1"]);
    project.ok(&["srs", "generate", "--power", "14", "-o", "other.bin"]);
    let fingerprint = project.json(&["srs", "info", "other.bin"])["fingerprint"].clone();
    for path in ["p", "p/proofs/000000.proof.NOT-ZK"] {
        let said = project.fails(&["verify", path, "--srs", "other.bin"]);
        assert!(said.contains("another manifest or reference string"), "{said}");
        assert!(said.contains("other.bin") && said.contains("--srs FILE"), "{said}");
        assert!(said.contains(fingerprint.as_str().unwrap()), "{said}");
        assert!(!said.contains("do not trust") && !said.contains("REJECTED"), "{said}");
    }
}
