//! One linear layer, its activation, its gradients and its update.

use super::builder::{Builder, Pointwise, TableKind, axes, real_positions};
use super::gadgets::{Bound, activation_table, constrain_rounding, offset_key};
use super::training::{LayerIds, LossIds, ParameterIds, TrainingIds};
use crate::manifest::{Activation, Layer, Network, TABLE_FRAC};
use crate::relation::{Axis, AxisFactor, DimMap, Domain, Linear, Product};

/// All constraints of layer `index`.
pub fn constrain_layer(builder: &mut Builder, network: &Network, ids: &TrainingIds, index: usize) {
    let (Some(layer), Some(own)) = (network.layers.get(index), ids.layers.get(index)) else {
        return;
    };
    let domain = Domain::new(&[network.steps, network.batch, layer.n_out]);
    let name = format!("layer{index}");
    forward(builder, network, ids, index, layer, own);
    backward(builder, network, ids, index);

    let mut pointwise = Pointwise::new(domain.clone());
    let bound = match layer.activation {
        Activation::Identity => Bound::Here,
        _ => Bound::Elsewhere,
    };
    let bound = if is_logistic(ids, index) { Bound::Elsewhere } else { bound };
    constrain_rounding(builder, &mut pointwise, &format!("{name}.z"), &domain, &own.z, bound);
    if let Some(g) = &own.g {
        let name = format!("{name}.g");
        constrain_rounding(builder, &mut pointwise, &name, &domain, g, Bound::Here);
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

/// The input activation of a layer, its `(t, b, n)` mapped to axes.
pub fn activation_form(ids: &TrainingIds, index: usize, map: [usize; 3]) -> Linear {
    let map = map.map(DimMap::Axis);
    let previous = index.checked_sub(1).and_then(|i| ids.layers.get(i));
    match previous {
        Some(layer) => Linear::zero().plus(1, layer.a.unwrap_or(layer.z.q), &map),
        None => {
            let [t, b, n] = map;
            Linear::zero().plus(1, ids.inputs, &[DimMap::Sum, t, b, n])
        }
    }
}

/// `D`, the loss gradient with respect to a layer's output, its `(t, b, n)` mapped.
pub fn gradient_form(network: &Network, ids: &TrainingIds, index: usize, map: [DimMap; 3]) -> Linear {
    let Some(layer) = ids.layers.get(index) else { return Linear::zero() };
    if index + 1 == ids.layers.len() {
        let value = match &ids.loss {
            LossIds::Softmax { p, .. } | LossIds::Logistic { p } => *p,
            LossIds::Mse => layer.z.q,
        };
        let [t, b, n] = map;
        let scale = -i128::from(network.label_scale());
        return Linear::zero().plus(1, value, &map).plus(
            scale,
            ids.labels,
            &[DimMap::Sum, t, b, n],
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
    let mut out = own.z.rounded(&axes(3));
    if let Some(b) = &own.b {
        out = out.plus_form(-(1 << layer.a_in_frac), &weights_form(b, &[0, 2]));
    }
    builder.product(Product {
        label: format!("layer{index}.forward"),
        axes: [axis(network.steps), axis(network.batch), axis(layer.n_out), axis(layer.n_in)],
        left: activation_form(ids, index, [0, 1, 2]),
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
        left: gradient_form(network, ids, next, [0, 1, 2].map(DimMap::Axis)),
        right: weights_form(&above.w, &[0, 1, 2]),
        coef: 1,
        out: g.rounded(&axes(3)),
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
    let (Some(a), Some(g), Some(d), Some(kind)) = (
        own.a,
        own.g.as_ref(),
        own.d.as_ref(),
        activation_table(layer.activation, layer.z_frac),
    ) else {
        return;
    };
    // A padded unit has z = 0 and must have a = 0, whatever the table says.
    let at_zero = if layer.activation == Activation::Sigmoid { 1 << (TABLE_FRAC - 1) } else { 0 };
    let value = padded_constant(Linear::tensor(a, 3), at_zero, 2, layer.n_out);
    builder.lookup(format!("{name}.a"), domain, kind, offset_key(own.z.q, 3), Some(value));

    let operand = |pointwise: &mut Pointwise, id| pointwise.tensor(id, 3);
    let [a, g, q] = [a, g.q, d.q].map(|id| operand(pointwise, id));
    let r = pointwise.form(d.remainder(&axes(3)));
    let scale = -(1i128 << d.spec.shift);
    let label = format!("{name}.d");
    match layer.activation {
        Activation::Sigmoid => pointwise.require(
            label,
            &[(1 << TABLE_FRAC, &[a, g]), (-1, &[a, a, g]), (scale, &[q]), (-1, &[r])],
        ),
        _ => pointwise.require(
            label,
            &[(1 << (2 * TABLE_FRAC), &[g]), (-1, &[a, a, g]), (scale, &[q]), (-1, &[r])],
        ),
    }
    constrain_rounding(builder, pointwise, &format!("{name}.d"), domain, d, Bound::Here);
}

/// `form + value` at the padded positions of an axis.
pub fn padded_constant(form: Linear, value: i128, axis: usize, size: usize) -> Linear {
    let real = real_positions(axis, size);
    if real.is_empty() {
        return form;
    }
    form.plus_constant(value).plus_constant_masked(-value, &real)
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
    let weights = Domain::new(&[network.steps, layer.n_in, layer.n_out]);
    let name = format!("layer{index}.w");
    let update = update_form(network, &own.w, 3);
    let (out, coef) = match &own.w.clip {
        Some(clip) => (clip.rounded(&axes(3)), 1),
        None => (update.clone(), i128::from(layer.eta)),
    };
    let [t, i, j] = [network.steps, layer.n_in, layer.n_out].map(Axis::new);
    builder.product(Product {
        label: format!("{name}.gradient"),
        axes: [t, i, j, Axis::new(network.batch)],
        left: activation_form(ids, index, [0, 2, 1]),
        right: gradient_form(network, ids, index, [0, 2, 1].map(DimMap::Axis)),
        coef,
        out,
    });
    finish_update(builder, &name, &weights, layer, &own.w, update);

    let Some(b) = &own.b else { return };
    let biases = Domain::new(&[network.steps, layer.n_out]);
    let name = format!("layer{index}.b");
    let sum = gradient_form(network, ids, index, [DimMap::Axis(0), DimMap::Sum, DimMap::Axis(1)]);
    let sum = Linear::zero().plus_form(1 << layer.a_in_frac, &sum);
    let update = update_form(network, b, 2);
    let (label, form) = match &b.clip {
        Some(clip) => (format!("{name}.gradient"), clip.rounded(&axes(2)).plus_form(-1, &sum)),
        None => (
            format!("{name}.gradient"),
            update.clone().plus_form(-i128::from(layer.eta), &sum),
        ),
    };
    builder.linear(label, biases.clone(), form);
    finish_update(builder, &name, &biases, layer, b, update);
}

/// `2^16·(δ + excess) + r − μ·δ_{t−1} − λ·W_t`: `η` times the gradient.
fn update_form(network: &Network, parameters: &ParameterIds, dims: usize) -> Linear {
    let map: Vec<usize> = (0..dims).collect();
    let mut form = parameters.update.rounded(&axes(dims));
    if let Some(state) = parameters.state {
        let mu = -i128::from(network.mu);
        let rest = axes(dims).into_iter().skip(1);
        let previous: Vec<_> = core::iter::once(DimMap::Previous(0)).chain(rest.clone()).collect();
        let first: Vec<_> = core::iter::once(DimMap::Sum).chain(rest).collect();
        form = form
            .plus(mu, parameters.update.q, &previous)
            .plus_masked(mu, state, &first, &[AxisFactor::First(0)]);
    }
    if network.lambda != 0 {
        form = form.plus_form(-i128::from(network.lambda), &weights_form(parameters, &map));
    }
    form
}

/// The ranges of update and clipped gradient; with clipping also the update's equation.
fn finish_update(
    builder: &mut Builder,
    name: &str,
    domain: &Domain,
    layer: &Layer,
    parameters: &ParameterIds,
    update: Linear,
) {
    let mut pointwise = Pointwise::new(domain.clone());
    let dims = axes(domain.axes.len());
    if let Some(clip) = &parameters.clip {
        let form = update.plus(-i128::from(layer.eta), clip.q, &dims);
        builder.linear(format!("{name}.update"), domain.clone(), form);
        let name = format!("{name}.clip");
        constrain_rounding(builder, &mut pointwise, &name, domain, clip, Bound::Here);
    }
    let name = format!("{name}.update");
    constrain_rounding(builder, &mut pointwise, &name, domain, &parameters.update, Bound::Here);
    builder.pointwise(pointwise);
}
