//! The user's cache of what can be computed again: halo2's keys, a second basis of the
//! reference string, and which strings were checked.
//!
//! Entries are named by what they follow from, a digest of the very powers above all, and are
//! written only after the string was checked; so an entry that a hostile file caused is one that
//! no other file reads. An entry is its content and the Keccak-256 of name and content; one that
//! does not match is as good as missing.
//!
//! Whoever can write the folder can put a key there, or say that a string was checked. It
//! belongs to one user, lies in a folder that others may not write, and is not used if they may;
//! it travels with no project. The commands that say what a key is and whether a lineage holds
//! ([`Cache::none`]) do without it all the same. That a cache cannot be used is never an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha3::{Digest, Keccak256};
use zktrain_circuits::merkle::Hash;
use zktrain_prover::srs::{CHECK_VERSION, CheckMemory, SrsDigest};

use crate::circuits::Shape;
use crate::files::{self, Access};

/// Overrides where the cache is; empty, there is none.
const VARIABLE: &str = "ZKTRAIN_CACHE";
/// The folder of this version's entries. Those of the first were named by `[τ]` alone, whatever
/// the powers were: they are not read.
const VERSION: &str = "v2";
const CHECKSUM: usize = 32;

/// Keys that a process remembers at most.
const REMEMBERED: usize = 1 << 8;

/// Keys that this process has derived itself, from strings that it has checked: whatever cache is
/// used, they need not be derived twice.
static DERIVED: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// A key that this process has derived under this name.
pub fn derived_before(name: &str) -> Option<Vec<u8>> {
    DERIVED.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
}

/// Remembers a key that was derived just now.
pub fn keep_derived(name: &str, key: &[u8]) {
    let mut derived = DERIVED.lock().unwrap_or_else(PoisonError::into_inner);
    if derived.len() >= REMEMBERED {
        derived.clear();
    }
    derived.insert(name.to_owned(), key.to_vec());
}

/// A cache, or none.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// The user's.
    pub fn of_user() -> Self {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        let folder = named.or_else(|| dirs::cache_dir().map(|dir| dir.join("zktrain")));
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        Self { folder: folder.map(|folder| folder.join(VERSION)) }
    }

    /// None: everything is computed.
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// An entry's content.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let folder = self.folder.as_ref().filter(|folder| is_own(folder))?;
        let mut bytes = std::fs::read(folder.join(name)).ok()?;
        let content = bytes.len().checked_sub(CHECKSUM)?;
        let sum = bytes.split_off(content);
        (checksum(name, &bytes).as_slice() == sum).then_some(bytes)
    }

    /// Keeps an entry, if there is a place for it.
    pub fn write(&self, name: &str, content: &[u8]) {
        let Some(folder) = &self.folder else { return };
        let bytes = [content, &checksum(name, content)].concat();
        // Without a cache everything works, only slower.
        if files::create_folder(folder, Access::Owner).is_ok() && is_own(folder) {
            let _ = files::write(&folder.join(name), &bytes, Access::Owner);
        }
    }
}

impl CheckMemory for Cache {
    fn knows(&self, digest: &SrsDigest) -> bool {
        self.read(&checked_name(digest)).is_some()
    }

    fn note(&self, digest: &SrsDigest) {
        self.write(&checked_name(digest), &[]);
    }
}

/// The entry of a string that was checked.
fn checked_name(digest: &SrsDigest) -> String {
    format!("srs-{}-checked-{CHECK_VERSION}", hex::encode(digest))
}

/// The entry of a halo2 key: of one circuit, whose tape has this digest, under the string whose
/// powers have this one.
pub fn key_name(powers: &SrsDigest, shape: Shape, circuit: &Hash) -> String {
    let shape = match shape {
        Shape::Training => "training".to_owned(),
        Shape::Dataset(windows) => format!("dataset-{windows}"),
    };
    format!("halo2-{}-{shape}-{}.vk", hex::encode(powers), hex::encode(circuit))
}

/// The entry of a reference string's second basis.
pub fn basis_name(powers: &SrsDigest, log_rows: u32) -> String {
    format!("basis-{}-{log_rows}", hex::encode(powers))
}

fn checksum(name: &str, content: &[u8]) -> Hash {
    Keccak256::new().chain_update(name).chain_update(content).finalize().into()
}

/// Whether nobody but the folder's owner may write there.
#[cfg(unix)]
fn is_own(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_own(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache { folder: Some(dir.path().join(VERSION)) };
        (dir, cache)
    }

    #[test]
    fn entries_come_back_under_their_own_name_alone() {
        let (_dir, cache) = cache();
        assert_eq!(cache.read("a"), None);
        cache.write("a", b"content");
        assert_eq!(cache.read("a").unwrap(), b"content");
        let folder = cache.folder.clone().unwrap();
        std::fs::copy(folder.join("a"), folder.join("b")).unwrap();
        assert_eq!(cache.read("b"), None);
        cache.note(&[7; 32]);
        assert!(cache.knows(&[7; 32]) && !cache.knows(&[8; 32]) && !Cache::none().knows(&[7; 32]));
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_others_may_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, cache) = cache();
        cache.write("a", b"content");
        let folder = cache.folder.clone().unwrap();
        let mode =
            |mode| std::fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o777);
        assert_eq!(cache.read("a"), None);
        cache.write("b", b"content");
        mode(0o700);
        assert_eq!((cache.read("a").as_deref(), cache.read("b")), (Some(&b"content"[..]), None));
    }
}
