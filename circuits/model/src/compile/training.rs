//! The relation of one training proof: `T` steps on one window.
//!
//! Rows, in order: the window's data, the parameters before, the optimizer's
//! state (with momentum or Adam), the function tables, the updates of each step with
//! Adam's moments behind them, and the rest of the trace.
//!
//! Dimensions of odd size come first, `T` and `B` (powers of two) after them,
//! so that nothing is stored for padding. Only parameters and updates, whose
//! rows are added up over steps and proofs, have the step outside.

use super::builder::{
    PointwiseBuilder, RelationBuilder, RoundedIds, TableKind, axes, count_parts, next, place_tables,
};
use super::dataset::{DatasetIds, constrain_data};
use super::draft::Draft;
use super::error::CompileError;
use super::gadgets::{Bound, constrain_rounding};
use super::slots::{Declaration, Slots};
use super::tensors::Tensors;
use crate::graph::{Graph, NodeKind};
use crate::manifest::{Layer, Network};
use crate::operators::{
    ARRIVING, Blocks, ClockIds, LOSS, MomentIds, PARTS, Sends, Site, Transform, layer_name,
};
use crate::relation::{Allocator, Group, Linear, Relation, TensorId};
use crate::size::Bounded;

/// The parameters of one layer.
#[derive(Clone)]
pub struct ParameterIds {
    /// Before the first step, `(1, row…, n_out)` or `(1, n_out)`.
    pub before: TensorId,
    /// The previous proof's last update, with momentum.
    pub state: Option<TensorId>,
    /// The updates; `q` is `δ`, `(T, row…, n_out)` or `(T, n_out)`.
    pub update: RoundedIds,
    /// The clipped gradient, with clipping.
    pub clip: Option<RoundedIds>,
    /// Its moments, with Adam.
    pub moments: Option<MomentIds>,
}

/// Moments only where there are some: digests of other relations are what they were before there were any.
impl core::fmt::Debug for ParameterIds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { before, state, update, clip, moments } = self;
        let mut all = f.debug_struct("ParameterIds");
        all.field("before", before).field("state", state).field("update", update);
        all.field("clip", clip);
        if let Some(moments) = moments {
            all.field("moments", moments);
        }
        all.finish()
    }
}

/// The tensors of one layer.
#[derive(Clone)]
pub struct LayerIds {
    /// Its operators' own, by the names that these give them.
    pub tensors: Slots,
    /// Weights; none of a layer without parameters.
    pub w: Option<ParameterIds>,
    /// Biases.
    pub b: Option<ParameterIds>,
    /// Running statistics, `(2, n_out)`.
    pub s: Option<ParameterIds>,
}

/// Statistics only where there are some: digests of other relations are what they were before there were any.
impl core::fmt::Debug for LayerIds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { tensors, w, b, s } = self;
        let mut all = f.debug_struct("LayerIds");
        all.field("tensors", tensors).field("w", w).field("b", b);
        if let Some(s) = s {
            all.field("s", s);
        }
        all.finish()
    }
}

/// Names of all tensors of a training proof.
#[derive(Clone)]
pub struct TrainingIds {
    /// Inputs, `(1, channels, T, B)`, and `(…, height, width)` of images.
    pub inputs: TensorId,
    /// Labels, `(1, classes, T, B)`, and `(…, height, width)` where each position has one.
    pub labels: TensorId,
    /// Layers.
    pub layers: Vec<LayerIds>,
    /// The loss' own, by the names that it gives them.
    pub loss: Slots,
    /// Function tables' values.
    pub tables: Vec<(TableKind, TensorId)>,
    /// The clock and the rates, with Adam.
    pub clock: Option<ClockIds>,
}

/// A clock only where there is one: digests of other relations are what they were before there were any.
impl core::fmt::Debug for TrainingIds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { inputs, labels, layers, loss, tables, clock } = self;
        let mut all = f.debug_struct("TrainingIds");
        all.field("inputs", inputs).field("labels", labels).field("layers", layers);
        all.field("loss", loss).field("tables", tables);
        if let Some(clock) = clock {
            all.field("clock", clock);
        }
        all.finish()
    }
}

impl TrainingIds {
    /// All parameters, in the order of [`parameter_block`].
    pub fn parameters(&self) -> impl Iterator<Item = &ParameterIds> {
        self.layers.iter().flat_map(|layer| layer.w.iter().chain(&layer.b).chain(&layer.s))
    }

    /// Those of the window's data.
    pub fn data(&self) -> DatasetIds {
        DatasetIds { inputs: self.inputs, labels: self.labels }
    }
}

/// Names and sizes in a parameter block.
///
/// # Errors
/// If a layer does not begin with an operator that transforms its input.
pub fn parameter_block(network: &Network) -> Result<Vec<(String, Vec<usize>)>, CompileError> {
    let mut block = Vec::new();
    for (l, layer) in network.layers.iter().enumerate() {
        let name = layer_name(l);
        let parts = transform(layer, &name)?.block(layer).into_iter();
        block.extend(parts.map(|(part, sizes)| (format!("{name}.{part}"), sizes)));
    }
    Ok(block)
}

/// Names and sizes of Adam's moments, and behind them the clock; nothing with another rule.
///
/// # Errors
/// As [`parameter_block`].
pub fn moment_block(network: &Network) -> Result<Vec<(String, Vec<usize>)>, CompileError> {
    let mut block = Vec::new();
    if network.adam.is_none() {
        return Ok(block);
    }
    for (l, layer) in network.layers.iter().enumerate() {
        let name = layer_name(l);
        let learned = transform(layer, &name)?.block(layer).into_iter();
        // What is tracked has no gradient.
        for (part, sizes) in learned.filter(|(part, _)| *part != "s") {
            let of = |moment: &&str| (format!("{name}.{part}.{moment}"), sizes.clone());
            block.extend(PARTS.iter().map(of));
        }
    }
    block.push(("clock".into(), vec![1]));
    Ok(block)
}

/// The operator that a layer begins with.
fn transform(layer: &Layer, name: &str) -> Result<&'static dyn Transform, CompileError> {
    let part = "the operator that it begins with";
    layer.kind.transform().ok_or_else(|| CompileError::Differs { name: name.to_owned(), part })
}

/// Names and sizes in one window of the dataset.
pub fn data_block(network: &Network) -> Vec<(String, Vec<usize>)> {
    vec![
        ("inputs".into(), network.tensor(&network.features)),
        ("labels".into(), network.tensor(&network.labels())),
    ]
}

/// The tables that a network needs.
pub fn table_kinds(network: &Network, graph: &Graph) -> Vec<TableKind> {
    let mut kinds = vec![TableKind::Range(16)];
    for (_, node) in graph.nodes() {
        let layer = match node.layer() {
            Some(layer) => network.layers.get(layer),
            None => network.layers.last(),
        };
        let operator = node.kind.operator();
        let asked = layer.map(|layer| {
            [operator.table(network, layer), operator.derivative_table(network, layer)]
        });
        for kind in asked.into_iter().flatten().flatten() {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    if let Some(adam) = &network.adam {
        kinds.extend([adam.table(), TableKind::Rates(adam.rates)]);
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
    let graph = Graph::of(network)?;
    let mut allocator = Allocator::new(network.row_log);
    let data = allocator.place_blocks(1, Group::Data, &data_block(network), None);
    let block = parameter_block(network)?;
    let before = allocator.place_blocks(1, |_| Group::Parameters, &renamed(&block, "before"), None);
    let moments = moment_block(network)?;
    let mut state_of = |block: &[(String, Vec<usize>)]| {
        allocator.place_blocks(1, |_| Group::State, &renamed(block, "state"), None)
    };
    let state = if network.momentum { state_of(&block) } else { Vec::new() };
    let moments_before = if moments.is_empty() { Vec::new() } else { state_of(&moments) };
    let kinds = table_kinds(network, &graph);
    let tables = place_tables(&mut allocator, &kinds)?;
    let (steps, wanted) = (network.steps, renamed(&block, "update.q"));
    let updates = allocator.place_blocks(steps, Group::Update, &wanted, Some("update.padding"));
    let (updates, padding) =
        updates.split_at_checked(block.len()).ok_or(CompileError::Exhausted)?;
    let moments_after = place_moments(&mut allocator, steps, &moments);
    let (moments_after, beside) =
        moments_after.split_at_checked(moments.len()).ok_or(CompileError::Exhausted)?;

    let blocks = [&before[..], &state, updates, &moments_before, moments_after];
    let mut listed = Tensors::none();
    declare(network, &mut listed, blocks)?;
    let mut placed = listed.place(&mut allocator, Group::Trace, count_parts(&kinds))?;
    let (layers, loss, clock) = declare(network, &mut placed, blocks)?;
    let counts = placed.left();

    let named = tables.iter().filter_map(|(kind, id)| id.map(|id| (*kind, id))).collect();
    let DatasetIds { inputs, labels } = DatasetIds::of(&data)?;
    let ids = TrainingIds { inputs, labels, layers, loss, tables: named, clock };
    let mut builder = RelationBuilder::new(tables);
    constrain_training(&mut builder, network, &graph, &ids)?;
    constrain_padding(&mut builder, &allocator, "update", padding)?;
    constrain_padding(&mut builder, &allocator, "moments", beside)?;
    constrain_data(&mut builder, network, 1, &ids.data())?;
    Ok((Draft { builder, allocator, counts }, ids))
}

/// All constraints of layers and loss.
pub(super) fn constrain_training(
    builder: &mut RelationBuilder,
    network: &Network,
    graph: &Graph,
    ids: &TrainingIds,
) -> Result<(), CompileError> {
    let (expected, got) = (network.layers.len(), ids.layers.len());
    if expected != got {
        return Err(CompileError::Tensors { part: "the layers", expected, got });
    }
    for index in 0..expected {
        let sites = graph.layer(index).map(|id| Site::new(network, graph, ids, id));
        constrain_layer(builder, &sites.collect::<Result<Vec<_>, _>>()?)?;
    }
    let losses = graph.nodes().filter(|(_, node)| matches!(node.kind, NodeKind::Loss(_)));
    for (id, _) in losses {
        let site = Site::new(network, graph, ids, id)?;
        site.operator().forward(builder, &site)?;
    }
    ids.clock.as_ref().map_or(Ok(()), |clock| clock.constrain(builder, network))
}

/// The moments after each step, and the rest of their rows; nothing if there are none.
fn place_moments(
    allocator: &mut Allocator,
    steps: usize,
    moments: &[(String, Vec<usize>)],
) -> Vec<TensorId> {
    match moments {
        [] => Vec::new(),
        all => allocator.place_blocks(steps, Group::Update, all, Some("moments.padding")),
    }
}

/// All constraints of a layer's operators: what they put out, the gradient that arrives there, what
/// holds number by number, and how parameters change.
fn constrain_layer(builder: &mut RelationBuilder, sites: &[Site<'_>]) -> Result<(), CompileError> {
    let (Some(first), Some(last)) = (sites.first(), sites.last()) else {
        return Err(CompileError::Missing { name: "the graph".into(), part: "a layer's nodes" });
    };
    for site in sites {
        site.operator().forward(builder, site)?;
    }
    let consumers = last.consumers()?;
    for consumer in &consumers {
        consumer.operator().backward(builder, consumer)?;
    }

    let domain = first.domain(first.layer()?.0);
    let mut pointwise = PointwiseBuilder::new(domain.clone());
    first.operator().pointwise(builder, &mut pointwise, first)?;
    for consumer in consumers.iter().filter(|c| c.operator().sends_as() == Sends::Rounded) {
        let (name, g) = consumer.sent()?;
        let dims = axes(domain.axes.len());
        constrain_rounding(builder, &mut pointwise, &name, &domain, g, &dims, Bound::Here)?;
    }
    for site in sites.iter().skip(1) {
        site.operator().pointwise(builder, &mut pointwise, site)?;
    }
    builder.pointwise(pointwise);
    for site in sites {
        site.operator().parameters(builder, site)?;
    }
    Ok(())
}

/// Cells of the updates' rows that belong to no parameter are zero: the rows
/// commit to the update and to nothing else.
pub(super) fn constrain_padding(
    builder: &mut RelationBuilder,
    allocator: &Allocator,
    block: &str,
    padding: &[TensorId],
) -> Result<(), CompileError> {
    for (k, id) in padding.iter().enumerate() {
        let name = format!("{block}.padding{k}");
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

/// The trace's own tensors, in their order; `blocks` are the parameters before, the state (with
/// momentum) and the updates, all in the order of [`parameter_block`], and the moments before and after, in the order of
/// [`moment_block`].
fn declare(
    network: &Network,
    tensors: &mut Tensors,
    blocks: [&[TensorId]; 5],
) -> Result<(Vec<LayerIds>, Slots, Option<ClockIds>), CompileError> {
    let [before, state, updates, first, second] = blocks.map(|block| block.iter().copied());
    let mut blocks = Blocks { before, state, updates, moments: [first, second] };
    let mut layers = Vec::with_capacity(network.layers.len());
    for (index, layer) in network.layers.iter().enumerate() {
        layers.push(declare_layer(network, index, layer, tensors, &mut blocks)?);
    }
    let mut loss = Declaration::new(network, LOSS, tensors);
    network.loss.function().declare(&mut loss)?;
    let loss = loss.slots();
    let Blocks { before, state, updates, moments: [mut first, mut second] } = blocks;
    let clock = match network.adam {
        Some(_) => Some(ClockIds {
            before: next(&mut first)?,
            after: next(&mut second)?,
            rate: tensors.plain("rate".into(), &[network.steps])?,
        }),
        None => None,
    };
    let left = [before, state, updates, first, second].map(|block| block.len());
    if let Some(got) = left.into_iter().find(|left| *left != 0) {
        return Err(CompileError::Tensors { part: "parameters left", expected: 0, got });
    }
    Ok((layers, loss, clock))
}

fn declare_layer(
    network: &Network,
    index: usize,
    layer: &Layer,
    tensors: &mut Tensors,
    blocks: &mut Blocks<'_>,
) -> Result<LayerIds, CompileError> {
    let name = layer_name(index);
    let transform = transform(layer, &name)?;
    let follower = layer.activation.kind().and_then(|kind| kind.elementwise());
    let mut own = Declaration::new(network, &name, tensors);
    transform.declare(layer, &mut own)?;
    if let Some(follower) = follower {
        follower.declare(layer, &mut own)?;
    }
    if layer.g.len() > ARRIVING.len() {
        return Err(CompileError::Differs { name, part: "the gradients that arrive" });
    }
    for (part, g) in ARRIVING.iter().zip(&layer.g) {
        own.rounded(part, g, &layer.output)?;
    }
    if let Some(follower) = follower {
        follower.declare_backward(layer, &mut own)?;
    }
    let (w, b) = transform.learns(layer, &mut own, blocks)?;
    let s = transform.tracks(layer, &mut own, blocks)?;
    Ok(LayerIds { tensors: own.slots(), w, b, s })
}
