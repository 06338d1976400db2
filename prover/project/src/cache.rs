//! The user's cache of what can be computed again: halo2's keys, a second basis of the
//! reference string, and which strings were checked.
//!
//! Entries are named by what they follow from, a digest of the very powers above all, and are
//! written only after the string was checked; so an entry that a hostile file caused is one that
//! no other file reads. An entry is its content and the Keccak-256 of name and content; one that
//! does not match is as good as missing.
//!
//! Somebody who can write the folder can put a key there, or say that a string was checked. So it is
//! used only where that is the user whom this process runs as, and nobody else: the folder and its
//! entries are that user's, and neither it nor a folder above it is one that others may write, or
//! put another in place of. It travels with no project. The commands that say or register what a key
//! is and whether a lineage holds ([`Cache::none`]) do without it all the same. That a cache cannot
//! be used is never an error.
//!
//! Somebody who hands on files decides what is kept, and of another reference string another basis is;
//! so the folder's size is bounded: what was written first goes first.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha3::{Digest, Keccak256};
use zktrain_commit::srs::{CHECK_VERSION, CheckMemory, SrsDigest};
use zktrain_files::regular;
use zktrain_model::Hash;

use crate::circuits::CircuitShape;
use crate::files::{self, Access};

/// Overrides where the cache is; empty, there is none.
const VARIABLE: &str = "ZKTRAIN_CACHE";
/// The folder of this version's entries. Those of the first were named by `[τ]` alone, whatever
/// the powers were: they are not read.
const VERSION: &str = "v2";
const CHECKSUM: usize = 32;
/// Bytes of all entries at most: room for the bases of many circuits, of a megabyte each.
const MOST: u64 = 1 << 30;
/// Bytes that an entry takes at least.
const BLOCK: u64 = 1 << 12;

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
    /// Bytes that are kept at most.
    most: u64,
}

impl Cache {
    /// The user's.
    pub fn of_user() -> Self {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        let folder = named.or_else(|| dirs::cache_dir().map(|dir| dir.join("zktrain")));
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        Self { folder: folder.map(|folder| folder.join(VERSION)), most: MOST }
    }

    /// None: everything is computed.
    pub fn none() -> Self {
        Self { folder: None, most: 0 }
    }

    /// An entry's content.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let folder = owner::folder(self.folder.as_ref()?, owner::user())?;
        let file = regular::open(&folder.join(name)).ok()?;
        file.metadata().ok().filter(|meta| owner::is_of(meta, owner::user()))?;
        let mut bytes = Vec::new();
        file.take(self.most).read_to_end(&mut bytes).ok()?;
        let content = bytes.len().checked_sub(CHECKSUM)?;
        let sum = bytes.split_off(content);
        (checksum(name, &bytes).as_slice() == sum).then_some(bytes)
    }

    /// Keeps an entry, if there is a place for it.
    pub fn write(&self, name: &str, content: &[u8]) {
        // Without a cache everything works, only slower.
        let _ = self.try_write(name, content);
    }

    fn try_write(&self, name: &str, content: &[u8]) -> Option<()> {
        let folder = self.folder.as_ref()?;
        let bytes = [content, &checksum(name, content)].concat();
        let left = self.most.checked_sub(size(bytes.len() as u64))?;
        files::create_folder(folder, Access::Owner).ok()?;
        let folder = owner::folder(folder, owner::user())?;
        shrink(&folder, left)?;
        files::write(&folder.join(name), &bytes, Access::Owner).ok()
    }
}

/// What an entry of so many bytes takes.
fn size(bytes: u64) -> u64 {
    bytes.max(BLOCK)
}

/// Deletes the entries that were written first, until no more than `most` bytes are left. An entry
/// that another process is about to read is then missing for it, which is no error.
fn shrink(folder: &Path, most: u64) -> Option<()> {
    let entry = |entry: fs::DirEntry| -> Option<(SystemTime, u64, PathBuf)> {
        let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((meta.modified().ok()?, size(meta.len()), entry.path()))
    };
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().filter_map(entry).collect();
    entries.sort();
    let mut kept = 0u64;
    for (_, bytes, path) in entries.into_iter().rev() {
        kept = kept.saturating_add(bytes);
        if kept > most {
            files::remove(&path).ok()?;
        }
    }
    Some(())
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
pub fn key_name(powers: &SrsDigest, shape: CircuitShape, circuit: &Hash) -> String {
    let shape = match shape {
        CircuitShape::Training => "training".to_owned(),
        CircuitShape::Dataset(windows) => format!("dataset-{windows}"),
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

/// Whose files and folders are.
#[cfg(unix)]
mod owner {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    /// Group and others may write.
    const SHARED: u32 = 0o022;
    /// In such a folder nobody renames or deletes what is another's.
    const STICKY: u32 = 0o1000;
    /// Who may replace the program, too.
    const ROOT: u32 = 0;

    /// Whom this process acts as.
    pub fn user() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// Whether something is a user's, and nobody else may write there.
    pub fn is_of(meta: &Metadata, user: u32) -> bool {
        meta.uid() == user && meta.mode() & SHARED == 0
    }

    /// A folder without links on the way, if it is a user's own and nobody else can put another in
    /// its place. It stays so: only they could change that.
    pub fn folder(folder: &Path, user: u32) -> Option<PathBuf> {
        let folder = folder.canonicalize().ok()?;
        let own = |path: &Path| path.symlink_metadata().is_ok_and(|meta| is_of(&meta, user));
        let safe = |path: &Path| {
            path.symlink_metadata().is_ok_and(|meta| {
                let shared = meta.mode() & SHARED != 0 && meta.mode() & STICKY == 0;
                [user, ROOT].contains(&meta.uid()) && !shared
            })
        };
        let held = own(&folder) && folder.ancestors().skip(1).all(safe);
        held.then_some(folder)
    }
}

#[cfg(not(unix))]
mod owner {
    use std::fs::Metadata;
    use std::path::{Path, PathBuf};

    pub fn user() -> u32 {
        0
    }

    pub fn is_of(_: &Metadata, _: u32) -> bool {
        true
    }

    pub fn folder(folder: &Path, _: u32) -> Option<PathBuf> {
        Some(folder.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache { folder: Some(dir.path().join(VERSION)), most: MOST };
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

    #[test]
    #[cfg(unix)]
    fn a_folder_or_an_entry_of_another_user_is_not_used() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let (_dir, cache) = cache();
        cache.write("a", b"content");
        let folder = cache.folder.clone().unwrap();
        let (me, other) = (owner::user(), owner::user() + 1);
        assert_eq!(fs::metadata(&folder).unwrap().uid(), me);
        assert_eq!(owner::folder(&folder, me), Some(folder.canonicalize().unwrap()));
        // As root with the home of a user, whose folders nobody else may write.
        assert_eq!(owner::folder(&folder, other), None);
        let entry = fs::metadata(folder.join("a")).unwrap();
        assert!(owner::is_of(&entry, me) && !owner::is_of(&entry, other));
        fs::set_permissions(folder.join("a"), PermissionsExt::from_mode(0o666)).unwrap();
        assert_eq!(cache.read("a"), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_others_may_replace_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let above = dir.path().join("above");
        let cache = Cache { folder: Some(above.join(VERSION)), most: MOST };
        cache.write("a", b"content");
        let used = |mode| {
            fs::set_permissions(&above, PermissionsExt::from_mode(mode)).unwrap();
            cache.read("a").is_some()
        };
        assert_eq!(
            [0o755, 0o777, 0o775, 0o1777, 0o700].map(used),
            [true, false, false, true, true]
        );
        // Behind a link it is used only if it would be without.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&above, &link).unwrap();
        let linked = Cache { folder: Some(link.join(VERSION)), most: MOST };
        let used = |mode| {
            fs::set_permissions(&above, PermissionsExt::from_mode(mode)).unwrap();
            linked.read("a").is_some()
        };
        assert_eq!([0o777, 0o700].map(used), [false, true]);
    }

    #[test]
    fn what_was_written_first_makes_room() {
        let (_dir, mut cache) = cache();
        cache.most = 3 * BLOCK;
        let content = [7u8; BLOCK as usize - CHECKSUM];
        let folder = cache.folder.clone().unwrap();
        let dated = |name: &str, seconds| {
            cache.write(name, &content);
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let file = fs::OpenOptions::new().write(true).open(folder.join(name)).unwrap();
            file.set_modified(time).unwrap();
        };
        let there = || ["a", "b", "c", "d"].map(|name| cache.read(name).is_some());
        dated("b", 10);
        dated("a", 20);
        dated("c", 30);
        assert_eq!(there(), [true, true, true, false]);
        // Small ones count as what they take.
        cache.write("d", b"");
        assert_eq!(there(), [true, false, true, true]);
        // One that does not fit is not kept, and costs no other.
        cache.write("b", &[0; 4 * BLOCK as usize]);
        assert_eq!(there(), [true, false, true, true]);
    }
}
