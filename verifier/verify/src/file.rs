//! Proofs and registrations as files hold them, compressed or not.

use std::borrow::Borrow;

use ark_bn254::G1Affine;
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_model::Hash;
use zktrain_model::relation::Relation;
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::{DatasetStatement, TrainingStatement};
use zktrain_statement::wire::{
    ProofFile, WireError, decode_dataset, decode_training, encode_dataset, encode_training,
};

use crate::circuit::CircuitKey;
use crate::dataset::{self, DatasetProofError};
use crate::sheet::{SheetError, VerifiableProof};

/// A proof in either form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredProof {
    /// For its owner alone: it reveals evaluations of the witness.
    Plain(SheetProof),
    /// Zero-knowledge.
    Compressed(CompressedProof),
}

impl StoredProof {
    /// The system of the circuit's proof; none for an uncompressed one.
    pub fn system(&self) -> Option<ProofSystem> {
        match self {
            Self::Plain(_) => None,
            Self::Compressed(proof) => Some(proof.system),
        }
    }

    /// Its form, for people: `not-zk`, `halo2` or `groth16`.
    pub fn form(&self) -> &'static str {
        self.system().map_or("not-zk", ProofSystem::name)
    }

    /// Bytes of the proof itself, without its statement.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Plain(proof) => proof.to_bytes().len(),
            Self::Compressed(proof) => proof.to_bytes().len(),
        }
    }
}

impl VerifiableProof for StoredProof {
    type Circuit = CircuitKey;

    fn rows(&self) -> &[G1Affine] {
        match self {
            Self::Plain(proof) => proof.rows(),
            Self::Compressed(proof) => proof.rows(),
        }
    }

    fn verify(
        &self,
        kzg: &KzgVerifierKey,
        circuit: &CircuitKey,
        relation: &Relation,
        statement: &[u8],
        known: &[G1Affine],
    ) -> Result<(), SheetError> {
        match self {
            Self::Plain(proof) => proof.verify(kzg, &(), relation, statement, known),
            Self::Compressed(proof) => proof.verify(kzg, circuit, relation, statement, known),
        }
    }
}

/// The file of a training proof that may be sent, which reveals nothing beyond its statement.
pub fn encode(statement: &TrainingStatement, proof: &CompressedProof) -> Vec<u8> {
    encode_training(statement, proof)
}

/// The file of a training proof as its owner keeps it, in either form. Where that is
/// [`StoredProof::Plain`], nobody else is to be able to read it.
pub fn encode_for_owner(statement: &TrainingStatement, proof: &StoredProof) -> Vec<u8> {
    match proof {
        StoredProof::Plain(proof) => encode_training(statement, proof),
        StoredProof::Compressed(proof) => encode(statement, proof),
    }
}

/// Decodes a training proof's file of either form.
///
/// # Errors
/// If the bytes are not the encoding of a proof of this key's manifest.
pub fn decode(
    key: &TrainingKey,
    bytes: &[u8],
) -> Result<(TrainingStatement, StoredProof), WireError> {
    if bytes.starts_with(SheetProof::TRAINING_FILE) {
        let (statement, proof) = decode_training(key, bytes)?;
        Ok((statement, StoredProof::Plain(proof)))
    } else {
        let (statement, proof) = decode_training(key, bytes)?;
        Ok((statement, StoredProof::Compressed(proof)))
    }
}

/// A registration, its chunks in order, all in one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// For its owner alone.
    Plain(Vec<(DatasetStatement, SheetProof)>),
    /// Zero-knowledge.
    Compressed(Vec<(DatasetStatement, CompressedProof)>),
}

impl Registration {
    /// What each chunk is about.
    pub fn statements(&self) -> Vec<&DatasetStatement> {
        match self {
            Self::Plain(chunks) => chunks.iter().map(|(statement, _)| statement).collect(),
            Self::Compressed(chunks) => chunks.iter().map(|(statement, _)| statement).collect(),
        }
    }

    /// Whether it reveals nothing beyond its statements.
    pub fn is_compressed(&self) -> bool {
        matches!(self, Self::Compressed(_))
    }

    /// Its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Plain(chunks) => encode_dataset(chunks),
            Self::Compressed(chunks) => encode_dataset(chunks),
        }
    }

    /// Checks all chunks, and returns the dataset's root. `circuit` gives the keys for chunks of
    /// so many windows; a plain registration needs none.
    ///
    /// # Errors
    /// If a chunk does not verify or the chunks do not cover the dataset in order.
    pub fn verify<K: Borrow<CircuitKey>>(
        &self,
        key: &TrainingKey,
        circuit: impl FnMut(usize) -> Option<K>,
    ) -> Result<Hash, DatasetProofError> {
        match self {
            Self::Plain(chunks) => dataset::verify(key, |_| Some(()), chunks),
            Self::Compressed(chunks) => dataset::verify(key, circuit, chunks),
        }
    }
}

/// Decodes a registration of either form.
///
/// # Errors
/// If the bytes are not a registration for this key's manifest.
pub fn decode_registration(key: &TrainingKey, bytes: &[u8]) -> Result<Registration, WireError> {
    if bytes.starts_with(SheetProof::DATASET_FILE) {
        decode_dataset(key, bytes).map(Registration::Plain)
    } else {
        decode_dataset(key, bytes).map(Registration::Compressed)
    }
}
