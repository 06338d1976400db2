//! What holds of a layer norm's numbers. Everything of a position, a sample and a step is a product of two forms in
//! digits; only `z` and what is sent are there for each number.

use super::RowNorm;
use super::bounds::{INVERSE_BITS, RowBounds};
use crate::compile::{
    CompileError, PointwiseBuilder, RelationBuilder, constrain_digits, real_positions,
};
use crate::operators::Operator;
use crate::operators::geometry::value_axes;
use crate::operators::moments::{Groups, SENT_FRAC};
use crate::operators::site::{Site, differs, missing};
use crate::relation::{DimMap, Domain, Linear, Product};

/// All channels of one position, sample and step are one group.
struct Rows<'a> {
    groups: Groups<'a>,
    bounds: &'a RowBounds,
}

impl<'a> Rows<'a> {
    fn new(site: &'a Site<'a>) -> Result<Self, CompileError> {
        let (layer, name) = (site.layer()?.0, site.name());
        let bounds = layer.rows.as_ref().ok_or_else(|| differs(&name, "its bounds"))?;
        let n = layer.output.channels;
        if layer.input != layer.output || n != bounds.count {
            return Err(differs(&name, "its sizes"));
        }
        let sides = layer.output.sides();
        let channel = 2 + sides.len();
        let each = value_axes(channel, 0, 1, 2..channel);
        let mut summed = each.clone();
        summed.iter_mut().take(1).for_each(|dim| *dim = DimMap::Sum);
        let network = site.network;
        let groups = Groups {
            site,
            name,
            groups: Domain::new(&[&[network.steps, network.batch], sides].concat()),
            members: Domain::new(&[n]),
            each,
            summed,
            real: real_positions(channel, n),
            centred: bounds.centred,
        };
        Ok(Self { groups, bounds })
    }
}

impl Operator for RowNorm {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        site.sent_form(map)
    }

    /// `z = R·c`, rounded.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let Rows { groups: own, bounds } = Rows::new(site)?;
        own.statistics(builder, bounds.epsilon)?;
        own.inverse(builder, INVERSE_BITS)?;
        let none = || Domain::new(&[]);
        builder.product(Product {
            label: format!("{}.forward", own.name),
            axes: [own.groups.clone(), own.members.clone(), none(), none()],
            left: own.numbers()?,
            right: own.quotient("inverse")?,
            coef: 1,
            out: site.z()?.rounded(&format!("{}.z", own.name), &own.each, &own.each)?,
        });
        Ok(())
    }

    /// `2^5·R·D − w1 − w2·z`, rounded.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = Rows::new(site)?.groups;
        let (name, g) = site.sent()?;
        let out = g.rounded(&name, &own.each, &own.each)?;
        let out = if own.centred { out.plus_form(1, &own.spread("offset")?) } else { out };
        let z = site.value(&own.each)?;
        own.sent(builder, [site.gradient(&own.each)?, z], "inverse", out)
    }

    /// The ranges of all digits, and of what `z` is rounded to.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let own = Rows::new(site)?.groups;
        let stacks = site.layer()?.1.tensors.stacks();
        if stacks.is_empty() {
            return Err(missing(&own.name, "its digits"));
        }
        constrain_digits(builder, &own.name, stacks, &own.groups)?;
        site.constrain_z(builder, pointwise)
    }

    /// What the gradient that is sent is made of. There are no parameters.
    fn parameters(
        &self,
        builder: &mut RelationBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let own = Rows::new(site)?.groups;
        let correlation = own.whole("correlation")?;
        let gradient = site.gradient(&own.each)?;
        own.inner(builder, "correlation", [gradient, site.value(&own.each)?], correlation.clone());
        let inverse = own.whole("inverse")?;
        if own.centred {
            let sum = [inverse.clone(), site.gradient(&own.summed)?];
            own.product(builder, "offset", 1 << SENT_FRAC, sum, own.whole("offset")?);
        }
        own.product(builder, "tilt", 1, [inverse, correlation], own.whole("tilt")?);
        Ok(())
    }
}
