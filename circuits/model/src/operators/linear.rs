//! A linear layer: every output is made of every input.

use super::affine::{Weights, columns};
use crate::manifest::{Activation, Features, LayerSpec, ManifestError, Shape, no_kernel};

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
        Ok(Shape {
            kind: spec.kind,
            input: *input,
            output: Features::flat(n_out),
            kernel: None,
            n_in: input.count(),
            n_out,
            bias: spec.bias.unwrap_or(true),
            activation: Activation::Identity,
            from: None,
            with: None,
        })
    }
}
