//! The relation of one training proof: `T` steps on one window.
//!
//! Rows, in order: the window's data, the parameters before, the optimizer's
//! state (with momentum), the function tables, the updates of each step, and
//! the rest of the trace.
//!
//! Dimensions of odd size come first, `T` and `B` (powers of two) after them,
//! so that nothing is stored for padding. Only parameters and updates, whose
//! rows are added up over steps and proofs, have the step outside.

use super::builder::{
    Builder, RoundedIds, TableKind, count_parts, next, place_tables, rounding_parts,
};
use super::dataset::{DatasetIds, constrain_data};
use super::draft::Draft;
use super::error::CompileError;
use super::gadgets::activation_table;
use super::layer::constrain_layer;
use super::loss::constrain_loss;
use crate::manifest::{Activation, Layer, Loss, Network, PROBABILITY_FRAC, RoundSpec};
use crate::relation::{Allocator, Group, Linear, Relation, TensorId};
use crate::size::Bounded;

/// The parameters of one layer.
#[derive(Clone, Debug)]
pub struct ParameterIds {
    /// Before the first step, `(1, n_in, n_out)` or `(1, n_out)`.
    pub before: TensorId,
    /// The previous proof's last update, with momentum.
    pub state: Option<TensorId>,
    /// The updates; `q` is `δ`, `(T, n_in, n_out)` or `(T, n_out)`.
    pub update: RoundedIds,
    /// The clipped gradient, with clipping.
    pub clip: Option<RoundedIds>,
}

/// The tensors of one linear layer and its activation.
#[derive(Clone, Debug)]
pub struct LayerIds {
    /// Output before the activation, `(n_out, T, B)`.
    pub z: RoundedIds,
    /// Activated output; none for the identity.
    pub a: Option<TensorId>,
    /// `[z < 0]`; ReLU only.
    pub negative: Option<TensorId>,
    /// Gradient that arrives at the activated output; none on the last layer.
    pub g: Option<RoundedIds>,
    /// Gradient with respect to `z` of a ReLU.
    pub d_relu: Option<TensorId>,
    /// Gradient with respect to `z` of a sigmoid or tanh.
    pub d: Option<RoundedIds>,
    /// Weights.
    pub w: ParameterIds,
    /// Biases.
    pub b: Option<ParameterIds>,
}

/// The tensors of the loss.
#[derive(Clone, Debug)]
pub enum LossIds {
    /// Softmax and cross entropy.
    Softmax {
        /// Row maxima, `(T, B)`.
        max: TensorId,
        /// One-hot of a maximum, `(n, T, B)`.
        at_max: TensorId,
        /// Terms, `(n, T, B)`.
        e: TensorId,
        /// Sums, `(T, B)`.
        sum: TensorId,
        /// Probabilities, `(n, T, B)`.
        p: TensorId,
        /// Residues, `(n, T, B)`.
        r: TensorId,
    },
    /// Sigmoid and binary cross entropy.
    Logistic {
        /// Probabilities, `(1, T, B)`.
        p: TensorId,
    },
    /// Half the squared error: nothing is committed.
    Mse,
}

/// Names of all tensors of a training proof.
#[derive(Clone, Debug)]
pub struct TrainingIds {
    /// Inputs, `(1, n, T, B)`.
    pub inputs: TensorId,
    /// Labels, `(1, classes, T, B)`.
    pub labels: TensorId,
    /// Layers.
    pub layers: Vec<LayerIds>,
    /// Loss.
    pub loss: LossIds,
    /// Function tables' values.
    pub tables: Vec<(TableKind, TensorId)>,
}

impl TrainingIds {
    /// Those of the window's data.
    pub fn data(&self) -> DatasetIds {
        DatasetIds { inputs: self.inputs, labels: self.labels }
    }
}

/// Names and sizes in a parameter block.
pub fn parameter_block(network: &Network) -> Vec<(String, Vec<usize>)> {
    let layers = network.layers.iter().enumerate();
    let tensors = layers.flat_map(|(l, layer)| {
        let w = (format!("layer{l}.w"), vec![layer.n_in, layer.n_out]);
        let b = layer.bias.then(|| (format!("layer{l}.b"), vec![layer.n_out]));
        core::iter::once(w).chain(b)
    });
    tensors.collect()
}

/// Names and sizes in one window of the dataset.
pub fn data_block(network: &Network) -> Vec<(String, Vec<usize>)> {
    let (t, b) = (network.steps, network.batch);
    vec![
        ("inputs".into(), vec![network.input, t, b]),
        ("labels".into(), vec![network.output(), t, b]),
    ]
}

/// The tables that a network needs.
pub fn table_kinds(network: &Network) -> Vec<TableKind> {
    let mut kinds = vec![TableKind::Range(16)];
    let mut add = |kind: TableKind| {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    for layer in &network.layers {
        if layer.activation == Activation::Relu {
            add(TableKind::Range(15));
        }
        if let Some(kind) = activation_table(layer) {
            add(kind);
        }
    }
    if let Some(last) = network.layers.last() {
        match network.loss {
            Loss::SoftmaxCrossEntropy => {
                add(TableKind::Exp { frac: last.z_frac, scale: network.exp_scale() });
            }
            Loss::Logistic => {
                add(TableKind::Sigmoid { frac: last.z_frac, out: PROBABILITY_FRAC });
            }
            Loss::Mse => {}
        }
    }
    kinds
}

/// The relation of one proof and the names of its tensors.
///
/// # Errors
/// If a constraint cannot be written: see [`CompileError`].
pub fn compile_training(network: &Bounded) -> Result<(Relation, TrainingIds), CompileError> {
    let (draft, ids) = draft_training(network)?;
    Ok((draft.finish()?, ids))
}

/// Everything but the list of rows.
pub(crate) fn draft_training(network: &Network) -> Result<(Draft, TrainingIds), CompileError> {
    let mut allocator = Allocator::new(network.row_log);
    let data = allocator.place_blocks(1, Group::Data, &data_block(network), None);
    let block = parameter_block(network);
    let before = allocator.place_blocks(1, |_| Group::Parameters, &renamed(&block, "before"), None);
    let state = if network.momentum {
        allocator.place_blocks(1, |_| Group::State, &renamed(&block, "state"), None)
    } else {
        Vec::new()
    };
    let kinds = table_kinds(network);
    let tables = place_tables(&mut allocator, &kinds)?;
    let (steps, wanted) = (network.steps, renamed(&block, "update.q"));
    let updates = allocator.place_blocks(steps, Group::Update, &wanted, Some("update.padding"));
    let (updates, padding) =
        updates.split_at_checked(block.len()).ok_or(CompileError::Exhausted)?;

    let mut parts = trace_parts(network);
    parts.extend(count_parts(&kinds));
    let mut ids = allocator.place(Group::Trace, &parts).into_iter();
    let layers = take_layers(network, &mut ids, [&before, &state, updates])?;
    let loss = take_loss(network, &mut ids)?;
    let counts: Vec<TensorId> = ids.collect();

    let named = tables.iter().filter_map(|(kind, id)| id.map(|id| (*kind, id))).collect();
    let DatasetIds { inputs, labels } = DatasetIds::of(&data)?;
    let ids = TrainingIds { inputs, labels, layers, loss, tables: named };
    let mut builder = Builder::new(tables);
    constrain_training(&mut builder, network, &ids)?;
    constrain_padding(&mut builder, &allocator, padding)?;
    constrain_data(&mut builder, network, 1, &ids.data())?;
    Ok((Draft { builder, allocator, counts }, ids))
}

/// All constraints of layers and loss.
pub(super) fn constrain_training(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
) -> Result<(), CompileError> {
    let (expected, got) = (network.layers.len(), ids.layers.len());
    if expected != got {
        return Err(CompileError::Tensors { part: "the layers", expected, got });
    }
    for index in 0..expected {
        constrain_layer(builder, network, ids, index)?;
    }
    constrain_loss(builder, network, ids)
}

/// Cells of the updates' rows that belong to no parameter are zero: the rows
/// commit to the update and to nothing else.
pub(super) fn constrain_padding(
    builder: &mut Builder,
    allocator: &Allocator,
    padding: &[TensorId],
) -> Result<(), CompileError> {
    for (k, id) in padding.iter().enumerate() {
        let name = format!("update.padding{k}");
        let Some(tensor) = allocator.tensors().get(id.0) else {
            return Err(CompileError::Missing { name, part: "the rest of a row" });
        };
        let form = Linear::tensor(*id, tensor.dims.len());
        builder.linear(name, tensor.domain(), form);
    }
    Ok(())
}

fn renamed(block: &[(String, Vec<usize>)], suffix: &str) -> Vec<(String, Vec<usize>)> {
    block.iter().map(|(name, sizes)| (format!("{name}.{suffix}"), sizes.clone())).collect()
}

/// Names and sizes of the trace's own tensors, in the order of [`take_layers`]
/// and [`take_loss`].
fn trace_parts(network: &Network) -> Vec<(String, Vec<usize>)> {
    let mut parts = Vec::new();
    for (l, layer) in network.layers.iter().enumerate() {
        layer_parts(&mut parts, network, l, layer);
    }
    let (t, b, n) = (network.steps, network.batch, network.output());
    let mut add = |name: &str, sizes: &[usize]| parts.push((name.to_string(), sizes.to_vec()));
    match network.loss {
        Loss::SoftmaxCrossEntropy => {
            add("loss.max", &[t, b]);
            add("loss.at_max", &[n, t, b]);
            add("loss.e", &[n, t, b]);
            add("loss.sum", &[t, b]);
            add("loss.p", &[n, t, b]);
            add("loss.r", &[n, t, b]);
        }
        Loss::Logistic => add("loss.p", &[n, t, b]),
        Loss::Mse => {}
    }
    parts
}

fn layer_parts(parts: &mut Vec<(String, Vec<usize>)>, network: &Network, l: usize, layer: &Layer) {
    let activations = [layer.n_out, network.steps, network.batch];
    let weights = [layer.n_in, network.steps, layer.n_out];
    let biases = [layer.n_out, network.steps];
    let name = |part: &str| format!("layer{l}.{part}");
    let rounded = |parts: &mut Vec<_>, part: &str, spec, sizes: &[usize]| {
        parts.push((name(&format!("{part}.q")), sizes.to_vec()));
        parts.extend(rounding_parts(&name(part), spec, sizes));
    };
    rounded(parts, "z", &layer.z, &activations);
    if layer.activation != Activation::Identity {
        parts.push((name("a"), activations.to_vec()));
    }
    if layer.activation == Activation::Relu {
        parts.push((name("negative"), activations.to_vec()));
        parts.push((name("d"), activations.to_vec()));
    }
    if let Some(spec) = &layer.g {
        rounded(parts, "g", spec, &activations);
    }
    if let Some(spec) = &layer.d {
        rounded(parts, "d", spec, &activations);
    }
    let parameters = [("w", &weights[..]), ("b", &biases[..])];
    for (kind, sizes) in parameters.into_iter().take(1 + usize::from(layer.bias)) {
        parts.extend(rounding_parts(&name(&format!("{kind}.update")), &layer.update, sizes));
        if let Some(spec) = &layer.clip {
            rounded(parts, &format!("{kind}.clip"), spec, sizes);
        }
    }
}

/// The layers' tensors; `blocks` are the parameters before, the state (with momentum) and the
/// updates, all in the order of [`parameter_block`].
fn take_layers(
    network: &Network,
    ids: &mut impl Iterator<Item = TensorId>,
    blocks: [&[TensorId]; 3],
) -> Result<Vec<LayerIds>, CompileError> {
    let mut blocks = blocks.map(|block| block.iter().copied());
    let mut layers = Vec::with_capacity(network.layers.len());
    for layer in &network.layers {
        layers.push(take_layer(network, layer, ids, &mut blocks)?);
    }
    match blocks.iter().map(|block| block.len()).find(|left| *left != 0) {
        Some(got) => Err(CompileError::Tensors { part: "parameters left", expected: 0, got }),
        None => Ok(layers),
    }
}

/// What [`parameter_block`] names, block by block.
type Blocks<'a> = [core::iter::Copied<core::slice::Iter<'a, TensorId>>; 3];

fn take_layer(
    network: &Network,
    layer: &Layer,
    ids: &mut impl Iterator<Item = TensorId>,
    blocks: &mut Blocks<'_>,
) -> Result<LayerIds, CompileError> {
    let z = take_rounded(&layer.z, ids)?;
    let (mut a, mut negative, mut d_relu) = (None, None, None);
    if layer.activation != Activation::Identity {
        a = Some(next(ids)?);
    }
    if layer.activation == Activation::Relu {
        (negative, d_relu) = (Some(next(ids)?), Some(next(ids)?));
    }
    let g = layer.g.as_ref().map(|spec| take_rounded(spec, ids)).transpose()?;
    let d = layer.d.as_ref().map(|spec| take_rounded(spec, ids)).transpose()?;
    let w = take_parameters(network, layer, ids, blocks)?;
    let b = if layer.bias { Some(take_parameters(network, layer, ids, blocks)?) } else { None };
    Ok(LayerIds { z, a, negative, g, d_relu, d, w, b })
}

fn take_parameters(
    network: &Network,
    layer: &Layer,
    ids: &mut impl Iterator<Item = TensorId>,
    [before, state, updates]: &mut Blocks<'_>,
) -> Result<ParameterIds, CompileError> {
    let update = RoundedIds::take(layer.update, next(updates)?, ids)?;
    let clip = layer.clip.as_ref().map(|spec| take_rounded(spec, ids)).transpose()?;
    let state = if network.momentum { Some(next(state)?) } else { None };
    Ok(ParameterIds { before: next(before)?, state, update, clip })
}

fn take_rounded(
    spec: &RoundSpec,
    ids: &mut impl Iterator<Item = TensorId>,
) -> Result<RoundedIds, CompileError> {
    let q = next(ids)?;
    RoundedIds::take(*spec, q, ids)
}

fn take_loss(
    network: &Network,
    ids: &mut impl Iterator<Item = TensorId>,
) -> Result<LossIds, CompileError> {
    Ok(match network.loss {
        Loss::SoftmaxCrossEntropy => LossIds::Softmax {
            max: next(ids)?,
            at_max: next(ids)?,
            e: next(ids)?,
            sum: next(ids)?,
            p: next(ids)?,
            r: next(ids)?,
        },
        Loss::Logistic => LossIds::Logistic { p: next(ids)? },
        Loss::Mse => LossIds::Mse,
    })
}
