//! Wide integers in a relation: digits, each of them looked up.
//!
//! A digit of radix 2^16 takes one lookup, one of a smaller radix two: `x` and `radix − 1 − x`, both below 2^16. With
//! the weights of its digits a number has one expansion ([`Expansion`]), so an equation with what is expanded on
//! the other side has one solution.

use super::builder::{RelationBuilder, axes};
use super::error::CompileError;
use crate::quant::{Expansion, RADIX};
use crate::relation::{AxisFactor, DimMap, Domain, Linear, TensorId};

/// The tensors of wide integers.
#[derive(Clone, Debug)]
pub struct WideIds {
    /// How they are written.
    pub expansion: Expansion,
    /// A tensor a digit, the lowest first, `(channels, T)` each.
    pub digits: Vec<TensorId>,
}

impl WideIds {
    /// The whole number as a form; `dims` maps channel and step.
    pub fn whole(&self, dims: &[DimMap]) -> Linear {
        self.above(0, dims, &[])
    }

    /// Its quotient.
    pub fn quotient(&self, dims: &[DimMap]) -> Linear {
        self.above(self.expansion.dropped(), dims, &[])
    }

    /// Its quotient where these factors are 1, and zero elsewhere.
    pub fn masked(&self, dims: &[DimMap], factors: &[AxisFactor]) -> Linear {
        self.above(self.expansion.dropped(), dims, factors)
    }

    fn above(&self, first: usize, dims: &[DimMap], factors: &[AxisFactor]) -> Linear {
        let digits: Vec<_> = self.expansion.digits().zip(&self.digits).skip(first).collect();
        let unit = digits.first().map_or(1, |(digit, _)| digit.weight);
        digits.iter().fold(Linear::zero(), |form, (digit, id)| {
            form.plus_masked(digit.weight / unit, **id, dims, factors)
        })
    }
}

/// Each digit is one.
///
/// # Errors
/// If the table of 16 bits is not there.
pub fn constrain_wide(
    builder: &mut RelationBuilder,
    name: &str,
    domain: &Domain,
    ids: &WideIds,
) -> Result<(), CompileError> {
    let dims = axes(domain.axes.len());
    for (k, (digit, id)) in ids.expansion.digits().zip(&ids.digits).enumerate() {
        let above = Linear::zero().plus(1, *id, &dims).plus_constant(-i128::from(digit.lo));
        builder.range16(format!("{name}.d{k}.range"), domain, above)?;
        if digit.hi - digit.lo != i64::from(RADIX) - 1 {
            let below = Linear::zero().plus(-1, *id, &dims).plus_constant(digit.hi.into());
            builder.range16(format!("{name}.d{k}.range_above"), domain, below)?;
        }
    }
    Ok(())
}
