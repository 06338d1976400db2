//! Adam from the command line: what is chosen is in the manifest, chains hand moments and clock on, and mistakes are
//! named as the options that make them.

use crate::project::Project;

#[test]
fn a_chain_with_adam_is_trained_proven_and_verified() {
    let project = Project::with_rows(64);
    let init =
        ["init", "p", "--data", "mine.csv", "--label", "default", "--hidden", "3", "--batch", "8"];
    let scales = [
        "--calibrate-on",
        "synthetic",
        "--classes",
        "no,yes",
        "--offset",
        "5000",
        "--scale",
        "0.0004",
    ];
    let options =
        ["--optimizer", "adam", "--lr", "0.01", "--schedule", "cosine", "--warmup", "2", "--json"];
    let report = project.ok(&[&init[..], &scales, &options].concat()).stdout;
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["optimizer"]["kind"], "adam");
    let manifest = std::fs::read_to_string(project.path("manifest.toml")).unwrap();
    assert!(manifest.starts_with("version = 4\n"), "{manifest}");
    project.ok(&["data", "commit", "p"]);
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--proofs", "3"]);
    let verdict = project.verify(&["p"]);
    assert_eq!(verdict["proofs"], 3, "{verdict}");
    // Another rate, schedule or share of a moment is another manifest.
    for (from, to) in [
        ("learning_rate = 0.01", "learning_rate = 0.011"),
        ("warmup = 2", "warmup = 3"),
        ("kind = \"adam\"", "kind = \"adam\"\nbeta1 = 0.5"),
    ] {
        let pins = project.pins();
        let verify = [&["verify", "p"], &pins[..]].concat();
        project.with_text("manifest.toml", from, to, || project.fails(&verify));
    }
}

#[test]
fn mistakes_about_adam_are_named_by_their_options() {
    let project = Project::with_rows(40);
    let fails = |options: &[&str]| {
        let init = ["init", "p", "--data", "mine.csv", "--label", "default"];
        let more = ["--calibrate-on", "synthetic", "--classes", "no,yes", "--scale", "0.0004"];
        let said = project.fails(&[&init[..], &more, options].concat());
        assert!(!project.folder.path().join("p").exists(), "{said}");
        said
    };
    for (options, told) in [
        (&["--warmup", "3"][..], "--schedule, --warmup"),
        (&["--beta1", "0.5"], "--beta1"),
        (&["--optimizer", "adam", "--momentum", "0.5"], "--momentum"),
        (&["--optimizer", "adam", "--clip", "0.5"], "--clip"),
        (&["--optimizer", "adam", "--beta2", "0.99999"], "--beta2"),
        (&["--optimizer", "adam", "--schedule", "step"], "--decay-every"),
        (
            &["--optimizer", "adam", "--schedule", "linear", "--warmup", "9000"],
            "--warmup, --max-steps",
        ),
    ] {
        let said = fails(options);
        assert!(said.contains(told), "{options:?}: {said}");
    }
}
