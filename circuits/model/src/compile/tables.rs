//! The public tables: closed-form ranges and the functions' committed rows.

use crate::manifest::Rates;
use crate::quant::{
    exp_table, gelu_derivative_table, gelu_table, moment_step, sigmoid_table,
    silu_derivative_table, silu_table, tanh_table,
};

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableKind {
    /// `0 .. 2^bits`
    Range(u32),
    /// `exp(−d/2^frac)` scaled by a numerator, for `d` in `0 .. 2^16`.
    Exp {
        /// Fractional bits of the argument.
        frac: u32,
        /// Value at 0.
        scale: i64,
    },
    /// The logistic function of `key − 2^15`.
    Sigmoid {
        /// Fractional bits of the argument.
        frac: u32,
        /// Fractional bits of the value.
        out: u32,
    },
    /// The hyperbolic tangent of `key − 2^15`.
    Tanh {
        /// Fractional bits of the argument.
        frac: u32,
        /// Fractional bits of the value.
        out: u32,
    },
    /// `x·Φ(x)` of `key − 2^15`, with as many fractional bits as the argument.
    Gelu {
        /// Fractional bits of argument and value.
        frac: u32,
    },
    /// Its derivative, with 14 fractional bits.
    GeluDerivative {
        /// Fractional bits of the argument.
        frac: u32,
    },
    /// `x/(1 + exp(−x))` of `key − 2^15`, with as many fractional bits as the argument.
    Silu {
        /// Fractional bits of argument and value.
        frac: u32,
    },
    /// Its derivative, with 14 fractional bits.
    SiluDerivative {
        /// Fractional bits of the argument.
        frac: u32,
    },
    /// What moves a first moment by the difference `key − 2^15` of a gradient to it.
    Mean {
        /// What it takes of the difference, in units of `2^−16`.
        taken: i64,
    },
    /// Adam's rate at a step.
    Rates(Rates),
}

impl TableKind {
    /// Keys are `0 .. 2^log`.
    pub fn log(self) -> u32 {
        match self {
            Self::Range(bits) => bits,
            Self::Rates(rates) => rates.log(),
            _ => 16,
        }
    }

    /// The committed values beside the keys; `None` for ranges.
    pub fn values(self) -> Option<Vec<i32>> {
        match self {
            Self::Range(_) => None,
            Self::Exp { frac, scale } => Some(exp_table(frac, scale)),
            Self::Sigmoid { frac, out } => Some(sigmoid_table(frac, out)),
            Self::Tanh { frac, out } => Some(tanh_table(frac, out)),
            Self::Gelu { frac } => Some(gelu_table(frac)),
            Self::GeluDerivative { frac } => Some(gelu_derivative_table(frac)),
            Self::Silu { frac } => Some(silu_table(frac)),
            Self::SiluDerivative { frac } => Some(silu_derivative_table(frac)),
            Self::Mean { taken } => Some(mean_table(taken)),
            Self::Rates(rates) => Some(rates.values()),
        }
    }

    /// Name of the table and of its tensors.
    pub fn name(self) -> String {
        match self {
            Self::Range(bits) => format!("range{bits}"),
            Self::Exp { frac, scale } => format!("exp.{frac}.{scale}"),
            Self::Sigmoid { frac, out } => format!("sigmoid.{frac}.{out}"),
            Self::Tanh { frac, out } => format!("tanh.{frac}.{out}"),
            Self::Gelu { frac } => format!("gelu.{frac}"),
            Self::GeluDerivative { frac } => format!("gelu_derivative.{frac}"),
            Self::Silu { frac } => format!("silu.{frac}"),
            Self::SiluDerivative { frac } => format!("silu_derivative.{frac}"),
            Self::Mean { .. } => "mean".into(),
            Self::Rates(_) => "rates".into(),
        }
    }
}

/// The steps of a first moment for every difference of 16 bits.
fn mean_table(taken: i64) -> Vec<i32> {
    (-(1i64 << 15)..1 << 15).map(|d| moment_step(taken, d) as i32).collect()
}
