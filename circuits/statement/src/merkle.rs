//! Merkle trees over the windows of a dataset, by keccak256.

use ark_bn254::G1Affine;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::point_bytes;
use zktrain_model::Hash;

use crate::tree::{HashTree, TreeNodes};

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

/// Nodes over windows: tagged, in order, and a level of odd length is completed by `EMPTY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowNodes {}

impl TreeNodes for WindowNodes {
    type Node = Hash;

    fn above(left: &Hash, right: &Hash) -> Hash {
        node(left, right)
    }

    fn above_last(last: &Hash) -> Hash {
        node(last, &EMPTY)
    }

    fn missing() -> Option<Hash> {
        Some(EMPTY)
    }
}

/// The tree over a dataset's windows; its root is `EMPTY` without leaves.
pub type WindowTree = HashTree<WindowNodes>;

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
