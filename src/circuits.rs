//! Circuit keys: derived, kept in a cache, or read from a ceremony's result.
//!
//! halo2's keys follow from the manifest and the reference string. A verifying key is kept in
//! the *user's* cache, never in a project: whoever verifies derives it on his own machine.
//! Groth16's keys are what a ceremony ended with; a project carries them in `keys/`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Serialize;
use zktrain_circuits::compile::compile_dataset;
use zktrain_circuits::compressed::System;
use zktrain_circuits::halo2::key::Halo2Key;
use zktrain_circuits::halo2::shape as tape_of;
use zktrain_circuits::r1cs;
use zktrain_circuits::relation::Relation;
use zktrain_circuits::statement::TrainingStatement;
use zktrain_prover::compress::{CompressError, Compressor};
use zktrain_prover::halo2::Halo2Error;
use zktrain_prover::halo2::Halo2Params;
use zktrain_prover::{groth16, halo2};
use zktrain_verifier::circuit::CircuitKey;
use zktrain_verifier::groth16::Groth16Key;

use crate::cache;
use crate::error::{Error, OptionsError};
use crate::files;
use crate::project::Project;
use crate::proofs::{Registration, StoredProof};
use crate::session::{Session, load_srs};
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

    /// The system of proofs that contracts are to check.
    ///
    /// # Errors
    /// If there is none.
    pub fn on_chain(self) -> Result<System, OptionsError> {
        self.system().ok_or(OptionsError::Required {
            option: "--compress",
            when: "because contracts check compressed proofs only",
            hint: "`--compress halo2` or `--compress groth16`",
        })
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
                let params = self.params(log_rows(&relation)?)?;
                Compressor::halo2(relation, params)?
            }
            System::Groth16 if shape == Shape::Training => {
                Compressor::groth16(relation, self.groth16_proving_key()?)
            }
            System::Groth16 => return Err(Error::NoCircuitKey { system }),
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
        registration: &Registration,
    ) -> Result<BTreeMap<usize, CircuitKey>, Error> {
        let Registration::Compressed(chunks) = registration else { return Ok(BTreeMap::new()) };
        let mut systems: BTreeMap<usize, BTreeSet<System>> = BTreeMap::new();
        for (statement, proof) in chunks {
            systems.entry(statement.rows.len()).or_default().insert(proof.system);
        }
        let keys = systems
            .iter()
            .map(|(windows, systems)| Ok((*windows, self.key(Shape::Dataset(*windows), systems)?)));
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

    /// The training circuit's key for one system.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub fn key_of(&self, system: System) -> Result<CircuitKey, Error> {
        self.key(Shape::Training, &BTreeSet::from([system]))
    }

    /// halo2's key of a shape: derived now, whatever a cache holds.
    ///
    /// # Errors
    /// If the reference string is too short.
    pub fn derive_halo2(&self, shape: Shape) -> Result<Halo2Key, Error> {
        let relation = self.relation(shape);
        let params = self.params(log_rows(&relation)?)?;
        Ok(halo2::derive(&relation, &params).map_err(CompressError::from)?.verifying)
    }

    /// halo2's key of a shape, from the user's cache if it is there.
    fn halo2_key(&self, shape: Shape) -> Result<Halo2Key, Error> {
        let tape = tape_of(&self.relation(shape)).ok_or(CompressError::from(Halo2Error::Shape))?;
        let name = cache::key_name(&self.session.key.spec, shape, &tape.digest());
        if let Some(key) = cache::read(&name).and_then(|b| Halo2Key::from_bytes(&b).ok()) {
            return Ok(key);
        }
        let key = self.derive_halo2(shape)?;
        cache::write(&name, &key.to_bytes());
        Ok(key)
    }

    /// What halo2 commits with; its second basis takes seconds to compute and is cached.
    fn params(&self, log_rows: u32) -> Result<Halo2Params, Error> {
        let srs = load_srs(&self.session.srs_path, Some(halo2::powers(log_rows)), self.ui)?;
        let name = cache::basis_name(&srs.fingerprint(), log_rows);
        let basis = cache::read(&name);
        let known = basis.and_then(|b| Halo2Params::from_bytes(&srs, log_rows, &b).ok());
        if let Some(params) = known {
            return Ok(params);
        }
        let params = Halo2Params::new(&srs, log_rows).map_err(CompressError::from)?;
        cache::write(&name, &params.to_bytes());
        Ok(params)
    }

    /// Where a project keeps its Groth16 keys: proving, verifying.
    pub fn groth16_paths(&self) -> [PathBuf; 2] {
        ["groth16.pk", "groth16.vk"].map(|name| self.project.keys_path().join(name))
    }

    fn groth16_proving_key(&self) -> Result<groth16::ProvingKey, Error> {
        let [path, _] = self.groth16_paths();
        if !path.exists() {
            return Err(Error::NoCircuitKey { system: System::Groth16 });
        }
        let key = groth16::ProvingKey::from_bytes(&files::read(&path)?)
            .map_err(|e| Error::Groth16Key { path: path.clone(), source: Box::new(e) })?;
        self.check_groth16(Shape::Training, &path, &key.key)?;
        Ok(key)
    }

    fn groth16_key(&self, shape: Shape) -> Result<Groth16Key, Error> {
        let [_, path] = self.groth16_paths();
        if shape != Shape::Training || !path.exists() {
            return Err(Error::NoCircuitKey { system: System::Groth16 });
        }
        let key = Groth16Key::from_bytes(&files::read(&path)?)
            .map_err(|e| Error::Groth16Key { path: path.clone(), source: Box::new(e) })?;
        self.check_groth16(shape, &path, &key)?;
        Ok(key)
    }

    /// Checks that a Groth16 key is one of the shape's circuit, and warns if it is insecure.
    ///
    /// # Errors
    /// [`Error::OtherKey`] if it is another circuit's.
    pub fn check_groth16(&self, shape: Shape, path: &Path, key: &Groth16Key) -> Result<(), Error> {
        if r1cs::compile(&self.relation(shape)).digest() != key.circuit {
            return Err(Error::OtherKey { path: path.to_owned() });
        }
        if key.is_insecure() {
            self.ui.warn(&format!(
                "the Groth16 key {} is INSECURE: one party made it and could forge any proof. \
                 For tests and demonstrations only; hold a ceremony with `zktrain setup new`.",
                path.display()
            ));
        }
        Ok(())
    }
}

fn log_rows(relation: &Relation) -> Result<u32, Error> {
    Ok(halo2::log_rows(relation).map_err(CompressError::from)?)
}
