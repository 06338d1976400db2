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

use std::io::{self, Read};

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine, g1, g2};
use ark_ec::{AffineRepr, short_weierstrass::Affine};
use ark_ff::{BigInt, PrimeField};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{CheckedSrs, MAX_POWER, PhaseTwoSections, Provenance, Section, Srs, SrsError};

/// Points decoded at a time; memory grows with the data read, never with what a header claims.
const BATCH: usize = 1 << 13;
const FIELD_BYTES: usize = 32;

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
    /// (`2^(power + 1) − 1` of `τ` in G1; a `power` of zero counts as one). The whole input is still read and hashed.
    ///
    /// # Errors
    /// As [`Srs::import_ptau`]; points that are not kept are not checked.
    pub fn import_ptau_prefix<R: Read>(reader: R, power: u32) -> Result<CheckedSrs, SrsError> {
        let mut input = HashingReader { inner: reader, hash: Sha256::new() };
        let sections = read_preamble(&mut input)?;
        let mut parts = Parts { keep: power, ..Parts::default() };
        for _ in 0..sections {
            parts.read_section(&mut input)?;
        }
        if !input.at_end()? {
            return Err(SrsError::TrailingBytes);
        }
        parts.finish(input.hash.finalize().into())?.check()
    }
}

/// The file's magic and version; returns the number of sections.
fn read_preamble<R: Read>(input: &mut HashingReader<R>) -> Result<u32, SrsError> {
    let magic: [u8; 4] = input.array(Section::Header)?;
    if &magic != b"ptau" {
        return Err(SrsError::Magic { format: "ptau", got: magic.to_vec() });
    }
    let version = input.u32(Section::Header)?;
    if version != 1 {
        return Err(SrsError::Version { expected: 1, got: version });
    }
    input.u32(Section::Header)
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
    fn read_section<R: Read>(&mut self, input: &mut HashingReader<R>) -> Result<(), SrsError> {
        let number = input.u32(Section::Header)?;
        let size = input.u64(Section::Header)?;
        let section = match number {
            1 => return self.read_header(input, size),
            2 => Section::TauG1,
            3 => Section::TauG2,
            4 => Section::AlphaTauG1,
            5 => Section::BetaTauG1,
            6 => Section::BetaG2,
            other => return input.skip(size, Section::Other(other)),
        };
        let power = self.power.ok_or(SrsError::MissingSection { section: Section::Header })?;
        let count = |power: u32| match section {
            Section::TauG1 => (2u64 << power) - 1,
            Section::BetaG2 => 1,
            _ => 1 << power,
        };
        let extent =
            Extent { section, size, count: count(power), kept: count(power.min(self.keep)) };
        match section {
            Section::TauG1 => extent.read(input, &mut self.tau_g1),
            Section::TauG2 => extent.read(input, &mut self.tau_g2),
            Section::AlphaTauG1 => extent.read(input, &mut self.alpha_g1),
            Section::BetaTauG1 => extent.read(input, &mut self.beta_g1),
            _ => extent.read(input, &mut self.beta_g2),
        }
    }

    fn read_header<R: Read>(
        &mut self,
        input: &mut HashingReader<R>,
        size: u64,
    ) -> Result<(), SrsError> {
        let section = Section::Header;
        if self.power.is_some() {
            return Err(SrsError::DuplicateSection { section });
        }
        let expected = (FIELD_BYTES + 12) as u64;
        if size != expected {
            return Err(SrsError::SectionSize { section, expected, got: size });
        }
        let n8 = input.u32(section)?;
        if n8 as usize != FIELD_BYTES {
            return Err(SrsError::HeaderField { field: "n8", expected: "32", got: n8.into() });
        }
        if limbs(&input.array::<FIELD_BYTES>(section)?) != Fq::MODULUS {
            return Err(SrsError::Modulus);
        }
        let (power, ceremony) = (input.u32(section)?, input.u32(section)?);
        if !(1..=MAX_POWER).contains(&power) {
            return Err(SrsError::HeaderField {
                field: "power",
                expected: "1 to 28",
                got: power.into(),
            });
        }
        if ceremony < power || ceremony > MAX_POWER {
            let (field, expected) = ("ceremonyPower", "the file's power to 28");
            return Err(SrsError::HeaderField { field, expected, got: ceremony.into() });
        }
        self.power = Some(power);
        Ok(())
    }

    fn finish(self, source_sha256: [u8; 32]) -> Result<Srs, SrsError> {
        let missing = |section| SrsError::MissingSection { section };
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
    /// Points that the header implies.
    count: u64,
    /// Points to keep.
    kept: u64,
}

impl Extent {
    fn read<P: PtauPoint, R: Read>(
        &self,
        input: &mut HashingReader<R>,
        slot: &mut Option<Vec<P>>,
    ) -> Result<(), SrsError> {
        let section = self.section;
        if slot.is_some() {
            return Err(SrsError::DuplicateSection { section });
        }
        let expected = self.count * P::BYTES as u64;
        if self.size != expected {
            return Err(SrsError::SectionSize { section, expected, got: self.size });
        }
        let mut points = Vec::new();
        let mut buffer = vec![0u8; BATCH.min(self.kept as usize) * P::BYTES];
        while (points.len() as u64) < self.kept {
            let done = points.len();
            let batch = BATCH.min(self.kept as usize - done);
            let bytes = &mut buffer[..batch * P::BYTES];
            input.fill(bytes, section)?;
            let decode = |(i, bytes)| P::decode(bytes).map_err(|fault| fault.at(section, done + i));
            let decoded: Result<Vec<P>, SrsError> =
                bytes.par_chunks_exact(P::BYTES).enumerate().map(decode).collect();
            points.extend(decoded?);
        }
        input.skip((self.count - self.kept) * P::BYTES as u64, section)?;
        *slot = Some(points);
        Ok(())
    }
}

/// What is wrong with a point.
enum PointFault {
    Unreduced,
    OffCurve,
    Subgroup,
}

impl PointFault {
    fn at(self, section: Section, index: usize) -> SrsError {
        match self {
            PointFault::Unreduced => SrsError::Unreduced { section, index },
            PointFault::OffCurve => SrsError::OffCurve { section, index },
            PointFault::Subgroup => SrsError::Subgroup { section, index },
        }
    }
}

/// A point as the file stores it. The neutral element, stored as zeros, is refused: no power of a
/// ceremony's `τ` is it.
trait PtauPoint: Sized + Send {
    const BYTES: usize;
    fn decode(bytes: &[u8]) -> Result<Self, PointFault>;
}

impl PtauPoint for Affine<g1::Config> {
    const BYTES: usize = 2 * FIELD_BYTES;

    fn decode(bytes: &[u8]) -> Result<Self, PointFault> {
        let (x, y) = bytes.split_at(FIELD_BYTES);
        let point = G1Affine::new_unchecked(coordinate(x)?, coordinate(y)?);
        // The curve has prime order.
        if !point.is_zero() && point.is_on_curve() { Ok(point) } else { Err(PointFault::OffCurve) }
    }
}

impl PtauPoint for Affine<g2::Config> {
    const BYTES: usize = 4 * FIELD_BYTES;

    fn decode(bytes: &[u8]) -> Result<Self, PointFault> {
        let (x, y) = bytes.split_at(2 * FIELD_BYTES);
        let point = G2Affine::new_unchecked(extension(x)?, extension(y)?);
        if point.is_zero() || !point.is_on_curve() {
            return Err(PointFault::OffCurve);
        }
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(PointFault::Subgroup);
        }
        Ok(point)
    }
}

fn extension(bytes: &[u8]) -> Result<Fq2, PointFault> {
    let (c0, c1) = bytes.split_at(FIELD_BYTES);
    Ok(Fq2::new(coordinate(c0)?, coordinate(c1)?))
}

/// A coordinate in Montgomery form.
fn coordinate(bytes: &[u8]) -> Result<Fq, PointFault> {
    let limbs = limbs(bytes);
    if limbs >= Fq::MODULUS { Err(PointFault::Unreduced) } else { Ok(Fq::new_unchecked(limbs)) }
}

fn limbs(bytes: &[u8]) -> BigInt<4> {
    let mut limbs = BigInt::<4>::default();
    for (limb, chunk) in limbs.0.iter_mut().zip(bytes.chunks(8)) {
        *limb = chunk.iter().rev().fold(0, |acc, &byte| acc << 8 | u64::from(byte));
    }
    limbs
}

/// Hashes all that is read.
struct HashingReader<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> HashingReader<R> {
    fn fill(&mut self, out: &mut [u8], section: Section) -> Result<(), SrsError> {
        self.inner.read_exact(out).map_err(|source| read_error(source, section))?;
        self.hash.update(&*out);
        Ok(())
    }

    fn array<const N: usize>(&mut self, section: Section) -> Result<[u8; N], SrsError> {
        let mut out = [0u8; N];
        self.fill(&mut out, section)?;
        Ok(out)
    }

    fn u32(&mut self, section: Section) -> Result<u32, SrsError> {
        Ok(u32::from_le_bytes(self.array(section)?))
    }

    fn u64(&mut self, section: Section) -> Result<u64, SrsError> {
        Ok(u64::from_le_bytes(self.array(section)?))
    }

    fn skip(&mut self, mut bytes: u64, section: Section) -> Result<(), SrsError> {
        let mut buffer = vec![0u8; bytes.min(1 << 16) as usize];
        while bytes > 0 {
            let step = bytes.min(buffer.len() as u64);
            self.fill(&mut buffer[..step as usize], section)?;
            bytes -= step;
        }
        Ok(())
    }

    fn at_end(&mut self) -> Result<bool, SrsError> {
        let mut byte = [0u8; 1];
        match self.inner.read_exact(&mut byte) {
            Ok(()) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            Err(source) => Err(SrsError::Read { section: Section::Header, source }),
        }
    }
}

fn read_error(source: io::Error, section: Section) -> SrsError {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        SrsError::Truncated { section }
    } else {
        SrsError::Read { section, source }
    }
}
