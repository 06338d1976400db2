//! The hyperbolic tangent, whose derivative is `1 − a²`.

use super::smooth::{Function, Power};
use crate::compile::TableKind;
use crate::manifest::Activation;
use crate::quant::tanh_product;

/// The hyperbolic tangent.
#[derive(Debug)]
pub(crate) struct Tanh;

impl Function for Tanh {
    const ACTIVATION: Activation = Activation::Tanh;
    const GAIN: u32 = 0;

    fn table(z_frac: u32, frac: u32) -> TableKind {
        TableKind::Tanh { frac: z_frac, out: frac }
    }

    fn at_zero(_frac: u32) -> i128 {
        0
    }

    fn peak(frac: u32) -> u32 {
        2 * frac
    }

    fn derivative(frac: u32) -> [Power; 2] {
        [(1 << (2 * frac), 0), (-1, 2)]
    }

    fn product(a: i32, frac: u32, g: i32) -> i64 {
        tanh_product(a, frac, g)
    }
}
