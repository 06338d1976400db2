//! The mean of every window of an image. A mean of `k²` numbers is their sum times `round(2^16/k²)`, rounded once.

use super::geometry::value_axes;
use super::site::{Site, differs};
use super::{
    Arithmetic, Operator, Pass, SavedTensors, Scale, Sent, TensorKernels, Transform, Untraced,
};
use super::{parameterless, pooling};
use crate::compile::{
    CompileError, Declaration, PointwiseBuilder, RelationBuilder, real_positions,
};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, Shape, Wide,
};
use crate::relation::{DimMap, Direction, Domain, Linear, Product, Window};
use crate::trace::LayerTrace;

/// The mean of each window.
#[derive(Debug)]
pub(crate) struct AvgPool2d;

/// Fractional bits of a window's share.
const SHARE_FRAC: u32 = 16;

/// `round(2^16/k²)`
fn share(size: usize) -> i64 {
    let places = (size * size).max(1) as i64;
    ((1 << SHARE_FRAC) + places / 2) / places
}

impl Transform for AvgPool2d {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        pooling::shape(field, spec, input, true)
    }

    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        scales: (Scale, u32),
        above: &Consumers<'_>,
    ) -> Result<Layer, ManifestError> {
        let size = shape.kernel.map_or(1, |kernel| kernel.size);
        let largest = i128::from(share(size)) * (size * size) as i128 * i128::from(scales.0.max);
        let field = format!("quantization.layers[{l}].z_frac");
        let z = Wide::symmetric(&field, "a mean before rounding", largest)
            .rescale(scales.0.frac + SHARE_FRAC, lowering.quantization(l)?.z_frac)?;
        parameterless::layer(lowering, l, shape, scales, z, above)
    }

    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        let size = layer.kernel.map_or(1, |kernel| kernel.size);
        let largest = i128::from(share(size)) * i128::from(layer.d_max);
        let wide = Wide::symmetric(field, "a shared gradient before rounding", largest);
        Ok(Sent::Tensor(wide.rescale(layer.d_frac + SHARE_FRAC, frac)?))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.rounded("z", &layer.z, &layer.output)
    }
}

/// A product of `(T) × (channel, B, row, column) × (1) × (row, column)` with ones: sums over windows.
struct Sums<'a> {
    layer: &'a Layer,
    size: usize,
    coef: i128,
}

impl<'a> Sums<'a> {
    fn new(site: &Site<'a>) -> Result<Self, CompileError> {
        let layer = site.layer()?.0;
        let (size, _) = pooling::tiles(layer).ok_or_else(|| differs(&site.name(), "its sizes"))?;
        Ok(Self { layer, size, coef: share(size).into() })
    }

    /// The axes of sums for each position of these sides.
    fn axes(&self, site: &Site<'_>, sides: &[usize]) -> [Domain; 4] {
        let samples = [self.layer.input.channels, site.network.batch];
        [
            Domain::new(&[site.network.steps]),
            Domain::new(&[&samples[..], sides].concat()),
            Domain::new(&[1]),
            Domain::new(&[self.size, self.size]),
        ]
    }

    /// A value's `(channel, T, B, row, column)` on them, positions by windows.
    fn windows(&self, sides: &[usize], direction: Direction) -> Vec<DimMap> {
        let windows = sides.iter().enumerate().map(|(k, windows)| {
            let (at, within, windows) = (3 + k, 5 + k, *windows);
            let (places, stride, padding) = (self.size, self.size, 0);
            DimMap::Window(Window { at, windows, within, places, stride, padding, direction })
        });
        value_axes(1, 0, 2, 0..0).into_iter().chain(windows).collect()
    }

    /// One at each place of a window.
    fn ones(&self) -> Linear {
        let real = [2, 3].into_iter().flat_map(|axis| real_positions(axis, self.size));
        Linear::zero().plus_constant_masked(1, &real.collect::<Vec<_>>())
    }
}

impl Operator for AvgPool2d {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        site.sent_form(map)
    }

    /// `z` is the share times the sum over a window, rounded.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let sums = Sums::new(site)?;
        let (name, sides) = (site.name(), sums.layer.output.sides());
        let result = value_axes(1, 0, 2, 3..5);
        builder.product(Product {
            label: format!("{name}.forward"),
            axes: sums.axes(site, sides),
            left: site.input()?.value(&sums.windows(sides, Direction::Covers))?,
            right: sums.ones(),
            coef: sums.coef,
            out: site.z()?.rounded(&format!("{name}.z"), &result, &result)?,
        });
        Ok(())
    }

    /// What arrives at a window is shared by its places: each lies in one.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let sums = Sums::new(site)?;
        let (name, g) = site.sent()?;
        let sides = sums.layer.input.sides();
        let result = value_axes(1, 0, 2, 3..5);
        builder.product(Product {
            label: format!("{}.backward", site.name()),
            axes: sums.axes(site, sides),
            left: site.gradient(&sums.windows(sides, Direction::CoveredBy))?,
            right: sums.ones(),
            coef: sums.coef,
            out: g.rounded(&name, &result, &result)?,
        });
        Ok(())
    }

    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        site.constrain_z(builder, pointwise)
    }

    /// Nothing: it has no parameters.
    fn parameters(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for AvgPool2d {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let layer = pass.layer;
        let tiles = pooling::tiles(layer).ok_or_else(|| pass.wrong("the windows", 1, 0))?;
        let (n, len, out) = (layer.input.channels, layer.input.count(), layer.output.count());
        pass.expect("the input", pass.samples * len, input.len())?;
        let mut sums = vec![0i64; pass.samples * out];
        pooling::walk(pass.samples, tiles, |sample, window, place| {
            for channel in 0..n {
                let value = input[sample * len + place * n + channel];
                sums[sample * out + window * n + channel] += i64::from(value);
            }
        });
        let mean = |i: usize| share(tiles.0) * sums[i];
        Ok(pass.round(&mut trace.tensors, "z", sums.len(), &layer.z, mean)?.to_vec())
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        _kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let layer = pass.layer;
        let tiles = pooling::tiles(layer).ok_or_else(|| pass.wrong("the windows", 1, 0))?;
        let (n, len, out) = (layer.input.channels, layer.input.count(), layer.output.count());
        pass.expect("the gradient", pass.samples * out, gradient.len())?;
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let mut sent = vec![0i64; pass.samples * len];
        pooling::walk(pass.samples, tiles, |sample, window, place| {
            for channel in 0..n {
                let arriving = gradient[sample * out + window * n + channel];
                sent[sample * len + place * n + channel] = share(tiles.0) * i64::from(arriving);
            }
        });
        pass.send(below, traces, sent.len(), |i| sent[i])
    }
}
