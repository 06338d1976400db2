//! From the list of layers to linear layers with their activations.

use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::features::{Features, Kernel};
use super::network::Activation;
use super::schema::{LayerKind, LayerSpec, Model};
use crate::operators::Role;

/// Widest layer.
pub const MAX_WIDTH: usize = 65_536;
/// Longest side of an image, and most channels.
pub const MAX_SIDE: usize = 4096;
/// Largest kernel, along a side.
pub const MAX_KERNEL: usize = 7;
/// Most linear layers.
pub const MAX_LAYERS: usize = 64;

/// A linear layer before any scale is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The operator that the layer begins with.
    pub kind: LayerKind,
    /// What it takes.
    pub input: Features,
    /// What it puts out.
    pub output: Features,
    /// How its weights move over an image; none for one that takes all of its input at once.
    pub kernel: Option<Kernel>,
    /// Numbers that make up one of the output: rows of the weights.
    pub n_in: usize,
    /// Columns of the weights: channels of the output.
    pub n_out: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// What follows.
    pub activation: Activation,
}

/// The linear layers of a model, each with the activation that follows it.
///
/// # Errors
/// Names the layer that is out of order, lacks its width, or is too wide.
pub fn shapes(model: &Model) -> Result<Vec<Shape>, ManifestError> {
    let mut shapes: Vec<Shape> = Vec::new();
    let mut values = inputs(model)?;
    let mut follows_transform = false;
    for (i, layer) in model.layers.iter().enumerate() {
        let last = i + 1 == model.layers.len();
        let field = format!("model.layers[{i}]");
        refuse(
            &field,
            &[
                ("from", layer.from.is_some()),
                ("with", layer.with.is_some()),
                ("slope", layer.slope.is_some()),
            ],
        )?;
        match (layer.kind.role(), shapes.last_mut()) {
            (Role::Transform(operator), _) => {
                let shape = operator.shape(&field, layer, &values)?;
                let ends = shape.n_out > 0 && shape.kind != LayerKind::BatchNorm;
                if last && (!ends || shape.output.image.is_some()) {
                    return Err(out_of_order(&field, layer.kind, last));
                }
                values = shape.output;
                shapes.push(shape);
                follows_transform = true;
            }
            (Role::Elementwise(operator), Some(previous)) if follows_transform && !last => {
                only_kind(&field, layer)?;
                previous.activation = operator.activation();
                follows_transform = false;
            }
            _ => return Err(out_of_order(&field, layer.kind, last)),
        }
    }
    if shapes.is_empty() {
        return Err(ManifestError::new("model.layers", Kind::Missing));
    }
    if shapes.len() > MAX_LAYERS {
        return Err(range("model.layers", 1, MAX_LAYERS, shapes.len()));
    }
    Ok(shapes)
}

fn out_of_order(field: &str, got: LayerKind, last: bool) -> ManifestError {
    let expected = match last {
        true => "a linear layer at the end",
        false => "a layer that is no activation",
    };
    ManifestError::new(format!("{field}.kind"), Kind::LayerOrder { expected, got })
}

fn only_kind(field: &str, layer: &LayerSpec) -> Result<(), ManifestError> {
    let of_weights = [("out", layer.out.is_some()), ("bias", layer.bias.is_some())];
    refuse(field, &of_weights)?;
    no_kernel(field, layer)
}

/// Refuses a kernel's fields.
pub(crate) fn no_kernel(field: &str, layer: &LayerSpec) -> Result<(), ManifestError> {
    let fields = [("kernel", layer.kernel), ("stride", layer.stride), ("padding", layer.padding)];
    refuse(field, &fields.map(|(name, value)| (name, value.is_some())))
}

fn refuse(field: &str, fields: &[(&str, bool)]) -> Result<(), ManifestError> {
    match fields.iter().find(|(_, present)| *present) {
        Some((name, _)) => Err(ManifestError::new(format!("{field}.{name}"), Kind::Unexpected)),
        None => Ok(()),
    }
}

/// What the first layer takes.
fn inputs(model: &Model) -> Result<Features, ManifestError> {
    width("model.input", model.input)?;
    let Some(image) = model.image else { return Ok(Features::flat(model.input)) };
    for (axis, size) in image.into_iter().enumerate() {
        let field = format!("model.image[{axis}]");
        if size == 0 || size > MAX_SIDE {
            return Err(range(&field, 1, MAX_SIDE, size));
        }
    }
    let features = Features::image(image);
    if features.count() == model.input {
        return Ok(features);
    }
    let (expected, got) = (features.count(), model.input);
    Err(ManifestError::new("model.input", Kind::Count { expected, matches: "model.image", got }))
}

/// Refuses a width that no layer has.
pub(crate) fn width(field: &str, got: usize) -> Result<(), ManifestError> {
    if (1..=MAX_WIDTH).contains(&got) { Ok(()) } else { Err(range(field, 1, MAX_WIDTH, got)) }
}

pub(crate) fn range(field: &str, min: usize, max: usize, got: usize) -> ManifestError {
    let [min, max, got] = [min, max, got].map(|x| x as i128);
    ManifestError::new(field, Kind::OutOfRange { min, max, got })
}
