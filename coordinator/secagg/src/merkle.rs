//! Merkle trees over envelopes: nodes are hashes of sorted pairs, and a node without a partner moves
//! up, as in the contracts' trees.

use alloy_primitives::{B256, keccak256};
use zktrain_statement::tree::{HashTree, TreeNodes};

/// A node from its two children, in either order.
fn node(a: B256, b: B256) -> B256 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    keccak256([low.0, high.0].concat())
}

/// Nodes over envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareNodes {}

impl TreeNodes for ShareNodes {
    type Node = B256;

    fn above(left: &B256, right: &B256) -> B256 {
        node(*left, *right)
    }

    fn above_last(last: &B256) -> B256 {
        *last
    }

    fn missing() -> Option<B256> {
        None
    }
}

/// The tree over one dealer's envelopes with all its nodes, for the paths of all receivers.
pub type ShareTree = HashTree<ShareNodes>;

/// The root over leaves; zero of none.
pub(crate) fn root(leaves: &[B256]) -> B256 {
    ShareTree::new(leaves.to_vec()).root()
}

/// Whether a path leads from a leaf to a root.
pub(crate) fn leads(leaf: B256, path: &[B256], root: B256) -> bool {
    path.iter().fold(leaf, |hash, sibling| node(hash, *sibling)) == root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<B256> {
        (0..count).map(|n| keccak256(n.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_leads_to_the_root_and_no_other_does() {
        for count in 1..70 {
            let leaves = leaves(count);
            let tree = ShareTree::new(leaves.clone());
            assert_eq!(tree.root(), root(&leaves));
            for (index, leaf) in leaves.iter().enumerate() {
                let path = tree.path(index);
                assert!(leads(*leaf, &path, tree.root()), "{index} of {count}");
                assert!(!leads(keccak256(leaf), &path, tree.root()), "{index} of {count}");
            }
        }
        assert!(ShareTree::new(Vec::new()).path(0).is_empty());
    }

    #[test]
    fn order_and_number_of_leaves_matter() {
        let five = leaves(5);
        let mut swapped = five.clone();
        swapped.swap(1, 2);
        assert_ne!(root(&five), root(&swapped));
        assert_ne!(root(&five), root(&five[..4]));
        assert_eq!(root(&[]), B256::ZERO);
    }
}
