//! Sigmoid and binary cross entropy: one output, two classes.

use super::site::Site;
use super::{
    LossFunction, Operator, Scale, less_labels, looked_up, loss_layer, other_loss, outputs_gradient,
};
use crate::compile::{
    CompileError, LossIds, PointwiseBuilder, RelationBuilder, TableKind, Tensors, offset_key,
    padded_constant,
};
use crate::manifest::{Layer, ManifestError, Network, PROBABILITY_FRAC, in_range};
use crate::relation::{DimMap, Domain, Linear};
use crate::trace::LossTrace;

/// The loss of one output.
#[derive(Debug)]
pub(crate) struct Logistic;

impl LossFunction for Logistic {
    fn outputs(&self, classes: usize) -> Result<(usize, &'static str), ManifestError> {
        in_range("data.classes", 2, 2, classes as i64)?;
        Ok((1, "the logistic loss"))
    }

    /// A label is one bit.
    fn one_hot(&self) -> bool {
        false
    }

    fn scale(&self, _z_frac: u32) -> Scale {
        Scale { frac: PROBABILITY_FRAC, max: 1 << PROBABILITY_FRAC }
    }

    fn label_scale(&self, _one_hot: bool, _z_frac: u32) -> i64 {
        1 << PROBABILITY_FRAC
    }

    fn tensors(&self, network: &Network, tensors: &mut Tensors) -> Result<LossIds, CompileError> {
        let sizes = [network.output(), network.steps, network.batch];
        Ok(LossIds::Logistic { p: tensors.plain("loss.p".into(), &sizes)? })
    }

    fn trace(&self, samples: usize, _outputs: usize) -> LossTrace {
        LossTrace::Logistic { p: Vec::with_capacity(samples) }
    }

    fn gradient(
        &self,
        network: &Network,
        table: &[i32],
        z: &[i32],
        y: &[i32],
        trace: &mut LossTrace,
    ) -> Option<Vec<i32>> {
        let LossTrace::Logistic { p: all } = trace else {
            return None;
        };
        let p = looked_up(table, z)?;
        all.extend_from_slice(&p);
        Some(less_labels(network, &p, y))
    }
}

impl Operator for Logistic {
    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let LossIds::Logistic { p } = &site.ids.loss else {
            return Err(other_loss());
        };
        Ok(outputs_gradient(site, *p, map))
    }

    /// The table's keys have 16 bits.
    fn bounds_input(&self) -> bool {
        true
    }

    fn table(&self, _network: &Network, last: &Layer) -> Option<TableKind> {
        Some(TableKind::Sigmoid { frac: last.z_frac, out: PROBABILITY_FRAC })
    }

    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (layer, own) = loss_layer(site)?;
        let LossIds::Logistic { p } = &site.ids.loss else {
            return Err(other_loss());
        };
        let network = site.network;
        let domain = Domain::new(&[network.output(), network.steps, network.batch]);
        let half = 1 << (PROBABILITY_FRAC - 1);
        let value = padded_constant(Linear::tensor(*p, 3), half, &domain);
        let key = offset_key(own.z.q, 3);
        let table = TableKind::Sigmoid { frac: layer.z_frac, out: PROBABILITY_FRAC };
        builder.lookup("loss.p".into(), &domain, table, key, Some(value))
    }

    /// Nothing: the gradient that it sends is a form of what `forward` constrains.
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
