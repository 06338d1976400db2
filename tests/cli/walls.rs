//! What a crate must not be built with, whatever way it would come.

use std::process::Command;

/// Crates, and what none of their dependencies may be.
const WALLS: &[(&str, &[&str])] = &[
    (
        "zktrain-circuits",
        &["zktrain-verify", "zktrain-prover", "rayon", "tokio", "alloy", "revm"],
    ),
    ("zktrain-verify", &["zktrain-prover", "halo2-axiom", "tokio", "alloy", "revm"]),
    ("zktrain-prover", &["zktrain-contracts", "zktrain-network", "tokio", "alloy", "revm"]),
    ("zktrain-trainer", &["zktrain-contracts", "zktrain-network", "tokio", "alloy", "revm"]),
    ("zktrain-contracts", &["zktrain-circuits", "zktrain-prover", "zktrain-network"]),
    ("zktrain-network", &["zktrain-coordinator", "zktrain-trainer"]),
    ("zktrain-coordinator", &["zktrain-trainer"]),
];

/// The names of everything that a crate alone is built with: without tests, and with the features
/// that it asks for itself.
fn built_with(name: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", name])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{name}: {}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).unwrap();
    lines.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

#[test]
fn no_crate_is_built_with_what_it_must_not_know() {
    let mut crossed = Vec::new();
    for (name, others) in WALLS {
        let all = built_with(name);
        assert!(all.iter().any(|one| one == name), "{name} is not in its own tree");
        let found = others.iter().filter(|other| all.iter().any(|one| one == *other));
        crossed.extend(found.map(|other| format!("{name} is built with {other}")));
    }
    assert!(crossed.is_empty(), "{crossed:#?}");
}

#[test]
fn a_crossed_wall_is_seen() {
    assert!(built_with("zktrain-prover").iter().any(|one| one == "zktrain-circuits"));
}
