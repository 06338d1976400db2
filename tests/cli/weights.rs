//! Weights of labels from the command line: batches of any size, no row left out, classes that count less, and texts.

use crate::project::Project;

#[test]
fn every_row_is_trained_on_in_batches_of_any_size() {
    let project = Project::with_rows(8);
    let weights = ["--batch", "20", "--class-weights", "balanced", "--weight-decay", "0.0001"];
    let init = ["init", "p", "--preset", "breast-cancer", "--steps-per-proof", "2"];
    project.ok(&[&init[..], &weights].concat());
    let manifest = std::fs::read_to_string(project.path("manifest.toml")).unwrap();
    for line in ["version = 6\n", "batch = 20\n", "weighted = true\n", "class_weights = ["] {
        assert!(manifest.contains(line), "{line}: {manifest}");
    }
    let report = project.json(&["data", "commit", "p"]);
    // 427 rows are 11 windows of two batches, each of which has 32 places.
    let counts =
        ["windows", "dropped_rows", "filled_rows"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [11, 0, 11 * 64 - 427], "{report}");
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--proofs", "1"]);
    assert_eq!(project.verify(&["p"])["proofs"], 1);
}

#[test]
fn a_text_is_trained_proven_and_verified() {
    let project = Project::with_rows(8);
    let text = |name: &str, text: &str| {
        std::fs::write(project.folder.path().join(name), text).unwrap();
    };
    text("public.txt", &"the quick brown fox jumps over the lazy dog. ".repeat(30));
    // Of letters that are no tokens nothing is told.
    text("mine.txt", &"a dog, a fox: ÄÖÜ the lazy dog jumps over. ".repeat(12));
    let init = ["init", "p", "--data", "mine.txt", "--positions", "8", "--batch", "5"];
    let layers = ["--layer", "conv:8:1", "--layer", "positions", "--layer", "causal-block:8:2"];
    let optimizer = ["--optimizer", "adam", "--lr", "0.01", "--calibrate-on", "public.txt"];
    project.ok(&[&init[..], &layers, &optimizer].concat());
    let manifest = std::fs::read_to_string(project.path("manifest.toml")).unwrap();
    assert!(manifest.contains("tokens = [") && !manifest.contains('Ä'), "{manifest}");
    assert!(!manifest.contains("\",\"") && !manifest.contains("\":\""), "{manifest}");
    project.ok(&["data", "commit", "p"]);
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--proofs", "1"]);
    assert_eq!(project.verify(&["p"])["proofs"], 1);
}

#[test]
fn mistakes_about_weights_and_texts_are_named() {
    let project = Project::with_rows(8);
    let text = |name: &str, text: &[u8]| {
        std::fs::write(project.folder.path().join(name), text).unwrap();
    };
    text("mine.txt", b"a text of some words. ".repeat(20).as_slice());
    text("latin.txt", b"gr\xfc\xdfe\nan alle");
    text("same.txt", b"aaaaaaaa");
    let cancer =
        |more: &[&'static str]| [&["init", "p", "--preset", "breast-cancer"], more].concat();
    let of_text = |data: &'static str, public: &'static str| {
        vec!["init", "p", "--data", data, "--calibrate-on", public, "--positions", "4"]
    };
    for (arguments, told) in [
        (cancer(&["--loss", "logistic", "--every-row"]), "softmax-cross-entropy"),
        (cancer(&["--loss", "logistic", "--batch", "20"]), "--batch"),
        (cancer(&["--class-weights", "1,2"]), "--class-weights"),
        (cancer(&["--class-weights", "1"]), "--class-weights"),
        (cancer(&["--class-weights", "much"]), "balanced"),
        (cancer(&["--batch", "0"]), "--batch"),
        (of_text("mine.txt", "synthetic"), "--calibrate-on FILE"),
        (of_text("latin.txt", "mine.txt"), "line 1 is not UTF-8"),
        (of_text("mine.txt", "same.txt"), "all characters are the same"),
        (vec!["init", "p", "--preset", "transformer"], "--data"),
        ([of_text("mine.txt", "public.txt"), vec!["--hidden", "4"]].concat(), "--hidden"),
        ([of_text("mine.txt", "public.txt"), vec!["--regression"]].concat(), "--regression"),
        (cancer(&["--positions", "4"]), "--positions"),
        (
            vec!["init", "p", "--data", "mine.txt", "--positions", "18446744073709551615"],
            "--positions",
        ),
    ] {
        let said = project.fails(&arguments);
        assert!(said.contains(told), "{arguments:?}: {said}");
        assert!(!project.folder.path().join("p").exists(), "{said}");
    }
}
