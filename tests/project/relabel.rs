//! A reference string's file whose label is another one, its checksums mended.

use sha3::{Digest, Keccak256};

/// Magic, provenance, source, power, number of powers, flag, three points of G2.
const HEADER: usize = 15 + 1 + 32 + 4 + 8 + 1 + 3 * 128;
const LABEL: usize = 15;
const COUNT: usize = 52;

/// The same powers, which now say that they were imported from a file with this SHA-256. There must
/// be no sections for a second phase.
pub fn imported(file: &[u8], source: [u8; 32]) -> Vec<u8> {
    let mut header = file[..HEADER].to_vec();
    assert_eq!(Keccak256::digest(&header)[..], file[HEADER..HEADER + 32], "as it was written");
    header[LABEL] = 1;
    header[LABEL + 1..LABEL + 33].copy_from_slice(&source);
    let digest = Keccak256::digest(&header);
    let count = u64::from_le_bytes(header[COUNT..COUNT + 8].try_into().unwrap()) as usize;
    let mut out = [&header[..], &digest].concat();
    let (mut at, mut start, mut end) = (HEADER + 32, 0, count.min(1 << 10));
    while start < count {
        let block = &file[at..at + 64 * (end - start)];
        out.extend_from_slice(block);
        out.extend(Keccak256::new().chain_update(digest).chain_update(block).finalize());
        at += block.len() + 32;
        (start, end) = (end, count.min(2 * end));
    }
    assert_eq!(at, file.len(), "nothing else is in the file");
    out
}
