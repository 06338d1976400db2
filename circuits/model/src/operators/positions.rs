//! Learned positions: every number of an image or a sequence gets one of its own added, so that what comes behind can tell
//! positions apart. It is a bias for each number; its gradient is a sum over samples.

use super::optimizer::{self, Blocks, LayerState, Rule, weights_form};
use super::site::{Site, differs, missing};
use super::{
    Arithmetic, Operator, Pass, SavedTensors, Scale, Sent, TensorKernels, Transform, Untraced,
};
use crate::compile::{
    CompileError, Declaration, ParameterIds, PointwiseBuilder, RelationBuilder, axes,
};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, ManifestErrorKind as Kind,
    Shape, Wide, no_kernel, no_weights,
};
use crate::relation::{DimMap, Domain, Linear};
use crate::trace::{LayerParameters, LayerTrace};

/// Numbers that are added, each at its position.
#[derive(Debug)]
pub(crate) struct Positions;

/// The factors that give values and parameters the bits of the finer, as powers of two, and these bits.
fn aligned(input: u32, weights: u32) -> (u32, u32, u32) {
    let frac = input.max(weights);
    (frac - input, frac - weights, frac)
}

impl Transform for Positions {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        no_weights(field, spec)?;
        no_kernel(field, spec)?;
        if input.image.is_none() {
            return Err(ManifestError::new(field, Kind::NoImage { layer: spec.kind }));
        }
        let (n_in, n_out) = (input.positions(), input.channels);
        Ok(Shape { n_in, n_out, ..Shape::new(spec.kind, input, *input) })
    }

    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        (input, a_frac): (Scale, u32),
        above: &Consumers<'_>,
    ) -> Result<Layer, ManifestError> {
        let q = lowering.quantization(l)?;
        let field = format!("quantization.layers[{l}].z_frac");
        let (of_input, of_weights, frac) = aligned(input.frac, lowering.q.weight_frac);
        let largest = (i128::from(input.max) << of_input) + (lowering.weight_max() << of_weights);
        let z =
            Wide::symmetric(&field, "a sum before rounding", largest).rescale(frac, q.z_frac)?;
        let back = lowering.backward(l, shape.activation, a_frac, above)?;
        let grad_frac = back.gradient.frac;
        let grad_max = lowering.manifest.padded_batch() as i128 * i128::from(back.gradient.max);
        let (clip, step) = optimizer::clip(lowering, l, grad_frac, grad_max)?;
        let update = optimizer::update(lowering, l, step)?;
        let epsilon = optimizer::epsilon(lowering, step.0)?;
        let grad_max = i64::try_from(grad_max).unwrap_or(i64::MAX);
        let layer = back.layer(shape, q.z_frac, (input, a_frac), z);
        let update = Some(update);
        Ok(Layer { epsilon, grad_frac, grad_max, clip, update, eta: q.eta, ..layer })
    }

    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        super::add::passed_on(layer, field, frac)
    }

    fn block(&self, layer: &Layer) -> Vec<(&'static str, Vec<usize>)> {
        vec![("w", layer.output.sizes())]
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.rounded("z", &layer.z, &layer.output)
    }

    fn learns(
        &self,
        layer: &Layer,
        own: &mut Declaration<'_>,
        blocks: &mut Blocks<'_>,
    ) -> Result<(Option<ParameterIds>, Option<ParameterIds>), CompileError> {
        let steps = [own.network.steps, layer.output.channels];
        let sizes = [layer.output.sides(), &steps].concat();
        Ok((Some(optimizer::tensors(layer, "w", &sizes, own, blocks)?), None))
    }
}

/// The parameters of a layer whose output has the sizes of its input.
fn weights<'a>(site: &Site<'a>) -> Result<(&'a Layer, &'a ParameterIds), CompileError> {
    let (layer, own) = site.layer()?;
    if layer.input != layer.output || layer.output.sides().len() != 2 {
        return Err(differs(&site.name(), "its sizes"));
    }
    let w = own.w.as_ref().ok_or_else(|| missing(&site.name(), "its weights"))?;
    Ok((layer, w))
}

impl Operator for Positions {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    /// What arrives, at the input.
    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let scale = super::add::passed_by(site)?;
        Ok(Linear::zero().plus_form(scale, &site.gradient(map)?))
    }

    fn sends_as(&self) -> super::Sends {
        super::Sends::Form
    }

    /// `z = A + W`, rounded.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let ((layer, w), name) = (weights(site)?, site.name());
        let (domain, dims) = (site.domain(layer), axes(5));
        let (of_input, of_weights, _) = aligned(layer.a_in_frac, site.network.weight_frac);
        let sum = site
            .z()?
            .rounded(&format!("{name}.z"), &dims, &dims)?
            .plus_form(-(1 << of_input), &site.input()?.value(&dims)?)
            // (T, height, width, channel) of (channel, T, B, height, width)
            .plus_form(-(1 << of_weights), &weights_form(w, 1, &[3, 4, 0]));
        builder.linear(format!("{name}.forward"), domain, sum);
        Ok(())
    }

    /// Nothing: the gradient that it sends is the one that arrives.
    fn backward(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }

    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        site.constrain_z(builder, pointwise)
    }

    /// The gradient is the sum of what arrives over samples.
    fn parameters(
        &self,
        builder: &mut RelationBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let ((layer, w), name) = (weights(site)?, format!("{}.w", site.name()));
        let (sides, channels) = (layer.output.sides(), [layer.output.channels]);
        let rule = optimizer::Change::new(site, layer, w, name, sides, &channels)?;
        let (coef, form) = rule.gradient()?;
        // (channel, T, B, height, width) on (T, height, width, channel)
        let [t, height, width, channel] = [0, 1, 2, 3].map(DimMap::Axis);
        let sum = site.gradient(&[channel, t, DimMap::Sum, height, width])?;
        let domain = Domain::new(&[&[site.network.steps], sides, &channels].concat());
        let form = form.plus_form(-i128::from(coef), &sum);
        builder.linear(format!("{}.gradient", rule.name), domain, form);
        rule.finish(builder)
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for Positions {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let (layer, count, w) = (pass.layer, pass.layer.output.count(), &pass.parameters.w);
        let len = pass.samples * count;
        pass.expect("the input", len, input.len())?;
        pass.expect("the weights", count, w.len())?;
        let (of_input, of_weights, _) = aligned(layer.a_in_frac, pass.network.weight_frac);
        let sum =
            |i: usize| (i64::from(input[i]) << of_input) + (i64::from(w[i % count]) << of_weights);
        Ok(pass.round(&mut trace.tensors, "z", len, &layer.z, sum)?.to_vec())
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        _traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        pass.expect("the gradient", pass.samples * pass.layer.output.count(), gradient.len())?;
        kept.arrived = gradient.to_vec();
        match pass.below {
            Some(_) => super::add::passed(pass, gradient),
            None => Ok(Vec::new()),
        }
    }

    fn update<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        state: &LayerState<'_>,
        kept: &SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Option<LayerParameters>, Untraced> {
        let count = pass.layer.output.count();
        pass.expect("the gradient kept", pass.samples * count, kept.arrived.len())?;
        let mut sums = vec![0i64; count];
        for arrived in kept.arrived.chunks_exact(count.max(1)) {
            sums.iter_mut().zip(arrived).for_each(|(sum, d)| *sum += i64::from(*d));
        }
        let own = trace.w.get_or_insert_default();
        let w = Rule { pass }.apply(&sums, &pass.parameters.w, &state.weights(), own)?;
        Ok(Some(LayerParameters { w, b: None, s: None }))
    }
}
