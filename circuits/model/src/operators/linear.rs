//! `Z = A·W + b`: a linear layer.

use super::optimizer::{self, Blocks, Rule, weights_form};
use super::site::{Site, differs, missing};
use super::{
    Arithmetic, Operand, Operator, Pass, SavedTensors, Scale, TensorKernels, Untraced, Weighted,
};
use crate::compile::{
    Bound, CompileError, LayerIds, ParameterIds, PointwiseBuilder, RelationBuilder, RoundedIds,
    Tensors, axes, constrain_rounding,
};
use crate::manifest::{
    Activation, Layer, LayerSpec, Lowering, ManifestError, ManifestErrorKind, Network, RoundSpec,
    Shape, Wide, width,
};
use crate::relation::{DimMap, Domain, Linear as Form, Product};
use crate::trace::{LayerParameters, LayerTrace, Rounded};

/// A linear layer.
#[derive(Debug)]
pub(crate) struct Linear;

/// A value's `(n, t, b)` in the domain `(t, b, n)` of a product's result.
const RESULT: [DimMap; 3] = [DimMap::Axis(2), DimMap::Axis(0), DimMap::Axis(1)];

/// Shapes and scales, and the tensors that they give.
impl Weighted for Linear {
    fn shape(&self, field: &str, spec: &LayerSpec, n_in: usize) -> Result<Shape, ManifestError> {
        let out = format!("{field}.out");
        let missing = || ManifestError::new(out.clone(), ManifestErrorKind::Missing);
        let n_out = spec.out.ok_or_else(missing)?;
        width(&out, n_out)?;
        let (kind, bias) = (spec.kind, spec.bias.unwrap_or(true));
        Ok(Shape { kind, n_in, n_out, bias, activation: Activation::Identity })
    }

    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        (input, a_frac): (Scale, u32),
        above: Option<&Layer>,
    ) -> Result<Layer, ManifestError> {
        let q = lowering.quantization(l)?;
        let bias = if shape.bias { 1i128 << input.frac } else { 0 };
        let field = format!("quantization.layers[{l}].z_frac");
        let largest = (shape.n_in as i128 * i128::from(input.max) + bias) * lowering.weight_max();
        let z = Wide::symmetric(&field, "a layer's output before rounding", largest)
            .rescale(input.frac + lowering.q.weight_frac, q.z_frac)?;
        let back = lowering.backward(l, shape.activation, a_frac, above)?;
        let grad_frac = input.frac + back.gradient.frac;
        let grad_max = lowering.manifest.training.batch as i128
            * i128::from(input.max.max(1 << input.frac))
            * i128::from(back.gradient.max);
        let (clip, step) = optimizer::clip(lowering, l, grad_frac, grad_max)?;
        let update = optimizer::update(lowering, l, step)?;
        Ok(Layer {
            kind: shape.kind,
            n_in: shape.n_in,
            n_out: shape.n_out,
            bias: shape.bias,
            activation: shape.activation,
            a_in_frac: input.frac,
            a_in_max: input.max,
            z_frac: q.z_frac,
            a_frac,
            d_frac: back.gradient.frac,
            d_max: back.gradient.max,
            grad_frac,
            // At most 2^12·2^15·2^16.
            grad_max: grad_max as i64,
            z,
            g: back.g,
            d: back.d,
            clip,
            update,
            eta: q.eta,
        })
    }

    fn sends(
        &self,
        lowering: &Lowering<'_>,
        layer: &Layer,
        field: &str,
        frac: u32,
    ) -> Result<RoundSpec, ManifestError> {
        let largest = layer.n_out as i128 * i128::from(layer.d_max) * lowering.weight_max();
        Wide::symmetric(field, "a backpropagated gradient before rounding", largest)
            .rescale(layer.d_frac + lowering.q.weight_frac, frac)
    }

    fn block(&self, layer: &Layer) -> Vec<(&'static str, Vec<usize>)> {
        let biases = layer.bias.then(|| ("b", vec![layer.n_out]));
        core::iter::once(("w", vec![layer.n_in, layer.n_out])).chain(biases).collect()
    }

    fn outputs(
        &self,
        network: &Network,
        layer: &Layer,
        name: &str,
        tensors: &mut Tensors,
    ) -> Result<RoundedIds, CompileError> {
        let sizes = [layer.n_out, network.steps, network.batch];
        tensors.rounded(&format!("{name}.z"), &layer.z, &sizes)
    }

    fn learns(
        &self,
        network: &Network,
        layer: &Layer,
        name: &str,
        tensors: &mut Tensors,
        blocks: &mut Blocks<'_>,
    ) -> Result<(ParameterIds, Option<ParameterIds>), CompileError> {
        let mut take = |part: &str, sizes: &[usize]| {
            optimizer::tensors(network, layer, &format!("{name}.{part}"), sizes, tensors, blocks)
        };
        let w = take("w", &[layer.n_in, network.steps, layer.n_out])?;
        let b = layer.bias.then(|| take("b", &[layer.n_out, network.steps])).transpose()?;
        Ok((w, b))
    }
}

/// Relations.
impl Operator for Linear {
    fn value(&self, site: &Site<'_>, map: [DimMap; 3]) -> Result<Form, CompileError> {
        Ok(Form::zero().plus(1, site.layer()?.1.z.q, &map))
    }

    /// Where it takes a layer's values: what it sends to that layer.
    fn input_gradient(&self, site: &Site<'_>, map: [DimMap; 3]) -> Result<Form, CompileError> {
        let below = site.input()?;
        let g = below.layer()?.1.g.as_ref();
        let g = g.ok_or_else(|| missing(&below.name(), "the gradient of its output"))?;
        Ok(Form::zero().plus(1, g.q, &map))
    }

    /// `Z = A·W + 2^f·b`
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (layer, own) = site.layer()?;
        let name = site.name();
        let mut out = own.z.rounded(&format!("{name}.z"), &RESULT, &RESULT)?;
        if let Some(b) = bias(layer, own, &name)? {
            out = out.plus_form(-(1 << layer.a_in_frac), &weights_form(b, 0, &[2]));
        }
        let (t, b) = (site.network.steps, site.network.batch);
        builder.product(Product {
            label: format!("{name}.forward"),
            axes: [t, b, layer.n_out, layer.n_in].map(|size| Domain::new(&[size])),
            left: site.input()?.value([2, 0, 1].map(DimMap::Axis))?,
            right: weights_form(&own.w, 0, &[2, 1]),
            coef: 1,
            out,
        });
        Ok(())
    }

    /// `∂A = ∂Z·Wᵀ`, arriving at the layer below.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let below = site.input()?;
        let (_, receives) = below.layer()?;
        let (layer, own) = site.layer()?;
        let name = format!("{}.g", below.name());
        let g = receives.g.as_ref().ok_or_else(|| missing(&name, "the arriving gradient"))?;
        let (t, b) = (site.network.steps, site.network.batch);
        builder.product(Product {
            label: format!("{}.backward", site.name()),
            axes: [t, b, layer.n_in, layer.n_out].map(|size| Domain::new(&[size])),
            left: site.gradient([2, 0, 1].map(DimMap::Axis))?,
            right: weights_form(&own.w, 0, &[1, 2]),
            coef: 1,
            out: g.rounded(&name, &RESULT, &RESULT)?,
        });
        Ok(())
    }

    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let (layer, own) = site.layer()?;
        let bounded = site.consumer()?.operator().bounds_input();
        let bound = if bounded { Bound::Elsewhere } else { Bound::Here };
        let (name, domain) = (format!("{}.z", site.name()), site.domain(layer));
        constrain_rounding(builder, pointwise, &name, &domain, &own.z, &axes(3), bound)
    }

    /// The weights' gradient as a product, the biases' as a sum; the update of both.
    fn parameters(
        &self,
        builder: &mut RelationBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let (layer, own) = site.layer()?;
        let steps = site.network.steps;
        let name = format!("{}.w", site.name());
        let domain = Domain::new(&[layer.n_in, steps, layer.n_out]);
        let rule = optimizer::Change::new(site.network, layer, &own.w, name, domain)?;
        let (coef, out) = rule.gradient()?;
        let (i, j) = (layer.n_in, layer.n_out);
        builder.product(Product {
            label: format!("{}.gradient", rule.name),
            axes: [steps, i, j, site.network.batch].map(|size| Domain::new(&[size])),
            left: site.input()?.value([1, 0, 2].map(DimMap::Axis))?,
            right: site.gradient([1, 0, 2].map(DimMap::Axis))?,
            coef: coef.into(),
            out,
        });
        rule.finish(builder)?;
        match bias(layer, own, &site.name())? {
            Some(b) => bias_gradient(builder, site, layer, b),
            None => Ok(()),
        }
    }

    fn room(&self, network: &Network, layer: &Layer, trace: &mut LayerTrace) {
        let outputs = network.window() * layer.n_out;
        let weights = network.steps * layer.n_in * layer.n_out;
        let biases = layer.bias.then_some(network.steps * layer.n_out);
        trace.z = Rounded::room(outputs);
        trace.g = layer.g.map(|_| Rounded::room(outputs));
        trace.clip_w = layer.clip.map(|_| Rounded::room(weights));
        trace.clip_b = layer.clip.and(biases).map(Rounded::room);
        trace.update_w = Rounded::room(weights);
        trace.update_b = biases.map(Rounded::room);
    }
}

fn bias_gradient(
    builder: &mut RelationBuilder,
    site: &Site<'_>,
    layer: &Layer,
    b: &ParameterIds,
) -> Result<(), CompileError> {
    let sum = site.gradient([DimMap::Axis(1), DimMap::Axis(0), DimMap::Sum])?;
    let sum = Form::zero().plus_form(1 << layer.a_in_frac, &sum);
    let domain = Domain::new(&[layer.n_out, site.network.steps]);
    let rule =
        optimizer::Change::new(site.network, layer, b, format!("{}.b", site.name()), domain)?;
    let (coef, form) = rule.gradient()?;
    let domain = Domain::new(&[site.network.steps, layer.n_out]);
    let form = form.plus_form(-i128::from(coef), &sum);
    builder.linear(format!("{}.gradient", rule.name), domain, form);
    rule.finish(builder)
}

/// The biases of a layer that has them.
fn bias<'a>(
    layer: &Layer,
    own: &'a LayerIds,
    name: &str,
) -> Result<Option<&'a ParameterIds>, CompileError> {
    if layer.bias == own.b.is_some() {
        return Ok(own.b.as_ref());
    }
    Err(differs(name, "biases"))
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for Linear {
    /// `z = round_sat(A·W + 2^a_in_frac·b)`
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let (layer, n) = (pass.layer, pass.layer.n_out);
        pass.expect("the input", pass.samples * layer.n_in, input.len())?;
        pass.expect("the weights", layer.n_in * n, pass.parameters.w.len())?;
        let input = pass.kernels.matrix(input, pass.samples, layer.n_in);
        let weights = pass.kernels.matrix(&pass.parameters.w, layer.n_in, n);
        let x = pass.kernels.product(Operand::Straight(&input), Operand::Straight(&weights));
        let len = pass.samples * n;
        pass.expect("the output", len, x.len())?;
        (kept.input, kept.weights) = (Some(input), Some(weights));
        let z = match &pass.parameters.b {
            Some(b) => {
                pass.expect("the biases", n, b.len())?;
                let biased = |i: usize| x[i] + (i64::from(b[i % n]) << layer.a_in_frac);
                pass.round("z", &mut trace.z, len, &layer.z, biased)?
            }
            None => pass.round("z", &mut trace.z, len, &layer.z, |i| x[i])?,
        };
        Ok(z.to_vec())
    }

    /// `g = round_sat(D·Wᵀ)` of the layer below; nobody needs the gradient of the window's inputs.
    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let layer = pass.layer;
        pass.expect("the gradient", pass.samples * layer.n_out, gradient.len())?;
        let gradient =
            &*kept.gradient.insert(pass.kernels.matrix(gradient, pass.samples, layer.n_out));
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let weights = kept.weights.as_ref().ok_or_else(|| pass.wrong("the weights kept", 1, 0))?;
        let x = pass.kernels.product(Operand::Straight(gradient), Operand::Transposed(weights));
        let receives = pass.network.layers.get(below).and_then(|below| below.g.as_ref());
        let g = traces.get_mut(below).and_then(|trace| trace.g.as_mut());
        let (spec, g) = receives.zip(g).ok_or_else(|| pass.wrong("the layer below's g", 1, 0))?;
        Ok(pass.round("the layer below's g", g, x.len(), spec, |i| x[i])?.to_vec())
    }

    fn update<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        velocity: Option<&LayerParameters>,
        kept: &SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Option<LayerParameters>, Untraced> {
        let (Some(input), Some(d)) = (&kept.input, &kept.gradient) else {
            return Err(pass.wrong("what is kept", 1, 0));
        };
        let rule = Rule { pass };
        let gradient = pass.kernels.product(Operand::Transposed(input), Operand::Straight(d));
        let (clip, update) = (&mut trace.clip_w, &mut trace.update_w);
        let before = velocity.map(|v| &v.w[..]);
        let w = rule.apply(&gradient, &pass.parameters.w, before, clip, update)?;
        let Some(b) = &pass.parameters.b else {
            return Ok(Some(LayerParameters { w, b: None }));
        };
        // A bias is a weight whose input is one.
        let ones = pass.kernels.matrix(&vec![1; pass.samples], 1, pass.samples);
        let mut gradient = pass.kernels.product(Operand::Straight(&ones), Operand::Straight(d));
        gradient.iter_mut().for_each(|x| *x <<= pass.layer.a_in_frac);
        let update = trace.update_b.as_mut().ok_or_else(|| pass.wrong("update_b", 1, 0))?;
        let before = velocity.and_then(|v| v.b.as_deref());
        let b = rule.apply(&gradient, b, before, &mut trace.clip_b, update)?;
        Ok(Some(LayerParameters { w, b: Some(b) }))
    }
}
