//! Encodings of statements and of the files that carry proofs.
//!
//! Everything is length-prefixed, capped before anything is allocated, and has
//! one encoding: decoding and encoding again gives the same bytes.

use ark_bn254::G1Affine;

use crate::compile::compile_dataset;
use crate::key::TrainingKey;
use crate::merkle::Hash;
use crate::opening::{OpeningDecodeError, Words};
use crate::proof::{ProofDecodeError, SheetProof};
use crate::relation::Group;
use crate::statement::{Binding, DATASET, DatasetStatement, TRAINING, TrainingStatement, VERSION};

/// Row commitments or hashes in one list at most.
const MAX_LIST: u64 = 1 << 20;
/// Proofs in one registration at most: chunk sizes are powers of two, or the largest.
const MAX_CHUNKS: u64 = 1 << 16;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The file starts with something else.
    #[error("not a {expected} file: the first bytes differ")]
    Magic {
        /// What was expected.
        expected: &'static str,
    },
    /// A version that this program does not know.
    #[error("{part}: version {got}, this program reads {expected}")]
    Version {
        /// Of what.
        part: &'static str,
        /// The version that is read.
        expected: u64,
        /// The version found.
        got: u64,
    },
    /// The bytes end too early.
    #[error("{part}: the bytes end too early")]
    Truncated {
        /// In which field.
        part: &'static str,
    },
    /// Bytes are left over.
    #[error("{got} bytes too many")]
    Trailing {
        /// How many.
        got: usize,
    },
    /// A length is not allowed.
    #[error("{part}: length {got}, expected {expected} (or at most that many)")]
    Length {
        /// Of which field.
        part: &'static str,
        /// The length, or the largest one.
        expected: u64,
        /// The length found.
        got: u64,
    },
    /// A point or scalar is not valid.
    #[error("{part}: {source}")]
    Element {
        /// In which field.
        part: &'static str,
        /// What is wrong.
        #[source]
        source: OpeningDecodeError,
    },
    /// A proof is not one of this manifest.
    #[error(transparent)]
    Proof(#[from] ProofDecodeError),
}

/// Reads fields from bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, part: &'static str, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError::Truncated { part })?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, part: &'static str) -> Result<u64, WireError> {
        let (taken, rest) = self.0.split_first_chunk::<8>().ok_or(WireError::Truncated { part })?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*taken))
    }

    fn length(&mut self, part: &'static str, most: u64) -> Result<usize, WireError> {
        let got = self.number(part)?;
        if got > most {
            return Err(WireError::Length { part, expected: most, got });
        }
        usize::try_from(got).map_err(|_| WireError::Length { part, expected: most, got })
    }

    /// A field of exactly `N` bytes.
    fn bytes<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], WireError> {
        let got = self.number(part)?;
        let expected = N as u64;
        let field = (got == expected).then(|| self.take(part, N)).transpose()?;
        field.and_then(|field| field.try_into().ok()).ok_or(WireError::Length {
            part,
            expected,
            got,
        })
    }

    fn kind(&mut self, kind: &'static [u8], name: &'static str) -> Result<(), WireError> {
        let length = self.length("kind", 64)?;
        if self.take("kind", length)? != kind {
            return Err(WireError::Magic { expected: name });
        }
        let (expected, got) = (u64::from(VERSION), self.number("version")?);
        if got != expected {
            return Err(WireError::Version { part: name, expected, got });
        }
        Ok(())
    }

    fn points(&mut self, part: &'static str) -> Result<Vec<G1Affine>, WireError> {
        let count = self.length(part, MAX_LIST)?;
        let bytes = self.take(part, 64 * count)?;
        let mut words = Words::new(bytes, 0);
        let points = (0..count).map(|_| words.point()).collect::<Result<_, _>>();
        points.map_err(|source| WireError::Element { part, source })
    }

    fn hashes(&mut self, part: &'static str) -> Result<Vec<Hash>, WireError> {
        let count = self.length(part, 64)?;
        let bytes = self.take(part, 32 * count)?;
        Ok(bytes.chunks_exact(32).filter_map(|h| h.try_into().ok()).collect())
    }

    /// Bytes with their length, at most `most`.
    fn block(&mut self, part: &'static str, most: u64) -> Result<&'a [u8], WireError> {
        let length = self.length(part, most)?;
        self.take(part, length)
    }

    fn end(self) -> Result<(), WireError> {
        match self.0.len() {
            0 => Ok(()),
            got => Err(WireError::Trailing { got }),
        }
    }
}

impl TrainingStatement {
    /// Decodes a statement. Never panics.
    ///
    /// # Errors
    /// If the bytes are not the canonical encoding of a statement.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader(bytes);
        reader.kind(TRAINING, "training statement")?;
        let statement = Self {
            spec: reader.bytes("spec")?,
            binding: Binding {
                chain_id: reader.number("chain id")?,
                round: reader.number("round")?,
                prover: reader.bytes("prover")?,
            },
            step: reader.number("step")?,
            dataset: reader.bytes("dataset")?,
            windows: reader.number("windows")?,
            window: reader.number("window")?,
            data: reader.points("data")?,
            path: reader.hashes("path")?,
            model: reader.points("model")?,
            state: reader.points("state")?,
            update: reader.points("update")?,
            state_after: reader.points("state after")?,
        };
        reader.end()?;
        Ok(statement)
    }
}

impl DatasetStatement {
    /// Decodes a statement. Never panics.
    ///
    /// # Errors
    /// If the bytes are not the canonical encoding of a statement.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader(bytes);
        reader.kind(DATASET, "dataset statement")?;
        let spec = reader.bytes("spec")?;
        let owner = reader.bytes("owner")?;
        let windows = reader.number("windows")?;
        let first = reader.number("first")?;
        let count = reader.length("rows", MAX_LIST)?;
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.push(reader.points("rows")?);
        }
        reader.end()?;
        Ok(Self { spec, owner, windows, first, rows })
    }
}

fn push_block(out: &mut Vec<u8>, block: &[u8]) {
    out.extend_from_slice(&(block.len() as u64).to_be_bytes());
    out.extend_from_slice(block);
}

/// Bytes of a statement at most.
const MAX_STATEMENT: u64 = 1 << 30;
/// Bytes of a proof at most.
const MAX_PROOF: u64 = 1 << 28;

/// First bytes of a file with one training proof.
pub const TRAINING_FILE: &[u8] = b"NOT-ZK zktrain training proof v1\n";
/// First bytes of a file with a dataset's registration.
pub const DATASET_FILE: &[u8] = b"NOT-ZK zktrain dataset registration v1\n";

/// Encodes a training proof with its statement.
pub fn encode_training(statement: &TrainingStatement, proof: &SheetProof) -> Vec<u8> {
    let mut out = TRAINING_FILE.to_vec();
    push_block(&mut out, &statement.to_bytes());
    push_block(&mut out, &proof.to_bytes());
    out
}

/// Decodes a training proof of this key's manifest. Never panics.
///
/// # Errors
/// If the bytes are not what [`encode_training`] writes.
pub fn decode_training(
    key: &TrainingKey,
    bytes: &[u8],
) -> Result<(TrainingStatement, SheetProof), WireError> {
    let body =
        bytes.strip_prefix(TRAINING_FILE).ok_or(WireError::Magic { expected: "training proof" })?;
    let mut reader = Reader(body);
    let statement = TrainingStatement::from_bytes(reader.block("statement", MAX_STATEMENT)?)?;
    let proof = SheetProof::from_bytes(&key.relation, reader.block("proof", MAX_PROOF)?)?;
    reader.end()?;
    Ok((statement, proof))
}

/// Encodes a dataset's registration.
pub fn encode_dataset(chunks: &[(DatasetStatement, SheetProof)]) -> Vec<u8> {
    let mut out = DATASET_FILE.to_vec();
    out.extend_from_slice(&(chunks.len() as u64).to_be_bytes());
    for (statement, proof) in chunks {
        push_block(&mut out, &statement.to_bytes());
        push_block(&mut out, &proof.to_bytes());
    }
    out
}

/// Decodes the registration of a dataset for this key's manifest. Never panics.
///
/// # Errors
/// If the bytes are not what [`encode_dataset`] writes.
pub fn decode_dataset(
    key: &TrainingKey,
    bytes: &[u8],
) -> Result<Vec<(DatasetStatement, SheetProof)>, WireError> {
    let body = bytes
        .strip_prefix(DATASET_FILE)
        .ok_or(WireError::Magic { expected: "dataset registration" })?;
    let mut reader = Reader(body);
    let count = reader.length("chunks", MAX_CHUNKS)?;
    let mut chunks = Vec::new();
    for _ in 0..count {
        let statement = DatasetStatement::from_bytes(reader.block("statement", MAX_STATEMENT)?)?;
        let bytes = reader.block("proof", MAX_PROOF)?;
        let windows = statement.rows.len();
        if !windows.is_power_of_two() {
            return Err(WireError::Length { part: "windows", expected: 1, got: windows as u64 });
        }
        // Before a layout for so many windows is made: their rows are in the file.
        let expected = key.relation.layout.group_rows(Group::Data(0)).count() as u64;
        if let Some(rows) = statement.rows.iter().find(|rows| rows.len() as u64 != expected) {
            return Err(WireError::Length { part: "rows", expected, got: rows.len() as u64 });
        }
        let (relation, _) = compile_dataset(&key.network, windows);
        let proof = SheetProof::from_bytes(&relation, bytes)?;
        chunks.push((statement, proof));
    }
    reader.end()?;
    Ok(chunks)
}
