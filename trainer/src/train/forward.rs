//! The forward pass, shared by training and evaluation.

use zktrain_model::graph::{Graph, GraphError, NodeId, NodeKind};
use zktrain_model::manifest::Network;
use zktrain_model::operators::{LayerKind, Pass, SavedTensors};
use zktrain_model::trace::{LayerTrace, Parameters};

use super::error::TrainError;
use super::kernels::Parallel;
use super::product::Matrix;

/// A network's graph and its operators' function tables.
#[derive(Debug, Clone)]
pub struct Forward {
    network: Network,
    graph: Graph,
    /// By node.
    tables: Vec<Vec<i32>>,
}

/// An operator of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operator<'a> {
    pub id: NodeId,
    pub kind: LayerKind,
    pub layer: usize,
    /// Whose values it takes.
    pub inputs: &'a [NodeId],
}

/// The values at hand when an operator has its turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    /// The window's inputs.
    pub inputs: &'a [i32],
    /// What nodes have put out, by node.
    pub nodes: &'a [Vec<i32>],
}

/// Samples that go through the network together, and the step that they are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub step: usize,
    pub steps: usize,
    pub samples: usize,
    /// Whether this is a step of training; else values are only computed.
    pub training: bool,
}

impl Forward {
    /// Computes the function tables of `network`.
    ///
    /// # Errors
    /// If its layers are no graph: no manifest lowers to such.
    pub fn new(network: &Network) -> Result<Self, GraphError> {
        let graph = Graph::of(network)?;
        let tables = graph.nodes().map(|(_, node)| match node.kind {
            NodeKind::Input => Vec::new(),
            NodeKind::Layer { kind, layer } => kind.table(network, &network.layers[layer]),
            NodeKind::Loss(loss) => loss.table(network),
        });
        Ok(Self { network: network.clone(), tables: tables.collect(), graph })
    }

    /// The layers' operators, in topological order.
    pub(super) fn operators(&self) -> impl DoubleEndedIterator<Item = Operator<'_>> + '_ {
        self.graph.nodes().filter_map(|(id, node)| match node.kind {
            NodeKind::Layer { kind, layer } => {
                Some(Operator { id, kind, layer, inputs: &node.inputs })
            }
            NodeKind::Input | NodeKind::Loss(_) => None,
        })
    }

    /// What a node has put out; nothing yet of one behind.
    fn values<'v>(&self, id: NodeId, values: Values<'v>) -> &'v [i32] {
        match self.graph.node(id).map(|node| node.kind) {
            Some(NodeKind::Input) => values.inputs,
            _ => values.nodes.get(id.0).map_or(&[], Vec::as_slice),
        }
    }

    /// What the loss takes, and its table.
    pub(super) fn loss(&self) -> Option<(NodeId, &[i32])> {
        let losses = self.graph.nodes().filter(|(_, node)| matches!(node.kind, NodeKind::Loss(_)));
        let mut found = losses.filter_map(|(id, node)| Some((*node.inputs.first()?, id)));
        found.next().map(|(input, id)| (input, &self.tables[id.0][..]))
    }

    /// Nodes of the graph.
    pub(super) fn len(&self) -> usize {
        self.tables.len()
    }

    /// One operator's turn, between it and one of its inputs.
    pub(super) fn pass<'a>(
        &'a self,
        operator: Operator<'_>,
        input: Option<NodeId>,
        with: &'a [i32],
        parameters: &'a Parameters,
        Turn { step, steps, samples, training }: Turn,
    ) -> Pass<'a, Parallel> {
        let Operator { id, layer: index, .. } = operator;
        let below = input.and_then(|input| self.graph.node(input));
        let slot = input.and_then(|input| self.graph.slot(id, input));
        Pass {
            kernels: &Parallel,
            network: &self.network,
            layer: &self.network.layers[index],
            below: below.and_then(|node| node.layer()),
            // One who has no tensor for the gradient that it sends does not ask where that is.
            slot: slot.unwrap_or(usize::MAX),
            with,
            index,
            parameters: &parameters.layers[index],
            table: &self.tables[id.0],
            step,
            steps,
            samples,
            training,
        }
    }

    /// What every node puts out, traced; `traces` has one entry a layer.
    pub(super) fn run(
        &self,
        parameters: &Parameters,
        inputs: &[i32],
        turn: Turn,
        kept: &mut [SavedTensors<Matrix>],
        traces: &mut [LayerTrace],
    ) -> Result<Vec<Vec<i32>>, TrainError> {
        let mut values: Vec<Vec<i32>> = vec![Vec::new(); self.len()];
        for operator in self.operators() {
            let Operator { id, kind, layer, inputs: from } = operator;
            let now = Values { inputs, nodes: &values };
            let taken = |port: usize| from.get(port).map_or(&[][..], |id| self.values(*id, now));
            let pass = self.pass(operator, from.first().copied(), taken(1), parameters, turn);
            let out = kind.forward(&pass, taken(0), &mut kept[id.0], &mut traces[layer])?;
            values[id.0] = out;
        }
        Ok(values)
    }

    /// What the loss is given, `(rows, output)`, for `inputs` of `rows` samples.
    ///
    /// Parameters must have the network's shape and be within its bounds.
    pub(crate) fn outputs(
        &self,
        parameters: &Parameters,
        inputs: &[i16],
        rows: usize,
    ) -> Result<Vec<i32>, TrainError> {
        let inputs: Vec<i32> = inputs.iter().map(|x| i32::from(*x)).collect();
        let mut traces = vec![LayerTrace::default(); self.network.layers.len()];
        let mut kept: Vec<SavedTensors<Matrix>> =
            (0..self.len()).map(|_| SavedTensors::default()).collect();
        let turn = Turn { step: 0, steps: 1, samples: rows, training: false };
        let mut values = self.run(parameters, &inputs, turn, &mut kept, &mut traces)?;
        let last = self.loss().and_then(|(input, _)| values.get_mut(input.0));
        Ok(last.map(std::mem::take).unwrap_or_default())
    }
}
