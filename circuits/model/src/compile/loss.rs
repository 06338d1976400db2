//! The loss: how the last layer's output becomes its gradient.

use super::builder::{Builder, Pointwise, TableKind, axes, real_positions};
use super::error::CompileError;
use super::gadgets::offset_key;
use super::layer::padded_constant;
use super::training::{LossIds, TrainingIds};
use crate::manifest::{Loss, Network, PROBABILITY_FRAC};
use crate::relation::{DimMap, Domain, Linear, TensorId};

/// All constraints of the loss.
///
/// # Errors
/// If the tensors are those of another loss, or a table was not declared.
pub fn constrain_loss(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
) -> Result<(), CompileError> {
    let (Some(layer), Some(own)) = (network.layers.last(), ids.layers.last()) else {
        return Err(CompileError::Missing { name: "loss".into(), part: "the last layer" });
    };
    let domain = Domain::new(&[network.output(), network.steps, network.batch]);
    match (network.loss, &ids.loss) {
        (Loss::Mse, LossIds::Mse) => Ok(()),
        (Loss::Logistic, LossIds::Logistic { p }) => {
            let half = 1 << (PROBABILITY_FRAC - 1);
            let value = padded_constant(Linear::tensor(*p, 3), half, 0, network.output());
            let key = offset_key(own.z.q, 3);
            let table = TableKind::Sigmoid { frac: layer.z_frac, out: PROBABILITY_FRAC };
            builder.lookup("loss.p".into(), &domain, table, key, Some(value))
        }
        (Loss::SoftmaxCrossEntropy, LossIds::Softmax { .. }) => {
            softmax(builder, network, ids, &domain, (own.z.q, layer.z_frac))
        }
        _ => Err(other_loss()),
    }
}

fn other_loss() -> CompileError {
    CompileError::Differs { name: "loss".into(), part: "its kind" }
}

/// The row maximum is attained and nothing exceeds it; the terms come from the
/// table of `exp`; `2S·p + r = 2^15·e` with `−S ≤ r < S` divides with rounding.
///
/// Padded classes have `e = 0` because the lookup there has key 0 and value
/// `e + E0`, hence `p = r = 0`.
fn softmax(
    builder: &mut Builder,
    network: &Network,
    ids: &TrainingIds,
    domain: &Domain,
    (z, frac): (TensorId, u32),
) -> Result<(), CompileError> {
    let LossIds::Softmax { max, at_max, e, sum, p, r } = &ids.loss else {
        return Err(other_loss());
    };
    let n = network.output();
    let rows = [DimMap::Axis(1), DimMap::Axis(2)];
    let scale = network.exp_scale();

    let mut pointwise = Pointwise::new(domain.clone());
    let [u, z_, e_, p_, r_] = [*at_max, z, *e, *p, *r].map(|id| pointwise.tensor(id, 3));
    let [m, s] = [*max, *sum].map(|id| pointwise.mapped(id, &rows));
    pointwise.require("loss.at_max.bit".into(), &[(1, &[u, u]), (-1, &[u])]);
    pointwise.require("loss.at_max.attained".into(), &[(1, &[u, m]), (-1, &[u, z_])]);
    pointwise.require(
        "loss.p".into(),
        &[(2, &[s, p_]), (1, &[r_]), (-(1 << (PROBABILITY_FRAC + 1)), &[e_])],
    );
    let real = real_positions(0, n);
    if !real.is_empty() {
        let mask = pointwise.form(Linear::zero().plus_constant_masked(1, &real));
        pointwise.require("loss.at_max.padding".into(), &[(1, &[u, mask]), (-1, &[u])]);
    }
    builder.pointwise(pointwise);

    let row_domain = Domain::new(&[network.steps, network.batch]);
    let over_row = [DimMap::Sum, DimMap::Axis(0), DimMap::Axis(1)];
    let one = Linear::zero().plus(1, *at_max, &over_row).plus_constant(-1);
    builder.linear("loss.at_max.one".into(), row_domain.clone(), one);
    let total = Linear::zero().plus(1, *sum, &axes(2)).plus(-1, *e, &over_row);
    builder.linear("loss.sum".into(), row_domain, total);

    let below_max = Linear::zero().plus_masked(1, *max, &rows, &real).plus(-1, z, &axes(3));
    let value = padded_constant(Linear::tensor(*e, 3), i128::from(scale), 0, n);
    let exp = TableKind::Exp { frac, scale };
    builder.lookup("loss.e".into(), domain, exp, below_max, Some(value))?;
    builder.range16("loss.p.range".into(), domain, Linear::tensor(*p, 3))?;
    let from_below = Linear::tensor(*r, 3).plus(1, *sum, &rows);
    builder.range16("loss.r.range".into(), domain, from_below)?;
    let from_above = Linear::zero().plus(1, *sum, &rows).plus(-1, *r, &axes(3)).plus_constant(-1);
    builder.range16("loss.r.range_above".into(), domain, from_above)
}
