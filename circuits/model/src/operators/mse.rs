//! Half the sum of squared errors, of classes or of a number.

use super::site::Site;
use super::{LossFunction, Operator, Scale, less_labels, loss_layer, other_loss, outputs_gradient};
use crate::compile::{CompileError, LossIds, PointwiseBuilder, RelationBuilder, Tensors};
use crate::manifest::{I16_LO, ManifestError, Network};
use crate::relation::{DimMap, Linear};
use crate::trace::LossTrace;

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

    fn tensors(&self, _network: &Network, _tensors: &mut Tensors) -> Result<LossIds, CompileError> {
        Ok(LossIds::Mse)
    }

    fn trace(&self, _samples: usize, _outputs: usize) -> LossTrace {
        LossTrace::Mse
    }

    fn gradient(
        &self,
        network: &Network,
        _table: &[i32],
        z: &[i32],
        y: &[i32],
        trace: &mut LossTrace,
    ) -> Option<Vec<i32>> {
        matches!(trace, LossTrace::Mse).then(|| less_labels(network, z, y))
    }
}

impl Operator for Mse {
    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        match &site.ids.loss {
            LossIds::Mse => Ok(outputs_gradient(site, loss_layer(site)?.1.z.q, map)),
            _ => Err(other_loss()),
        }
    }

    fn forward(&self, _builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        loss_layer(site)?;
        match &site.ids.loss {
            LossIds::Mse => Ok(()),
            _ => Err(other_loss()),
        }
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
