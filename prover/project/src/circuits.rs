//! Circuit keys: derived, kept in a cache, or read from a ceremony's result.
//!
//! halo2's keys follow from the manifest and the reference string, of which as much is read and
//! checked as the circuit's columns are long. A verifying key is kept in the *user's* cache, under
//! the digest of those powers, never in a project: a verifier derives it on its own machine.
//! Groth16's keys are what a ceremony ended with; a project carries them in `keys/`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use zktrain_backends::halo2::key::Halo2Key;
use zktrain_backends::halo2::shape as tape_of;
use zktrain_backends::r1cs;
use zktrain_ceremony::groth16;
use zktrain_commit::srs::CheckedSrs;
use zktrain_model::Hash;
use zktrain_model::compile::compile_dataset;
use zktrain_model::relation::Relation;
use zktrain_prove::compress::{CompressError, Compressor};
use zktrain_prove::halo2;
use zktrain_prove::halo2::Halo2Params;
use zktrain_prove::prove::ProveError;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::dataset::DatasetProofError;
use zktrain_verify::evm::{encode_key, key_hash};
use zktrain_verify::file::{Registration, StoredProof};
use zktrain_verify::groth16::Groth16Key;

use crate::cache;
use crate::error::Error;
use crate::files;
use crate::notices::Notices;
use crate::project::Project;
use crate::secrets::read_key;
use crate::session::Session;

/// Which relation a circuit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CircuitShape {
    /// Training on one window.
    Training,
    /// The registration of so many windows.
    Dataset(usize),
}

/// Why a registration is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationFault {
    /// There is no key to check a chunk with.
    #[error(transparent)]
    Key(Box<Error>),
    /// A chunk does not hold, or the chunks are not a registration.
    #[error(transparent)]
    Proof(#[from] DatasetProofError),
}

impl RegistrationFault {
    /// The error about a registration's file.
    pub fn of_file(self, path: &Path) -> Error {
        match self {
            Self::Key(error) => *error,
            Self::Proof(source) => {
                Error::Registration { path: path.to_owned(), source: Box::new(source) }
            }
        }
    }
}

/// The circuit keys of a session.
pub struct Circuits<'a> {
    session: &'a Session,
    project: &'a Project,
    notices: &'a dyn Notices,
    compressors: RefCell<BTreeMap<(ProofSystem, CircuitShape), Rc<Compressor>>>,
    /// By the logarithm of the rows: all are of the session's string.
    params: RefCell<BTreeMap<u32, Halo2Params>>,
}

impl<'a> Circuits<'a> {
    /// The keys of a session; a project's own are in its folder `keys`.
    pub fn new(session: &'a Session, project: &'a Project, notices: &'a dyn Notices) -> Self {
        let (compressors, params) = Default::default();
        Self { session, project, notices, compressors, params }
    }

    /// The relation of a shape.
    ///
    /// # Errors
    /// If there are no registrations in chunks of this size, or they are too large.
    pub fn relation(&self, shape: CircuitShape) -> Result<Relation, Error> {
        match shape {
            CircuitShape::Training => Ok(self.session.key.relation.clone()),
            CircuitShape::Dataset(windows) => {
                let compiled = compile_dataset(&self.session.key.network, windows);
                Ok(compiled.map_err(ProveError::from)?.0)
            }
        }
    }

    /// What compresses proofs of this shape.
    ///
    /// # Errors
    /// If the reference string is too short, or there is no Groth16 key.
    pub fn compressor(
        &self,
        system: ProofSystem,
        shape: CircuitShape,
    ) -> Result<Rc<Compressor>, Error> {
        if let Some(known) = self.compressors.borrow().get(&(system, shape)) {
            return Ok(known.clone());
        }
        let relation = self.relation(shape)?;
        let compressor = match system {
            ProofSystem::Halo2 => {
                let srs = self.session.longer_srs(log_rows(&relation)?)?;
                let params = self.params(&srs)?;
                Compressor::halo2(relation, params)?
            }
            ProofSystem::Groth16 if shape == CircuitShape::Training => {
                Compressor::groth16(relation, self.groth16_proving_key()?)
            }
            ProofSystem::Groth16 => return Err(Error::NoCircuitKey { system }),
        };
        let compressor = Rc::new(self.by_owner(compressor)?);
        self.compressors.borrow_mut().insert((system, shape), compressor.clone());
        Ok(compressor)
    }

    /// With the project's local key, where it has one: blinding then depends on it.
    fn by_owner(&self, compressor: Compressor) -> Result<Compressor, Error> {
        let path = self.project.key_path();
        let key = path.exists().then(|| read_key(&path)).transpose()?;
        Ok(match key {
            Some(key) => compressor.with_key(key),
            None => compressor,
        })
    }

    /// The circuit's keys that these training proofs need.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub fn training_key(
        &self,
        proofs: &[(TrainingStatement, StoredProof)],
    ) -> Result<CircuitKey, Error> {
        let systems: BTreeSet<ProofSystem> =
            proofs.iter().filter_map(|(_, proof)| proof.system()).collect();
        self.key(CircuitShape::Training, &systems)
    }

    /// Checks a registration and returns the dataset's root. A key is derived when the first chunk
    /// of its size comes and all chunks before hold, so that a false registration costs one.
    ///
    /// # Errors
    /// If a key cannot be had, see [`Self::key`], or a chunk does not hold.
    pub fn verify_registration(
        &self,
        registration: &Registration,
    ) -> Result<Hash, RegistrationFault> {
        let systems: BTreeSet<ProofSystem> = match registration {
            Registration::Plain(_) => BTreeSet::new(),
            Registration::Compressed(chunks) => {
                chunks.iter().map(|(_, proof)| proof.system).collect()
            }
        };
        let mut known: BTreeMap<usize, Rc<CircuitKey>> = BTreeMap::new();
        let mut failure = None;
        let root = registration.verify(&self.session.key, |windows| {
            if let Some(key) = known.get(&windows) {
                return Some(key.clone());
            }
            match self.key(CircuitShape::Dataset(windows), &systems) {
                Ok(key) => Some(known.entry(windows).or_insert(Rc::new(key)).clone()),
                Err(error) => {
                    failure = Some(error);
                    None
                }
            }
        });
        match failure {
            Some(error) => Err(RegistrationFault::Key(Box::new(error))),
            None => Ok(root?),
        }
    }

    /// The circuit's keys of a shape, for some systems.
    ///
    /// # Errors
    /// If the reference string is too short, or there is no Groth16 key of this circuit.
    pub fn key(
        &self,
        shape: CircuitShape,
        systems: &BTreeSet<ProofSystem>,
    ) -> Result<CircuitKey, Error> {
        let mut key = CircuitKey::default();
        if systems.contains(&ProofSystem::Halo2) {
            key.halo2 = Some(self.halo2_key(shape)?);
        }
        if systems.contains(&ProofSystem::Groth16) {
            key.groth16 = Some(self.groth16_key(shape)?);
        }
        Ok(key)
    }

    /// The training circuit's key for one system.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub fn key_of(&self, system: ProofSystem) -> Result<CircuitKey, Error> {
        self.key(CircuitShape::Training, &BTreeSet::from([system]))
    }

    /// The system of proofs that contracts check with the key of this name, if it is the one that follows
    /// from the session.
    ///
    /// # Errors
    /// If a key cannot be derived. Without a ceremony's result there is nothing to compare a Groth16 key
    /// with, and it is none.
    pub fn system_of(&self, name: &Hash) -> Result<Option<ProofSystem>, Error> {
        for system in [ProofSystem::Halo2, ProofSystem::Groth16] {
            let circuit = match self.key_of(system) {
                Ok(circuit) => circuit,
                Err(Error::NoCircuitKey { .. }) => continue,
                Err(error) => return Err(error),
            };
            if contract_key_hash(&self.session.key, &circuit, system)? == *name {
                return Ok(Some(system));
            }
        }
        Ok(None)
    }

    /// halo2's key of a shape: derived now, whatever a cache holds.
    ///
    /// # Errors
    /// If the reference string is too short.
    pub fn derive_halo2(&self, shape: CircuitShape) -> Result<Halo2Key, Error> {
        let relation = self.relation(shape)?;
        let srs = self.session.longer_srs(log_rows(&relation)?)?;
        let params = Halo2Params::new(&srs, srs.power).map_err(CompressError::from)?;
        Ok(halo2::derive(&relation, &params).map_err(CompressError::from)?.verifying)
    }

    /// halo2's key of a shape, from the session's cache if it is there.
    fn halo2_key(&self, shape: CircuitShape) -> Result<Halo2Key, Error> {
        let relation = self.relation(shape)?;
        let tape = tape_of(&relation).map_err(CompressError::from)?;
        // The powers first: the cache is asked for the key that follows from these.
        let srs = self.session.longer_srs(tape.log_rows())?;
        let cache = &self.session.cache;
        let name = cache::key_name(srs.digest(), shape, &tape.digest());
        let known = cache::derived_before(&name).or_else(|| cache.read(&name));
        if let Some(key) = known.and_then(|bytes| Halo2Key::from_bytes(&bytes).ok()) {
            return Ok(key);
        }
        let params = self.params(&srs)?;
        let key = halo2::derive(&relation, &params).map_err(CompressError::from)?.verifying;
        cache::keep_derived(&name, &key.to_bytes());
        cache.write(&name, &key.to_bytes());
        Ok(key)
    }

    /// What halo2 commits with, for columns as long as the string; its second basis takes
    /// seconds to compute and is cached. One from the cache is checked against the powers.
    fn params(&self, srs: &CheckedSrs) -> Result<Halo2Params, Error> {
        let (cache, log_rows) = (&self.session.cache, srs.power);
        if let Some(params) = self.params.borrow().get(&log_rows) {
            return Ok(params.clone());
        }
        let name = cache::basis_name(srs.digest(), log_rows);
        let known = cache.read(&name);
        let known = known.and_then(|b| Halo2Params::from_bytes(srs, log_rows, &b).ok());
        let params = match known {
            Some(params) => params,
            None => {
                let params = Halo2Params::new(srs, log_rows).map_err(CompressError::from)?;
                cache.write(&name, &params.to_bytes());
                params
            }
        };
        self.params.borrow_mut().insert(log_rows, params.clone());
        Ok(params)
    }

    /// Where a project keeps its Groth16 keys: proving, verifying.
    pub fn groth16_paths(&self) -> [PathBuf; 2] {
        ["groth16.pk", "groth16.vk"].map(|name| self.project.keys_path().join(name))
    }

    fn groth16_proving_key(&self) -> Result<groth16::ProvingKey, Error> {
        let [path, _] = self.groth16_paths();
        if !files::is_there(&path)? {
            return Err(Error::NoCircuitKey { system: ProofSystem::Groth16 });
        }
        let key = groth16::ProvingKey::from_bytes(&files::read(&path)?)
            .map_err(|e| Error::Groth16Key { path: path.clone(), source: Box::new(e) })?;
        self.check_groth16(CircuitShape::Training, &path, &key.key)?;
        Ok(key)
    }

    fn groth16_key(&self, shape: CircuitShape) -> Result<Groth16Key, Error> {
        let [_, path] = self.groth16_paths();
        if shape != CircuitShape::Training || !files::is_there(&path)? {
            return Err(Error::NoCircuitKey { system: ProofSystem::Groth16 });
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
    pub fn check_groth16(
        &self,
        shape: CircuitShape,
        path: &Path,
        key: &Groth16Key,
    ) -> Result<(), Error> {
        let system = r1cs::compile(&self.relation(shape)?).map_err(CompressError::from)?;
        if system.digest() != key.circuit {
            return Err(Error::OtherKey { path: path.to_owned() });
        }
        if key.is_insecure() {
            self.notices.warn(&format!(
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

/// The training key as contracts store it.
///
/// # Errors
/// If there is no circuit key for the system, or it does not fit a contract.
pub fn contract_key(
    key: &TrainingKey,
    circuit: &CircuitKey,
    system: ProofSystem,
) -> Result<Vec<u8>, Error> {
    let bytes = circuit.contract_bytes(system).ok_or(Error::NoCircuitKey { system })?;
    encode_key(key, system, &bytes).map_err(Error::EvmKey)
}

/// The name of [`contract_key`] on chain.
///
/// # Errors
/// As [`contract_key`].
pub fn contract_key_hash(
    key: &TrainingKey,
    circuit: &CircuitKey,
    system: ProofSystem,
) -> Result<[u8; 32], Error> {
    Ok(key_hash(&contract_key(key, circuit, system)?))
}
