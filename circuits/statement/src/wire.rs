//! Encodings of statements and of the files that carry proofs.
//!
//! Everything is length-prefixed, capped before anything is allocated, and has
//! one encoding: decoding and encoding again gives the same bytes.

use ark_bn254::G1Affine;
use zktrain_argument::opening::{OpeningDecodeError, Words};
use zktrain_model::Hash;
use zktrain_model::chunks::TooManyWindows;
use zktrain_model::size::ChunkError;

use crate::proof::ProofDecodeError;
use crate::statements::{Binding, DATASET, DatasetStatement, TRAINING, TrainingStatement, VERSION};

mod files;

pub use files::{ProofFile, decode_dataset, decode_training, encode_dataset, encode_training};

/// Row commitments or hashes in one list at most.
const MAX_LIST: u64 = 1 << 20;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The file starts with something else.
    #[error("not a {expected} file: the first bytes differ")]
    Magic {
        /// What was expected.
        expected: &'static str,
    },
    /// A proof system that this program does not know.
    #[error("proof system number {got}; this program knows 1 (halo2) and 2 (groth16)")]
    System {
        /// The number found.
        got: u64,
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
    /// A registration of more windows than there can be.
    #[error(transparent)]
    Windows(#[from] TooManyWindows),
    /// A chunk that this reader does not compile.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
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
        let (hashes, rest) = bytes.as_chunks::<32>();
        match rest.len() {
            0 => Ok(hashes.to_vec()),
            _ => Err(WireError::Truncated { part }),
        }
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
                contract: reader.bytes("contract")?,
                domain: reader.number("domain")?,
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
