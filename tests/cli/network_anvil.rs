//! The same network on a node that others run, anvil, and on a domain with Groth16 proofs that the
//! contracts check at once. What the coordinator measures it has from that node's events.

use crate::project;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use project::Project;
use serde_json::Value;
use zktrain_testchains::{Anvil, RICH};

/// The measures by name, labels included.
type Measures = BTreeMap<String, f64>;

/// A demonstration that pays with anvil's first account.
fn start(project: &Project, anvil: &Anvil) -> Child {
    let folder = project.folder.path();
    std::fs::write(folder.join("rich.hex"), RICH).unwrap();
    project.ok(&["chain", "key", "import", "rich.json", "--from", "rich.hex"]);
    let demo = ["demo", "--out", "d", "--rounds", "4", "--eager", "--compress", "groth16"];
    let place = ["--chain", &anvil.url, "--purse", "rich.json", "--json"];
    let report = std::fs::File::create(folder.join("report.json")).unwrap();
    let mut command = project.command(&[&demo[..], &place].concat());
    command.stdin(Stdio::null()).stdout(report).spawn().unwrap()
}

/// Where the coordinator serves its measures, once it says so.
fn metrics_address(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let after = text.split("metrics=").nth(1)?;
    Some(after.split_whitespace().next()?.to_owned())
}

fn measures(address: &str) -> Option<Measures> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let read = lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    Some(read.collect())
}

/// The last measures that the coordinator served, when the demonstration has ended.
fn watch(demo: &mut Child, log: &Path) -> Measures {
    let mut last = Measures::new();
    loop {
        if let Some(now) = metrics_address(log).and_then(|address| measures(&address)) {
            last = now;
        }
        if let Some(status) = demo.try_wait().unwrap() {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            assert!(status.success(), "{said}");
            return last;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_network_on_a_node_of_others_with_proofs_by_groth16() {
    let (project, anvil) = (Project::with_rows(1), Anvil::start());
    let folder = project.folder.path();
    let mut demo = start(&project, &anvil);
    let measured = watch(&mut demo, &folder.join("d/logs/coordinator.log"));
    let report = std::fs::read(folder.join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    as_on_any_chain(&report);
    as_it_happened(&measured);
    let base = folder.join("d/coordinator/coordinator");
    let [model, lineage] =
        ["model.int.safetensors", "lineage"].map(|name| base.join(name).display().to_string());
    // The node says what the files say.
    let audit = ["audit", &model, "--lineage", &lineage, "--chain", &anvil.url];
    assert_eq!(project.run(&audit).status.code(), Some(3), "of contracts that could be anybody's");
    let pins = node_pins(&report["audit"]);
    let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
    assert_eq!(project.json(&[&audit[..], &pins].concat())["pinned"], true);
}

/// What the demonstration's own audit had pinned and found.
fn node_pins(audit: &Value) -> Vec<String> {
    let asked = ["--srs-fingerprint", "--groth16-key", "--rounds", "--code-hash", "--domain"];
    let roots = audit["roots"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = roots.map(|root| [text(&root["option"]), text(&root["value"])]);
    let pairs: Vec<_> = pairs.filter(|[option, _]| asked.contains(&option.as_str())).collect();
    assert_eq!(pairs.len(), asked.len(), "{audit}");
    pairs.into_iter().flatten().collect()
}

fn as_on_any_chain(report: &Value) {
    let rounds = report["rounds"].as_array().unwrap();
    let counts = |key: &str| -> Vec<usize> {
        rounds.iter().map(|round| round[key].as_array().unwrap().len()).collect()
    };
    assert_eq!(counts("counted"), [5, 4, 4, 4], "{report}");
    assert_eq!(counts("missing"), [0, 1, 1, 0], "{report}");
    assert_eq!(counts("slashed"), [0, 0, 1, 0], "{report}");
    assert_eq!(rounds[2]["slashed"], rounds[2]["missing"]);
    let loss = |round: usize| rounds[round]["loss"].as_f64().unwrap();
    assert!(loss(3) < loss(0), "the model improves: {report}");
    let erin = &report["balances"][4][1];
    assert!(erin.as_str().unwrap().contains(" 40 ZKT staked"), "its bond is gone: {erin}");
}

/// Four rounds with five, five, five and four members, of whom one was missing and one slashed.
fn as_it_happened(measured: &Measures) {
    let get = |name: &str| *measured.get(name).unwrap_or_else(|| panic!("{name}: {measured:#?}"));
    for (name, value) in [
        ("zktrain_contributors", 5.0),
        ("zktrain_model_versions", 4.0),
        ("zktrain_model_provenance_depth", 4.0),
        ("zktrain_model_provenance_untainted", 4.0),
        ("zktrain_member_slashes_ratio", 1.0 / 19.0),
        ("zktrain_coordinator_slashes_ratio", 0.0),
        ("zktrain_silence_ratio", 2.0 / 19.0),
        ("zktrain_leave_ratio", 1.0 / 5.0),
        ("zktrain_poisoning_attempts", 1.0),
        ("zktrain_poisoning_successes", 0.0),
        ("zktrain_rounds_total{outcome=\"summed\"}", 4.0),
        ("zktrain_misdeeds_total{kind=\"proof\"}", 1.0),
        ("zktrain_phase_duration_seconds_count{phase=\"uploads\"}", 4.0),
    ] {
        assert!((get(name) - value).abs() < 1e-9, "{name} is not {value}: {measured:#?}");
    }
    let verified = "zktrain_verification_latency_seconds{quantile=\"0.5\"}";
    for name in [
        "zktrain_rewards_gini",
        "zktrain_token_velocity",
        "zktrain_chain_block",
        "zktrain_network_bytes_total{direction=\"in\"}",
        "zktrain_transactions_total{outcome=\"mined\"}",
        verified,
    ] {
        assert!(get(name) > 0.0, "{name}: {measured:#?}");
    }
    let settled = get("zktrain_settlement_latency_seconds{quantile=\"0.5\"}");
    assert!(settled >= 600.0, "the challenge window went by on the node's clock: {settled}");
}

#[test]
fn a_node_is_named_with_a_purse_and_has_to_be_there() {
    let project = Project::with_rows(1);
    let code = |args: &[&str]| project.run(args).status.code();
    let nowhere = "http://127.0.0.1:1";
    assert_eq!(code(&["demo", "--chain", nowhere]), Some(2), "who pays?");
    assert_eq!(code(&["demo", "--purse", "rich.json"]), Some(2), "where?");
    let embedded = ["demo", "--chain", "embedded:x", "--purse", "rich.json"];
    assert_eq!(code(&embedded), Some(2), "it makes that one by itself");
    assert!(project.fails(&["demo", "--compress", "none"]).contains("contracts check compressed"));
    project.ok(&["chain", "key", "new", "poor.json"]);
    let said = project.fails(&["demo", "--out", "d", "--chain", nowhere, "--purse", "poor.json"]);
    assert!(said.contains("the chain's node"), "{said}");
}
