//! Gradients of parameters and their updates.

use super::builder::{Builder, Pointwise, axes};
use super::error::CompileError;
use super::gadgets::{Bound, constrain_rounding};
use super::layer::{activation_form, bias, gradient_form, layer_at, weights_form};
use super::training::{ParameterIds, TrainingIds};
use crate::manifest::{Layer, Network};
use crate::relation::{Axis, AxisFactor, DimMap, Domain, Linear, Product};

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
pub(super) fn gradient(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    index: usize,
) -> Result<(), CompileError> {
    let (layer, own) = layer_at(network, ids, index)?;
    let name = format!("layer{index}.w");
    let place = Place::weights(network, layer);
    let update = update_form(network, layer, &name, &own.w, &place)?;
    let (out, coef) = match &own.w.clip {
        Some(clip) => (clip.rounded(&format!("{name}.clip"), &place.trace, &place.trace)?, 1),
        None => (update.clone(), i128::from(layer.eta)),
    };
    let [t, i, j] = [network.steps, layer.n_in, layer.n_out].map(Axis::new);
    builder.product(Product {
        label: format!("{name}.gradient"),
        axes: [t, i, j, Axis::new(network.batch)],
        left: activation_form(network, ids, index, [1, 0, 2])?,
        right: gradient_form(network, ids, index, [1, 0, 2].map(DimMap::Axis))?,
        coef,
        out,
    });
    finish_update(builder, &name, &place, layer, &own.w, update)?;
    match bias(layer, own, index)? {
        Some(b) => bias_gradient(builder, network, ids, index, layer, b),
        None => Ok(()),
    }
}

fn bias_gradient(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    index: usize,
    layer: &Layer,
    b: &ParameterIds,
) -> Result<(), CompileError> {
    let name = format!("layer{index}.b");
    let place = Place::biases(network, layer);
    let sum = gradient_form(network, ids, index, [DimMap::Axis(1), DimMap::Axis(0), DimMap::Sum])?;
    let sum = Linear::zero().plus_form(1 << layer.a_in_frac, &sum);
    let update = update_form(network, layer, &name, b, &place)?;
    let form = match &b.clip {
        Some(clip) => {
            let rounded = clip.rounded(&format!("{name}.clip"), &place.trace, &place.trace)?;
            rounded.plus_form(-1, &sum)
        }
        None => update.clone().plus_form(-i128::from(layer.eta), &sum),
    };
    let domain = Domain::new(&[network.steps, layer.n_out]);
    builder.linear(format!("{name}.gradient"), domain, form);
    finish_update(builder, &name, &place, layer, b, update)
}

/// `2^16·(δ + excess) + r − μ·δ_{t−1} − λ·W_t`: `η` times the gradient.
///
/// Whether there are tensors for the state and the clipped gradient is what decides about the
/// equation's terms, so it has to be what the network says.
fn update_form(
    network: &Network,
    layer: &Layer,
    name: &str,
    parameters: &ParameterIds,
    place: &Place,
) -> Result<Linear, CompileError> {
    let differs = |part| Err(CompileError::Differs { name: name.to_owned(), part });
    if network.momentum != parameters.state.is_some() {
        return differs("the optimizer's state");
    }
    if layer.clip.is_some() != parameters.clip.is_some() {
        return differs("clipping");
    }
    let update = format!("{name}.update");
    let mut form = parameters.update.rounded(&update, &place.block, &place.trace)?;
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
        let rest: Vec<usize> = (1..place.block.len()).collect();
        let weights = weights_form(parameters, 0, &rest);
        form = form.plus_form(-i128::from(network.lambda), &weights);
    }
    Ok(form)
}

/// The ranges of update and clipped gradient; with clipping also the update's equation.
fn finish_update(
    builder: &mut Builder,
    name: &str,
    place: &Place,
    layer: &Layer,
    parameters: &ParameterIds,
    update: Linear,
) -> Result<(), CompileError> {
    let mut pointwise = Pointwise::new(place.domain.clone());
    let trace = axes(place.domain.axes.len());
    if let Some(clip) = &parameters.clip {
        let form = update.plus(-i128::from(layer.eta), clip.q, &place.trace);
        let mut domain = place.domain.clone();
        domain.axes.swap(0, 1);
        builder.linear(format!("{name}.update"), domain, form);
        let name = format!("{name}.clip");
        let domain = &place.domain;
        constrain_rounding(builder, &mut pointwise, &name, domain, clip, &trace, Bound::Here)?;
    }
    let (name, ids) = (format!("{name}.update"), &parameters.update);
    let q_dims = &place.block_in_trace;
    let domain = &place.domain;
    constrain_rounding(builder, &mut pointwise, &name, domain, ids, q_dims, Bound::Here)?;
    builder.pointwise(pointwise);
    Ok(())
}
