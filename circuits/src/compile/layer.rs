//! One linear layer, its activation, its gradients and its update.

use super::builder::{Builder, Pointwise, TableKind, axes, real_positions};
use super::gadgets::{Bound, activation_table, constrain_rounding, offset_key};
use super::training::{LayerIds, LossIds, ParameterIds, TrainingIds};
use crate::manifest::{Activation, Layer, Network};
use crate::relation::{Axis, AxisFactor, DimMap, Domain, Linear, Product};

/// All constraints of layer `index`.
pub fn constrain_layer(builder: &mut Builder, network: &Network, ids: &TrainingIds, index: usize) {
    let (Some(layer), Some(own)) = (network.layers.get(index), ids.layers.get(index)) else {
        return;
    };
    let domain = Domain::new(&[layer.n_out, network.steps, network.batch]);
    let name = format!("layer{index}");
    forward(builder, network, ids, index, layer, own);
    backward(builder, network, ids, index);

    let mut pointwise = Pointwise::new(domain.clone());
    let bound = match layer.activation {
        Activation::Identity => Bound::Here,
        _ => Bound::Elsewhere,
    };
    let bound = if is_logistic(ids, index) { Bound::Elsewhere } else { bound };
    let dims = axes(3);
    let z = format!("{name}.z");
    constrain_rounding(builder, &mut pointwise, &z, &domain, &own.z, &dims, bound);
    if let Some(g) = &own.g {
        let name = format!("{name}.g");
        constrain_rounding(builder, &mut pointwise, &name, &domain, g, &dims, Bound::Here);
    }
    match layer.activation {
        Activation::Relu => relu(builder, &mut pointwise, &name, &domain, own),
        Activation::Sigmoid | Activation::Tanh => {
            smooth(builder, &mut pointwise, &name, &domain, layer, own);
        }
        Activation::Identity => {}
    }
    builder.pointwise(pointwise);
    gradient(builder, network, ids, index, layer);
}

fn is_logistic(ids: &TrainingIds, index: usize) -> bool {
    index + 1 == ids.layers.len() && matches!(ids.loss, LossIds::Logistic { .. })
}

/// The input activation of a layer, its `(n, t, b)` mapped to axes.
pub fn activation_form(ids: &TrainingIds, index: usize, map: [usize; 3]) -> Linear {
    let map = map.map(DimMap::Axis);
    let previous = index.checked_sub(1).and_then(|i| ids.layers.get(i));
    match previous {
        Some(layer) => Linear::zero().plus(1, layer.a.unwrap_or(layer.z.q), &map),
        None => {
            let [n, t, b] = map;
            Linear::zero().plus(1, ids.inputs, &[DimMap::Sum, n, t, b])
        }
    }
}

/// `D`, the loss gradient with respect to a layer's output, its `(n, t, b)` mapped.
pub fn gradient_form(
    network: &Network,
    ids: &TrainingIds,
    index: usize,
    map: [DimMap; 3],
) -> Linear {
    let Some(layer) = ids.layers.get(index) else { return Linear::zero() };
    if index + 1 == ids.layers.len() {
        let value = match &ids.loss {
            LossIds::Softmax { p, .. } | LossIds::Logistic { p } => *p,
            LossIds::Mse => layer.z.q,
        };
        let [n, t, b] = map;
        let scale = -i128::from(network.label_scale());
        return Linear::zero().plus(1, value, &map).plus(
            scale,
            ids.labels,
            &[DimMap::Sum, n, t, b],
        );
    }
    let arriving = layer.g.as_ref().map(|g| g.q);
    let tensor = layer.d_relu.or(layer.d.as_ref().map(|d| d.q)).or(arriving);
    tensor.map_or_else(Linear::zero, |id| Linear::zero().plus(1, id, &map))
}

/// `W_t`, its `(t, n_in, n_out)` (or `(t, n_out)`) mapped to axes: what was
/// before less the updates of earlier steps.
fn weights_form(parameters: &ParameterIds, map: &[usize]) -> Linear {
    let Some((t, rest)) = map.split_first() else { return Linear::zero() };
    let rest = rest.iter().map(|axis| DimMap::Axis(*axis));
    let before: Vec<_> = core::iter::once(DimMap::Sum).chain(rest.clone()).collect();
    let running: Vec<_> = core::iter::once(DimMap::Before(*t)).chain(rest).collect();
    Linear::zero().plus(1, parameters.before, &before).plus(-1, parameters.update.q, &running)
}

/// An activation's `(n, t, b)` in the domain `(t, b, n)` of a product's result.
const RESULT: [DimMap; 3] = [DimMap::Axis(2), DimMap::Axis(0), DimMap::Axis(1)];

/// `Z = A·W + 2^f·b`
fn forward(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    index: usize,
    layer: &Layer,
    own: &LayerIds,
) {
    let axis = Axis::new;
    let mut out = own.z.rounded(&RESULT, &RESULT);
    if let Some(b) = &own.b {
        out = out.plus_form(-(1 << layer.a_in_frac), &weights_form(b, &[0, 2]));
    }
    builder.product(Product {
        label: format!("layer{index}.forward"),
        axes: [axis(network.steps), axis(network.batch), axis(layer.n_out), axis(layer.n_in)],
        left: activation_form(ids, index, [2, 0, 1]),
        right: weights_form(&own.w, &[0, 2, 1]),
        coef: 1,
        out,
    });
}

/// `∂A = ∂Z·Wᵀ`, arriving at the layer below.
fn backward(builder: &mut Builder, network: &Network, ids: &TrainingIds, index: usize) {
    let next = index + 1;
    let (Some(own), Some(above), Some(layer)) =
        (ids.layers.get(index), ids.layers.get(next), network.layers.get(next))
    else {
        return;
    };
    let Some(g) = &own.g else { return };
    let axis = Axis::new;
    builder.product(Product {
        label: format!("layer{next}.backward"),
        axes: [axis(network.steps), axis(network.batch), axis(layer.n_in), axis(layer.n_out)],
        left: gradient_form(network, ids, next, [2, 0, 1].map(DimMap::Axis)),
        right: weights_form(&above.w, &[0, 1, 2]),
        coef: 1,
        out: g.rounded(&RESULT, &RESULT),
    });
}

/// `a = (1 − negative)·z`, `d = (1 − negative)·g`, and
/// `2a − z − negative ∈ [0, 2^15)`: `z` where it is not negative, `−z − 1`
/// where it is. So `negative` has one value for each `z`, zero included, and
/// `z` has 16 bits.
fn relu(
    builder: &mut Builder,
    pointwise: &mut Pointwise,
    name: &str,
    domain: &Domain,
    own: &LayerIds,
) {
    let (Some(a), Some(negative), Some(d), Some(g)) =
        (own.a, own.negative, own.d_relu, own.g.as_ref())
    else {
        return;
    };
    let operand = |pointwise: &mut Pointwise, id| pointwise.tensor(id, 3);
    let [a_, s, z, d_, g_] = [a, negative, own.z.q, d, g.q].map(|id| operand(pointwise, id));
    pointwise.require(format!("{name}.negative.bit"), &[(1, &[s, s]), (-1, &[s])]);
    pointwise.require(format!("{name}.a"), &[(1, &[a_]), (-1, &[z]), (1, &[s, z])]);
    pointwise.require(format!("{name}.d"), &[(1, &[d_]), (-1, &[g_]), (1, &[s, g_])]);
    let dims = axes(3);
    let key = Linear::zero().plus(2, a, &dims).plus(-1, own.z.q, &dims).plus(-1, negative, &dims);
    builder.lookup(format!("{name}.negative"), domain, TableKind::Range(15), key, None);
}

/// `a` is the table's value at `z`; `d` is the rounded product of the
/// derivative with `g`. The derivative is a polynomial in `a`.
fn smooth(
    builder: &mut Builder,
    pointwise: &mut Pointwise,
    name: &str,
    domain: &Domain,
    layer: &Layer,
    own: &LayerIds,
) {
    let (Some(a), Some(g), Some(d), Some(kind)) =
        (own.a, own.g.as_ref(), own.d.as_ref(), activation_table(layer))
    else {
        return;
    };
    // A padded unit has z = 0 and must have a = 0, whatever the table says.
    let at_zero =
        if layer.activation == Activation::Sigmoid { 1i128 << layer.a_frac >> 1 } else { 0 };
    let value = padded_constant(Linear::tensor(a, 3), at_zero, 0, layer.n_out);
    builder.lookup(format!("{name}.a"), domain, kind, offset_key(own.z.q, 3), Some(value));

    let operand = |pointwise: &mut Pointwise, id| pointwise.tensor(id, 3);
    let [a, g, q] = [a, g.q, d.q].map(|id| operand(pointwise, id));
    let r = pointwise.form(d.remainder(&axes(3)));
    let scale = -(1i128 << d.spec.shift);
    let label = format!("{name}.d");
    match layer.activation {
        Activation::Sigmoid => pointwise.require(
            label,
            &[(1 << layer.a_frac, &[a, g]), (-1, &[a, a, g]), (scale, &[q]), (-1, &[r])],
        ),
        _ => pointwise.require(
            label,
            &[(1 << (2 * layer.a_frac), &[g]), (-1, &[a, a, g]), (scale, &[q]), (-1, &[r])],
        ),
    }
    let name = format!("{name}.d");
    constrain_rounding(builder, pointwise, &name, domain, d, &axes(3), Bound::Here);
}

/// `form + value` at the padded positions of an axis.
pub fn padded_constant(form: Linear, value: i128, axis: usize, size: usize) -> Linear {
    let real = real_positions(axis, size);
    if real.is_empty() {
        return form;
    }
    form.plus_constant(value).plus_constant_masked(-value, &real)
}

/// How the tensors of one kind of parameter lie in the domain of its equation,
/// `(t, n_in, n_out)` or `(t, n_out)`.
struct Place {
    /// Parameters and updates: the step outside.
    block: Vec<DimMap>,
    /// The trace's own tensors: the step inside.
    trace: Vec<DimMap>,
    /// Updates in the domain of the trace's tensors.
    block_in_trace: Vec<DimMap>,
    /// The domain of the trace's tensors.
    domain: Domain,
}

impl Place {
    fn weights(network: &Network, layer: &Layer) -> Self {
        Self {
            block: axes(3),
            trace: [1, 0, 2].map(DimMap::Axis).to_vec(),
            block_in_trace: [1, 0, 2].map(DimMap::Axis).to_vec(),
            domain: Domain::new(&[layer.n_in, network.steps, layer.n_out]),
        }
    }

    fn biases(network: &Network, layer: &Layer) -> Self {
        Self {
            block: axes(2),
            trace: [1, 0].map(DimMap::Axis).to_vec(),
            block_in_trace: [1, 0].map(DimMap::Axis).to_vec(),
            domain: Domain::new(&[layer.n_out, network.steps]),
        }
    }
}

/// Weight gradient as a product, bias gradient as a sum; the update of both.
fn gradient(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    index: usize,
    layer: &Layer,
) {
    let Some(own) = ids.layers.get(index) else { return };
    let name = format!("layer{index}.w");
    let place = Place::weights(network, layer);
    let update = update_form(network, &own.w, &place);
    let (out, coef) = match &own.w.clip {
        Some(clip) => (clip.rounded(&place.trace, &place.trace), 1),
        None => (update.clone(), i128::from(layer.eta)),
    };
    let [t, i, j] = [network.steps, layer.n_in, layer.n_out].map(Axis::new);
    builder.product(Product {
        label: format!("{name}.gradient"),
        axes: [t, i, j, Axis::new(network.batch)],
        left: activation_form(ids, index, [1, 0, 2]),
        right: gradient_form(network, ids, index, [1, 0, 2].map(DimMap::Axis)),
        coef,
        out,
    });
    finish_update(builder, &name, &place, layer, &own.w, update);
    if let Some(b) = &own.b {
        bias_gradient(builder, network, ids, index, layer, b);
    }
}

fn bias_gradient(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    index: usize,
    layer: &Layer,
    b: &ParameterIds,
) {
    let name = format!("layer{index}.b");
    let place = Place::biases(network, layer);
    let sum = gradient_form(network, ids, index, [DimMap::Axis(1), DimMap::Axis(0), DimMap::Sum]);
    let sum = Linear::zero().plus_form(1 << layer.a_in_frac, &sum);
    let update = update_form(network, b, &place);
    let form = match &b.clip {
        Some(clip) => clip.rounded(&place.trace, &place.trace).plus_form(-1, &sum),
        None => update.clone().plus_form(-i128::from(layer.eta), &sum),
    };
    let domain = Domain::new(&[network.steps, layer.n_out]);
    builder.linear(format!("{name}.gradient"), domain, form);
    finish_update(builder, &name, &place, layer, b, update);
}

/// `2^16·(δ + excess) + r − μ·δ_{t−1} − λ·W_t`: `η` times the gradient.
fn update_form(network: &Network, parameters: &ParameterIds, place: &Place) -> Linear {
    let mut form = parameters.update.rounded(&place.block, &place.trace);
    if let Some(state) = parameters.state {
        let mu = -i128::from(network.mu);
        let rest = place.block.iter().copied().skip(1);
        let previous: Vec<_> = core::iter::once(DimMap::Previous(0)).chain(rest.clone()).collect();
        let first: Vec<_> = core::iter::once(DimMap::Sum).chain(rest).collect();
        form = form.plus(mu, parameters.update.q, &previous).plus_masked(
            mu,
            state,
            &first,
            &[AxisFactor::First(0)],
        );
    }
    if network.lambda != 0 {
        let map: Vec<usize> = (0..place.block.len()).collect();
        form = form.plus_form(-i128::from(network.lambda), &weights_form(parameters, &map));
    }
    form
}

/// The ranges of update and clipped gradient; with clipping also the update's equation.
fn finish_update(
    builder: &mut Builder,
    name: &str,
    place: &Place,
    layer: &Layer,
    parameters: &ParameterIds,
    update: Linear,
) {
    let mut pointwise = Pointwise::new(place.domain.clone());
    let trace = axes(place.domain.axes.len());
    if let Some(clip) = &parameters.clip {
        let form = update.plus(-i128::from(layer.eta), clip.q, &place.trace);
        let mut domain = place.domain.clone();
        domain.axes.swap(0, 1);
        builder.linear(format!("{name}.update"), domain, form);
        let name = format!("{name}.clip");
        let domain = &place.domain;
        constrain_rounding(builder, &mut pointwise, &name, domain, clip, &trace, Bound::Here);
    }
    let (name, ids) = (format!("{name}.update"), &parameters.update);
    let q_dims = &place.block_in_trace;
    let domain = &place.domain;
    constrain_rounding(builder, &mut pointwise, &name, domain, ids, q_dims, Bound::Here);
    builder.pointwise(pointwise);
}
