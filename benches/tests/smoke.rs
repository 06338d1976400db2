//! The commands, on the smallest network.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn table(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_table"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_quick_table_is_measured_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let (document, json) = ("docs/benchmarks.md", "results/benchmarks.jsonl");
    let output = table(&["--quick", "-o", document, "--json", json], folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let records = lines(&folder.path().join(json));
    assert_eq!(records[0]["kind"], "machine");
    assert!(records[0]["cores"].as_u64().unwrap() > 0);
    let steps: Vec<u64> = records[1..].iter().map(|r| r["steps"].as_u64().unwrap()).collect();
    assert_eq!(steps, [1, 4]);
    for record in &records[1..] {
        assert_eq!((&record["kind"], &record["shape"]), (&"step".into(), &"30-16-2".into()));
        for field in ["prove_s", "commit_floor_s", "verify_ms", "peak_rss_mb"] {
            assert!(record[field].as_f64().unwrap() > 0.0, "{field}: {record}");
        }
        assert!(record["committed_entries"].as_u64() <= record["padded_entries"].as_u64());
    }

    let text = std::fs::read_to_string(folder.path().join(document)).unwrap();
    for section in ["# Benchmarks", "## Targets", "## Steps", "| 30-16-2, B 32 | 4 |"] {
        assert!(text.contains(section), "{section}\n{text}");
    }
    let again = table(&["--from", json, "-o", "again.md"], folder.path());
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(std::fs::read_to_string(folder.path().join("again.md")).unwrap(), text);
}

#[test]
fn mistakes_are_told_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.jsonl"), "{\"shape\":3}\n").unwrap();
    for arguments in [
        &["--quick", "--peer", "bad.jsonl"][..],
        &["--quick", "--peer", "absent.jsonl"],
        &["--from", "bad.jsonl"],
        &["--only", "784"],
        &["measure", "{}"],
    ] {
        let output = table(arguments, folder.path());
        assert!(!output.status.success(), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("error"), "{arguments:?}");
        assert!(!folder.path().join("docs").exists(), "{arguments:?}");
    }
}

#[test]
fn a_curve_is_drawn_from_records() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("scaling.jsonl");
    let record = |parameters: u64, prove_s: f64| {
        serde_json::json!({
            "kind": "step", "purpose": "scaling", "load": 0.0, "shape": "784-128-10",
            "batch": 64, "steps": 1, "parameters": parameters, "row_log": 15, "runs": 1,
            "threads": 2, "train_s": 0.1, "witness_s": 0.1, "commit_s": 0.1, "sumcheck_s": 0.1,
            "lookup_s": 0.1, "open_s": 0.1, "prove_s": prove_s, "verify_ms": 5.0,
            "proof_bytes": 9, "rows": 7, "peak_rss_mb": 100.0 * prove_s,
            "committed_entries": 3 * parameters, "padded_entries": 4 * parameters,
            "commit_floor_s": 0.2 * prove_s, "argument_elements": 9,
            "plain_verify_ms": 9.0, "plain_proof_bytes": 99, "total_s": prove_s + 1.0,
            "permutations": 100,
            "compressed": [{
                "system": "halo2", "key_s": 1.0, "circuit": 6000, "compress_s": 1.0,
                "verify_ms": 5.0, "proof_bytes": 9, "circuit_proof_bytes": 4, "gas": 800_000,
            }],
        })
    };
    let text = format!("{}\n{}\n", record(100_000, 1.0), record(1_000_000, 9.0));
    std::fs::write(&json, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_scaling"));
    let output = command
        .args(["--from", "scaling.jsonl", "-o", "docs/images/scaling.svg"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let svg = std::fs::read_to_string(folder.path().join("docs/images/scaling.svg")).unwrap();
    assert!(svg.contains("bare commitments"));
}
