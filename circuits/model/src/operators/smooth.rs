//! Functions that are looked up in a table, whose derivative is a polynomial of their value.

use super::site::Site;
use super::{
    Arithmetic, Elementwise, Operator, Pass, SavedTensors, Scale, TensorKernels, Untraced,
};
use crate::compile::{
    Bound, CompileError, Declaration, PointwiseBuilder, RelationBuilder, RoundedIds, TableKind,
    axes, constrain_rounding, offset_key, padded_constant,
};
use crate::manifest::{
    Activation, Arriving, I16_HI, I16_LO, Layer, LayerQuantization, LayerSpec, ManifestError,
    ManifestErrorKind, Network, RoundSpec, Wide,
};
use crate::relation::{DimMap, Linear};
use crate::trace::LayerTrace;

/// A monomial of a derivative: its factor, and how often the value stands in it.
pub(super) type Power = (i128, usize);

/// One such function; `frac` is always the value's fractional bits.
pub(super) trait Function: Sync {
    /// What networks call it.
    const ACTIVATION: Activation;

    /// Its table, of arguments with `z_frac` fractional bits.
    fn table(z_frac: u32, frac: u32) -> TableKind;

    /// Its value at zero.
    fn at_zero(frac: u32) -> i128;

    /// The derivative is at most `2^peak`, and that is what its product with `g` is rounded by.
    fn peak(frac: u32) -> u32;

    /// Fractional bits that the rounded product has in addition to those of `g`.
    const GAIN: u32;

    /// The derivative as a polynomial of the value.
    fn derivative(frac: u32) -> [Power; 2];

    /// The derivative at the value `a`, times `g`.
    fn product(a: i32, frac: u32, g: i32) -> i64;
}

/// The operator of a function.
#[derive(Debug)]
pub(crate) struct Smooth<F>(pub F);

impl<F: Function> Elementwise for Smooth<F> {
    fn activation(&self, _field: &str, _spec: &LayerSpec) -> Result<Activation, ManifestError> {
        Ok(F::ACTIVATION)
    }

    fn scale(&self, q: &LayerQuantization) -> Result<Scale, ManifestErrorKind> {
        let frac = q.a_frac.ok_or(ManifestErrorKind::Missing)?;
        Ok(Scale { frac, max: 1 << frac })
    }

    /// The derivative peaks where the quotient is exactly what arrives: it saturates only where that has more than
    /// 16 bits.
    fn derivative(
        &self,
        field: &str,
        g: Arriving,
        a_frac: u32,
        frac: u32,
    ) -> Result<(Option<RoundSpec>, u32), ManifestError> {
        let peak = F::peak(a_frac);
        let product = Wide {
            field,
            what: "a derivative product",
            x_min: i128::from(g.lo) << peak,
            x_max: i128::from(g.hi) << peak,
        };
        let spec = product.round(peak, g.lo.max(I16_LO), g.hi.min(I16_HI))?;
        Ok((Some(spec), frac + F::GAIN))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.plain("a", &layer.output)
    }

    fn declare_backward(
        &self,
        layer: &Layer,
        own: &mut Declaration<'_>,
    ) -> Result<(), CompileError> {
        layer.d.as_ref().map_or(Ok(()), |d| own.rounded("d", d, &layer.output))
    }
}

impl<F: Function> Operator for Smooth<F> {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let a = site.plain("a", "the activated output")?;
        Ok(Linear::zero().plus(1, a, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let d = site.rounded("d", "a part of the activation")?;
        Ok(Linear::zero().plus(1, d.q, map))
    }

    /// The table's keys have 16 bits.
    fn bounds_input(&self) -> bool {
        true
    }

    fn table(&self, _network: &Network, layer: &Layer) -> Option<TableKind> {
        Some(F::table(layer.z_frac, layer.a_frac))
    }

    /// `a` is the table's value at `z`; `d` is the rounded product of the
    /// derivative with `g`.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let layer = site.layer()?.0;
        let (name, domain) = (site.name(), site.domain(layer));
        let (rank, part) = (domain.axes.len(), "a part of the activation");
        let a = site.plain("a", part)?;
        let d = site.rounded("d", part)?;
        // What pads units or positions has z = 0 and must have a = 0, whatever the table says.
        let value = padded_constant(Linear::tensor(a, rank), F::at_zero(layer.a_frac), &domain);
        let (kind, key) = (F::table(layer.z_frac, layer.a_frac), offset_key(site.z()?.q, rank));
        builder.lookup(format!("{name}.a"), &domain, kind, key, Some(value))?;

        let a = pointwise.tensor(a, rank);
        let g = pointwise.operand(site.gradient(&axes(rank))?);
        let q = pointwise.tensor(d.q, rank);
        let label = format!("{name}.d");
        let r = pointwise.form(d.remainder(&label, &axes(rank))?);
        let products = F::derivative(layer.a_frac)
            .map(|(coef, power)| (coef, [vec![a; power], vec![g]].concat()));
        let [first, second] = products.each_ref().map(|(coef, factors)| (*coef, &factors[..]));
        let scale = 1i128 << d.spec.shift;
        // Only what several layers send together can be more than 16 bits.
        let excess = [(-scale, &d.high), (scale, &d.low)].map(|(scale, limbs)| {
            let form = RoundedIds::excess(limbs, &axes(rank));
            (!limbs.is_empty()).then(|| (scale, [pointwise.form(form)]))
        });
        let excess = excess.iter().flatten().map(|(scale, form)| (*scale, &form[..]));
        let (q, r) = ([q], [r]);
        let all = [first, second, (-scale, &q[..]), (-1, &r[..])].into_iter().chain(excess);
        pointwise.require(label.clone(), &all.collect::<Vec<_>>());
        constrain_rounding(builder, pointwise, &label, &domain, d, &axes(rank), Bound::Here)
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
impl<F: Function> Arithmetic for Smooth<F> {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        z: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let a = super::looked_up(pass.table, z);
        let a = a.ok_or_else(|| pass.wrong("the function table", 1 << 16, pass.table.len()))?;
        pass.append(&mut trace.tensors, "a", &a)?;
        Ok(a)
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        g: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let frac = pass.layer.a_frac;
        let spec = pass.layer.d.as_ref().ok_or_else(|| pass.wrong("d", 1, 0))?;
        let record = &mut pass.own(traces)?.tensors;
        let a = pass.traced(record, "a", g.len())?.to_vec();
        let d = pass.round(record, "d", g.len(), spec, |i| F::product(a[i], frac, g[i]))?;
        Ok(d.to_vec())
    }
}
