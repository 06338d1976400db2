//! What a network can be made of. An operator is one file here, which holds all that there is to it:
//!
//! - **shapes and scales**: what it puts out for what goes in, and the roundings in between,
//! - **tensors**: what a proof commits to of it,
//! - **relations**: what has to hold of these tensors,
//! - **arithmetic**: the same integers, computed, forwards and backwards.
//!
//! `registry.rs` lists them. Compiler and trainer walk a [`Graph`](crate::graph::Graph) and call these
//! operators; they know none of them by name.
//!
//! An operator of a layer is a `Transform` or `Elementwise`. A transform begins a layer: it puts out
//! values `z` of 16 bits, and whatever stands behind it sends a gradient `g` of 16 bits back. An elementwise
//! operator follows it number by number and shares the layer's name, scales and tensors. A `LossFunction`
//! ends the graph.
//!
//! Tensors go by names that operators give them, from declaration to witness: nothing else knows which there
//! are. Those that several operators know are `z` and `g`.

mod adam;
mod add;
mod affine;
mod arithmetic;
mod attention;
mod avg_pool2d;
mod batch_norm;
mod conv2d;
mod gelu;
mod geometry;
mod input;
mod leaky_relu;
mod linear;
mod logistic;
mod loss;
mod max_pool2d;
mod moments;
mod mse;
mod optimizer;
mod parameterless;
mod pooling;
mod positions;
mod registry;
mod relu;
mod row_norm;
mod row_softmax;
mod scale;
mod sigmoid;
mod silu;
mod site;
mod smooth;
mod softmax;
mod tabulated;
mod tanh;

pub use adam::{Adam, AdamStep, ClockIds, GRADIENT_HI, MIN_RATE, MomentIds};
pub use arithmetic::{Operand, Pass, SavedTensors, TensorKernels, Untraced};
pub use attention::{Heads, score_factor};
pub use batch_norm::{GAIN_FRAC, Norm, Normed, SCALE_FRAC};
pub use moments::{MEAN_FRAC, Moments, SENT_FRAC};
pub use registry::{LayerKind, Loss};
pub use row_norm::{INVERSE_BITS, RowBounds};
pub use row_softmax::SoftmaxBounds;

pub(crate) use adam::PARTS;
pub(crate) use batch_norm::count as normed_count;
pub(crate) use input::Input;
use loss::{less_labels, looked_up, loss_layer, outputs_gradient};
pub(crate) use optimizer::Blocks;
pub use optimizer::LayerState;
pub use site::ARRIVING;
pub(crate) use site::{LOSS, Site, layer_name};

use crate::compile::{
    CompileError, Declaration, ParameterIds, PointwiseBuilder, RelationBuilder, TableKind,
};
use crate::graph::NodeKind;
use crate::manifest::{
    Activation, Arriving, Consumers, Features, Layer, LayerQuantization, LayerSpec, Lowering,
    ManifestError, ManifestErrorKind, Network, RoundSpec, Shape,
};
use crate::relation::{DimMap, Linear};
use crate::trace::{LayerParameters, LayerTrace, Record};

/// The gradient that an operator sends to the layers whose values it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    /// A tensor of rounded numbers.
    Rounded,
    /// A tensor of numbers that its own constraints determine.
    Determined,
    /// A form of tensors that there are: none of its own.
    Form,
}

/// The size of that gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sent {
    /// It is a tensor, of numbers rounded like this.
    Tensor(RoundSpec),
    /// It is none, and has numbers up to this magnitude.
    Form(i64),
}

/// What every node of a graph has: a place in the relation.
pub(crate) trait Operator: Sync {
    /// What it puts out as a form, its `(channel, t, b, position…)` mapped.
    fn value(&self, site: &Site<'_>, _map: &[DimMap]) -> Result<Linear, CompileError> {
        Err(site::missing(&site.name(), "what it puts out"))
    }

    /// The loss' gradient with respect to what it takes as a form, its `(channel, t, b, position…)` mapped.
    fn input_gradient(&self, site: &Site<'_>, _map: &[DimMap]) -> Result<Linear, CompileError> {
        Err(site::missing(&site.name(), "the gradient of its input"))
    }

    /// Whether its constraints hold its input within 16 bits.
    fn bounds_input(&self) -> bool {
        false
    }

    /// What it sends to the layers before it.
    fn sends_as(&self) -> Sends {
        Sends::Rounded
    }

    /// The table that it looks values up in, beside the one of 16 bits. `layer` is the operator's; the
    /// loss is given the last one.
    fn table(&self, _network: &Network, _layer: &Layer) -> Option<TableKind> {
        None
    }

    /// The table that it looks its derivative up in, if the value does not tell that.
    fn derivative_table(&self, _network: &Network, _layer: &Layer) -> Option<TableKind> {
        None
    }

    // None of these four has a default: an operator that forgot one would have tensors that nothing
    // constrains. One that has nothing to say there says so.

    /// How what it puts out comes about. All that there is to say of a loss.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError>;

    /// How the gradient comes about that it sends to the layer that the site says: once for each whose values
    /// it takes.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError>;

    /// What holds of each number that it puts out; `pointwise` is shared by a layer.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError>;

    /// How its parameters change.
    fn parameters(
        &self,
        builder: &mut RelationBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError>;
}

/// The integers of a layer's operator, computed. [`LayerKind`] has the same for any of them.
pub(crate) trait Arithmetic {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced>;

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced>;

    fn update<K: TensorKernels>(
        &self,
        _pass: &Pass<'_, K>,
        _state: &LayerState<'_>,
        _kept: &SavedTensors<K::Matrix>,
        _trace: &mut LayerTrace,
    ) -> Result<Option<LayerParameters>, Untraced> {
        Ok(None)
    }
}

/// Fractional bits of values, and their largest magnitude.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub frac: u32,
    pub max: i64,
}

/// An operator that begins a layer.
pub(crate) trait Transform: Operator {
    /// What it makes of its input.
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError>;

    /// Whether it takes the values of two layers.
    fn takes_two(&self) -> bool {
        false
    }

    /// What it makes of the values of two layers. One that takes those of one is not asked.
    fn shape_of_two(
        &self,
        field: &str,
        spec: &LayerSpec,
        [first, _]: [&Features; 2],
    ) -> Result<Shape, ManifestError> {
        self.shape(field, spec, first)
    }

    /// Scales and roundings of layer `l`. `scales` are those of what it takes, and the fractional bits
    /// of what leaves the layer; `above` are the layers that take it.
    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        scales: (Scale, u32),
        above: &Consumers<'_>,
    ) -> Result<Layer, ManifestError>;

    /// The gradient, with `frac` fractional bits, that this layer sends to the layer `to`, whose values it takes; `field`
    /// is to blame.
    fn sends(
        &self,
        lowering: &Lowering<'_>,
        layer: &Layer,
        to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError>;

    /// Its tensors, `z` among them.
    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError>;

    /// Its parameters and their sizes, in the order in which they are committed to.
    fn block(&self, _layer: &Layer) -> Vec<(&'static str, Vec<usize>)> {
        Vec::new()
    }

    /// The tensors of its parameters: weights and biases.
    fn learns(
        &self,
        _layer: &Layer,
        _own: &mut Declaration<'_>,
        _blocks: &mut Blocks<'_>,
    ) -> Result<(Option<ParameterIds>, Option<ParameterIds>), CompileError> {
        Ok((None, None))
    }

    /// The tensors of what it keeps of its values from step to step.
    fn tracks(
        &self,
        _layer: &Layer,
        _own: &mut Declaration<'_>,
        _blocks: &mut Blocks<'_>,
    ) -> Result<Option<ParameterIds>, CompileError> {
        Ok(None)
    }
}

/// An operator that follows a transform, number by number.
pub(crate) trait Elementwise: Operator {
    /// What networks call it; `spec` is its entry in the manifest, `field` the entry's name.
    fn activation(&self, field: &str, spec: &LayerSpec) -> Result<Activation, ManifestError>;

    /// The scale of what it puts out.
    fn scale(&self, q: &LayerQuantization) -> Result<Scale, ManifestErrorKind>;

    /// The rounding of its derivative times what arrives, and the fractional bits of that; what arrives has `frac`.
    fn derivative(
        &self,
        _field: &str,
        _arriving: Arriving,
        _a_frac: u32,
        frac: u32,
    ) -> Result<(Option<RoundSpec>, u32), ManifestError> {
        Ok((None, frac))
    }

    /// Its tensors that lie before those of the gradient that arrives.
    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError>;

    /// Its tensors that lie behind those.
    fn declare_backward(
        &self,
        _layer: &Layer,
        _own: &mut Declaration<'_>,
    ) -> Result<(), CompileError> {
        Ok(())
    }
}

/// What a graph ends with.
pub(crate) trait LossFunction: Operator {
    /// Outputs for so many classes, and what they have to match.
    fn outputs(&self, classes: usize) -> Result<(usize, &'static str), ManifestError>;

    /// Whether labels of classes are one-hot rows.
    fn one_hot(&self) -> bool {
        true
    }

    /// Whether labels can have weights.
    fn weighs(&self) -> bool {
        false
    }

    /// Whether labels can be numbers.
    fn takes_targets(&self) -> bool {
        false
    }

    /// The scale of its gradient where outputs have `z_frac` fractional bits.
    fn scale(&self, z_frac: u32) -> Scale;

    /// The most fractional bits that outputs may have, if that is less than a layer's.
    fn most_bits(&self, _classes: bool) -> Option<i64> {
        None
    }

    /// What a label's entry is multiplied with in the gradient.
    fn label_scale(&self, one_hot: bool, z_frac: u32) -> i64;

    /// Its tensors; none of the squared error, whose gradient is a form of outputs and labels.
    fn declare(&self, own: &mut Declaration<'_>) -> Result<(), CompileError>;

    /// Appends what comes of the outputs `z` of a step to the trace and returns `D = p − scale·y`; `None` if
    /// the trace is another loss'.
    fn gradient(
        &self,
        network: &Network,
        table: &[i32],
        z: &[i32],
        y: &[i32],
        trace: &mut Record,
    ) -> Option<Vec<i32>>;
}

/// What an operator is to a graph.
pub(crate) enum Role {
    /// Begins a layer.
    Transform(&'static dyn Transform),
    /// Follows number by number.
    Elementwise(&'static dyn Elementwise),
}

impl LayerKind {
    /// What it has in common with all operators.
    pub(crate) fn operator(self) -> &'static dyn Operator {
        match self.role() {
            Role::Transform(operator) => operator,
            Role::Elementwise(operator) => operator,
        }
    }

    /// Whether it has weights for each channel that meet no other one.
    pub(crate) fn is_by_channel(self) -> bool {
        matches!(self, Self::DepthwiseConv2d | Self::Scale)
    }

    /// Whether it begins a layer; else it follows one number by number.
    pub fn begins_layer(self) -> bool {
        self.transform().is_some()
    }

    /// As an operator that begins a layer.
    pub(crate) fn transform(self) -> Option<&'static dyn Transform> {
        match self.role() {
            Role::Transform(operator) => Some(operator),
            Role::Elementwise(_) => None,
        }
    }

    /// As an operator that follows one.
    pub(crate) fn elementwise(self) -> Option<&'static dyn Elementwise> {
        match self.role() {
            Role::Transform(_) => None,
            Role::Elementwise(operator) => Some(operator),
        }
    }

    /// The values of its function table in a layer, those of its derivative's table behind them; empty if it has
    /// none.
    pub fn table(self, network: &Network, layer: &Layer) -> Vec<i32> {
        let mut all = values(self.operator().table(network, layer));
        all.extend(values(self.operator().derivative_table(network, layer)));
        all
    }
}

impl NodeKind {
    /// The node's operator.
    pub(crate) fn operator(self) -> &'static dyn Operator {
        match self {
            Self::Input => &Input,
            Self::Layer { kind, .. } => kind.operator(),
            Self::Loss(loss) => loss.operator(),
        }
    }
}

impl Loss {
    /// What it has in common with all operators.
    pub(crate) fn operator(self) -> &'static dyn Operator {
        self.function()
    }

    /// The values of its function table; empty if it has none.
    pub fn table(self, network: &Network) -> Vec<i32> {
        let last = network.layers.last();
        values(last.and_then(|last| self.function().table(network, last)))
    }

    /// Appends the outputs `z` of a step to the trace and returns the gradient with respect to them;
    /// `None` if the trace is another loss'. `table` is [`Self::table`].
    pub fn gradient(
        self,
        network: &Network,
        table: &[i32],
        z: &[i32],
        y: &[i32],
        trace: &mut Record,
    ) -> Option<Vec<i32>> {
        self.function().gradient(network, table, z, y, trace)
    }
}

/// Empty for an operator that looks nothing up. Only what is trained depends on this: what is proven
/// has its table from the relation.
fn values(kind: Option<TableKind>) -> Vec<i32> {
    kind.and_then(TableKind::values).unwrap_or_default()
}
