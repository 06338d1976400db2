//! One linear layer and its activation, forwards and backwards.

use super::builder::{Builder, Pointwise, TableKind, axes, real_positions};
use super::error::CompileError;
use super::gadgets::{Bound, activation_table, constrain_rounding, offset_key};
use super::training::{LayerIds, LossIds, ParameterIds, TrainingIds};
use super::update::gradient;
use crate::manifest::{Activation, Layer, Network};
use crate::relation::{Axis, DimMap, Domain, Linear, Product};

/// All constraints of layer `index`.
///
/// # Errors
/// If a tensor or table that one of them needs is missing.
pub fn constrain_layer(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    index: usize,
) -> Result<(), CompileError> {
    let (layer, own) = layer_at(network, ids, index)?;
    let domain = Domain::new(&[layer.n_out, network.steps, network.batch]);
    let name = format!("layer{index}");
    forward(builder, network, ids, index)?;
    backward(builder, network, ids, index)?;

    let mut pointwise = Pointwise::new(domain.clone());
    let bound = match layer.activation {
        Activation::Identity => Bound::Here,
        _ => Bound::Elsewhere,
    };
    let bound = if is_logistic(ids, index) { Bound::Elsewhere } else { bound };
    let dims = axes(3);
    let z = format!("{name}.z");
    constrain_rounding(builder, &mut pointwise, &z, &domain, &own.z, &dims, bound)?;
    if let Some(g) = &own.g {
        let name = format!("{name}.g");
        constrain_rounding(builder, &mut pointwise, &name, &domain, g, &dims, Bound::Here)?;
    }
    match layer.activation {
        Activation::Relu => relu(builder, &mut pointwise, &name, &domain, own)?,
        Activation::Sigmoid | Activation::Tanh => {
            smooth(builder, &mut pointwise, &name, &domain, layer, own)?;
        }
        Activation::Identity => {}
    }
    builder.pointwise(pointwise);
    gradient(builder, network, ids, index)
}

fn is_logistic(ids: &TrainingIds, index: usize) -> bool {
    index + 1 == ids.layers.len() && matches!(ids.loss, LossIds::Logistic { .. })
}

pub(super) fn layer_at<'a>(
    network: &'a Network,
    ids: &'a TrainingIds,
    index: usize,
) -> Result<(&'a Layer, &'a LayerIds), CompileError> {
    let layer = network.layers.get(index).zip(ids.layers.get(index));
    layer.ok_or_else(|| missing(&format!("layer{index}"), "the layer"))
}

fn missing(name: &str, part: &'static str) -> CompileError {
    CompileError::Missing { name: name.to_owned(), part }
}

/// The input activation of a layer, its `(n, t, b)` mapped to axes.
pub(super) fn activation_form(
    network: &Network,
    ids: &TrainingIds,
    index: usize,
    map: [usize; 3],
) -> Result<Linear, CompileError> {
    let map = map.map(DimMap::Axis);
    let Some(below) = index.checked_sub(1) else {
        let [n, t, b] = map;
        return Ok(Linear::zero().plus(1, ids.inputs, &[DimMap::Sum, n, t, b]));
    };
    let (layer, own) = layer_at(network, ids, below)?;
    let output = match layer.activation {
        Activation::Identity => own.z.q,
        _ => own.a.ok_or_else(|| missing(&format!("layer{below}"), "the activated output"))?,
    };
    Ok(Linear::zero().plus(1, output, &map))
}

/// `D`, the loss gradient with respect to a layer's output, its `(n, t, b)` mapped.
pub(super) fn gradient_form(
    network: &Network,
    ids: &TrainingIds,
    index: usize,
    map: [DimMap; 3],
) -> Result<Linear, CompileError> {
    let (layer, own) = layer_at(network, ids, index)?;
    if index + 1 == ids.layers.len() {
        let value = match &ids.loss {
            LossIds::Softmax { p, .. } | LossIds::Logistic { p } => *p,
            LossIds::Mse => own.z.q,
        };
        let [n, t, b] = map;
        let scale = -i128::from(network.label_scale());
        let labels = [DimMap::Sum, n, t, b];
        return Ok(Linear::zero().plus(1, value, &map).plus(scale, ids.labels, &labels));
    }
    let tensor = match layer.activation {
        Activation::Relu => own.d_relu,
        Activation::Sigmoid | Activation::Tanh => own.d.as_ref().map(|d| d.q),
        Activation::Identity => own.g.as_ref().map(|g| g.q),
    };
    let what = "the gradient of its output";
    let id = tensor.ok_or_else(|| missing(&format!("layer{index}"), what))?;
    Ok(Linear::zero().plus(1, id, &map))
}

/// `W_t`, its `(t, n_in, n_out)` (or `(t, n_out)`) mapped to axes: what was
/// before less the updates of earlier steps.
pub(super) fn weights_form(parameters: &ParameterIds, t: usize, rest: &[usize]) -> Linear {
    let rest = rest.iter().map(|axis| DimMap::Axis(*axis));
    let before: Vec<_> = core::iter::once(DimMap::Sum).chain(rest.clone()).collect();
    let running: Vec<_> = core::iter::once(DimMap::Before(t)).chain(rest).collect();
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
) -> Result<(), CompileError> {
    let (layer, own) = layer_at(network, ids, index)?;
    let axis = Axis::new;
    let mut out = own.z.rounded(&format!("layer{index}.z"), &RESULT, &RESULT)?;
    if let Some(b) = bias(layer, own, index)? {
        out = out.plus_form(-(1 << layer.a_in_frac), &weights_form(b, 0, &[2]));
    }
    builder.product(Product {
        label: format!("layer{index}.forward"),
        axes: [axis(network.steps), axis(network.batch), axis(layer.n_out), axis(layer.n_in)],
        left: activation_form(network, ids, index, [2, 0, 1])?,
        right: weights_form(&own.w, 0, &[2, 1]),
        coef: 1,
        out,
    });
    Ok(())
}

/// The biases of a layer that has them.
pub(super) fn bias<'a>(
    layer: &Layer,
    own: &'a LayerIds,
    index: usize,
) -> Result<Option<&'a ParameterIds>, CompileError> {
    if layer.bias == own.b.is_some() {
        return Ok(own.b.as_ref());
    }
    Err(CompileError::Differs { name: format!("layer{index}"), part: "biases" })
}

/// `∂A = ∂Z·Wᵀ`, arriving at the layer below; nothing arrives at the last layer.
fn backward(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    index: usize,
) -> Result<(), CompileError> {
    let next = index + 1;
    if next == network.layers.len() {
        return Ok(());
    }
    let (_, own) = layer_at(network, ids, index)?;
    let (layer, above) = layer_at(network, ids, next)?;
    let name = format!("layer{index}.g");
    let g = own.g.as_ref().ok_or_else(|| missing(&name, "the arriving gradient"))?;
    let axis = Axis::new;
    builder.product(Product {
        label: format!("layer{next}.backward"),
        axes: [axis(network.steps), axis(network.batch), axis(layer.n_in), axis(layer.n_out)],
        left: gradient_form(network, ids, next, [2, 0, 1].map(DimMap::Axis))?,
        right: weights_form(&above.w, 0, &[1, 2]),
        coef: 1,
        out: g.rounded(&name, &RESULT, &RESULT)?,
    });
    Ok(())
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
) -> Result<(), CompileError> {
    let (Some(a), Some(negative), Some(d), Some(g)) =
        (own.a, own.negative, own.d_relu, own.g.as_ref())
    else {
        return Err(missing(name, "a part of the rectifier"));
    };
    let operand = |pointwise: &mut Pointwise, id| pointwise.tensor(id, 3);
    let [a_, s, z, d_, g_] = [a, negative, own.z.q, d, g.q].map(|id| operand(pointwise, id));
    pointwise.require(format!("{name}.negative.bit"), &[(1, &[s, s]), (-1, &[s])]);
    pointwise.require(format!("{name}.a"), &[(1, &[a_]), (-1, &[z]), (1, &[s, z])]);
    pointwise.require(format!("{name}.d"), &[(1, &[d_]), (-1, &[g_]), (1, &[s, g_])]);
    let dims = axes(3);
    let key = Linear::zero().plus(2, a, &dims).plus(-1, own.z.q, &dims).plus(-1, negative, &dims);
    builder.lookup(format!("{name}.negative"), domain, TableKind::Range(15), key, None)
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
) -> Result<(), CompileError> {
    let (Some(a), Some(g), Some(d), Some(kind)) =
        (own.a, own.g.as_ref(), own.d.as_ref(), activation_table(layer))
    else {
        return Err(missing(name, "a part of the activation"));
    };
    // A padded unit has z = 0 and must have a = 0, whatever the table says.
    let at_zero =
        if layer.activation == Activation::Sigmoid { 1i128 << layer.a_frac >> 1 } else { 0 };
    let value = padded_constant(Linear::tensor(a, 3), at_zero, 0, layer.n_out);
    builder.lookup(format!("{name}.a"), domain, kind, offset_key(own.z.q, 3), Some(value))?;

    let operand = |pointwise: &mut Pointwise, id| pointwise.tensor(id, 3);
    let [a, g, q] = [a, g.q, d.q].map(|id| operand(pointwise, id));
    let label = format!("{name}.d");
    let r = pointwise.form(d.remainder(&label, &axes(3))?);
    let scale = -(1i128 << d.spec.shift);
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
    constrain_rounding(builder, pointwise, &name, domain, d, &axes(3), Bound::Here)
}

/// `form + value` at the padded positions of an axis.
pub fn padded_constant(form: Linear, value: i128, axis: usize, size: usize) -> Linear {
    let real = real_positions(axis, size);
    if real.is_empty() {
        return form;
    }
    form.plus_constant(value).plus_constant_masked(-value, &real)
}
