//! Where an operator stands: its neighbours, scales and tensors.

use super::Operator;
use crate::compile::{CompileError, LayerIds, RoundedIds, TrainingIds, WideIds};
use crate::graph::{Graph, Node, NodeId};
use crate::manifest::{Layer, Network};
use crate::relation::{DimMap, Domain, Linear, TensorId};

/// A node of a graph whose tensors have been placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub network: &'a Network,
    pub graph: &'a Graph,
    pub ids: &'a TrainingIds,
    id: NodeId,
    node: &'a Node,
}

/// That a tensor is not there which a constraint needs.
pub(crate) fn missing(name: &str, part: &'static str) -> CompileError {
    CompileError::Missing { name: name.to_owned(), part }
}

/// That the tensors are those of another network.
pub(crate) fn differs(name: &str, part: &'static str) -> CompileError {
    CompileError::Differs { name: name.to_owned(), part }
}

impl<'a> Site<'a> {
    /// The node of that name.
    ///
    /// # Errors
    /// If the graph has none.
    pub fn new(
        network: &'a Network,
        graph: &'a Graph,
        ids: &'a TrainingIds,
        id: NodeId,
    ) -> Result<Self, CompileError> {
        let node = graph.node(id).ok_or_else(|| missing("the graph", "a node"))?;
        Ok(Self { network, graph, ids, id, node })
    }

    fn at(&self, id: Option<NodeId>) -> Result<Self, CompileError> {
        let id = id.ok_or_else(|| missing(&self.name(), "a neighbour in the graph"))?;
        Self::new(self.network, self.graph, self.ids, id)
    }

    /// The node's operator.
    pub fn operator(&self) -> &'static dyn Operator {
        self.node.kind.operator()
    }

    /// The node that its values come from.
    pub fn input(&self) -> Result<Self, CompileError> {
        self.at(self.node.inputs.first().copied())
    }

    /// The node that takes its values.
    pub fn consumer(&self) -> Result<Self, CompileError> {
        self.at(self.graph.consumer(self.id))
    }

    /// What its constraints' labels begin with.
    pub fn name(&self) -> String {
        match self.node.layer() {
            Some(layer) => layer_name(layer),
            None => LOSS.to_owned(),
        }
    }

    /// The scales and tensors of its layer.
    pub fn layer(&self) -> Result<(&'a Layer, &'a LayerIds), CompileError> {
        let index = self.node.layer();
        let layer = index.and_then(|l| self.network.layers.get(l).zip(self.ids.layers.get(l)));
        layer.ok_or_else(|| missing(&self.name(), "the layer"))
    }

    /// A tensor of its layer's, of numbers as they are; `part` is what is missing if there is none.
    pub fn plain(&self, name: &str, part: &'static str) -> Result<TensorId, CompileError> {
        self.layer()?.1.tensors.plain(name).ok_or_else(|| missing(&self.name(), part))
    }

    /// Tensors of its layer's, of numbers that are rounded.
    pub fn rounded(&self, name: &str, part: &'static str) -> Result<&'a RoundedIds, CompileError> {
        self.layer()?.1.tensors.rounded(name).ok_or_else(|| missing(&self.name(), part))
    }

    /// Digits of its layer's wide integers.
    pub fn wide(&self, name: &str, part: &'static str) -> Result<&'a WideIds, CompileError> {
        self.layer()?.1.tensors.wide(name).ok_or_else(|| missing(&self.name(), part))
    }

    /// What its layer puts out before any activation.
    pub fn z(&self) -> Result<&'a RoundedIds, CompileError> {
        self.rounded("z", "its output")
    }

    /// A tensor of the loss; `part` is what is missing if there is none.
    pub fn of_loss(&self, name: &str, part: &'static str) -> Result<TensorId, CompileError> {
        self.ids.loss.plain(name).ok_or_else(|| missing(LOSS, part))
    }

    /// The tensors of the gradient that it sends to the layer before it.
    pub fn sent(&self) -> Result<&'a RoundedIds, CompileError> {
        let below = self.input()?;
        let received = below.layer()?.1.tensors.rounded("g");
        received.ok_or_else(|| missing(&format!("{}.g", below.name()), "the arriving gradient"))
    }

    /// That gradient as a form, its `(channel, t, b, position…)` mapped.
    pub fn sent_form(&self, map: &[DimMap]) -> Result<Linear, CompileError> {
        let g = self.input()?.rounded("g", "the gradient of its output")?;
        Ok(Linear::zero().plus(1, g.q, map))
    }

    /// The domain `(channel, T, B, position…)` of a layer's values.
    pub fn domain(&self, layer: &Layer) -> Domain {
        Domain::new(&self.network.tensor(&layer.output))
    }

    /// What it puts out, its `(channel, t, b, position…)` mapped.
    pub fn value(&self, map: &[DimMap]) -> Result<Linear, CompileError> {
        self.operator().value(self, map)
    }

    /// The gradient with respect to what it puts out, its `(channel, t, b, position…)` mapped: who takes
    /// the values knows it.
    pub fn gradient(&self, map: &[DimMap]) -> Result<Linear, CompileError> {
        let consumer = self.consumer()?;
        consumer.operator().input_gradient(&consumer, map)
    }
}

/// What the names of a loss' tensors and constraints begin with.
pub(crate) const LOSS: &str = "loss";

/// What the names of a layer's tensors and constraints begin with.
pub(crate) fn layer_name(index: usize) -> String {
    format!("layer{index}")
}
