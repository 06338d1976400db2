//! Half the sum of squared errors, of classes or of a number.

use super::site::Site;
use super::{LossFunction, Operator, Scale, Sends, less_labels, loss_layer, outputs_gradient};
use crate::compile::{CompileError, Declaration, PointwiseBuilder, RelationBuilder};
use crate::manifest::{I16_LO, ManifestError, Network};
use crate::relation::{DimMap, Linear};
use crate::trace::Record;

/// The squared error: its gradient is made of outputs and labels, and nothing is committed to.
#[derive(Debug)]
pub(crate) struct Mse;

impl LossFunction for Mse {
    fn outputs(&self, classes: usize) -> Result<(usize, &'static str), ManifestError> {
        Ok((classes, "data.classes"))
    }

    fn takes_targets(&self) -> bool {
        true
    }

    /// The difference of two 16-bit numbers.
    fn scale(&self, z_frac: u32) -> Scale {
        Scale { frac: z_frac, max: -2 * I16_LO }
    }

    /// A one-hot target is `2^z_frac` and must fit 16 bits.
    fn most_bits(&self, classes: bool) -> Option<i64> {
        classes.then_some(14)
    }

    fn label_scale(&self, one_hot: bool, z_frac: u32) -> i64 {
        if one_hot { 1 << z_frac } else { 1 }
    }

    fn declare(&self, _own: &mut Declaration<'_>) -> Result<(), CompileError> {
        Ok(())
    }

    fn gradient(
        &self,
        network: &Network,
        _table: &[i32],
        z: &[i32],
        y: &[i32],
        _trace: &mut Record,
    ) -> Option<Vec<i32>> {
        Some(less_labels(network, z, y))
    }
}

impl Operator for Mse {
    fn sends_as(&self) -> Sends {
        Sends::Form
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(outputs_gradient(site, loss_layer(site)?.1.q, map))
    }

    /// Nothing but that there is a last layer.
    fn forward(&self, _builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        loss_layer(site).map(|_| ())
    }

    /// Nothing: the gradient that it sends is a form of outputs and labels.
    fn backward(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }

    /// Nothing: its constraints are its own, not a layer's.
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
