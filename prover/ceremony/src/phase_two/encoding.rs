//! A ceremony's bytes: magic, digest of the start, number of contributions (4 bytes,
//! little-endian), the contributions, the key as it is by now. The last 32 bytes are the BLAKE3 of
//! the rest, which finds damage; malice is found by [`Ceremony::verify`].

use std::path::Path;

use zktrain_model::Hash;
use zktrain_verify::groth16::{G1_BYTES, G2_BYTES, PointError, PointReader};

use super::contribution::check_rounds;
use super::{Ceremony, CeremonyError, Contribution, FactorSource, MAX_CONTRIBUTIONS};
use crate::groth16::{CheckedReader, ProvingKey, ProvingKeyError, read_capped, write_whole};

const MAGIC: &[u8; 16] = b"zktrain-ceremon\x01";
const DIGEST: usize = 32;
const POINTS: usize = 2 * G2_BYTES + 2 * G1_BYTES;

impl Ceremony {
    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.start);
        out.extend_from_slice(&(self.contributions.len() as u32).to_le_bytes());
        for contribution in &self.contributions {
            out.extend_from_slice(&contribution.to_bytes());
        }
        self.key.write(&mut out);
        let digest = blake3::hash(&out);
        out.extend_from_slice(digest.as_bytes());
        out
    }

    /// Reads the encoding. Nothing is checked but that points are points.
    ///
    /// # Errors
    /// On anything that [`Self::to_bytes`] does not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CeremonyError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ProvingKeyError::Magic.into());
        }
        let mut reader = CheckedReader::new(bytes, DIGEST)?;
        reader.take(MAGIC.len(), "magic")?;
        let start: Hash = array(reader.take(32, "start")?);
        let count = reader.number("number of contributions")? as usize;
        if count > MAX_CONTRIBUTIONS {
            return Err(CeremonyError::TooMany);
        }
        let contributions = (0..count)
            .map(|index| read_contribution(&mut reader, index))
            .collect::<Result<Vec<Contribution>, _>>()?;
        check_rounds(contributions.iter().map(|c| &c.source))?;
        let key = ProvingKey::read(&mut reader)?;
        reader.finish()?;
        Ok(Self { start, contributions, key })
    }

    /// Writes the ceremony to a file, in place of what was there. The file appears whole or not at
    /// all.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn save(&self, path: &Path) -> Result<(), CeremonyError> {
        write_whole(path, &self.to_bytes())
            .map_err(|source| CeremonyError::File { path: path.to_owned(), source })
    }

    /// Reads a ceremony from a file.
    ///
    /// # Errors
    /// If the file cannot be read, is larger than any ceremony, or is not one.
    pub fn load(path: &Path) -> Result<Self, CeremonyError> {
        let bytes = read_capped(path)
            .map_err(|source| CeremonyError::File { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes)
    }
}

fn read_contribution(
    reader: &mut CheckedReader<'_>,
    index: usize,
) -> Result<Contribution, CeremonyError> {
    const PART: &str = "contributions";
    let length = usize::from(reader.take(1, PART)?[0]);
    let name = reader.take(length, PART)?.iter().map(|byte| char::from(*byte)).collect::<String>();
    super::contribution::check_name(&name)?;
    let source = match reader.take(1, PART)? {
        [0] => FactorSource::Secret,
        [1] => FactorSource::Beacon {
            randomness: array(reader.take(32, PART)?),
            rounds_log: reader.take(1, PART)?[0],
        },
        _ => return Err(CeremonyError::Kind { index }),
    };
    source.check()?;
    let fault = |source: PointError| CeremonyError::Point { index, source };
    let mut points = PointReader::new(reader.take(POINTS, PART)?);
    Ok(Contribution {
        name,
        source,
        factor_g2: points.proper_g2().map_err(fault)?,
        delta_g1: points.proper_g1().map_err(fault)?,
        delta_g2: points.proper_g2().map_err(fault)?,
        knowledge: points.proper_g1().map_err(fault)?,
    })
}

/// The bytes, whose number the caller knows.
fn array(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(bytes);
    out
}
