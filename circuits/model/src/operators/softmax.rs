//! Softmax and cross entropy: one output a class.

use super::site::Site;
use super::{LossFunction, Operator, Scale, less_labels, loss_layer, other_loss, outputs_gradient};
use crate::compile::{
    CompileError, LossIds, PointwiseBuilder, RelationBuilder, TableKind, Tensors, axes,
    padded_constant, real_positions,
};
use crate::manifest::{Layer, ManifestError, Network, PROBABILITY_FRAC};
use crate::quant::softmax_row;
use crate::relation::{AxisFactor, DimMap, Domain, Linear, TensorId};
use crate::trace::LossTrace;

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

    fn scale(&self, _z_frac: u32) -> Scale {
        Scale { frac: PROBABILITY_FRAC, max: 1 << PROBABILITY_FRAC }
    }

    fn label_scale(&self, _one_hot: bool, _z_frac: u32) -> i64 {
        1 << PROBABILITY_FRAC
    }

    fn tensors(&self, network: &Network, tensors: &mut Tensors) -> Result<LossIds, CompileError> {
        let (t, b, n) = (network.steps, network.batch, network.output());
        let mut plain = |part: &str, sizes: &[usize]| tensors.plain(format!("loss.{part}"), sizes);
        Ok(LossIds::Softmax {
            max: plain("max", &[t, b])?,
            at_max: plain("at_max", &[n, t, b])?,
            e: plain("e", &[n, t, b])?,
            sum: plain("sum", &[t, b])?,
            p: plain("p", &[n, t, b])?,
            r: plain("r", &[n, t, b])?,
        })
    }

    fn trace(&self, samples: usize, outputs: usize) -> LossTrace {
        let each = || vec![0; samples * outputs];
        LossTrace::Softmax {
            max: Vec::with_capacity(samples),
            argmax: Vec::with_capacity(samples),
            e: each(),
            sum: Vec::with_capacity(samples),
            p: each(),
            r: each(),
        }
    }

    fn gradient(
        &self,
        network: &Network,
        table: &[i32],
        z: &[i32],
        y: &[i32],
        trace: &mut LossTrace,
    ) -> Option<Vec<i32>> {
        let LossTrace::Softmax { max, argmax, e, sum, p, r } = trace else {
            return None;
        };
        let n = network.output();
        let start = max.len() * n;
        let now = start..start + z.len();
        let [e, p, r] = [e, p, r].map(|all| all.get_mut(now.clone()));
        let (e, p, r) = (e?, p?, r?);
        let rows = e.chunks_exact_mut(n).zip(p.chunks_exact_mut(n)).zip(r.chunks_exact_mut(n));
        for (z, ((e, p), r)) in z.chunks_exact(n).zip(rows) {
            let row = softmax_row(z, table, e, p, r);
            max.push(row.max);
            argmax.push(row.argmax);
            sum.push(row.sum);
        }
        Some(less_labels(network, p, y))
    }
}

impl Operator for Softmax {
    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let LossIds::Softmax { p, .. } = &site.ids.loss else {
            return Err(other_loss());
        };
        Ok(outputs_gradient(site, *p, map))
    }

    fn table(&self, network: &Network, last: &Layer) -> Option<TableKind> {
        Some(TableKind::Exp { frac: last.z_frac, scale: network.exp_scale() })
    }

    /// The row maximum is attained and nothing exceeds it; the terms come from the
    /// table of `exp`; `2S·p + r = 2^15·e` with `−S ≤ r < S` divides with rounding.
    ///
    /// Padded classes have `e = 0` because the lookup there has key 0 and value
    /// `e + E0`, hence `p = r = 0`.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let (layer, outputs) = loss_layer(site)?;
        let &LossIds::Softmax { max, at_max, e, sum, p, r } = &site.ids.loss else {
            return Err(other_loss());
        };
        let own = Own { z: outputs.z.q, max, at_max, e, sum, p, r };
        let (network, n) = (site.network, site.network.output());
        let domain = Domain::new(&[n, network.steps, network.batch]);
        let real = real_positions(0, n);
        own.pointwise(builder, &domain, &real);
        own.sums(builder, network);

        let rows = [DimMap::Axis(1), DimMap::Axis(2)];
        let (frac, scale) = (layer.z_frac, network.exp_scale());
        let below_max = Linear::zero().plus_masked(1, max, &rows, &real).plus(-1, own.z, &axes(3));
        let value = padded_constant(Linear::tensor(e, 3), i128::from(scale), &domain);
        let exp = TableKind::Exp { frac, scale };
        builder.lookup("loss.e".into(), &domain, exp, below_max, Some(value))?;
        builder.range16("loss.p.range".into(), &domain, Linear::tensor(p, 3))?;
        let from_below = Linear::tensor(r, 3).plus(1, sum, &rows);
        builder.range16("loss.r.range".into(), &domain, from_below)?;
        let from_above = Linear::zero().plus(1, sum, &rows).plus(-1, r, &axes(3)).plus_constant(-1);
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
    fn pointwise(&self, builder: &mut RelationBuilder, domain: &Domain, real: &[AxisFactor]) {
        let rows = [DimMap::Axis(1), DimMap::Axis(2)];
        let mut pointwise = PointwiseBuilder::new(domain.clone());
        let Self { z, max, at_max, e, sum, p, r } = *self;
        let [u, z, e, p, r] = [at_max, z, e, p, r].map(|id| pointwise.tensor(id, 3));
        let [m, s] = [max, sum].map(|id| pointwise.mapped(id, &rows));
        pointwise.require("loss.at_max.bit".into(), &[(1, &[u, u]), (-1, &[u])]);
        pointwise.require("loss.at_max.attained".into(), &[(1, &[u, m]), (-1, &[u, z])]);
        pointwise.require(
            "loss.p".into(),
            &[(2, &[s, p]), (1, &[r]), (-(1 << (PROBABILITY_FRAC + 1)), &[e])],
        );
        if !real.is_empty() {
            let mask = pointwise.form(Linear::zero().plus_constant_masked(1, real));
            pointwise.require("loss.at_max.padding".into(), &[(1, &[u, mask]), (-1, &[u])]);
        }
        builder.pointwise(pointwise);
    }

    fn sums(&self, builder: &mut RelationBuilder, network: &Network) {
        let domain = Domain::new(&[network.steps, network.batch]);
        let over_row = [DimMap::Sum, DimMap::Axis(0), DimMap::Axis(1)];
        let one = Linear::zero().plus(1, self.at_max, &over_row).plus_constant(-1);
        builder.linear("loss.at_max.one".into(), domain.clone(), one);
        let total = Linear::zero().plus(1, self.sum, &axes(2)).plus(-1, self.e, &over_row);
        builder.linear("loss.sum".into(), domain, total);
    }
}
