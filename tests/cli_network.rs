//! `zktrain demo`: a whole network of real processes, with a dropout, a fraud, processes that are
//! killed and started again, payments and an audit.

mod project;

use std::path::Path;

use project::{Project, files};
use serde_json::Value;

/// Cells of an owner's rows, as recognisable as they come: with all their digits.
fn cells(csv: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(csv).unwrap();
    let cells = text.lines().skip(1).flat_map(|line| line.split(','));
    let mut long: Vec<String> = cells.filter(|cell| cell.len() >= 8).map(str::to_owned).collect();
    long.sort();
    long.dedup();
    long
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_network_trains_pays_slashes_survives_crashes_and_is_audited() {
    let project = Project::with_rows(1);
    let report = project.json(&["demo", "--out", "d", "--rounds", "4", "--crashes"]);
    let rounds = report["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 4);
    let list = |round: usize, key: &str| rounds[round][key].as_array().unwrap().clone();
    assert_eq!(list(0, "counted").len(), 5, "{report}");
    assert_eq!((list(1, "counted").len(), list(1, "missing").len()), (4, 1), "one drops out");
    assert_eq!(list(2, "slashed").len(), 1, "one cheats");
    assert_eq!(list(2, "slashed"), list(2, "missing"));
    assert_eq!(
        (list(3, "counted").len(), list(3, "missing").len()),
        (4, 0),
        "and is not asked again"
    );
    let loss = |round: usize| rounds[round]["loss"].as_f64().unwrap();
    assert!(loss(3) < loss(0), "the model improves: {report}");
    let erin = &report["balances"][4][1];
    assert!(erin.as_str().unwrap().contains(" 40 ZKT staked"), "its bond is gone: {erin}");
    nothing_private_leaves(&project.folder.path().join("d"));
    a_changed_bit_is_found(&project);
}

/// Owners' cells are in their own folders and data alone: not with the coordinator, not on the chain,
/// not in logs.
fn nothing_private_leaves(dir: &Path) {
    let private: Vec<String> = ["alice", "bob"]
        .iter()
        .flat_map(|who| cells(&dir.join(format!("data/{who}.csv"))))
        .collect();
    assert!(private.len() > 50);
    for folder in ["operator/coordinator", "chain", "logs"] {
        for path in files(&dir.join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            let found = private.iter().take(100).find(|cell| holds(&bytes, cell));
            assert_eq!(found, None, "{}", path.display());
        }
    }
}

fn a_changed_bit_is_found(project: &Project) {
    let base = "d/operator/coordinator";
    let model = format!("{base}/model.int.safetensors");
    let lineage = format!("{base}/lineage");
    let audit = ["audit", model.as_str(), "--lineage", lineage.as_str()];
    let good: Value = project.json(&audit);
    assert!(good.is_object());
    let folder = project.folder.path().join(&lineage);
    let sums = files(&folder.join("rounds"));
    let sum = sums.iter().find(|path| path.ends_with("sum.safetensors")).unwrap();
    let mut bytes = std::fs::read(sum).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(sum, bytes).unwrap();
    let said = project.fails(&audit);
    assert!(said.contains("sum"), "{said}");
}
