//! The command-line program from end to end.

use crate::project;

use std::time::{Duration, Instant};

use project::{Project, files};

#[test]
fn the_whole_flow_verifies_also_from_the_public_files_alone() {
    let project = Project::registered(false, 2);
    let made = project.json(&["prove", "p"]);
    assert_eq!((&made["made"], &made["complete"]), (&8.into(), &8.into()));
    let verify = [&["verify", "p"], &project.pins()[..]].concat();
    // Commands that prove or check warn of an insecure string; training proves nothing.
    let prove = ["prove", "p"];
    let train = ["train", "p", "--epochs", "2"];
    for (args, warned) in [(&train[..], false), (&prove[..], true), (&verify[..], true)] {
        let said = project.ok(args).stderr;
        let is_warned = String::from_utf8_lossy(&said).contains("is INSECURE");
        assert_eq!(is_warned, warned, "{args:?}");
    }
    let report = project.verify(&["p"]);
    assert_eq!(report["valid"], true);
    assert_eq!(report["steps"], 8);
    assert_eq!(report["windows"], 4);
    assert_eq!(report["final_model"], true);
    assert_eq!(report["roots"][0]["says"], "generated on one machine, insecure");
    assert!(report["dataset"].as_str().unwrap().len() == 64);
    let root = report["dataset"].as_str().unwrap();
    let trusted = ["p", "--dataset", root, "--windows", "4"];
    project.with_change(
        "registration",
        |bytes| bytes.clear(),
        || {
            assert_eq!(project.verify(&trusted)["registration"], false);
            let other = trusted.map(|arg| if arg == "4" { "8" } else { arg });
            assert!(
                project
                    .fails(&[&["verify"], &other[..]].concat())
                    .contains("does not continue the chain")
            );
            assert!(project.fails(&["verify", "p"]).contains("registration"));
        },
    );
    let again = project.json(&["prove", "p"]);
    assert_eq!(again["made"], 0);
    for secret in files(&project.path("secret")) {
        std::fs::remove_file(secret).unwrap();
    }
    std::fs::remove_file(project.path("local.toml")).unwrap();
    std::fs::remove_file(project.folder.path().join("mine.csv")).unwrap();
    assert_eq!(project.verify(&["p"])["valid"], true);
    let single = project.verify(&["p/proofs/000003.proof"]);
    assert_eq!((&single["proofs"], &single["chain"]), (&1.into(), &false.into()));
    for name in ["loss.svg", "history.json", "model.safetensors", "model.int.safetensors"] {
        assert!(project.path(name).exists(), "{name}");
    }
}

#[test]
fn whatever_is_tampered_with_is_named_and_rejected() {
    let project = Project::registered(false, 1);
    project.ok(&["prove", "p"]);
    let proof = "proofs/000001.proof";
    let length = std::fs::read(project.path(proof)).unwrap().len();
    let positions = (0..24).map(|i| i * (length - 1) / 23).chain([20, 33, 41]);
    for position in positions {
        let error =
            project.with_change(proof, |b| b[position] ^= 1, || project.fails(&["verify", "p"]));
        assert!(error.contains("000001.proof"), "byte {position}: {error}");
    }
    for (name, said) in [
        ("registration", "registration"),
        ("model.int.safetensors", "is not what the chain of proofs ends with"),
        ("genesis.int.safetensors", "the model does not continue the chain"),
        ("srs.bin", "srs.bin"),
    ] {
        let flip = |bytes: &mut Vec<u8>| {
            // Of the reference string only as much is read as rows and circuit need.
            let at = if name == "srs.bin" { bytes.len() / 4 } else { bytes.len() - 2 };
            bytes[at] ^= 1;
        };
        let error = project.with_change(name, flip, || project.fails(&["verify", "p"]));
        assert!(error.contains(said), "{name}: {error}");
    }
    let range = |bytes: &mut Vec<u8>| {
        let last = bytes.len() - 1;
        bytes[last] = 0x7f;
    };
    let error =
        project.with_change("genesis.int.safetensors", range, || project.fails(&["verify", "p"]));
    assert!(error.contains("bounds initial parameters by 2^"), "{error}");
    let digit = std::fs::read_to_string(project.path("round.toml")).unwrap();
    let digit = digit.split("0x").nth(1).unwrap()[..1].to_owned();
    let other = format!("0x{}", if digit == "a" { "b" } else { "a" });
    let error = project
        .with_text("round.toml", &format!("0x{digit}"), &other, || project.fails(&["verify", "p"]));
    assert!(error.contains("registered by 0x"), "{error}");
    let foreign = |text: &str| {
        project.with_text("round.toml", "0x", text, || project.fails(&["verify", "p"]))
    };
    assert!(foreign("zz").contains("prover: expected 20 bytes"));
    let error = project
        .with_text("round.toml", "round = 0", "round = 1", || project.fails(&["verify", "p"]));
    assert!(error.contains("the binding does not continue the chain"), "{error}");
    let here = |more: &str, expected: &str| {
        let text = format!("round = 0\n{more}");
        let error =
            project.with_text("round.toml", "round = 0", &text, || project.fails(&["verify", "p"]));
        assert!(error.contains(expected), "{error}");
    };
    let contract = format!("contract = \"0x{}\"", "11".repeat(20));
    here(&contract, "contract is set, but chain_id is not");
    here("domain = 1", "domain is set, but contract is not");
    here("contract = \"0x11\"", "contract: expected 20 bytes");
    let chain = format!("chain_id = 1\n{contract}");
    let error =
        project.with_text("round.toml", "chain_id = 0", &chain, || project.fails(&["verify", "p"]));
    assert!(error.contains("the binding does not continue the chain"), "{error}");
    let error = project
        .with_text("manifest.toml", "\"income\"", "\"debts\"", || project.fails(&["verify", "p"]));
    assert!(error.contains("another manifest"), "{error}");
}

#[test]
fn proofs_in_another_order_or_number_are_rejected() {
    let project = Project::trained(1);
    project.ok(&["prove", "p", "--compress", "none"]);
    let paths = [0, 1, 2, 3].map(|i| project.path(&format!("proofs/{i:06}.proof.NOT-ZK")));
    let moved = project.path("moved");
    std::fs::rename(&paths[1], &moved).unwrap();
    assert!(project.fails(&["verify", "p"]).contains("proof 1 is missing"));
    std::fs::rename(&paths[2], &paths[1]).unwrap();
    std::fs::rename(&moved, &paths[2]).unwrap();
    assert!(project.fails(&["verify", "p"]).contains("000001.proof.NOT-ZK: REJECTED"));
    std::fs::rename(&paths[1], &moved).unwrap();
    std::fs::rename(&paths[2], &paths[1]).unwrap();
    std::fs::rename(&moved, &paths[2]).unwrap();
    project.verify(&["p"]);
    // A shorter chain is valid, but not the one that the model's opening belongs to.
    std::fs::remove_file(&paths[3]).unwrap();
    assert!(
        project.fails(&["verify", "p"]).contains("belongs to a chain of 4 proofs, there are 3")
    );
}

#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_reported() {
    let project = Project::trained(6);
    let mut child = project.command(&["prove", "p", "--compress", "none"]).spawn().unwrap();
    let started = Instant::now();
    while !project.path("secret/after-000003").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "no proof appears");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let proof =
        |i: usize| std::fs::read(project.path(&format!("proofs/{i:06}.proof.NOT-ZK"))).unwrap();
    let before: Vec<Vec<u8>> = (0..4).map(proof).collect();
    // As a crash while a file is being written leaves it.
    std::fs::write(project.path("proofs/000023.proof.NOT-ZK.partial"), "half").unwrap();
    let report = project.json(&["prove", "p", "--compress", "none"]);
    assert_eq!(report["complete"], 24);
    assert!(report["made"].as_u64().unwrap() <= 20);
    assert_eq!(before, (0..4).map(proof).collect::<Vec<_>>());
    assert_eq!(project.verify(&["p"])["proofs"], 24);
}

#[test]
fn a_proof_without_its_state_is_made_again() {
    let project = Project::trained(1);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "3"]);
    std::fs::remove_file(project.path("secret/after-000002")).unwrap();
    let report = project.json(&["prove", "p", "--compress", "none"]);
    assert_eq!((&report["made"], &report["complete"]), (&2.into(), &4.into()));
    assert_eq!(project.verify(&["p"])["final_model"], true);
}

#[test]
fn proofs_are_made_in_parts_again_and_further() {
    let project = Project::trained(1);
    let part = project.json(&["prove", "p", "--compress", "none", "--proofs", "1"]);
    assert_eq!((&part["complete"], &part["opening"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(project.verify(&["p"])["final_model"], false);
    assert!(
        project
            .fails(&["prove", "p", "--compress", "none", "--from", "3"])
            .contains("1 proofs are complete")
    );
    assert!(
        project
            .fails(&["prove", "p", "--compress", "none", "--from", "9"])
            .contains("4 windows were trained")
    );
    project.ok(&["prove", "p", "--compress", "none"]);
    assert_eq!(project.json(&["prove", "p", "--compress", "none", "--from", "2"])["made"], 2);
    assert_eq!(project.verify(&["p"])["final_model"], true);
    project.ok(&["train", "p", "--steps", "6"]);
    assert_eq!(project.verify(&["p"])["final_model"], false);
    assert_eq!(project.json(&["prove", "p", "--compress", "none"])["made"], 2);
    assert_eq!(project.verify(&["p"])["steps"], 6);
}

#[test]
fn a_model_trained_for_less_than_what_is_proven_is_noticed() {
    let project = Project::trained(1);
    project.ok(&["prove", "p", "--compress", "none"]);
    project.ok(&["train", "p", "--steps", "2"]);
    let said = project.ok(&["prove", "p", "--compress", "none"]).stderr;
    assert!(String::from_utf8_lossy(&said).contains("more proofs than the 2 windows"));
    assert_eq!(project.verify(&["p"])["final_model"], false);
    project.ok(&["prove", "p", "--compress", "none", "--from", "2"]);
    let report = project.verify(&["p"]);
    assert_eq!((&report["proofs"], &report["final_model"]), (&2.into(), &true.into()));
}

#[test]
fn only_one_process_works_on_a_project() {
    let project = Project::trained(6);
    let mut child = project.command(&["prove", "p", "--compress", "none"]).spawn().unwrap();
    while !project.path("secret/after-000000").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(project.fails(&["prove", "p", "--compress", "none"]).contains("another process holds"));
    child.kill().unwrap();
    child.wait().unwrap();
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "1"]);
}

#[test]
fn data_that_changed_since_the_registration_are_refused() {
    let project = Project::trained(1);
    assert!(project.fails(&["data", "commit", "p", "--plain"]).contains("exists already"));
    let data = project.folder.path().join("mine.csv");
    let text = std::fs::read_to_string(&data).unwrap();
    // So many that some are of rows that are trained on, whichever those are.
    let changed = ["1", "3", "5", "7"]
        .iter()
        .fold(text, |text, digit| text.replace(&format!(".{digit}"), ".9"));
    std::fs::write(&data, changed).unwrap();
    assert!(project.fails(&["train", "p"]).contains("not those that were registered"));
    assert!(
        project
            .fails(&["prove", "p", "--compress", "none"])
            .contains("not those that were registered")
    );
    project.ok(&["data", "commit", "p", "--plain", "--force"]);
    assert!(project.fails(&["prove", "p", "--compress", "none"]).contains("train first"));
    project.ok(&["train", "p"]);
    project.ok(&["prove", "p", "--compress", "none"]);
    project.verify(&["p"]);
}

#[test]
fn a_lost_reference_string_is_not_silently_replaced() {
    let project = Project::trained(1);
    std::fs::remove_file(project.path("srs.bin")).unwrap();
    assert!(project.fails(&["prove", "p", "--compress", "none"]).contains("srs.bin is missing"));
    project.ok(&["srs", "generate", "--power", "14", "-o", "p/srs.bin"]);
    assert!(
        project
            .fails(&["prove", "p", "--compress", "none"])
            .contains("another manifest, dataset or reference string")
    );
}

#[test]
fn a_bad_manifest_is_refused_with_the_field() {
    let project = Project::with_rows(40);
    project.init(&[]);
    for (from, to, said) in [
        ("batch = 8", "batch = 7", "training.batch: expected a power of two, got 7"),
        ("batch = 8", "batch = 8\nspeed = 9", "training.speed"),
        ("momentum = 0.5", "momentum = 1.5", "optimizer.momentum"),
        ("kind = \"relu\"", "kind = \"swish\"", "model.layers[1].kind"),
        ("[training]", "[training", "manifest.toml: manifest"),
    ] {
        let error = project.with_text("manifest.toml", from, to, || {
            project.fails(&["data", "commit", "p", "--plain"])
        });
        assert!(error.contains("manifest.toml") && error.contains(said), "{to}: {error}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let project = Project::with_rows(40);
    assert!(project.fails(&["data", "commit", "nowhere"]).contains("zktrain init"));
    assert!(project.fails(&["verify", "nowhere"]).contains("is missing"));
    assert!(project.fails(&["init", "p"]).contains("--preset breast-cancer"));
    let own = ["init", "p", "--data", "mine.csv", "--label", "default"];
    assert!(project.fails(&own).contains("--calibrate-on synthetic"));
    let synthetic = [&own[..], &["--calibrate-on", "synthetic"]].concat();
    assert!(project.fails(&synthetic).contains("--classes"));
    assert!(project.fails(&["init", "p", "--preset", "iris"]).contains("german-credit"));
    let missing = ["init", "p", "--data", "no.csv", "--label", "x", "--calibrate-on", "no.csv"];
    assert!(project.fails(&missing).contains("no.csv"));
    project.init(&["--keep-order"]);
    assert!(project.fails(&["init", "p", "--preset", "digits"]).contains("exists already"));
    assert!(project.fails(&["train", "p"]).contains("zktrain data commit"));
    project.ok(&["data", "commit", "p", "--plain"]);
    assert!(project.fails(&["prove", "p", "--compress", "none"]).contains("zktrain train"));
    assert!(project.fails(&["train", "p", "--epochs", "99999"]).contains("--max-steps"));
    let json = project.run(&["prove", "p", "--compress", "none", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(object["error"].as_str().unwrap().contains("training.json"));
    assert!(object["hint"].as_str().unwrap().contains("zktrain train"));
    assert_eq!(json.status.code(), Some(1));
    assert_eq!(project.run(&["fly"]).status.code(), Some(2));
}

#[test]
fn a_shape_must_fit_the_data() {
    let project = Project::with_rows(40);
    let own =
        ["init", "p", "--data", "mine.csv", "--label", "default", "--calibrate-on", "mine.csv"];
    let shaped = |shape| [&own[..], &["--batch", "8", "--shape", shape]].concat();
    assert!(project.fails(&shaped("5-3-2")).contains("--shape says 5 inputs, the data have 4"));
    assert!(project.fails(&shaped("4-3-9")).contains("9 outputs"));
    assert!(project.fails(&shaped("4")).contains("widths like 30-16-2"));
    assert_eq!(project.json(&shaped("4-3-5-2"))["shape"], "4-3-5-2");
}

#[test]
fn a_manifest_written_by_hand_is_completed() {
    let project = Project::with_rows(40);
    let draft = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/credit.toml");
    let own = ["init", "p", "--manifest", draft, "--data", "mine.csv"];
    assert!(project.fails(&own).contains("--calibrate-on"));
    let report = project.json(&[&own[..], &["--calibrate-on", "synthetic"]].concat());
    assert_eq!((&report["shape"], &report["steps_per_proof"]), (&"4-8-2".into(), &2.into()));
    project.ok(&["data", "commit", "p", "--plain"]);
    project.ok(&["train", "p"]);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "1"]);
    assert_eq!(project.verify(&["p"])["steps"], 2);
    let complete = ["init", "q", "--manifest", "p/manifest.toml", "--data", "mine.csv"];
    let again = project.json(&complete);
    assert_eq!(again["manifest_hash"], report["manifest_hash"]);
}

#[test]
fn reference_strings_are_made_read_and_never_silently_insecure() {
    let project = Project::with_rows(1);
    let made = project.ok(&["srs", "generate", "--power", "4", "-o", "s.bin", "--full"]);
    assert!(String::from_utf8_lossy(&made.stderr).contains("INSECURE"));
    let info = project.ok(&["srs", "info", "s.bin", "--check", "--json"]);
    assert!(String::from_utf8_lossy(&info.stderr).contains("WARNING"));
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&info["power"], &info["claims_insecure"]), (&4.into(), &true.into()));
    assert_eq!((&info["phase_two"], &info["checked"]), (&true.into(), &true.into()));
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/prover/commit/tests/fixtures/pot6.ptau");
    let imported = project.json(&["srs", "import", fixture, "-o", "i.bin"]);
    assert_eq!((&imported["power"], &imported["claims_insecure"]), (&6.into(), &false.into()));
    // Of no ceremony that the program knows, whatever the file says.
    assert_eq!(imported["known"], serde_json::Value::Null);
    let info = project.ok(&["srs", "info", "i.bin"]);
    assert!(!String::from_utf8_lossy(&info.stderr).contains("WARNING"));
    assert!(project.fails(&["srs", "import", "mine.csv", "-o", "x.bin"]).contains("mine.csv"));
    assert!(!project.folder.path().join("x.bin").exists());
}

#[test]
fn data_and_models_can_be_looked_at() {
    let project = Project::trained(1);
    let data = project.json(&["data", "inspect", "mine.csv"]);
    assert_eq!(data["files"][0]["rows"], 40);
    assert_eq!(data["files"][0]["columns"][1]["name"], "age");
    let [real, integer] = ["p/model.safetensors", "p/model.int.safetensors"]
        .map(|file| project.json(&["model", "inspect", file]));
    assert_eq!(real["parameters"], 4 * 3 + 3 + 3 * 2 + 2);
    assert!(integer["weight_frac"].as_u64().is_some());
    let largest = |model: &serde_json::Value| model["tensors"][1]["max"].as_f64().unwrap();
    assert!((largest(&real) - largest(&integer)).abs() < 1e-6);
    assert!(project.fails(&["model", "inspect", "mine.csv"]).contains("mine.csv"));
}

/// Before anything is trained, and in words.
#[test]
fn what_a_proof_takes_is_told_of_a_manifest() {
    let project = Project::with_rows(40);
    project.init(&[]);
    let manifest = project.json(&["model", "cost", "p/manifest.toml"]);
    assert_eq!(
        (&manifest["parameters"], &manifest["prove_s"]),
        (&23.into(), &serde_json::Value::Null)
    );
    for name in
        ["rows", "committed_entries", "proof_bytes", "circuit_rows", "gas_halo2", "memory_mb"]
    {
        assert!(manifest[name].as_u64().is_some_and(|count| count > 0), "{name}: {manifest}");
    }
    let told = project.ok(&["model", "cost", "p/manifest.toml"]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("--time"));
    for (file, why) in [("absent.toml", "zktrain init"), ("mine.csv", "mine.csv")] {
        assert!(project.fails(&["model", "cost", file]).contains(why), "{file}");
    }
}

#[test]
fn a_step_is_measured_as_one_json_object() {
    let project = Project::with_rows(1);
    let report =
        project.json(&["bench", "step", "--shape", "4-3-2", "--batch", "8", "--runs", "1"]);
    for name in [
        "train_s",
        "witness_s",
        "commit_s",
        "sumcheck_s",
        "lookup_s",
        "open_s",
        "prove_s",
        "verify_ms",
        "proof_bytes",
        "peak_rss_mb",
        "committed_entries",
        "commit_floor_s",
        "compress_s",
        "total_s",
        "gas_halo2",
        "gas_groth16",
    ] {
        assert!(report[name].as_f64().is_some_and(|x| x > 0.0), "{name}: {}", report[name]);
    }
}

#[test]
fn the_demonstration_shows_a_rejection() {
    let project = Project::with_rows(1);
    let report = project.json(&["demo", "--alone", "--out", "d", "--epochs", "1"]);
    assert_eq!(
        (&report["verify"]["valid"], &report["verify"]["final_model"]),
        (&true.into(), &true.into())
    );
    assert!(report["rejection"].as_str().unwrap().contains("REJECTED"));
    let pins = report["pins"].as_array().unwrap().iter().map(|pin| pin.as_str().unwrap());
    let again = [vec!["verify", "d", "--strict"], pins.collect()].concat();
    assert_eq!(project.json(&again)["pinned"], true);
    let accuracy =
        |i: usize| report["train"]["epochs"][i]["held_out"]["accuracy"].as_f64().unwrap();
    assert!(accuracy(1) > accuracy(0));
}
