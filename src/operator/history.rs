//! What a coordinator tells of its rounds, for people: `rounds.json`, the current model beside it,
//! and the curve of its loss on rows that nobody trains on.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use zktrain_prover::trace::Parameters;
use zktrain_trainer::dataset::Dataset;
use zktrain_trainer::train::Trainer;
use zktrain_trainer::{History, Metrics, evaluate};

use super::models::Model;
use crate::error::Error;
use crate::files::{self, Access};
use crate::project::{Project, settings, write_json};
use crate::session::Session;
use crate::source;

/// A round, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its number on the chain.
    pub round: u64,
    /// The next model's hash.
    pub model: B256,
    /// Whose updates are in it.
    pub counted: Vec<Address>,
    /// Members whose updates are not.
    pub missing: Vec<Address>,
    /// Members that were accused with evidence.
    pub slashed: Vec<Address>,
    /// The chain has settled it.
    pub settled: bool,
    /// Mean loss of the next model on the coordinator's public rows, if it has some.
    pub loss: Option<f64>,
    /// Its accuracy there.
    pub accuracy: Option<f64>,
}

/// The coordinator's account of its rounds.
pub struct Account {
    folder: PathBuf,
    /// Public rows that nobody trains on.
    rows: Option<Dataset>,
}

impl Account {
    /// In a folder. A project without data of its own measures nothing.
    ///
    /// # Errors
    /// If there are data that cannot be read.
    pub fn new(folder: &Path, project: &Project, session: &Session) -> Result<Self, Error> {
        let some = project.local_path().exists();
        let rows = match some {
            true => {
                let (_, held_out) = source::tables(project, &session.manifest)?;
                Some(held_out.quantized(&session.manifest, session.network())?)
            }
            false => None,
        };
        let rows = rows.filter(|rows| rows.rows() > 0);
        Ok(Self { folder: folder.to_owned(), rows })
    }

    fn path(&self) -> PathBuf {
        self.folder.join("rounds.json")
    }

    /// Loss and accuracy of a model on the public rows.
    ///
    /// # Errors
    /// If the model is not the network's.
    pub fn measure(&self, session: &Session, model: &Parameters) -> Result<Option<Metrics>, Error> {
        let trainer = Trainer::new(session.network().clone());
        Ok(self.rows.as_ref().map(|rows| evaluate(&trainer, model, rows)).transpose()?)
    }

    /// What was told so far.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn read(&self) -> Result<Vec<Told>, Error> {
        let path = self.path();
        if !path.exists() {
            return Ok(Vec::new());
        }
        serde_json::from_slice(&files::read(&path)?).map_err(|e| settings(&path, e))
    }

    /// The last round, if it was told of but not yet that it is settled.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn unsettled(&self) -> Result<Option<u64>, Error> {
        let last = self.read()?.pop();
        Ok(last.filter(|told| !told.settled).map(|told| told.round))
    }

    /// Tells of a round; what was told of it before is replaced.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn tell(&self, told: Told) -> Result<(), Error> {
        let mut all = self.read()?;
        match all.iter_mut().find(|known| known.round == told.round) {
            Some(known) => *known = told,
            None => all.push(told),
        }
        write_json(&self.path(), &all)
    }

    /// A round was settled: its model is the current one.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn settle(&self, session: &Session, round: u64, model: &Model) -> Result<(), Error> {
        let told = self.read()?.into_iter().find(|told| told.round == round);
        if let Some(told) = told {
            self.tell(Told { settled: true, ..told })?;
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
        files::write(&self.folder.join("loss.svg"), svg.as_bytes(), Access::Public)
    }
}
