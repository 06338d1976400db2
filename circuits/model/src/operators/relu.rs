//! `max(z, 0)`.

use super::site::{Site, missing};
use super::{
    Arithmetic, Elementwise, Followed, Operator, Pass, SavedTensors, Scale, TensorKernels, Untraced,
};
use crate::compile::{CompileError, PointwiseBuilder, RelationBuilder, TableKind, Tensors, axes};
use crate::manifest::{
    Activation, I16_HI, Layer, LayerQuantization, ManifestErrorKind, Network, own_frac,
};
use crate::quant::relu;
use crate::relation::{DimMap, Linear};
use crate::trace::LayerTrace;

/// The rectifier.
#[derive(Debug)]
pub(crate) struct Relu;

impl Elementwise for Relu {
    fn activation(&self) -> Activation {
        Activation::Relu
    }

    fn scale(&self, q: &LayerQuantization) -> Result<Scale, ManifestErrorKind> {
        Ok(Scale { frac: own_frac(q)?, max: I16_HI })
    }

    fn before_gradient(
        &self,
        tensors: &mut Tensors,
        name: &str,
        sizes: &[usize],
        own: &mut Followed,
    ) -> Result<(), CompileError> {
        own.a = Some(tensors.plain(format!("{name}.a"), sizes)?);
        own.negative = Some(tensors.plain(format!("{name}.negative"), sizes)?);
        own.d_relu = Some(tensors.plain(format!("{name}.d"), sizes)?);
        Ok(())
    }
}

impl Operator for Relu {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let a = site.layer()?.1.a.ok_or_else(|| missing(&site.name(), "the activated output"))?;
        Ok(Linear::zero().plus(1, a, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        let d = site.layer()?.1.d_relu;
        let d = d.ok_or_else(|| missing(&site.name(), "the gradient of its output"))?;
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
        let (layer, own) = site.layer()?;
        let (name, domain) = (site.name(), site.domain(layer));
        let rank = domain.axes.len();
        let (Some(a), Some(negative), Some(d), Some(g)) =
            (own.a, own.negative, own.d_relu, own.g.as_ref())
        else {
            return Err(missing(&name, "a part of the rectifier"));
        };
        let [a_, s, z, d_, g_] =
            [a, negative, own.z.q, d, g.q].map(|id| pointwise.tensor(id, rank));
        pointwise.require(format!("{name}.negative.bit"), &[(1, &[s, s]), (-1, &[s])]);
        pointwise.require(format!("{name}.a"), &[(1, &[a_]), (-1, &[z]), (1, &[s, z])]);
        pointwise.require(format!("{name}.d"), &[(1, &[d_]), (-1, &[g_]), (1, &[s, g_])]);
        let dims = axes(rank);
        let key =
            Linear::zero().plus(2, a, &dims).plus(-1, own.z.q, &dims).plus(-1, negative, &dims);
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

    fn room(&self, network: &Network, layer: &Layer, trace: &mut LayerTrace) {
        let outputs = network.window() * layer.output.count();
        trace.a = Vec::with_capacity(outputs);
        trace.d_relu = Vec::with_capacity(outputs);
    }
}

impl Arithmetic for Relu {
    fn forward<K: TensorKernels>(
        &self,
        _pass: &Pass<'_, K>,
        z: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let a: Vec<i32> = z.iter().map(|z| relu(*z)).collect();
        trace.a.extend_from_slice(&a);
        Ok(a)
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        g: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let trace = pass.own(traces)?;
        let z = pass.now("z", &trace.z.q, g.len())?;
        let d: Vec<i32> = g.iter().zip(z).map(|(g, z)| if *z < 0 { 0 } else { *g }).collect();
        trace.d_relu.extend_from_slice(&d);
        Ok(d)
    }
}
