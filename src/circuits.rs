//! Circuit keys: derived, kept in a cache, or read from a ceremony's result.
//!
//! halo2's keys follow from the manifest and the reference string. A verifying key is kept in
//! the *user's* cache, never in a project: whoever verifies derives it on his own machine.
//! Groth16's keys are what a ceremony ended with; a project carries them in `keys/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use zktrain_circuits::compile::compile_dataset;
use zktrain_circuits::compressed::System;
use zktrain_circuits::relation::Relation;
use zktrain_circuits::statement::TrainingStatement;
use zktrain_prover::compress::Compressor;
use zktrain_verifier::circuit::CircuitKey;

use crate::error::Error;
use crate::project::Project;
use crate::proofs::{Registration, StoredProof};
use crate::session::Session;
use crate::ui::Ui;

/// What makes proofs small and zero-knowledge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// halo2 with KZG: no setup of its own.
    #[default]
    Halo2,
    /// Groth16: smaller and cheaper to check, with keys from a ceremony (`zktrain setup`).
    Groth16,
    /// Nothing: the proof is not zero-knowledge.
    None,
}

impl Compression {
    /// The proof system; none for uncompressed proofs.
    pub fn system(self) -> Option<System> {
        match self {
            Self::Halo2 => Some(System::Halo2),
            Self::Groth16 => Some(System::Groth16),
            Self::None => None,
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.system().map_or("uncompressed", System::name))
    }
}

/// Which relation a circuit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Training on one window.
    Training,
    /// The registration of so many windows.
    Dataset(usize),
}

/// The circuit keys of a session.
pub struct Circuits<'a> {
    session: &'a Session,
    project: &'a Project,
    ui: &'a Ui,
    compressors: RefCell<BTreeMap<(System, Shape), Rc<Compressor>>>,
}

impl<'a> Circuits<'a> {
    /// The keys of a session; a project's own are in its folder `keys`.
    pub fn new(session: &'a Session, project: &'a Project, ui: &'a Ui) -> Self {
        Self { session, project, ui, compressors: RefCell::default() }
    }

    /// The relation of a shape.
    pub fn relation(&self, shape: Shape) -> Relation {
        match shape {
            Shape::Training => self.session.key.relation.clone(),
            Shape::Dataset(windows) => compile_dataset(self.session.network(), windows).0,
        }
    }

    /// What compresses proofs of this shape.
    ///
    /// # Errors
    /// If the reference string is too short, or there is no Groth16 key.
    pub fn compressor(&self, system: System, shape: Shape) -> Result<Rc<Compressor>, Error> {
        if let Some(known) = self.compressors.borrow().get(&(system, shape)) {
            return Ok(known.clone());
        }
        let relation = self.relation(shape);
        let compressor = match system {
            System::Halo2 => {
                let srs = self.srs(halo2::power(&relation))?;
                Compressor::halo2(relation, halo2::Params::new(&srs, &self.cache())?)?
            }
            System::Groth16 => Compressor::groth16(relation, self.groth16_proving_key()?)?,
        };
        let compressor = Rc::new(compressor);
        self.compressors.borrow_mut().insert((system, shape), compressor.clone());
        Ok(compressor)
    }

    /// The circuit's keys that these training proofs need.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub fn training_key(
        &self,
        proofs: &[(TrainingStatement, StoredProof)],
    ) -> Result<CircuitKey, Error> {
        let systems: BTreeSet<System> =
            proofs.iter().filter_map(|(_, proof)| proof.system()).collect();
        self.key(Shape::Training, &systems)
    }

    /// The circuit's keys that a registration needs, by the number of windows of a chunk.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub fn dataset_keys(
        &self,
        chunks: &Registration,
    ) -> Result<BTreeMap<usize, CircuitKey>, Error> {
        let mut systems: BTreeMap<usize, BTreeSet<System>> = BTreeMap::new();
        for (statement, proof) in chunks {
            systems.entry(statement.rows.len()).or_default().extend(proof.system());
        }
        let keys = systems.iter().map(|(windows, systems)| {
            Ok((*windows, self.key(Shape::Dataset(*windows), systems)?))
        });
        keys.collect()
    }

    /// The circuit's keys of a shape, for some systems.
    ///
    /// # Errors
    /// If the reference string is too short, or there is no Groth16 key of this circuit.
    pub fn key(&self, shape: Shape, systems: &BTreeSet<System>) -> Result<CircuitKey, Error> {
        let mut key = CircuitKey::default();
        if systems.contains(&System::Halo2) {
            key.halo2 = Some(self.halo2_key(shape)?);
        }
        if systems.contains(&System::Groth16) {
            key.groth16 = Some(self.groth16_key(shape)?);
        }
        Ok(key)
    }

    /// The reference string, as far as a circuit needs it.
    fn srs(&self, power: u32) -> Result<Srs, Error> {
        load_srs(&self.session.srs_path, Some(power), self.ui)
    }
}
