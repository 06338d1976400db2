//! A scale: every channel times a number of its own, and a number added to it.

use super::affine::Weights;
use crate::manifest::{
    Features, Layer, LayerSpec, ManifestError, ManifestErrorKind, Shape, no_kernel,
};

/// Channels at positions of an image, or numbers in a row, each with a weight and a bias.
#[derive(Debug)]
pub(crate) struct Scale;

impl Weights for Scale {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        no_kernel(field, spec)?;
        if spec.out.is_some() {
            let kind = ManifestErrorKind::Unexpected;
            return Err(ManifestError::new(format!("{field}.out"), kind));
        }
        let (n_out, bias) = (input.channels, spec.bias.unwrap_or(true));
        Ok(Shape { n_in: 1, n_out, bias, ..Shape::new(spec.kind, input, *input) })
    }

    fn columns(&self, _: &Layer) -> usize {
        1
    }
}
