//! Integer semantics of a training step, as specified in `docs/quantization.md`.
//!
//! Scalar functions only; the training loop applies them to tensors and the
//! proof constrains exactly them.

mod round;
mod softmax;
mod tables;
mod wide;

#[cfg(test)]
mod tests;

pub use round::{Rounding, round_sat};
pub use softmax::{SoftmaxRow, exp_scale, softmax_row};
pub use tables::{
    DERIVATIVE_FRAC, EXP_LEN, I16_LEN, exp_table, gelu_derivative_table, gelu_table, sigmoid_table,
    silu_derivative_table, silu_table, tanh_table,
};
pub use wide::{Digit, Expansion, RADIX, floor_sqrt};

/// Fractional bits of a leaky rectifier's slope.
pub const SLOPE_FRAC: u32 = 16;

/// What a first moment moves by, for a difference `d` of a gradient to it: `d·taken/2^16`, away from zero. So it is never zero where
/// `d` is not, and a moment never comes to rest before its gradient.
pub fn moment_step(taken: i64, d: i64) -> i64 {
    let step = (d.abs() * taken + (1 << 16) - 1) >> 16;
    step * d.signum()
}

/// `max(z, 0)`.
pub fn relu(z: i32) -> i32 {
    z.max(0)
}

/// What the leaky rectifier rounds by `2^16`: `x·2^16`, or `x·slope` where `z` is negative. Of `x = z` that gives
/// its value, of the gradient that arrives the one that it sends.
pub fn leaky_product(negative: i32, slope: i64, x: i32) -> i64 {
    i64::from(x) * if negative == 0 { 1 << SLOPE_FRAC } else { slope }
}

/// Derivative product of the sigmoid, `a·(2^frac − a)·g`, before the rounding by `2^(2·frac − 2)`.
pub fn sigmoid_product(a: i32, frac: u32, g: i32) -> i64 {
    let a = i64::from(a);
    a * ((1 << frac) - a) * i64::from(g)
}

/// Derivative product of the hyperbolic tangent, `(2^(2·frac) − a²)·g`, before the rounding by `2^(2·frac)`.
pub fn tanh_product(a: i32, frac: u32, g: i32) -> i64 {
    let a = i64::from(a);
    ((1 << (2 * frac)) - a * a) * i64::from(g)
}
