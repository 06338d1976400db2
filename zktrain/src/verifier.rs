//! Anybody's side: checks a chain, and says what the verdict rests on.

mod builder;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use zktrain_argument::curve::blinding_base;
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_model::Hash;
use zktrain_model::relation::Relation;
use zktrain_prove::compress::CompressError;
use zktrain_prove::halo2;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::{Binding, TrainingStatement, derived_nonce};
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::file::{Registration, StoredProof};
use zktrain_verify::groth16::Groth16Key;
use zktrain_verify::round::rows_hash;
use zktrain_verify::training::ProofChain;

pub use builder::VerifierBuilder;

use crate::error::Error;
use crate::proven::{ModelOpening, ProvenChain};
use crate::roots::{Pins, RootOfTrust};
use crate::setup::Setup;

/// Who draws the order of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonce {
    /// Nobody: it follows from the registration.
    Derived,
    /// Somebody did, after the registration.
    Drawn(Hash),
}

/// A chain that holds, and what that rests on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChainVerdict {
    /// Steps proven.
    pub steps: u64,
    /// Proofs of them.
    pub proofs: usize,
    /// Prover, chain, contract, domain and round, as all proofs state them.
    pub binding: Binding,
    /// The root of the registered dataset.
    pub dataset: Hash,
    /// Its windows.
    pub windows: u64,
    /// Commitments to the rows of the model after the last step.
    pub model: Vec<G1Affine>,
    /// What a verifier has to know from elsewhere.
    pub roots: Vec<RootOfTrust>,
}

impl ChainVerdict {
    /// Whether all roots are pinned or known: a verdict is as good as the worst of them. Dataset and
    /// binding are roots only if they are pinned; otherwise they are what is said, and to be compared.
    pub fn is_pinned(&self) -> bool {
        !self.roots.is_empty() && self.roots.iter().all(RootOfTrust::is_named)
    }
}

/// Checks chains of one manifest, under one reference string.
pub struct Verifier {
    setup: Setup,
    pins: Pins,
    groth16: Option<Groth16Key>,
}

impl Verifier {
    /// Checks that the registration and every proof hold, that each proof continues the one before,
    /// and that pinned roots are those of the chain.
    ///
    /// # Errors
    /// At the first thing that does not hold.
    pub fn verify(&self, proven: &ProvenChain) -> Result<ChainVerdict, Error> {
        let (first, _) = proven.proofs.first().ok_or(Error::NoProof)?;
        let binding = first.binding;
        let model = self.genesis(proven)?;
        let mut roots = self.pins.of_setup(&self.setup)?;
        roots.push(self.pins.genesis(&rows_hash(&model))?);
        roots.extend(self.pins.binding(&binding)?);
        let dataset = self.registration(&proven.registration, &binding)?;
        roots.extend(self.pins.dataset(&dataset)?);
        roots.push(self.pins.nonce(proven.nonce.as_ref())?);
        let derived = || derived_nonce(&self.setup.key.spec, &dataset);
        let windows = windows(&proven.registration);
        let nonce = proven.nonce.unwrap_or_else(derived);
        let chain = ProofChain { binding, dataset, windows, nonce, model };
        let circuit = self.circuit(&proven.proofs)?;
        if let Some(key) = &circuit.groth16 {
            roots.push(self.pins.groth16(key)?);
        }
        let end = chain.verify(&self.setup.key, &circuit, &proven.proofs)?;
        self.pins.admit(&roots)?;
        let (steps, proofs, model) = (end.steps, proven.proofs.len(), end.model);
        Ok(ChainVerdict { steps, proofs, binding, dataset, windows, model, roots })
    }

    /// Checks that a model is the one that a verified chain ends with.
    ///
    /// # Errors
    /// [`Error::OtherModel`] if it is not; also if it is not the network's.
    pub fn check_model(&self, verdict: &ChainVerdict, opening: &ModelOpening) -> Result<(), Error> {
        self.setup.check_shape(&opening.model)?;
        if opening.blindings.len() != verdict.model.len() {
            return Err(Error::OtherModel {
                row: opening.blindings.len().min(verdict.model.len()),
            });
        }
        let rows = self.setup.commit(&opening.model)?.points;
        let opened = |row: &G1Affine, by: &Fr| (blinding_base() * by + row).into_affine();
        let rows: Vec<G1Affine> =
            rows.iter().zip(&opening.blindings).map(|(row, by)| opened(row, by)).collect();
        let differ = rows.iter().zip(&verdict.model).position(|(row, end)| row != end);
        let shorter = || (rows.len() != verdict.model.len()).then_some(rows.len());
        match differ.or_else(shorter) {
            Some(row) => Err(Error::OtherModel { row }),
            None => Ok(()),
        }
    }

    pub(crate) fn key(&self) -> &TrainingKey {
        &self.setup.key
    }

    pub(crate) fn drawn_nonce(&self) -> Option<Hash> {
        self.pins.drawn_nonce()
    }

    /// Commitments to the first model, which is public: its shape and range are checked in the clear.
    fn genesis(&self, proven: &ProvenChain) -> Result<Vec<G1Affine>, Error> {
        self.setup.check_genesis(&proven.genesis)?;
        Ok(self.setup.commit(&proven.genesis)?.points)
    }

    /// Checks the registration, and that it is the prover's; the dataset's root. A key is derived when
    /// the first chunk of its size comes and all before hold, so that a false one costs one.
    fn registration(&self, stated: &Registration, binding: &Binding) -> Result<Hash, Error> {
        let mut known: BTreeMap<usize, Rc<CircuitKey>> = BTreeMap::new();
        let mut failure = None;
        let root = stated.verify(&self.setup.key, |windows| {
            if let Some(key) = known.get(&windows) {
                return Some(key.clone());
            }
            match self.setup.registration(windows).and_then(|relation| self.halo2(&relation)) {
                Ok(key) => {
                    let key = Rc::new(CircuitKey { halo2: Some(key), groth16: None });
                    Some(known.entry(windows).or_insert(key).clone())
                }
                Err(error) => {
                    failure = Some(error);
                    None
                }
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let (root, expected) = (root?, binding.prover);
        let statements = stated.statements();
        let got = statements.first().map(|statement| statement.owner).unwrap_or_default();
        if got != expected {
            return Err(Error::Owner { expected, got });
        }
        Ok(root)
    }

    /// The keys that these proofs need. halo2's follow from manifest and reference string; Groth16's
    /// has to come from its ceremony.
    fn circuit(&self, proofs: &[(TrainingStatement, StoredProof)]) -> Result<CircuitKey, Error> {
        let systems: BTreeSet<ProofSystem> =
            proofs.iter().filter_map(|(_, proof)| proof.system()).collect();
        let halo2 = systems.contains(&ProofSystem::Halo2);
        let halo2 = halo2.then(|| self.halo2(&self.setup.key.relation)).transpose()?;
        let groth16 = self.groth16.clone().filter(|_| systems.contains(&ProofSystem::Groth16));
        Ok(CircuitKey { halo2, groth16 })
    }

    fn halo2(&self, relation: &Relation) -> Result<Halo2Key, Error> {
        let params = self.setup.params(relation)?;
        Ok(halo2::derive(relation, &params).map_err(CompressError::from)?.verifying)
    }
}

fn windows(registration: &Registration) -> u64 {
    registration.statements().iter().map(|statement| statement.rows.len() as u64).sum()
}
