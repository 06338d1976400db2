//! From a manifest to a [`Network`]: scales, multipliers and bounds of every layer.

use super::bounds::{Wide, weight_bits};
use super::derive::{
    MAX_ETA_ERROR, MAX_LAMBDA_ERROR, derive_clip_bound, derive_eta, derive_lambda, derive_mu,
    eta_error, lambda_error,
};
use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::network::{
    Activation, I16_HI, Layer, Network, PROBABILITY_FRAC, RoundSpec, UPDATE_SHIFT,
};
use super::schema::{LayerQuantization, Loss, Manifest, Quantization};
use super::shape::{Shape, shapes};

const I16_MAX_MAGNITUDE: i64 = 1 << 15;
const PROBABILITY_MAX: i64 = 1 << PROBABILITY_FRAC;
const MAX_ETA: i64 = (1 << 31) - 1;

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
            matches: "the linear layers",
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
        layers: lowering.layers(&shapes)?,
        loss: manifest.model.loss,
        batch: manifest.training.batch,
        steps: manifest.training.steps_per_proof,
        max_steps: manifest.training.max_steps,
        momentum: q.mu != 0,
        mu: q.mu,
        lambda: q.lambda,
        one_hot: manifest.model.loss != Loss::Logistic && manifest.data.classes.is_some(),
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

fn derived(field: impl Into<String>, expected: i64, got: i64) -> Result<(), ManifestError> {
    if expected == got {
        Ok(())
    } else {
        Err(ManifestError::new(field, Kind::Derived { expected, got }))
    }
}

struct Lowering<'a> {
    manifest: &'a Manifest,
    q: &'a Quantization,
    weight_bits: u32,
}

/// The loss gradient with respect to a layer's output.
#[derive(Clone, Copy)]
struct Gradient {
    frac: u32,
    max: i64,
}

/// The backward pass through one layer's activation.
struct Backward {
    g: Option<RoundSpec>,
    d: Option<RoundSpec>,
    gradient: Gradient,
}

impl Lowering<'_> {
    fn layers(&self, shapes: &[Shape]) -> Result<Vec<Layer>, ManifestError> {
        let inputs = self.activations(shapes)?;
        let mut next: Option<(Gradient, usize)> = None;
        let mut layers = Vec::with_capacity(shapes.len());
        // The gradient's scales are fixed from the loss backwards.
        let outputs = inputs.iter().skip(1).map(|(frac, _)| *frac);
        let scales: Vec<_> = inputs.iter().copied().zip(outputs).collect();
        for (l, (shape, scales)) in shapes.iter().zip(scales).enumerate().rev() {
            let layer = self.layer(l, shape, scales, next)?;
            next = Some((Gradient { frac: layer.d_frac, max: layer.d_max }, layer.n_out));
            layers.push(layer);
        }
        layers.reverse();
        Ok(layers)
    }

    fn quantization(&self, l: usize) -> Result<&LayerQuantization, ManifestError> {
        let missing = || ManifestError::new(format!("quantization.layers[{l}]"), Kind::Missing);
        self.q.layers.get(l).ok_or_else(missing)
    }

    /// Fractional bits and largest magnitude of every layer's input.
    fn activations(&self, shapes: &[Shape]) -> Result<Vec<(u32, i64)>, ManifestError> {
        let mut inputs = vec![(self.q.input_frac, I16_MAX_MAGNITUDE)];
        for (l, (shape, q)) in shapes.iter().zip(&self.q.layers).enumerate() {
            let wrong = |kind| ManifestError::new(format!("quantization.layers[{l}].a_frac"), kind);
            let table = matches!(shape.activation, Activation::Sigmoid | Activation::Tanh);
            inputs.push(match (q.a_frac, table) {
                (Some(frac), true) => (frac, 1 << frac),
                (None, true) => return Err(wrong(Kind::Missing)),
                (Some(_), false) => return Err(wrong(Kind::Unexpected)),
                (None, false) if shape.activation == Activation::Relu => (q.z_frac, I16_HI),
                (None, false) => (q.z_frac, I16_MAX_MAGNITUDE),
            });
        }
        Ok(inputs)
    }

    fn layer(
        &self,
        l: usize,
        shape: &Shape,
        ((a_in_frac, a_in_max), a_frac): ((u32, i64), u32),
        next: Option<(Gradient, usize)>,
    ) -> Result<Layer, ManifestError> {
        let q = self.quantization(l)?;
        let weight_max = 1i128 << self.weight_bits;
        let bias = if shape.bias { 1i128 << a_in_frac } else { 0 };
        let field = format!("quantization.layers[{l}].z_frac");
        let largest = (shape.n_in as i128 * i128::from(a_in_max) + bias) * weight_max;
        let z = Wide::symmetric(&field, "a layer's output before rounding", largest)
            .rescale(a_in_frac + self.q.weight_frac, q.z_frac)?;
        let Backward { g, d, gradient } = self.gradient(l, shape.activation, a_frac, next)?;
        let grad_frac = a_in_frac + gradient.frac;
        let grad_max = self.manifest.training.batch as i128
            * i128::from(a_in_max.max(1 << a_in_frac))
            * i128::from(gradient.max);
        let (clip, step) = self.clip(l, grad_frac, grad_max)?;
        let update = self.update(l, step)?;
        Ok(Layer {
            n_in: shape.n_in,
            n_out: shape.n_out,
            bias: shape.bias,
            activation: shape.activation,
            a_in_frac,
            a_in_max,
            z_frac: q.z_frac,
            a_frac,
            d_frac: gradient.frac,
            d_max: gradient.max,
            grad_frac,
            // At most 2^12·2^15·2^16.
            grad_max: grad_max as i64,
            z,
            g,
            d,
            clip,
            update,
            eta: q.eta,
        })
    }

    /// The roundings of the backward pass at layer `l`, and the gradient they give.
    fn gradient(
        &self,
        l: usize,
        activation: Activation,
        a_frac: u32,
        next: Option<(Gradient, usize)>,
    ) -> Result<Backward, ManifestError> {
        let q = self.quantization(l)?;
        let field = format!("quantization.layers[{l}].grad_frac");
        let Some((next, next_out)) = next else {
            if q.grad_frac.is_some() {
                return Err(ManifestError::new(field, Kind::Unexpected));
            }
            if self.manifest.model.loss == Loss::Mse && self.manifest.data.classes.is_some() {
                // A one-hot target is 2^z_frac and must fit 16 bits.
                in_range(format!("quantization.layers[{l}].z_frac"), 0, 14, q.z_frac.into())?;
            }
            return Ok(Backward { g: None, d: None, gradient: self.loss_gradient(q) });
        };
        let frac = q.grad_frac.ok_or_else(|| ManifestError::new(field.clone(), Kind::Missing))?;
        let largest = (next_out as i128 * i128::from(next.max)) << self.weight_bits;
        let g = Wide::symmetric(&field, "a backpropagated gradient before rounding", largest)
            .rescale(next.frac + self.q.weight_frac, frac)?;
        let what = "a derivative product";
        // Both derivatives peak where the quotient is exactly g: D never saturates.
        let product = |peak: u32| Wide {
            field: &field,
            what,
            x_min: i128::from(g.lo) << peak,
            x_max: i128::from(g.hi) << peak,
        };
        let (d, frac) = match activation {
            Activation::Relu | Activation::Identity => (None, frac),
            Activation::Sigmoid => {
                let peak = 2 * a_frac - 2;
                (Some(product(peak).round(peak, g.lo, g.hi)?), frac + 2)
            }
            Activation::Tanh => {
                let peak = 2 * a_frac;
                (Some(product(peak).round(peak, g.lo, g.hi)?), frac)
            }
        };
        let gradient = Gradient { frac, max: I16_MAX_MAGNITUDE };
        Ok(Backward { g: Some(g), d, gradient })
    }

    fn loss_gradient(&self, q: &LayerQuantization) -> Gradient {
        match self.manifest.model.loss {
            Loss::SoftmaxCrossEntropy | Loss::Logistic => {
                Gradient { frac: PROBABILITY_FRAC, max: PROBABILITY_MAX }
            }
            Loss::Mse => Gradient { frac: q.z_frac, max: 2 * I16_MAX_MAGNITUDE },
        }
    }

    /// The clipping of the gradient sum, and what remains for the update.
    fn clip(
        &self,
        l: usize,
        grad_frac: u32,
        grad_max: i128,
    ) -> Result<(Option<RoundSpec>, (u32, i128)), ManifestError> {
        let q = self.quantization(l)?;
        let frac_field = format!("quantization.layers[{l}].clip_frac");
        let bound_field = format!("quantization.layers[{l}].clip_bound");
        let Some(clip) = self.manifest.optimizer.clip else {
            for (field, present) in
                [(frac_field, q.clip_frac.is_some()), (bound_field, q.clip_bound.is_some())]
            {
                if present {
                    return Err(ManifestError::new(field, Kind::Unexpected));
                }
            }
            return Ok((None, (grad_frac, grad_max)));
        };
        let frac =
            q.clip_frac.ok_or_else(|| ManifestError::new(frac_field.clone(), Kind::Missing))?;
        let bound =
            q.clip_bound.ok_or_else(|| ManifestError::new(bound_field.clone(), Kind::Missing))?;
        derived(&bound_field, derive_clip_bound(clip, self.manifest.training.batch, frac), bound)?;
        in_range(bound_field, 1, I16_HI, bound)?;
        if frac > grad_frac {
            return Err(ManifestError::new(
                frac_field,
                Kind::NegativeShift { max: grad_frac, got: frac },
            ));
        }
        let spec = Wide::symmetric(&frac_field, "a gradient sum", grad_max).round(
            grad_frac - frac,
            -bound,
            bound,
        )?;
        Ok((Some(spec), (frac, i128::from(bound))))
    }

    fn update(&self, l: usize, (frac, max): (u32, i128)) -> Result<RoundSpec, ManifestError> {
        let field = format!("quantization.layers[{l}].eta");
        let eta = self.quantization(l)?.eta;
        let training = &self.manifest.training;
        derived(
            &field,
            derive_eta(&self.manifest.optimizer, training.batch, self.q.weight_frac, frac),
            eta,
        )?;
        in_range(&field, 1, MAX_ETA, eta)?;
        let error = eta_error(&self.manifest.optimizer, training.batch, self.q.weight_frac, frac);
        if error > MAX_ETA_ERROR {
            return Err(ManifestError::new(
                field,
                Kind::Imprecise { max: MAX_ETA_ERROR, got: error },
            ));
        }
        let momentum = i128::from(self.q.mu) * i128::from(I16_MAX_MAGNITUDE);
        let decay = i128::from(self.q.lambda) << self.weight_bits;
        let largest = momentum + i128::from(eta) * max + decay;
        Wide::symmetric(&field, "an update before rounding", largest).round(
            UPDATE_SHIFT,
            super::network::I16_LO,
            super::network::I16_HI,
        )
    }
}

/// Refuses `got` outside `min..=max`.
pub(super) fn in_range(
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
