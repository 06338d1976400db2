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
pub use tables::{EXP_LEN, I16_LEN, exp_table, sigmoid_table, tanh_table};
pub use wide::{Digit, Expansion, RADIX, floor_sqrt};

/// `max(z, 0)`.
pub fn relu(z: i32) -> i32 {
    z.max(0)
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
