//! Function tables over all 16-bit arguments.
//!
//! Computed in double precision with `libm`, which is plain Rust and so gives the
//! same bits everywhere, and rounded half up. No entry is so close to a tie that
//! another correct implementation could round it differently (tested).

/// Entries of a table over signed 16-bit arguments; argument `z` is at index `z + 2^15`.
pub const I16_LEN: usize = 1 << 16;
/// Fractional bits of derivatives that are looked up.
pub const DERIVATIVE_FRAC: u32 = 14;
/// Entries of the exponential's table; argument `d ≥ 0` is at index `d`.
pub const EXP_LEN: usize = 1 << 16;

/// `round(2^out/(1 + exp(−z/2^frac)))` for `z = −2^15 … 2^15 − 1`, `frac ≤ 15`, `out ≤ 14`.
pub fn sigmoid_table(frac: u32, out: u32) -> Vec<i32> {
    i16_table(|z| sigmoid(z, frac, out))
}

/// `round(2^out·tanh(z/2^frac))` for `z = −2^15 … 2^15 − 1`, `frac ≤ 15`, `out ≤ 14`.
pub fn tanh_table(frac: u32, out: u32) -> Vec<i32> {
    i16_table(|z| tanh(z, frac, out))
}

/// `round(z·Φ(z/2^frac))` for `z = −2^15 … 2^15 − 1`, `frac ≤ 15`, with `Φ` the normal distribution.
pub fn gelu_table(frac: u32) -> Vec<i32> {
    i16_table(|z| z * normal(unscale(z, frac)))
}

/// The derivative of [`gelu_table`]'s function with [`DERIVATIVE_FRAC`] fractional bits.
pub fn gelu_derivative_table(frac: u32) -> Vec<i32> {
    i16_table(|z| gelu_derivative(unscale(z, frac)))
}

/// `round(z/(1 + exp(−z/2^frac)))` for `z = −2^15 … 2^15 − 1`, `frac ≤ 15`.
pub fn silu_table(frac: u32) -> Vec<i32> {
    i16_table(|z| z * logistic(unscale(z, frac)))
}

/// The derivative of [`silu_table`]'s function with [`DERIVATIVE_FRAC`] fractional bits.
pub fn silu_derivative_table(frac: u32) -> Vec<i32> {
    i16_table(|z| silu_derivative(unscale(z, frac)))
}

/// `round(scale·exp(−d/2^frac))` for `d = 0 … 2^16 − 1`, `frac ≤ 15`, `scale ≤ 2^14`.
pub fn exp_table(frac: u32, scale: i64) -> Vec<i32> {
    (0..EXP_LEN).map(|d| half_up(exp(d as f64, frac, scale))).collect()
}

fn i16_table(f: impl Fn(f64) -> f64) -> Vec<i32> {
    (-(1 << 15)..1 << 15).map(|z: i32| half_up(f(f64::from(z)))).collect()
}

fn half_up(x: f64) -> i32 {
    libm::floor(x + 0.5) as i32
}

fn unscale(z: f64, frac: u32) -> f64 {
    libm::scalbn(z, -(frac as i32))
}

fn sigmoid(z: f64, frac: u32, out: u32) -> f64 {
    libm::scalbn(logistic(unscale(z, frac)), out as i32)
}

fn tanh(z: f64, frac: u32, out: u32) -> f64 {
    libm::scalbn(libm::tanh(unscale(z, frac)), out as i32)
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// Distribution function of the standard normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / core::f64::consts::SQRT_2)
}

/// `2^14·(Φ(x) + x·φ(x))`
fn gelu_derivative(x: f64) -> f64 {
    let density = libm::exp(-x * x / 2.0) / libm::sqrt(2.0 * core::f64::consts::PI);
    libm::scalbn(normal(x) + x * density, DERIVATIVE_FRAC as i32)
}

/// `2^14·σ(x)·(1 + x·σ(−x))`
fn silu_derivative(x: f64) -> f64 {
    libm::scalbn(logistic(x) * (1.0 + x * logistic(-x)), DERIVATIVE_FRAC as i32)
}

fn exp(d: f64, frac: u32, scale: i64) -> f64 {
    scale as f64 * libm::exp(-unscale(d, frac))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors of any double-precision library are below `1e-11` at these magnitudes.
    const MARGIN: f64 = 1e-10;

    fn distance_to_tie(x: f64) -> f64 {
        (x - libm::floor(x) - 0.5).abs()
    }

    #[test]
    fn no_entry_is_close_to_a_tie() {
        for frac in 0..=15 {
            for z in -(1 << 15)..1 << 15 {
                let z = f64::from(z);
                let x = unscale(z, frac);
                let values = [z * normal(x), gelu_derivative(x)];
                for value in values.into_iter().chain([z * logistic(x), silu_derivative(x)]) {
                    assert!(distance_to_tie(value) > MARGIN, "{z}/2^{frac}: {value}");
                }
                for out in 4..=14 {
                    let s = distance_to_tie(sigmoid(z, frac, out));
                    let t = distance_to_tie(tanh(z, frac, out));
                    assert!(s.min(t) > MARGIN, "{z}/2^{frac} to {out} bits: {s} {t}");
                }
            }
            for log_scale in 1..=14 {
                for d in 0..EXP_LEN {
                    let x = exp(d as f64, frac, 1 << log_scale);
                    assert!(distance_to_tie(x) > MARGIN, "2^{log_scale}·exp(-{d}/2^{frac})");
                }
            }
        }
    }
}
