//! The proving key's bytes.
//!
//! Magic, the verifying key, number of variables (4 bytes), domain (1), `β` and `δ` in G1, then
//! the queries `a`, `b` in G1, `l`, `b` in G2 (points only) and `h`: a length (4 bytes), the
//! variables (4 bytes each; not for `h`), the points. Integers are little-endian, points
//! uncompressed in arkworks' encoding. The last 32 bytes are the BLAKE3 of the rest.
//!
//! The checksum finds damage, not malice. A prover with a malicious key makes proofs that do not
//! verify under an honest verifying key; that such proofs would still reveal nothing is not
//! claimed, so keys must come from a place that you trust or from a ceremony that you checked.

use ark_bn254::{G1Affine, g1, g2};
use ark_ec::{
    AffineRepr,
    short_weierstrass::{Affine, SWCurveConfig},
};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rayon::prelude::*;
use zktrain_verify::groth16::{Groth16Key, KEY_BYTES, KeyDecodeError};

use super::{ProvingKey, Query};

const MAGIC: &[u8; 16] = b"zktrain-g16-pk\0\x01";
const DIGEST: usize = 32;
/// The largest domain of the field's roots of unity.
const MAX_LOG: u32 = 28;

/// Why bytes are not a proving key, or not one that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProvingKeyError {
    /// The first bytes are those of something else, or of another version.
    #[error("not a Groth16 proving key of this version")]
    Magic,
    /// The input ends early.
    #[error("the proving key ends inside its {part}")]
    Truncated { part: &'static str },
    /// Bytes after the end.
    #[error("trailing bytes after the proving key")]
    TrailingBytes,
    /// The checksum does not match.
    #[error("the proving key is damaged: its checksum does not match")]
    Checksum,
    /// A number is out of range.
    #[error("the proving key's {part} is {got}, at most {limit} is possible")]
    Range {
        /// Which number.
        part: &'static str,
        /// The largest possible.
        limit: u64,
        /// The one found.
        got: u64,
    },
    /// The variables of a query are not increasing, or not those of the circuit.
    #[error("the proving key's {part} names variables out of order")]
    Variables {
        /// Which query.
        part: &'static str,
    },
    /// A point is not on the curve, is neutral, or has an unreduced coordinate.
    #[error("the proving key's {part}: point {index} is invalid")]
    Point { part: &'static str, index: usize },
    /// The verifying key inside.
    #[error("in the proving key: {0}")]
    Key(#[from] KeyDecodeError),
}

impl ProvingKey {
    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        let digest = blake3::hash(&out);
        out.extend_from_slice(digest.as_bytes());
        out
    }

    /// The encoding without its checksum.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(&(self.variables as u32).to_le_bytes());
        out.push(self.domain_log as u8);
        write_points(out, &[self.beta_g1, self.delta_g1]);
        for query in [&self.a, &self.b_g1, &self.l] {
            write_numbers(out, &query.variables);
            write_points(out, &query.points);
        }
        write_points(out, &self.b_g2.points);
        out.extend_from_slice(&(self.h.len() as u32).to_le_bytes());
        write_points(out, &self.h);
    }

    /// Reads the encoding. Points are checked to be on the curve, not for more.
    ///
    /// # Errors
    /// On anything that [`Self::to_bytes`] does not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProvingKeyError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ProvingKeyError::Magic);
        }
        let mut reader = CheckedReader::new(bytes, DIGEST)?;
        let key = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(key)
    }

    /// Reads the encoding without its checksum.
    pub(crate) fn read(reader: &mut CheckedReader<'_>) -> Result<Self, ProvingKeyError> {
        if reader.take(MAGIC.len(), "magic")? != MAGIC {
            return Err(ProvingKeyError::Magic);
        }
        let key = Groth16Key::from_bytes(reader.take(KEY_BYTES, "verifying key")?)?;
        let variables = reader.number("number of variables")?;
        let domain_log = u32::from(reader.take(1, "domain")?[0]);
        if domain_log > MAX_LOG {
            let (limit, got) = (MAX_LOG.into(), domain_log.into());
            return Err(ProvingKeyError::Range { part: "domain", limit, got });
        }
        let single = reader.points::<g1::Config>(2, "β and δ")?;
        let [a, b_g1, l] = [
            reader.query(variables, "query of A")?,
            reader.query(variables, "query of B")?,
            reader.query(variables, "query of C")?,
        ];
        let points = reader.points::<g2::Config>(b_g1.points.len(), "query of B in G2")?;
        let b_g2 = Query { variables: b_g1.variables.clone(), points };
        let count = reader.number("quotient's length")?;
        let limit = (1u64 << domain_log) - 1;
        if u64::from(count) != limit {
            let (part, got) = ("quotient's length", count.into());
            return Err(ProvingKeyError::Range { part, limit, got });
        }
        let h = reader.points::<g1::Config>(count as usize, "query of the quotient")?;
        let (variables, beta_g1, delta_g1) = (variables as usize, single[0], single[1]);
        Ok(Self { key, variables, domain_log, beta_g1, delta_g1, a, b_g1, b_g2, l, h })
    }
}

fn write_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

fn write_points<P: CanonicalSerialize>(out: &mut Vec<u8>, points: &[P]) {
    for point in points {
        // Writing to a vector does not fail.
        let _ = point.serialize_uncompressed(&mut *out);
    }
}

/// Reads parts of bytes whose checksum was compared.
pub(crate) struct CheckedReader<'a> {
    bytes: &'a [u8],
}

impl<'a> CheckedReader<'a> {
    /// Compares the checksum in the last `digest` bytes with the rest.
    ///
    /// # Errors
    /// If it differs, or there are not so many bytes.
    pub(crate) fn new(bytes: &'a [u8], digest: usize) -> Result<Self, ProvingKeyError> {
        let length = bytes.len().checked_sub(digest);
        let length = length.ok_or(ProvingKeyError::Truncated { part: "checksum" })?;
        let (bytes, found) = bytes.split_at(length);
        if blake3::hash(bytes).as_bytes() != found {
            return Err(ProvingKeyError::Checksum);
        }
        Ok(Self { bytes })
    }

    pub(crate) fn take(
        &mut self,
        count: usize,
        part: &'static str,
    ) -> Result<&'a [u8], ProvingKeyError> {
        if count > self.bytes.len() {
            return Err(ProvingKeyError::Truncated { part });
        }
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self, part: &'static str) -> Result<u32, ProvingKeyError> {
        let bytes = self.take(4, part)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    pub(crate) fn finish(self) -> Result<(), ProvingKeyError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(ProvingKeyError::TrailingBytes) }
    }

    fn points<C: SWCurveConfig>(
        &mut self,
        count: usize,
        part: &'static str,
    ) -> Result<Vec<Affine<C>>, ProvingKeyError> {
        let size = Affine::<C>::generator().uncompressed_size();
        // Bytes are there before anything is allocated.
        let bytes = self.take(count.saturating_mul(size), part)?;
        let decode = |(index, bytes): (usize, &[u8])| {
            let invalid = ProvingKeyError::Point { part, index };
            let point =
                Affine::<C>::deserialize_uncompressed_unchecked(bytes).map_err(|_| invalid)?;
            if point.is_zero() || !point.is_on_curve() { Err(invalid) } else { Ok(point) }
        };
        bytes.par_chunks_exact(size).enumerate().map(decode).collect()
    }

    fn query(
        &mut self,
        limit: u32,
        part: &'static str,
    ) -> Result<Query<G1Affine>, ProvingKeyError> {
        let count = self.number(part)?;
        if count > limit {
            let (limit, got) = (limit.into(), count.into());
            return Err(ProvingKeyError::Range { part, limit, got });
        }
        let bytes = self.take(4 * count as usize, part)?;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b));
        let variables: Vec<u32> = bytes.chunks_exact(4).map(number).collect();
        if !variables.is_sorted_by(|a, b| a < b) || variables.last().is_some_and(|v| *v >= limit) {
            return Err(ProvingKeyError::Variables { part });
        }
        Ok(Query { points: self.points::<g1::Config>(count as usize, part)?, variables })
    }
}
