//! Numbers that are normalised together, in a relation: mean, variance, deviation and the deviation's inverse of each
//! group of them. Everything of a group is a product of two forms in digits, with what it is divided into on the other
//! side.

use super::max_pool2d::padding;
use super::site::Site;
use crate::compile::{CompileError, PointwiseBuilder, RelationBuilder, WideIds, all_real, axes};
use crate::quant::floor_sqrt;
use crate::relation::{AxisFactor, DimMap, Domain, Linear, Product};

/// Fractional bits of means and deviations beyond those of the input.
pub const MEAN_FRAC: u32 = 4;
/// Fractional bits of what is sent beyond those of the deviation's inverse and the gradient.
pub const SENT_FRAC: u32 = 5;
/// Added to the variance of real numbers, as a part of one.
const EPSILON: f64 = 1e-5;

/// What is added to the variance of numbers with so many fractional bits, in the units of a deviation's square: 10^−5,
/// but at least one unit of the numbers, squared.
pub(super) fn epsilon(frac: u32) -> i64 {
    let real = libm::floor(libm::scalbn(EPSILON, 2 * (frac + MEAN_FRAC) as i32) + 0.5);
    (real as i64).max(1 << (2 * MEAN_FRAC))
}

/// The least integer whose square is at least `x`.
pub(super) fn root_up(x: i128) -> i128 {
    let root = floor_sqrt(x);
    if root * root < x { root + 1 } else { root }
}

/// Groups of numbers.
pub(super) struct Groups<'a> {
    pub site: &'a Site<'a>,
    pub name: String,
    /// There is one of each wide integer for each of these.
    pub groups: Domain,
    /// The numbers of one group.
    pub members: Domain,
    /// A value's dimensions on groups and members.
    pub each: Vec<DimMap>,
    /// A value's dimensions on groups, summed over members.
    pub summed: Vec<DimMap>,
    /// `[member is real]`, on the same axes as `each`.
    pub real: Vec<AxisFactor>,
    /// Whether the mean is taken away.
    pub centred: bool,
}

impl<'a> Groups<'a> {
    /// The digits of a wide integer.
    pub fn wide(&self, part: &str) -> Result<&'a WideIds, CompileError> {
        self.site.wide(part, "a part of the norm")
    }

    /// Axes of whatever there is one of for each group.
    pub fn own(&self) -> Vec<DimMap> {
        axes(self.groups.axes.len())
    }

    /// The whole of a wide integer.
    pub fn whole(&self, part: &str) -> Result<Linear, CompileError> {
        Ok(self.wide(part)?.whole(&self.own()))
    }

    /// Its quotient.
    pub fn quotient(&self, part: &str) -> Result<Linear, CompileError> {
        Ok(self.wide(part)?.quotient(&self.own()))
    }

    /// Its quotient at real members of each group.
    pub fn spread(&self, part: &str) -> Result<Linear, CompileError> {
        Ok(self.wide(part)?.masked(&self.own(), &self.real))
    }

    /// `c = 16·A − μ` for each number, or `16·A`.
    pub fn numbers(&self) -> Result<Linear, CompileError> {
        let input = self.site.input()?.value(&self.each)?;
        let form = Linear::zero().plus_form(1 << MEAN_FRAC, &input);
        Ok(if self.centred { form.plus_form(-1, &self.spread("mean")?) } else { form })
    }

    /// `coef·left·right` is this, for every group.
    pub fn product(
        &self,
        builder: &mut RelationBuilder,
        part: &str,
        coef: i128,
        [left, right]: [Linear; 2],
        out: Linear,
    ) {
        let label = format!("{}.{part}", self.name);
        let none = || Domain::new(&[]);
        let axes = [self.groups.clone(), none(), none(), none()];
        builder.product(Product { label, axes, left, right, coef, out });
    }

    /// The same, summed over the members.
    pub fn inner(
        &self,
        builder: &mut RelationBuilder,
        part: &str,
        [left, right]: [Linear; 2],
        out: Linear,
    ) {
        let label = format!("{}.{part}", self.name);
        let none = || Domain::new(&[]);
        let axes = [self.groups.clone(), none(), none(), self.members.clone()];
        builder.product(Product { label, axes, left, right, coef: 1, out });
    }

    /// Mean, variance and deviation.
    pub fn statistics(
        &self,
        builder: &mut RelationBuilder,
        epsilon: i64,
    ) -> Result<(), CompileError> {
        let (name, domain) = (&self.name, self.groups.clone());
        if self.centred {
            let sum = self.site.input()?.value(&self.summed)?;
            let mean = self.whole("mean")?.plus_form(-(1 << MEAN_FRAC), &sum);
            builder.linear(format!("{name}.mean"), domain.clone(), mean);
        }
        let numbers = self.numbers()?;
        self.inner(builder, "variance", [numbers.clone(), numbers], self.whole("variance")?);
        let deviation = self.whole("deviation")?;
        let low = self.whole("deviation_low")?;
        let variance = self
            .quotient("variance")?
            .plus_constant_masked(epsilon.into(), &all_real(&domain))
            .plus_form(-1, &low);
        self.product(builder, "deviation", 1, [deviation.clone(), deviation.clone()], variance);
        let high = Linear::zero()
            .plus_form(2, &deviation)
            .plus_form(-1, &low)
            .plus_form(-1, &self.whole("deviation_high")?);
        builder.linear(format!("{name}.deviation_high"), domain, high);
        Ok(())
    }

    /// The quotient of `2^bits` by the deviation. Beside the groups, where that is zero, the quotient would be anything, had
    /// it not to be zero.
    pub fn inverse(&self, builder: &mut RelationBuilder, bits: u32) -> Result<(), CompileError> {
        let (domain, deviation) = (self.groups.clone(), self.whole("deviation")?);
        let (real, inverse) = (all_real(&domain), self.whole("inverse")?);
        let low = self.whole("inverse_low")?;
        let mut beside = PointwiseBuilder::new(domain.clone());
        for (k, id) in self.wide("inverse")?.digits.iter().enumerate() {
            padding(&mut beside, &format!("{}.inverse.d{k}", self.name), &domain, *id);
        }
        builder.pointwise(beside);
        let rest = Linear::zero().plus_constant_masked(1 << bits, &real);
        let rest = rest.plus_form(-1, &low);
        self.product(builder, "inverse", 1, [inverse, deviation.clone()], rest);
        let high = deviation
            .plus_constant_masked(-1, &real)
            .plus_form(-1, &low)
            .plus_form(-1, &self.whole("inverse_high")?);
        builder.linear(format!("{}.inverse_high", self.name), domain, high);
        Ok(())
    }

    /// `scale·gradient − offset − tilt·with`, for each number, is this: a product over two places, of which the first holds
    /// the gradient and the second what the tilt is multiplied with.
    pub fn sent(
        &self,
        builder: &mut RelationBuilder,
        [gradient, with]: [Linear; 2],
        scale: &str,
        out: Linear,
    ) -> Result<(), CompileError> {
        let first = [AxisFactor::First(self.each.len())];
        let left =
            gradient.masked(&first).plus_form(1, &with).plus_form(-1, &with.clone().masked(&first));
        let (own, first) = (self.own(), [AxisFactor::First(self.groups.axes.len())]);
        let (scale, tilt) = (self.wide(scale)?, self.wide("tilt")?);
        let right = Linear::zero()
            .plus_form(1 << SENT_FRAC, &scale.masked(&own, &first))
            .plus_form(-1, &tilt.quotient(&own))
            .plus_form(1, &tilt.masked(&own, &first));
        builder.product(Product {
            label: format!("{}.backward", self.name),
            axes: [self.groups.clone(), self.members.clone(), Domain::new(&[]), Domain::new(&[2])],
            left,
            right,
            coef: 1,
            out,
        });
        Ok(())
    }
}
