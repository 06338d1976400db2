//! Digests of files that are downloaded, computed once for each content.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use alloy::primitives::{B256, Keccak256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use zktrain_wire::Content;

/// Files whose digests are kept at most.
const MOST: usize = 1 << 14;

/// What tells one content of a file from another: a program that writes a file anew moves it into
/// place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    len: u64,
    modified: Option<SystemTime>,
    /// On Unix.
    number: u64,
}

impl Mark {
    async fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata().await?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Ok(Self { len: metadata.len(), modified: metadata.modified().ok(), number })
    }
}

/// Known digests.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    known: Mutex<HashMap<PathBuf, (Mark, B256)>>,
    /// Many ask for the same file when a round begins: one hashes it for all.
    turn: tokio::sync::Mutex<()>,
}

impl Hashes {
    /// Length and digest of a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn of(&self, path: &Path) -> io::Result<Content> {
        let mut file = File::open(path).await?;
        let mark = Mark::of(&file).await?;
        if let Some(content) = self.find(path, mark) {
            return Ok(content);
        }
        let _turn = self.turn.lock().await;
        if let Some(content) = self.find(path, mark) {
            return Ok(content);
        }
        let content = hash(&mut file).await?;
        // What changed while it was read is hashed again the next time.
        if content.len == mark.len && Mark::of(&file).await? == mark {
            self.keep(path, mark, content.digest);
        }
        Ok(content)
    }

    fn find(&self, path: &Path, mark: Mark) -> Option<Content> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, digest) = known.get(path)?;
        (*of == mark).then_some(Content { len: mark.len, digest: *digest })
    }

    fn keep(&self, path: &Path, mark: Mark, digest: B256) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(path.to_owned(), (mark, digest));
    }
}

async fn hash(file: &mut File) -> io::Result<Content> {
    let (mut hash, mut len, mut buffer) = (Keccak256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok(Content { len, digest: hash.finalize() });
        }
        hash.update(&buffer[..read]);
        len += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::keccak256;

    use super::*;

    #[tokio::test]
    async fn a_file_is_hashed_once_for_each_content() {
        let folder = tempfile::tempdir().unwrap();
        let (path, hashes) = (folder.path().join("model"), Hashes::default());
        std::fs::write(&path, b"one").unwrap();
        let content = hashes.of(&path).await.unwrap();
        assert_eq!((content.len, content.digest), (3, keccak256(b"one")));
        // Whatever the digest is that is known: it is not computed again.
        let file = File::open(&path).await.unwrap();
        hashes.keep(&path, Mark::of(&file).await.unwrap(), B256::repeat_byte(7));
        assert_eq!(hashes.of(&path).await.unwrap().digest, B256::repeat_byte(7));
        // Another one in its place, of the same length.
        std::fs::write(folder.path().join("new"), b"two").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(hashes.of(&path).await.unwrap().digest, keccak256(b"two"));
        assert!(hashes.of(&folder.path().join("nothing")).await.is_err());
    }
}
