//! Sigmoid and binary cross entropy: one output, two classes.

use super::site::Site;
use super::{
    LossFunction, Operator, Scale, Sends, less_labels, looked_up, loss_layer, outputs_gradient,
};
use crate::compile::{
    CompileError, Declaration, PointwiseBuilder, RelationBuilder, TableKind, offset_key,
    padded_constant,
};
use crate::manifest::{Layer, ManifestError, Network, PROBABILITY_FRAC, in_range};
use crate::relation::{DimMap, Domain, Linear};
use crate::trace::Record;

const PROBABILITIES: &str = "its probabilities";

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

    fn declare(&self, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        let outputs = own.network.labels();
        own.plain("p", &outputs)
    }

    fn gradient(
        &self,
        network: &Network,
        table: &[i32],
        z: &[i32],
        y: &[i32],
        trace: &mut Record,
    ) -> Option<Vec<i32>> {
        let p = looked_up(table, z)?;
        trace.plain_mut("p")?.extend_from_slice(&p);
        Some(less_labels(network, &p, y))
    }
}

impl Operator for Logistic {
    fn sends_as(&self) -> Sends {
        Sends::Form
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(outputs_gradient(site, site.of_loss("p", PROBABILITIES)?, map))
    }

    /// The table's keys have 16 bits.
    fn bounds_input(&self) -> bool {
        true
    }

    fn table(&self, _network: &Network, last: &Layer) -> Option<TableKind> {
        Some(TableKind::Sigmoid { frac: last.z_frac, out: PROBABILITY_FRAC })
    }

    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (layer, z) = loss_layer(site)?;
        let p = site.of_loss("p", PROBABILITIES)?;
        let network = site.network;
        let domain = Domain::new(&[network.output(), network.steps, network.batch]);
        let half = 1 << (PROBABILITY_FRAC - 1);
        let value = padded_constant(Linear::tensor(p, 3), half, &domain);
        let key = offset_key(z.q, 3);
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
