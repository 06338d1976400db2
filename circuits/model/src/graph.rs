//! A network as a graph: which operator takes whose values.
//!
//! Compiler and trainer walk this graph and know no kind of layer. A manifest lowers to the inputs, the layers
//! in their order, each of which takes the values of one before it or of two, and the loss. Values may be taken
//! by several: the gradient that arrives at them is the sum of what these send.

use crate::manifest::Network;
use crate::operators::{LayerKind, Loss, Sends};

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
    /// Who takes a node's values, by node, in topological order; nobody takes the loss.
    consumers: Vec<Vec<NodeId>>,
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
    /// A node takes the same values twice.
    #[error("node {node} takes the values of node {input} twice")]
    Twice {
        /// The node.
        node: usize,
        /// Whose values it takes.
        input: usize,
    },
    /// Two nodes take the values of a third, one of which works on them number by number: these are not what the
    /// layer puts out, and nobody else can have them.
    #[error("node {second} takes the values of node {input}, which node {first} takes for itself")]
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
    /// A layer takes what no layer before it puts out.
    #[error("layer {layer} takes the values of layer {input}, which is not before it")]
    Layer {
        /// The layer.
        layer: usize,
        /// Whose values it takes.
        input: usize,
    },
    /// The last node is no loss, or another one is.
    #[error("a graph ends with its loss, and has no other")]
    Loss,
}

impl Graph {
    /// A graph of these nodes.
    ///
    /// # Errors
    /// If they are not in topological order, or values are taken by nobody, or by more than may have them.
    pub fn new(nodes: Vec<Node>) -> Result<Self, GraphError> {
        let losses = nodes.iter().map(|node| matches!(node.kind, NodeKind::Loss(_)));
        let last = nodes.len().checked_sub(1).ok_or(GraphError::Loss)?;
        if losses.enumerate().any(|(index, is_loss)| is_loss != (index == last)) {
            return Err(GraphError::Loss);
        }
        let mut consumers: Vec<Vec<NodeId>> = vec![Vec::new(); nodes.len()];
        for (node, inputs) in nodes.iter().map(|node| &node.inputs).enumerate() {
            for &NodeId(input) in inputs {
                let before = consumers.iter_mut().take(node).nth(input);
                let consumers = before.ok_or(GraphError::Order { node, input })?;
                if consumers.contains(&NodeId(node)) {
                    return Err(GraphError::Twice { node, input });
                }
                consumers.push(NodeId(node));
            }
        }
        if let Some(node) = consumers.iter().take(last).position(Vec::is_empty) {
            return Err(GraphError::Unused { node });
        }
        let graph = Self { nodes, consumers };
        graph.check_followers()?;
        Ok(graph)
    }

    /// Whether who works on values number by number has them for itself.
    fn check_followers(&self) -> Result<(), GraphError> {
        for (input, consumers) in self.consumers.iter().enumerate() {
            let follows = |id: &&NodeId| {
                let kind = self.node(**id).map(|node| node.kind);
                matches!(kind, Some(NodeKind::Layer { kind, .. }) if !kind.begins_layer())
            };
            let first = consumers.iter().find(follows);
            let second = first.and_then(|first| consumers.iter().find(|id| *id != first));
            if let Some((NodeId(first), NodeId(second))) = first.zip(second) {
                return Err(GraphError::Shared { input, first: *first, second: *second });
            }
        }
        Ok(())
    }

    /// The graph of a network.
    ///
    /// # Errors
    /// If a layer takes the values of one that is not before it, or nobody takes those of one.
    pub fn of(network: &Network) -> Result<Self, GraphError> {
        let mut nodes = vec![Node { kind: NodeKind::Input, inputs: Vec::new() }];
        // The node that puts out a layer's values, by layer.
        let mut outputs: Vec<NodeId> = Vec::new();
        for (layer, scales) in network.layers.iter().enumerate() {
            let output = |input: usize| {
                outputs.get(input).copied().ok_or(GraphError::Layer { layer, input })
            };
            let first = scales.from.map_or(Ok(NodeId(0)), output)?;
            let second = scales.with.map(output).transpose()?;
            let inputs = core::iter::once(first).chain(second).collect();
            nodes.push(Node { kind: NodeKind::Layer { kind: scales.kind, layer }, inputs });
            if let Some(kind) = scales.activation.kind() {
                let inputs = vec![NodeId(nodes.len() - 1)];
                nodes.push(Node { kind: NodeKind::Layer { kind, layer }, inputs });
            }
            outputs.push(NodeId(nodes.len() - 1));
        }
        let inputs = vec![outputs.last().copied().unwrap_or(NodeId(0))];
        nodes.push(Node { kind: NodeKind::Loss(network.loss), inputs });
        Self::new(nodes)
    }

    /// All nodes, in topological order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> + '_ {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// The node of that name.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// Who takes a node's values, in topological order.
    pub fn consumers(&self, id: NodeId) -> &[NodeId] {
        self.consumers.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// Which of the gradients that arrive at `input` as tensors is the one that `consumer` sends.
    pub fn slot(&self, consumer: NodeId, input: NodeId) -> Option<usize> {
        let is_tensor = |id: &&NodeId| {
            let node = self.node(**id);
            node.is_some_and(|node| node.kind.operator().sends_as() != Sends::Form)
        };
        self.consumers(input).iter().filter(is_tensor).position(|id| *id == consumer)
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

    #[test]
    fn a_manifest_lowers_to_a_chain() {
        let text = include_str!("../tests/constraints/clipped.toml");
        let graph = Graph::of(&Manifest::from_toml(text).unwrap().network().unwrap()).unwrap();
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
    fn nodes_are_in_order_and_every_value_is_taken() {
        let loss = NodeKind::Loss(Loss::Mse);
        let graph = |inputs: [&[usize]; 4]| {
            let kinds = [NodeKind::Input, linear(0), linear(1), loss];
            Graph::new(kinds.into_iter().zip(inputs).map(|(k, i)| node(k, i)).collect())
        };
        let chain = graph([&[], &[0], &[1], &[2]]).unwrap();
        assert_eq!(chain.consumers(NodeId(1)), [NodeId(2)]);
        assert_eq!(chain.consumers(NodeId(3)), []);
        assert_eq!(chain.layer(1).collect::<Vec<_>>(), [NodeId(2)]);
        let error = |inputs| graph(inputs).unwrap_err();
        assert_eq!(error([&[], &[2], &[1], &[2]]), GraphError::Order { node: 1, input: 2 });
        assert_eq!(error([&[], &[1], &[1], &[2]]), GraphError::Order { node: 1, input: 1 });
        assert_eq!(error([&[], &[0], &[1], &[9]]), GraphError::Order { node: 3, input: 9 });
        assert_eq!(error([&[], &[0], &[1, 1], &[2]]), GraphError::Twice { node: 2, input: 1 });
        assert_eq!(error([&[], &[0], &[0], &[2]]), GraphError::Unused { node: 1 });
        assert_eq!(error([&[], &[0], &[1], &[]]), GraphError::Unused { node: 2 });
        let joined = graph([&[], &[0], &[], &[1, 2]]).unwrap();
        assert_eq!(joined.consumers(NodeId(2)), [NodeId(3)]);
        let shared = graph([&[], &[0], &[1], &[1, 2]]).unwrap();
        assert_eq!(shared.consumers(NodeId(1)), [NodeId(2), NodeId(3)]);
        assert_eq!(Graph::new(vec![]), Err(GraphError::Loss));
        assert_eq!(Graph::new(vec![node(loss, &[]), node(loss, &[0])]), Err(GraphError::Loss));
        assert_eq!(Graph::new(vec![node(linear(0), &[])]), Err(GraphError::Loss));
    }

    /// What stands between a layer and its activation is nobody else's.
    #[test]
    fn values_before_an_activation_are_its_own() {
        let relu = NodeKind::Layer { kind: LayerKind::Relu, layer: 0 };
        let kinds = [NodeKind::Input, linear(0), relu, linear(1), NodeKind::Loss(Loss::Mse)];
        let graph = |inputs: [&[usize]; 5]| {
            Graph::new(kinds.into_iter().zip(inputs).map(|(k, i)| node(k, i)).collect())
        };
        assert!(graph([&[], &[0], &[1], &[2], &[3]]).is_ok());
        assert!(graph([&[], &[0], &[1], &[2], &[2, 3]]).is_ok());
        let shared = GraphError::Shared { input: 1, first: 2, second: 4 };
        assert_eq!(graph([&[], &[0], &[1], &[2], &[1, 3]]), Err(shared));
    }

    #[test]
    fn a_layer_takes_what_a_layer_before_it_puts_out() {
        let text = include_str!("../tests/constraints/clipped.toml");
        let mut network = Manifest::from_toml(text).unwrap().network().unwrap();
        network.layers[1].from = Some(1);
        assert_eq!(Graph::of(&network), Err(GraphError::Layer { layer: 1, input: 1 }));
        network.layers[1].from = None;
        assert_eq!(Graph::of(&network), Err(GraphError::Unused { node: 2 }));
    }
}
