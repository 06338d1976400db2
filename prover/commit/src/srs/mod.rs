//! The structured reference string: powers of a `τ` that nobody must know.
//!
//! A string comes from a public ceremony ([`Srs::import_ptau`]) or, for tests and demonstrations
//! only, from local randomness ([`Srs::generate`]). Which of the two is written in its file, where
//! anybody who hands the file on can change it: it is a claim.
//!
//! An [`Srs`] is points that somebody says are a string. Everything that commits, derives keys or
//! verifies takes a [`CheckedSrs`] or its [`Powers`], which [`Srs::check`] alone makes.

pub mod ceremonies;
mod check;
mod checked;
mod file;
mod generate;
mod kind;
mod ptau;
mod weak;

use std::path::PathBuf;

use crate::random::NoRandomness;
use ark_bn254::{G1Affine, G2Affine};
use sha3::{Digest, Keccak256};
use zktrain_argument::curve::g2_encoding;

pub use checked::{CHECK_VERSION, CheckMemory, CheckedSrs, Powers, SrsDigest};
pub use file::SrsFile;
pub use ptau::{Curve, PointFault, PtauError, PtauPart};
pub use weak::Weakness;

/// The largest power that is read or generated: `2^28` group elements.
pub const MAX_POWER: u32 = 28;

/// Where a reference string comes from, as its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// Generated on one machine: the party that ran it could have kept `τ`, and with it can forge
    /// any proof.
    Insecure,
    /// Read from a ceremony's file.
    Imported {
        /// SHA-256 of that file.
        source_sha256: [u8; 32],
    },
}

/// The sections that Groth16's second phase needs besides the powers of `τ` in G1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseTwoSections {
    /// `[τ^i]` in G2 for `i < 2^power`.
    pub g2_powers: Vec<G2Affine>,
    /// `[α·τ^i]` in G1 for `i < 2^power`.
    pub alpha_g1: Vec<G1Affine>,
    /// `[β·τ^i]` in G1 for `i < 2^power`.
    pub beta_g1: Vec<G1Affine>,
    /// `[β]` in G2.
    pub beta_g2: G2Affine,
}

/// Points that may be a powers-of-tau string over BN254; [`Srs::check`] finds out.
///
/// ```
/// use zktrain_commit::random::{Label, Randomness};
/// use zktrain_commit::srs::Srs;
///
/// let mut srs = Srs::generate_g1(3, &mut Randomness::fresh(Label::ReferenceString)?);
/// assert!(srs.claims_insecure(), "this process could have kept τ");
/// assert!(srs.clone().check().is_ok());
/// srs.g1.swap(1, 2);
/// assert!(srs.check().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srs {
    /// The binary logarithm of the number of entries of a row that can be committed to.
    pub power: u32,
    /// `[τ^i]` in G1: `2^power` of them, or `2^(power + 1) − 1` with the phase-two sections.
    pub g1: Vec<G1Affine>,
    /// `[1]` and `[τ]` in G2.
    pub g2: [G2Affine; 2],
    /// What Groth16 needs; absent from a string for row commitments alone.
    pub phase_two: Option<PhaseTwoSections>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// A summary for people and for logs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SrsInfo {
    /// The binary logarithm of the row length it serves.
    pub power: u32,
    /// Number of powers in G1.
    pub g1_powers: usize,
    /// Number of powers in G2.
    pub g2_powers: usize,
    /// Whether the sections that Groth16 needs are there.
    pub phase_two: bool,
    /// Whether it says that it was generated locally, and must not be used where forging pays. That
    /// it does not say so means nothing.
    pub claims_insecure: bool,
    /// SHA-256 of the ceremony's file that it says it was imported from, in hexadecimal.
    pub claims_source_sha256: Option<String>,
    /// Keccak-256 of `[τ]` in G2, in hexadecimal; see [`CheckedSrs::fingerprint`].
    pub fingerprint: String,
}

impl Srs {
    /// Whether it says that it was generated locally, by someone who could have kept `τ`. A file
    /// that says otherwise may lie.
    pub fn claims_insecure(&self) -> bool {
        self.provenance == Provenance::Insecure
    }

    /// A summary of sizes, provenance and identity.
    pub fn info(&self) -> SrsInfo {
        let claims_source_sha256 = match &self.provenance {
            Provenance::Insecure => None,
            Provenance::Imported { source_sha256 } => Some(hex(source_sha256)),
        };
        SrsInfo {
            power: self.power,
            g1_powers: self.g1.len(),
            g2_powers: self.phase_two.as_ref().map_or(2, |p| p.g2_powers.len()),
            phase_two: self.phase_two.is_some(),
            claims_insecure: self.claims_insecure(),
            claims_source_sha256,
            fingerprint: hex(&self.fingerprint()),
        }
    }

    /// Keccak-256 of `[τ]` in G2, uncompressed in arkworks' encoding. Of points that were not
    /// checked it says nothing about the others.
    pub fn fingerprint(&self) -> [u8; 32] {
        Keccak256::digest(g2_encoding(&self.g2[1])).into()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A part of a reference string, as errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Header,
    /// Powers of `τ` in G1.
    TauG1,
    /// Powers of `τ` in G2.
    TauG2,
    /// Powers of `τ` times `α` in G1.
    AlphaTauG1,
    /// Powers of `τ` times `β` in G1.
    BetaTauG1,
    /// `β` in G2.
    BetaG2,
    /// A section that is skipped, by the number that a ceremony's file gives it.
    Other(u32),
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Section::Other(number) => return write!(f, "{number}"),
            Section::Header => "header",
            Section::TauG1 => "tauG1",
            Section::TauG2 => "tauG2",
            Section::AlphaTauG1 => "alphaTauG1",
            Section::BetaTauG1 => "betaTauG1",
            Section::BetaG2 => "betaG2",
        })
    }
}

/// Why a reference string cannot be read, written or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsError {
    /// The operating system refused.
    #[error("{path:?}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    /// Reading failed for another reason than the end of the input.
    #[error("reading the {section} section: {source}")]
    Read { section: Section, source: std::io::Error },
    /// The file ends inside a section.
    #[error("the file ends inside its {section} section")]
    Truncated { section: Section },
    /// The first bytes are not those of our own format.
    #[error("not a reference string of zktrain: {}", kind::told(start))]
    NoString {
        /// How the file begins.
        start: Vec<u8>,
    },
    /// A ceremony's file cannot be read.
    #[error(transparent)]
    Ptau(#[from] PtauError),
    /// A header field out of range.
    #[error("header field {field} is {got}, expected {expected}")]
    HeaderField {
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        got: u64,
    },
    /// A section is not there.
    #[error("section {section} is missing")]
    MissingSection { section: Section },
    /// Bytes after the end.
    #[error("the file goes on after its last section")]
    TrailingBytes,
    /// A coordinate is not below the modulus.
    #[error("section {section}, point {index}: a coordinate is not below the field's modulus")]
    Unreduced { section: Section, index: usize },
    /// A point is not on the curve, or is the neutral element.
    #[error("section {section}, point {index}: not a point of BN254, or zero")]
    OffCurve { section: Section, index: usize },
    /// A point of the twist is outside the group of order `r`.
    #[error("section {section}, point {index}: outside the prime-order group")]
    Subgroup { section: Section, index: usize },
    /// The first power is not the group's generator.
    #[error("section {section} does not start with the generator")]
    Generator { section: Section },
    /// The points are not powers of one `τ`, or not times one `α` or `β`.
    #[error("section {section}: pairing relation does not hold")]
    Relation { section: Section },
    /// `τ`, `α` or `β` is one that anybody finds.
    #[error("section {section}: its secret {why}")]
    Weak {
        section: Section,
        /// What is wrong with it.
        why: Weakness,
    },
    /// A checksum of our own format does not match.
    #[error("checksum of the {section} section does not match")]
    Checksum { section: Section },
    /// Points without a digest, which would be taken for others.
    #[error("points cannot be encoded: {0}")]
    Encoding(#[from] ark_serialize::SerializationError),
    /// No weights to check powers with.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// Fewer powers than asked for.
    #[error("the reference string serves {got} entries a row, {expected} needed")]
    TooSmall {
        /// The number asked for.
        expected: u64,
        /// The number there is.
        got: u64,
    },
}
