//! Binary trees of hashes with all their nodes, whatever these are made of.

/// How the nodes of a tree are made.
pub trait TreeNodes {
    /// A node or a leaf. The default one is the root of a tree without leaves.
    type Node: Copy + Default;

    /// The node above two.
    fn above(left: &Self::Node, right: &Self::Node) -> Self::Node;

    /// The node above the last one of a level of odd length.
    fn above_last(node: &Self::Node) -> Self::Node;

    /// What a path has for a sibling that is not there; nothing where it goes on without one.
    fn missing() -> Option<Self::Node>;
}

/// A whole tree, leaves first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashTree<N: TreeNodes> {
    levels: Vec<Vec<N::Node>>,
}

impl<N: TreeNodes> HashTree<N> {
    /// The tree over these leaves.
    pub fn new(leaves: Vec<N::Node>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, rest) = level.as_chunks::<2>();
            let nodes = pairs.iter().map(|[left, right]| N::above(left, right));
            let next = nodes.chain(rest.iter().map(N::above_last)).collect();
            levels.push(next);
        }
        Self { levels }
    }

    /// The root; the default node without leaves.
    pub fn root(&self) -> N::Node {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// The siblings on the way from a leaf to the root.
    pub fn path(&self, index: usize) -> Vec<N::Node> {
        let below_root = self.levels.len().saturating_sub(1);
        let levels = self.levels.iter().take(below_root).enumerate();
        let sibling = |(up, level): (usize, &Vec<N::Node>)| level.get((index >> up) ^ 1).copied();
        levels.filter_map(|level| sibling(level).or_else(N::missing)).collect()
    }
}
