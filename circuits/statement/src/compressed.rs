//! The proof that a trainer sends: zero-knowledge, a few kilobytes, and its encoding.
//!
//! Row commitments, the opening in which the argument ends, and a circuit's proof that there
//! is such an argument. Everything in it is uniformly random given the
//! statement, or computed from what is, or a zero-knowledge proof.
//!
//! # Encoding, version 1
//! One for files and for calldata: words of 32 bytes, big-endian; points `x ‖ y`, the neutral
//! element `0 ‖ 0`; scalars reduced:
//! `own rows ‖ mask row ‖ ρ ‖ γ ‖ v* ‖ b* ‖ opening ‖ circuit's proof`.
//! The relation fixes all lengths but the last, which the system fixes.

use ark_bn254::{Fr, G1Affine};
use zktrain_argument::opening::{OpeningProof, Words, point_bytes, scalar_bytes};
use zktrain_argument::verifier::Opening;
use zktrain_model::relation::Relation;

use crate::proof::{ProofDecodeError, own_rows};

/// The proof system of the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProofSystem {
    /// halo2 with KZG commitments: keys follow from the manifest.
    Halo2,
    /// Groth16: keys come from a ceremony.
    Groth16,
}

impl ProofSystem {
    /// The number that stands for the system in encodings.
    pub const fn code(self) -> u64 {
        match self {
            Self::Halo2 => 1,
            Self::Groth16 => 2,
        }
    }

    /// The system with this number.
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            1 => Some(Self::Halo2),
            2 => Some(Self::Groth16),
            _ => None,
        }
    }

    /// Its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Halo2 => "halo2",
            Self::Groth16 => "groth16",
        }
    }
}

impl core::fmt::Display for ProofSystem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// Bytes of a circuit's proof at most, whatever the system.
pub const MAX_CIRCUIT_PROOF: usize = 1 << 14;

/// A compressed proof that a committed sheet satisfies a relation.
///
/// ```
/// # use zktrain_model::compile::compile_training;
/// # use zktrain_model::manifest::Manifest;
/// # use zktrain_model::size::Limits;
/// use zktrain_statement::compressed::{CompressedProof, ProofSystem, encoded_len};
/// # let text = std::fs::read_to_string("../model/tests/manifest.toml")?;
/// # let network = Limits::default().admit(Manifest::from_toml(&text)?.network()?)?;
/// # let (relation, _) = compile_training(&network)?;
///
/// let read = |bytes: &[u8]| CompressedProof::from_bytes(&relation, ProofSystem::Halo2, bytes);
/// // Zeros have a proof's form: neutral points and zero scalars. They prove nothing.
/// let zeros = vec![0; encoded_len(&relation)];
/// assert_eq!(read(&zeros)?.to_bytes(), zeros);
/// assert!(read(&zeros[1..]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompressedProof {
    /// Commitments to the rows that are the proof's own, in the order of the layout.
    pub rows: Vec<G1Affine>,
    /// Commitment to the mask row.
    pub mask: G1Affine,
    /// Where the argument ends.
    pub claim: Opening<Fr>,
    /// The folded blinding `b*`.
    pub blinding: Fr,
    /// The opening of the masked, folded row.
    pub opening: OpeningProof,
    /// The system of the circuit's proof.
    pub system: ProofSystem,
    /// The circuit's proof, as its system encodes it.
    pub circuit_proof: Vec<u8>,
}

/// Bytes of an encoded proof but for the circuit's.
pub fn encoded_len(relation: &Relation) -> usize {
    let points = own_rows(relation) + 1;
    let scalars = relation.layout.address_log as usize + 3;
    64 * points + 32 * scalars + OpeningProof::ENCODED_LEN
}

impl CompressedProof {
    /// The encoding; the system is not part of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for point in self.rows.iter().chain([&self.mask]) {
            out.extend_from_slice(&point_bytes(point));
        }
        let Opening { point, gamma, value } = &self.claim;
        for scalar in point.iter().chain([gamma, value, &self.blinding]) {
            out.extend_from_slice(&scalar_bytes(scalar));
        }
        out.extend_from_slice(&self.opening.to_bytes());
        out.extend_from_slice(&self.circuit_proof);
        out
    }

    /// Decodes a proof of `relation`. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// If the bytes are not the canonical encoding of a proof of this shape. The circuit's
    /// proof is decoded when it is checked.
    pub fn from_bytes(
        relation: &Relation,
        system: ProofSystem,
        bytes: &[u8],
    ) -> Result<Self, ProofDecodeError> {
        let expected = encoded_len(relation);
        let wrong = ProofDecodeError::Length { expected, got: bytes.len() };
        let (body, circuit_proof) = bytes.split_at_checked(expected).ok_or(wrong.clone())?;
        if circuit_proof.len() > MAX_CIRCUIT_PROOF {
            return Err(wrong);
        }
        let mut words = Words::new(body, 0);
        let rows = (0..own_rows(relation)).map(|_| words.point()).collect::<Result<_, _>>()?;
        let mask = words.point()?;
        let point = (0..relation.layout.address_log).map(|_| words.scalar());
        let point = point.collect::<Result<_, _>>()?;
        let claim = Opening { point, gamma: words.scalar()?, value: words.scalar()? };
        let blinding = words.scalar()?;
        let opening = OpeningProof::read(&mut words)?;
        let circuit_proof = circuit_proof.to_vec();
        Ok(Self { rows, mask, claim, blinding, opening, system, circuit_proof })
    }
}
