//! Merkle trees over the windows of a dataset, by keccak256.

use ark_bn254::G1Affine;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::point_bytes;
use zktrain_model::Hash;

/// A leaf: the row commitments of one window, with its number.
pub fn leaf(window: u64, rows: &[G1Affine]) -> Hash {
    let mut hasher = Keccak256::new().chain_update([0u8]).chain_update(window.to_be_bytes());
    for row in rows {
        hasher.update(point_bytes(row));
    }
    hasher.finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Keccak256::new().chain_update([1u8]).chain_update(left).chain_update(right).finalize().into()
}

/// What stands for a leaf that does not exist.
const EMPTY: Hash = [0; 32];

/// A whole tree, leaves first. A level of odd length is completed by `EMPTY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowTree {
    levels: Vec<Vec<Hash>>,
}

impl WindowTree {
    /// The tree over these leaves.
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, rest) = level.as_chunks::<2>();
            let nodes = pairs.iter().map(|[left, right]| node(left, right));
            let next = nodes.chain(rest.iter().map(|left| node(left, &EMPTY))).collect();
            levels.push(next);
        }
        Self { levels }
    }

    /// The root; `EMPTY` without leaves.
    pub fn root(&self) -> Hash {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or(EMPTY)
    }

    /// The siblings on the way from a leaf to the root.
    pub fn path(&self, index: usize) -> Vec<Hash> {
        let below_root = self.levels.len().saturating_sub(1);
        let levels = self.levels.iter().take(below_root).enumerate();
        levels.map(|(k, level)| *level.get((index >> k) ^ 1).unwrap_or(&EMPTY)).collect()
    }
}

/// Levels between the leaves and the root, `⌈log2 leaves⌉`; 0 without leaves.
pub fn depth(leaves: u64) -> u32 {
    leaves.checked_sub(1).map_or(0, |last| u64::BITS - last.leading_zeros())
}

/// The root above a leaf with these siblings.
pub fn root_from(leaf: Hash, index: u64, path: &[Hash]) -> Hash {
    let levels = path.iter().enumerate();
    levels.fold(leaf, |hash, (k, sibling)| {
        if (index >> k) & 1 == 1 { node(sibling, &hash) } else { node(&hash, sibling) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_of_any_number_of_leaves_is_known() {
        let cases = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1 << 62, 62)];
        let large = [((1 << 63) - 1, 63), (1 << 63, 63), ((1 << 63) + 1, 64), (u64::MAX, 64)];
        for (leaves, expected) in cases.into_iter().chain(large) {
            assert_eq!(depth(leaves), expected, "{leaves}");
        }
    }

    #[test]
    fn every_path_leads_to_the_root_and_no_other_does() {
        for count in 1..10u64 {
            let leaves: Vec<Hash> = (0..count).map(|i| leaf(i, &[])).collect();
            let tree = WindowTree::new(leaves.clone());
            for (index, leaf) in leaves.iter().enumerate() {
                let path = tree.path(index);
                assert_eq!(path.len() as u32, depth(count));
                assert_eq!(root_from(*leaf, index as u64, &path), tree.root());
                let wrong = (index as u64 + 1) % count;
                if wrong != index as u64 {
                    assert_ne!(root_from(*leaf, wrong, &path), tree.root());
                }
            }
        }
    }
}
