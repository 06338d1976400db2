//! Functions whose value and whose derivative are looked up in tables, each by the argument.

use super::site::Site;
use super::{
    Arithmetic, Elementwise, Operator, Pass, SavedTensors, Scale, TensorKernels, Untraced,
};
use crate::compile::{
    Bound, CompileError, Declaration, PointwiseBuilder, RelationBuilder, TableKind, axes,
    constrain_rounding, offset_key, padded_constant, rounded_operands,
};
use crate::manifest::{
    Activation, Arriving, I16_HI, I16_LO, Layer, LayerQuantization, LayerSpec, ManifestError,
    ManifestErrorKind, Network, RoundSpec, Wide, own_frac,
};
use crate::quant::{DERIVATIVE_FRAC, I16_LEN};
use crate::relation::{DimMap, Linear};
use crate::trace::LayerTrace;

/// One such function, which is 0 at 0 and of no larger magnitude than its argument.
pub(super) trait Function: Sync {
    /// What networks call it.
    const ACTIVATION: Activation;

    /// The derivative is at most this in magnitude, with [`DERIVATIVE_FRAC`] fractional bits.
    const PEAK: i128;

    /// Its table, of arguments and values with `frac` fractional bits.
    fn table(frac: u32) -> TableKind;

    /// Its derivative's table, of arguments with `frac` fractional bits.
    fn derivative_table(frac: u32) -> TableKind;
}

/// The derivative at zero, a half.
const AT_ZERO: i128 = 1 << DERIVATIVE_FRAC >> 1;

/// The operator of a function.
#[derive(Debug)]
pub(crate) struct Tabulated<F>(pub F);

impl<F: Function> Elementwise for Tabulated<F> {
    fn activation(&self, _field: &str, _spec: &LayerSpec) -> Result<Activation, ManifestError> {
        Ok(F::ACTIVATION)
    }

    fn scale(&self, q: &LayerQuantization) -> Result<Scale, ManifestErrorKind> {
        Ok(Scale { frac: own_frac(q)?, max: I16_HI })
    }

    /// The derivative exceeds 1 here and there: the product with a large `g` saturates.
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
            x_min: i128::from(g.lo) * F::PEAK,
            x_max: i128::from(g.hi) * F::PEAK,
        };
        Ok((Some(product.round(DERIVATIVE_FRAC, I16_LO, I16_HI)?), frac))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.plain("a", &layer.output)?;
        own.plain("h", &layer.output)
    }

    fn declare_backward(
        &self,
        layer: &Layer,
        own: &mut Declaration<'_>,
    ) -> Result<(), CompileError> {
        layer.d.as_ref().map_or(Ok(()), |d| own.rounded("d", d, &layer.output))
    }
}

impl<F: Function> Operator for Tabulated<F> {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let a = site.plain("a", "the activated output")?;
        Ok(Linear::zero().plus(1, a, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let d = site.rounded("d", "a part of the activation")?;
        Ok(Linear::zero().plus(1, d.q, map))
    }

    /// The tables' keys have 16 bits.
    fn bounds_input(&self) -> bool {
        true
    }

    fn table(&self, _network: &Network, layer: &Layer) -> Option<TableKind> {
        Some(F::table(layer.z_frac))
    }

    fn derivative_table(&self, _network: &Network, layer: &Layer) -> Option<TableKind> {
        Some(F::derivative_table(layer.z_frac))
    }

    /// `a` and `h` are the tables' values at `z`; `d` is the rounded product of `h` with `g`.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let layer = site.layer()?.0;
        let (name, domain) = (site.name(), site.domain(layer));
        let (dims, part) = (axes(domain.axes.len()), "a part of the activation");
        let (a, h) = (site.plain("a", part)?, site.plain("h", part)?);
        let d = site.rounded("d", part)?;
        let key = || Ok::<_, CompileError>(offset_key(site.z()?.q, dims.len()));
        let value = Linear::tensor(a, dims.len());
        let table = F::table(layer.z_frac);
        builder.lookup(format!("{name}.a"), &domain, table, key()?, Some(value))?;
        // What pads units or positions has z = 0 and must have h = 0, whatever the table says.
        let slope = padded_constant(Linear::tensor(h, dims.len()), AT_ZERO, &domain);
        let table = F::derivative_table(layer.z_frac);
        builder.lookup(format!("{name}.h"), &domain, table, key()?, Some(slope))?;

        let label = format!("{name}.d");
        let h = pointwise.tensor(h, dims.len());
        let g = pointwise.operand(site.gradient(&dims)?);
        let product = rounded_operands(pointwise, &label, d, &dims)?;
        let product: Vec<_> = product.iter().map(|(coef, part)| (-coef, [*part])).collect();
        let both = [h, g];
        let mut monomials: Vec<(i128, &[usize])> = vec![(1, &both)];
        monomials.extend(product.iter().map(|(coef, part)| (*coef, &part[..])));
        pointwise.require(label.clone(), &monomials);
        constrain_rounding(builder, pointwise, &label, &domain, d, &dims, Bound::Here)
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
impl<F: Function> Arithmetic for Tabulated<F> {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        z: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let tables = pass.table.split_at_checked(I16_LEN);
        let looked_up = tables.and_then(|(values, derivatives)| {
            super::looked_up(values, z).zip(super::looked_up(derivatives, z))
        });
        let wrong = || pass.wrong("the function tables", 2 * I16_LEN, pass.table.len());
        let (a, h) = looked_up.ok_or_else(wrong)?;
        pass.append(&mut trace.tensors, "a", &a)?;
        pass.append(&mut trace.tensors, "h", &h)?;
        Ok(a)
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        g: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let spec = pass.layer.d.as_ref().ok_or_else(|| pass.wrong("d", 1, 0))?;
        let record = &mut pass.own(traces)?.tensors;
        let h = pass.traced(record, "h", g.len())?.to_vec();
        let product = |i: usize| i64::from(h[i]) * i64::from(g[i]);
        Ok(pass.round(record, "d", g.len(), spec, product)?.to_vec())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// At every scale: no value of larger magnitude than its argument, no derivative beyond the peak, and at
    /// one scale a derivative that is the peak.
    pub fn check<F: Function>(_: &F) {
        let peaks: Vec<i128> = (0..=15)
            .map(|frac| {
                let values = F::table(frac).values().unwrap();
                let derivatives = F::derivative_table(frac).values().unwrap();
                for (i, (value, z)) in values.iter().zip(-(1 << 15)..).enumerate() {
                    assert!(value.abs() <= i32::abs(z), "{i} of {frac} bits");
                }
                assert_eq!(i128::from(derivatives[I16_LEN / 2]), AT_ZERO);
                derivatives.iter().map(|h| i128::from(*h).abs()).max().unwrap()
            })
            .collect();
        assert_eq!(peaks.into_iter().max(), Some(F::PEAK));
    }
}
