//! The window's inputs: where every graph begins.

use super::{Operator, Site};
use crate::compile::CompileError;
use crate::relation::{DimMap, Linear};

/// Puts out the inputs.
#[derive(Debug)]
pub(crate) struct Input;

impl Operator for Input {
    fn value(&self, site: &Site<'_>, [n, t, b]: [DimMap; 3]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.ids.inputs, &[DimMap::Sum, n, t, b]))
    }
}
