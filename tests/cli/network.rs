//! `zktrain demo`: a whole network of real processes, with a dropout, a fraud, processes that are
//! killed and started again, payments and an audit.

use crate::project;

use std::path::Path;

use project::planted::{Planted, contains, integer_forms};
use project::{Project, files};
use serde_json::Value;
use zktrain_model::manifest::Manifest;
use zktrain_trainer::dataset::Source;

/// Cells of an owner's rows, as recognisable as they come: with all their digits, and as doubles;
/// its quantized samples; the keys that blind and mask what it sends.
fn secrets(dir: &Path, who: &str) -> Vec<Planted> {
    let csv = dir.join(format!("data/{who}.csv"));
    let text = std::fs::read_to_string(&csv).unwrap();
    let cells = text.lines().skip(1).flat_map(|line| line.split(','));
    let mut long: Vec<&str> = cells.filter(|cell| cell.len() >= 8).collect();
    long.sort_unstable();
    long.dedup();
    let mut all = Vec::new();
    let mut plant = |what: String, bytes: Vec<u8>| all.push(Planted { what, bytes });
    for cell in long.into_iter().take(40) {
        let number: f64 = cell.parse().unwrap();
        plant(format!("{who}'s cell {cell}"), cell.as_bytes().to_vec());
        plant(format!("{who}'s cell {cell}, a double"), number.to_le_bytes().to_vec());
        plant(format!("{who}'s cell {cell}, big endian"), number.to_be_bytes().to_vec());
    }
    for path in files(&dir.join(who).join("secret")) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            // Two of three words of a journal are digests that others may know.
            let own = path.ends_with("local.key") || text.contains(&format!("\"secret\":\"{word}"));
            if own
                && let Ok(bytes) = hex::decode(word.trim_start_matches("0x"))
                && bytes.len() == 32
            {
                plant(format!("a key in {}", path.display()), bytes);
                plant(format!("{} as text", path.display()), word.as_bytes()[2..].to_vec());
            }
        }
    }
    all.extend(samples(&csv, &dir.join(who).join("manifest.toml")));
    all
}

/// Some samples as the integers that are trained on.
fn samples(csv: &Path, manifest: &Path) -> Vec<Planted> {
    let manifest = Manifest::from_toml(&std::fs::read_to_string(manifest).unwrap()).unwrap();
    let network = manifest.network().unwrap();
    let table = Source::Csv(csv.to_owned()).read_for(&manifest.data).unwrap();
    let mut data = table.quantized(&manifest, &network).unwrap();
    data.inputs.truncate(10 * data.width);
    data.labels.clear();
    let mut all = Vec::new();
    integer_forms(&data, &mut all);
    all
}

#[test]
fn a_network_trains_pays_slashes_survives_crashes_and_is_audited() {
    let project = Project::with_rows(1);
    let report = project.json(&["demo", "--out", "d", "--rounds", "6", "--crashes"]);
    let rounds = report["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 6);
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
    // The round without a sum changes neither the model nor what the next one pays.
    pay_follows_improvement(&rounds[..5]);
    a_spoiled_sum_costs_one_round(rounds);
    who_spoiled_it_is_listed(&project, &rounds[4]["misdeeds"][0]["account"]);
    let erin = &report["balances"][4][1];
    assert!(erin.as_str().unwrap().contains(" 40 ZKT staked"), "its bond is gone: {erin}");
    nothing_private_leaves(&project.folder.path().join("d"));
    assert_eq!(
        (&report["audit"]["pinned"], &report["audit"]["strict"]),
        (&true.into(), &true.into())
    );
    a_changed_bit_is_found(&project, &report["pins"]);
}

/// The coordinator can see whom it does not ask any more.
fn who_spoiled_it_is_listed(project: &Project, who: &Value) {
    let own = ["coordinator", "members", "--project", "d/coordinator", "--domain", "1"];
    let told = project.json(&own);
    let members = told["members"].as_array().unwrap().iter();
    let barred: Vec<&Value> = members.filter(|member| member["standing"] == "barred").collect();
    assert_eq!(barred.len(), 1, "{told}");
    assert_eq!((&barred[0]["account"], &barred[0]["found"][0]["what"]), (who, &"Blamed".into()));
}

/// One uploads another vector than that of the update that it proved: there is no sum, it is found
/// out, and the others go on without it.
fn a_spoiled_sum_costs_one_round(rounds: &[Value]) {
    let list = |round: usize, key: &str| rounds[round][key].as_array().unwrap().clone();
    assert!(list(4, "counted").is_empty(), "{}", rounds[4]);
    let misdeeds = list(4, "misdeeds");
    assert_eq!(misdeeds.len(), 1, "nobody else is blamed: {misdeeds:?}");
    assert_eq!(misdeeds[0]["kind"], "Blamed");
    assert_eq!(rounds[4]["model"], rounds[3]["model"], "the model stays");
    let asked = [list(5, "counted"), list(5, "missing")].concat();
    assert_eq!(asked.len(), 3);
    assert!(!asked.contains(&misdeeds[0]["account"]), "it is not asked again");
    // Who has drawn the window of the spoiled sum again sits out, and three are needed.
    let counted = list(5, "counted").len();
    assert!(counted == 3 || counted == 0, "{}", rounds[5]);
    assert_eq!(rounds[5]["model"] != rounds[3]["model"], counted == 3);
}

/// The first round pays all, each later one half and the rest by the last improvement, no matter
/// which process was killed in between.
fn pay_follows_improvement(rounds: &[Value]) {
    let budget = |round: &Value| round["budget"].as_str().unwrap().parse::<u128>().unwrap();
    let millionth = 10u128.pow(14);
    assert_eq!(budget(&rounds[0]), 1_000_000 * millionth);
    for pair in rounds.windows(2) {
        let by = pair[0]["improvement"].as_f64().unwrap();
        let parts = (500_000.0 * (1.0 + (by / 0.25).clamp(0.0, 1.0))).round() as u128;
        assert_eq!(budget(&pair[1]), parts * millionth, "{pair:?}");
    }
}

/// What is an owner's alone is in its own folder: not with the coordinator, which has all that it was
/// sent in its store, not on the chain, not in logs.
fn nothing_private_leaves(dir: &Path) {
    let owners = ["alice", "bob", "carol", "dave", "erin"];
    let private: Vec<Planted> = owners.iter().flat_map(|who| secrets(dir, who)).collect();
    let keys = private.iter().filter(|planted| planted.what.starts_with("a key"));
    // Those of rounds that are over are erased.
    assert!(keys.count() >= owners.len(), "a key of each owner");
    for folder in ["coordinator/coordinator", "chain", "logs"] {
        for path in files(&dir.join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            let found = private.iter().find(|planted| contains(&bytes, &planted.bytes));
            assert_eq!(found.map(|planted| &planted.what), None, "{}", path.display());
        }
    }
}

fn a_changed_bit_is_found(project: &Project, pins: &Value) {
    let base = "d/coordinator/coordinator";
    let model = format!("{base}/model.int.safetensors");
    let lineage = format!("{base}/lineage");
    let pins = pins.as_array().unwrap().iter().map(|pin| pin.as_str().unwrap());
    let mut audit: Vec<&str> = vec!["audit", &model, "--lineage", &lineage];
    audit.extend(pins);
    let good: Value = project.json(&audit);
    assert_eq!((&good["valid"], &good["pinned"]), (&true.into(), &true.into()));
    let open = project.run(&audit[..4]);
    assert_eq!(open.status.code(), Some(3), "it holds, on roots that nobody pinned");
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
