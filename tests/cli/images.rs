//! Images from the command line: convolutions and pools are trained, proven and verified, and mistakes in them
//! are named as the options that make them.

use crate::project::Project;

const IMAGE: [&str; 6] = ["--image", "2x2x1", "--layer", "conv:2:2:1:1", "--layer", "max:3"];

#[test]
fn a_convolutional_network_is_trained_proven_and_verified() {
    let project = Project::with_rows(40);
    let report = project.init(&[&IMAGE[..], &["--json"]].concat()).stdout;
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["shape"], "2x2x1-3x3x2-1x1x2-3-2");
    assert_eq!(report["activations"].as_array().unwrap().len(), 2);
    let manifest = std::fs::read_to_string(project.path("manifest.toml")).unwrap();
    assert!(manifest.starts_with("version = 2\n"), "{manifest}");
    project.ok(&["data", "commit", "p"]);
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--proofs", "2"]);
    let verdict = project.verify(&["p"]);
    assert_eq!(verdict["proofs"], 2, "{verdict}");
    // Another geometry with the same parameters is another manifest.
    let other = |from: &str, to: &str| {
        let pins = project.pins();
        let verify = [&["verify", "p"], &pins[..]].concat();
        project.with_text("manifest.toml", from, to, || project.fails(&verify))
    };
    other("image = [2, 2, 1]", "image = [1, 4, 1]");
    other("padding = 1", "padding = 0");
}

#[test]
fn mistakes_in_images_are_named_by_their_options() {
    let project = Project::with_rows(40);
    let fails = |options: &[&str]| {
        let init = ["init", "p", "--data", "mine.csv", "--label", "default"];
        let more = ["--calibrate-on", "synthetic", "--classes", "no,yes", "--scale", "0.0004"];
        let said = project.fails(&[&init[..], &more, options].concat());
        assert!(!project.folder.path().join("p").exists(), "{said}");
        said
    };
    for (options, told) in [
        (&["--image", "3x2x1"][..], "--image: expected 6 to match model.image, got 4"),
        (&["--image", "2,2"], "28x28x1"),
        (&["--image", "2x2x1", "--layer", "conv:2"], "conv:8:5:2:2"),
        (&["--image", "2x2x1", "--layer", "conv:2:3"], "a kernel of 3 does not fit an image of 2"),
        (
            &["--image", "2x2x1", "--layer", "conv:2:9"],
            "--layer, its kernel: expected 1..=7, got 9",
        ),
        (
            &["--image", "2x2x1", "--layer", "conv:2:2:3"],
            "--layer, its stride: expected 1..=2, got 3",
        ),
        (&["--image", "2x2x1", "--layer", "conv:2:2:1:2"], "--layer, its padding: expected 0..=1"),
        (&["--layer", "conv:2:2"], "`--image 28x28x1`"),
        (
            &["--image", "2x2x1", "--layer", "max:3"],
            "--layer, its kernel: windows of 3 do not tile",
        ),
    ] {
        let said = fails(options);
        assert!(said.contains(told), "{options:?}: {said}");
    }
}
