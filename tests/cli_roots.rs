//! A verdict names its roots: what is pinned is compared, what is not costs the exit code, and what
//! files say of themselves changes nothing.

mod project;

use project::{Project, relabel};
use serde_json::Value;
use zktrain_verifier::groth16::{Groth16Key, Provenance};

/// A project whose round has drawn a nonce, with a short chain of uncompressed proofs.
fn proven() -> Project {
    let project = Project::with_rows(40);
    project.init(&[]);
    let round = std::fs::read_to_string(project.path("round.toml")).unwrap();
    let drawn = format!("{round}nonce = \"{}\"\n", "5a".repeat(32));
    std::fs::write(project.path("round.toml"), drawn).unwrap();
    project.ok(&["data", "commit", "p", "--plain"]);
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "2"]);
    project
}

/// What a command exits with, and its one JSON object.
fn told(project: &Project, args: &[&str]) -> (i32, Value) {
    let output = project.run(&[args, &["--json"]].concat());
    let object = serde_json::from_slice(&output.stdout).expect("one JSON object");
    (output.status.code().unwrap(), object)
}

/// Name and trust of each root.
fn trust(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let roots = report["roots"].as_array().unwrap().iter();
    roots.map(|root| (text(&root["name"]), text(&root["trust"]))).collect()
}

const NAMES: [&str; 4] = ["reference string", "manifest", "genesis model", "nonce"];

fn all(trust: &str) -> Vec<(String, String)> {
    NAMES.map(|name| (name.to_owned(), trust.to_owned())).to_vec()
}

#[test]
fn a_verdict_names_its_roots_and_is_as_good_as_they_are() {
    let project = proven();
    unpinned_roots_cost_the_exit_code(&project);
    every_pin_is_compared(&project);
    a_label_changes_nothing(&project);
    keys_and_strings_show_what_files_say_as_that(&project);
}

fn unpinned_roots_cost_the_exit_code(project: &Project) {
    let (code, report) = told(project, &["verify", "p"]);
    assert_eq!((code, &report["valid"], &report["pinned"]), (3, &true.into(), &false.into()));
    assert_eq!(trust(&report), all("came-with-the-proofs"));
    let text = project.run(&["verify", "p"]);
    assert_eq!(text.status.code(), Some(3));
    let said = String::from_utf8(text.stdout).unwrap();
    assert!(said.contains("VALID on roots that nobody pinned"), "{said}");
    assert!(said.contains("--srs-fingerprint pins it"), "{said}");
    assert!(String::from_utf8(text.stderr).unwrap().contains("nobody pinned: reference string"));
    let (code, report) = told(project, &["verify", "p", "--strict"]);
    assert_eq!((code, &report["valid"], &report["strict"]), (1, &false.into(), &true.into()));
    let said = project.fails(&["verify", "p", "--strict"]);
    assert!(said.contains("nobody pinned what this rests on: reference string, man"), "{said}");
    // One of them is enough, and pinning it does not help the others.
    let pins = project.pins();
    for (index, pair) in pins.chunks(2).enumerate() {
        let (code, report) = told(project, &[&["verify", "p"], pair].concat());
        let pinned: Vec<usize> = trust(&report)
            .iter()
            .enumerate()
            .filter_map(|(at, (_, trust))| (trust == "pinned").then_some(at))
            .collect();
        assert_eq!((code, pinned), (3, vec![index]), "{pair:?}");
        let others = [&pins[..2 * index], &pins[2 * index + 2..]].concat();
        assert_eq!(
            told(project, &[&["verify", "p"], &others[..]].concat()).0,
            3,
            "all but {pair:?}"
        );
    }
    let (code, report) = told(project, &[&["verify", "p", "--strict"], &pins[..]].concat());
    assert_eq!((code, trust(&report)), (0, all("pinned")));
    // Single proofs rest on no first model and no nonce.
    let single = told(project, &[&["verify", "p/proofs/000000.proof.NOT-ZK"], &pins[..4]].concat());
    assert_eq!((single.0, trust(&single.1)), (0, all("pinned")[..2].to_vec()));
}

fn every_pin_is_compared(project: &Project) {
    let pins = project.pins();
    assert_eq!(pins.len(), 2 * NAMES.len());
    for (index, name) in NAMES.iter().enumerate() {
        let mut wrong: Vec<String> = pins.iter().map(|text| (*text).to_owned()).collect();
        let value = &mut wrong[2 * index + 1];
        let flipped = if value.starts_with('0') { "1" } else { "0" };
        value.replace_range(..1, flipped);
        let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
        let said = project.fails(&[&["verify", "p"], &wrong[..]].concat());
        let (got, expected) = (pins[2 * index + 1], wrong[2 * index + 1]);
        let line = format!("the {name} is {got}, not {expected} as {} says", pins[2 * index]);
        assert!(said.contains(&line), "{said}");
        let short = [pins[2 * index], "ab"];
        assert!(project.fails(&[&["verify", "p"], &short[..]].concat()).contains("32 bytes"));
    }
    // Of an own file, too: naming a file does not pin what is in it.
    let named = ["verify", "p", "--srs", "p/srs.bin", "--manifest", "p/manifest.toml"];
    assert_eq!(told(project, &named).0, 3);
}

fn a_label_changes_nothing(project: &Project) {
    let (pins, source) = (project.pins(), "c7".repeat(32));
    let whole = [&["verify", "p"], &pins[..]].concat();
    let calls = [&["verify", "p"][..], &["verify", "p", "--strict"], &whole];
    let verdicts = || {
        calls.map(|args| {
            let (code, report) = told(project, args);
            (code, report["valid"].clone(), report["pinned"].clone(), trust(&report))
        })
    };
    let before = verdicts();
    let relabel = |bytes: &mut Vec<u8>| *bytes = relabel::imported(bytes, [0xc7; 32]);
    let (after, shown) = project.with_change("srs.bin", relabel, || {
        (verdicts(), told(project, &["verify", "p"]).1["roots"][0]["says"].clone())
    });
    assert_eq!(before, after);
    assert_eq!(shown, format!("imported from a file with SHA-256 {source}"));
}

fn keys_and_strings_show_what_files_say_as_that(project: &Project) {
    let relabel = |bytes: &mut Vec<u8>| *bytes = relabel::imported(bytes, [0xc7; 32]);
    project.with_change("srs.bin", relabel, || {
        let said = project.ok(&["srs", "info", "p/srs.bin"]).stdout;
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("says of itself     imported from a file of SHA-256 c7c7"), "{said}");
        let info = project.json(&["srs", "info", "p/srs.bin", "--check"]);
        assert_eq!((&info["checked"], &info["known"]), (&true.into(), &Value::Null));
        let key = project.json(&["keys", "derive", "p"]);
        assert_eq!(key["roots"][0]["trust"], "came-with-the-proofs");
    });
    project.ok(&["setup", "insecure", "p"]);
    let ceremony = |bytes: &mut Vec<u8>| {
        let key = Groth16Key::from_bytes(bytes).unwrap();
        let provenance = Provenance::Ceremony { contributions: 12, transcript: [9; 32] };
        *bytes = Groth16Key { provenance, ..key }.to_bytes();
    };
    project.with_change("keys/groth16.vk", ceremony, || {
        let check = ["keys", "check", "p/keys/groth16.vk", "p"];
        let said = String::from_utf8(project.ok(&check).stdout).unwrap();
        let line = "its file says, unchecked: made in a ceremony of 12 contributions";
        assert!(said.contains(line), "{said}");
        let key = project.json(&check);
        assert_eq!(key["roots"][1]["trust"], "came-with-the-proofs");
    });
}
