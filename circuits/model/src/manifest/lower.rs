//! From a manifest to a [`Network`]: scales, multipliers and bounds of every layer.

use super::bounds::weight_bits;
use super::derive::{MAX_LAMBDA_ERROR, derive_lambda, derive_mu, lambda_error};
use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::features::Features;
use super::network::{Activation, Layer, Network, RoundSpec};
use super::schema::{LayerKind, LayerQuantization, Manifest, Quantization};
use super::shape::{Shape, shapes};
use crate::operators::{Elementwise, Scale, Transform};

const I16_MAX_MAGNITUDE: i64 = 1 << 15;

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
    };
    Ok(Network {
        input: manifest.model.input,
        features: shapes.first().map_or(Features::flat(manifest.model.input), |first| first.input),
        layers: lowering.layers(&shapes)?,
        loss: manifest.model.loss,
        batch: manifest.training.batch,
        steps: manifest.training.steps_per_proof,
        max_steps: manifest.training.max_steps,
        momentum: q.mu != 0,
        mu: q.mu,
        lambda: q.lambda,
        one_hot: manifest.model.loss.function().one_hot() && manifest.data.classes.is_some(),
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
        if got > MAX_LAMBDA_ERROR {
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
}

/// The backward pass through what follows a layer.
pub(crate) struct Backward {
    /// The rounding of the gradient that arrives.
    pub g: Option<RoundSpec>,
    /// The rounding of the derivative product.
    pub d: Option<RoundSpec>,
    /// The gradient with respect to the layer's output.
    pub gradient: Scale,
}

impl Lowering<'_> {
    fn layers(&self, shapes: &[Shape]) -> Result<Vec<Layer>, ManifestError> {
        let inputs = self.inputs(shapes)?;
        let mut layers: Vec<Layer> = Vec::with_capacity(shapes.len());
        // The gradient's scales are fixed from the loss backwards.
        let outputs = inputs.iter().skip(1).map(|scale| scale.frac);
        let scales: Vec<_> = inputs.iter().copied().zip(outputs).collect();
        for (l, (shape, scales)) in shapes.iter().zip(scales).enumerate().rev() {
            let layer = transform(l, shape.kind)?.scales(self, l, shape, scales, layers.last())?;
            layers.push(layer);
        }
        layers.reverse();
        Ok(layers)
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

    /// Scales of every layer's input, and of the last one's output.
    fn inputs(&self, shapes: &[Shape]) -> Result<Vec<Scale>, ManifestError> {
        let mut inputs = vec![Scale { frac: self.q.input_frac, max: I16_MAX_MAGNITUDE }];
        for (l, (shape, q)) in shapes.iter().zip(&self.q.layers).enumerate() {
            let scale = match follower(shape.activation) {
                Some(operator) => operator.scale(q),
                None => own_frac(q).map(|frac| Scale { frac, max: I16_MAX_MAGNITUDE }),
            };
            let field = || format!("quantization.layers[{l}].a_frac");
            inputs.push(scale.map_err(|kind| ManifestError::new(field(), kind))?);
        }
        Ok(inputs)
    }

    /// The roundings of the backward pass at layer `l`, whose values are taken by the layer `above`
    /// or by the loss, and the gradient they give.
    pub fn backward(
        &self,
        l: usize,
        activation: Activation,
        a_frac: u32,
        above: Option<&Layer>,
    ) -> Result<Backward, ManifestError> {
        let q = self.quantization(l)?;
        let field = format!("quantization.layers[{l}].grad_frac");
        let Some(above) = above else {
            if q.grad_frac.is_some() {
                return Err(ManifestError::new(field, Kind::Unexpected));
            }
            return Ok(Backward { g: None, d: None, gradient: self.loss_gradient(l, q)? });
        };
        let frac = q.grad_frac.ok_or_else(|| ManifestError::new(field.clone(), Kind::Missing))?;
        let g = transform(l + 1, above.kind)?.sends(self, above, &field, frac)?;
        let (d, frac) = match follower(activation) {
            Some(operator) => operator.derivative(&field, &g, a_frac, frac)?,
            None => (None, frac),
        };
        Ok(Backward { g: Some(g), d, gradient: Scale { frac, max: I16_MAX_MAGNITUDE } })
    }

    fn loss_gradient(&self, l: usize, q: &LayerQuantization) -> Result<Scale, ManifestError> {
        let loss = self.manifest.model.loss.function();
        if let Some(most) = loss.most_bits(self.manifest.data.classes.is_some()) {
            in_range(format!("quantization.layers[{l}].z_frac"), 0, most, q.z_frac.into())?;
        }
        Ok(loss.scale(q.z_frac))
    }
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
