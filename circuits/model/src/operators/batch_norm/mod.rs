//! Batch norm: every channel to mean 0 and deviation 1 over batch and positions, then scaled and shifted by learned
//! numbers. Evaluation uses running means and deviations in place of the batch's.
//!
//! Per number nothing is committed to but what is rounded: `z`, and the gradient that is sent. All else is a wide integer
//! of each channel and step, written in digits: `bounds.rs` says how many, `relation.rs` what holds of them, and
//! `arithmetic.rs` computes them. docs/quantization.md is the specification.

mod arithmetic;
mod bounds;
mod relation;
#[cfg(test)]
pub(super) mod tests;

pub use arithmetic::Normed;
pub(crate) use bounds::count;
pub use bounds::{GAIN_FRAC, Norm, SCALE_FRAC};

use super::moments::SENT_FRAC;
use super::optimizer::{self, Blocks};
use super::site::differs;
use super::{Scale, Sent, Transform};
use crate::compile::{CompileError, Declaration, ParameterIds};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, Shape, Wide, no_kernel,
    no_weights,
};

/// Batch norm.
#[derive(Debug)]
pub(crate) struct BatchNorm;

impl Transform for BatchNorm {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        no_kernel(field, spec)?;
        no_weights(field, spec)?;
        let shape = Shape::new(spec.kind, input, *input);
        Ok(Shape { n_in: 1, n_out: input.channels, bias: true, ..shape })
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
        let back = lowering.backward(l, shape.activation, a_frac, above)?;
        let (norm, z) = bounds::norm(lowering, l, shape, input, back.gradient.max)?;
        let grad_frac = back.gradient.frac + GAIN_FRAC;
        let grad_max = norm.gradient;
        let (clip, step) = optimizer::clip(lowering, l, grad_frac, grad_max)?;
        let update = optimizer::update(lowering, l, step)?;
        let epsilon = optimizer::epsilon(lowering, step.0)?;
        Ok(Layer {
            epsilon,
            grad_frac,
            // At most about 2·2^16·2^16·2^8.
            grad_max: i64::try_from(grad_max).unwrap_or(i64::MAX),
            clip,
            update: Some(update),
            eta: q.eta,
            norm: Some(norm),
            ..back.layer(shape, q.z_frac, (input, a_frac), z)
        })
    }

    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        let largest = layer.norm.as_ref().map_or(0, |norm| norm.sent);
        let own = layer.d_frac + (SCALE_FRAC - layer.a_in_frac) + SENT_FRAC;
        let wide = Wide::symmetric(field, "a backpropagated gradient before rounding", largest);
        Ok(Sent::Tensor(wide.rescale(own, frac)?))
    }

    fn block(&self, layer: &Layer) -> Vec<(&'static str, Vec<usize>)> {
        let n = layer.n_out;
        vec![("w", vec![n]), ("b", vec![n]), ("s", vec![2, n])]
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        let norm = layer.norm.as_ref().ok_or_else(|| differs(own.name, "its bounds"))?;
        own.wide(&norm.parts(), layer.n_out)?;
        own.rounded("z", &layer.z, &layer.output)
    }

    fn learns(
        &self,
        layer: &Layer,
        own: &mut Declaration<'_>,
        blocks: &mut Blocks<'_>,
    ) -> Result<(Option<ParameterIds>, Option<ParameterIds>), CompileError> {
        let sizes = [layer.n_out, own.network.steps];
        let w = optimizer::tensors(layer, "w", &sizes, own, blocks)?;
        let b = optimizer::tensors(layer, "b", &sizes, own, blocks)?;
        Ok((Some(w), Some(b)))
    }

    fn tracks(
        &self,
        layer: &Layer,
        own: &mut Declaration<'_>,
        blocks: &mut Blocks<'_>,
    ) -> Result<Option<ParameterIds>, CompileError> {
        let norm = layer.norm.as_ref().ok_or_else(|| differs(own.name, "its bounds"))?;
        let (name, sizes) = (format!("{}.s", own.name), [2, own.network.steps, layer.n_out]);
        let spec = (&norm.statistics, None);
        optimizer::rounded_update(spec, &name, &sizes, own, blocks).map(Some)
    }
}
