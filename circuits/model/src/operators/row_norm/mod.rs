//! Layer norm and RMS norm: the numbers of one sample at one position to mean 0 and deviation 1, or to mean square 1. There
//! are no parameters: scales and shifts are those of a layer behind it.
//!
//! What is rounded for each number is `z`, and the gradient that is sent. All else is a wide integer of each position, sample
//! and step, written in digits: `bounds.rs` says how many, `relation.rs` what holds of them, and `arithmetic.rs`
//! computes them. docs/quantization.md is the specification.

mod arithmetic;
mod bounds;
mod relation;
#[cfg(test)]
mod tests;

pub use bounds::{INVERSE_BITS, RowBounds};

use super::moments::{MEAN_FRAC, SENT_FRAC};
use super::parameterless;
use super::site::differs;
use super::{Scale, Sent, Transform};
use crate::compile::{CompileError, Declaration};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, Shape, Wide, no_kernel,
    no_weights, range,
};

/// A norm over the channels of each position.
#[derive(Debug)]
pub(crate) struct RowNorm {
    /// Whether the mean is taken away.
    pub centred: bool,
}

/// Most numbers that are normalised together: a remainder of a division by them is one digit.
const MAX_COUNT: usize = 1 << 16;

impl Transform for RowNorm {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        no_kernel(field, spec)?;
        no_weights(field, spec)?;
        // A number less itself says nothing, and a number over its magnitude only the sign.
        if !(2..=MAX_COUNT).contains(&input.channels) {
            return Err(range(&format!("{field}: channels"), 2, MAX_COUNT, input.channels));
        }
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
        let z_frac = lowering.quantization(l)?.z_frac;
        let gradient = lowering.backward(l, shape.activation, a_frac, above)?.gradient.max;
        let field = format!("quantization.layers[{l}].z_frac");
        let (rows, largest) = bounds::rows(&field, self.centred, shape, (input, z_frac), gradient)?;
        let z = Wide::symmetric(&field, "a layer's output before rounding", largest)
            .rescale(INVERSE_BITS, z_frac)?;
        let layer = parameterless::layer(lowering, l, shape, (input, a_frac), z, above)?;
        Ok(Layer { rows: Some(rows), ..layer })
    }

    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        let largest = layer.rows.as_ref().map_or(0, |rows| rows.sent);
        let own = layer.d_frac + INVERSE_BITS - MEAN_FRAC - layer.a_in_frac + SENT_FRAC;
        let wide = Wide::symmetric(field, "a backpropagated gradient before rounding", largest);
        Ok(Sent::Tensor(wide.rescale(own, frac)?))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        let rows = layer.rows.as_ref().ok_or_else(|| differs(own.name, "its bounds"))?;
        own.wide_rows(&rows.parts(), layer.output.sides())?;
        own.rounded("z", &layer.z, &layer.output)
    }
}
