//! The sum of the values of two layers: what goes around the layers in between. The gradient that arrives is passed on
//! to both as it is, and takes no tensor.

use super::parameterless;
use super::site::{Site, differs, missing};
use super::{
    Arithmetic, Operator, Pass, SavedTensors, Scale, Sends, Sent, TensorKernels, Transform,
    Untraced,
};
use crate::compile::{CompileError, Declaration, PointwiseBuilder, RelationBuilder, axes};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, ManifestErrorKind, Shape, Wide,
    no_kernel, no_weights,
};
use crate::relation::{DimMap, Linear};
use crate::trace::LayerTrace;

/// The sum of two.
#[derive(Debug)]
pub(crate) struct Add;

/// Factors that give two values the fractional bits of the finer one, as powers of two, and those bits.
fn aligned(a: u32, b: u32) -> ([u32; 2], u32) {
    let frac = a.max(b);
    ([frac - a, frac - b], frac)
}

impl Transform for Add {
    fn takes_two(&self) -> bool {
        true
    }

    fn shape_of_two(
        &self,
        field: &str,
        spec: &LayerSpec,
        [first, second]: [&Features; 2],
    ) -> Result<Shape, ManifestError> {
        if first != second {
            let kind = ManifestErrorKind::Unlike { expected: *first, got: *second };
            return Err(ManifestError::new(format!("{field}.with"), kind));
        }
        self.shape(field, spec, first)
    }

    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        no_weights(field, spec)?;
        no_kernel(field, spec)?;
        Ok(Shape::new(spec.kind, input, *input))
    }

    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        (input, a_frac): (Scale, u32),
        above: &Consumers<'_>,
    ) -> Result<Layer, ManifestError> {
        let with = lowering.with(l, shape)?;
        let ([first, second], frac) = aligned(input.frac, with.frac);
        let largest = (i128::from(input.max) << first) + (i128::from(with.max) << second);
        let field = format!("quantization.layers[{l}].z_frac");
        let z = Wide::symmetric(&field, "a sum before rounding", largest)
            .rescale(frac, lowering.quantization(l)?.z_frac)?;
        parameterless::layer(lowering, l, shape, (input, a_frac), z, above)
    }

    /// What arrives, with the bits of the gradient that it becomes a part of.
    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        passed_on(layer, field, frac)
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.rounded("z", &layer.z, &layer.output)
    }
}

/// What arrives at a layer, with the bits of the gradient that it becomes a part of.
pub(super) fn passed_on(layer: &Layer, field: &str, frac: u32) -> Result<Sent, ManifestError> {
    let coarse = ManifestErrorKind::NegativeShift { max: frac, got: layer.d_frac };
    let shift = frac.checked_sub(layer.d_frac).ok_or_else(|| ManifestError::new(field, coarse))?;
    let largest = i128::from(layer.d_max) << shift;
    Ok(Sent::Form(i64::try_from(largest).unwrap_or(i64::MAX)))
}

/// The same gradient, computed.
pub(super) fn passed<K>(pass: &Pass<'_, K>, gradient: &[i32]) -> Result<Vec<i32>, Untraced> {
    let below = pass.below.and_then(|below| pass.network.layers.get(below));
    let shift = below.and_then(|below| below.g_frac.checked_sub(pass.layer.d_frac));
    let shift = shift.ok_or_else(|| pass.wrong("the gradient's bits", 1, 0))?;
    Ok(gradient.iter().map(|g| g << shift).collect())
}

/// What scales a gradient with a sum's bits to those of the gradient at the input that is meant.
pub(super) fn passed_by(site: &Site<'_>) -> Result<i128, CompileError> {
    let (layer, below) = (site.layer()?.0, site.input()?);
    let shift = below.layer()?.0.g_frac.checked_sub(layer.d_frac);
    let shift = shift.ok_or_else(|| differs(&site.name(), "the bits of its gradient"))?;
    Ok(1 << shift)
}

impl Operator for Add {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    /// What arrives at the sum, at either of its inputs.
    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let scale = passed_by(site)?;
        Ok(Linear::zero().plus_form(scale, &site.gradient(map)?))
    }

    fn sends_as(&self) -> Sends {
        Sends::Form
    }

    /// `z` is the sum, rounded.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (name, domain) = (site.name(), site.domain(site.layer()?.0));
        let dims = axes(domain.axes.len());
        let [first, second] = &site.inputs()?[..] else {
            return Err(missing(&name, "one of two inputs"));
        };
        let fracs = [first, second].map(|input| input.layer().map(|(layer, _)| layer.a_frac));
        let [a, b] = fracs;
        let ([a, b], _) = aligned(a?, b?);
        let sum = site
            .z()?
            .rounded(&format!("{name}.z"), &dims, &dims)?
            .plus_form(-(1 << a), &first.value(&dims)?)
            .plus_form(-(1 << b), &second.value(&dims)?);
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

    /// Nothing: it has no parameters.
    fn parameters(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for Add {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let (layer, with) = (pass.layer, pass.with);
        let len = pass.samples * layer.output.count();
        pass.expect("the input", len, input.len())?;
        pass.expect("the other input", len, with.len())?;
        let other = layer.with.and_then(|with| pass.network.layers.get(with));
        let other = other.ok_or_else(|| pass.wrong("the other input", 1, 0))?;
        let ([a, b], _) = aligned(layer.a_in_frac, other.a_frac);
        let sum = |i: usize| (i64::from(input[i]) << a) + (i64::from(with[i]) << b);
        Ok(pass.round(&mut trace.tensors, "z", len, &layer.z, sum)?.to_vec())
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        _traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        passed(pass, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finer_of_two_scales_is_that_of_the_sum() {
        assert_eq!(aligned(10, 10), ([0, 0], 10));
        assert_eq!(aligned(7, 10), ([3, 0], 10));
        assert_eq!(aligned(10, 4), ([0, 6], 10));
    }
}
