//! A network as a graph: which operator takes whose values.
//!
//! Compiler and trainer walk this graph and know no kind of layer. What a manifest describes today
//! lowers to a chain: the inputs, the layers in their order, the loss.

use crate::manifest::Network;
use crate::operators::{LayerKind, Loss};

/// Names a node of a graph: its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Puts out the window's inputs.
    Input,
    /// An operator of a layer.
    Layer {
        /// The operator.
        kind: LayerKind,
        /// Index among [`Network::layers`]: whose scales and tensors these are. An operator that works
        /// number by number shares them with the one before it.
        layer: usize,
    },
    /// What the last values are held against.
    Loss(Loss),
}

/// An operator and where its values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it does.
    pub kind: NodeKind,
    /// Whose values it takes.
    pub inputs: Vec<NodeId>,
}

impl Node {
    /// The layer that it belongs to.
    pub fn layer(&self) -> Option<usize> {
        match self.kind {
            NodeKind::Layer { layer, .. } => Some(layer),
            NodeKind::Input | NodeKind::Loss(_) => None,
        }
    }
}

/// Nodes in topological order: each takes values of nodes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<Node>,
    /// Who takes a node's values, by node; nobody takes the loss.
    consumers: Vec<Option<NodeId>>,
}

/// Nodes that are no graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A node takes values that are not there yet.
    #[error("node {node} takes the values of node {input}, which is not before it")]
    Order {
        /// The node.
        node: usize,
        /// Whose values it takes.
        input: usize,
    },
    /// Two nodes take the same values. Their gradients would have to be added, which is an operator's
    /// business: one that puts its input out twice.
    #[error("nodes {first} and {second} both take the values of node {input}")]
    Shared {
        /// Whose values.
        input: usize,
        /// Who takes them.
        first: usize,
        /// Who takes them too.
        second: usize,
    },
    /// No gradient arrives at a node.
    #[error("nobody takes the values of node {node}")]
    Unused {
        /// The node.
        node: usize,
    },
    /// The last node is no loss, or another one is.
    #[error("a graph ends with its loss, and has no other")]
    Loss,
}

impl Graph {
    /// A graph of these nodes.
    ///
    /// # Errors
    /// If they are not in topological order, or values are taken by nobody or by two.
    pub fn new(nodes: Vec<Node>) -> Result<Self, GraphError> {
        let losses = nodes.iter().map(|node| matches!(node.kind, NodeKind::Loss(_)));
        let last = nodes.len().checked_sub(1).ok_or(GraphError::Loss)?;
        if losses.enumerate().any(|(index, is_loss)| is_loss != (index == last)) {
            return Err(GraphError::Loss);
        }
        let mut consumers: Vec<Option<NodeId>> = vec![None; nodes.len()];
        for (node, inputs) in nodes.iter().map(|node| &node.inputs).enumerate() {
            for &NodeId(input) in inputs {
                let before = consumers.iter_mut().take(node).nth(input);
                let consumer = before.ok_or(GraphError::Order { node, input })?;
                if let Some(NodeId(first)) = consumer.replace(NodeId(node)) {
                    return Err(GraphError::Shared { input, first, second: node });
                }
            }
        }
        match consumers.iter().take(last).position(Option::is_none) {
            Some(node) => Err(GraphError::Unused { node }),
            None => Ok(Self { nodes, consumers }),
        }
    }

    /// The graph of a network: a chain, in which each node takes the values of the one before it.
    pub fn of(network: &Network) -> Self {
        let mut kinds = vec![NodeKind::Input];
        for (layer, scales) in network.layers.iter().enumerate() {
            kinds.push(NodeKind::Layer { kind: scales.kind, layer });
            let then = scales.activation.kind();
            kinds.extend(then.map(|kind| NodeKind::Layer { kind, layer }));
        }
        kinds.push(NodeKind::Loss(network.loss));
        let last = kinds.len() - 1;
        let before = |index: usize| index.checked_sub(1).map(NodeId).into_iter().collect();
        let consumers = (1..=last).map(|index| Some(NodeId(index))).chain([None]).collect();
        let chained = kinds.into_iter().enumerate();
        let nodes = chained.map(|(index, kind)| Node { kind, inputs: before(index) }).collect();
        Self { nodes, consumers }
    }

    /// All nodes, in topological order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> + '_ {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// The node of that name.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// Who takes a node's values.
    pub fn consumer(&self, id: NodeId) -> Option<NodeId> {
        self.consumers.get(id.0).copied().flatten()
    }

    /// The nodes of one layer.
    pub fn layer(&self, layer: usize) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        self.nodes().filter(move |(_, node)| node.layer() == Some(layer)).map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    fn node(kind: NodeKind, inputs: &[usize]) -> Node {
        Node { kind, inputs: inputs.iter().copied().map(NodeId).collect() }
    }

    fn linear(layer: usize) -> NodeKind {
        NodeKind::Layer { kind: LayerKind::Linear, layer }
    }

    /// What is made without a check is what the check would have let through.
    #[test]
    fn a_manifest_lowers_to_a_chain() {
        let text = include_str!("../tests/constraints/clipped.toml");
        let graph = Graph::of(&Manifest::from_toml(text).unwrap().network().unwrap());
        assert_eq!(Graph::new(graph.nodes.clone()), Ok(graph.clone()));
        let layer = |kind, layer| NodeKind::Layer { kind, layer };
        let kinds = [
            NodeKind::Input,
            linear(0),
            layer(LayerKind::Sigmoid, 0),
            linear(1),
            linear(2),
            layer(LayerKind::Relu, 2),
            linear(3),
            NodeKind::Loss(Loss::SoftmaxCrossEntropy),
        ];
        assert_eq!(graph.nodes().map(|(_, node)| node.kind).collect::<Vec<_>>(), kinds);
    }

    #[test]
    fn nodes_are_in_order_and_every_value_is_taken_once() {
        let loss = NodeKind::Loss(Loss::Mse);
        let graph = |inputs: [&[usize]; 4]| {
            let kinds = [NodeKind::Input, linear(0), linear(1), loss];
            Graph::new(kinds.into_iter().zip(inputs).map(|(k, i)| node(k, i)).collect())
        };
        let chain = graph([&[], &[0], &[1], &[2]]).unwrap();
        assert_eq!(chain.consumer(NodeId(1)), Some(NodeId(2)));
        assert_eq!(chain.consumer(NodeId(3)), None);
        assert_eq!(chain.layer(1).collect::<Vec<_>>(), [NodeId(2)]);
        let error = |inputs| graph(inputs).unwrap_err();
        assert_eq!(error([&[], &[2], &[1], &[2]]), GraphError::Order { node: 1, input: 2 });
        assert_eq!(error([&[], &[1], &[1], &[2]]), GraphError::Order { node: 1, input: 1 });
        assert_eq!(error([&[], &[0], &[1], &[9]]), GraphError::Order { node: 3, input: 9 });
        let shared = GraphError::Shared { input: 0, first: 1, second: 2 };
        assert_eq!(error([&[], &[0], &[0], &[2]]), shared);
        assert_eq!(
            error([&[], &[0], &[1], &[1]]),
            GraphError::Shared { input: 1, first: 2, second: 3 }
        );
        assert_eq!(error([&[], &[0], &[1], &[]]), GraphError::Unused { node: 2 });
        let joined = graph([&[], &[0], &[], &[1, 2]]).unwrap();
        assert_eq!(joined.consumer(NodeId(2)), Some(NodeId(3)));
        assert_eq!(Graph::new(vec![]), Err(GraphError::Loss));
        assert_eq!(Graph::new(vec![node(loss, &[]), node(loss, &[0])]), Err(GraphError::Loss));
        assert_eq!(Graph::new(vec![node(linear(0), &[])]), Err(GraphError::Loss));
    }
}
