//! Numbers that are normalised together, in a relation: mean, variance, deviation and the deviation's inverse of each
//! group of them. Everything of a group is a product of two forms in digits, with what it is divided into on the other
//! side.

use super::max_pool2d::padding;
use super::site::Site;
use super::{Pass, Scale, Untraced};
use crate::compile::{CompileError, PointwiseBuilder, RelationBuilder, WideIds, all_real, axes};
use crate::quant::{Expansion, floor_sqrt};
use crate::relation::{AxisFactor, DimMap, Domain, Linear, Product};
use crate::trace::Record;

/// Fractional bits of means and deviations beyond those of the input.
pub const MEAN_FRAC: u32 = 4;
/// Fractional bits of what is sent beyond those of the deviation's inverse and the gradient.
pub const SENT_FRAC: u32 = 5;
/// Added to the variance of real numbers, as a part of one.
const EPSILON: f64 = 1e-5;

/// What is added to the variance of numbers with so many fractional bits, in the units of a deviation's square: 10^−5,
/// but at least one unit of the numbers, squared.
fn epsilon(frac: u32) -> i64 {
    let real = libm::floor(libm::scalbn(EPSILON, 2 * (frac + MEAN_FRAC) as i32) + 0.5);
    (real as i64).max(1 << (2 * MEAN_FRAC))
}

/// The least integer whose square is at least `x`.
pub(super) fn root_up(x: i128) -> i128 {
    let root = floor_sqrt(x);
    if root * root < x { root + 1 } else { root }
}

/// How the wide integers that become a deviation and its inverse are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moments {
    /// Added to the variance, with twice the fractional bits of a deviation.
    pub epsilon: i64,
    /// The sum of all numbers times 16, divided by their count; none where no mean is taken away.
    pub mean: Option<Expansion>,
    /// `Σc²`, divided by the count.
    pub variance: Expansion,
    /// `σ`
    pub deviation: Expansion,
    /// `V − σ²`
    pub deviation_low: Expansion,
    /// `2σ` less that.
    pub deviation_high: Expansion,
    /// `R`
    pub inverse: Expansion,
    /// What two to the power is more than `R·σ`.
    pub inverse_low: Expansion,
    /// `σ − 1` less that.
    pub inverse_high: Expansion,
    /// `R` is the quotient of two to this power.
    pub inverse_bits: u32,
}

/// Largest magnitudes of what mean and deviation are computed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct MomentBounds {
    /// Numbers of a group.
    pub n: u32,
    /// Of the input, with the fractional bits of a deviation.
    pub input: i128,
    pub epsilon: i64,
    pub inverse_bits: u32,
}

impl MomentBounds {
    pub fn new(n: u32, input: Scale, inverse_bits: u32) -> Self {
        let epsilon = epsilon(input.frac);
        Self { n, input: i128::from(input.max) << MEAN_FRAC, epsilon, inverse_bits }
    }

    /// A number less its mean.
    pub fn centred(&self) -> i128 {
        2 * self.input
    }

    /// `⌊Σc²/n⌋`: of numbers within `±input` it is at most `input²`, and rounding the mean adds less than 1.
    fn variance(&self) -> i128 {
        self.input * self.input + 1
    }

    pub fn deviation(&self) -> i128 {
        floor_sqrt(self.variance() + i128::from(self.epsilon))
    }

    /// `x·(σ + 1)/σ` where that is largest: at the smallest deviation, the root of `ε`.
    pub fn stretched(&self, x: i128) -> i128 {
        let sigma = floor_sqrt(self.epsilon.into()).max(1);
        x * (sigma + 1) / sigma
    }

    pub fn inverse(&self) -> i128 {
        (1 << self.inverse_bits) / floor_sqrt(self.epsilon.into()).max(1)
    }

    /// `x·√V·R`
    pub fn normed(&self, x: i128) -> i128 {
        self.stretched(x << self.inverse_bits) + 1
    }

    /// `|c|·R`
    pub fn centred_normed(&self) -> i128 {
        self.normed(root_up(self.n.into()))
    }

    pub fn moments(&self, centred: bool) -> Moments {
        let count = |x: i128| Expansion::new(&[], x, false);
        let by_n = |x: i128, signed| Expansion::new(&[self.n], x, signed);
        let (deviation, twice) = (self.deviation(), 2 * self.deviation());
        Moments {
            epsilon: self.epsilon,
            mean: centred.then(|| by_n(self.input, true)),
            variance: by_n(self.variance(), false),
            deviation: count(deviation),
            deviation_low: count(twice),
            deviation_high: count(twice),
            inverse: count(self.inverse()),
            inverse_low: count(deviation),
            inverse_high: count(deviation),
            inverse_bits: self.inverse_bits,
        }
    }
}

impl Moments {
    /// Names and expansions.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &Expansion)> {
        let rest = [
            ("variance", &self.variance),
            ("deviation", &self.deviation),
            ("deviation_low", &self.deviation_low),
            ("deviation_high", &self.deviation_high),
            ("inverse", &self.inverse),
            ("inverse_low", &self.inverse_low),
            ("inverse_high", &self.inverse_high),
        ];
        self.mean.iter().map(|mean| ("mean", mean)).chain(rest)
    }

    /// Deviations and their inverses, traced, out of the sums of squares of all groups.
    pub(super) fn trace<K>(
        &self,
        pass: &Pass<'_, K>,
        record: &mut Record,
        squares: &[i128],
    ) -> Result<[Vec<i128>; 2], Untraced> {
        let variance = pass.expand(record, "variance", &self.variance, squares)?;
        let variance: Vec<i128> = variance.iter().map(|v| v + i128::from(self.epsilon)).collect();
        let deviation: Vec<i128> = variance.iter().map(|v| floor_sqrt(*v)).collect();
        let low: Vec<i128> = variance.iter().zip(&deviation).map(|(v, s)| v - s * s).collect();
        let high: Vec<i128> = deviation.iter().zip(&low).map(|(s, low)| 2 * s - low).collect();
        pass.expand(record, "deviation", &self.deviation, &deviation)?;
        pass.expand(record, "deviation_low", &self.deviation_low, &low)?;
        pass.expand(record, "deviation_high", &self.deviation_high, &high)?;
        let inverse: Vec<i128> = deviation.iter().map(|s| self.inverse_of(*s)).collect();
        let whole = 1i128 << self.inverse_bits;
        let low: Vec<i128> = inverse.iter().zip(&deviation).map(|(r, s)| whole - r * s).collect();
        let high: Vec<i128> = deviation.iter().zip(&low).map(|(s, low)| s - 1 - low).collect();
        pass.expand(record, "inverse", &self.inverse, &inverse)?;
        pass.expand(record, "inverse_low", &self.inverse_low, &low)?;
        pass.expand(record, "inverse_high", &self.inverse_high, &high)?;
        Ok([deviation, inverse])
    }

    /// `R` of a deviation, which `ε` keeps above zero.
    pub(super) fn inverse_of(&self, deviation: i128) -> i128 {
        (1i128 << self.inverse_bits) / deviation.max(1)
    }
}

/// As numbers of 64 bits: the static bounds keep all of them below 2^62, and none is turned into another.
pub(super) fn narrow<K>(
    pass: &Pass<'_, K>,
    what: &'static str,
    values: &[i128],
) -> Result<Vec<i64>, Untraced> {
    let wrong = || pass.wrong(what, 1, 0);
    values.iter().map(|x| i64::try_from(*x).map_err(|_| wrong())).collect()
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
        moments: &Moments,
    ) -> Result<(), CompileError> {
        let epsilon = moments.epsilon;
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
    pub fn inverse(
        &self,
        builder: &mut RelationBuilder,
        moments: &Moments,
    ) -> Result<(), CompileError> {
        let bits = moments.inverse_bits;
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
