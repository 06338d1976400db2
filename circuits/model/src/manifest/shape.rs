//! From the list of layers to linear layers with their activations.

use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::features::{Features, Kernel};
use super::network::Activation;
use super::schema::{LayerKind, LayerSpec, Model};
use crate::operators::{Role, Sends};

/// Widest layer.
pub const MAX_WIDTH: usize = 65_536;
/// Longest side of an image, and most channels.
pub const MAX_SIDE: usize = 4096;
/// Largest kernel, along a side.
pub const MAX_KERNEL: usize = 7;
/// Most linear layers.
pub const MAX_LAYERS: usize = 256;

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
    /// The layer whose values it takes; none for the inputs.
    pub from: Option<usize>,
    /// The layer whose values it takes too, if it takes those of two.
    pub with: Option<usize>,
    /// Heads of an attention; 0 of any other layer.
    pub heads: usize,
    /// Whether a softmax looks at no position behind a row's.
    pub causal: bool,
}

impl Shape {
    /// Of a layer without weights, kernel or activation.
    pub fn new(kind: LayerKind, input: &Features, output: Features) -> Self {
        Self {
            kind,
            input: *input,
            output,
            kernel: None,
            n_in: 0,
            n_out: 0,
            bias: false,
            activation: Activation::Identity,
            from: None,
            with: None,
            heads: 0,
            causal: false,
        }
    }
}

/// Most layers that take the values of one.
const MAX_TAKERS: usize = 8;
/// Most tensors that a gradient is the sum of. What sums pass on to sums doubles with each of them.
const MAX_SUMMANDS: usize = 64;

/// The layers of a model, each with the activation that follows it.
///
/// # Errors
/// Names the layer that is out of order, lacks its width, is too wide, or takes what is not there.
pub fn shapes(model: &Model) -> Result<Vec<Shape>, ManifestError> {
    // First, as what follows looks at each layer for each.
    let count = model.layers.iter().filter(|layer| layer.kind.begins_layer()).count();
    if count > MAX_LAYERS {
        return Err(range("model.layers", 1, MAX_LAYERS, count));
    }
    let mut all = Shapes { model, inputs: inputs(model)?, shapes: Vec::new(), entries: Vec::new() };
    for i in 0..model.layers.len() {
        all.entry(i)?;
    }
    let Shapes { shapes, .. } = all;
    if shapes.is_empty() {
        return Err(ManifestError::new("model.layers", Kind::Missing));
    }
    Ok(shapes)
}

/// The layers of the entries so far.
struct Shapes<'a> {
    model: &'a Model,
    inputs: Features,
    shapes: Vec<Shape>,
    /// The layer of each entry.
    entries: Vec<usize>,
}

impl Shapes<'_> {
    fn entry(&mut self, i: usize) -> Result<(), ManifestError> {
        let Some(layer) = self.model.layers.get(i) else { return Ok(()) };
        let last = i + 1 == self.model.layers.len();
        let field = format!("model.layers[{i}]");
        let is = |kind: LayerKind| layer.kind == kind;
        refuse(
            &field,
            &[
                ("slope", layer.slope.is_some() && !is(LayerKind::LeakyRelu)),
                ("heads", layer.heads.is_some() && !is(LayerKind::AttentionScores)),
                ("causal", layer.causal.is_some() && !is(LayerKind::Softmax)),
            ],
        )?;
        let follows_transform = i.checked_sub(1).is_some_and(|before| self.begins_layer(before));
        match (layer.kind.role(), self.shapes.last_mut()) {
            (Role::Transform(operator), _) => {
                let (from, with) = self.sources(&field, layer, operator.takes_two())?;
                let values = self.values(from);
                let shape = match with {
                    None => operator.shape(&field, layer, &values)?,
                    Some(_) => {
                        let both = [&values, &self.values(with)];
                        operator.shape_of_two(&field, layer, both)?
                    }
                };
                if last && !matches!(shape.kind, LayerKind::Linear | LayerKind::Conv2d) {
                    return Err(out_of_order(&field, layer.kind, last));
                }
                self.shapes.push(Shape { from, with, ..shape });
            }
            (Role::Elementwise(operator), Some(previous)) if follows_transform && !last => {
                only_kind(&field, layer)?;
                previous.activation = operator.activation(&field, layer)?;
            }
            _ => return Err(out_of_order(&field, layer.kind, last)),
        }
        self.entries.push(self.shapes.len() - 1);
        if last { self.all_taken().and_then(|()| self.few_summands()) } else { Ok(()) }
    }

    fn begins_layer(&self, entry: usize) -> bool {
        self.model.layers.get(entry).is_some_and(|layer| layer.kind.begins_layer())
    }

    /// What a layer puts out, or the inputs.
    fn values(&self, layer: Option<usize>) -> Features {
        let shape = layer.and_then(|layer| self.shapes.get(layer));
        shape.map_or(self.inputs, |shape| shape.output)
    }

    /// The layers whose values a layer takes that is about to be added.
    fn sources(
        &self,
        field: &str,
        spec: &LayerSpec,
        two: bool,
    ) -> Result<(Option<usize>, Option<usize>), ManifestError> {
        let named = |name: &str, entry: Option<usize>| {
            entry.map(|entry| self.output(format!("{field}.{name}"), entry)).transpose()
        };
        let from = named("from", spec.from)?.or(self.shapes.len().checked_sub(1));
        let with = named("with", spec.with)?;
        let field = format!("{field}.with");
        match with {
            Some(_) if !two => return Err(ManifestError::new(field, Kind::Unexpected)),
            None if two => return Err(ManifestError::new(field, Kind::Missing)),
            Some(_) if with == from => return Err(ManifestError::new(field, Kind::Twice)),
            _ => {}
        }
        Ok((from, with))
    }

    /// The layer whose output the values of an entry are.
    fn output(&self, field: String, entry: usize) -> Result<usize, ManifestError> {
        let Some(layer) = self.entries.get(entry) else {
            let kind = Kind::NotBefore { entry, entries: self.entries.len() };
            return Err(ManifestError::new(field, kind));
        };
        match self.entries.get(entry + 1) {
            Some(next) if next == layer => Err(ManifestError::new(field, Kind::Inner { entry })),
            _ => Ok(*layer),
        }
    }

    /// Whether every layer's values are taken, and not by too many.
    fn all_taken(&self) -> Result<(), ManifestError> {
        let last = self.shapes.len().saturating_sub(1);
        for l in 0..last {
            let kind = match self.takers(l).count() {
                0 => Kind::Unused,
                1..=MAX_TAKERS => continue,
                got => Kind::Crowded { max: MAX_TAKERS, got },
            };
            return Err(self.at(l, kind));
        }
        Ok(())
    }

    /// The layers that take a layer's values.
    fn takers(&self, l: usize) -> impl Iterator<Item = (usize, &Shape)> {
        let takes = move |shape: &Shape| [shape.from, shape.with].contains(&Some(l));
        self.shapes.iter().enumerate().filter(move |(_, shape)| takes(shape))
    }

    fn at(&self, l: usize, kind: Kind) -> ManifestError {
        let entry = self.entries.iter().position(|layer| *layer == l);
        let field =
            entry.map_or("model.layers".to_owned(), |entry| format!("model.layers[{entry}]"));
        ManifestError::new(field, kind)
    }

    /// Whether no gradient is the sum of too many tensors: a sum without an activation passes on all that arrives.
    fn few_summands(&self) -> Result<(), ManifestError> {
        // Of the gradient at each layer's output, from the last one: the loss' has two.
        let mut summands = vec![2usize; self.shapes.len()];
        for l in (0..self.shapes.len().saturating_sub(1)).rev() {
            let sent = self.takers(l).map(|(p, shape)| {
                let passes = passes_on(shape.kind) && shape.activation == Activation::Identity;
                summands.get(p).copied().filter(|_| passes).unwrap_or(1)
            });
            let got = sent.fold(0, usize::saturating_add);
            if got > MAX_SUMMANDS {
                return Err(self.at(l, Kind::Summands { max: MAX_SUMMANDS, got }));
            }
            if let Some(summands) = summands.get_mut(l) {
                *summands = got;
            }
        }
        Ok(())
    }
}

/// Whether what such a layer sends is what arrives at it.
fn passes_on(kind: LayerKind) -> bool {
    kind.operator().sends_as() == Sends::Form
}

fn out_of_order(field: &str, got: LayerKind, last: bool) -> ManifestError {
    let expected = match last {
        true => "a linear layer or a convolution at the end",
        false => "a layer that is no activation",
    };
    ManifestError::new(format!("{field}.kind"), Kind::LayerOrder { expected, got })
}

fn only_kind(field: &str, layer: &LayerSpec) -> Result<(), ManifestError> {
    no_weights(field, layer)?;
    refuse(field, &[("from", layer.from.is_some()), ("with", layer.with.is_some())])?;
    no_kernel(field, layer)
}

/// Refuses the fields of layers with weights.
pub(crate) fn no_weights(field: &str, layer: &LayerSpec) -> Result<(), ManifestError> {
    refuse(field, &[("out", layer.out.is_some()), ("bias", layer.bias.is_some())])
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
