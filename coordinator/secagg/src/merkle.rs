//! Merkle trees over envelopes: nodes are hashes of sorted pairs, and a node without a partner moves
//! up, as in the contracts' trees.

use alloy_primitives::{B256, keccak256};

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

/// The tree over one dealer's envelopes with all its nodes, for the paths of all receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareTree(Vec<Vec<B256>>);

impl ShareTree {
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
    pub(crate) fn root(&self) -> B256 {
        self.0.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// The siblings from a leaf to the root; none for a leaf that is not there.
    pub(crate) fn path(&self, index: usize) -> Vec<B256> {
        let below = self.0.iter().enumerate();
        below.filter_map(|(up, level)| level.get((index >> up) ^ 1)).copied().collect()
    }
}

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
