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

mod choice;
mod error;
mod rows;
mod run;
#[cfg(test)]
mod tests;

pub use error::{CalibrationError, Remedy};

use zktrain_model::manifest::Manifest;

use self::choice::Choice;
use self::run::observe;
use crate::dataset::Scaled;

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
