//! The window's inputs: where every graph begins.

use super::{Operator, Site};
use crate::compile::{CompileError, PointwiseBuilder, RelationBuilder};
use crate::relation::{DimMap, Linear};

/// Puts out the inputs.
#[derive(Debug)]
pub(crate) struct Input;

impl Operator for Input {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let map: Vec<_> = core::iter::once(DimMap::Sum).chain(map.iter().copied()).collect();
        Ok(Linear::zero().plus(1, site.ids.inputs, &map))
    }

    /// Nothing: inputs are committed to before, and bounded there.
    fn forward(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }

    /// Nothing: there is no layer before it.
    fn backward(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }

    /// Nothing: as `forward`.
    fn pointwise(
        &self,
        _: &mut RelationBuilder,
        _: &mut PointwiseBuilder,
        _: &Site<'_>,
    ) -> Result<(), CompileError> {
        Ok(())
    }

    /// Nothing: it has no parameters.
    fn parameters(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }
}
