//! What a coordinator tells of its rounds, for people: `rounds.json`, the current model beside it,
//! and the curve of its loss on rows that nobody trains on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use zktrain_coordinator::machine::Misdeed;
use zktrain_model::trace::Parameters;
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, settings, write_json};
use zktrain_project::session::Session;
use zktrain_trainer::dataset::Dataset;
use zktrain_trainer::train::Trainer;
use zktrain_trainer::{History, Metrics, evaluate};

use super::members::Pardons;
use super::models::Model;
use super::pay::improvement;
use crate::error::Error;

/// A round, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// Its number on the chain.
    pub round: u64,
    /// The next model's hash.
    pub model: B256,
    /// Whose updates are in it.
    pub counted: Vec<Address>,
    /// Members whose updates are not.
    pub missing: Vec<Address>,
    /// Those of them that are paid all the same, as they had worked and there is no sum.
    #[serde(default)]
    pub worked: Vec<Address>,
    /// Members that were accused with evidence.
    pub slashed: Vec<Address>,
    /// What members did wrong, as far as the coordinator found out.
    #[serde(default)]
    pub misdeeds: Vec<Misdeed>,
    /// Seconds from a delivery's arrival to the verdict on its proof.
    #[serde(default)]
    pub verified: BTreeMap<Address, f64>,
    /// The chain has settled it.
    pub settled: bool,
    /// So many members had confirmed whose updates are counted that the sum could be unmasked.
    #[serde(default)]
    pub confirmed: bool,
    /// Mean loss of the next model on the coordinator's public rows, if it has some.
    pub loss: Option<f64>,
    /// Its accuracy there.
    pub accuracy: Option<f64>,
    /// By which part of itself the lowest loss before has fallen with it.
    pub improvement: Option<f64>,
    /// What the round could pay, in the smallest unit of the domain's token; unknown of rounds of
    /// older programs.
    pub budget: Option<String>,
}

impl RoundRecord {
    /// A settled round in which nobody did anything, to be filled in.
    pub fn empty(round: u64) -> Self {
        Self {
            round,
            model: B256::ZERO,
            counted: Vec::new(),
            missing: Vec::new(),
            worked: Vec::new(),
            slashed: Vec::new(),
            misdeeds: Vec::new(),
            verified: BTreeMap::new(),
            settled: true,
            confirmed: false,
            loss: None,
            accuracy: None,
            improvement: None,
            budget: None,
        }
    }
}

/// The coordinator's account of its rounds.
pub struct Account {
    folder: PathBuf,
    /// Public rows that nobody trains on.
    rows: Option<Dataset>,
    /// Loss of the first model on them.
    first: Option<f64>,
}

impl Account {
    /// In a folder. A project without data of its own measures nothing.
    ///
    /// # Errors
    /// If there are data that cannot be read.
    pub fn new(
        folder: &Path,
        project: &Project,
        session: &Session,
        genesis: &Parameters,
    ) -> Result<Self, Error> {
        let some = files::is_there(&project.local_path())?;
        let rows = match some {
            true => {
                let (_, held_out) = zktrain_project::data::tables(project, &session.manifest)?;
                Some(held_out.held_out(&session.manifest, session.network())?)
            }
            false => None,
        };
        let rows = rows.filter(|rows| rows.rows() > 0);
        let mut account = Self { folder: folder.to_owned(), rows, first: None };
        account.first = account.measure(session, genesis)?.map(|metrics| metrics.loss);
        Ok(account)
    }

    /// Whether models are measured.
    pub fn measures(&self) -> bool {
        self.rows.is_some()
    }

    fn path(&self) -> PathBuf {
        told_in(&self.folder)
    }

    /// Loss and accuracy of a model on the public rows.
    ///
    /// # Errors
    /// If the model is not the network's.
    pub fn measure(&self, session: &Session, model: &Parameters) -> Result<Option<Metrics>, Error> {
        let trainer = Trainer::new(session.network().clone())?;
        Ok(self.rows.as_ref().map(|rows| evaluate(&trainer, model, rows)).transpose()?)
    }

    /// What was told so far.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn read(&self) -> Result<Vec<RoundRecord>, Error> {
        told(&self.folder)
    }

    /// What was told so far, without what the coordinator no longer holds against members.
    ///
    /// # Errors
    /// If a file is damaged.
    pub fn held(&self) -> Result<Vec<RoundRecord>, Error> {
        Ok(Pardons::read(&self.folder)?.apply(self.read()?))
    }

    /// The last round, if it was told of but not yet that it is settled.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn unsettled(&self) -> Result<Option<u64>, Error> {
        let last = self.read()?.pop();
        Ok(last.filter(|told| !told.settled).map(|told| told.round))
    }

    /// Improvement of a round's model over all versions before it, if it was measured.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn improvement(&self, round: u64, loss: f64) -> Result<Option<f64>, Error> {
        let told = self.read()?;
        let before = versions(&told).filter(|told| told.round < round).filter_map(|t| t.loss);
        Ok(improvement(self.first.into_iter().chain(before), loss))
    }

    /// Improvement of the last version; none as long as there is only the first. A version that
    /// was not measured has improved nothing.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn last_improvement(&self) -> Result<Option<f64>, Error> {
        let told = self.read()?;
        Ok(versions(&told).last().map(|told| told.improvement.unwrap_or(0.0)))
    }

    /// Tells of a round; what was told of it before is replaced.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn tell(&self, told: RoundRecord) -> Result<(), Error> {
        let mut all = self.read()?;
        match all.iter_mut().find(|known| known.round == told.round) {
            Some(known) => *known = told,
            None => all.push(told),
        }
        Ok(write_json(&self.path(), &all)?)
    }

    /// A round was settled: its model is the current one.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn settle(&self, session: &Session, round: u64, model: &Model) -> Result<(), Error> {
        let told = self.read()?.into_iter().find(|told| told.round == round);
        if let Some(told) = told {
            self.tell(RoundRecord { settled: true, ..told })?;
        }
        let path = self.folder.join("model.int.safetensors");
        files::write(&path, &model.bytes, Access::Public)?;
        self.draw(session)
    }

    fn draw(&self, session: &Session) -> Result<(), Error> {
        let mut curve = History::default();
        let settled = self.read()?.into_iter().filter(|told| told.settled);
        for (index, told) in settled.enumerate() {
            if let Some(loss) = told.loss {
                let samples = self.rows.as_ref().map_or(0, Dataset::rows);
                let metrics = Metrics { loss, accuracy: told.accuracy, samples };
                curve.push_held_out(index + 1, metrics);
            }
        }
        if curve.held_out.is_empty() {
            return Ok(());
        }
        let svg = curve.to_svg(&session.manifest.name)?;
        Ok(files::write(&self.folder.join("loss.svg"), svg.as_bytes(), Access::Public)?)
    }
}

/// Where a coordinator tells of its rounds.
pub(super) fn told_in(folder: &Path) -> PathBuf {
    folder.join("rounds.json")
}

/// What a coordinator has told of its rounds in a folder.
///
/// # Errors
/// If the file is damaged.
pub(super) fn told(folder: &Path) -> Result<Vec<RoundRecord>, Error> {
    let path = told_in(folder);
    let Some(bytes) = files::read_if_there(&path)? else { return Ok(Vec::new()) };
    Ok(serde_json::from_slice(&bytes).map_err(|e| settings(&path, e))?)
}

/// Settled rounds that made a version, oldest first.
fn versions(told: &[RoundRecord]) -> impl DoubleEndedIterator<Item = &RoundRecord> {
    told.iter().filter(|told| told.settled && !told.counted.is_empty())
}

#[cfg(test)]
mod tests {
    use zktrain_coordinator::machine::MisdeedKind;

    use super::*;

    fn account(folder: &Path) -> Account {
        Account { folder: folder.to_owned(), rows: None, first: Some(0.8) }
    }

    fn told(account: &Account, round: u64, loss: Option<f64>) -> RoundRecord {
        RoundRecord {
            counted: vec![Address::ZERO],
            loss,
            improvement: loss.and_then(|loss| account.improvement(round, loss).unwrap()),
            budget: Some("7".into()),
            ..RoundRecord::empty(round)
        }
    }

    #[test]
    fn improvement_is_that_of_the_last_version_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let last = || account(dir.path()).last_improvement().unwrap();
        let tell = |told| account(dir.path()).tell(told).unwrap();
        assert_eq!(last(), None);
        tell(told(&account(dir.path()), 3, Some(0.6)));
        assert_eq!(last(), Some(0.25));
        // Worse, then between both.
        tell(told(&account(dir.path()), 4, Some(0.9)));
        assert_eq!(last(), Some(-0.5));
        tell(told(&account(dir.path()), 5, Some(0.7)));
        assert_eq!(last(), Some(-0.166_667));
        tell(told(&account(dir.path()), 6, Some(0.3)));
        assert_eq!(last(), Some(0.5));
        // Told again after a restart, a round is not compared with itself.
        tell(told(&account(dir.path()), 6, Some(0.3)));
        assert_eq!(last(), Some(0.5));
    }

    #[test]
    fn rounds_without_a_version_change_nothing_and_unmeasured_ones_improve_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let account = account(dir.path());
        account.tell(told(&account, 1, Some(0.4))).unwrap();
        let empty = RoundRecord { counted: Vec::new(), ..told(&account, 2, Some(0.1)) };
        account.tell(empty).unwrap();
        let void = RoundRecord { settled: false, ..told(&account, 3, Some(0.1)) };
        account.tell(void).unwrap();
        assert_eq!(account.last_improvement().unwrap(), Some(0.5));
        assert_eq!(account.improvement(4, 0.3).unwrap(), Some(0.25));
        account.tell(told(&account, 4, None)).unwrap();
        assert_eq!(account.last_improvement().unwrap(), Some(0.0));
    }

    #[test]
    fn what_was_pardoned_is_told_but_not_held_against_anybody() {
        let dir = tempfile::tempdir().unwrap();
        let account = account(dir.path());
        let by = Address::repeat_byte(1);
        let misdeeds = vec![Misdeed { account: by, kind: MisdeedKind::Blamed }];
        account
            .tell(RoundRecord { missing: vec![by], misdeeds, ..told(&account, 1, None) })
            .unwrap();
        assert_eq!(account.held().unwrap(), account.read().unwrap());
        super::super::members::pardon(dir.path(), by).unwrap();
        assert!(account.held().unwrap()[0].misdeeds.is_empty());
        assert_eq!(account.read().unwrap()[0].misdeeds.len(), 1);
    }

    #[test]
    fn accounts_of_older_programs_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let zero = format!("{:#x}", Address::ZERO);
        let old = format!(
            r#"[{{"round": 1, "model": "{:#x}", "counted": ["{zero}"], "missing": [],
            "slashed": [], "settled": true, "loss": 0.4, "accuracy": 0.9}}]"#,
            B256::ZERO
        );
        std::fs::write(dir.path().join("rounds.json"), old).unwrap();
        let account = account(dir.path());
        assert_eq!(account.read().unwrap()[0].improvement, None);
        assert_eq!(account.last_improvement().unwrap(), Some(0.0));
        assert_eq!(account.improvement(2, 0.2).unwrap(), Some(0.5));
    }
}
