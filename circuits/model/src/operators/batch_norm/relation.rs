//! What holds of a batch norm's numbers. Everything of a channel and a step is a product of two forms in digits, with
//! what it is divided into on the other side; only `z` and what is sent are there for each number.

use super::BatchNorm;
use super::bounds::{GAIN_FRAC, INVERSE_BITS, MEAN_FRAC, Norm, SENT_FRAC, TRACKING};
use crate::compile::{
    Bound, CompileError, ParameterIds, PointwiseBuilder, RelationBuilder, WideIds, all_real, axes,
    constrain_digits, constrain_rounding, real_positions,
};
use crate::manifest::Layer;
use crate::operators::Operator;
use crate::operators::geometry::value_axes;
use crate::operators::max_pool2d::padding;
use crate::operators::optimizer::{self, weights_form};
use crate::operators::site::{Site, differs, missing};
use crate::relation::{AxisFactor, DimMap, Domain, Linear, Product};

/// Axes of whatever there is one of for each channel and step.
const CHANNEL: [DimMap; 2] = [DimMap::Axis(0), DimMap::Axis(1)];
/// The same on axes of which the step is the first.
const TURNED: [DimMap; 2] = [DimMap::Axis(1), DimMap::Axis(0)];
/// The first axis of samples and positions, behind channel and step.
const SAMPLE: usize = 2;

struct Batch<'a> {
    site: &'a Site<'a>,
    layer: &'a Layer,
    norm: &'a Norm,
    name: String,
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
        Ok(Self { site, layer, norm, name })
    }

    fn wide(&self, part: &str) -> Result<&'a WideIds, CompileError> {
        self.site.wide(part, "a part of the batch norm")
    }

    /// The whole of a wide integer, of each channel and step.
    fn whole(&self, part: &str) -> Result<Linear, CompileError> {
        Ok(self.wide(part)?.whole(&CHANNEL))
    }

    /// Its quotient.
    fn quotient(&self, part: &str) -> Result<Linear, CompileError> {
        Ok(self.wide(part)?.quotient(&CHANNEL))
    }

    /// Channels and steps.
    fn channels(&self) -> Domain {
        Domain::new(&[self.layer.n_out, self.site.network.steps])
    }

    /// Samples and positions.
    fn numbers(&self) -> Domain {
        Domain::new(&[&[self.site.network.batch], self.layer.output.sides()].concat())
    }

    /// A value's dimensions on channel, step, samples and positions.
    fn each(&self) -> Vec<DimMap> {
        value_axes(0, 1, SAMPLE, SAMPLE + 1..SAMPLE + 1 + self.layer.output.sides().len())
    }

    /// Summed over samples and positions, channel and step on these axes.
    fn summed(&self, channel: [DimMap; 2]) -> Vec<DimMap> {
        let mut map = channel.to_vec();
        map.resize(3 + self.layer.output.sides().len(), DimMap::Sum);
        map
    }

    /// `[position is real]`
    fn real(&self) -> Vec<AxisFactor> {
        let sides = self.layer.output.sides().iter().enumerate();
        sides.flat_map(|(k, side)| real_positions(SAMPLE + 1 + k, *side)).collect()
    }

    /// `c = 16·A − μ` on channel, step, samples and positions.
    fn centred(&self) -> Result<Linear, CompileError> {
        let input = self.site.input()?.value(&self.each())?;
        let mean = self.wide("mean")?.masked(&CHANNEL, &self.real());
        Ok(Linear::zero().plus_form(1 << MEAN_FRAC, &input).plus_form(-1, &mean))
    }

    /// `coef·left·right` is this, for every channel and step.
    fn product(
        &self,
        builder: &mut RelationBuilder,
        part: &str,
        coef: i128,
        [left, right]: [Linear; 2],
        out: Linear,
    ) {
        let label = format!("{}.{part}", self.name);
        let none = || Domain::new(&[]);
        let axes = [self.channels(), none(), none(), none()];
        builder.product(Product { label, axes, left, right, coef, out });
    }

    /// The same, summed over samples and positions.
    fn inner(&self, builder: &mut RelationBuilder, part: &str, forms: [Linear; 2], out: Linear) {
        let (label, [left, right]) = (format!("{}.{part}", self.name), forms);
        let none = || Domain::new(&[]);
        let axes = [self.channels(), none(), none(), self.numbers()];
        builder.product(Product { label, axes, left, right, coef: 1, out });
    }

    /// Mean, variance and deviation.
    fn statistics(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let (name, domain) = (&self.name, self.channels());
        let sum = self.site.input()?.value(&self.summed(CHANNEL))?;
        let mean = self.whole("mean")?.plus_form(-(1 << MEAN_FRAC), &sum);
        builder.linear(format!("{name}.mean"), domain.clone(), mean);
        let centred = self.centred()?;
        self.inner(builder, "variance", [centred.clone(), centred], self.whole("variance")?);
        let deviation = self.whole("deviation")?;
        let low = self.whole("deviation_low")?;
        let variance = self
            .quotient("variance")?
            .plus_constant_masked(self.norm.epsilon.into(), &all_real(&domain))
            .plus_form(-1, &low);
        self.product(builder, "deviation", 1, [deviation.clone(), deviation.clone()], variance);
        let high = Linear::zero()
            .plus_form(2, &deviation)
            .plus_form(-1, &low)
            .plus_form(-1, &self.whole("deviation_high")?);
        builder.linear(format!("{name}.deviation_high"), domain, high);
        Ok(())
    }

    /// The inverse of the deviation, and the scale. Beside the channels, where the deviation is zero, the inverse would be
    /// anything, had it not to be zero.
    fn inverse(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let (domain, deviation) = (self.channels(), self.whole("deviation")?);
        let (real, inverse) = (all_real(&domain), self.whole("inverse")?);
        let low = self.whole("inverse_low")?;
        let mut beside = PointwiseBuilder::new(domain.clone());
        for (k, id) in self.wide("inverse")?.digits.iter().enumerate() {
            padding(&mut beside, &format!("{}.inverse.d{k}", self.name), &domain, *id);
        }
        builder.pointwise(beside);
        let rest = Linear::zero().plus_constant_masked(1 << INVERSE_BITS, &real);
        let rest = rest.plus_form(-1, &low);
        self.product(builder, "inverse", 1, [inverse.clone(), deviation.clone()], rest);
        let high = deviation
            .plus_constant_masked(-1, &real)
            .plus_form(-1, &low)
            .plus_form(-1, &self.whole("inverse_high")?);
        builder.linear(format!("{}.inverse_high", self.name), domain, high);
        let gamma = weights_form(self.gamma()?, 1, &[0]);
        self.product(builder, "scale", 1, [gamma, inverse], self.whole("scale")?);
        Ok(())
    }

    fn gamma(&self) -> Result<&'a ParameterIds, CompileError> {
        let w = self.site.layer()?.1.w.as_ref();
        w.ok_or_else(|| missing(&self.name, "its weights"))
    }

    fn beta(&self) -> Result<&'a ParameterIds, CompileError> {
        let b = self.site.layer()?.1.b.as_ref();
        b.ok_or_else(|| missing(&self.name, "its biases"))
    }

    fn running(&self) -> Result<&'a ParameterIds, CompileError> {
        let s = self.site.layer()?.1.s.as_ref();
        s.ok_or_else(|| missing(&self.name, "its running statistics"))
    }

    /// `z = a·c + β`, rounded.
    fn output(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let [of_scale, of_shift] = self.norm.z_shifts;
        let beta = weights_form(self.beta()?, 1, &[0]).masked(&self.real());
        let each = self.each();
        let z = self.site.z()?.rounded(&format!("{}.z", self.name), &each, &each)?;
        let none = || Domain::new(&[]);
        builder.product(Product {
            label: format!("{}.forward", self.name),
            axes: [self.channels(), self.numbers(), none(), none()],
            left: self.centred()?,
            right: self.quotient("scale")?,
            coef: 1 << of_scale,
            out: z.plus_form(-(1 << of_shift), &beta),
        });
        Ok(())
    }

    /// The gradients of `γ` and `β`, and what the gradient that is sent is made of.
    fn gradients(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let gradient = self.site.gradient(&self.each())?;
        let correlation = self.whole("correlation")?;
        self.inner(builder, "correlation", [gradient, self.centred()?], correlation.clone());
        let inverse = self.whole("inverse")?;
        let gain = [correlation, inverse.clone()];
        self.product(builder, "gain", 1, gain, self.whole("gain")?);
        let slope = [self.quotient("gain")?, inverse];
        self.product(builder, "slope", 1, slope, self.whole("slope")?);
        let scale = self.quotient("scale")?;
        let sum = self.site.gradient(&self.summed(CHANNEL))?;
        let offset = [scale.clone(), sum];
        self.product(builder, "offset", 1 << SENT_FRAC, offset, self.whole("offset")?);
        let tilt = [scale, self.quotient("slope")?];
        self.product(builder, "tilt", 1, tilt, self.whole("tilt")?);
        Ok(())
    }

    /// The updates of `γ` and `β`.
    fn learned(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let sum = self.site.gradient(&self.summed(TURNED))?;
        let sum = Linear::zero().plus_form(1 << GAIN_FRAC, &sum);
        let gain = self.wide("gain")?.quotient(&TURNED);
        for (part, ids, gradient) in [("w", self.gamma()?, gain), ("b", self.beta()?, sum)] {
            let (name, rows) = (format!("{}.{part}", self.name), [self.layer.n_out]);
            let network = self.site.network;
            let rule = optimizer::Change::new(network, self.layer, ids, name, &rows, &[])?;
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
        let (ids, name) = (self.running()?, format!("{}.s.update", self.name));
        let (turned, block) = ([1, 0, 2].map(DimMap::Axis), axes(3));
        let (first, channel) = ([AxisFactor::First(1)], [DimMap::Axis(2), DimMap::Axis(0)]);
        let (mean, deviation) = (self.wide("mean")?, self.wide("deviation")?);
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
        batch.statistics(builder)?;
        batch.inverse(builder)?;
        batch.output(builder)
    }

    /// `2^5·a·D − w1 − w2·c`, rounded: a product over two places, of which the first holds `D` and the second `c`.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let batch = Batch::new(site)?;
        let each = batch.each();
        let (name, g) = site.sent()?;
        let offset = batch.wide("offset")?.masked(&CHANNEL, &batch.real());
        let out = g.rounded(&name, &each, &each)?.plus_form(1, &offset);
        let first = [AxisFactor::First(each.len())];
        let (gradient, centred) = (site.gradient(&each)?, batch.centred()?);
        let left = gradient
            .masked(&first)
            .plus_form(1, &centred)
            .plus_form(-1, &centred.clone().masked(&first));
        let first = [AxisFactor::First(CHANNEL.len())];
        let (scale, tilt) = (batch.wide("scale")?, batch.wide("tilt")?);
        let right = Linear::zero()
            .plus_form(1 << SENT_FRAC, &scale.masked(&CHANNEL, &first))
            .plus_form(-1, &tilt.quotient(&CHANNEL))
            .plus_form(1, &tilt.masked(&CHANNEL, &first));
        builder.product(Product {
            label: format!("{}.backward", site.name()),
            axes: [batch.channels(), batch.numbers(), Domain::new(&[]), Domain::new(&[2])],
            left,
            right,
            coef: 1,
            out,
        });
        Ok(())
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
            return Err(missing(&batch.name, "its digits"));
        }
        let sizes = [batch.layer.n_out, site.network.steps];
        constrain_digits(builder, &batch.name, stacks, &sizes)?;
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
