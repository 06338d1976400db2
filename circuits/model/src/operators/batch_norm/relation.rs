//! What holds of a batch norm's numbers. Everything of a channel and a step is a product of two forms in digits, with
//! what it is divided into on the other side; only `z` and what is sent are there for each number.

use super::BatchNorm;
use super::bounds::{GAIN_FRAC, Norm, TRACKING};
use crate::compile::{
    Bound, CompileError, ParameterIds, PointwiseBuilder, RelationBuilder, axes, constrain_digits,
    constrain_rounding, real_positions,
};
use crate::manifest::Layer;
use crate::operators::Operator;
use crate::operators::geometry::value_axes;
use crate::operators::moments::{Groups, SENT_FRAC};
use crate::operators::optimizer::{self, weights_form};
use crate::operators::site::{Site, differs, missing};
use crate::relation::{AxisFactor, DimMap, Domain, Linear, Product};

/// Axes of whatever there is one of for each channel and step, of which the step is the first.
const TURNED: [DimMap; 2] = [DimMap::Axis(1), DimMap::Axis(0)];
/// The first axis of samples and positions, behind channel and step.
const SAMPLE: usize = 2;

/// A value's dimensions, summed over samples and positions, channel and step on these axes.
fn summed(layer: &Layer, channel: &[DimMap]) -> Vec<DimMap> {
    let mut map = channel.to_vec();
    map.resize(3 + layer.output.sides().len(), DimMap::Sum);
    map
}

/// All numbers of a channel are one group.
struct Batch<'a> {
    groups: Groups<'a>,
    site: &'a Site<'a>,
    layer: &'a Layer,
    norm: &'a Norm,
}

impl<'a> Batch<'a> {
    fn new(site: &'a Site<'a>) -> Result<Self, CompileError> {
        let (layer, name) = (site.layer()?.0, site.name());
        let norm = layer.norm.as_ref().ok_or_else(|| differs(&name, "its bounds"))?;
        let n = site.network.batch * layer.output.positions();
        let alike = layer.input == layer.output && layer.output.channels == layer.n_out;
        if !alike || n != norm.count {
            return Err(differs(&name, "its sizes"));
        }
        let sides = layer.output.sides();
        let real = sides.iter().enumerate();
        let groups = Groups {
            site,
            name,
            groups: Domain::new(&[layer.n_out, site.network.steps]),
            members: Domain::new(&[&[site.network.batch], sides].concat()),
            each: value_axes(0, 1, SAMPLE, SAMPLE + 1..SAMPLE + 1 + sides.len()),
            summed: summed(layer, &axes(2)),
            real: real.flat_map(|(k, side)| real_positions(SAMPLE + 1 + k, *side)).collect(),
            centred: true,
        };
        Ok(Self { groups, site, layer, norm })
    }

    /// The scale.
    fn scale(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let gamma = weights_form(self.gamma()?, 1, &[0]);
        let own = &self.groups;
        own.product(builder, "scale", 1, [gamma, own.whole("inverse")?], own.whole("scale")?);
        Ok(())
    }

    fn missing(&self, part: &'static str) -> CompileError {
        missing(&self.groups.name, part)
    }

    fn gamma(&self) -> Result<&'a ParameterIds, CompileError> {
        let w = self.site.layer()?.1.w.as_ref();
        w.ok_or_else(|| self.missing("its weights"))
    }

    fn beta(&self) -> Result<&'a ParameterIds, CompileError> {
        let b = self.site.layer()?.1.b.as_ref();
        b.ok_or_else(|| self.missing("its biases"))
    }

    fn running(&self) -> Result<&'a ParameterIds, CompileError> {
        let s = self.site.layer()?.1.s.as_ref();
        s.ok_or_else(|| self.missing("its running statistics"))
    }

    /// `z = a·c + β`, rounded.
    fn output(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let [of_scale, of_shift] = self.norm.z_shifts;
        let Groups { name, groups, members, each, real, .. } = &self.groups;
        let beta = weights_form(self.beta()?, 1, &[0]).masked(real);
        let z = self.site.z()?.rounded(&format!("{name}.z"), each, each)?;
        let none = || Domain::new(&[]);
        builder.product(Product {
            label: format!("{name}.forward"),
            axes: [groups.clone(), members.clone(), none(), none()],
            left: self.groups.numbers()?,
            right: self.groups.quotient("scale")?,
            coef: 1 << of_scale,
            out: z.plus_form(-(1 << of_shift), &beta),
        });
        Ok(())
    }

    /// The gradients of `γ` and `β`, and what the gradient that is sent is made of.
    fn gradients(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let own = &self.groups;
        let gradient = self.site.gradient(&own.each)?;
        let correlation = own.whole("correlation")?;
        own.inner(builder, "correlation", [gradient, own.numbers()?], correlation.clone());
        let inverse = own.whole("inverse")?;
        own.product(builder, "gain", 1, [correlation, inverse.clone()], own.whole("gain")?);
        let slope = [own.quotient("gain")?, inverse];
        own.product(builder, "slope", 1, slope, own.whole("slope")?);
        let scale = own.quotient("scale")?;
        let sum = self.site.gradient(&own.summed)?;
        let offset = [scale.clone(), sum];
        own.product(builder, "offset", 1 << SENT_FRAC, offset, own.whole("offset")?);
        own.product(builder, "tilt", 1, [scale, own.quotient("slope")?], own.whole("tilt")?);
        Ok(())
    }

    /// The updates of `γ` and `β`.
    fn learned(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let sum = self.site.gradient(&summed(self.layer, &TURNED))?;
        let sum = Linear::zero().plus_form(1 << GAIN_FRAC, &sum);
        let gain = self.groups.wide("gain")?.quotient(&TURNED);
        for (part, ids, gradient) in [("w", self.gamma()?, gain), ("b", self.beta()?, sum)] {
            let (name, rows) = (format!("{}.{part}", self.groups.name), [self.layer.n_out]);
            let network = self.site.network;
            let rule = optimizer::Change::new(self.site, self.layer, ids, name, &rows, &[])?;
            let (coef, form) = rule.gradient()?;
            let domain = Domain::new(&[network.steps, self.layer.n_out]);
            let form = form.plus_form(-i128::from(coef), &gradient);
            builder.linear(format!("{}.gradient", rule.name), domain, form);
            rule.finish(builder)?;
        }
        Ok(())
    }

    /// Running statistics move towards those of the step: `(t, which, channel)`, means first.
    fn tracked(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let (ids, name) = (self.running()?, format!("{}.s.update", self.groups.name));
        let (turned, block) = ([1, 0, 2].map(DimMap::Axis), axes(3));
        let (first, channel) = ([AxisFactor::First(1)], [DimMap::Axis(2), DimMap::Axis(0)]);
        let own = &self.groups;
        let (mean, deviation) = (own.wide("mean")?, own.wide("deviation")?);
        let now = mean
            .masked(&channel, &first)
            .plus_form(1, &deviation.quotient(&channel))
            .plus_form(-1, &deviation.masked(&channel, &first));
        let step = i128::from(TRACKING);
        let form = ids
            .update
            .rounded(&name, &block, &turned)?
            .plus_form(-step, &weights_form(ids, 0, &[1, 2]))
            .plus_form(step, &now);
        let (steps, n) = (self.site.network.steps, self.layer.n_out);
        builder.linear(name.clone(), Domain::new(&[steps, 2, n]), form);
        let domain = Domain::new(&[2, steps, n]);
        let mut pointwise = PointwiseBuilder::new(domain.clone());
        let (own, ids) = (&mut pointwise, &ids.update);
        constrain_rounding(builder, own, &name, &domain, ids, &turned, Bound::Here)?;
        builder.pointwise(pointwise);
        Ok(())
    }
}

impl Operator for BatchNorm {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        site.sent_form(map)
    }

    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let batch = Batch::new(site)?;
        batch.groups.statistics(builder, &batch.norm.moments)?;
        batch.groups.inverse(builder, &batch.norm.moments)?;
        batch.scale(builder)?;
        batch.output(builder)
    }

    /// `2^5·a·D − w1 − w2·c`, rounded.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = Batch::new(site)?.groups;
        let (name, g) = site.sent()?;
        let out = g.rounded(&name, &own.each, &own.each)?.plus_form(1, &own.spread("offset")?);
        own.sent(builder, [site.gradient(&own.each)?, own.numbers()?], "scale", out)
    }

    /// The ranges of all digits, and of what `z` is rounded to.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let batch = Batch::new(site)?;
        let stacks = site.layer()?.1.tensors.stacks();
        if stacks.is_empty() {
            return Err(batch.missing("its digits"));
        }
        constrain_digits(builder, &batch.groups.name, stacks, &batch.groups.groups)?;
        site.constrain_z(builder, pointwise)
    }

    fn parameters(
        &self,
        builder: &mut RelationBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let batch = Batch::new(site)?;
        batch.gradients(builder)?;
        batch.learned(builder)?;
        batch.tracked(builder)
    }
}
