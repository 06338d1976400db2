//! Members that a coordinator does not ask any more: who and why, and a command that has one asked again.

use std::fs;

use serde_json::{Value, json};

use crate::project::Project;

const CHEAT: &str = "0x1111111111111111111111111111111111111111";
const SILENT: &str = "0x2222222222222222222222222222222222222222";
const OTHER: &str = "0x3333333333333333333333333333333333333333";

/// A coordinator's folder as two rounds without a sum leave it.
fn office() -> Project {
    let project = Project::with_rows(1);
    let round = |round: u64, misdeeds: Value| {
        json!({
            "round": round, "model": format!("0x{}", "0".repeat(64)), "counted": [],
            "missing": [CHEAT, SILENT, OTHER], "slashed": [], "settled": true, "misdeeds": misdeeds,
        })
    };
    let silent = json!({ "Absent": { "phase": "Unmask" } });
    let told = json!([
        round(5, json!([{ "account": CHEAT, "kind": "Blamed" }])),
        round(6, json!([{ "account": SILENT, "kind": silent }])),
    ]);
    fs::create_dir_all(project.path("coordinator")).unwrap();
    fs::write(project.path("coordinator/rounds.json"), told.to_string()).unwrap();
    project
}

fn command<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["coordinator"], args, &["--project", "p", "--domain", "1"]].concat()
}

/// Account, standing and rounds left of each member.
fn standings(project: &Project) -> Value {
    let told = project.json(&command(&["members"]));
    let members = told["members"].as_array().unwrap().iter();
    let of = |m: &Value| json!([m["account"], m["standing"], m["rounds_left"], m["pardoned"]]);
    members.map(of).collect()
}

#[test]
fn who_is_not_asked_is_listed_with_the_reason_and_asked_again_by_a_command() {
    let project = office();
    let said = project.ok(&command(&["members"])).stdout;
    let said = String::from_utf8(said).unwrap();
    for part in [
        "3 members of earlier rounds: 1 barred, 1 paused",
        "barred: not asked again",
        "round 5: uploaded another vector than that of its proven update",
        "paused: not asked for the next 4 rounds",
        "round 6: was silent in phase Unmask",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!said.contains(OTHER), "nothing is held against it: {said}");
    let kept = json!([OTHER, "free", 0, null]);
    let before = json!([[CHEAT, "barred", null, null], [SILENT, "paused", 4, null], kept]);
    assert_eq!(standings(&project), before);
    let told = fs::read(project.path("coordinator/rounds.json")).unwrap();
    let done = project.json(&command(&["unbar", CHEAT]));
    assert_eq!(done, json!({ "account": CHEAT, "was": "barred", "through": 6 }));
    let said = project.ok(&command(&["unbar", SILENT])).stdout;
    assert!(String::from_utf8_lossy(&said).contains("is asked again"));
    let after = json!([[CHEAT, "free", 0, 6], [SILENT, "free", 0, 6], kept]);
    assert_eq!(standings(&project), after);
    let said = project.ok(&command(&["members"])).stdout;
    assert!(String::from_utf8_lossy(&said).contains("asked: unbarred after round 6"));
    assert_eq!(fs::read(project.path("coordinator/rounds.json")).unwrap(), told, "it happened");
}

#[test]
fn who_cannot_be_unbarred_is_told_why() {
    let project = office();
    let stranger = "0x4444444444444444444444444444444444444444";
    let said = project.fails(&command(&["unbar", stranger]));
    assert!(said.contains("was in none of the rounds") && said.contains("rounds.json"), "{said}");
    let said = project.fails(&command(&["unbar", OTHER]));
    assert!(said.contains("is neither barred nor paused"), "{said}");
    assert_eq!(project.run(&command(&["unbar", "0x11"])).status.code(), Some(2));
    let lock = fs::File::options().append(true).open(project.path("coordinator/pardons.lock"));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    let said = project.fails(&command(&["unbar", CHEAT]));
    assert!(said.contains("pardons.lock") && said.contains("wait until"), "{said}");
    drop(lock);
    let elsewhere = ["--project", "nowhere", "--domain", "1"];
    for args in [&["coordinator", "members"][..], &["coordinator", "unbar", CHEAT]] {
        let said = project.fails(&[args, &elsewhere].concat());
        assert!(said.contains("when it runs for the first time"), "{said}");
    }
    assert!(!project.folder.path().join("nowhere").exists());
    fs::write(project.path("coordinator/rounds.json"), "[").unwrap();
    assert!(project.fails(&command(&["members"])).contains("rounds.json"));
}
