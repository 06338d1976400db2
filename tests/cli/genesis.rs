//! A first model of somebody's own, put in place of the one that `init` has made.

use std::fs;

use crate::project::Project;

fn genesis_hash(project: &Project) -> String {
    let roots = project.json(&["roots", "p"]);
    let options = roots["options"].as_array().unwrap();
    let at = options.iter().position(|option| option == "--genesis-hash").unwrap();
    options[at + 1].as_str().unwrap().to_owned()
}

#[test]
fn a_chain_starts_from_the_model_that_is_put_in_place_of_the_first_one() {
    let project = Project::trained(1);
    let (drawn, trained) = (genesis_hash(&project), project.path("model.int.safetensors"));
    let model = fs::read(&trained).unwrap();
    fs::write(project.path("genesis.int.safetensors"), &model).unwrap();
    project.ok(&["train", "p", "--epochs", "1"]);
    assert_ne!(fs::read(&trained).unwrap(), model, "it goes on from there");
    project.ok(&["prove", "p", "--compress", "none"]);
    let report = project.verify(&["p"]);
    assert_eq!((&report["proofs"], &report["final_model"]), (&4.into(), &true.into()));
    assert_ne!(genesis_hash(&project), drawn, "who verifies pins the model that it is");
    // One of another shape or scale is none for this network.
    let rename = |bytes: &mut Vec<u8>| {
        let name = b"layers.0.weight";
        let at = bytes.windows(name.len()).position(|part| part == name).unwrap();
        bytes[at + 7] = b'7';
    };
    let train = || project.fails(&["train", "p", "--epochs", "1"]);
    let said = project.with_change("genesis.int.safetensors", rename, train);
    assert!(said.contains("genesis.int.safetensors") && said.contains("layers."), "{said}");
}
