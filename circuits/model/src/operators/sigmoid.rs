//! `1/(1 + exp(−z))`, whose derivative is `a·(1 − a)`.

use super::smooth::{Function, Power};
use crate::compile::TableKind;
use crate::manifest::Activation;
use crate::quant::sigmoid_product;

/// The logistic function.
#[derive(Debug)]
pub(crate) struct Sigmoid;

impl Function for Sigmoid {
    const ACTIVATION: Activation = Activation::Sigmoid;
    /// It peaks at a quarter.
    const GAIN: u32 = 2;

    fn table(z_frac: u32, frac: u32) -> TableKind {
        TableKind::Sigmoid { frac: z_frac, out: frac }
    }

    fn at_zero(frac: u32) -> i128 {
        1 << frac >> 1
    }

    fn peak(frac: u32) -> u32 {
        2 * frac - 2
    }

    fn derivative(frac: u32) -> [Power; 2] {
        [(1 << frac, 1), (-1, 2)]
    }

    fn product(a: i32, frac: u32, g: i32) -> i64 {
        sigmoid_product(a, frac, g)
    }
}
