//! Choosing fixed-point scales: a short run in double precision on public or synthetic
//! data, whose extremes decide how many fractional bits every tensor gets.
//!
//! The rules (also in `docs/quantization.md`), `room(m, h)` being the most fractional
//! bits with which `h·m` still fits 16 bits:
//!
//! - updates: `weight_frac = room(largest update, 4)`, so that saturation is rare and
//!   nearly all of their 15 bits resolve small gradients; with Adam as many as no update can saturate with;
//! - a gradient sum may have at most as many bits as keep the multiplier `eta` within
//!   2 % of its hyper-parameter (6 % when that leaves little); they are shared between a layer's input and its
//!   gradient, the loss gradient's 14 bits first;
//! - inputs, outputs and gradients get what that leaves, at most their own room.

use zktrain_model::manifest::{
    Activation, LayerKind, LayerQuantization, Loss, MAX_ETA_ERROR, MAX_SHIFT, Manifest,
    ManifestError, OptimizerKind, PROBABILITY_FRAC, Quantization, Rates, Shape, UPDATE_SHIFT,
    derive_clip_bound, derive_eta, derive_lambda, derive_mu, eta_error,
};
use zktrain_model::operators::{
    GAIN_FRAC, GRADIENT_HI, INVERSE_BITS, MEAN_FRAC, SCALE_FRAC, SENT_FRAC,
};

use crate::dataset::Scaled;
use crate::parameters::{initial_floats, initial_limits};
use crate::reference::{Extremes, FloatTrainer};

/// Steps of the calibration run.
const STEPS: usize = 256;
/// Relative error of the learning rate that calibration aims at, and what it puts up with
/// where activations would otherwise have fewer than [`COMFORTABLE_FRAC`] fractional bits.
const AIMS: [f64; 2] = [0.02, MAX_ETA_ERROR];
const COMFORTABLE_FRAC: u32 = 6;
/// Smallest number of fractional bits of an activation that is worth training with.
const MIN_ACTIVATION_FRAC: u32 = 4;
const MAX_ACTIVATION_FRAC: u32 = 12;
const MAX_WEIGHT_FRAC: u32 = 22;
/// Largest update that has 16 bits.
const MAX_UPDATE: f64 = 32_767.0;

/// Why no scales could be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// The draft, or what calibration made of it, is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No sample fills a batch.
    #[error("calibration needs at least {expected} samples, got {got}")]
    TooFewSamples {
        /// One batch.
        expected: usize,
        /// Samples given.
        got: usize,
    },
    /// A sample that does not fit the manifest.
    #[error("{what} of a sample: expected {expected}, got {got}")]
    Shape {
        /// Inputs or labels.
        what: &'static str,
        /// Entries that the manifest asks for.
        expected: usize,
        /// Entries given.
        got: usize,
    },
    /// Training in double precision goes wrong by itself.
    #[error(
        "training diverges at this learning rate ({learning_rate}), in double precision as well: \
         the parameters of layer {layer} grow without an end; use a smaller one"
    )]
    Diverges {
        /// Index of the linear layer.
        layer: usize,
        learning_rate: f64,
    },
    /// Fixed point cannot hold both the gradient and the learning rate.
    #[error(
        "layer {layer}: gradient sums leave {got} fractional bits to activations, at least {min} \
         are needed; {remedy}"
    )]
    Resolution {
        /// Index of the linear layer.
        layer: usize,
        /// Fewest fractional bits.
        min: u32,
        /// Bits that would be left.
        got: i64,
        /// What helps.
        remedy: Remedy,
    },
    /// Rates that no number of fractional bits suits.
    #[error(
        "Adam's rates have no fixed point here: use a learning rate of about 0.00001 to 0.1, and shares of \
         the moments further apart from each other and from 1 ({0})"
    )]
    AdamRate(#[source] ManifestError),
    /// Scales that calibration chose are refused: nobody wrote them.
    #[error(
        "no fixed-point scales suit these hyper-parameters: use a smaller learning rate, gradient \
         clipping, a smaller batch or fewer steps of a chain (what was tried is refused: {0})"
    )]
    NoScales(#[source] ManifestError),
}

/// What helps against too few fractional bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Remedy {
    /// Updates are too small for their 22 fractional bits.
    #[error(
        "updates are tiny: use a larger learning rate, best a power of two, or a smaller batch"
    )]
    LargerSteps,
    /// Gradients are large.
    #[error(
        "gradients are large: use gradient clipping or a smaller batch, scale features to about -2 \
         to 2, and choose a power of two as learning rate"
    )]
    SmallerGradients,
}

/// Completes a draft with scales for its hyper-parameters, from public or synthetic data.
///
/// # Errors
/// When the draft is inconsistent, training diverges, or no scales satisfy the static bounds.
pub fn calibrate(
    draft: &Manifest,
    sample: &Scaled,
    seed: u64,
) -> Result<Manifest, CalibrationError> {
    let mut manifest = draft.clone();
    manifest.quantization = None;
    manifest.validate()?;
    let run = observe(&manifest, sample, seed)?;
    let input = sample.inputs.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    let shapes = manifest.shapes()?;
    let choice = Choice { manifest: &manifest, shapes: &shapes, extremes: &run.extremes };
    let scales = choice.quantization(input);
    let complete = scales.and_then(|scales| {
        let complete = Manifest { quantization: Some(scales), ..manifest.clone() };
        complete.validate()?;
        Ok(complete)
    });
    let complete = complete.map_err(|error| run.blame(&manifest, error))?;
    match run.lost() {
        true => Err(run.diverges(&manifest)),
        false => Ok(complete),
    }
}

/// Weights of a network whose features are scaled stay far below this, unless training diverges.
const RUNAWAY: f64 = 32.0;
/// Weights beyond all doubt, if the loss did not fall with them.
const LOST: f64 = 1024.0;

/// A short run in double precision.
struct Run {
    /// Largest magnitudes.
    extremes: Vec<Extremes>,
    /// Loss of the first batch, before and after.
    loss: [f64; 2],
}

impl Run {
    /// The layer with the largest parameter, and that.
    fn largest(&self) -> (usize, f64) {
        let weights = self.extremes.iter().map(|seen| seen.weight).enumerate();
        weights.max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or_default()
    }

    /// Whether training went wrong although scales can be found for it.
    fn lost(&self) -> bool {
        self.loss[1] > self.loss[0] && self.largest().1 > LOST
    }

    fn diverges(&self, manifest: &Manifest) -> CalibrationError {
        let learning_rate = manifest.optimizer.learning_rate;
        CalibrationError::Diverges { layer: self.largest().0, learning_rate }
    }

    /// Why there are no scales: where training diverges, that is the reason, and whatever it led
    /// to is not; a field of the scales is none that a user wrote.
    fn blame(&self, manifest: &Manifest, error: CalibrationError) -> CalibrationError {
        let about_scales = match &error {
            CalibrationError::Resolution { .. } => true,
            CalibrationError::Manifest(error) => error.field.starts_with("quantization"),
            _ => false,
        };
        if !about_scales {
            return error;
        }
        if self.loss[1] > 2.0 * self.loss[0] || self.largest().1 > RUNAWAY {
            return self.diverges(manifest);
        }
        match error {
            // Adam's rates depend on what a user chose alone.
            CalibrationError::Manifest(error)
                if manifest.optimizer.kind == OptimizerKind::Adam
                    && error.field == "quantization.weight_frac" =>
            {
                CalibrationError::AdamRate(error)
            }
            CalibrationError::Manifest(error) => CalibrationError::NoScales(error),
            other => other,
        }
    }
}

/// Largest magnitudes over a short run in double precision.
fn observe(manifest: &Manifest, sample: &Scaled, seed: u64) -> Result<Run, CalibrationError> {
    let batch = manifest.training.batch;
    let shapes = manifest.shapes()?;
    let outputs = shapes.last().map_or(0, |s| s.n_out);
    for (what, expected, got) in
        [("inputs", manifest.model.input, sample.width), ("labels", outputs, sample.outputs)]
    {
        if expected != got {
            return Err(CalibrationError::Shape { what, expected, got });
        }
    }
    let batches = sample.rows() / batch;
    if batches == 0 {
        return Err(CalibrationError::TooFewSamples { expected: batch, got: sample.rows() });
    }
    let mut trainer = FloatTrainer::new(manifest, initial_floats(&shapes, seed))?;
    let loss =
        |trainer: &FloatTrainer| sample.batch(batch, 0).map_or(0.0, |(x, y)| trainer.loss(x, y));
    let before = loss(&trainer);
    for step in 0..STEPS.min(manifest.training.max_steps) {
        if let Some((x, y)) = sample.batch(batch, step % batches) {
            trainer.step(x, y);
        }
    }
    let extremes = trainer.extremes().to_vec();
    let finite = |e: &Extremes| {
        [e.z, e.g, e.d, e.mean, e.update, e.weight, e.statistic].iter().all(|x| x.is_finite())
    };
    // A NaN never becomes a maximum, but then the parameters hold it.
    let healthy =
        |l: usize| finite(&extremes[l]) && trainer.parameters()[l].w.iter().all(|x| x.is_finite());
    match (0..shapes.len()).find(|l| !healthy(*l)) {
        Some(layer) => {
            let learning_rate = manifest.optimizer.learning_rate;
            Err(CalibrationError::Diverges { layer, learning_rate })
        }
        None => Ok(Run { extremes, loss: [before, loss(&trainer)] }),
    }
}

/// The most fractional bits with which `headroom·max` fits 16 bits, at most `most`.
fn room(max: f64, headroom: f64, most: u32) -> u32 {
    let bits = libm::floor(libm::log2(32_767.0 / (headroom * max).max(1e-9)));
    bits.clamp(0.0, f64::from(most)) as u32
}

/// Fractional bits that a layer takes and puts out.
struct Values {
    a_in: u32,
    z: u32,
    /// Of a function table's values.
    a: Option<u32>,
}

impl Values {
    /// Of what leaves the layer.
    fn out(&self) -> u32 {
        self.a.unwrap_or(self.z)
    }
}

/// How fractional bits are shared.
struct Budgets {
    activation_frac: u32,
    /// Bits of a gradient sum; `None` with clipping, which rescales it.
    gradient: Option<u32>,
    weight_frac: u32,
}

impl Budgets {
    /// What a layer's input with so many bits leaves to its gradient.
    fn left(&self, a_in: u32) -> u32 {
        self.gradient.map_or(40, |bits| bits.saturating_sub(a_in))
    }
}

/// Bits that an activation's derivative adds to a gradient.
fn gain(shape: &Shape) -> u32 {
    if shape.activation == Activation::Sigmoid { 2 } else { 0 }
}

struct Choice<'a> {
    manifest: &'a Manifest,
    shapes: &'a [Shape],
    extremes: &'a [Extremes],
}

impl Choice<'_> {
    fn quantization(&self, input: f64) -> Result<Quantization, CalibrationError> {
        let weight_frac = self.weight_frac();
        let mut budget = self.gradient_bits(weight_frac, AIMS[0]);
        if !matches!(self.activation_frac(budget), Ok(frac) if frac >= COMFORTABLE_FRAC) {
            budget = self.gradient_bits(weight_frac, AIMS[1]);
        }
        let activation_frac =
            self.activation_frac(budget).map_err(|left| self.coarse(left, weight_frac))?;
        let input_frac = room(input, 2.0, activation_frac);
        let budgets = Budgets { activation_frac, gradient: budget, weight_frac };
        let values = self.values(input_frac, &budgets);
        let gradients = self.gradients(&values, &budgets);
        let layers = values.iter().zip(&gradients).enumerate();
        let layers = layers.map(|(l, scales)| self.layer(l, scales, &budgets)).collect();
        Ok(Quantization {
            row_log: row_log(self.manifest, self.shapes),
            input_frac,
            weight_frac,
            weight_init_bits: self.weight_init_bits(weight_frac, &values),
            mu: derive_mu(&self.manifest.optimizer),
            lambda: derive_lambda(&self.manifest.optimizer),
            layers,
        })
    }

    fn weight_frac(&self) -> u32 {
        let Manifest { optimizer, training, .. } = self.manifest;
        match optimizer.kind {
            OptimizerKind::Sgd => {
                let update = self.extremes.iter().fold(0.0, |m: f64, e| m.max(e.update));
                room(update, 4.0, MAX_WEIGHT_FRAC)
            }
            OptimizerKind::Adam => {
                let fits = |frac: &u32| {
                    Rates::new(optimizer, *frac, training.max_steps).largest_update() <= MAX_UPDATE
                };
                (0..=MAX_WEIGHT_FRAC).rev().find(fits).unwrap_or(0)
            }
        }
    }

    /// The most fractional bits of a gradient sum that keep `eta` precise; `None` with
    /// clipping, which rescales it.
    fn gradient_bits(&self, weight_frac: u32, aim: f64) -> Option<u32> {
        let optimizer = &self.manifest.optimizer;
        if optimizer.clip.is_some() || optimizer.kind == OptimizerKind::Adam {
            return None;
        }
        let batch = self.manifest.training.batch;
        let precise = |frac: &u32| eta_error(optimizer, batch, weight_frac, *frac) <= aim;
        Some((0..=weight_frac + UPDATE_SHIFT + 10).rev().find(precise).unwrap_or(0))
    }

    /// Fractional bits of every layer's input, as far as its range allows.
    ///
    /// # Errors
    /// How many there would be, where they are too few.
    fn activation_frac(&self, budget: Option<u32>) -> Result<u32, i64> {
        let Some(budget) = budget else {
            return Ok(MAX_ACTIVATION_FRAC);
        };
        let left = match self.manifest.model.loss {
            Loss::SoftmaxCrossEntropy | Loss::Logistic => {
                i64::from(budget) - i64::from(PROBABILITY_FRAC)
            }
            Loss::Mse => i64::from(budget / 2),
        };
        if left < i64::from(MIN_ACTIVATION_FRAC) {
            return Err(left);
        }
        Ok((left as u32).min(MAX_ACTIVATION_FRAC))
    }

    /// That activations have too few fractional bits.
    fn coarse(&self, got: i64, weight_frac: u32) -> CalibrationError {
        let layer = self.shapes.len().saturating_sub(1);
        // Where parameters already have all bits that they may have, updates are what is small.
        let remedy = match weight_frac {
            MAX_WEIGHT_FRAC => Remedy::LargerSteps,
            _ => Remedy::SmallerGradients,
        };
        CalibrationError::Resolution { layer, min: MIN_ACTIVATION_FRAC, got, remedy }
    }

    /// Fractional bits of what every layer takes and puts out, from the first to the last.
    fn values(&self, input_frac: u32, budgets: &Budgets) -> Vec<Values> {
        let mut all: Vec<Values> = Vec::new();
        for (l, shape) in self.shapes.iter().enumerate() {
            let puts_out = |l: Option<usize>| l.map_or(input_frac, |l| all[l].out());
            let (a_in, with) = (puts_out(shape.from), puts_out(shape.with));
            let table = matches!(shape.activation, Activation::Sigmoid | Activation::Tanh);
            let z = match shape.kind {
                LayerKind::MaxPool2d => a_in,
                LayerKind::Add => self.output_frac(l, a_in, table, budgets).min(a_in.max(with)),
                // Fewer are refused, and so many have room: a number is at most 256 deviations.
                LayerKind::LayerNorm | LayerKind::RmsNorm => {
                    self.output_frac(l, a_in, table, budgets).max(SENT_FRAC)
                }
                _ => self.output_frac(l, a_in, table, budgets),
            };
            let a = table.then_some(budgets.activation_frac);
            all.push(Values { a_in, z, a });
        }
        all
    }

    /// Fractional bits of a layer's output before its activation.
    fn output_frac(&self, l: usize, a_in: u32, table: bool, budgets: &Budgets) -> u32 {
        let last = l + 1 == self.shapes.len();
        let seen = &self.extremes[l];
        match (last, self.manifest.model.loss) {
            (true, Loss::Mse) => room(seen.z.max(1.0), 4.0, budgets.left(a_in).min(14)),
            (true, _) => room(seen.z, 4.0, 11),
            (false, _) if table => room(seen.z, 4.0, MAX_ACTIVATION_FRAC),
            (false, _) => room(seen.z, 4.0, budgets.activation_frac),
        }
    }

    /// Fractional bits of the gradient at every layer's activated output, and at its output before that. What a pool
    /// of the largest passes on has the scale of what arrives at it, and what a sum passes on nearly so.
    fn gradients(&self, values: &[Values], budgets: &Budgets) -> Vec<(Option<u32>, u32)> {
        let last = self.shapes.len() - 1;
        let mut bits: Vec<u32> = (0..last).map(|l| self.own_gradient(l, values, budgets)).collect();
        while self.align(&mut bits, values, budgets.weight_frac) {}
        let hidden = bits.iter().zip(self.shapes).map(|(g, shape)| (Some(*g), g + gain(shape)));
        let loss = match self.manifest.model.loss {
            Loss::Mse => values[last].z,
            _ => PROBABILITY_FRAC,
        };
        hidden.chain([(None, loss)]).collect()
    }

    /// What the gradient at a layer's activated output has room for, as far as its own parameters allow it.
    fn own_gradient(&self, l: usize, values: &[Values], budgets: &Budgets) -> u32 {
        let shape = &self.shapes[l];
        let most = match shape.kind {
            LayerKind::BatchNorm => budgets.left(GAIN_FRAC),
            _ if shape.n_in == 0 => MAX_GRADIENT_FRAC,
            _ => budgets.left(values[l].a_in),
        };
        let most = most.saturating_sub(gain(shape)).min(MAX_GRADIENT_FRAC);
        room(self.extremes[l].g, 8.0, most)
    }

    /// Takes bits from gradients that are passed on, or become a part of one, where those of both do not fit each
    /// other, and from those that a rounding has too many bits of; whether there were such.
    fn align(&self, bits: &mut [u32], values: &[Values], weight_frac: u32) -> bool {
        let mut changed = false;
        for p in 0..bits.len() {
            let shape = self.shapes[p];
            // So many bits more may be at the input than come from the output, and so many fewer.
            let (more, fewer) = match shape.kind {
                LayerKind::MaxPool2d => (0, 0),
                LayerKind::Add => (1, 0),
                LayerKind::AvgPool2d => (16, MAX_SHIFT - 16),
                LayerKind::BatchNorm | LayerKind::LayerNorm | LayerKind::RmsNorm => {
                    let inverse = match shape.kind {
                        LayerKind::BatchNorm => SCALE_FRAC,
                        _ => INVERSE_BITS - MEAN_FRAC,
                    };
                    let own = (inverse + SENT_FRAC).saturating_sub(values[p].a_in);
                    (own.saturating_sub(MIN_NORM_SHIFT), MAX_SHIFT.saturating_sub(own))
                }
                // A rounding takes bits away and adds none.
                _ => (weight_frac, MAX_SHIFT.saturating_sub(weight_frac)),
            };
            for l in shape.from.into_iter().chain(shape.with) {
                let passed = bits[p] + gain(&shape);
                let kept = bits[l].min(passed + more);
                let own = bits[p].min((kept + fewer).saturating_sub(gain(&shape)));
                changed |= (kept, own) != (bits[l], bits[p]);
                (bits[l], bits[p]) = (kept, own);
            }
        }
        changed
    }

    fn layer(
        &self,
        l: usize,
        (values, (grad_frac, d_frac)): (&Values, &(Option<u32>, u32)),
        budgets: &Budgets,
    ) -> LayerQuantization {
        let (z_frac, a_frac, grad_frac) = (values.z, values.a, *grad_frac);
        let (clip_frac, clip_bound) = (None, None);
        if self.shapes[l].n_in == 0 {
            return LayerQuantization { z_frac, a_frac, grad_frac, clip_frac, clip_bound, eta: 0 };
        }
        let of_input = match self.shapes[l].kind {
            LayerKind::BatchNorm => GAIN_FRAC,
            _ => values.a_in,
        };
        let sum_frac = of_input + d_frac;
        if self.manifest.optimizer.kind == OptimizerKind::Adam {
            let clip_frac = Some(self.adam_frac(l, sum_frac));
            return LayerQuantization { z_frac, a_frac, grad_frac, clip_frac, clip_bound, eta: 0 };
        }
        let (clip_frac, clip_bound) = self.clip(sum_frac).unzip();
        let step_frac = clip_frac.unwrap_or(sum_frac);
        let (optimizer, batch) = (&self.manifest.optimizer, self.manifest.training.batch);
        let eta = derive_eta(optimizer, batch, budgets.weight_frac, step_frac);
        LayerQuantization { z_frac, a_frac, grad_frac, clip_frac, clip_bound, eta }
    }

    /// Fractional bits with which the largest gradient sum seen has the bits that Adam's have, and what is added to a root
    /// too, or as many as the sum has.
    fn adam_frac(&self, l: usize, sum_frac: u32) -> u32 {
        let mean = self.extremes[l].mean.max(self.manifest.optimizer.epsilon());
        let sum = mean * self.manifest.training.batch as f64;
        let fits = |frac: &u32| libm::scalbn(sum, *frac as i32) <= GRADIENT_HI as f64;
        (0..=sum_frac.min(60)).rev().find(fits).unwrap_or(0)
    }

    /// Scale and bound of the clipped gradient sum: 15 bits, no more than the sum has.
    fn clip(&self, grad_frac: u32) -> Option<(u32, i64)> {
        let clip = self.manifest.optimizer.clip?;
        let batch = self.manifest.training.batch;
        let fits = |frac: &u32| derive_clip_bound(clip, batch, *frac) < 1 << 15;
        let frac = (0..=grad_frac).rev().find(fits).unwrap_or(0);
        Some((frac, derive_clip_bound(clip, batch, frac)))
    }

    /// Room for parameters of magnitude 8, or twice the largest initial or seen one, and for twice the largest mean or
    /// deviation.
    fn weight_init_bits(&self, weight_frac: u32, values: &[Values]) -> u32 {
        let initial = initial_limits(self.shapes).into_iter();
        let seen = self.extremes.iter().map(|e| e.weight);
        let largest = initial.chain(seen).fold(4.0, f64::max);
        let bits = libm::ceil(libm::log2(2.0 * largest)) as u32;
        let norms = self.shapes.iter().zip(values).zip(self.extremes);
        let norms = norms.filter(|((shape, _), _)| shape.kind == LayerKind::BatchNorm);
        let statistics = norms.map(|((_, values), seen)| {
            // Statistics follow what comes in, and not the learning rate: 16 times what was seen.
            let bits = libm::ceil(libm::log2(16.0 * seen.statistic.max(1.0))) as u32;
            values.a_in + MEAN_FRAC + bits
        });
        statistics.fold(weight_frac + bits, u32::max).min(30)
    }
}

const MAX_GRADIENT_FRAC: u32 = 24;
/// Fewest bits that the rounding of what a batch norm sends drops: with 62 bits there is then an excess of 48 at most.
const MIN_NORM_SHIFT: u32 = 14;

/// Length of a committed row, `2^c`, with `c` from 12 to 16: so long that a sheet has about 32
/// rows at most. A row costs 64 bytes of every proof and 7,450 gas of every check on chain; a
/// longer row costs time, half of a small proof's.
///
/// Entries are estimated as one of the model, six of the trace and one of the excess for each
/// parameter and step, 16 for each output and sample, and the lookup tables.
fn row_log(manifest: &Manifest, shapes: &[Shape]) -> u32 {
    const TABLES: usize = 7 << 15;
    let training = &manifest.training;
    let outputs: usize = shapes.iter().map(|s| s.output.count()).sum();
    let parameters: usize = shapes.iter().map(|s| s.n_in * s.n_out).sum();
    let norms = shapes.iter().filter(|s| s.kind == LayerKind::BatchNorm);
    let channels: usize = norms.map(|s| s.n_out).sum();
    let by_row = |s: &&Shape| matches!(s.kind, LayerKind::LayerNorm | LayerKind::RmsNorm);
    let positions: usize = shapes.iter().filter(by_row).map(|s| s.output.positions()).sum();
    let samples = training.batch * (16 * outputs + 32 * positions);
    let each = if manifest.optimizer.kind == OptimizerKind::Adam { 16 } else { 8 };
    let step = each * parameters + 48 * channels + samples;
    let entries = training.steps_per_proof * step + TABLES;
    let rows = (entries / 32).next_power_of_two().trailing_zeros().clamp(12, 16);
    rows.max(image_log(shapes))
}

/// Bits of the largest image that windows are read from: it lies in one row.
fn image_log(shapes: &[Shape]) -> u32 {
    let windowed = shapes.iter().filter(|shape| shape.kernel.is_some());
    let images = windowed.flat_map(|shape| [shape.input, shape.output]);
    let log = |side: &usize| side.next_power_of_two().trailing_zeros();
    images.map(|image| image.sides().iter().map(log).sum()).max().unwrap_or(0).min(20)
}

#[cfg(test)]
mod tests {
    use zktrain_model::manifest::ManifestErrorKind;

    use super::*;

    /// A relation whose image goes across the end of a row is refused: calibration does not make one.
    #[test]
    fn an_image_that_windows_are_read_from_lies_in_one_row() {
        use crate::{Images, synthetic};
        use zktrain_model::manifest::LayerSpec;
        let pool = |size| LayerSpec::pool2d(LayerKind::MaxPool2d, Some(size));
        let log = |side: usize| {
            let images = Images { image: [side, side, 1], layers: vec![pool(7), pool(4)] };
            let draft = synthetic::image_draft(&images, &[0, 10], 4, 1);
            row_log(&draft, &draft.shapes().unwrap())
        };
        // Of 2^5 by 2^5, which any row holds, and of 2^8 by 2^8, for so few numbers.
        assert_eq!([log(28), log(224)], [13, 16]);
    }

    fn refused(field: &str) -> CalibrationError {
        let kind = ManifestErrorKind::Overflow { what: "the excess", max: 48, got: 49 };
        ManifestError::new(field, kind).into()
    }

    fn run(weights: [f64; 2], loss: [f64; 2]) -> Run {
        let extremes = weights.map(|weight| Extremes { weight, ..Extremes::default() });
        Run { extremes: extremes.to_vec(), loss }
    }

    /// Whatever a diverging run leads to, its learning rate is to blame; and never a field of the
    /// scales, which calibration chooses.
    #[test]
    fn nobody_is_blamed_for_what_calibration_chose() {
        let manifest = crate::synthetic::draft(&[2, 2], 2, 1);
        let coarse = || CalibrationError::Resolution {
            layer: 1,
            min: 4,
            got: -2,
            remedy: Remedy::SmallerGradients,
        };
        let diverging = [run([3.0, 35_000.0], [1.0, 1.1]), run([1.0, 2.0], [1.0, 50.0])];
        for (run, layer) in diverging.iter().zip([1, 1]) {
            for error in [coarse(), refused("quantization.layers[1].z_frac")] {
                let error = run.blame(&manifest, error);
                let learning_rate = 0.0625;
                assert_eq!(error, CalibrationError::Diverges { layer, learning_rate });
                assert!(error.to_string().contains("use a smaller one"), "{error}");
            }
        }
        let calm = run([1.0, 2.0], [1.0, 0.1]);
        assert_eq!(calm.blame(&manifest, coarse()), coarse());
        let error = calm.blame(&manifest, refused("quantization.layers[1].z_frac"));
        assert!(matches!(&error, CalibrationError::NoScales(_)), "{error}");
        assert!(error.to_string().contains("smaller learning rate"), "{error}");
        // Without any fault of the scales, only what is beyond doubt is refused.
        assert!(run([3.0, 35_000.0], [1.0, 1.1]).lost());
        assert!(!run([40.0, 2.0], [1.0, 1.1]).lost());
        assert!(!run([3.0, 35_000.0], [1.0, 0.1]).lost());
        // What a user wrote is said as it is, however training went.
        for run in [calm, run([1.0, 99.0], [1.0, 9.0])] {
            let error = run.blame(&manifest, refused("training.max_steps"));
            assert_eq!(error, refused("training.max_steps"));
        }
    }
}
