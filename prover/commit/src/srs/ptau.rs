//! Reads the `.ptau` files that snarkjs and public BN254 ceremonies use.
//!
//! All integers are little-endian. The file is `"ptau"`, a version (1), a number of sections, then
//! the sections: number (4 bytes), size (8 bytes), data.
//!
//! | section | data |
//! |---|---|
//! | 1 | bytes of a field element (4 bytes), modulus, power (4), power of the ceremony (4) |
//! | 2 | `[τ^i]` in G1, `i < 2^(power + 1) − 1` |
//! | 3 | `[τ^i]` in G2, `i < 2^power` |
//! | 4, 5 | `[α·τ^i]`, `[β·τ^i]` in G1, `i < 2^power` |
//! | 6 | `[β]` in G2 |
//!
//! Points are affine and uncompressed, coordinates in Montgomery form. Other sections (the
//! contributions, Lagrange bases) are skipped.

mod curve;
mod error;
mod header;
mod input;
mod point;

use std::io::Read;

use ark_bn254::{G1Affine, G2Affine};
use rayon::prelude::*;

use self::input::Input;
use self::point::PtauPoint;
use super::{CheckedSrs, MAX_POWER, PhaseTwoSections, Provenance, Section, Srs, SrsError};

pub use curve::Curve;
pub use error::{PointFault, PtauError, PtauPart};

/// Points decoded at a time; memory grows with the data read, never with what a header claims.
const BATCH: usize = 1 << 13;

impl Srs {
    /// Reads a ceremony's file with all its powers, checks it and keeps its SHA-256.
    ///
    /// Checked: the curve, section sizes, and all that [`Srs::check`] does; so a file to which
    /// nobody has contributed is refused. Not checked: the ceremony's transcript of contributions;
    /// compare the hash with the published one for that.
    ///
    /// # Errors
    /// If the input is not such a file, whole and without trailing bytes, or a check fails.
    pub fn import_ptau<R: Read>(reader: R) -> Result<CheckedSrs, SrsError> {
        Self::import_ptau_prefix(reader, MAX_POWER)
    }

    /// As [`Srs::import_ptau`], but keeps no more than the first `2^power` powers of each kind
    /// (`2^(power + 1) − 1` of `τ` in G1; a `power` of zero counts as one). The whole input is
    /// still read and hashed.
    ///
    /// # Errors
    /// As [`Srs::import_ptau`]; points that are not kept are not checked.
    pub fn import_ptau_prefix<R: Read>(reader: R, power: u32) -> Result<CheckedSrs, SrsError> {
        let mut input = Input::new(reader);
        let sections = header::read_start(&mut input)?;
        let mut parts = Parts { keep: power, ..Parts::default() };
        for before in 0..sections {
            input.begin(PtauPart::Label { before, of: sections }, 12);
            parts.read_section(&mut input)?;
        }
        let source_sha256 = input.end(sections)?;
        parts.finish(source_sha256)?.check()
    }
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    /// Powers beyond this are skipped.
    keep: u32,
    /// The power in the file's header.
    power: Option<u32>,
    tau_g1: Option<Vec<G1Affine>>,
    tau_g2: Option<Vec<G2Affine>>,
    alpha_g1: Option<Vec<G1Affine>>,
    beta_g1: Option<Vec<G1Affine>>,
    beta_g2: Option<Vec<G2Affine>>,
}

impl Parts {
    fn read_section<R: Read>(&mut self, input: &mut Input<R>) -> Result<(), PtauError> {
        let (number, size) = (input.u32()?, input.u64()?);
        let section = match number {
            1 => return self.read_header(input, size),
            2 => Section::TauG1,
            3 => Section::TauG2,
            4 => Section::AlphaTauG1,
            5 => Section::BetaTauG1,
            6 => Section::BetaG2,
            other => {
                input.begin(PtauPart::Section(Section::Other(other)), size);
                return input.skip(size);
            }
        };
        let power = self.power.ok_or(PtauError::Headless { section })?;
        let count = |power: u32| match section {
            Section::TauG1 => (2u64 << power) - 1,
            Section::BetaG2 => 1,
            _ => 1 << power,
        };
        let kept = count(power.min(self.keep));
        let extent = Extent { section, size, power, count: count(power), kept };
        match section {
            Section::TauG1 => extent.read(input, &mut self.tau_g1),
            Section::TauG2 => extent.read(input, &mut self.tau_g2),
            Section::AlphaTauG1 => extent.read(input, &mut self.alpha_g1),
            Section::BetaTauG1 => extent.read(input, &mut self.beta_g1),
            _ => extent.read(input, &mut self.beta_g2),
        }
    }

    fn read_header<R: Read>(&mut self, input: &mut Input<R>, size: u64) -> Result<(), PtauError> {
        if self.power.is_some() {
            return Err(PtauError::DuplicateSection { section: Section::Header });
        }
        self.power = Some(header::read_header(input, size)?);
        Ok(())
    }

    fn finish(self, source_sha256: [u8; 32]) -> Result<Srs, PtauError> {
        let missing = |section| PtauError::MissingSection { section };
        let power = self.power.ok_or(missing(Section::Header))?.min(self.keep);
        let g1 = self.tau_g1.ok_or(missing(Section::TauG1))?;
        let g2_powers = self.tau_g2.ok_or(missing(Section::TauG2))?;
        let beta_g2 = self.beta_g2.ok_or(missing(Section::BetaG2))?;
        // Sizes were checked: there are two powers in G2 at least.
        let (&[one, tau, ..], &[beta_g2]) = (g2_powers.as_slice(), beta_g2.as_slice()) else {
            return Err(missing(Section::TauG2));
        };
        Ok(Srs {
            power,
            g1,
            g2: [one, tau],
            phase_two: Some(PhaseTwoSections {
                g2_powers,
                alpha_g1: self.alpha_g1.ok_or(missing(Section::AlphaTauG1))?,
                beta_g1: self.beta_g1.ok_or(missing(Section::BetaTauG1))?,
                beta_g2,
            }),
            provenance: Provenance::Imported { source_sha256 },
        })
    }
}

/// A section of points.
struct Extent {
    section: Section,
    /// Size in bytes that the file claims.
    size: u64,
    /// The file's power.
    power: u32,
    /// Points that the power implies.
    count: u64,
    /// Points to keep.
    kept: u64,
}

impl Extent {
    fn read<P: PtauPoint, R: Read>(
        &self,
        input: &mut Input<R>,
        slot: &mut Option<Vec<P>>,
    ) -> Result<(), PtauError> {
        let &Self { section, size, power, .. } = self;
        if slot.is_some() {
            return Err(PtauError::DuplicateSection { section });
        }
        let expected = self.count * P::BYTES as u64;
        if size != expected {
            return Err(PtauError::SectionSize { section, power, expected, got: size });
        }
        input.begin(PtauPart::Section(section), size);
        let mut points = Vec::new();
        let mut buffer = vec![0u8; BATCH.min(self.kept as usize) * P::BYTES];
        while (points.len() as u64) < self.kept {
            let done = points.len();
            let batch = BATCH.min(self.kept as usize - done);
            let bytes = &mut buffer[..batch * P::BYTES];
            input.fill(bytes)?;
            let decode = |(i, bytes): (usize, &[u8])| {
                let index = done + i;
                P::decode(bytes).map_err(|fault| PtauError::Point { section, index, fault })
            };
            let decoded: Result<Vec<P>, PtauError> =
                bytes.par_chunks_exact(P::BYTES).enumerate().map(decode).collect();
            points.extend(decoded?);
        }
        input.skip((self.count - self.kept) * P::BYTES as u64)?;
        *slot = Some(points);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
