//! A linear layer: every output is made of every input.

use super::affine::{Weights, columns};
use crate::manifest::{Features, LayerSpec, ManifestError, Shape, no_kernel};

/// A linear layer.
#[derive(Debug)]
pub(crate) struct Linear;

impl Weights for Linear {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        no_kernel(field, spec)?;
        let n_out = columns(field, spec)?;
        let shape = Shape::new(spec.kind, input, Features::flat(n_out));
        Ok(Shape { n_in: input.count(), n_out, bias: spec.bias.unwrap_or(true), ..shape })
    }
}
