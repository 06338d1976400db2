//! Nothing is written over that cannot be made again, and nothing is lost before its replacement
//! is on disk.

use crate::project;

use project::{Project, files};

/// Contents of all files of the project, the lock left out.
fn contents(project: &Project) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let all = files(&project.path("")).into_iter().filter(|path| !path.ends_with("lock"));
    all.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn registering_again_loses_nothing_whatever_the_data_are() {
    let project = Project::trained(1);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "2"]);
    let data = project.folder.path().join("mine.csv");
    let honest = std::fs::read_to_string(&data).unwrap();
    let before = contents(&project);
    let force = ["data", "commit", "p", "--plain", "--force"];
    let hint = project.fails(&force[..4]);
    assert!(hint.contains("--force") && hint.contains("secret/replaced"), "{hint}");
    assert!(!hint.contains("delete"), "{hint}");
    let mut lines: Vec<&str> = honest.lines().collect();
    lines[9] = "oops,1,2,3,yes";
    for broken in [lines.join("\n"), String::new(), lines[..3].join("\n")] {
        std::fs::write(&data, broken).unwrap();
        project.fails(&force);
        assert!(contents(&project) == before, "files of the project changed");
    }
    std::fs::remove_file(&data).unwrap();
    project.fails(&force);
    assert!(contents(&project) == before, "files of the project changed");

    std::fs::write(&data, &honest).unwrap();
    project.ok(&force);
    assert!(!project.path("proofs/000000.proof.NOT-ZK").exists());
    let aside = project.path("secret/replaced/1");
    for name in [
        "secret/dataset",
        "secret/after-000000",
        "secret/after-000001",
        "proofs/000001.proof.NOT-ZK",
        "registration.NOT-ZK",
        "training.json",
    ] {
        let (_, old) = before.iter().find(|(path, _)| *path == project.path(name)).unwrap();
        assert!(std::fs::read(aside.join(name)).unwrap() == *old, "{name}");
    }
    project.ok(&["train", "p"]);
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "1"]);
    // Proofs that are made again leave the earlier ones aside as well.
    let proof = std::fs::read(project.path("proofs/000000.proof.NOT-ZK")).unwrap();
    project.ok(&["prove", "p", "--compress", "none", "--from", "0", "--proofs", "1"]);
    let kept = project.path("secret/replaced/2/proofs/000000.proof.NOT-ZK");
    assert!(std::fs::read(kept).unwrap() == proof);
}

/// A crash between the decision and the last rename, as the next command finds it.
#[test]
fn a_registration_that_a_crash_interrupted_is_finished_by_the_next_command() {
    let project = Project::trained(1);
    let (dataset, registration) =
        (project.path("secret/dataset"), project.path("registration.NOT-ZK"));
    let old = std::fs::read(&dataset).unwrap();
    project.ok(&["data", "commit", "p", "--plain", "--force"]);
    let new = [&dataset, &registration].map(|path| std::fs::read(path).unwrap());
    // Back to where the old files were moved and the new ones were not.
    let staged = project.path("secret/replacing");
    std::fs::create_dir(&staged).unwrap();
    std::fs::rename(&registration, staged.join("0")).unwrap();
    std::fs::rename(&dataset, staged.join("1")).unwrap();
    std::fs::write(staged.join("moved"), "").unwrap();
    let plan = r#"{"aside": "secret/replaced/1", "old": ["secret/dataset"],
        "new": ["registration.NOT-ZK", "secret/dataset"]}"#;
    std::fs::write(staged.join("plan.json"), plan).unwrap();
    // Who only reads takes no lock: it says so, and which command finishes.
    let said = project.fails(&["verify", "p"]);
    assert!(said.contains("secret/replacing") && said.contains("was interrupted"), "{said}");
    assert!(said.contains("`zktrain train` finishes it"), "{said}");
    let finished = || {
        project.ok(&["train", "p"]);
        assert!([&dataset, &registration].map(|path| std::fs::read(path).unwrap()) == new);
        assert!(std::fs::read(project.path("secret/replaced/1/secret/dataset")).unwrap() == old);
        let left = ["replacing", "replacing.done", "replaced/2"];
        assert!(left.iter().all(|name| !project.path("secret").join(name).exists()));
    };
    finished();
    // What a crash leaves while the folder is deleted: under its own name, as earlier versions did,
    // the plan or the mark gone first; and under the other one.
    let crashes: [(&str, &[(&str, &str)]); 4] = [
        ("replacing", &[("moved", "")]),
        ("replacing", &[("plan.json", plan)]),
        ("replacing", &[]),
        ("replacing.done", &[("plan.json", plan)]),
    ];
    for (folder, left) in crashes {
        let folder = project.path("secret").join(folder);
        std::fs::create_dir(&folder).unwrap();
        left.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
        finished();
    }
    project.ok(&["prove", "p", "--compress", "none", "--proofs", "1"]);
    project.verify(&["p"]);
}

#[test]
fn addresses_proofs_and_pages_are_not_written_over() {
    let project = Project::with_rows(1);
    let folder = project.folder.path();
    std::fs::create_dir(folder.join("chain")).unwrap();
    let files = ["chain/chain.json", "precious"].map(|name| folder.join(name));
    files.iter().for_each(|path| std::fs::write(path, "precious").unwrap());
    let deploy = ["chain", "deploy", "--key", "none.json"];
    let named = [&deploy[..], &["--deployment", "precious"]].concat();
    let refused: [&[&str]; 5] = [
        // Before a key is asked for: nothing is paid for what would not be kept.
        &deploy,
        &named,
        &["chain", "work", "1", "p", "--out", "precious", "--key", "none.json"],
        &["audit", "precious", "--lineage", "none", "--html", "precious"],
        &["bench", "accuracy", "-o", "precious"],
    ];
    for command in refused {
        let error = project.fails(command);
        assert!(error.contains("exists already") && error.contains("--force"), "{error}");
    }
    // Where it is meant, each goes on to what is missing here.
    for command in refused.into_iter().take(4) {
        let error = project.fails(&[command, &["--force"]].concat());
        assert!(!error.contains("exists already"), "{error}");
    }
    assert!(files.iter().all(|path| std::fs::read(path).unwrap() == b"precious"));
}

#[test]
fn strings_and_keys_are_not_written_over() {
    let project = Project::trained(1);
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/prover/commit/tests/fixtures/pot6.ptau");
    let ceremony = project.folder.path().join("c.ptau");
    std::fs::copy(fixture, &ceremony).unwrap();
    project.ok(&["setup", "insecure", "p"]);
    let refused: [&[&str]; 6] = [
        &["srs", "generate", "--power", "4", "-o", "p/srs.bin"],
        &["srs", "import", "c.ptau", "-o", "p/srs.bin"],
        &["srs", "import", "c.ptau", "-o", "c.ptau"],
        &["setup", "insecure", "p"],
        &["setup", "new", "p", "-o", "c.ptau"],
        &["keys", "derive", "p", "-o", "p/secret/dataset"],
    ];
    let before = contents(&project);
    for command in refused {
        let error = project.fails(command);
        assert!(error.contains("exists already"), "{command:?}: {error}");
        assert!(contents(&project) == before, "{command:?}");
    }
    // Not even where it is meant: a ceremony's file is no string of ours afterwards.
    project.fails(&["srs", "import", "c.ptau", "-o", "./c.ptau", "--force"]);
    assert!(std::fs::read(&ceremony).unwrap() == std::fs::read(fixture).unwrap());
    // Without a manifest a folder may still hold secrets.
    std::fs::rename(project.path("manifest.toml"), project.path("moved.toml")).unwrap();
    let init = ["init", "p", "--preset", "breast-cancer"];
    assert!(project.fails(&init).contains("exists already"));
    std::fs::rename(project.path("moved.toml"), project.path("manifest.toml")).unwrap();
    assert!(contents(&project) == before);

    project.ok(&["setup", "insecure", "p", "--force"]);
    project.ok(&["srs", "generate", "--power", "14", "-o", "p/srs.bin", "--force"]);
    let after = contents(&project);
    let changed = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| &a.0);
    let names = ["keys/groth16.pk", "keys/groth16.vk", "srs.bin"].map(|name| project.path(name));
    assert!(changed.eq(&names));
}
