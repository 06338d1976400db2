//! What becomes of a demonstration's coordinator whose folder is lost: backups of it, made while it ran and
//! after its end, are restored, and it runs one more round.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use super::{Coordinator, OWNERS, PATIENCE};
use crate::project::{Project, files};

const SIGNED: &str = "signed.log";

/// All files of a folder by their names in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let named = |path: PathBuf| (path.strip_prefix(folder).unwrap().to_owned(), path);
    files(folder)
        .into_iter()
        .map(named)
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in contents(from) {
        fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
        fs::write(to.join(name), bytes).unwrap();
    }
}

/// What happens to a file.
type Change = fn(&Path);

impl Coordinator<'_> {
    fn signed(&self) -> String {
        fs::read_to_string(self.data().join(SIGNED)).unwrap()
    }

    fn coordinator(&self, args: &[&str]) -> Output {
        let own = ["--project", "coordinator", "--domain", "1"];
        let output = self.command(&[&["coordinator"], args, &own].concat()).output();
        output.unwrap()
    }

    fn succeeds(&self, args: &[&str]) {
        let output = self.coordinator(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The program fails, says this, and changes nothing.
    fn refused(&self, args: &[&str], why: &str) {
        let beside = |dir: &Path| fs::read_dir(dir.join("coordinator")).unwrap().count();
        let before = (contents(&self.data()), beside(&self.dir));
        let output = self.coordinator(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(why), "{why} is not in: {said}");
        assert!((contents(&self.data()), beside(&self.dir)) == before, "{why}: something changed");
    }

    pub fn back_up(&self, name: &str) {
        self.succeeds(&["backup", name]);
        assert!(!self.dir.join(name).join("data").join(SIGNED).exists(), "of the present alone");
    }

    /// The coordinator's disk is gone, but for what was signed.
    fn lose(&self, to: &str) {
        let (data, lost) = (self.data(), self.dir.join(to));
        fs::rename(&data, &lost).unwrap();
        fs::create_dir(&data).unwrap();
        fs::copy(lost.join(SIGNED), data.join(SIGNED)).unwrap();
    }

    /// Restoring `last` was possible, and is not any more when something in it is not as it was made.
    fn nothing_damaged_is_restored(&self) {
        let changes: [(&str, &str, Change); 5] = [
            ("data/lineage/chain.json", "chain.json: missing or changed since", |path| {
                let mut bytes = fs::read(path).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(path, bytes).unwrap();
            }),
            ("store.sqlite", "store.sqlite: missing or changed since", half),
            ("data/rounds.json", "rounds.json: missing or changed since", |path| {
                fs::remove_file(path).unwrap();
            }),
            ("backup.json", "backup.json: EOF while parsing", half),
            ("backup.json", "name the folder of a backup", |path| fs::remove_file(path).unwrap()),
        ];
        for (index, (name, why, change)) in changes.into_iter().enumerate() {
            let damaged = format!("damaged-{index}");
            copy(&self.dir.join("last"), &self.dir.join(&damaged));
            change(&self.dir.join(&damaged).join(name));
            self.refused(&["restore", &damaged], why);
        }
    }

    /// An old backup takes nothing back of what was signed after it was made.
    fn what_was_signed_stays(&self, rounds: usize) {
        let signed = self.signed();
        assert!(batches(&signed) >= rounds, "{signed}");
        self.succeeds(&["restore", "first"]);
        assert_eq!(self.signed(), format!("{signed}{{\"restored\":{{}}}}\n"));
        assert!(self.rounds().len() < rounds, "the rest is older");
        self.refused(&["restore", "last"], "nothing is restored over a coordinator's state");
    }

    /// It has not got the model that rounds start from by now.
    fn an_old_backup_opens_no_round(&self) {
        let (_server, chain) = self.serve_chain();
        let (mut coordinator, _) = self.start_coordinator(&chain, 1);
        let status = self.wait("coordinator", &mut coordinator, PATIENCE);
        assert_eq!(status.code(), Some(1));
        let said = self.said("coordinator");
        assert!(said.contains("as new as this version of the model"), "{said}");
        assert!(!said.contains("opened round="), "{said}");
    }
}

fn half(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

/// How many batches were signed.
fn batches(signed: &str) -> usize {
    signed.matches("\"batch\"").count()
}

/// A backup, `first`, was made while the coordinator ran; its folder is lost after its rounds.
pub fn a_lost_coordinator_is_restored_and_goes_on(project: &Project) {
    let coordinator = Coordinator::of(project);
    coordinator.back_up("last");
    coordinator.refused(&["backup", "last"], "name a folder that is not there yet");
    coordinator.refused(&["restore", "first"], "nothing is restored over a coordinator's state");
    let (rounds, signed) = (coordinator.rounds(), coordinator.signed());
    coordinator.lose("lost");
    coordinator.nothing_damaged_is_restored();
    coordinator.what_was_signed_stays(rounds.len());
    coordinator.an_old_backup_opens_no_round();
    coordinator.lose("older");
    coordinator.succeeds(&["restore", "last"]);
    let (lost, data) = (contents(&coordinator.dir.join("lost")), contents(&coordinator.data()));
    let kept = |name: &Path| name.starts_with("lineage") || name.starts_with("models");
    let mut all = lost.iter().filter(|(name, _)| kept(name));
    assert!(all.all(|(name, was)| data.get(name) == Some(was)), "files are as they were");
    coordinator.goes_on(1);
    let told = coordinator.rounds();
    assert_eq!((told.len(), &told[..rounds.len()]), (rounds.len() + 1, &rounds[..]));
    assert_eq!(told[rounds.len()]["counted"].as_array().unwrap().len(), OWNERS.len());
    let now = coordinator.signed();
    assert!(now.starts_with(&signed), "what was signed is forgotten: {now}");
    assert_eq!(batches(&now), batches(&signed) + 1);
}
