//! Data as people have them: what is read, what is refused and in which words, and what a model
//! never sees of them.

use crate::project;

use project::{Project, csv, rows};

const OWN: [&str; 5] = ["init", "p", "--data", "mine.csv", "--label"];
const SMALL: [&str; 4] = ["--hidden", "3", "--batch", "8"];

/// A project's folder with public data beside the owner's.
fn with_public(rows_of: usize) -> Project {
    let project = Project::with_rows(40);
    write(&project, "public.csv", &csv(&rows(rows_of, 1)));
    project
}

fn write(project: &Project, name: &str, text: &str) {
    std::fs::write(project.folder.path().join(name), text).unwrap();
}

/// The owner's file with a column put in front.
fn with_column(name: &str, cell: impl Fn(usize) -> String) -> String {
    let text = csv(&rows(40, 0));
    let line = |(i, line): (usize, &str)| match i {
        0 => format!("{name},{line}\n"),
        row => format!("{},{line}\n", cell(row)),
    };
    text.lines().enumerate().map(line).collect()
}

fn init(label: &str, more: &[&str]) -> Vec<String> {
    let all = OWN.iter().chain(std::iter::once(&label)).chain(&SMALL).chain(more);
    all.map(|arg| (*arg).to_owned()).collect()
}

fn fails(project: &Project, args: &[String]) -> String {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = project.fails(&args);
    assert!(!project.path("").exists(), "{args:?} left a folder behind");
    said
}

#[test]
fn text_that_the_model_does_not_need_is_left_out_and_said_to_be() {
    let project = with_public(40);
    write(
        &project,
        "mine.csv",
        &with_column("id,visit,\u{1b}[2Knote", |row| {
            format!("P{row},2024-01-{row},\"fell, twice\nat home\"")
        }),
    );
    let args = init("default", &["--calibrate-on", "public.csv"]);
    let report = project.json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(report["left_out"], serde_json::json!(["id", "visit", "\u{1b}[2Knote"]));
    assert_eq!(report["classes"], serde_json::json!(["no", "yes"]));
    assert_eq!(
        (&report["shape"], &report["loss"]),
        (&"4-3-2".into(), &"softmax-cross-entropy".into())
    );
    project.ok(&["data", "commit", "p", "--plain"]);
    // Text columns are shown; what cannot be seen does not reach the terminal as it is.
    let seen = project.json(&["data", "inspect", "mine.csv"]);
    assert_eq!(seen["files"][0]["columns"][1]["not_numbers"], 40);
    let seen = project.ok(&["data", "inspect", "mine.csv", "--label", "default"]);
    let seen = String::from_utf8(seen.stdout).unwrap();
    assert!(seen.contains("visit") && !seen.contains('\u{1b}'), "{seen}");
}

/// A column that the public file lacks, by mistake perhaps.
#[test]
fn a_column_of_numbers_never_vanishes_without_a_word() {
    let project = with_public(40);
    write(&project, "mine.csv", &with_column("dose", |row| row.to_string()));
    let public = ["--calibrate-on", "public.csv"];
    let said = fails(&project, &init("default", &public));
    for part in ["mine.csv", "\"dose\"", "public.csv", "--ignore \"dose\""] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = fails(&project, &init("default", &[&public[..], &["--ignore", "doses"]].concat()));
    assert!(said.contains("no column is called \"doses\""), "{said}");
    let args = init("default", &[&public[..], &["--ignore", "dose"]].concat());
    let report = project.json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(report["left_out"], serde_json::json!(["dose"]));
    // Of columns that are named, none is missed.
    let complete = ["init", "q", "--manifest", "p/manifest.toml", "--data", "mine.csv"];
    assert_eq!(project.json(&complete)["left_out"], serde_json::json!(["dose"]));
}

/// What `data commit` would refuse is said by `init`, which leaves nothing behind.
#[test]
fn data_that_do_not_suit_are_refused_before_there_is_a_project() {
    let project = with_public(40);
    let public = ["--calibrate-on", "public.csv"];
    let mine = |text: &str| {
        write(&project, "mine.csv", text);
        fails(&project, &init("default", &public))
    };
    let text = csv(&rows(40, 0));
    let other = text.replacen("age", "years", 1);
    let cases: [(&str, &[&str]); 5] = [
        (&other, &["\"age\" is missing", "\"income\", \"years\""]),
        ("", &["mine.csv: the file is empty"]),
        (&text.replace(',', ";"), &["is the separator ';'"]),
        (&text.replacen(",no\n", ",maybe\n", 1), &["the label is none of the manifest's classes"]),
        (&text.replacen(",no\n", ",\n", 1), &["no label"]),
    ];
    for (text, expected) in cases {
        let said = mine(text);
        assert!(expected.iter().all(|part| said.contains(part)), "{expected:?}: {said}");
    }
    std::fs::remove_file(project.folder.path().join("mine.csv")).unwrap();
    let said = fails(&project, &init("default", &public));
    assert!(said.contains("mine.csv: No such file"), "{said}");
}

#[test]
fn public_data_and_options_that_do_not_suit_are_named() {
    let project = with_public(40);
    let public = csv(&rows(40, 1));
    write(&project, "label.csv", &public.replacen(",no\n", ",\n", 1));
    write(&project, "index.csv", &public.replacen("income", "", 1));
    let immense = public.split('\n').nth(3).unwrap().split(',').next().unwrap();
    write(&project, "immense.csv", &public.replacen(immense, "1e300", 1));
    write(&project, "x.npy", "");
    let on = |file: &'static str| ["--calibrate-on", file];
    let cases: [(&str, Vec<&str>, &[&str]); 12] = [
        ("default", on("label.csv").to_vec(), &["label.csv: row", "no label"]),
        ("default", on("index.csv").to_vec(), &["index.csv: column 1 has no name"]),
        ("default", on("immense.csv").to_vec(), &["immense.csv: row 3, column \"income\""]),
        ("default", on("x.npy").to_vec(), &["--calibrate-labels is required"]),
        ("default", [&on("public.csv")[..], &["--steps-per-proof", "10"]].concat(), &["8 or 16"]),
        (
            "age",
            [&on("public.csv")[..], &["--regression", "--loss", "logistic"]].concat(),
            &["--loss mse is required with --regression"],
        ),
        (
            "age",
            [&on("public.csv")[..], &["--loss", "logistic", "--ignore", "default"]].concat(),
            &["40 distinct labels"],
        ),
        (
            "default",
            [&on("public.csv")[..], &["--weight-decay", "1e-9"]].concat(),
            &["--weight-decay: rounding changes it", "nearest weight decay"],
        ),
        ("default", [&on("public.csv")[..], &["--scale", "1e13"]].concat(), &["--scale: expected"]),
        ("default", [&on("public.csv")[..], &["--ignore", "default"]].concat(), &["is the label"]),
        (
            "default",
            [&on("synthetic")[..], &["--classes", "no"]].concat(),
            &["--classes: expected"],
        ),
        ("fault", on("public.csv").to_vec(), &["column \"fault\" is missing", "\"tenure\""]),
    ];
    for (label, more, expected) in cases {
        // An option is given once.
        let args: Vec<String> = match more.contains(&"--batch") {
            true => OWN
                .iter()
                .chain(std::iter::once(&label))
                .chain(&more)
                .map(|arg| (*arg).to_owned())
                .collect(),
            false => init(label, &more),
        };
        let said = fails(&project, &args);
        assert!(expected.iter().all(|part| said.contains(part)), "{expected:?}: {said}");
        assert!(!said.contains("data.features[") && said.len() < 1500, "{said}");
    }
}

#[test]
fn labels_that_are_hardly_classes_are_warned_of() {
    let project = with_public(40);
    let public = ["--calibrate-on", "public.csv", "--data", "public.csv"];
    let init = |label: &str, more: &[&str]| {
        let args = [&["init", "p", "--label", label][..], &SMALL[..], &public, more].concat();
        let output = project.ok(&args);
        std::fs::remove_dir_all(project.path("")).unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (_, said) = init("age", &["--ignore", "default"]);
    assert!(said.contains("40 different labels in 40 rows"), "{said}");
    assert!(said.contains("say --regression"), "{said}");
    // Which loss a number has goes without saying; what was chosen is said.
    let (report, said) = init("age", &["--ignore", "default", "--regression"]);
    assert!(report.contains("age: a number; loss mse"), "{report}");
    assert!(
        report.contains("learning rate 0.0625") && report.contains("activations relu"),
        "{report}"
    );
    assert!(!said.contains("different labels"), "{said}");
    write(&project, "public.csv", &csv(&rows(40, 1)).replacen(",no\n", ",No\n", 1));
    let (report, said) = init("default", &[]);
    assert!(report.contains("3 classes, No, no, yes"), "{report}");
    assert!(said.contains("look alike"), "{said}");
}

/// A file of the user's own that is called as the data that come with the program.
#[test]
fn bundled_data_take_the_place_of_nothing() {
    let project = Project::with_rows(1);
    std::fs::create_dir(project.path("")).unwrap();
    std::fs::write(project.path("digits.csv"), "mine").unwrap();
    let preset = ["init", "p", "--preset", "digits", "--hidden", "3"];
    assert!(project.fails(&preset).contains("digits.csv exists already"));
    assert_eq!(std::fs::read(project.path("digits.csv")).unwrap(), b"mine");
    std::fs::remove_file(project.path("digits.csv")).unwrap();
    project.ok(&preset);
    assert!(project.path("digits.csv").exists());
}

/// Values that the scales cannot hold, and rows that fill no window, are told of with their share.
#[test]
fn what_the_model_never_sees_is_said_loudly() {
    let project = Project::with_rows(43);
    let args = init("default", &["--calibrate-on", "synthetic", "--classes", "no,yes"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = project.ok(&[&args[..], &["--keep-order", "--held-out", "0.3"]].concat());
    let warned = |output: &std::process::Output| {
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        for part in ["\"income\" 100.0 %", "--scale", "7 of 31 rows for training (22.6 %)"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    warned(&output);
    let output = project.ok(&["data", "commit", "p", "--plain", "--json"]);
    warned(&output);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["clamped"], &report["held_out_clamped"]), (&124.into(), &48.into()));
    assert_eq!(report["dropped_rows"], 7);
    let column = serde_json::json!(
        {"column": "income", "label": false, "values": 43, "rows": 43, "share": 1.0});
    assert_eq!(report["clamped_columns"][0], column);
}

/// Targets of rows held out that are far beyond what the scales hold.
#[test]
fn held_out_losses_are_against_the_targets_as_they_are() {
    let project = Project::with_rows(1);
    let near: String = (0..32).map(|i| format!("{},{}\n", i % 7, i % 7)).collect();
    let far: String = (0..32).map(|i| format!("{},1000\n", i % 7)).collect();
    write(&project, "public.csv", &format!("x,y\n{near}"));
    write(&project, "mine.csv", &format!("x,y\n{near}{far}"));
    let args =
        ["--regression", "--calibrate-on", "public.csv", "--keep-order", "--held-out", "0.5"];
    let shape = ["--shape", "1-1", "--batch", "8"];
    project.ok(&[&OWN[..], &["y"], &args, &shape].concat());
    let output = project.ok(&["data", "commit", "p", "--plain", "--json"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("32 of 64 values to predict (50.0 %)"), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["clamped"], &report["held_out_clamped"]), (&0.into(), &32.into()));
    let report = project.json(&["train", "p", "--epochs", "2"]);
    let last = &report["epochs"].as_array().unwrap()[2];
    // About ((1000 − 3) / 2)² / 2, the deviation of 0 … 6 being 2.
    let (held_out, train) = (&last["held_out"]["loss"], &last["train"]["loss"]);
    assert!(held_out.as_f64().unwrap() > 100_000.0, "{last}");
    assert!(train.as_f64().unwrap() < 1.0, "{last}");
}

#[test]
fn inspecting_says_what_a_file_looks_like() {
    let project = Project::with_rows(40);
    let said = |name: &str, text: &str| {
        write(&project, name, text);
        project.fails(&["data", "inspect", name])
    };
    assert!(said("s.csv", "a;b;y\n1;2;0\n").contains("is the separator ';'"));
    assert!(said("e.csv", "").contains("the file is empty"));
    assert!(said("z.npz", "PK\u{3}\u{4}").contains("ZIP archive"));
    assert!(said("y.csv", "y\n1\n").contains("no column beside the label \"y\""));
    assert!(said("n.csv", "a,y,\n1,0,\n").contains("--label"));
    // A header is read as CSV, whatever is in it.
    write(&project, "q.csv", "\u{feff}a,\"x,y\"\n1,0\n2,1\nNA,1\n");
    let seen = &project.json(&["data", "inspect", "q.csv"])["files"][0];
    assert_eq!((&seen["rows"], &seen["labels"]["1"]), (&3.into(), &2.into()));
    assert_eq!(
        (&seen["columns"][0]["name"], &seen["columns"][0]["not_numbers"]),
        (&"a".into(), &1.into())
    );
    // Of many labels some are shown, and that there are more is said.
    let many: String = (0..50).map(|i| format!("1,{i}\n")).collect();
    write(&project, "m.csv", &format!("a,y\n{many}"));
    let seen = String::from_utf8(project.ok(&["data", "inspect", "m.csv"]).stdout).unwrap();
    assert!(seen.contains("50 different ones") && seen.contains("mean 24.5"), "{seen}");
}
