//! Who trains in many rounds is paid for each of them.

use std::collections::BTreeMap;

use alloy::primitives::U256;
use serde_json::Value;
use zktrain_chain::amount;

use super::{Coordinator, OWNERS};
use crate::project::Project;

/// What owners of a demonstration begin with besides their stake.
const FIRST: &str = "50";

/// What owners got in each round that paid them, as an audit says.
fn payments(coordinator: &Coordinator<'_>) -> BTreeMap<String, Vec<U256>> {
    let base = "d/coordinator/coordinator";
    let [model, lineage] =
        ["model.int.safetensors", "lineage"].map(|name| format!("{base}/{name}"));
    let audit = ["audit", &model, "--lineage", &lineage, "--json"];
    let report: Value = serde_json::from_slice(&coordinator.project.run(&audit).stdout).unwrap();
    assert_eq!(report["valid"], true, "{}", report["failures"]);
    let mut all: BTreeMap<String, Vec<U256>> = BTreeMap::new();
    let rounds = report["rounds"].as_array().unwrap().iter();
    for member in rounds.flat_map(|round| round["members"].as_array().unwrap()) {
        let paid: U256 = member["paid"].as_str().unwrap().parse().unwrap();
        if !paid.is_zero() {
            let account = member["account"].as_str().unwrap().to_lowercase();
            all.entry(account).or_default().push(paid);
        }
    }
    all
}

impl Coordinator<'_> {
    /// An owner's address, what it has, and what it has not claimed yet.
    fn has(&self, who: &str) -> (String, U256, U256) {
        let key = format!("keys/{who}.json");
        let status = self.command(&["chain", "status", "--key", &key, "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        let text = |name: &str| status[name].as_str().unwrap();
        let tokens = |name: &str| amount::parse(text(name)).unwrap();
        (text("done").to_lowercase(), tokens("balance"), tokens("owed"))
    }
}

/// After a demonstration, which has its dropouts and frauds, its honest owners train in so many rounds
/// more: the chain pays each of them each time, and their programs claim it.
pub fn everybody_is_paid_for_every_round(project: &Project, rounds: u32) {
    let coordinator = Coordinator::of(project);
    let before = payments(&coordinator);
    coordinator.goes_on(rounds);
    let after = payments(&coordinator);
    for who in OWNERS {
        let (address, balance, owed) = coordinator.has(who);
        let [early, all] = [&before, &after].map(|paid| &paid[&address]);
        assert_eq!(all.len() - early.len(), rounds as usize, "{who}: {all:?}");
        let first = amount::parse(FIRST).unwrap();
        let paid: U256 = all.iter().sum();
        assert_eq!(balance + owed, first + paid, "{who} has what it was paid");
        // The last claim may have been under way when the test ended its program.
        let last: U256 = all.iter().rev().take(2).sum();
        assert!(owed <= last, "{who} has not claimed {owed} of {paid}");
    }
}
