//! The user's cache of what can be computed again: keys, and a second basis of the
//! reference string.
//!
//! An entry is its content and the Keccak-256 of name and content; one that does not match is
//! as good as missing. Nothing here is shared between users or travels with a project: whoever
//! could put a key here could as well replace the program. That a cache cannot be used is never
//! an error.

use std::path::PathBuf;

use sha3::{Digest, Keccak256};
use zktrain_circuits::merkle::Hash;

use crate::circuits::Shape;
use crate::files::{self, Access};

/// Overrides where the cache is.
const VARIABLE: &str = "ZKTRAIN_CACHE";
const CHECKSUM: usize = 32;

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    named.or_else(|| dirs::cache_dir().map(|dir| dir.join("zktrain")))
}

/// The entry of a halo2 key: of one circuit, whose tape has this digest, so that a program with
/// another circuit does not take it for its own.
pub fn key_name(spec: &Hash, shape: Shape, circuit: &Hash) -> String {
    let shape = match shape {
        Shape::Training => "training".to_owned(),
        Shape::Dataset(windows) => format!("dataset-{windows}"),
    };
    format!("halo2-{}-{shape}-{}.vk", hex::encode(spec), hex::encode(circuit))
}

/// The entry of a reference string's second basis.
pub fn basis_name(fingerprint: &Hash, log_rows: u32) -> String {
    format!("basis-{}-{log_rows}", hex::encode(fingerprint))
}

fn checksum(name: &str, content: &[u8]) -> Hash {
    Keccak256::new().chain_update(name).chain_update(content).finalize().into()
}

/// An entry's content.
pub fn read(name: &str) -> Option<Vec<u8>> {
    let mut bytes = std::fs::read(folder()?.join(name)).ok()?;
    let content = bytes.len().checked_sub(CHECKSUM)?;
    let sum = bytes.split_off(content);
    (checksum(name, &bytes).as_slice() == sum).then_some(bytes)
}

/// Keeps an entry, if there is a place for it.
pub fn write(name: &str, content: &[u8]) {
    let Some(folder) = folder() else { return };
    let bytes = [content, &checksum(name, content)].concat();
    // Without a cache everything works, only slower.
    let _ = files::create_folder(&folder, Access::Public)
        .and_then(|()| files::write(&folder.join(name), &bytes, Access::Public));
}
