//! Keys and ceremonies on disk.

use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    path::Path,
};

use zktrain_files::regular;

use super::{ProvingKey, ProvingKeyError};

/// The largest file that is read: room for a circuit of 2^24 constraints.
pub const MAX_FILE_BYTES: u64 = 1 << 33;

/// Why a proving key's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The operating system refused.
    #[error("{path:?}: {source}")]
    File {
        path: std::path::PathBuf,
        #[source]
        source: Error,
    },
    /// The file is not a proving key.
    #[error("{path:?}: {source}")]
    Decode {
        path: std::path::PathBuf,
        #[source]
        source: ProvingKeyError,
    },
}

impl ProvingKey {
    /// Writes the key to a file, in place of what was there. The file appears whole or not at all.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn save(&self, path: &Path) -> std::result::Result<(), KeyFileError> {
        write_whole(path, &self.to_bytes())
            .map_err(|source| KeyFileError::File { path: path.to_owned(), source })
    }

    /// Reads a key from a file.
    ///
    /// # Errors
    /// If the file cannot be read, is too large, or is not a key.
    pub fn load(path: &Path) -> std::result::Result<Self, KeyFileError> {
        let bytes = read_capped(path)
            .map_err(|source| KeyFileError::File { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes)
            .map_err(|source| KeyFileError::Decode { path: path.to_owned(), source })
    }
}

/// Writes a file that appears whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    regular::replace(path, |file| file.write_all(bytes))
}

/// Reads a file unless it is larger than [`MAX_FILE_BYTES`].
pub(crate) fn read_capped(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::new(ErrorKind::FileTooLarge, "larger than any proving key"));
    }
    Ok(bytes)
}
