//! `max(z, 0)`.

use super::site::Site;
use super::{
    Arithmetic, Elementwise, Operator, Pass, SavedTensors, Scale, TensorKernels, Untraced,
};
use crate::compile::{
    CompileError, Declaration, PointwiseBuilder, RelationBuilder, TableKind, axes,
};
use crate::manifest::{
    Activation, I16_HI, Layer, LayerQuantization, LayerSpec, ManifestError, ManifestErrorKind,
    Network, own_frac,
};
use crate::quant::relu;
use crate::relation::{DimMap, Linear};
use crate::trace::LayerTrace;

/// The rectifier.
#[derive(Debug)]
pub(crate) struct Relu;

impl Elementwise for Relu {
    fn activation(&self, _field: &str, _spec: &LayerSpec) -> Result<Activation, ManifestError> {
        Ok(Activation::Relu)
    }

    fn scale(&self, q: &LayerQuantization) -> Result<Scale, ManifestErrorKind> {
        Ok(Scale { frac: own_frac(q)?, max: I16_HI })
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        for part in ["a", "negative", "d"] {
            own.plain(part, &layer.output)?;
        }
        Ok(())
    }
}

impl Operator for Relu {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let a = site.plain("a", "the activated output")?;
        Ok(Linear::zero().plus(1, a, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let d = site.plain("d", "the gradient of its output")?;
        Ok(Linear::zero().plus(1, d, map))
    }

    fn bounds_input(&self) -> bool {
        true
    }

    fn table(&self, _network: &Network, _layer: &Layer) -> Option<TableKind> {
        Some(TableKind::Range(15))
    }

    /// `a = (1 − negative)·z`, `d = (1 − negative)·g`, and
    /// `2a − z − negative ∈ [0, 2^15)`: `z` where it is not negative, `−z − 1`
    /// where it is. So `negative` has one value for each `z`, zero included, and
    /// `z` has 16 bits.
    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let (name, domain) = (site.name(), site.domain(site.layer()?.0));
        let (rank, part) = (domain.axes.len(), "a part of the rectifier");
        let (a, negative, d) =
            (site.plain("a", part)?, site.plain("negative", part)?, site.plain("d", part)?);
        let z = site.z()?.q;
        let [a_, s, z_, d_] = [a, negative, z, d].map(|id| pointwise.tensor(id, rank));
        let g_ = pointwise.operand(site.gradient(&axes(rank))?);
        pointwise.require(format!("{name}.negative.bit"), &[(1, &[s, s]), (-1, &[s])]);
        pointwise.require(format!("{name}.a"), &[(1, &[a_]), (-1, &[z_]), (1, &[s, z_])]);
        pointwise.require(format!("{name}.d"), &[(1, &[d_]), (-1, &[g_]), (1, &[s, g_])]);
        let dims = axes(rank);
        let key = Linear::zero().plus(2, a, &dims).plus(-1, z, &dims).plus(-1, negative, &dims);
        builder.lookup(format!("{name}.negative"), &domain, TableKind::Range(15), key, None)
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

impl Arithmetic for Relu {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        z: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let a: Vec<i32> = z.iter().map(|z| relu(*z)).collect();
        let negative: Vec<i32> = z.iter().map(|z| i32::from(*z < 0)).collect();
        pass.append(&mut trace.tensors, "a", &a)?;
        pass.append(&mut trace.tensors, "negative", &negative)?;
        Ok(a)
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        g: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let record = &mut pass.own(traces)?.tensors;
        let negative = pass.traced(record, "negative", g.len())?;
        let d: Vec<i32> = g.iter().zip(negative).map(|(g, s)| (1 - s) * g).collect();
        pass.append(record, "d", &d)?;
        Ok(d)
    }
}
