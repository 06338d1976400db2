//! `z` where it is not negative, else `slope·z`.

use super::site::Site;
use super::{
    Arithmetic, Elementwise, Operator, Pass, SavedTensors, Scale, TensorKernels, Untraced,
};
use crate::compile::{
    Bound, CompileError, Declaration, PointwiseBuilder, RelationBuilder, TableKind, axes,
    constrain_rounding, rounded_operands,
};
use crate::manifest::{
    Activation, Arriving, DEFAULT_SLOPE, I16_HI, I16_LO, Layer, LayerQuantization, LayerSpec,
    MAX_SLOPE_ERROR, ManifestError, ManifestErrorKind, Network, RoundSpec, Wide, derive_slope,
    own_frac, real, slope_error,
};
use crate::quant::{SLOPE_FRAC, leaky_product};
use crate::relation::{DimMap, Linear};
use crate::trace::LayerTrace;

/// The leaky rectifier.
#[derive(Debug)]
pub(crate) struct LeakyRelu;

/// The smallest slope that has a multiplier; the largest is as far below one.
const LEAST: f64 = 1.0 / 65_536.0;

/// The rounding of values. Its quotient is no larger than the number of 16 bits that was multiplied: it never saturates.
/// That of gradients is the same, unless what several layers send together has more bits.
const ROUNDING: RoundSpec = RoundSpec {
    shift: SLOPE_FRAC,
    lo: I16_LO,
    hi: I16_HI,
    x_min: I16_LO << SLOPE_FRAC,
    x_max: I16_HI << SLOPE_FRAC,
    bound_bits: 32,
};

/// `round(slope·2^16)` of a layer that this operator follows.
fn slope(layer: &Layer) -> Option<i64> {
    match layer.activation {
        Activation::LeakyRelu { slope } => Some(slope),
        _ => None,
    }
}

impl Elementwise for LeakyRelu {
    fn activation(&self, field: &str, spec: &LayerSpec) -> Result<Activation, ManifestError> {
        let (field, wanted) = (format!("{field}.slope"), spec.slope.unwrap_or(DEFAULT_SLOPE));
        real(field.clone(), LEAST, 1.0 - LEAST, wanted)?;
        let (got, nearest) = slope_error(wanted);
        if got > MAX_SLOPE_ERROR {
            let kind = ManifestErrorKind::ImpreciseSlope { max: MAX_SLOPE_ERROR, got, nearest };
            return Err(ManifestError::new(field, kind));
        }
        Ok(Activation::LeakyRelu { slope: derive_slope(wanted) })
    }

    fn scale(&self, q: &LayerQuantization) -> Result<Scale, ManifestErrorKind> {
        Ok(Scale { frac: own_frac(q)?, max: I16_HI })
    }

    fn derivative(
        &self,
        field: &str,
        g: Arriving,
        _a_frac: u32,
        frac: u32,
    ) -> Result<(Option<RoundSpec>, u32), ManifestError> {
        let product = Wide {
            field,
            what: "a derivative product",
            x_min: i128::from(g.lo) << SLOPE_FRAC,
            x_max: i128::from(g.hi) << SLOPE_FRAC,
        };
        Ok((Some(product.round(SLOPE_FRAC, I16_LO, I16_HI)?), frac))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.rounded("a", &ROUNDING, &layer.output)?;
        own.plain("negative", &layer.output)
    }

    fn declare_backward(
        &self,
        layer: &Layer,
        own: &mut Declaration<'_>,
    ) -> Result<(), CompileError> {
        layer.d.as_ref().map_or(Ok(()), |d| own.rounded("d", d, &layer.output))
    }
}

impl Operator for LeakyRelu {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let a = site.rounded("a", "the activated output")?;
        Ok(Linear::zero().plus(1, a.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let d = site.rounded("d", "the gradient of its output")?;
        Ok(Linear::zero().plus(1, d.q, map))
    }

    fn bounds_input(&self) -> bool {
        true
    }

    fn table(&self, _network: &Network, _layer: &Layer) -> Option<TableKind> {
        Some(TableKind::Range(15))
    }

    /// `z + 2^15·negative ∈ [0, 2^15)` says which bit `negative` is, and that `z` has 16 bits. `a` and `d` are the
    /// rounded products of `z` and `g` with `2^16 − negative·(2^16 − slope)`: without the bit the numbers
    /// themselves, whose remainder is zero.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let layer = site.layer()?.0;
        let (name, domain) = (site.name(), site.domain(layer));
        let (dims, part) = (axes(domain.axes.len()), "a part of the leaky rectifier");
        let negative = site.plain("negative", part)?;
        let (z, g) = (Linear::tensor(site.z()?.q, dims.len()), site.gradient(&dims)?);
        let slope = slope(layer).ok_or_else(|| super::site::differs(&name, "the activation"))?;
        let steep = 1 << SLOPE_FRAC;

        let s = pointwise.tensor(negative, dims.len());
        pointwise.require(format!("{name}.negative.bit"), &[(1, &[s, s]), (-1, &[s])]);
        let key = z.clone().plus(1 << 15, negative, &dims);
        builder.lookup(format!("{name}.negative"), &domain, TableKind::Range(15), key, None)?;
        for (tensor, x) in [("a", z), ("d", g)] {
            let (label, ids) = (format!("{name}.{tensor}"), site.rounded(tensor, part)?);
            let product = rounded_operands(pointwise, &label, ids, &dims)?;
            let x = pointwise.operand(x);
            let product: Vec<_> = product.iter().map(|(coef, part)| (*coef, [*part])).collect();
            let mut monomials: Vec<(i128, &[usize])> =
                product.iter().map(|(coef, part)| (*coef, &part[..])).collect();
            let (own, gated) = ([x], [s, x]);
            monomials.push((-steep, &own));
            monomials.push((steep - i128::from(slope), &gated));
            pointwise.require(label.clone(), &monomials);
            constrain_rounding(builder, pointwise, &label, &domain, ids, &dims, Bound::Here)?;
        }
        Ok(())
    }

    /// Nothing: its values are constrained number by number, in `pointwise`.
    fn forward(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }

    /// Nothing: its gradient is constrained number by number too.
    fn backward(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }

    /// Nothing: it has no parameters.
    fn parameters(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for LeakyRelu {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        z: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let slope = slope(pass.layer).ok_or_else(|| pass.wrong("the slope", 1, 0))?;
        let negative: Vec<i32> = z.iter().map(|z| i32::from(*z < 0)).collect();
        pass.append(&mut trace.tensors, "negative", &negative)?;
        let product = |i: usize| leaky_product(negative[i], slope, z[i]);
        Ok(pass.round(&mut trace.tensors, "a", z.len(), &ROUNDING, product)?.to_vec())
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        g: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let slope = slope(pass.layer).ok_or_else(|| pass.wrong("the slope", 1, 0))?;
        let spec = pass.layer.d.as_ref().ok_or_else(|| pass.wrong("d", 1, 0))?;
        let record = &mut pass.own(traces)?.tensors;
        let negative = pass.traced(record, "negative", g.len())?.to_vec();
        let product = |i: usize| leaky_product(negative[i], slope, g[i]);
        Ok(pass.round(record, "d", g.len(), spec, product)?.to_vec())
    }
}
