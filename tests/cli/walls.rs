//! What a crate must not be built with, whatever way it would come.
//!
//! Each crate is asked for alone, as somebody who depends on it has it. One answer for the whole
//! workspace, as `cargo metadata` gives it, has the features that others and tests ask for in it.

use std::process::Command;

use super::names::{root, sources};

/// Stands for every crate of this workspace but the one that a row is about.
const OURS: &str = "every crate of this workspace";

/// Crates, and what none of their dependencies may be.
const WALLS: &[(&str, &[&str])] = &[
    (
        "zktrain-model",
        &[OURS, "ark-ff", "ark-ec", "ark-bn254", "light-poseidon", "halo2-axiom", "rayon", "tokio"],
    ),
    (
        "zktrain-argument",
        &[
            "zktrain-statement",
            "zktrain-backends",
            "ark-relations",
            "halo2-axiom",
            "rayon",
            "tokio",
        ],
    ),
    ("zktrain-statement", &["zktrain-backends", "ark-relations", "halo2-axiom", "rayon", "tokio"]),
    ("zktrain-backends", &["zktrain-statement", "halo2-axiom", "rayon", "tokio"]),
    (
        "zktrain-trainer",
        &[
            "zktrain-argument",
            "zktrain-statement",
            "zktrain-backends",
            "zktrain-verify",
            "zktrain-msm",
            "zktrain-commit",
            "zktrain-ceremony",
            "zktrain-prove",
            "zktrain-ledger",
            "zktrain-chain",
            "zktrain-secagg",
            "zktrain-wire",
            "ark-ff",
            "ark-ec",
            "ark-bn254",
            "tokio",
            "alloy",
            "revm",
        ],
    ),
    ("zktrain-files", &[OURS, "tokio"]),
    ("zktrain-msm", &[OURS, "tokio", "alloy", "revm"]),
    (
        "zktrain-commit",
        &[
            "zktrain-ceremony",
            "zktrain-prove",
            "zktrain-verify",
            "zktrain-backends",
            "zktrain-ledger",
            "tokio",
            "alloy",
            "revm",
        ],
    ),
    (
        "zktrain-ceremony",
        &[
            "zktrain-prove",
            "zktrain-ledger",
            "zktrain-chain",
            "zktrain-wire",
            "tokio",
            "alloy",
            "revm",
        ],
    ),
    (
        "zktrain-prove",
        &[
            "zktrain-ledger",
            "zktrain-chain",
            "zktrain-secagg",
            "zktrain-wire",
            "zktrain-coordinator",
            "zktrain-trainer",
            "tokio",
            "alloy",
            "revm",
        ],
    ),
    // A data owner's end of a round: no coordinator's, no node, no command line.
    (
        "zktrain-member",
        &[
            "zktrain-devnet",
            "zktrain-testchains",
            "zktrain-coordinator",
            "zktrain-cli",
            "revm",
            "axum",
            "sqlx",
            "clap",
            "console",
            "indicatif",
        ],
    ),
    // What a party opens to work is read without a terminal, a node or a peer.
    (
        "zktrain-project",
        &[
            "zktrain-ledger",
            "zktrain-chain",
            "zktrain-devnet",
            "zktrain-testchains",
            "zktrain-secagg",
            "zktrain-wire",
            "zktrain-coordinator",
            "zktrain-audit",
            "zktrain-cli",
            "tokio",
            "alloy",
            "revm",
            "clap",
            "console",
            "indicatif",
        ],
    ),
    (
        "zktrain-secagg",
        &[
            "zktrain-chain",
            "zktrain-devnet",
            "zktrain-msm",
            "zktrain-commit",
            "zktrain-ceremony",
            "zktrain-prove",
            "zktrain-wire",
            "zktrain-coordinator",
            "zktrain-trainer",
            "tokio",
            "alloy",
            "alloy-signer",
            "alloy-sol-types",
            "revm",
            "hyper",
            "quinn",
        ],
    ),
    (
        "zktrain-wire",
        &[
            "zktrain-chain",
            "zktrain-devnet",
            "zktrain-testchains",
            "zktrain-commit",
            "zktrain-prove",
            "zktrain-coordinator",
            "zktrain-trainer",
            "revm",
            "axum",
            "sqlx",
        ],
    ),
    (
        "zktrain-coordinator",
        &[
            "zktrain-devnet",
            "zktrain-testchains",
            "zktrain-commit",
            "zktrain-prove",
            "zktrain-trainer",
            "revm",
        ],
    ),
    // All that may ask a node imports this, and it may not: what contracts say is read without one.
    (
        "zktrain-ledger",
        &[
            OURS,
            "tokio",
            "alloy",
            "alloy-provider",
            "alloy-network",
            "revm",
            "hyper",
            "axum",
            "clap",
        ],
    ),
    (
        "zktrain-chain",
        &[
            "zktrain-model",
            "zktrain-argument",
            "zktrain-statement",
            "zktrain-backends",
            "zktrain-files",
            "zktrain-msm",
            "zktrain-commit",
            "zktrain-ceremony",
            "zktrain-prove",
            "zktrain-verify",
            "zktrain-audit",
            "zktrain-trainer",
            "zktrain-devnet",
            "zktrain-testchains",
            "zktrain-secagg",
            "zktrain-wire",
            "zktrain-coordinator",
            "revm",
        ],
    ),
    (
        "zktrain-devnet",
        &[
            "zktrain-testchains",
            "zktrain-model",
            "zktrain-argument",
            "zktrain-statement",
            "zktrain-backends",
            "zktrain-verify",
            "zktrain-commit",
            "zktrain-prove",
            "zktrain-secagg",
            "zktrain-wire",
        ],
    ),
    ("zktrain-verify", VERIFIES),
    (
        "zktrain-audit",
        &[
            "zktrain-prove",
            "zktrain-commit",
            "zktrain-ceremony",
            "zktrain-msm",
            "zktrain-chain",
            "zktrain-devnet",
            "zktrain-wire",
            "zktrain-coordinator",
            "halo2-axiom",
            "tokio",
            "alloy",
            "alloy-provider",
            "revm",
            "hyper",
            "axum",
            "clap",
        ],
    ),
    ("zktrain-verify-wasm", VERIFIES),
    (
        "zktrain-verify-cli",
        &["zktrain-prove", "zktrain-commit", "zktrain-ceremony", "tokio", "alloy", "revm"],
    ),
    (
        "zktrain",
        &[
            "zktrain-cli",
            "zktrain-audit",
            "zktrain-secagg",
            "zktrain-wire",
            "zktrain-coordinator",
            "zktrain-ledger",
            "zktrain-chain",
            "zktrain-devnet",
            "zktrain-testchains",
            "halo2-axiom",
            "tokio",
            "alloy",
            "revm",
            "clap",
        ],
    ),
    ("zktrain-cli", &["zktrain-testchains"]),
];

/// What nobody needs who only verifies.
const VERIFIES: &[&str] = &[
    "zktrain-prove",
    "zktrain-commit",
    "zktrain-ceremony",
    "zktrain-msm",
    "zktrain-files",
    "halo2-axiom",
    "tokio",
    "alloy",
    "revm",
    "clap",
];

/// Crates that nothing but tests and measurements imports: what they import is no concern.
const FREE: [&str; 2] = ["zktrain-benches", "zktrain-testchains"];

fn cargo(args: &[&str]) -> String {
    let run =
        Command::new(env!("CARGO")).current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output();
    let run = run.unwrap();
    assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// The names of everything that a crate alone is built with: without tests, and with the features
/// that it asks for itself.
fn built_with(name: &str) -> Vec<String> {
    let format = ["--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let lines = cargo(&[&["tree", "--package", name], format.as_slice()].concat());
    lines.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

/// The names of the workspace's crates.
fn ours() -> Vec<String> {
    let text = cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| package["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn no_crate_is_built_with_what_it_must_not_know() {
    let ours = ours();
    let mut crossed = Vec::new();
    for (name, others) in WALLS {
        let all = built_with(name);
        assert!(all.iter().any(|one| one == name), "{name} is not in its own tree");
        let forbidden = |one: &String| {
            others.contains(&one.as_str())
                || others.contains(&OURS) && one != name && ours.contains(one)
        };
        let found = all.iter().filter(|one| forbidden(one));
        crossed.extend(found.map(|other| format!("{name} is built with {other}")));
    }
    assert!(crossed.is_empty(), "{crossed:#?}");
}

#[test]
fn every_crate_has_its_walls_and_every_wall_its_crate() {
    let ours = ours();
    let rows: Vec<&str> = WALLS.iter().map(|(name, _)| *name).chain(FREE).collect();
    for name in &ours {
        assert!(rows.contains(&name.as_str()), "{name} has no row in this file's table");
    }
    let walls = WALLS.iter().flat_map(|(_, others)| others.iter()).chain(&rows);
    for name in walls.filter(|name| name.starts_with("zktrain")) {
        assert!(ours.iter().any(|one| one == name), "{name} is no crate of this workspace");
    }
}

/// Files that may have `unsafe` blocks: kernels, the processor's floor, and memory that a page shares.
const UNSAFE: &[&str] =
    &["prover/msm/src/simd.rs", "prover/msm/src/floor.rs", "verifier/wasm/src/exports.rs"];

/// The workspace denies `unsafe`, which a file may allow itself; a crate that forbids it has no such file.
#[test]
fn unsafe_blocks_are_where_they_are_looked_for() {
    let districts =
        ["circuits", "prover", "verifier", "trainer", "coordinator", "zktrain", "src", "benches"];
    let rust = ["contracts/ledger", "contracts/chain", "contracts/devnet", "contracts/testchains"];
    let mut files = Vec::new();
    districts.iter().chain(&rust).for_each(|folder| sources(&root().join(folder), &mut files));
    assert!(files.len() > 300, "{} files are not all", files.len());
    let allows = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().any(|line| {
            !line.trim_start().starts_with("//")
                && ["allow(unsafe_code", "expect(unsafe_code"].iter().any(|it| line.contains(it))
        })
    };
    let mut found: Vec<String> = files
        .iter()
        .filter(|path| allows(path))
        .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
        .collect();
    found.sort();
    let mut expected = UNSAFE.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_crossed_wall_is_seen() {
    assert!(built_with("zktrain-prove").iter().any(|one| one == "zktrain-model"));
}
