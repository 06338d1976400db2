//! A verdict names its roots: what is pinned is compared, what is not costs the exit code, and what
//! files say of themselves changes nothing.

use crate::project;

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use project::{Project, relabel};
use serde_json::Value;
use zktrain_verify::groth16::{Groth16Key, KeyProvenance};

/// A project whose round has drawn a nonce or not, with a short chain of uncompressed proofs.
fn proven(nonce: Option<&str>) -> Project {
    let project = Project::with_rows(40);
    project.init(&[]);
    if let Some(nonce) = nonce {
        let round = std::fs::read_to_string(project.path("round.toml")).unwrap();
        let drawn = format!("{round}nonce = \"{nonce}\"\n");
        std::fs::write(project.path("round.toml"), drawn).unwrap();
    }
    project.ok(&["data", "commit", "p", "--plain"]);
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "2"]);
    project
}

/// What a command exits with and says about errors; it must end by itself.
#[cfg(unix)]
fn ended(project: &Project, args: &[&str]) -> (Option<i32>, String) {
    let mut command = project.command(args);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (id, (send, receive)) = (child.id().to_string(), mpsc::channel());
    std::thread::spawn(move || send.send(child.wait_with_output()));
    let Ok(output) = receive.recv_timeout(Duration::from_secs(60)) else {
        Command::new("kill").arg(&id).status().unwrap();
        panic!("{args:?} does not end");
    };
    let output = output.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
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
    let project = proven(Some(&"5a".repeat(32)));
    unpinned_roots_cost_the_exit_code(&project);
    every_pin_is_compared(&project);
    what_proofs_state_is_compared_if_it_is_named(&project);
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
    let said = project.fails(&["verify", "p", "--nonce", "derived"]);
    assert!(said.contains("not derived as --nonce says"), "{said}");
    // Of an own file, too: naming a file does not pin what is in it.
    let named = ["verify", "p", "--srs", "p/srs.bin", "--manifest", "p/manifest.toml"];
    assert_eq!(told(project, &named).0, 3);
}

/// Contract, chain, domain, prover and dataset: of a chain, and of a proof alone.
fn what_proofs_state_is_compared_if_it_is_named(project: &Project) {
    let report = told(project, &["verify", "p"]).1;
    let text = |value: &Value| value.to_string().trim_matches('"').to_owned();
    let stated = |name: &str| text(&report["binding"][name]);
    let root = "7e".repeat(32);
    let address = format!("0x{}", &root[..40]);
    let named = [
        ("contract", "--contract", stated("contract"), &*address),
        ("chain id", "--chain-id", stated("chain_id"), "7"),
        ("domain", "--domain", stated("domain"), "7"),
        ("prover", "--prover", stated("prover"), &*address),
        ("dataset", "--dataset-root", text(&report["dataset"]), &*root),
    ];
    for path in ["p", "p/proofs/000001.proof.NOT-ZK"] {
        let mut all = vec!["verify", path];
        for (name, option, value, other) in &named {
            let said = project.fails(&["verify", path, *option, *other]);
            let line = format!("the {name} is {value}, not {other} as {option} says");
            assert!(said.contains(&line), "{path}: {said}");
            all.extend([*option, value.as_str()]);
        }
        let (code, report) = told(project, &all);
        let pinned = trust(&report).into_iter().filter(|(_, trust)| trust == "pinned");
        let pinned: Vec<String> = pinned.map(|(name, _)| name).collect();
        // The others are as open as before.
        let names: Vec<String> = named.iter().map(|(name, ..)| (*name).to_owned()).collect();
        assert_eq!((code, pinned), (3, names));
        all.extend(if path == "p" { project.pins() } else { project.pins_of_proofs() });
        assert_eq!(told(project, &[&all[..], &["--strict"]].concat()).0, 0, "{path}");
    }
    let both = ["verify", "p", "--dataset-root", &root, "--dataset", &root];
    let both = project.run(&[&both[..], &["--windows", "4"]].concat());
    assert_eq!(both.status.code(), Some(2), "one says that it is not to be checked");
}

/// Leaving the nonce out of `round.toml` leaves no root out.
#[test]
fn a_nonce_that_was_not_drawn_is_a_root_all_the_same() {
    let project = proven(None);
    let pins = project.pins();
    let at = pins.iter().position(|option| *option == "--nonce").unwrap();
    assert_eq!(pins[at + 1], "derived");
    let (code, report) = told(&project, &[&["verify", "p", "--strict"], &pins[..]].concat());
    assert_eq!((code, trust(&report)), (0, all("pinned")));
    let others = [&["verify", "p"], &pins[..at], &pins[at + 2..]].concat();
    let (code, report) = told(&project, &others);
    assert_eq!(code, 3);
    let open = trust(&report).into_iter().find(|(_, trust)| trust != "pinned").unwrap();
    assert_eq!(open, ("nonce".to_owned(), "came-with-the-proofs".to_owned()));
    let said = project.fails(&[&others[..], &["--strict"]].concat());
    assert!(said.contains("nobody pinned what this rests on: nonce"), "{said}");
    // A verifier who knows what follows from the data can name that as well.
    let other = "ab".repeat(32);
    let said = project.fails(&[&others[..], &["--nonce", &other]].concat());
    assert!(said.contains(&format!("not {other} as --nonce says")), "{said}");
    let nonce = said.split("the nonce is ").nth(1).and_then(|rest| rest.get(..64)).unwrap();
    assert_eq!(told(&project, &[&others[..], &["--nonce", nonce]].concat()).0, 0);
}

/// A stranger's folder may hold pipes that nobody writes to and devices without an end.
#[test]
#[cfg(unix)]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let project = proven(None);
    let names = [
        "manifest.toml",
        "srs.bin",
        "round.toml",
        "genesis.int.safetensors",
        "registration.NOT-ZK",
        "proofs/000001.proof.NOT-ZK",
        "model.opening.json",
    ];
    let refused = |name: &str| {
        let (code, said) = ended(&project, &["verify", "p"]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(name) && said.contains("not a regular file"), "{name}: {said}");
    };
    for name in names {
        let (path, kept) = (project.path(name), project.path("kept"));
        let there = path.exists();
        if there {
            std::fs::rename(&path, &kept).unwrap();
        }
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        refused(name);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        refused(name);
        std::fs::remove_file(&path).unwrap();
        if there {
            std::fs::rename(&kept, &path).unwrap();
        }
    }
    // The folder's own settings say where its string is.
    let (from, to) = ("srs = \"srs.bin\"", "srs = \"/dev/zero\"");
    project.with_text("local.toml", from, to, || refused("/dev/zero"));
    project.verify(&["p"]);
}

/// What is registered or compared is derived now: nothing is read from a cache, nor kept there.
#[test]
fn domains_and_memberships_rest_on_no_cache() {
    let project = Project::trained(1);
    let cache = project.folder.path().join("fresh");
    let said = |args: &[&str]| {
        let output = project.command(args).env("ZKTRAIN_CACHE", &cache).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let open = ["chain", "domain", "open", "p", "--key", "none.json"];
    let join = ["chain", "join", "1", "p", "--key", "none.json"];
    for args in [&open[..], &join] {
        // As far as the chain, which is not there.
        let said = said(args);
        assert!(said.contains("chain.json is missing"), "{said}");
        assert!(!cache.exists(), "{args:?}");
    }
    said(&["train", "p"]);
    assert!(cache.exists(), "others keep what they have checked");
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
        let provenance = KeyProvenance::Ceremony { contributions: 12, transcript: [9; 32] };
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
