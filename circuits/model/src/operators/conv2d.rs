//! A convolution: at every place of a square kernel, outputs are made of what it covers.

use super::affine::{Weights, columns};
use crate::manifest::{
    Features, Kernel, Layer, LayerSpec, MAX_KERNEL, ManifestError, ManifestErrorKind, Shape, range,
    width,
};

/// A convolution over images.
#[derive(Debug)]
pub(crate) struct Conv2d;

/// Strides of a convolution.
const MAX_STRIDE: usize = 2;

/// A convolution whose channels do not meet: each has a kernel of its own.
#[derive(Debug)]
pub(crate) struct DepthwiseConv2d;

impl Weights for DepthwiseConv2d {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        if spec.out.is_some() {
            let kind = ManifestErrorKind::Unexpected;
            return Err(ManifestError::new(format!("{field}.out"), kind));
        }
        let shape = over_image(field, spec, input, input.channels)?;
        Ok(Shape { n_in: shape.n_in / input.channels.max(1), ..shape })
    }

    fn columns(&self, _: &Layer) -> usize {
        1
    }
}

impl Weights for Conv2d {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        let n_out = columns(field, spec)?;
        over_image(field, spec, input, n_out)
    }
}

/// A kernel over an image, with so many channels of the output.
fn over_image(
    field: &str,
    spec: &LayerSpec,
    input: &Features,
    n_out: usize,
) -> Result<Shape, ManifestError> {
    let Some(sides) = input.image else {
        let kind = ManifestErrorKind::NoImage { layer: spec.kind };
        return Err(ManifestError::new(format!("{field}.kind"), kind));
    };
    let kernel = kernel(field, spec)?;
    let places = sides.map(|side| kernel.places(side));
    let [Some(height), Some(width_)] = places else {
        let (image, padding) = (sides[0].min(sides[1]), kernel.padding);
        let kind = ManifestErrorKind::KernelTooLarge { kernel: kernel.size, image, padding };
        return Err(ManifestError::new(format!("{field}.kernel"), kind));
    };
    let n_in = kernel.size * kernel.size * input.channels;
    width(field, n_in)?;
    let output = Features::image([height, width_, n_out]);
    width(field, output.count())?;
    let (bias, kernel) = (spec.bias.unwrap_or(true), Some(kernel));
    Ok(Shape { kernel, n_in, n_out, bias, ..Shape::new(spec.kind, input, output) })
}

fn kernel(field: &str, spec: &LayerSpec) -> Result<Kernel, ManifestError> {
    let path = |name: &str| format!("{field}.{name}");
    let missing = || ManifestError::new(path("kernel"), ManifestErrorKind::Missing);
    let size = spec.kernel.ok_or_else(missing)?;
    let (stride, padding) = (spec.stride.unwrap_or(1), spec.padding.unwrap_or(0));
    let within = |name: &str, min: usize, max: usize, got: usize| match (min..=max).contains(&got) {
        true => Ok(()),
        false => Err(range(&path(name), min, max, got)),
    };
    within("kernel", 1, MAX_KERNEL, size)?;
    within("stride", 1, MAX_STRIDE, stride)?;
    within("padding", 0, size - 1, padding)?;
    Ok(Kernel { size, stride, padding })
}
