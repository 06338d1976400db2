//! Where an operator stands: its neighbours, scales and tensors.

use super::Operator;
use crate::compile::{
    Bound, CompileError, LayerIds, PointwiseBuilder, RelationBuilder, RoundedIds, TrainingIds,
    WideIds, axes, constrain_rounding,
};
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
    /// Which of its inputs is meant.
    port: usize,
}

/// What an operator names the gradients that arrive at a layer, one for each that is a tensor, in the order of who
/// sends them.
pub const ARRIVING: [&str; 8] = ["g", "g1", "g2", "g3", "g4", "g5", "g6", "g7"];

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
        Ok(Self { network, graph, ids, id, node, port: 0 })
    }

    fn at(&self, id: Option<NodeId>) -> Result<Self, CompileError> {
        let id = id.ok_or_else(|| missing(&self.name(), "a neighbour in the graph"))?;
        Self::new(self.network, self.graph, self.ids, id)
    }

    /// The rates of all steps, with Adam.
    pub fn rate(&self) -> Option<TensorId> {
        self.ids.clock.as_ref().map(|clock| clock.rate)
    }

    /// The node's operator.
    pub fn operator(&self) -> &'static dyn Operator {
        self.node.kind.operator()
    }

    /// The node that its values come from: the first, or who is being sent a gradient.
    pub fn input(&self) -> Result<Self, CompileError> {
        self.at(self.node.inputs.get(self.port).copied())
    }

    /// Whether the second of its inputs is meant.
    pub fn is_second(&self) -> bool {
        self.port == 1
    }

    /// All nodes that its values come from.
    pub fn inputs(&self) -> Result<Vec<Self>, CompileError> {
        self.node.inputs.iter().map(|id| self.at(Some(*id))).collect()
    }

    /// The nodes that take its values, each with this one as the input that is meant.
    pub fn consumers(&self) -> Result<Vec<Self>, CompileError> {
        let consumer = |id: &NodeId| {
            let site = self.at(Some(*id))?;
            let port = site.node.inputs.iter().position(|input| *input == self.id);
            let port = port.ok_or_else(|| missing(&site.name(), "its input"))?;
            Ok(Self { port, ..site })
        };
        let consumers = self.graph.consumers(self.id);
        if consumers.is_empty() {
            return Err(missing(&self.name(), "a neighbour in the graph"));
        }
        consumers.iter().map(consumer).collect()
    }

    /// Whether one of those holds its values within 16 bits.
    fn bound(&self) -> Result<Bound, CompileError> {
        let bounded = self.consumers()?.iter().any(|site| site.operator().bounds_input());
        Ok(if bounded { Bound::Elsewhere } else { Bound::Here })
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

    /// The rounding of what its layer puts out.
    pub fn constrain_z(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
    ) -> Result<(), CompileError> {
        let (name, domain) = (format!("{}.z", self.name()), self.domain(self.layer()?.0));
        let dims = axes(domain.axes.len());
        constrain_rounding(builder, pointwise, &name, &domain, self.z()?, &dims, self.bound()?)
    }

    /// The name and the tensors of the gradient that it sends to its input.
    pub fn sent(&self) -> Result<(String, &'a RoundedIds), CompileError> {
        let (below, part) = self.arrives()?;
        let name = format!("{}.{part}", below.name());
        let received = below.layer()?.1.tensors.rounded(part);
        let received = received.ok_or_else(|| missing(&name, "the arriving gradient"))?;
        Ok((name, received))
    }

    /// That gradient as a form, its `(channel, t, b, position…)` mapped.
    pub fn sent_form(&self, map: &[DimMap]) -> Result<Linear, CompileError> {
        let (below, part) = self.arrives()?;
        let g = below.rounded(part, "the gradient of its output")?;
        Ok(Linear::zero().plus(1, g.q, map))
    }

    /// Its input, and what the gradient is called there that it sends.
    fn arrives(&self) -> Result<(Self, &'static str), CompileError> {
        let below = self.input()?;
        let part = self.graph.slot(self.id, below.id).and_then(|slot| ARRIVING.get(slot));
        let part = part.ok_or_else(|| differs(&below.name(), "the gradients that arrive"))?;
        Ok((below, part))
    }

    /// The domain `(channel, T, B, position…)` of a layer's values.
    pub fn domain(&self, layer: &Layer) -> Domain {
        Domain::new(&self.network.tensor(&layer.output))
    }

    /// What it puts out, its `(channel, t, b, position…)` mapped.
    pub fn value(&self, map: &[DimMap]) -> Result<Linear, CompileError> {
        self.operator().value(self, map)
    }

    /// The gradient with respect to what it puts out, its `(channel, t, b, position…)` mapped: the sum of what those
    /// send who take the values.
    pub fn gradient(&self, map: &[DimMap]) -> Result<Linear, CompileError> {
        let mut sum = Linear::zero();
        for consumer in self.consumers()? {
            sum = sum.plus_form(1, &consumer.operator().input_gradient(&consumer, map)?);
        }
        Ok(sum)
    }
}

/// What the names of a loss' tensors and constraints begin with.
pub(crate) const LOSS: &str = "loss";

/// What the names of a layer's tensors and constraints begin with.
pub(crate) fn layer_name(index: usize) -> String {
    format!("layer{index}")
}
