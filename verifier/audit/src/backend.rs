//! What an audit is given besides files: whoever computes keys and commitments, and a node.
//!
//! An audit holds what is written against what follows. What follows partly takes a prover's kernels:
//! keys of circuits, and commitments to models and sums. This crate has none, so that whoever only reads
//! its findings, or builds another program on it, is not built with a prover. It asks for the values,
//! and makes all comparisons itself.

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
pub type Fault = Box<dyn Error>;

/// Reads what keys are derived from. Nothing of it is taken from a cache: what an audit says rests on
/// what was computed for it.
pub trait Backend {
    /// A manifest.
    ///
    /// # Errors
    /// If the file is none.
    fn manifest(&self, path: &Path) -> Result<Manifest, Fault>;

    /// A first model, in the range of such.
    ///
    /// # Errors
    /// If the file is none of this network.
    fn genesis(&self, path: &Path, network: &Network) -> Result<Parameters, Fault>;

    /// A reference string's file, which is opened once.
    ///
    /// # Errors
    /// If it is missing or of another format.
    fn reference_string(&self, path: &Path) -> Result<Box<dyn ReferenceString<'_> + '_>, Fault>;
}

/// A reference string's file that is open.
pub trait ReferenceString<'a> {
    /// Checks all of the file: first whether it can be read, then whether its powers belong together.
    ///
    /// # Errors
    /// The outer one if it cannot be read, the inner one if the powers do not.
    fn check(&self) -> Result<Result<(), Fault>, Fault>;

    /// Derives the key of a manifest with as much of it as that needs, which is checked. Keys that a
    /// ceremony made are in the lineage's folder.
    ///
    /// # Errors
    /// If the manifest is refused, or the string is too short or none.
    fn setup(
        self: Box<Self>,
        manifest: &Path,
        lineage: &Path,
    ) -> Result<Box<dyn Setup + 'a>, Fault>;
}

/// What follows from a manifest and a reference string.
pub trait Setup {
    /// The manifest.
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
    fn commit(&self, model: &Parameters) -> Result<Vec<G1Affine>, Fault>;

    /// Whether a sum opens an aggregate.
    ///
    /// # Errors
    /// If it is not of this network, or does not open a row.
    fn opens(&self, sum: &Sum, aggregate: &[G1Affine]) -> Result<(), Fault>;

    /// The version after one: moved by the rounded sum.
    ///
    /// # Errors
    /// If the sum is not of this network, or larger than updates can sum to.
    fn next(&self, model: &Parameters, sum: &Sum) -> Result<Next, Fault>;

    /// What checks proofs: keys are derived once for all that one of these checks.
    fn circuits(&self) -> Box<dyn Circuits + '_>;
}

/// The version after another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The integers.
    pub parameters: Parameters,
    /// Row commitments, blinding zero.
    pub rows: Vec<G1Affine>,
    /// `keccak256` of them.
    pub hash: B256,
    /// How many parameters were clamped.
    pub clamped: usize,
}

/// Keys of circuits.
pub trait Circuits {
    /// The training circuit's key for one system.
    ///
    /// # Errors
    /// If the reference string is too short, or there is no Groth16 key of this circuit.
    fn key(&self, system: ProofSystem) -> Result<CircuitKey, Fault>;

    /// The name on chain of the training key together with this one.
    ///
    /// # Errors
    /// If it does not fit a contract.
    fn contract_key(&self, key: &CircuitKey, system: ProofSystem) -> Result<Hash, Fault>;

    /// Checks a registration; the dataset's root.
    ///
    /// # Errors
    /// If a key cannot be had, or a chunk does not hold.
    fn registration(&self, registration: &Registration) -> Result<Hash, Fault>;
}

/// A node that an export is compared with.
pub trait Node {
    /// What it says about an export.
    ///
    /// # Errors
    /// If it does not answer: the audit ends then.
    fn look(&self, export: &ChainExport) -> Result<Live, Fault>;
}
