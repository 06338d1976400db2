//! From a manifest to a [`Network`]: scales, multipliers and bounds of every layer.

use super::bounds::weight_bits;
use super::derive::{MAX_LAMBDA_ERROR, derive_lambda, derive_mu, lambda_error};
use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::features::Features;
use super::network::{Activation, Layer, Network, RoundSpec, bit_length};
use super::optimizer::OptimizerKind;
use super::schema::{LayerKind, LayerQuantization, Manifest, Quantization};
use super::shape::{Shape, shapes};
use crate::operators::{ARRIVING, Adam, Elementwise, Scale, Sent, Transform};

const I16_MAX_MAGNITUDE: i64 = 1 << 15;
/// Most bits of the magnitude of a gradient that arrives at a layer: it is a cell of 32 bits where a rectifier follows.
const MAX_GRADIENT_BITS: u32 = 30;

/// Lowers a manifest whose other fields have been checked.
pub(super) fn lower(manifest: &Manifest) -> Result<Network, ManifestError> {
    let q = manifest
        .quantization
        .as_ref()
        .ok_or_else(|| ManifestError::new("quantization", Kind::Missing))?;
    let shapes = shapes(&manifest.model)?;
    if q.layers.len() != shapes.len() {
        let kind = Kind::Count {
            expected: shapes.len(),
            matches: "the layers that are no activations",
            got: q.layers.len(),
        };
        return Err(ManifestError::new("quantization.layers", kind));
    }
    check_multipliers(manifest, q)?;
    let lowering = Lowering {
        manifest,
        q,
        weight_bits: weight_bits(q.weight_init_bits, manifest.training.max_steps)?,
        outputs: outputs(q, &shapes)?,
        labels: manifest.labels_in_step(&shapes),
    };
    Ok(Network {
        input: manifest.model.input,
        features: shapes.first().map_or(Features::flat(manifest.model.input), |first| first.input),
        layers: lowering.layers(&shapes)?,
        loss: manifest.model.loss,
        batch: manifest.padded_batch(),
        steps: manifest.training.steps_per_proof,
        max_steps: manifest.training.max_steps,
        momentum: q.mu != 0,
        mu: q.mu,
        adam: Adam::of(manifest, q.weight_frac)?,
        lambda: q.lambda,
        one_hot: manifest.model.loss.function().one_hot() && manifest.data.classes.is_some(),
        weighted: manifest.data.weighted,
        tokens: manifest.data.tokens.is_some(),
        row_log: q.row_log,
        input_frac: q.input_frac,
        weight_frac: q.weight_frac,
        weight_init_bits: q.weight_init_bits,
        weight_bits: lowering.weight_bits,
    })
}

fn check_multipliers(manifest: &Manifest, q: &Quantization) -> Result<(), ManifestError> {
    let optimizer = &manifest.optimizer;
    derived("quantization.mu", derive_mu(optimizer), q.mu)?;
    derived("quantization.lambda", derive_lambda(optimizer), q.lambda)?;
    if optimizer.momentum > 0.0 && q.mu == 0 {
        return Err(ManifestError::new("optimizer.momentum", Kind::Vanishes));
    }
    if optimizer.weight_decay > 0.0 {
        let (got, nearest) = lambda_error(optimizer);
        // Not so of a decay that is zero in double precision, whose error is no number.
        let fits = got <= MAX_LAMBDA_ERROR;
        if !fits {
            let kind = Kind::ImpreciseDecay { max: MAX_LAMBDA_ERROR, got, nearest };
            return Err(ManifestError::new("optimizer.weight_decay", kind));
        }
    }
    Ok(())
}

/// Refuses a multiplier that is not what the hyper-parameters give.
pub(crate) fn derived(
    field: impl Into<String>,
    expected: i64,
    got: i64,
) -> Result<(), ManifestError> {
    if expected == got {
        Ok(())
    } else {
        Err(ManifestError::new(field, Kind::Derived { expected, got }))
    }
}

/// What scales are inferred from.
pub(crate) struct Lowering<'a> {
    pub manifest: &'a Manifest,
    pub q: &'a Quantization,
    /// Parameters stay below two to this power in magnitude.
    weight_bits: u32,
    /// Scales of every layer's output.
    outputs: Vec<Scale>,
    /// Labels whose mean loss a step follows.
    pub labels: usize,
}

/// The layers that take a layer's values, with their indices, in order. None of the last one, whose values the loss
/// takes.
pub(crate) type Consumers<'a> = [(usize, &'a Layer)];

/// The gradient that arrives at a layer's output, the sum of what all send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving {
    /// Smallest number.
    pub lo: i64,
    /// Largest number.
    pub hi: i64,
}

impl Arriving {
    fn largest(self) -> i64 {
        self.hi.max(-self.lo)
    }
}

/// The backward pass through what follows a layer.
pub(crate) struct Backward {
    /// The roundings of the gradients that arrive.
    pub g: Vec<RoundSpec>,
    /// Their fractional bits.
    pub g_frac: u32,
    /// The rounding of the derivative product.
    pub d: Option<RoundSpec>,
    /// The gradient with respect to the layer's output.
    pub gradient: Scale,
}

impl Backward {
    /// The layer of these scales, without what becomes of parameters.
    pub fn layer(
        self,
        shape: &Shape,
        z_frac: u32,
        (input, a_frac): (Scale, u32),
        z: RoundSpec,
    ) -> Layer {
        Layer {
            kind: shape.kind,
            from: shape.from,
            with: shape.with,
            input: shape.input,
            output: shape.output,
            kernel: shape.kernel,
            n_in: shape.n_in,
            n_out: shape.n_out,
            bias: shape.bias,
            activation: shape.activation,
            a_in_frac: input.frac,
            a_in_max: input.max,
            z_frac,
            a_frac,
            g_frac: self.g_frac,
            d_frac: self.gradient.frac,
            d_max: self.gradient.max,
            grad_frac: 0,
            grad_max: 0,
            z,
            g: self.g,
            d: self.d,
            clip: None,
            update: None,
            eta: 0,
            epsilon: 0,
            norm: None,
            rows: None,
            heads: None,
            softmax: None,
        }
    }
}

impl Lowering<'_> {
    fn layers(&self, shapes: &[Shape]) -> Result<Vec<Layer>, ManifestError> {
        let mut layers: Vec<Layer> = Vec::with_capacity(shapes.len());
        // The gradient's scales are fixed from the loss backwards.
        for (l, (shape, output)) in shapes.iter().zip(&self.outputs).enumerate().rev() {
            let input = match shape.from {
                Some(from) => self.output(from)?,
                None => Scale { frac: self.q.input_frac, max: I16_MAX_MAGNITUDE },
            };
            let takes = |layer: &Layer| [layer.from, layer.with].contains(&Some(l));
            let above = layers.iter().rev().enumerate().map(|(k, layer)| (l + 1 + k, layer));
            let above: Vec<_> = above.filter(|(_, layer)| takes(layer)).collect();
            let scales = (input, output.frac);
            let layer = transform(l, shape.kind)?.scales(self, l, shape, scales, &above)?;
            layers.push(layer);
        }
        layers.reverse();
        Ok(layers)
    }

    /// Whether the manifest's optimizer is Adam.
    pub fn has_adam(&self) -> bool {
        self.manifest.optimizer.kind == OptimizerKind::Adam
    }

    /// The scale of what layer `l` puts out.
    pub fn output(&self, l: usize) -> Result<Scale, ManifestError> {
        let missing = || ManifestError::new(format!("quantization.layers[{l}]"), Kind::Missing);
        self.outputs.get(l).copied().ok_or_else(missing)
    }

    /// The scale of the other values that layer `l` takes.
    pub fn with(&self, l: usize, shape: &Shape) -> Result<Scale, ManifestError> {
        let missing = || ManifestError::new(format!("quantization.layers[{l}]"), Kind::Missing);
        self.output(shape.with.ok_or_else(missing)?)
    }

    /// The scales of layer `l` in the manifest.
    pub fn quantization(&self, l: usize) -> Result<&LayerQuantization, ManifestError> {
        let missing = || ManifestError::new(format!("quantization.layers[{l}]"), Kind::Missing);
        self.q.layers.get(l).ok_or_else(missing)
    }

    /// Parameters stay below this in magnitude.
    pub fn weight_max(&self) -> i128 {
        1 << self.weight_bits
    }

    /// The roundings of the backward pass at layer `l`, whose values are taken by the layers `above`
    /// or by the loss, and the gradient they give.
    pub fn backward(
        &self,
        l: usize,
        activation: Activation,
        a_frac: u32,
        above: &Consumers<'_>,
    ) -> Result<Backward, ManifestError> {
        let q = self.quantization(l)?;
        let field = format!("quantization.layers[{l}].grad_frac");
        if above.is_empty() {
            if q.grad_frac.is_some() {
                return Err(ManifestError::new(field, Kind::Unexpected));
            }
            let gradient = self.loss_gradient(l, q)?;
            return Ok(Backward { g: Vec::new(), g_frac: 0, d: None, gradient });
        }
        let frac = q.grad_frac.ok_or_else(|| ManifestError::new(field.clone(), Kind::Missing))?;
        let (g, arriving) = self.arriving(l, (&field, frac), above)?;
        let (d, d_frac) = match follower(activation) {
            Some(operator) => operator.derivative(&field, arriving, a_frac, frac)?,
            None => (None, frac),
        };
        let max = d.as_ref().map_or(arriving.largest(), |d: &RoundSpec| d.hi.max(-d.lo));
        Ok(Backward { g, g_frac: frac, d, gradient: Scale { frac: d_frac, max } })
    }

    /// What those send who take a layer's values, and the size of the sum.
    fn arriving(
        &self,
        to: usize,
        (field, frac): (&str, u32),
        above: &Consumers<'_>,
    ) -> Result<(Vec<RoundSpec>, Arriving), ManifestError> {
        let (mut g, mut sum) = (Vec::new(), Arriving { lo: 0, hi: 0 });
        for (l, layer) in above {
            let (lo, hi) = match transform(*l, layer.kind)?.sends(self, layer, to, field, frac)? {
                Sent::Tensor(spec) => {
                    g.push(spec);
                    (spec.lo, spec.hi)
                }
                Sent::Form(max) => (-max, max),
            };
            sum = Arriving { lo: sum.lo.saturating_add(lo), hi: sum.hi.saturating_add(hi) };
        }
        if g.len() > ARRIVING.len() {
            let [max, got] = [ARRIVING.len(), g.len()].map(|count| count as i128);
            return Err(ManifestError::new(field, Kind::OutOfRange { min: 1, max, got }));
        }
        let got = bit_length(sum.largest().into());
        if got > MAX_GRADIENT_BITS {
            let (what, max) = ("the sum of the gradients that arrive", MAX_GRADIENT_BITS);
            return Err(ManifestError::new(field, Kind::Overflow { what, max, got }));
        }
        Ok((g, sum))
    }

    fn loss_gradient(&self, l: usize, q: &LayerQuantization) -> Result<Scale, ManifestError> {
        let loss = self.manifest.model.loss.function();
        if let Some(most) = loss.most_bits(self.manifest.data.classes.is_some()) {
            in_range(format!("quantization.layers[{l}].z_frac"), 0, most, q.z_frac.into())?;
        }
        Ok(loss.scale(q.z_frac))
    }
}

/// Scales of every layer's output.
fn outputs(q: &Quantization, shapes: &[Shape]) -> Result<Vec<Scale>, ManifestError> {
    let scale = |(l, (shape, q)): (usize, (&Shape, &LayerQuantization))| {
        let scale = match follower(shape.activation) {
            Some(operator) => operator.scale(q),
            None => own_frac(q).map(|frac| Scale { frac, max: I16_MAX_MAGNITUDE }),
        };
        let field = || format!("quantization.layers[{l}].a_frac");
        scale.map_err(|kind| ManifestError::new(field(), kind))
    };
    shapes.iter().zip(&q.layers).enumerate().map(scale).collect()
}

/// The operator that layer `l` begins with.
fn transform(l: usize, kind: LayerKind) -> Result<&'static dyn Transform, ManifestError> {
    let order = Kind::LayerOrder { expected: "an operator that begins a layer", got: kind };
    let wrong = || ManifestError::new(format!("quantization.layers[{l}]"), order);
    kind.transform().ok_or_else(wrong)
}

/// The operator that follows in a layer, if one does.
fn follower(activation: Activation) -> Option<&'static dyn Elementwise> {
    activation.kind().and_then(LayerKind::elementwise)
}

/// The fractional bits of values that keep those of `z`: nothing else may be said of them.
pub(crate) fn own_frac(q: &LayerQuantization) -> Result<u32, Kind> {
    if q.a_frac.is_some() { Err(Kind::Unexpected) } else { Ok(q.z_frac) }
}

/// Refuses `got` outside `min..=max`.
pub(crate) fn in_range(
    field: impl Into<String>,
    min: i64,
    max: i64,
    got: i64,
) -> Result<(), ManifestError> {
    if (min..=max).contains(&got) {
        return Ok(());
    }
    let (min, max, got) = (i128::from(min), i128::from(max), i128::from(got));
    Err(ManifestError::new(field, Kind::OutOfRange { min, max, got }))
}
