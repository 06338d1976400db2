//! Merkle trees as `contracts/src/libraries/Merkle.sol` builds them: leaves are hashed twice,
//! nodes are hashes of sorted pairs, and a node without a partner moves up.

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolValue;

/// The leaf of a value: the hash of the hash of its ABI encoding.
pub fn leaf(value: &impl SolValue) -> B256 {
    keccak256(keccak256(value.abi_encode()))
}

/// A node from its two children, in either order.
fn node(a: B256, b: B256) -> B256 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    keccak256([low.0, high.0].concat())
}

fn above(level: &[B256]) -> Vec<B256> {
    let pair = |pair: &[B256]| match pair {
        [a, b] => node(*a, *b),
        single => single.first().copied().unwrap_or_default(),
    };
    level.chunks(2).map(pair).collect()
}

/// A tree with all its nodes, for many paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(Vec<Vec<B256>>);

impl Tree {
    /// The tree over leaves.
    pub fn new(leaves: Vec<B256>) -> Self {
        let mut levels = Vec::new();
        let mut level = leaves;
        while level.len() > 1 {
            let next = above(&level);
            levels.push(level);
            level = next;
        }
        levels.push(level);
        Self(levels)
    }

    /// Its root; zero of no leaves.
    pub fn root(&self) -> B256 {
        self.0.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// The siblings from a leaf to the root; none for a leaf that is not there.
    pub fn path(&self, index: usize) -> Vec<B256> {
        let below = self.0.iter().enumerate();
        below.filter_map(|(up, level)| level.get((index >> up) ^ 1)).copied().collect()
    }
}

/// The root over leaves; zero of none.
pub fn root(leaves: &[B256]) -> B256 {
    Tree::new(leaves.to_vec()).root()
}

/// The siblings from a leaf to the root; none for a leaf that is not there.
pub fn path(leaves: &[B256], index: usize) -> Vec<B256> {
    Tree::new(leaves.to_vec()).path(index)
}

/// Whether a path leads from a leaf to a root.
pub fn leads(leaf: B256, path: &[B256], root: B256) -> bool {
    path.iter().fold(leaf, |hash, sibling| node(hash, *sibling)) == root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<B256> {
        (0..count).map(|n| leaf(&alloy_primitives::U256::from(n))).collect()
    }

    #[test]
    fn every_leaf_leads_to_the_root_and_no_other_does() {
        for count in 1..20 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path(&leaves, index);
                assert!(leads(*leaf, &path, root), "{index} of {count}");
                assert!(!leads(keccak256(leaf), &path, root), "{index} of {count}");
            }
        }
    }

    /// Hashes towards one leaf alone, level by level, as a verifier's counterpart would.
    fn one_path(leaves: &[B256], mut index: usize) -> (Vec<B256>, B256) {
        let (mut level, mut path) = (leaves.to_vec(), Vec::new());
        while level.len() > 1 {
            path.extend(level.get(index ^ 1));
            let pairs = level.chunks(2);
            level = pairs.map(|pair| pair.iter().copied().reduce(node).unwrap()).collect();
            index /= 2;
        }
        (path, level[0])
    }

    #[test]
    fn a_tree_for_many_paths_has_the_paths_of_each_leaf_alone() {
        for count in 1..70 {
            let leaves = leaves(count);
            let tree = Tree::new(leaves.clone());
            for index in 0..leaves.len() {
                let (path, root) = one_path(&leaves, index);
                assert_eq!((tree.path(index), tree.root()), (path, root), "{index} of {count}");
            }
        }
        assert!(Tree::new(Vec::new()).path(0).is_empty());
    }

    #[test]
    fn order_and_number_of_leaves_matter() {
        let five = leaves(5);
        let mut swapped = five.clone();
        swapped.swap(1, 2);
        assert_ne!(root(&five), root(&swapped));
        assert_ne!(root(&five), root(&five[..4]));
        assert_eq!(root(&[]), B256::ZERO);
        assert!(path(&five, 9).len() <= 3);
    }
}
