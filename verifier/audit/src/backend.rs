//! What an audit is given besides files: a backend that computes keys and commitments, and a node.
//!
//! An audit holds what is written against what follows. What follows partly takes a prover's kernels:
//! keys of circuits, and commitments to models and sums. This crate has none, so that a program that
//! only reads its findings, or does something else with them, is not built with a prover. It asks for
//! the values, and makes all comparisons itself.

use std::error::Error;
use std::path::Path;

use alloy_primitives::B256;
use ark_bn254::G1Affine;
use zktrain_ledger::ChainExport;
use zktrain_model::Hash;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::trace::Parameters;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::sum::Sum;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::file::Registration;

use crate::live::Live;
use crate::trust::{PinMismatch, Root};

/// Why something could not be computed or asked: a finding's words, or the end of the audit.
pub type BackendError = Box<dyn Error>;

/// Reads what keys are derived from. Nothing of it is taken from a cache: what an audit says rests on
/// what was computed for it.
pub trait AuditBackend {
    /// A manifest.
    ///
    /// # Errors
    /// If the file is none.
    fn manifest(&self, path: &Path) -> Result<Manifest, BackendError>;

    /// A first model, in the range of such.
    ///
    /// # Errors
    /// If the file is none of this network.
    fn genesis(&self, path: &Path, network: &Network) -> Result<Parameters, BackendError>;

    /// A reference string's file, which is opened once.
    ///
    /// # Errors
    /// If it is missing or of another format.
    fn reference_string(
        &self,
        path: &Path,
    ) -> Result<Box<dyn ReferenceStringFile<'_> + '_>, BackendError>;
}

/// A reference string's file that is open.
pub trait ReferenceStringFile<'a> {
    /// Checks all of the file: first whether it can be read, then whether its powers belong together.
    ///
    /// # Errors
    /// The outer one if it cannot be read, the inner one if the powers do not.
    fn check(&self) -> Result<Result<(), BackendError>, BackendError>;

    /// Derives the key of a manifest with as much of it as that needs, which is checked. Keys that a
    /// ceremony made are in the lineage's folder.
    ///
    /// # Errors
    /// If the manifest is refused, or the string is too short or none.
    fn setup(
        self: Box<Self>,
        manifest: &Path,
        lineage: &Path,
    ) -> Result<Box<dyn Setup + 'a>, BackendError>;
}

/// What follows from a manifest and a reference string.
pub trait Setup {
    fn manifest(&self) -> &Manifest;

    /// The key derived from both.
    fn key(&self) -> &TrainingKey;

    /// The reference string as a root.
    ///
    /// # Errors
    /// If another one was asked for.
    fn root(&self, pin: Option<&str>) -> Result<Root, PinMismatch>;

    /// A model's row commitments.
    ///
    /// # Errors
    /// If it is not of this network.
    fn commit(&self, model: &Parameters) -> Result<Vec<G1Affine>, BackendError>;

    /// Whether a sum opens an aggregate.
    ///
    /// # Errors
    /// If it is not of this network, or does not open a row.
    fn opens(&self, sum: &Sum, aggregate: &[G1Affine]) -> Result<(), BackendError>;

    /// The version after one: moved by the rounded sum.
    ///
    /// # Errors
    /// If the sum is not of this network, or larger than updates can sum to.
    fn next(&self, model: &Parameters, sum: &Sum) -> Result<NextVersion, BackendError>;

    /// What checks proofs: keys are derived once for all that one of these checks.
    fn circuits(&self) -> Box<dyn CircuitKeys + '_>;
}

/// The version after another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextVersion {
    /// The integers.
    pub parameters: Parameters,
    /// Row commitments, blinding zero.
    pub rows: Vec<G1Affine>,
    /// `keccak256` of them.
    pub hash: B256,
    /// How many parameters were clamped.
    pub clamped: usize,
}

/// The keys of circuits that the audited proofs are compressed with.
pub trait CircuitKeys {
    /// The training circuit's key for one system.
    ///
    /// # Errors
    /// If the reference string is too short, or there is no Groth16 key of this circuit.
    fn key(&self, system: ProofSystem) -> Result<CircuitKey, BackendError>;

    /// The name on chain of the training key together with this one.
    ///
    /// # Errors
    /// If it does not fit a contract.
    fn contract_key(&self, key: &CircuitKey, system: ProofSystem) -> Result<Hash, BackendError>;

    /// Checks a registration; the dataset's root.
    ///
    /// # Errors
    /// If a key cannot be had, or a chunk does not hold.
    fn registration(&self, registration: &Registration) -> Result<Hash, BackendError>;
}

/// A node that an export is compared with.
pub trait ChainNode {
    /// What it says about an export.
    ///
    /// # Errors
    /// If it does not answer: the audit ends then.
    fn look(&self, export: &ChainExport) -> Result<Live, BackendError>;
}
