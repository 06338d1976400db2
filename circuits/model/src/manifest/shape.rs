//! From the list of layers to linear layers with their activations.

use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::network::Activation;
use super::schema::{LayerKind, LayerSpec, Model};

/// Widest layer.
pub const MAX_WIDTH: usize = 65_536;
/// Most linear layers.
pub const MAX_LAYERS: usize = 64;

/// A linear layer before any scale is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
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
    let mut before = None;
    for (i, layer) in model.layers.iter().enumerate() {
        let after_linear = before.replace(layer.kind) == Some(LayerKind::Linear);
        let last = i + 1 == model.layers.len();
        let field = format!("model.layers[{i}]");
        match (activation(layer.kind), shapes.last_mut()) {
            (None, _) => {
                let shape = linear(&field, layer, n_in)?;
                n_in = shape.n_out;
                shapes.push(shape);
            }
            (Some(activation), Some(previous)) if after_linear && !last => {
                only_kind(&field, layer)?;
                previous.activation = activation;
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

fn activation(kind: LayerKind) -> Option<Activation> {
    match kind {
        LayerKind::Linear => None,
        LayerKind::Relu => Some(Activation::Relu),
        LayerKind::Sigmoid => Some(Activation::Sigmoid),
        LayerKind::Tanh => Some(Activation::Tanh),
    }
}

fn linear(field: &str, layer: &LayerSpec, n_in: usize) -> Result<Shape, ManifestError> {
    let out = format!("{field}.out");
    let n_out = layer.out.ok_or_else(|| ManifestError::new(out.clone(), Kind::Missing))?;
    width(&out, n_out)?;
    Ok(Shape { n_in, n_out, bias: layer.bias.unwrap_or(true), activation: Activation::Identity })
}

fn only_kind(field: &str, layer: &LayerSpec) -> Result<(), ManifestError> {
    for (name, present) in [("out", layer.out.is_some()), ("bias", layer.bias.is_some())] {
        if present {
            return Err(ManifestError::new(format!("{field}.{name}"), Kind::Unexpected));
        }
    }
    Ok(())
}

fn width(field: &str, got: usize) -> Result<(), ManifestError> {
    if (1..=MAX_WIDTH).contains(&got) { Ok(()) } else { Err(range(field, 1, MAX_WIDTH, got)) }
}

fn range(field: &str, min: usize, max: usize, got: usize) -> ManifestError {
    let [min, max, got] = [min, max, got].map(|x| x as i128);
    ManifestError::new(field, Kind::OutOfRange { min, max, got })
}
