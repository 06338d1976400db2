//! `Z = A·W + b`: layers whose outputs are products with weights. A linear layer takes all of its input at
//! once; a convolution the part of an image that its kernel covers, at every place of the kernel.

use super::geometry::Geometry;
use super::optimizer::{self, Blocks, LayerState, Rule, weights_form};
use super::site::{Site, differs, missing};
use super::{
    Arithmetic, Operand, Operator, Pass, SavedTensors, Scale, Sent, TensorKernels, Transform,
    Untraced,
};
use crate::compile::{
    CompileError, Declaration, LayerIds, ParameterIds, PointwiseBuilder, RelationBuilder,
    real_positions,
};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, ManifestErrorKind, Shape, Wide,
    width,
};
use crate::relation::{DimMap, Domain, Linear as Form, Product};
use crate::trace::{LayerParameters, LayerTrace};

/// What tells one such layer from another: its shape.
pub(crate) trait Weights: Sync {
    /// What it makes of its input.
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError>;

    /// Columns of the weights that meet one number of the input.
    fn columns(&self, layer: &Layer) -> usize {
        layer.n_out
    }
}

/// A layer with weights.
#[derive(Debug)]
pub(crate) struct Affine<W>(pub W);

/// The columns of the weights that a layer has to have.
pub(super) fn columns(field: &str, spec: &LayerSpec) -> Result<usize, ManifestError> {
    let out = format!("{field}.out");
    let missing = || ManifestError::new(out.clone(), ManifestErrorKind::Missing);
    let n_out = spec.out.ok_or_else(missing)?;
    width(&out, n_out)?;
    Ok(n_out)
}

/// Shapes and scales, and the tensors that they give.
impl<W: Weights> Transform for Affine<W> {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        self.0.shape(field, spec, input)
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
        let bias = if shape.bias { 1i128 << input.frac } else { 0 };
        let field = format!("quantization.layers[{l}].z_frac");
        let largest = (shape.n_in as i128 * i128::from(input.max) + bias) * lowering.weight_max();
        let z = Wide::symmetric(&field, "a layer's output before rounding", largest)
            .rescale(input.frac + lowering.q.weight_frac, q.z_frac)?;
        let back = lowering.backward(l, shape.activation, a_frac, above)?;
        let grad_frac = input.frac + back.gradient.frac;
        let grad_max = (lowering.manifest.padded_batch() * shape.output.positions()) as i128
            * i128::from(input.max.max(1 << input.frac))
            * i128::from(back.gradient.max);
        let (clip, step) = optimizer::clip(lowering, l, grad_frac, grad_max)?;
        let update = optimizer::update(lowering, l, step)?;
        let epsilon = optimizer::epsilon(lowering, step.0)?;
        Ok(Layer {
            epsilon,
            grad_frac,
            // At most 2^12·2^24·2^15·2^16: as it is bounded below, it fits.
            grad_max: i64::try_from(grad_max).unwrap_or(i64::MAX),
            clip,
            update: Some(update),
            eta: q.eta,
            ..back.layer(shape, q.z_frac, (input, a_frac), z)
        })
    }

    fn sends(
        &self,
        lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        let places = layer.kernel.map_or(1, |kernel| kernel.overlap().pow(2));
        let terms = (places * self.0.columns(layer)) as i128;
        let largest = terms * i128::from(layer.d_max) * lowering.weight_max();
        let wide = Wide::symmetric(field, "a backpropagated gradient before rounding", largest);
        Ok(Sent::Tensor(wide.rescale(layer.d_frac + lowering.q.weight_frac, frac)?))
    }

    fn block(&self, layer: &Layer) -> Vec<(&'static str, Vec<usize>)> {
        let biases = layer.bias.then(|| ("b", vec![layer.n_out]));
        let weights = layer.rows().into_iter().chain([layer.n_out]).collect();
        core::iter::once(("w", weights)).chain(biases).collect()
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
        let steps = own.network.steps;
        let rows = layer.rows().into_iter();
        let weights: Vec<usize> = rows.chain([steps, layer.n_out]).collect();
        let w = optimizer::tensors(layer, "w", &weights, own, blocks)?;
        let biases = [layer.n_out, steps];
        let b = layer.bias.then(|| optimizer::tensors(layer, "b", &biases, own, blocks));
        Ok((Some(w), b.transpose()?))
    }
}

/// Relations.
impl<W: Weights> Operator for Affine<W> {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Form, CompileError> {
        Ok(Form::zero().plus(1, site.z()?.q, map))
    }

    /// Where it takes a layer's values: what it sends to that layer.
    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Form, CompileError> {
        site.sent_form(map)
    }

    /// `Z = A·W + 2^f·b`, for every position of the output.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (layer, own) = site.layer()?;
        let name = site.name();
        if !layer.is_consistent() {
            return Err(differs(&name, "its sizes"));
        }
        let (sides, meeting) = (layer.output.sides(), Geometry { layer }.forward(site.network));
        let ([channel, _, position], result) = (meeting.result, meeting.result(sides.len()));
        let mut out = site.z()?.rounded(&format!("{name}.z"), &result, &result)?;
        if let Some(b) = bias(layer, own, &name)? {
            let b = weights_form(b, 0, &[channel]);
            let sides = sides.iter().enumerate();
            let real = sides.flat_map(|(k, side)| real_positions(position + k, *side));
            out = out.plus_form(-(1 << layer.a_in_frac), &b.masked(&real.collect::<Vec<_>>()));
        }
        builder.product(Product {
            label: format!("{name}.forward"),
            left: site.input()?.value(&meeting.left)?,
            right: weights_form(weights(own, &name)?, 0, &meeting.weights),
            axes: meeting.axes,
            coef: 1,
            out,
        });
        Ok(())
    }

    /// `∂A = ∂Z·Wᵀ`, arriving at the layer below: for every position of its output, over the places of
    /// the kernel that cover it.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (layer, own) = site.layer()?;
        let (name, g) = site.sent()?;
        let meeting = Geometry { layer }.backward(site.network);
        let result = meeting.result(layer.input.sides().len());
        builder.product(Product {
            label: format!("{}.backward", site.name()),
            left: site.gradient(&meeting.left)?,
            right: weights_form(weights(own, &site.name())?, 0, &meeting.weights),
            axes: meeting.axes,
            coef: 1,
            out: g.rounded(&name, &result, &result)?,
        });
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

    /// The weights' gradient as a product, the biases' as a sum; the update of both.
    fn parameters(
        &self,
        builder: &mut RelationBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let (layer, own) = site.layer()?;
        let (network, rows) = (site.network, layer.rows());
        let name = format!("{}.w", site.name());
        let w = weights(own, &site.name())?;
        let rule = optimizer::Change::new(site, layer, w, name, &rows, &[layer.n_out])?;
        let (coef, out) = rule.gradient()?;
        let meeting = Geometry { layer }.gradient(network);
        let place = |axis: usize| meeting.order.get(axis).copied().unwrap_or(axis);
        builder.product(Product {
            label: format!("{}.gradient", rule.name),
            left: site.input()?.value(&meeting.left)?,
            right: site.gradient(&meeting.right)?,
            coef: coef.into(),
            out: out.renumbered(place),
            axes: meeting.axes,
        });
        rule.finish(builder)?;
        match bias(layer, own, &site.name())? {
            Some(b) => bias_gradient(builder, site, layer, b),
            None => Ok(()),
        }
    }
}

fn bias_gradient(
    builder: &mut RelationBuilder,
    site: &Site<'_>,
    layer: &Layer,
    b: &ParameterIds,
) -> Result<(), CompileError> {
    let mut map = vec![DimMap::Axis(1), DimMap::Axis(0), DimMap::Sum];
    map.resize(3 + layer.output.sides().len(), DimMap::Sum);
    let sum = Form::zero().plus_form(1 << layer.a_in_frac, &site.gradient(&map)?);
    let name = format!("{}.b", site.name());
    let rule = optimizer::Change::new(site, layer, b, name, &[layer.n_out], &[])?;
    let (coef, form) = rule.gradient()?;
    let domain = Domain::new(&[site.network.steps, layer.n_out]);
    let form = form.plus_form(-i128::from(coef), &sum);
    builder.linear(format!("{}.gradient", rule.name), domain, form);
    rule.finish(builder)
}

/// The weights.
fn weights<'a>(own: &'a LayerIds, name: &str) -> Result<&'a ParameterIds, CompileError> {
    own.w.as_ref().ok_or_else(|| missing(name, "its weights"))
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

/// `z = round_sat(x + 2^a_in_frac·b)`, traced.
// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
fn biased<K: TensorKernels>(
    pass: &Pass<'_, K>,
    x: &[i64],
    trace: &mut LayerTrace,
) -> Result<Vec<i32>, Untraced> {
    let (layer, n) = (pass.layer, pass.layer.n_out);
    let len = pass.samples * layer.output.count();
    pass.expect("the output", len, x.len())?;
    let z = match &pass.parameters.b {
        Some(b) => {
            pass.expect("the biases", n, b.len())?;
            let biased = |i: usize| x[i] + (i64::from(b[i % n]) << layer.a_in_frac);
            pass.round(&mut trace.tensors, "z", len, &layer.z, biased)?
        }
        None => pass.round(&mut trace.tensors, "z", len, &layer.z, |i| x[i])?,
    };
    Ok(z.to_vec())
}

/// The sums that are the gradients of weights and of biases, the latter without the input's one.
fn gradient_sums<K: TensorKernels>(
    pass: &Pass<'_, K>,
    kept: &SavedTensors<K::Matrix>,
) -> Result<(Vec<i64>, Vec<i64>), Untraced> {
    let (layer, geometry) = (pass.layer, Geometry { layer: pass.layer });
    if geometry.is_depthwise() {
        let mut sums = vec![0i64; layer.n_out];
        for arrived in kept.arrived.chunks_exact(layer.n_out.max(1)) {
            sums.iter_mut().zip(arrived).for_each(|(sum, d)| *sum += i64::from(*d));
        }
        let weights = geometry.weights_gradient(&kept.values, &kept.arrived, pass.samples);
        return Ok((weights, sums));
    }
    let (Some(input), Some(d)) = (&kept.input, &kept.gradient) else {
        return Err(pass.wrong("what is kept", 1, 0));
    };
    let weights = pass.kernels.product(Operand::Transposed(input), Operand::Straight(d));
    if !layer.bias {
        return Ok((weights, Vec::new()));
    }
    let rows = pass.samples * layer.output.positions();
    let ones = pass.kernels.matrix(&vec![1; rows], 1, rows);
    Ok((weights, pass.kernels.product(Operand::Straight(&ones), Operand::Straight(d))))
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl<W: Weights> Arithmetic for Affine<W> {
    /// `z = round_sat(A·W + 2^a_in_frac·b)`
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let (layer, n) = (pass.layer, pass.layer.n_out);
        pass.expect("the input", pass.samples * layer.input.count(), input.len())?;
        pass.expect("the weights", layer.n_in * n, pass.parameters.w.len())?;
        let rows = pass.samples * layer.output.positions();
        let geometry = Geometry { layer };
        if geometry.is_depthwise() {
            let x = geometry.weighed(input, &pass.parameters.w, pass.samples);
            kept.values = input.to_vec();
            return biased(pass, &x, trace);
        }
        let patches = geometry.patches(input, pass.samples);
        pass.expect("the patches of the input", rows * layer.n_in, patches.len())?;
        let input = pass.kernels.matrix(&patches, rows, layer.n_in);
        let weights = pass.kernels.matrix(&pass.parameters.w, layer.n_in, n);
        let x = pass.kernels.product(Operand::Straight(&input), Operand::Straight(&weights));
        (kept.input, kept.weights) = (Some(input), Some(weights));
        biased(pass, &x, trace)
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
        let (rows, geometry) = (pass.samples * layer.output.positions(), Geometry { layer });
        pass.expect("the gradient", rows * layer.n_out, gradient.len())?;
        if geometry.is_depthwise() {
            kept.arrived = gradient.to_vec();
            let Some(below) = pass.below else {
                return Ok(Vec::new());
            };
            let x = geometry.weighed_back(gradient, &pass.parameters.w, pass.samples);
            return pass.send(below, traces, x.len(), |i| x[i]);
        }
        let gradient = &*kept.gradient.insert(pass.kernels.matrix(gradient, rows, layer.n_out));
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let weights = kept.weights.as_ref().ok_or_else(|| pass.wrong("the weights kept", 1, 0))?;
        let x = pass.kernels.product(Operand::Straight(gradient), Operand::Transposed(weights));
        pass.expect("what each place sends", rows * layer.n_in, x.len())?;
        let x = geometry.gathered(x, pass.samples);
        pass.expect("what the layer sends", pass.samples * layer.input.count(), x.len())?;
        pass.send(below, traces, x.len(), |i| x[i])
    }

    fn update<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        state: &LayerState<'_>,
        kept: &SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Option<LayerParameters>, Untraced> {
        let rule = Rule { pass };
        let (gradient, mut of_biases) = gradient_sums(pass, kept)?;
        let own = trace.w.get_or_insert_default();
        let w = rule.apply(&gradient, &pass.parameters.w, &state.weights(), own)?;
        let Some(b) = &pass.parameters.b else {
            return Ok(Some(LayerParameters { w, b: None, s: None }));
        };
        // A bias is a weight whose input is one.
        of_biases.iter_mut().for_each(|x| *x <<= pass.layer.a_in_frac);
        let own = trace.b.get_or_insert_default();
        let b = rule.apply(&of_biases, b, &state.biases(), own)?;
        Ok(Some(LayerParameters { w, b: Some(b), s: None }))
    }
}
