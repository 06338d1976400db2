//! Files of training proofs and registrations, compressed or not.

use zktrain_model::chunks::{MAX_CHUNKS, chunk_sizes};
use zktrain_model::compile::compile_dataset;
use zktrain_model::relation::{Group, Relation};

use super::{Reader, WireError};
use crate::compressed::{CompressedProof, ProofSystem};
use crate::key::TrainingKey;
use crate::proof::SheetProof;
use crate::statements::{DatasetStatement, TrainingStatement};

/// Bytes of a statement at most.
const MAX_STATEMENT: u64 = 1 << 30;
/// Bytes of a proof at most.
const MAX_PROOF: u64 = 1 << 28;

/// A form of proof, and how its files start.
pub trait ProofFile: Sized {
    /// First bytes of a file with one training proof.
    const TRAINING_FILE: &'static [u8];
    /// First bytes of a file with a dataset's registration.
    const DATASET_FILE: &'static [u8];

    /// The system of the circuit's proof; none for an uncompressed one.
    fn system(&self) -> Option<ProofSystem>;
    /// The proof's encoding.
    fn encode(&self) -> Vec<u8>;
    /// Decodes a proof of `relation`. Never panics.
    ///
    /// # Errors
    /// If the bytes are not the canonical encoding of such a proof.
    fn decode(
        relation: &Relation,
        system: Option<ProofSystem>,
        bytes: &[u8],
    ) -> Result<Self, WireError>;
    /// Whether files of this form name a system.
    const HAS_SYSTEM: bool;
}

impl ProofFile for SheetProof {
    const TRAINING_FILE: &'static [u8] = b"NOT-ZK zktrain training proof v1\n";
    const DATASET_FILE: &'static [u8] = b"NOT-ZK zktrain dataset registration v1\n";
    const HAS_SYSTEM: bool = false;

    fn system(&self) -> Option<ProofSystem> {
        None
    }

    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(
        relation: &Relation,
        _: Option<ProofSystem>,
        bytes: &[u8],
    ) -> Result<Self, WireError> {
        Ok(Self::from_bytes(relation, bytes)?)
    }
}

impl ProofFile for CompressedProof {
    const TRAINING_FILE: &'static [u8] = b"zktrain training proof v1\n";
    const DATASET_FILE: &'static [u8] = b"zktrain dataset registration v1\n";
    const HAS_SYSTEM: bool = true;

    fn system(&self) -> Option<ProofSystem> {
        Some(self.system)
    }

    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(
        relation: &Relation,
        system: Option<ProofSystem>,
        bytes: &[u8],
    ) -> Result<Self, WireError> {
        let system = system.ok_or(WireError::System { got: 0 })?;
        Ok(Self::from_bytes(relation, system, bytes)?)
    }
}

fn push_block(out: &mut Vec<u8>, block: &[u8]) {
    out.extend_from_slice(&(block.len() as u64).to_be_bytes());
    out.extend_from_slice(block);
}

fn push_proof<P: ProofFile>(out: &mut Vec<u8>, statement: &[u8], proof: &P) {
    if let Some(system) = proof.system() {
        out.extend_from_slice(&system.code().to_be_bytes());
    }
    push_block(out, statement);
    push_block(out, &proof.encode());
}

fn read_system<P: ProofFile>(reader: &mut Reader<'_>) -> Result<Option<ProofSystem>, WireError> {
    if !P::HAS_SYSTEM {
        return Ok(None);
    }
    let got = reader.number("proof system")?;
    ProofSystem::from_code(got).map(Some).ok_or(WireError::System { got })
}

/// Encodes a training proof with its statement.
pub fn encode_training<P: ProofFile>(statement: &TrainingStatement, proof: &P) -> Vec<u8> {
    let mut out = P::TRAINING_FILE.to_vec();
    push_proof(&mut out, &statement.to_bytes(), proof);
    out
}

/// Decodes a training proof of this key's manifest. Never panics.
///
/// # Errors
/// If the bytes are not what [`encode_training`] writes.
pub fn decode_training<P: ProofFile>(
    key: &TrainingKey,
    bytes: &[u8],
) -> Result<(TrainingStatement, P), WireError> {
    let body = bytes.strip_prefix(P::TRAINING_FILE);
    let mut reader = Reader(body.ok_or(WireError::Magic { expected: "training proof" })?);
    let system = read_system::<P>(&mut reader)?;
    let statement = TrainingStatement::from_bytes(reader.block("statement", MAX_STATEMENT)?)?;
    let proof = P::decode(&key.relation, system, reader.block("proof", MAX_PROOF)?)?;
    reader.end()?;
    Ok((statement, proof))
}

/// Encodes a dataset's registration.
pub fn encode_dataset<P: ProofFile>(chunks: &[(DatasetStatement, P)]) -> Vec<u8> {
    let mut out = P::DATASET_FILE.to_vec();
    out.extend_from_slice(&(chunks.len() as u64).to_be_bytes());
    for (statement, proof) in chunks {
        push_proof(&mut out, &statement.to_bytes(), proof);
    }
    out
}

/// Decodes the registration of a dataset for this key's manifest. Never panics.
///
/// # Errors
/// If the bytes are not what [`encode_dataset`] writes.
pub fn decode_dataset<P: ProofFile>(
    key: &TrainingKey,
    bytes: &[u8],
) -> Result<Vec<(DatasetStatement, P)>, WireError> {
    let body = bytes.strip_prefix(P::DATASET_FILE);
    let mut reader = Reader(body.ok_or(WireError::Magic { expected: "dataset registration" })?);
    let count = reader.length("chunks", MAX_CHUNKS)?;
    let mut chunks = Vec::new();
    let mut sizes = Vec::new().into_iter();
    let mut compiled: Option<(usize, Relation)> = None;
    for index in 0..count {
        let (system, statement, proof) = read_statement::<P>(&mut reader)?;
        if index == 0 {
            sizes = chunk_sizes(&key.network, statement.windows)?.into_iter();
        }
        // The only size that this chunk can have, so that no other relation is compiled.
        let (expected, got) = (sizes.next(), statement.rows.len());
        if expected != Some(got) {
            let (expected, got) = (expected.unwrap_or(0) as u64, got as u64);
            return Err(WireError::Length { part: "windows", expected, got });
        }
        check_rows(key, &statement)?;
        let known = compiled.take().filter(|(size, _)| *size == got);
        let relation = match known {
            Some((_, relation)) => relation,
            None => compile_dataset(&key.network, got)?.0,
        };
        chunks.push((statement, P::decode(&relation, system, proof)?));
        compiled = Some((got, relation));
    }
    reader.end()?;
    Ok(chunks)
}

/// A chunk's proof system, statement and proof, the proof still as bytes.
type RawChunk<'a> = (Option<ProofSystem>, DatasetStatement, &'a [u8]);

fn read_statement<'a, P: ProofFile>(reader: &mut Reader<'a>) -> Result<RawChunk<'a>, WireError> {
    let system = read_system::<P>(reader)?;
    let statement = DatasetStatement::from_bytes(reader.block("statement", MAX_STATEMENT)?)?;
    Ok((system, statement, reader.block("proof", MAX_PROOF)?))
}

fn check_rows(key: &TrainingKey, statement: &DatasetStatement) -> Result<(), WireError> {
    let expected = key.relation.layout.group_rows(Group::Data(0)).count() as u64;
    match statement.rows.iter().find(|rows| rows.len() as u64 != expected) {
        Some(rows) => Err(WireError::Length { part: "rows", expected, got: rows.len() as u64 }),
        None => Ok(()),
    }
}
