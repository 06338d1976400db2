//! Softmax and cross entropy: one output a class.

use super::site::Site;
use super::{LossFunction, Operator, Scale, Sends, less_labels, loss_layer, outputs_gradient};
use crate::compile::{
    CompileError, Declaration, PointwiseBuilder, RelationBuilder, TableKind, axes, padded_constant,
    real_positions,
};
use crate::manifest::{Layer, ManifestError, Network, PROBABILITY_FRAC};
use crate::quant::softmax_row;
use crate::relation::{AxisFactor, DimMap, Domain, Linear, TensorId};
use crate::trace::Record;

/// The loss over classes.
#[derive(Debug)]
pub(crate) struct Softmax;

/// Its tensors, and the outputs that they are of.
struct Own {
    z: TensorId,
    max: TensorId,
    at_max: TensorId,
    e: TensorId,
    sum: TensorId,
    p: TensorId,
    r: TensorId,
}

impl LossFunction for Softmax {
    fn outputs(&self, classes: usize) -> Result<(usize, &'static str), ManifestError> {
        Ok((classes, "data.classes"))
    }

    fn weighs(&self) -> bool {
        true
    }

    fn scale(&self, _z_frac: u32) -> Scale {
        Scale { frac: PROBABILITY_FRAC, max: 1 << PROBABILITY_FRAC }
    }

    fn label_scale(&self, _one_hot: bool, _z_frac: u32) -> i64 {
        1 << PROBABILITY_FRAC
    }

    fn declare(&self, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        let outputs = own.network.labels();
        own.each("max", &outputs)?;
        own.plain("at_max", &outputs)?;
        own.plain("e", &outputs)?;
        own.each("sum", &outputs)?;
        own.plain("p", &outputs)?;
        own.plain("r", &outputs)
    }

    fn gradient(
        &self,
        network: &Network,
        table: &[i32],
        z: &[i32],
        y: &[i32],
        trace: &mut Record,
    ) -> Option<Vec<i32>> {
        let n = network.labels().channels;
        let [mut e, mut p, mut r, mut at_max] = [(); 4].map(|()| vec![0; z.len()]);
        let (mut max, mut sum) = (Vec::new(), Vec::new());
        let rows = e.chunks_exact_mut(n).zip(p.chunks_exact_mut(n)).zip(r.chunks_exact_mut(n));
        let rows = rows.zip(at_max.chunks_exact_mut(n));
        for ((z, y), (((e, p), r), at_max)) in z.chunks_exact(n).zip(y.chunks_exact(n)).zip(rows) {
            let weight = if network.weighted { y.iter().sum() } else { 1 << PROBABILITY_FRAC };
            let row = softmax_row(z, weight, table, [e, p, r]);
            max.push(row.max);
            sum.push(row.sum);
            *at_max.get_mut(row.argmax as usize)? = 1;
        }
        let all =
            [("max", &max), ("at_max", &at_max), ("e", &e), ("sum", &sum), ("p", &p), ("r", &r)];
        for (name, values) in all {
            trace.plain_mut(name)?.extend_from_slice(values);
        }
        Some(less_labels(network, &p, y))
    }
}

impl Operator for Softmax {
    fn sends_as(&self) -> Sends {
        Sends::Form
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(outputs_gradient(site, site.of_loss("p", "its probabilities")?, map))
    }

    fn table(&self, network: &Network, last: &Layer) -> Option<TableKind> {
        Some(TableKind::Exp { frac: last.z_frac, scale: network.exp_scale() })
    }

    /// The row maximum is attained and nothing exceeds it; the terms come from the
    /// table of `exp`; `2S·p + r = 2^15·e` with `−S ≤ r < S` divides with rounding. A label that is a weight takes
    /// the place of `2^14` in it.
    ///
    /// Padded classes have `e = 0` because the lookup there has key 0 and value
    /// `e + E0`, hence `p = r = 0`.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (layer, z) = loss_layer(site)?;
        let own = Own::of(site, z.q)?;
        let Own { max, e, sum, p, r, .. } = own;
        let (network, outputs) = (site.network, site.network.labels());
        let domain = Domain::new(&network.tensor(&outputs));
        let (real, dims) = (real_positions(0, outputs.channels), domain.axes.len());
        own.pointwise(builder, &domain, &real, network.weighted.then_some(site.ids.labels));
        own.sums(builder, &domain);

        let rows = rows(&domain);
        let (frac, scale) = (layer.z_frac, network.exp_scale());
        let below_max =
            Linear::zero().plus_masked(1, max, &rows, &real).plus(-1, own.z, &axes(dims));
        let value = padded_constant(Linear::tensor(e, dims), i128::from(scale), &domain);
        let exp = TableKind::Exp { frac, scale };
        builder.lookup("loss.e".into(), &domain, exp, below_max, Some(value))?;
        builder.range16("loss.p.range".into(), &domain, Linear::tensor(p, dims))?;
        let from_below = Linear::tensor(r, dims).plus(1, sum, &rows);
        builder.range16("loss.r.range".into(), &domain, from_below)?;
        let from_above =
            Linear::zero().plus(1, sum, &rows).plus(-1, r, &axes(dims)).plus_constant(-1);
        builder.range16("loss.r.range_above".into(), &domain, from_above)
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

impl Own {
    fn of(site: &Site<'_>, z: TensorId) -> Result<Self, CompileError> {
        let tensor = |name: &str| site.of_loss(name, "a part of the softmax");
        let (max, at_max, sum) = (tensor("max")?, tensor("at_max")?, tensor("sum")?);
        Ok(Self { z, max, at_max, e: tensor("e")?, sum, p: tensor("p")?, r: tensor("r")? })
    }

    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        domain: &Domain,
        real: &[AxisFactor],
        weights: Option<TensorId>,
    ) {
        let (rows, dims) = (rows(domain), domain.axes.len());
        let mut pointwise = PointwiseBuilder::new(domain.clone());
        let Self { z, max, at_max, e, sum, p, r } = *self;
        let [u, z, e, p, r] = [at_max, z, e, p, r].map(|id| pointwise.tensor(id, dims));
        let [m, s] = [max, sum].map(|id| pointwise.mapped(id, &rows));
        pointwise.require("loss.at_max.bit".into(), &[(1, &[u, u]), (-1, &[u])]);
        pointwise.require("loss.at_max.attained".into(), &[(1, &[u, m]), (-1, &[u, z])]);
        let label = "loss.p".into();
        match weights {
            Some(labels) => {
                // Of one window, over classes: the only entry that is not zero is the weight.
                let over_classes = [&[DimMap::Sum, DimMap::Sum][..], &rows].concat();
                let w = pointwise.mapped(labels, &over_classes);
                pointwise.require(label, &[(2, &[s, p]), (1, &[r]), (-2, &[e, w])]);
            }
            None => {
                let whole = -(1 << (PROBABILITY_FRAC + 1));
                pointwise.require(label, &[(2, &[s, p]), (1, &[r]), (whole, &[e])]);
            }
        }
        if !real.is_empty() {
            let mask = pointwise.form(Linear::zero().plus_constant_masked(1, real));
            pointwise.require("loss.at_max.padding".into(), &[(1, &[u, mask]), (-1, &[u])]);
        }
        builder.pointwise(pointwise);
    }

    fn sums(&self, builder: &mut RelationBuilder, outputs: &Domain) {
        let domain = Domain { axes: outputs.axes.iter().skip(1).copied().collect() };
        let over_row = [&[DimMap::Sum][..], &axes(domain.axes.len())].concat();
        let one = Linear::zero().plus(1, self.at_max, &over_row).plus_constant(-1);
        builder.linear("loss.at_max.one".into(), domain.clone(), one);
        let total =
            Linear::zero().plus(1, self.sum, &axes(domain.axes.len())).plus(-1, self.e, &over_row);
        builder.linear("loss.sum".into(), domain, total);
    }
}

/// A row's dimensions at each of its classes, which come first.
fn rows(domain: &Domain) -> Vec<DimMap> {
    (1..domain.axes.len()).map(DimMap::Axis).collect()
}
