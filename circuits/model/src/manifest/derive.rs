//! Integer multipliers that follow from the hyper-parameters.
//!
//! All are `round(real·2^k)`, half up, in IEEE double precision: products and
//! quotients of doubles are correctly rounded and powers of two are exact, so
//! every machine derives the same integers.

use super::network::UPDATE_SHIFT;
use super::optimizer::Optimizer;
use crate::quant::SLOPE_FRAC;

/// Largest relative error of a rounded `eta`: it changes the learning rate by as much.
pub const MAX_ETA_ERROR: f64 = 1.0 / 16.0;
/// Largest relative error of a rounded `lambda`: it changes the weight decay by as much.
pub const MAX_LAMBDA_ERROR: f64 = 1.0 / 16.0;

/// Largest relative error of a rounded slope of a leaky ReLU.
pub const MAX_SLOPE_ERROR: f64 = 1.0 / 16.0;
/// The slope of a leaky ReLU whose manifest does not say one.
pub const DEFAULT_SLOPE: f64 = 0.01;

/// `round(slope·2^16)`.
pub fn derive_slope(slope: f64) -> i64 {
    round_scaled(slope, SLOPE_FRAC as i32)
}

/// Relative error of [`derive_slope`], and the slope nearest to the one wished for that has none.
pub fn slope_error(slope: f64) -> (f64, f64) {
    let nearest = libm::scalbn(derive_slope(slope) as f64, -(SLOPE_FRAC as i32));
    ((nearest / slope - 1.0).abs(), nearest)
}

/// Most bits that the rounding of an update drops.
pub const MAX_UPDATE_SHIFT: u32 = 30;

/// Bits that the rounding of an update drops, and fractional bits of its multipliers: 16, or the fewest more with which
/// rounding changes the weight decay little enough; 16 too where none do.
pub fn update_shift(optimizer: &Optimizer) -> u32 {
    if optimizer.weight_decay > 0.0 {
        let fits = |shift: &u32| decay_error(optimizer, *shift) <= MAX_LAMBDA_ERROR;
        (UPDATE_SHIFT..=MAX_UPDATE_SHIFT).find(fits).unwrap_or(UPDATE_SHIFT)
    } else {
        UPDATE_SHIFT
    }
}

/// Relative error of the weight decay with so many fractional bits.
fn decay_error(optimizer: &Optimizer, shift: u32) -> f64 {
    let decay = optimizer.learning_rate * optimizer.weight_decay;
    (round_scaled(decay, shift as i32) as f64 / libm::scalbn(decay, shift as i32) - 1.0).abs()
}

/// `round(momentum·2^s)`, with the update's shift `s`.
pub fn derive_mu(optimizer: &Optimizer) -> i64 {
    round_scaled(optimizer.momentum, update_shift(optimizer) as i32)
}

/// `round(learning_rate·weight_decay·2^s)`, with the update's shift `s`.
pub fn derive_lambda(optimizer: &Optimizer) -> i64 {
    round_scaled(optimizer.learning_rate * optimizer.weight_decay, update_shift(optimizer) as i32)
}

/// Relative error of [`derive_lambda`], and the weight decay nearest to the one wished for that
/// has none. Of a weight decay that is not zero.
pub fn lambda_error(optimizer: &Optimizer) -> (f64, f64) {
    let most = MAX_UPDATE_SHIFT as i32;
    let step = libm::scalbn(optimizer.learning_rate, most);
    let finest = round_scaled(optimizer.learning_rate * optimizer.weight_decay, most).max(1) as f64;
    (decay_error(optimizer, update_shift(optimizer)), finest / step)
}

/// `round(learning_rate/labels·2^(weight_frac + s − step_frac))`, where `s` is the update's shift, `labels` are those of a step
/// ([`Manifest::labels_in_step`](super::Manifest::labels_in_step)) and `step_frac` is the fractional bits of the
/// (clipped) gradient sum.
pub fn derive_eta(optimizer: &Optimizer, labels: usize, weight_frac: u32, step_frac: u32) -> i64 {
    let exponent = (weight_frac + update_shift(optimizer)) as i32 - step_frac as i32;
    round_scaled(optimizer.learning_rate / labels as f64, exponent)
}

/// Relative error of [`derive_eta`]: by how much rounding changes the learning rate.
pub fn eta_error(optimizer: &Optimizer, labels: usize, weight_frac: u32, step_frac: u32) -> f64 {
    let exponent = (weight_frac + update_shift(optimizer)) as i32 - step_frac as i32;
    let exact = libm::scalbn(optimizer.learning_rate / labels as f64, exponent);
    (derive_eta(optimizer, labels, weight_frac, step_frac) as f64 / exact - 1.0).abs()
}

/// `round(clip·labels·2^clip_frac)`: the bound on an element of the gradient sum.
pub fn derive_clip_bound(clip: f64, labels: usize, clip_frac: u32) -> i64 {
    round_scaled(clip * labels as f64, clip_frac as i32)
}

/// `floor(x·2^exponent + 1/2)`; saturates at the ends of `i64`.
pub(super) fn round_scaled(x: f64, exponent: i32) -> i64 {
    libm::floor(libm::scalbn(x, exponent) + 0.5) as i64
}
