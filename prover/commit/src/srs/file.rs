//! Our own file of a reference string, quick to read in part.
//!
//! A header, then blocks. The header is the magic bytes, provenance (0 insecure, 1 imported), the
//! SHA-256 of the imported file (zeros if none), power (4 bytes, little-endian), number
//! of powers of `τ` in G1 (8 bytes), whether the phase-two sections follow (one byte), `[1]`, `[τ]` and `[β]` in G2 (`[β]` is `[1]` where there
//! is no phase two), and the Keccak-256 of all that. A block is points followed by the Keccak-256
//! of the header's hash and the points. Powers of `τ` in G1 come in blocks that end at `2^10`,
//! `2^11`, … points, so that a short prefix is read and checked without the rest; the phase-two
//! sections (powers in G2, `α`, `β`) are one block each.
//!
//! Points are uncompressed in arkworks' encoding. Reading checks the hashes and that points are on
//! the curve. The hashes find damage, not malice: what is read is an [`Srs`], of which
//! [`Srs::check`] finds out whether it is a string, and what the header says of its origin is a
//! claim.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{
    AffineRepr,
    short_weierstrass::{Affine, SWCurveConfig},
};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rayon::prelude::*;
use sha3::{Digest, Keccak256};
use zktrain_files::regular;

use super::{MAX_POWER, PhaseTwoSections, Provenance, Section, Srs, SrsError};

const MAGIC: &[u8; 15] = b"zktrain-srs-v1\0";
const FIRST_BLOCK: usize = 1 << 10;
const G1_BYTES: usize = 64;
const G2_BYTES: usize = 128;
const DIGEST_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + 1 + 32 + 4 + 8 + 1 + 3 * G2_BYTES;

impl Srs {
    /// Writes the string to a file, in place of what was there. The file appears whole or not at
    /// all.
    ///
    /// # Errors
    /// [`SrsError::File`] if the operating system refuses.
    pub fn save(&self, path: &Path) -> Result<(), SrsError> {
        let write = |file: &mut File| -> std::io::Result<()> {
            let mut out = BufWriter::new(file);
            self.write(&mut out)?;
            out.flush()
        };
        regular::replace(path, write)
            .map_err(|source| SrsError::File { path: path.to_owned(), source })
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let header = self.header()?;
        let digest: [u8; 32] = Keccak256::digest(&header).into();
        out.write_all(&header)?;
        out.write_all(&digest)?;
        for (start, end) in g1_blocks(self.g1.len()) {
            write_block(out, &digest, &self.g1[start..end])?;
        }
        if let Some(phase_two) = &self.phase_two {
            write_block(out, &digest, &phase_two.g2_powers)?;
            write_block(out, &digest, &phase_two.alpha_g1)?;
            write_block(out, &digest, &phase_two.beta_g1)?;
        }
        Ok(())
    }

    fn header(&self) -> std::io::Result<Vec<u8>> {
        let mut header = MAGIC.to_vec();
        let (kind, source) = match self.provenance {
            Provenance::Insecure => (0, [0; 32]),
            Provenance::Imported { source_sha256 } => (1, source_sha256),
        };
        header.push(kind);
        header.extend_from_slice(&source);
        header.extend_from_slice(&self.power.to_le_bytes());
        header.extend_from_slice(&(self.g1.len() as u64).to_le_bytes());
        header.push(self.phase_two.is_some().into());
        let beta_g2 = self.phase_two.as_ref().map_or(self.g2[0], |p| p.beta_g2);
        for point in [self.g2[0], self.g2[1], beta_g2] {
            point.serialize_uncompressed(&mut header).map_err(std::io::Error::other)?;
        }
        Ok(header)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// As [`SrsFile::open`] and [`SrsFile::whole`].
    pub fn load(path: &Path) -> Result<Self, SrsError> {
        SrsFile::open(path)?.whole()
    }
}

/// A file of a reference string that was opened once: all that is read of it is of the file that
/// was there then, and belongs to one header.
#[derive(Debug)]
pub struct SrsFile {
    path: PathBuf,
    file: File,
    header: Header,
    /// Held while the file is read: it has one position for all who read it.
    reading: Mutex<()>,
}

impl SrsFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// If the file cannot be read or is none, or its header is damaged or that of another format.
    pub fn open(path: &Path) -> Result<Self, SrsError> {
        let file = regular::open(path)
            .map_err(|source| SrsError::File { path: path.to_owned(), source })?;
        let header = Header::read(&mut BufReader::new(&file))?;
        Ok(Self { path: path.to_owned(), file, header, reading: Mutex::new(()) })
    }

    /// Where the file was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads everything.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is followed by trailing bytes.
    pub fn whole(&self) -> Result<Srs, SrsError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let header = &self.header;
        let mut input = self.points()?;
        let g1 = header.read_g1(&mut input, header.g1_count)?;
        let phase_two = if header.phase_two {
            let n = 1 << header.power;
            Some(PhaseTwoSections {
                g2_powers: header.read_block(&mut input, n, G2_BYTES, Section::TauG2)?,
                alpha_g1: header.read_block(&mut input, n, G1_BYTES, Section::AlphaTauG1)?,
                beta_g1: header.read_block(&mut input, n, G1_BYTES, Section::BetaTauG1)?,
                beta_g2: header.beta_g2,
            })
        } else {
            None
        };
        match input.read_exact(&mut [0u8; 1]) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
            Err(source) => return Err(self.refused(source)),
            Ok(()) => return Err(SrsError::TrailingBytes),
        }
        let (power, g2, provenance) = (header.power, header.g2, header.provenance);
        Ok(Srs { power, g1, g2, phase_two, provenance })
    }

    /// Reads the first `n` powers in G1 (one if `n` is zero) and no more of the file than that
    /// needs; the result has no phase-two sections and the power of the longest row that fits.
    ///
    /// # Errors
    /// As [`Self::whole`], of the part that is read; [`SrsError::TooSmall`] if there are fewer.
    pub fn prefix(&self, n: usize) -> Result<Srs, SrsError> {
        let (n, header) = (n.max(1), &self.header);
        if n > header.g1_count {
            return Err(SrsError::TooSmall { expected: n as u64, got: header.g1_count as u64 });
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let g1 = header.read_g1(&mut self.points()?, n)?;
        let (g2, provenance) = (header.g2, header.provenance);
        Ok(Srs { power: n.ilog2(), g1, g2, phase_two: None, provenance })
    }

    /// From the first power on.
    fn points(&self) -> Result<BufReader<&File>, SrsError> {
        let mut file = &self.file;
        let start = (HEADER_BYTES + DIGEST_BYTES) as u64;
        file.seek(SeekFrom::Start(start)).map_err(|source| self.refused(source))?;
        Ok(BufReader::new(file))
    }

    fn refused(&self, source: std::io::Error) -> SrsError {
        SrsError::File { path: self.path.clone(), source }
    }
}

/// Where blocks of powers in G1 start and end.
fn g1_blocks(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let next = move |&(_, end): &(usize, usize)| (end < count).then(|| (end, count.min(2 * end)));
    std::iter::successors(Some((0, count.min(FIRST_BLOCK))), next)
}

fn write_block<P: CanonicalSerialize>(
    out: &mut impl Write,
    header_digest: &[u8; 32],
    points: &[P],
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    for point in points {
        point.serialize_uncompressed(&mut bytes).map_err(std::io::Error::other)?;
    }
    out.write_all(&bytes)?;
    out.write_all(&block_digest(header_digest, &bytes))
}

fn block_digest(header_digest: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Keccak256::new().chain_update(header_digest).chain_update(bytes).finalize().into()
}

#[derive(Debug)]
struct Header {
    digest: [u8; 32],
    provenance: Provenance,
    power: u32,
    g1_count: usize,
    phase_two: bool,
    g2: [G2Affine; 2],
    beta_g2: G2Affine,
}

impl Header {
    fn read(input: &mut impl Read) -> Result<Self, SrsError> {
        let section = Section::Header;
        let mut magic = [0u8; MAGIC.len()];
        fill(input, &mut magic, section)?;
        if &magic != MAGIC {
            return Err(SrsError::NoString { start: magic.to_vec() });
        }
        let mut rest = [0u8; HEADER_BYTES - MAGIC.len()];
        let mut digest = [0u8; 32];
        fill(input, &mut rest, section)?;
        fill(input, &mut digest, section)?;
        let expected = Keccak256::new().chain_update(magic).chain_update(rest).finalize();
        if expected.as_slice() != digest {
            return Err(SrsError::Checksum { section });
        }
        Self::parse(&rest, digest)
    }

    fn parse(rest: &[u8], digest: [u8; 32]) -> Result<Self, SrsError> {
        let mut bytes = rest.iter();
        let kind = little_endian(&mut bytes, 1);
        let source_sha256 = std::array::from_fn(|_| little_endian(&mut bytes, 1) as u8);
        let provenance = match kind {
            0 => Provenance::Insecure,
            1 => Provenance::Imported { source_sha256 },
            got => return Err(field("provenance", "0 or 1", got)),
        };
        let power = little_endian(&mut bytes, 4);
        if power > u64::from(MAX_POWER) {
            return Err(field("power", "at most 28", power));
        }
        let count = little_endian(&mut bytes, 8);
        if count < 1 << power || count >= 4 << power {
            return Err(field("powers in G1", "2^power or up to four times as many", count));
        }
        let phase_two = match little_endian(&mut bytes, 1) {
            0 => false,
            1 => true,
            got => return Err(field("phase two", "0 or 1", got)),
        };
        let points: Vec<G2Affine> = decode(bytes.as_slice(), G2_BYTES, Section::Header)?;
        Ok(Self {
            digest,
            provenance,
            power: power as u32,
            g1_count: count as usize,
            phase_two,
            g2: [points[0], points[1]],
            beta_g2: points[2],
        })
    }

    /// The first `n` powers, which the caller knows to be there.
    fn read_g1(&self, input: &mut impl Read, n: usize) -> Result<Vec<G1Affine>, SrsError> {
        let mut points = Vec::new();
        for (start, end) in g1_blocks(self.g1_count) {
            if start >= n {
                break;
            }
            points.extend(self.read_block::<ark_bn254::g1::Config>(
                input,
                end - start,
                G1_BYTES,
                Section::TauG1,
            )?);
        }
        points.truncate(n);
        Ok(points)
    }

    fn read_block<C: SWCurveConfig>(
        &self,
        input: &mut impl Read,
        count: usize,
        point_bytes: usize,
        section: Section,
    ) -> Result<Vec<Affine<C>>, SrsError> {
        // Grows as bytes arrive: a damaged header cannot make this allocate what is not there.
        let mut bytes = Vec::new();
        let size = count * point_bytes;
        let got = input
            .take(size as u64)
            .read_to_end(&mut bytes)
            .map_err(|source| SrsError::Read { section, source })?;
        if got < size {
            return Err(SrsError::Truncated { section });
        }
        let mut digest = [0u8; 32];
        fill(input, &mut digest, section)?;
        if block_digest(&self.digest, &bytes) != digest {
            return Err(SrsError::Checksum { section });
        }
        decode(&bytes, point_bytes, section)
    }
}

/// The next `n` bytes as an integer; missing ones count as zero.
fn little_endian(bytes: &mut std::slice::Iter<'_, u8>, n: u32) -> u64 {
    (0..n).map(|i| u64::from(bytes.next().copied().unwrap_or(0)) << (8 * i)).sum()
}

fn field(field: &'static str, expected: &'static str, got: u64) -> SrsError {
    SrsError::HeaderField { field, expected, got }
}

fn decode<C: SWCurveConfig>(
    bytes: &[u8],
    point_bytes: usize,
    section: Section,
) -> Result<Vec<Affine<C>>, SrsError> {
    let decode = |(index, bytes): (usize, &[u8])| {
        let point = Affine::<C>::deserialize_uncompressed_unchecked(bytes)
            .map_err(|_| SrsError::Unreduced { section, index })?;
        if point.is_zero() || !point.is_on_curve() {
            return Err(SrsError::OffCurve { section, index });
        }
        Ok(point)
    };
    bytes.par_chunks_exact(point_bytes).enumerate().map(decode).collect()
}

fn fill(input: &mut impl Read, out: &mut [u8], section: Section) -> Result<(), SrsError> {
    input.read_exact(out).map_err(|source| match source.kind() {
        std::io::ErrorKind::UnexpectedEof => SrsError::Truncated { section },
        _ => SrsError::Read { section, source },
    })
}

#[cfg(test)]
mod tests;
