//! A proof about a sheet, before compression, and its encoding.
//!
//! It reveals evaluations of the witness. Its encoding starts with [`MAGIC`],
//! which says so, and belongs in a file that only its owner can read.

use ark_bn254::{Fr, G1Affine};
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_argument::opening::{
    OpeningDecodeError, OpeningProof, Words, point_bytes, scalar_bytes,
};
use zktrain_model::relation::{Group, Relation};

/// First bytes of an encoded proof.
pub const MAGIC: &[u8; 20] = b"NOT-ZK zktrain proof";
/// Version of the encoding.
pub const FORMAT: u32 = 1;

/// A proof that a committed sheet satisfies a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetProof {
    /// Commitments to the rows that are the proof's own, in the order of the layout.
    pub rows: Vec<G1Affine>,
    /// Commitment to the mask row.
    pub mask: G1Affine,
    /// The argument.
    pub argument: Argument<Fr>,
    /// The folded blinding `b*`.
    pub blinding: Fr,
    /// The opening of the masked, folded row.
    pub opening: OpeningProof,
}

/// Why bytes are not a proof of the relation at hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofDecodeError {
    /// Not a proof at all.
    #[error("not an uncompressed zktrain proof: the first bytes differ")]
    Magic,
    /// A version that this program does not know.
    #[error("proof format {got}; this program reads {FORMAT}")]
    Format {
        /// The version found.
        got: u32,
    },
    /// Too short or too long for the relation.
    #[error("a proof of this manifest has {expected} bytes, not {got}")]
    Length {
        /// Bytes that the relation demands.
        expected: usize,
        /// Bytes found.
        got: usize,
    },
    /// A point or scalar is not valid.
    #[error("{0}")]
    Element(#[from] OpeningDecodeError),
}

/// Rows of a layout that a proof brings itself.
pub fn own_rows(relation: &Relation) -> usize {
    let rows = relation.layout.rows.iter();
    rows.filter(|row| matches!(row.group, Group::Update(_) | Group::Trace)).count()
}

const HEADER: usize = MAGIC.len() + 4;

/// Bytes of an encoded proof.
pub fn encoded_len(relation: &Relation) -> usize {
    let points = own_rows(relation) + 1;
    let scalars = ArgumentShape::of(relation).elements() + 1;
    HEADER + 64 * points + 32 * scalars + OpeningProof::ENCODED_LEN
}

impl SheetProof {
    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&FORMAT.to_be_bytes());
        for point in self.rows.iter().chain([&self.mask]) {
            out.extend_from_slice(&point_bytes(point));
        }
        for scalar in self.argument.to_elements().iter().chain([&self.blinding]) {
            out.extend_from_slice(&scalar_bytes(scalar));
        }
        out.extend_from_slice(&self.opening.to_bytes());
        out
    }

    /// Decodes a proof of `relation`. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// If the bytes are not the canonical encoding of a proof of this shape.
    pub fn from_bytes(relation: &Relation, bytes: &[u8]) -> Result<Self, ProofDecodeError> {
        let body = bytes.strip_prefix(MAGIC.as_slice()).ok_or(ProofDecodeError::Magic)?;
        let (format, _) = body.split_first_chunk::<4>().ok_or(ProofDecodeError::Magic)?;
        let got = u32::from_be_bytes(*format);
        if got != FORMAT {
            return Err(ProofDecodeError::Format { got });
        }
        let expected = encoded_len(relation);
        if bytes.len() != expected {
            return Err(ProofDecodeError::Length { expected, got: bytes.len() });
        }
        let wrong = ProofDecodeError::Length { expected, got: bytes.len() };
        let shape = ArgumentShape::of(relation);
        let mut words = Words::new(bytes, HEADER);
        let rows = (0..own_rows(relation)).map(|_| words.point()).collect::<Result<_, _>>()?;
        let mask = words.point()?;
        let scalars =
            (0..shape.elements()).map(|_| words.scalar()).collect::<Result<Vec<_>, _>>()?;
        let blinding = words.scalar()?;
        let argument = Argument::from_elements(&shape, scalars).ok_or(wrong)?;
        let opening = OpeningProof::read(&mut words)?;
        Ok(Self { rows, mask, argument, blinding, opening })
    }
}
