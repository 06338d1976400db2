//! From the list of layers to linear layers with their activations.

use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::network::Activation;
use super::schema::{LayerKind, LayerSpec, Model};
use crate::operators::Role;

/// Widest layer.
pub const MAX_WIDTH: usize = 65_536;
/// Most linear layers.
pub const MAX_LAYERS: usize = 64;

/// A linear layer before any scale is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The operator that the layer begins with.
    pub kind: LayerKind,
    /// Input width.
    pub n_in: usize,
    /// Output width.
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
    width("model.input", model.input)?;
    let mut shapes: Vec<Shape> = Vec::new();
    let mut n_in = model.input;
    let mut follows_weighted = false;
    for (i, layer) in model.layers.iter().enumerate() {
        let last = i + 1 == model.layers.len();
        let field = format!("model.layers[{i}]");
        match (layer.kind.role(), shapes.last_mut()) {
            (Role::Weighted(operator), _) => {
                let shape = operator.shape(&field, layer, n_in)?;
                n_in = shape.n_out;
                shapes.push(shape);
                follows_weighted = true;
            }
            (Role::Elementwise(operator), Some(previous)) if follows_weighted && !last => {
                only_kind(&field, layer)?;
                previous.activation = operator.activation();
                follows_weighted = false;
            }
            _ => {
                let expected = if last { "a linear layer at the end" } else { "a linear layer" };
                return Err(ManifestError::new(
                    format!("{field}.kind"),
                    Kind::LayerOrder { expected, got: layer.kind },
                ));
            }
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

fn only_kind(field: &str, layer: &LayerSpec) -> Result<(), ManifestError> {
    for (name, present) in [("out", layer.out.is_some()), ("bias", layer.bias.is_some())] {
        if present {
            return Err(ManifestError::new(format!("{field}.{name}"), Kind::Unexpected));
        }
    }
    Ok(())
}

/// Refuses a width that no layer has.
pub(crate) fn width(field: &str, got: usize) -> Result<(), ManifestError> {
    if (1..=MAX_WIDTH).contains(&got) { Ok(()) } else { Err(range(field, 1, MAX_WIDTH, got)) }
}

fn range(field: &str, min: usize, max: usize, got: usize) -> ManifestError {
    let [min, max, got] = [min, max, got].map(|x| x as i128);
    ManifestError::new(field, Kind::OutOfRange { min, max, got })
}
