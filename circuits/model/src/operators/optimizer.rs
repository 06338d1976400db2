//! What becomes of a gradient sum: clipping, momentum, decay and the update of a parameter, or Adam. Shared by
//! all operators that have parameters, whatever their gradient is.

use super::adam;
use super::arithmetic::{Pass, TensorKernels, Untraced};
use super::site::{Site, differs};
use crate::compile::{
    Bound, CompileError, Declaration, ParameterIds, PointwiseBuilder, RelationBuilder, axes,
    constrain_rounding, next,
};
use crate::manifest::{
    I16_HI, I16_LO, Layer, Lowering, MAX_ETA_ERROR, ManifestError, ManifestErrorKind as Kind,
    Network, RoundSpec, Wide, derive_clip_bound, derive_eta, derived, eta_error, in_range,
    update_shift,
};
use crate::relation::{AxisFactor, DimMap, Domain, Linear, TensorId};
use crate::trace::{LayerParameters, ParameterTrace};

const MAX_ETA: i64 = (1 << 31) - 1;

/// The clipping of the gradient sum, and what remains for the update: fractional bits and the
/// largest magnitude.
pub(super) fn clip(
    lowering: &Lowering<'_>,
    l: usize,
    grad_frac: u32,
    grad_max: i128,
) -> Result<(Option<RoundSpec>, (u32, i128)), ManifestError> {
    let q = lowering.quantization(l)?;
    let frac_field = format!("quantization.layers[{l}].clip_frac");
    let bound_field = format!("quantization.layers[{l}].clip_bound");
    if lowering.has_adam() {
        if q.clip_bound.is_some() {
            return Err(ManifestError::new(bound_field, Kind::Unexpected));
        }
        let frac = q.clip_frac.ok_or_else(|| ManifestError::new(&*frac_field, Kind::Missing))?;
        return clipped(&frac_field, (grad_frac, grad_max), frac, adam::GRADIENT_HI);
    }
    let Some(clip) = lowering.manifest.optimizer.clip else {
        for (field, present) in
            [(frac_field, q.clip_frac.is_some()), (bound_field, q.clip_bound.is_some())]
        {
            if present {
                return Err(ManifestError::new(field, Kind::Unexpected));
            }
        }
        return Ok((None, (grad_frac, grad_max)));
    };
    let frac = q.clip_frac.ok_or_else(|| ManifestError::new(frac_field.clone(), Kind::Missing))?;
    let bound =
        q.clip_bound.ok_or_else(|| ManifestError::new(bound_field.clone(), Kind::Missing))?;
    derived(&bound_field, derive_clip_bound(clip, lowering.labels, frac), bound)?;
    in_range(bound_field, 1, I16_HI, bound)?;
    clipped(&frac_field, (grad_frac, grad_max), frac, bound)
}

/// The rounding of a gradient sum to so many fractional bits, within ends.
fn clipped(
    field: &str,
    (grad_frac, grad_max): (u32, i128),
    frac: u32,
    bound: i64,
) -> Result<(Option<RoundSpec>, (u32, i128)), ManifestError> {
    if frac > grad_frac {
        let kind = Kind::NegativeShift { max: grad_frac, got: frac };
        return Err(ManifestError::new(field, kind));
    }
    let spec = Wide::symmetric(field, "a gradient sum", grad_max).round(
        grad_frac - frac,
        -bound,
        bound,
    )?;
    Ok((Some(spec), (frac, i128::from(bound))))
}

/// The rounding of the update, of gradients with so many fractional bits and that magnitude.
pub(super) fn update(
    lowering: &Lowering<'_>,
    l: usize,
    (frac, max): (u32, i128),
) -> Result<RoundSpec, ManifestError> {
    if lowering.has_adam() {
        return adam::update(lowering, l);
    }
    let field = format!("quantization.layers[{l}].eta");
    let eta = lowering.quantization(l)?.eta;
    let (optimizer, labels) = (&lowering.manifest.optimizer, lowering.labels);
    let weight_frac = lowering.q.weight_frac;
    derived(&field, derive_eta(optimizer, labels, weight_frac, frac), eta)?;
    in_range(&field, 1, MAX_ETA, eta)?;
    let error = eta_error(optimizer, labels, weight_frac, frac);
    if error > MAX_ETA_ERROR {
        return Err(ManifestError::new(field, Kind::Imprecise { max: MAX_ETA_ERROR, got: error }));
    }
    let momentum = i128::from(lowering.q.mu) * -i128::from(I16_LO);
    let decay = i128::from(lowering.q.lambda) * lowering.weight_max();
    let largest = momentum + i128::from(eta) * max + decay;
    Wide::symmetric(&field, "an update before rounding", largest).round(
        update_shift(optimizer),
        I16_LO,
        I16_HI,
    )
}

/// What is added to the roots of layer `l` with Adam, whose gradients have `frac` fractional bits; else 0.
pub(super) fn epsilon(lowering: &Lowering<'_>, frac: u32) -> Result<i64, ManifestError> {
    if lowering.has_adam() { adam::epsilon(lowering, frac) } else { Ok(0) }
}

/// Tensors that are taken one after the other.
pub(crate) type Ids<'a> = core::iter::Copied<core::slice::Iter<'a, TensorId>>;

/// What lies in blocks, in the order of [`parameter_block`](crate::compile::training::parameter_block).
pub(crate) struct Blocks<'a> {
    /// The parameters before.
    pub before: Ids<'a>,
    /// The state, with momentum.
    pub state: Ids<'a>,
    /// The updates.
    pub updates: Ids<'a>,
    /// With Adam the moments before and after, four of each parameter that learns.
    pub moments: [Ids<'a>; 2],
}

/// The tensors of one kind of parameter; `sizes` have the step inside.
pub(super) fn tensors(
    layer: &Layer,
    part: &'static str,
    sizes: &[usize],
    own: &mut Declaration<'_>,
    blocks: &mut Blocks<'_>,
) -> Result<ParameterIds, CompileError> {
    let name = format!("{}.{part}", own.name);
    let spec = layer.update.as_ref().ok_or_else(|| differs(&name, "its update"))?;
    let ids = rounded_update((spec, layer.clip.as_ref()), &name, sizes, own, blocks)?;
    Ok(ParameterIds { moments: adam::moments(own, blocks)?, ..ids })
}

/// The same with its roundings at hand: of the update and, with clipping, of the gradient.
pub(super) fn rounded_update(
    (spec, clip): (&RoundSpec, Option<&RoundSpec>),
    name: &str,
    sizes: &[usize],
    own: &mut Declaration<'_>,
    Blocks { before, state, updates, .. }: &mut Blocks<'_>,
) -> Result<ParameterIds, CompileError> {
    let network = own.network;
    let (update, tensors) = (next(updates)?, own.tensors());
    let update = tensors.rest(&format!("{name}.update"), spec, update, sizes)?;
    let clip =
        clip.map(|spec| tensors.rounded(&format!("{name}.clip"), spec, sizes)).transpose()?;
    let state = if network.momentum { Some(next(state)?) } else { None };
    Ok(ParameterIds { before: next(before)?, state, update, clip, moments: None })
}

/// `W_t`, its `(t, …)` mapped to axes: what was before less the updates of earlier steps.
pub(super) fn weights_form(parameters: &ParameterIds, t: usize, rest: &[usize]) -> Linear {
    let rest = rest.iter().map(|axis| DimMap::Axis(*axis));
    let before: Vec<_> = core::iter::once(DimMap::Sum).chain(rest.clone()).collect();
    let running: Vec<_> = core::iter::once(DimMap::Before(t)).chain(rest).collect();
    Linear::zero().plus(1, parameters.before, &before).plus(-1, parameters.update.q, &running)
}

/// How one kind of parameter changes in a step, as relations over the domain `(t, …)` of its
/// equation.
pub(super) struct Change<'a> {
    network: &'a Network,
    pub layer: &'a Layer,
    pub parameters: &'a ParameterIds,
    /// What its constraints' labels begin with.
    pub name: String,
    /// The domain of the trace's own tensors: the step second.
    pub domain: Domain,
    /// Its axis that is the step.
    pub step: usize,
    /// Their dimensions in the equation's domain.
    turned: Vec<DimMap>,
    /// The dimensions of the updates, which have the step outside, in theirs.
    pub block: Vec<DimMap>,
    /// The rates, with Adam.
    pub rate: Option<TensorId>,
    /// `η` times the gradient; with Adam nothing, where an update is no multiple of it.
    update: Linear,
}

impl<'a> Change<'a> {
    /// Of parameters `(row…, column…)`, whose trace tensors have the step between rows and columns.
    ///
    /// # Errors
    /// If the network and the tensors differ.
    pub fn new(
        site: &Site<'a>,
        layer: &'a Layer,
        parameters: &'a ParameterIds,
        name: String,
        rows: &[usize],
        columns: &[usize],
    ) -> Result<Self, CompileError> {
        let network = site.network;
        let (step, end) = (rows.len(), 1 + rows.len() + columns.len());
        let domain = Domain::new(&[rows, &[network.steps], columns].concat());
        let map = |axes: &mut dyn Iterator<Item = usize>| axes.map(DimMap::Axis).collect();
        let turned: Vec<_> = map(&mut (1..=step).chain([0]).chain(step + 1..end));
        let update = update_form(network, layer, &name, parameters, &turned)?;
        let block = map(&mut core::iter::once(step).chain(0..step).chain(step + 1..end));
        let rate = site.rate();
        Ok(Self { network, layer, parameters, name, domain, step, turned, block, rate, update })
    }

    /// A factor and a form: the form is the gradient's sum times the factor.
    ///
    /// # Errors
    /// If a remainder has other limbs than its bits take.
    pub fn gradient(&self) -> Result<(i64, Linear), CompileError> {
        match &self.parameters.clip {
            Some(clip) => {
                let name = format!("{}.clip", self.name);
                Ok((1, clip.rounded(&name, &self.turned, &self.turned)?))
            }
            None => Ok((self.layer.eta, self.update.clone())),
        }
    }

    /// The ranges of update and clipped gradient; with clipping also the update's equation.
    ///
    /// # Errors
    /// If a table is not there, or a remainder has other limbs than its bits take.
    pub fn finish(self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let mut pointwise = PointwiseBuilder::new(self.domain.clone());
        if self.network.adam.is_some() {
            let (name, domain) = (format!("{}.clip", self.name), &self.domain);
            let clip = self.parameters.clip.as_ref().ok_or_else(|| differs(&name, "clipping"))?;
            let (own, dims) = (&mut pointwise, axes(domain.axes.len()));
            constrain_rounding(builder, own, &name, domain, clip, &dims, Bound::Here)?;
            adam::constrain(&self, self.network, builder, &mut pointwise)?;
            builder.pointwise(pointwise);
            return Ok(());
        }
        let Self { layer, parameters, name, domain, turned, block, update, .. } = self;
        if let Some(clip) = &parameters.clip {
            let form = update.plus(-i128::from(layer.eta), clip.q, &turned);
            let axis = |map: &DimMap| map.axes().next().and_then(|axis| domain.axes.get(axis));
            let axes_of = block.iter().filter_map(axis).copied();
            let equation = Domain { axes: axes_of.collect() };
            builder.linear(format!("{name}.update"), equation, form);
            let (name, dims) = (format!("{name}.clip"), axes(domain.axes.len()));
            let own = &mut pointwise;
            constrain_rounding(builder, own, &name, &domain, clip, &dims, Bound::Here)?;
        }
        let (name, ids) = (format!("{name}.update"), &parameters.update);
        let own = &mut pointwise;
        constrain_rounding(builder, own, &name, &domain, ids, &block, Bound::Here)?;
        builder.pointwise(pointwise);
        Ok(())
    }
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
    trace: &[DimMap],
) -> Result<Linear, CompileError> {
    if network.momentum != parameters.state.is_some() {
        return Err(differs(name, "the optimizer's state"));
    }
    if layer.clip.is_some() != parameters.clip.is_some() {
        return Err(differs(name, "clipping"));
    }
    if network.adam.is_some() != parameters.moments.is_some() {
        return Err(differs(name, "its moments"));
    }
    if network.adam.is_some() {
        return Ok(Linear::zero());
    }
    let block = axes(trace.len());
    let mut form = parameters.update.rounded(&format!("{name}.update"), &block, trace)?;
    let rest = block.iter().copied().skip(1);
    if let Some(state) = parameters.state {
        let mu = -i128::from(network.mu);
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
        let rest: Vec<usize> = (1..block.len()).collect();
        let weights = weights_form(parameters, 0, &rest);
        form = form.plus_form(-i128::from(network.lambda), &weights);
    }
    Ok(form)
}

/// What a step of a layer begins with, beside its parameters.
#[derive(Clone, Debug, Default)]
pub struct LayerState<'a> {
    /// The previous update with momentum, or Adam's moments; none at the start of a chain.
    pub blocks: Vec<&'a LayerParameters>,
    /// The step's rate, with Adam.
    pub rate: i64,
}

impl<'a> LayerState<'a> {
    pub(super) fn weights(&self) -> Carried<'a> {
        let blocks = self.blocks.iter().map(|block| &block.w[..]).collect();
        Carried { blocks, rate: self.rate }
    }

    pub(super) fn biases(&self) -> Carried<'a> {
        let blocks = self.blocks.iter().map(|block| block.b.as_deref().unwrap_or_default());
        Carried { blocks: blocks.collect(), rate: self.rate }
    }
}

/// What a step begins with, beside parameters: the state of one kind of them, and the rate.
pub(super) struct Carried<'a> {
    /// The previous update, or Adam's moments; none at the start of a chain.
    pub blocks: Vec<&'a [i32]>,
    /// The step's rate, with Adam.
    pub rate: i64,
}

/// The same, computed.
pub(super) struct Rule<'a, K> {
    pub pass: &'a Pass<'a, K>,
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl<K: TensorKernels> Rule<'_, K> {
    /// Traces clipping and update of one kind of parameter and returns the update.
    ///
    /// # Errors
    /// If gradient, state or trace have other sizes than the parameters.
    pub fn apply(
        &self,
        gradient: &[i64],
        parameters: &[i32],
        state: &Carried<'_>,
        trace: &mut ParameterTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let Pass { layer, network, .. } = self.pass;
        let len = parameters.len();
        self.pass.expect("a gradient", len, gradient.len())?;
        if network.adam.is_some() {
            let spec = layer.clip.as_ref().ok_or_else(|| self.pass.wrong("a clip", 1, 0))?;
            let clip = trace.clip.get_or_insert_default();
            let (what, sums) = ("a clipped gradient", |i: usize| gradient[i]);
            let clipped = self.pass.round_into(clip, what, len, spec, sums)?.to_vec();
            return adam::apply(self.pass, &clipped, state, trace);
        }
        let velocity = state.blocks.first().copied();
        self.pass.expect("the optimizer's state", len, velocity.map_or(len, <[i32]>::len))?;
        let decay = |i: usize| {
            let momentum = velocity.map_or(0, |v| network.mu * i64::from(v[i]));
            momentum + network.lambda * i64::from(parameters[i])
        };
        let (eta, what) = (layer.eta, "an update");
        let spec = layer.update.as_ref().ok_or_else(|| self.pass.wrong(what, 1, 0))?;
        let ParameterTrace { clip, update, .. } = trace;
        let updates = match &layer.clip {
            Some(clip_spec) => {
                let clip = clip.get_or_insert_default();
                let sums = |i: usize| gradient[i];
                let clipped =
                    self.pass.round_into(clip, "a clipped gradient", len, clip_spec, sums)?;
                let step = |i: usize| decay(i) + eta * i64::from(clipped[i]);
                self.pass.round_into(update, what, len, spec, step)?
            }
            None => {
                let step = |i: usize| decay(i) + eta * gradient[i];
                self.pass.round_into(update, what, len, spec, step)?
            }
        };
        Ok(updates.to_vec())
    }
}
