//! Why a `.ptau` file cannot be read, in words for users who do not know the format.

use super::curve::Curve;
use crate::srs::{MAX_POWER, Section, kind};

/// Where in a file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PtauPart {
    /// Its first bytes: what it is, version, number of sections.
    Start,
    /// The bytes before a section's data: its number and size.
    Label {
        /// Sections before it.
        before: u32,
        /// Sections that there are, as the file says.
        of: u32,
    },
    /// A section's data.
    Section(Section),
    /// Behind the last section.
    End,
}

impl std::fmt::Display for PtauPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start => f.write_str("its first bytes"),
            Self::Label { before, of } => write!(f, "what follows {before} of its {of} sections"),
            Self::Section(section) => f.write_str(&named(section)),
            Self::End => f.write_str("what follows its last section"),
        }
    }
}

/// What is wrong with the bytes of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PointFault {
    /// A coordinate is not below the modulus.
    Unreduced,
    /// It is not on the curve, or is the neutral element.
    OffCurve,
    /// It is on the twist, but outside the group of order `r`.
    Subgroup,
}

impl std::fmt::Display for PointFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unreduced => "a coordinate is not below the field's modulus",
            Self::OffCurve => "not a point of BN254, or zero, which no power is",
            Self::Subgroup => "outside the prime-order group",
        })
    }
}

/// Why a `.ptau` file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PtauError {
    /// Reading failed for another reason than the end of the file.
    #[error("reading {part}, {at} bytes from the file's start: {source}")]
    Read {
        part: PtauPart,
        /// Bytes read until then.
        at: u64,
        source: std::io::Error,
    },
    /// The file ends too early.
    #[error("{}", ends(part, *expected, *got))]
    Truncated {
        part: PtauPart,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes of it that are there.
        got: u64,
    },
    /// The first bytes are those of another kind of file.
    #[error("not a ceremony's powers of tau (.ptau): {}", kind::told(start))]
    Kind {
        /// How the file begins.
        start: Vec<u8>,
    },
    /// A version that this program does not read.
    #[error("version {got} of the .ptau format; zktrain reads version 1")]
    Version {
        /// The version found.
        got: u32,
    },
    /// The header has a size that none can have.
    #[error("{} has {got} bytes; that of a file over BN254 has 44", named(&Section::Header))]
    HeaderSize {
        /// The size found.
        got: u64,
    },
    /// The header's size and its field's disagree.
    #[error(
        "{} has {size} bytes, but says that a number of its field takes {got}; \
         over BN254 these are 44 and 32",
        named(&Section::Header)
    )]
    FieldSize {
        /// The header's size.
        size: u64,
        /// Bytes of a number that the header gives.
        got: u32,
    },
    /// The file is for another curve.
    #[error("made for {0}; zktrain needs BN254, which snarkjs calls bn128")]
    Curve(Curve),
    /// The power is none.
    #[error("its header says that its power is {got}; a power is between 1 and {}", MAX_POWER)]
    Power {
        /// What the file says.
        got: u32,
    },
    /// The ceremony cannot have had such a power.
    #[error(
        "its header says that its power is {power} and its ceremony's is {got}; the ceremony's is \
         between the file's and {}",
        MAX_POWER
    )]
    CeremonyPower {
        /// The file's own.
        power: u32,
        /// What the file says of the ceremony's.
        got: u32,
    },
    /// A section has another size than the header implies.
    #[error(
        "{} has {got} bytes; with the power {power} of the file's header it has {expected}",
        named(section)
    )]
    SectionSize {
        section: Section,
        /// The file's power.
        power: u32,
        /// The size that it implies.
        expected: u64,
        /// The size found.
        got: u64,
    },
    /// A section appears twice.
    #[error("{} appears twice", named(section))]
    DuplicateSection { section: Section },
    /// A section is not there.
    #[error("{} is missing", named(section))]
    MissingSection { section: Section },
    /// A section comes before the header that gives its size.
    #[error("{} comes before section 1 (header), which says how long it is", named(section))]
    Headless { section: Section },
    /// Bytes after the end.
    #[error(
        "the file goes on after the last of its {sections} sections, {at} bytes from its start"
    )]
    TrailingBytes {
        /// Sections that there are, as the file says.
        sections: u32,
        /// Where the file should end.
        at: u64,
    },
    /// Bytes that are no point of the group.
    #[error("{}, point {index}: {fault}", named(section))]
    Point {
        section: Section,
        index: usize,
        /// What is wrong with it.
        fault: PointFault,
    },
}

/// How a file ends too early.
fn ends(part: &PtauPart, expected: u64, got: u64) -> String {
    match part {
        PtauPart::Start if got == 0 => "the file is empty".into(),
        PtauPart::Start => {
            format!("the file ends after {got} bytes; a .ptau begins with {expected}")
        }
        PtauPart::Label { before, of } => {
            format!("the file ends after {before} of the {of} sections that it says it has")
        }
        PtauPart::Section(_) | PtauPart::End => {
            format!("the file ends inside {part}: {got} of its {expected} bytes are there")
        }
    }
}

/// A section by the number and the name that the format gives it.
fn named(section: &Section) -> String {
    let (number, name) = match section {
        Section::Header => (1, "header"),
        Section::TauG1 => (2, "tauG1"),
        Section::TauG2 => (3, "tauG2"),
        Section::AlphaTauG1 => (4, "alphaTauG1"),
        Section::BetaTauG1 => (5, "betaTauG1"),
        Section::BetaG2 => (6, "betaG2"),
        Section::Other(7) => (7, "contributions"),
        Section::Other(12) => (12, "tauG1 in Lagrange form"),
        Section::Other(13) => (13, "tauG2 in Lagrange form"),
        Section::Other(14) => (14, "alphaTauG1 in Lagrange form"),
        Section::Other(15) => (15, "betaTauG1 in Lagrange form"),
        Section::Other(number) => return format!("section {number}"),
    };
    format!("section {number} ({name})")
}
