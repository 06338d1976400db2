//! A short run in double precision: the largest magnitudes seen, and whether training goes wrong by itself.

use zktrain_model::manifest::{Manifest, OptimizerKind};

use super::error::CalibrationError;
use crate::dataset::Scaled;
use crate::parameters::initial_floats;
use crate::reference::{Extremes, FloatTrainer};

/// Steps of the calibration run.
const STEPS: usize = 256;

/// Weights of a network whose features are scaled stay far below this, unless training diverges.
const RUNAWAY: f64 = 32.0;
/// Weights beyond all doubt, if the loss did not fall with them.
const LOST: f64 = 1024.0;

/// A short run in double precision.
pub(super) struct Run {
    /// Largest magnitudes.
    pub extremes: Vec<Extremes>,
    /// Loss of the first batch, before and after.
    pub loss: [f64; 2],
}

impl Run {
    /// The layer with the largest parameter, and that.
    fn largest(&self) -> (usize, f64) {
        let weights = self.extremes.iter().map(|seen| seen.weight).enumerate();
        weights.max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or_default()
    }

    /// Whether training went wrong although scales can be found for it.
    pub fn lost(&self) -> bool {
        self.loss[1] > self.loss[0] && self.largest().1 > LOST
    }

    pub fn diverges(&self, manifest: &Manifest) -> CalibrationError {
        let learning_rate = manifest.optimizer.learning_rate;
        CalibrationError::Diverges { layer: self.largest().0, learning_rate }
    }

    /// Why there are no scales: where training diverges, that is the reason, and whatever it led
    /// to is not; a field of the scales is none that a user wrote.
    pub fn blame(&self, manifest: &Manifest, error: CalibrationError) -> CalibrationError {
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
pub(super) fn observe(
    manifest: &Manifest,
    sample: &Scaled,
    seed: u64,
) -> Result<Run, CalibrationError> {
    // Full ones, of rows that all have their weight: what scales have to hold.
    let batch = manifest.training.batch;
    let shapes = manifest.shapes()?;
    let outputs = shapes.last().map_or(0, |s| s.output.count());
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
    let mut trainer =
        FloatTrainer::new(manifest, initial_floats(&shapes, manifest.data.tokens.is_some(), seed))?;
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
