//! The forward pass, shared by training and evaluation.

use zktrain_model::graph::{Graph, NodeId, NodeKind};
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
pub(super) struct Operator {
    pub id: NodeId,
    pub kind: LayerKind,
    pub layer: usize,
    /// Whose values it takes.
    pub input: NodeId,
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
    pub fn new(network: &Network) -> Self {
        let graph = Graph::of(network);
        let tables = graph.nodes().map(|(_, node)| match node.kind {
            NodeKind::Input => Vec::new(),
            NodeKind::Layer { kind, layer } => kind.table(network, &network.layers[layer]),
            NodeKind::Loss(loss) => loss.table(network),
        });
        Self { network: network.clone(), tables: tables.collect(), graph }
    }

    /// The layers' operators, in topological order.
    pub(super) fn operators(&self) -> impl DoubleEndedIterator<Item = Operator> + '_ {
        self.graph.nodes().filter_map(|(id, node)| match (node.kind, node.inputs.as_slice()) {
            (NodeKind::Layer { kind, layer }, [input, ..]) => {
                Some(Operator { id, kind, layer, input: *input })
            }
            _ => None,
        })
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

    /// One operator's turn.
    pub(super) fn pass<'a>(
        &'a self,
        operator: Operator,
        parameters: &'a Parameters,
        Turn { step, steps, samples, training }: Turn,
    ) -> Pass<'a, Parallel> {
        let Operator { id, layer: index, input, .. } = operator;
        Pass {
            kernels: &Parallel,
            network: &self.network,
            layer: &self.network.layers[index],
            below: self.graph.node(input).and_then(|node| node.layer()),
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
            let Operator { id, kind, layer, input } = operator;
            let pass = self.pass(operator, parameters, turn);
            let taken = match self.graph.node(input).map(|node| node.kind) {
                Some(NodeKind::Input) => inputs,
                _ => &values[input.0][..],
            };
            let out = kind.forward(&pass, taken, &mut kept[id.0], &mut traces[layer])?;
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
