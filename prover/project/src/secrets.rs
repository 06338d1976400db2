//! The owner's secret files: the local key, and blindings of what was committed.
//!
//! A file is a line of magic bytes, the length of the body, the body in arkworks'
//! uncompressed encoding, and the Keccak-256 of all that, which finds damage. The
//! body starts with a context, so that a file left over from another dataset or
//! another manifest is not mistaken for this one.

use std::path::Path;

use ark_bn254::{Fr, G1Affine};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use sha3::{Digest, Keccak256};
use zktrain_commit::random::LocalKey;
use zktrain_model::Hash;
use zktrain_prove::prove::CommittedRows;
use zktrain_prove::training::{Committed, RegisteredDataset};
use zktrain_trainer::dataset::Dataset;

use crate::error::Error;
use crate::files::{self, Access};

const MAGIC: &[u8] = b"SECRET zktrain v1\n";
const CHECKSUM: usize = 32;

/// What is wrong with a secret file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFault {
    /// Another kind of file.
    #[error("not a secret file of this program")]
    Magic,
    /// Bytes were lost or changed.
    #[error("the file is damaged")]
    Damaged,
    /// It belongs to another project, dataset or reference string.
    #[error("the file belongs to another manifest, dataset or reference string")]
    Context,
}

type Rows = (Vec<G1Affine>, Vec<Fr>);

/// What the owner keeps of a registration.
pub struct DatasetSecret {
    /// Rows of every window, with blindings.
    pub dataset: RegisteredDataset,
    /// [`data_digest`] of the integers that were committed.
    pub digest: Hash,
}

/// Makes a fresh local key.
///
/// # Errors
/// If the operating system refuses the file.
pub fn create_key(path: &Path) -> Result<(), Error> {
    let key = LocalKey::generate()?;
    files::write(path, format!("{}\n", hex::encode(key.bytes())).as_bytes(), Access::Owner)
}

/// Reads the local key.
///
/// # Errors
/// If the file is missing or is not a key.
pub fn read_key(path: &Path) -> Result<LocalKey, Error> {
    crate::project::exists(path, "make a project first: `zktrain init`")?;
    let text = files::read_text(path)?;
    let bytes = hex::decode(text.trim_end()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(LocalKey::new).ok_or_else(|| fault(path, SecretFault::Damaged))
}

/// A digest of the integers trained on, of no use without the local key.
pub fn data_digest(key: &LocalKey, data: &Dataset) -> Hash {
    let mut hasher = blake3::Hasher::new_keyed(key.bytes());
    hasher.update(&(data.width as u64).to_le_bytes());
    for values in [&data.inputs, &data.labels] {
        hasher.update(&(values.len() as u64).to_le_bytes());
        for chunk in values.chunks(4096) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|v| v.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
    }
    hasher.finalize().into()
}

/// The secret file of the blindings of a registration made under `spec`.
pub fn dataset_bytes(spec: &Hash, secret: &DatasetSecret) -> Vec<u8> {
    let windows: Vec<Rows> = secret.dataset.windows.iter().map(to_rows).collect();
    sealed(&(*spec, secret.digest, windows))
}

/// Reads the blindings of a registration made under `spec`.
///
/// # Errors
/// If the file is missing, damaged, or of another manifest.
pub fn read_dataset(path: &Path, spec: &Hash) -> Result<DatasetSecret, Error> {
    crate::project::exists(path, "register the data first: `zktrain data commit`")?;
    let (context, digest, windows): (Hash, Hash, Vec<Rows>) = unseal(path)?;
    if context != *spec {
        return Err(fault(path, SecretFault::Context));
    }
    let windows = windows.into_iter().map(from_rows).collect();
    Ok(DatasetSecret { dataset: RegisteredDataset::new(windows), digest })
}

/// Writes model and optimizer state, with blindings, after proof `index` of a chain.
///
/// # Errors
/// If the operating system refuses the file.
pub fn write_state(
    path: &Path,
    chain: &Hash,
    index: usize,
    after: &Committed,
) -> Result<(), Error> {
    let body = (*chain, index as u64, to_rows(&after.model), to_rows(&after.state));
    files::write(path, &sealed(&body), Access::Owner)
}

/// Reads model and optimizer state after proof `index` of a chain.
///
/// # Errors
/// If the file is missing, damaged, or of another chain.
pub fn read_state(path: &Path, chain: &Hash, index: usize) -> Result<Committed, Error> {
    let (context, at, model, state): (Hash, u64, Rows, Rows) = unseal(path)?;
    if (context, at) != (*chain, index as u64) {
        return Err(fault(path, SecretFault::Context));
    }
    Ok(Committed { model: from_rows(model), state: from_rows(state) })
}

fn to_rows(rows: &CommittedRows) -> Rows {
    (rows.points.clone(), rows.blinds.clone())
}

fn from_rows((points, blinds): Rows) -> CommittedRows {
    CommittedRows { points, blinds }
}

fn fault(path: &Path, source: SecretFault) -> Error {
    Error::Secret { path: path.to_owned(), source }
}

fn sealed(body: &impl CanonicalSerialize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(body.uncompressed_size() as u64).to_be_bytes());
    // Writing to a vector cannot fail.
    let _ = body.serialize_uncompressed(&mut bytes);
    let checksum = Keccak256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

fn unseal<T: CanonicalDeserialize>(path: &Path) -> Result<T, Error> {
    let bytes = files::read(path)?;
    open(&bytes).map_err(|source| fault(path, source))
}

fn open<T: CanonicalDeserialize>(bytes: &[u8]) -> Result<T, SecretFault> {
    let sealed = bytes.len().checked_sub(CHECKSUM).ok_or(SecretFault::Magic)?;
    let (sealed, checksum) = bytes.split_at(sealed);
    let body = sealed.strip_prefix(MAGIC).ok_or(SecretFault::Magic)?;
    if Keccak256::digest(sealed).as_slice() != checksum {
        return Err(SecretFault::Damaged);
    }
    let (length, mut body) = body.split_first_chunk::<8>().ok_or(SecretFault::Damaged)?;
    if u64::from_be_bytes(*length) != body.len() as u64 {
        return Err(SecretFault::Damaged);
    }
    let value = T::deserialize_uncompressed(&mut body).map_err(|_| SecretFault::Damaged)?;
    if body.is_empty() { Ok(value) } else { Err(SecretFault::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::AffineRepr;

    fn committed() -> Committed {
        let rows = |n: usize| CommittedRows {
            points: vec![G1Affine::generator(); n],
            blinds: (0..n).map(|i| Fr::from(i as u64 + 5)).collect(),
        };
        Committed { model: rows(3), state: rows(2) }
    }

    #[test]
    fn a_state_comes_back_and_damage_or_another_chain_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write_state(&path, &[1; 32], 4, &committed()).unwrap();
        let back = read_state(&path, &[1; 32], 4).unwrap();
        assert_eq!((back.model, back.state), (committed().model, committed().state));
        for (chain, index) in [([2; 32], 4), ([1; 32], 5)] {
            let error = read_state(&path, &chain, index).err();
            assert!(matches!(error, Some(Error::Secret { source: SecretFault::Context, .. })));
        }
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            assert!(open::<(Hash, u64, Rows, Rows)>(&bytes[..cut]).is_err());
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(open::<(Hash, u64, Rows, Rows)>(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_key_is_fresh_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create_key(&path).unwrap();
        let first = *read_key(&path).unwrap().bytes();
        create_key(&path).unwrap();
        assert_ne!(first, *read_key(&path).unwrap().bytes());
        std::fs::write(&path, "00").unwrap();
        assert!(read_key(&path).is_err());
    }
}
