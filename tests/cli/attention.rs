//! Attention from the command line: a transformer's block over a sequence is trained, proven and verified, and mistakes are
//! named as the options that make them.

use crate::project::Project;

/// Rows of 8 positions with two numbers each, of two classes.
fn project() -> Project {
    let project = Project::with_rows(8);
    let names: Vec<String> = (0..16).map(|k| format!("x{k}")).collect();
    let mut csv = format!("{},default\n", names.join(","));
    for row in 0..64usize {
        let number = |k: usize| ((row * 7 + k * k * 3 + row * k) % 11) as f64 / 4.0 - 1.0;
        let cells: Vec<String> = (0..16).map(|k| number(k).to_string()).collect();
        csv += &format!("{},{}\n", cells.join(","), ["no", "yes"][row % 2]);
    }
    std::fs::write(project.folder.path().join("series.csv"), csv).unwrap();
    project
}

const INIT: [&str; 18] = [
    "init",
    "p",
    "--data",
    "series.csv",
    "--label",
    "default",
    "--image",
    "8x1x2",
    "--batch",
    "8",
    "--calibrate-on",
    "synthetic",
    "--classes",
    "no,yes",
    "--offset",
    "0",
    "--scale",
    "1",
];

#[test]
fn a_transformer_is_trained_proven_and_verified() {
    let project = project();
    let layers = ["--layer", "conv:8:1", "--layer", "positions", "--layer", "causal-block:8:2"];
    let options = ["--hidden", "4", "--optimizer", "adam", "--lr", "0.01"];
    project.ok(&[&INIT[..], &layers, &options].concat());
    let manifest = std::fs::read_to_string(project.path("manifest.toml")).unwrap();
    assert!(manifest.starts_with("version = 5\n"), "{manifest}");
    for kind in ["attention_scores", "softmax", "attention_values", "positions", "gelu"] {
        assert!(manifest.contains(&format!("kind = \"{kind}\"")), "{kind}: {manifest}");
    }
    project.ok(&["data", "commit", "p"]);
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--proofs", "2"]);
    let verdict = project.verify(&["p"]);
    assert_eq!(verdict["proofs"], 2, "{verdict}");
}

#[test]
fn mistakes_about_attention_are_named() {
    let project = project();
    for (layers, told) in [
        (&["--layer", "block:8:2"][..], "--layer"),
        (&["--layer", "conv:8:1", "--layer", "block:8"], "--layer"),
        (&["--layer", "conv:8:1", "--layer", "block:8:3"], "heads"),
        (&["--layer", "conv:6:1", "--layer", "block:6:2"], "channels of a head"),
        (&["--layer", "conv:8:1", "--layer", "block:4:2"], "with"),
    ] {
        let said = project.fails(&[&INIT[..], layers].concat());
        assert!(said.contains(told), "{layers:?}: {said}");
        assert!(!project.folder.path().join("p").exists(), "{said}");
    }
}
