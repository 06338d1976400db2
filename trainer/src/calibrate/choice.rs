//! How fractional bits are shared between tensors, given the largest magnitudes.

use zktrain_model::manifest::{
    Activation, LayerKind, LayerQuantization, Loss, MAX_ETA_ERROR, MAX_SHIFT, Manifest, Optimizer,
    OptimizerKind, PROBABILITY_FRAC, Quantization, Rates, Shape, UPDATE_SHIFT, derive_clip_bound,
    derive_eta, derive_lambda, derive_mu, eta_error,
};
use zktrain_model::operators::{
    GAIN_FRAC, GRADIENT_HI, INVERSE_BITS, MEAN_FRAC, SCALE_FRAC, SENT_FRAC, score_factor,
};

use super::error::{CalibrationError, Remedy};
use super::rows::row_log;
use crate::parameters::initial_limits;
use crate::reference::Extremes;

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
const MAX_GRADIENT_FRAC: u32 = 24;
/// Fewest bits that the rounding of what a batch norm sends drops: with 62 bits there is then an excess of 48 at most.
const MIN_NORM_SHIFT: u32 = 14;

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

pub(super) struct Choice<'a> {
    pub manifest: &'a Manifest,
    pub shapes: &'a [Shape],
    pub extremes: &'a [Extremes],
}

impl Choice<'_> {
    pub fn quantization(&self, input: f64) -> Result<Quantization, CalibrationError> {
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
        // What a small weight decay adds to the multipliers' bits is no room for gradients.
        let optimizer = &Optimizer { weight_decay: 0.0, ..self.manifest.optimizer };
        if optimizer.clip.is_some() || optimizer.kind == OptimizerKind::Adam {
            return None;
        }
        let labels = self.manifest.labels_in_step(self.shapes);
        let precise = |frac: &u32| eta_error(optimizer, labels, weight_frac, *frac) <= aim;
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
                LayerKind::Softmax => PROBABILITY_FRAC,
                LayerKind::Add => self.output_frac(l, a_in, table, budgets).min(a_in.max(with)),
                LayerKind::Positions => {
                    self.output_frac(l, a_in, table, budgets).min(a_in.max(budgets.weight_frac))
                }
                LayerKind::AttentionScores => {
                    let factor = score_factor(shape.input.channels / shape.heads.max(1)).1;
                    self.output_frac(l, a_in, table, budgets).min(a_in + with + factor)
                }
                LayerKind::AttentionValues => {
                    self.output_frac(l, a_in, table, budgets).min(a_in + with)
                }
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
            LayerKind::Positions => budgets.left(0),
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
                LayerKind::Add | LayerKind::Positions => (1, 0),
                LayerKind::AvgPool2d => (16, MAX_SHIFT - 16),
                LayerKind::BatchNorm | LayerKind::LayerNorm | LayerKind::RmsNorm => {
                    let inverse = match shape.kind {
                        LayerKind::BatchNorm => SCALE_FRAC,
                        _ => INVERSE_BITS - MEAN_FRAC,
                    };
                    let own = (inverse + SENT_FRAC).saturating_sub(values[p].a_in);
                    (own.saturating_sub(MIN_NORM_SHIFT), MAX_SHIFT.saturating_sub(own))
                }
                LayerKind::Softmax => (PROBABILITY_FRAC, MAX_SHIFT - PROBABILITY_FRAC),
                // Of the other layer's values, by layer, below.
                LayerKind::AttentionScores | LayerKind::AttentionValues => (0, MAX_SHIFT),
                // A rounding takes bits away and adds none.
                _ => (weight_frac, MAX_SHIFT.saturating_sub(weight_frac)),
            };
            for l in shape.from.into_iter().chain(shape.with) {
                let other = self.other_frac(p, l, values);
                let (more, fewer) = (more + other, fewer.saturating_sub(other));
                let passed = bits[p] + gain(&shape);
                let kept = bits[l].min(passed + more);
                let own = bits[p].min((kept + fewer).saturating_sub(gain(&shape)));
                changed |= (kept, own) != (bits[l], bits[p]);
                (bits[l], bits[p]) = (kept, own);
            }
        }
        changed
    }

    /// Fractional bits that the gradient which an attention sends to a layer has beyond its own: those of the other layer
    /// that it takes, and of what scores are multiplied with.
    fn other_frac(&self, p: usize, to: usize, values: &[Values]) -> u32 {
        let shape = &self.shapes[p];
        let other =
            match shape.kind {
                LayerKind::AttentionScores | LayerKind::AttentionValues => {
                    if shape.with == Some(to) { shape.from } else { shape.with }
                }
                _ => None,
            };
        let factor = match shape.kind {
            LayerKind::AttentionScores => score_factor(shape.input.channels / shape.heads.max(1)).1,
            _ => 0,
        };
        other.map_or(0, |other| values[other].out() + factor)
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
            LayerKind::Positions => 0,
            _ => values.a_in,
        };
        let sum_frac = of_input + d_frac;
        if self.manifest.optimizer.kind == OptimizerKind::Adam {
            let clip_frac = Some(self.adam_frac(l, sum_frac));
            return LayerQuantization { z_frac, a_frac, grad_frac, clip_frac, clip_bound, eta: 0 };
        }
        let (clip_frac, clip_bound) = self.clip(sum_frac).unzip();
        let step_frac = clip_frac.unwrap_or(sum_frac);
        let labels = self.manifest.labels_in_step(self.shapes);
        let eta = derive_eta(&self.manifest.optimizer, labels, budgets.weight_frac, step_frac);
        LayerQuantization { z_frac, a_frac, grad_frac, clip_frac, clip_bound, eta }
    }

    /// Fractional bits with which the largest gradient sum seen has the bits that Adam's have, and what is added to a root
    /// too, or as many as the sum has.
    fn adam_frac(&self, l: usize, sum_frac: u32) -> u32 {
        let mean = self.extremes[l].mean.max(self.manifest.optimizer.epsilon());
        let sum = mean * self.manifest.labels_in_step(self.shapes) as f64;
        let fits = |frac: &u32| libm::scalbn(sum, *frac as i32) <= GRADIENT_HI as f64;
        (0..=sum_frac.min(60)).rev().find(fits).unwrap_or(0)
    }

    /// Scale and bound of the clipped gradient sum: 15 bits, no more than the sum has.
    fn clip(&self, grad_frac: u32) -> Option<(u32, i64)> {
        let clip = self.manifest.optimizer.clip?;
        let labels = self.manifest.labels_in_step(self.shapes);
        let fits = |frac: &u32| derive_clip_bound(clip, labels, *frac) < 1 << 15;
        let frac = (0..=grad_frac).rev().find(fits).unwrap_or(0);
        Some((frac, derive_clip_bound(clip, labels, frac)))
    }

    /// Room for parameters of magnitude 8, or twice the largest initial or seen one, and for twice the largest mean or
    /// deviation.
    fn weight_init_bits(&self, weight_frac: u32, values: &[Values]) -> u32 {
        let tokens = self.manifest.data.tokens.is_some();
        let initial = initial_limits(self.shapes, tokens).into_iter();
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
