//! A small project for tests of the command-line program.
#![allow(dead_code)]

pub mod planted;
pub mod relabel;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Of all keystores.
pub const PASSWORD: &str = "correct horse battery staple";

/// Columns of the small CSV file.
pub const COLUMNS: [&str; 4] = ["income", "age", "debt", "tenure"];

/// Rows whose cells are recognisable: four digits before the point, four after it.
pub fn rows(count: usize, salt: u64) -> Vec<([f64; 4], &'static str)> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ salt;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        1000.0 + ((state >> 33) % 80_000_000) as f64 / 10_000.0
    };
    let row = |_| {
        let cells = [next(), next(), next(), next()];
        (cells, if cells[0] + cells[1] > cells[2] + cells[3] { "yes" } else { "no" })
    };
    (0..count).map(row).collect()
}

/// The rows as a CSV file.
pub fn csv(rows: &[([f64; 4], &str)]) -> String {
    let mut text = format!("{},default\n", COLUMNS.join(","));
    for (cells, label) in rows {
        let cells: Vec<String> = cells.iter().map(|x| format!("{x:.4}")).collect();
        writeln!(text, "{},{label}", cells.join(",")).unwrap();
    }
    text
}

/// A project directory with its data beside it.
pub struct Project {
    pub folder: TempDir,
    /// Everything that the program wrote on its outputs.
    pub said: std::cell::RefCell<Vec<u8>>,
    pins: std::cell::OnceCell<Vec<String>>,
}

impl Project {
    /// Data of `count` rows, and no project yet.
    pub fn with_rows(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.csv"), csv(&rows(count, 0))).unwrap();
        Self { folder, said: Vec::new().into(), pins: Default::default() }
    }

    /// A project of four windows, up to and including `zktrain train`; the registration is
    /// not compressed, which is quicker.
    pub fn trained(epochs: usize) -> Self {
        Self::registered(true, epochs)
    }

    /// The same with a compressed registration or without.
    pub fn registered(plain: bool, epochs: usize) -> Self {
        let project = Self::with_rows(40);
        project.init(&[]);
        let commit = ["data", "commit", "p", "--plain"];
        project.ok(&commit[..if plain { 4 } else { 3 }]);
        project.ok(&["train", "p", "--epochs", &epochs.to_string()]);
        project
    }

    /// Has the manifest's rows take `2^log` entries.
    #[allow(dead_code)] // not every test that has projects uses it
    pub fn shorten_rows(&self, log: u32) {
        let path = self.path("manifest.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().find(|line| line.starts_with("row_log = ")).unwrap().to_owned();
        std::fs::write(&path, text.replace(&line, &format!("row_log = {log}"))).unwrap();
    }

    /// Runs `zktrain init` with options that fit the data.
    pub fn init(&self, more: &[&str]) -> Output {
        let plain = [
            "init",
            "p",
            "--data",
            "mine.csv",
            "--label",
            "default",
            "--calibrate-on",
            "synthetic",
            "--classes",
            "no,yes",
            "--offset",
            "5000",
            "--scale",
            "0.0004",
            "--hidden",
            "3",
            "--batch",
            "8",
            "--momentum",
            "0.5",
            "--held-out",
            "0.2",
        ];
        let all: Vec<&str> = plain.iter().chain(more).copied().collect();
        self.ok(&all)
    }

    /// A file of the project.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("p").join(name)
    }

    /// A command in the folder above the project, with a umask that hides nothing.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_zktrain")]);
        command.args(args).current_dir(self.folder.path());
        // One cache for all tests, and not the user's.
        command.env("ZKTRAIN_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
        // A chain of this folder's own, and keys that nobody types passwords for.
        command.env("ZKTRAIN_CHAIN", "embedded:chain/chain.redb");
        command.env("ZKTRAIN_PASSWORD", PASSWORD);
        command
    }

    /// Runs the program.
    pub fn run(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().unwrap();
        let mut said = self.said.borrow_mut();
        said.extend_from_slice(&output.stdout);
        said.extend_from_slice(&output.stderr);
        output
    }

    /// Runs the program, which must succeed.
    pub fn ok(&self, args: &[&str]) -> Output {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {error}");
        output
    }

    /// Runs the program, which must succeed, and its JSON object.
    pub fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        serde_json::from_slice(&self.ok(&args).stdout).unwrap()
    }

    /// Options that pin the roots of the project as it was when this was first asked: these tests
    /// made them, so they know them first hand.
    pub fn pins(&self) -> Vec<&str> {
        let pins = self.pins.get_or_init(|| {
            let own = self.json(&["roots", "p"]);
            let options = own["options"].as_array().unwrap().iter();
            options.map(|option| option.as_str().unwrap().to_owned()).collect()
        });
        pins.iter().map(String::as_str).collect()
    }

    /// Those of them that single proofs rest on: these follow no model, and no order of windows.
    pub fn pins_of_proofs(&self) -> Vec<&str> {
        let pins = self.pins();
        let of_chains = ["--genesis-hash", "--nonce"];
        pins.chunks(2).filter(|pin| !of_chains.contains(&pin[0])).flatten().copied().collect()
    }

    /// Verifies with the project's roots pinned, which must succeed; the JSON object.
    pub fn verify(&self, args: &[&str]) -> Value {
        let single = args.first().is_some_and(|path| path.contains(".proof"));
        let pins = if single { self.pins_of_proofs() } else { self.pins() };
        let report = self.json(&[&["verify"], args, &pins].concat());
        assert_eq!((&report["valid"], &report["pinned"]), (&true.into(), &true.into()), "{report}");
        report
    }

    /// Runs the program, which must fail, and what it says about that.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?} succeeded or crashed");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs `work` with a file changed, then restores it.
    pub fn with_change<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Vec<u8>),
        work: impl FnOnce() -> T,
    ) -> T {
        let path = self.path(name);
        let original = std::fs::read(&path).unwrap();
        let mut changed = original.clone();
        change(&mut changed);
        assert_ne!(original, changed);
        std::fs::write(&path, changed).unwrap();
        let result = work();
        std::fs::write(&path, original).unwrap();
        result
    }

    /// Replaces text in a file while `work` runs.
    pub fn with_text<T>(&self, name: &str, from: &str, to: &str, work: impl FnOnce() -> T) -> T {
        let replace = |bytes: &mut Vec<u8>| {
            *bytes = String::from_utf8(bytes.clone()).unwrap().replace(from, to).into_bytes();
        };
        self.with_change(name, replace, work)
    }
}

/// All files under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}
