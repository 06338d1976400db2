//! What holds of the numbers of a softmax.

use super::{EXP_FRAC, RowSoftmax, SoftmaxBounds, WHOLE, rows};
use crate::compile::{
    Bound, CompileError, PointwiseBuilder, RelationBuilder, TableKind, WideIds, axes,
    constrain_digits, constrain_rounding,
};
use crate::manifest::{Layer, Network};
use crate::operators::Operator;
use crate::operators::site::{Site, differs, missing};
use crate::relation::{AxisFactor, DimMap, Domain, Linear, Product, TensorId};

/// A softmax' tensors and domains: pairs are `(head, T, B, query, key)`, rows `(head, T, B, query, 1)`.
struct Own<'a> {
    site: &'a Site<'a>,
    name: String,
    bounds: &'a SoftmaxBounds,
    pairs: Domain,
    rows: Domain,
}

/// One for each row.
const ROWS: [DimMap; 5] =
    [DimMap::Axis(0), DimMap::Axis(1), DimMap::Axis(2), DimMap::Axis(3), DimMap::Axis(4)];
/// A pair's dimensions where the keys are summed.
const OVER_KEYS: [DimMap; 5] =
    [DimMap::Axis(0), DimMap::Axis(1), DimMap::Axis(2), DimMap::Axis(3), DimMap::Sum];
/// A pair's dimensions where keys lie on the axis behind those of rows.
const OF_ROWS: [DimMap; 5] =
    [DimMap::Axis(0), DimMap::Axis(1), DimMap::Axis(2), DimMap::Axis(3), DimMap::Axis(5)];
/// A row's dimensions at each of its pairs: it has one position where these have keys.
const OF_PAIRS: [DimMap; 5] = OVER_KEYS;
/// One at keys that are not behind the query.
const ALLOWED: AxisFactor = AxisFactor::NotAfter(4, 3);

impl<'a> Own<'a> {
    fn new(site: &'a Site<'a>) -> Result<Self, CompileError> {
        let (layer, name) = (site.layer()?.0, site.name());
        let bounds = layer.softmax.as_ref().ok_or_else(|| differs(&name, "its scales"))?;
        if layer.input != layer.output || layer.output.image.is_none() {
            return Err(differs(&name, "its sizes"));
        }
        let rows = Domain::new(&site.network.tensor(&rows(&layer.output)));
        Ok(Self { site, bounds, pairs: site.domain(layer), rows, name })
    }

    fn plain(&self, part: &str) -> Result<TensorId, CompileError> {
        self.site.plain(part, "a part of the softmax")
    }

    fn wide(&self, part: &str) -> Result<&'a WideIds, CompileError> {
        self.site.wide(part, "a part of the softmax")
    }

    /// One where a key may be looked at.
    fn mask(&self) -> Linear {
        Linear::zero().plus_constant_masked(1, &[ALLOWED])
    }

    /// The row's largest is one of its numbers, and with a mask what each is below it.
    fn largest(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let mut pointwise = PointwiseBuilder::new(self.pairs.clone());
        let u = pointwise.tensor(self.plain("at_max")?, 5);
        let m = pointwise.mapped(self.plain("max")?, &OF_PAIRS);
        let z = pointwise.operand(self.site.input()?.value(&axes(5))?);
        let label = |part: &str| format!("{}.{part}", self.name);
        pointwise.require(label("at_max.bit"), &[(1, &[u, u]), (-1, &[u])]);
        pointwise.require(label("at_max.attained"), &[(1, &[u, m]), (-1, &[u, z])]);
        if self.bounds.causal {
            let (below, mask) =
                (pointwise.tensor(self.plain("below")?, 5), pointwise.form(self.mask()));
            pointwise.require(label("at_max.masked"), &[(1, &[u, mask]), (-1, &[u])]);
            pointwise.require(label("below"), &[(1, &[below]), (-1, &[m, mask]), (1, &[z, mask])]);
        }
        builder.pointwise(pointwise);
        let one = Linear::zero().plus(1, self.plain("at_max")?, &OVER_KEYS).plus_constant(-1);
        builder.linear(label("at_max.one"), self.rows.clone(), one);
        Ok(())
    }

    /// A number for each that the row's largest is not below, none where there is a mask.
    fn numbers(&self, builder: &mut RelationBuilder, layer: &Layer) -> Result<(), CompileError> {
        let e = Linear::tensor(self.plain("e")?, 5);
        let (key, value) = match self.bounds.causal {
            true => {
                let scale = 1i128 << EXP_FRAC;
                let value = e.plus_constant(scale).plus_constant_masked(-scale, &[ALLOWED]);
                (Linear::tensor(self.plain("below")?, 5), value)
            }
            false => {
                let z = self.site.input()?.value(&axes(5))?;
                let max = self.plain("max")?;
                (Linear::zero().plus(1, max, &OF_PAIRS).plus_form(-1, &z), e)
            }
        };
        let exp = table(layer);
        builder.lookup(format!("{}.e", self.name), &self.pairs, exp, key, Some(value))
    }

    /// The quotient of `2^30 − 1` by the sum of a row's numbers.
    fn inverse(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let sum = Linear::zero().plus(1, self.plain("e")?, &OVER_KEYS);
        let low = self.wide("inverse_low")?.whole(&ROWS);
        let none = || Domain::new(&[]);
        builder.product(Product {
            label: format!("{}.inverse", self.name),
            axes: [self.rows.clone(), none(), none(), none()],
            left: self.wide("inverse")?.whole(&ROWS),
            right: sum.clone(),
            coef: 1,
            out: Linear::constant(WHOLE.into()).plus_form(-1, &low),
        });
        let high = self.wide("inverse_high")?.whole(&ROWS);
        let high = sum.plus_constant(-1).plus_form(-1, &low).plus_form(-1, &high);
        builder.linear(format!("{}.inverse_high", self.name), self.rows.clone(), high);
        Ok(())
    }

    /// `Σ_keys P·D` of each row, rounded: the mean of what arrives, by shares.
    fn mean(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let (name, keys) = (format!("{}.mean", self.name), self.pairs.axes.last().map(|k| k.size));
        let mean = self.site.rounded("mean", "a part of the softmax")?;
        let none = || Domain::new(&[]);
        builder.product(Product {
            label: name.clone(),
            axes: [self.rows.clone(), none(), none(), Domain::new(&[keys.unwrap_or(1)])],
            left: self.site.value(&OF_ROWS)?,
            right: self.site.gradient(&OF_ROWS)?,
            coef: 1,
            out: mean.rounded(&name, &ROWS, &ROWS)?,
        });
        let mut pointwise = PointwiseBuilder::new(self.rows.clone());
        constrain_rounding(builder, &mut pointwise, &name, &self.rows, mean, &ROWS, Bound::Here)?;
        builder.pointwise(pointwise);
        Ok(())
    }
}

/// The table that scores are looked up in.
fn table(layer: &Layer) -> TableKind {
    TableKind::Exp { frac: layer.a_in_frac, scale: 1 << EXP_FRAC }
}

impl Operator for RowSoftmax {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        site.sent_form(map)
    }

    fn table(&self, _network: &Network, layer: &Layer) -> Option<TableKind> {
        Some(table(layer))
    }

    /// `z = e·R`, rounded.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = Own::new(site)?;
        own.largest(builder)?;
        own.numbers(builder, site.layer()?.0)?;
        own.inverse(builder)?;
        let keys = own.pairs.axes.last().map_or(1, |axis| axis.size);
        let none = || Domain::new(&[]);
        builder.product(Product {
            label: format!("{}.forward", own.name),
            axes: [own.rows.clone(), Domain::new(&[keys]), none(), none()],
            left: Linear::zero().plus(1, own.plain("e")?, &OF_ROWS),
            right: own.wide("inverse")?.whole(&ROWS),
            coef: 1,
            out: site.z()?.rounded(&format!("{}.z", own.name), &OF_ROWS, &OF_ROWS)?,
        });
        Ok(())
    }

    /// `P·(D − mean)`, rounded.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = Own::new(site)?;
        let (name, g) = site.sent()?;
        let mean = site.rounded("mean", "a part of the softmax")?.q;
        let none = || Domain::new(&[]);
        builder.product(Product {
            label: format!("{}.backward", own.name),
            axes: [own.pairs.clone(), none(), none(), none()],
            left: site.value(&axes(5))?,
            right: site.gradient(&axes(5))?.plus(-1, mean, &OF_PAIRS),
            coef: 1,
            out: g.rounded(&name, &axes(5), &axes(5))?,
        });
        Ok(())
    }

    /// The ranges of all digits, and of what shares are rounded to.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let own = Own::new(site)?;
        let stacks = site.layer()?.1.tensors.stacks();
        if stacks.is_empty() {
            return Err(missing(&own.name, "its digits"));
        }
        constrain_digits(builder, &own.name, stacks, &own.rows)?;
        site.constrain_z(builder, pointwise)
    }

    /// The mean that the gradient that is sent is made of. There are no parameters.
    fn parameters(
        &self,
        builder: &mut RelationBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        Own::new(site)?.mean(builder)
    }
}
