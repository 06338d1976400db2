//! The largest number of every window of an image. Where it occurs more than once the first is meant, by rows:
//! that is where the gradient goes.

use super::site::{Site, differs};
use super::{
    Arithmetic, Operator, Pass, SavedTensors, Scale, Sends, Sent, TensorKernels, Transform,
    Untraced,
};
use super::{parameterless, pooling};
use crate::compile::{
    CompileError, Declaration, PointwiseBuilder, RelationBuilder, all_real, axes, real_positions,
};
use crate::manifest::{
    Consumers, Features, I16_HI, I16_LO, Layer, LayerSpec, Lowering, ManifestError, RoundSpec,
    Shape, Wide, derived,
};
use crate::relation::{AxisFactor, DimMap, Direction, Domain, Linear, TensorId, Window};
use crate::trace::LayerTrace;

/// The largest of each window.
#[derive(Debug)]
pub(crate) struct MaxPool2d;

/// Axes of a window's places: behind the channel, the step, the sample, and either side's windows.
const PLACES: [usize; 2] = [5, 6];

/// Numbers of 16 bits that are passed on as they are.
fn exact(field: &str) -> Result<RoundSpec, ManifestError> {
    passed(field, I16_LO, I16_HI)
}

/// Numbers that are passed on as they are.
fn passed(field: &str, lo: i64, hi: i64) -> Result<RoundSpec, ManifestError> {
    let (x_min, x_max) = (lo.into(), hi.into());
    Wide { field, what: "a pooled value", x_min, x_max }.round(0, lo, hi)
}

impl Transform for MaxPool2d {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        pooling::shape(field, spec, input, false)
    }

    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        scales: (Scale, u32),
        above: &Consumers<'_>,
    ) -> Result<Layer, ManifestError> {
        let (frac, field) = (scales.0.frac, format!("quantization.layers[{l}].z_frac"));
        derived(&field, frac.into(), lowering.quantization(l)?.z_frac.into())?;
        parameterless::layer(lowering, l, shape, scales, exact(&field)?, above)
    }

    /// The gradient is passed on as it is: it has the scale of the one that arrives.
    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        derived(field, layer.d_frac.into(), frac.into())?;
        let max = layer.d_max;
        let spec = if max <= -I16_LO { exact(field) } else { passed(field, -max, max) };
        Ok(Sent::Tensor(spec?))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.rounded("z", &layer.z, &layer.output)?;
        let (size, [height, width]) =
            pooling::tiles(layer).ok_or_else(|| differs(own.name, "its sizes"))?;
        // By rows: a trace has them in the order of the input.
        own.cells("chosen", layer.input.channels, &[height, size, width, size])
    }
}

/// A pool in a relation, on the domain `(channel, T, B, rows, columns, row, column)` of its windows' places.
struct Pool<'a> {
    name: String,
    domain: Domain,
    input: Linear,
    largest: TensorId,
    chosen: TensorId,
    site: &'a Site<'a>,
}

impl<'a> Pool<'a> {
    fn new(site: &'a Site<'a>) -> Result<Self, CompileError> {
        let (layer, name) = (site.layer()?.0, site.name());
        let (size, [height, width]) =
            pooling::tiles(layer).ok_or_else(|| differs(&name, "its sizes"))?;
        let window = [layer.input.channels, site.network.steps, site.network.batch];
        let domain = Domain::new(&[&window[..], &[height, width, size, size]].concat());
        let input = site.input()?.value(&places(layer, size))?;
        let chosen = site.plain("chosen", "its choice")?;
        Ok(Self { name, domain, input, largest: site.z()?.q, chosen, site })
    }

    /// The chosen places' `(channel, T, B, row of windows, row, column of windows, column)`.
    fn choice(rows: [DimMap; 2], columns: [DimMap; 2]) -> Vec<DimMap> {
        let [i, u] = rows;
        let [j, v] = columns;
        (0..3).map(DimMap::Axis).chain([i, u, j, v]).collect()
    }

    /// The chosen place itself.
    fn here() -> Vec<DimMap> {
        let [row, column] = PLACES.map(DimMap::Axis);
        Self::choice([DimMap::Axis(3), row], [DimMap::Axis(4), column])
    }

    /// `[place is real]`, with a factor for each axis of places that is padded.
    fn real_places(&self) -> Vec<AxisFactor> {
        let sizes = self.domain.axes.iter().enumerate().skip(PLACES[0]);
        sizes.flat_map(|(axis, size)| real_positions(axis, size.size)).collect()
    }

    /// How many places are chosen of those up to this one, by rows.
    fn so_far(&self) -> Linear {
        let [row, column] = PLACES;
        let windows = [3, 4].map(DimMap::Axis);
        let above = Self::choice([windows[0], DimMap::Before(row)], [windows[1], DimMap::Sum]);
        let left = [DimMap::Axis(row), DimMap::Before(column)];
        let left = Self::choice([windows[0], left[0]], [windows[1], left[1]]);
        Linear::zero().plus(1, self.chosen, &above).plus(1, self.chosen, &left).plus(
            1,
            self.chosen,
            &Self::here(),
        )
    }

    /// Each place is chosen or not, it holds what is chosen, and one of each window is.
    fn choose(&self, builder: &mut RelationBuilder) {
        let Self { name, domain, .. } = self;
        let mut pointwise = PointwiseBuilder::new(domain.clone());
        let u = pointwise.mapped(self.chosen, &Self::here());
        let m = pointwise.mapped(self.largest, &axes(5));
        let z = pointwise.form(self.input.clone());
        pointwise.require(format!("{name}.chosen.bit"), &[(1, &[u, u]), (-1, &[u])]);
        pointwise.require(format!("{name}.chosen.attained"), &[(1, &[u, m]), (-1, &[u, z])]);
        // Beside the windows the sum below leaves none; beside a window's places there has to be none.
        if !self.real_places().is_empty() {
            let mask = pointwise.form(Linear::zero().plus_constant_masked(1, &all_real(domain)));
            pointwise.require(format!("{name}.chosen.padding"), &[(1, &[u, mask]), (-1, &[u])]);
        }
        builder.pointwise(pointwise);
        let windows = Domain { axes: domain.axes.iter().copied().take(5).collect() };
        let all = Self::choice([DimMap::Axis(3), DimMap::Sum], [DimMap::Axis(4), DimMap::Sum]);
        let one = Linear::zero().plus(1, self.chosen, &all);
        let one = one.plus_constant_masked(-1, &all_real(&windows));
        builder.linear(format!("{name}.chosen.one"), windows, one);
    }

    /// Nothing exceeds what is chosen, and before it nothing equals it: `m − z − 1` plus the places chosen so far
    /// is not negative.
    fn first(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let key = Linear::zero()
            .plus_masked(1, self.largest, &axes(5), &self.real_places())
            .plus_form(-1, &self.input)
            .plus_constant_masked(-1, &all_real(&self.domain))
            .plus_form(1, &self.so_far());
        builder.range16(format!("{}.first", self.name), &self.domain, key)
    }

    /// What arrives at a window goes to the chosen place, and nothing anywhere else.
    fn route(&self, builder: &mut RelationBuilder) -> Result<(), CompileError> {
        let below = self.site.input()?;
        let (name, g) = self.site.sent()?;
        let g = g.q;
        let layer = self.site.layer()?.0;
        let size = layer.kernel.map_or(1, |kernel| kernel.size);
        let mut pointwise = PointwiseBuilder::new(self.domain.clone());
        let u = pointwise.mapped(self.chosen, &Self::here());
        let d = pointwise.form(self.site.gradient(&axes(5))?);
        let g_here = pointwise.mapped(g, &places(layer, size));
        pointwise.require(format!("{}.backward", self.name), &[(1, &[g_here]), (-1, &[u, d])]);
        builder.pointwise(pointwise);
        let domain = self.site.domain(below.layer()?.0);
        let mut pointwise = PointwiseBuilder::new(domain.clone());
        padding(&mut pointwise, &name, &domain, g);
        builder.pointwise(pointwise);
        Ok(())
    }
}

/// The input's `(channel, T, B, row, column)` on the places of windows.
fn places(layer: &Layer, size: usize) -> Vec<DimMap> {
    let sides = layer.output.sides().iter().zip([3, 4]).zip(PLACES);
    let window = sides.map(|((windows, at), within)| {
        let (windows, places, direction) = (*windows, size, Direction::Covers);
        DimMap::Window(Window { at, windows, within, places, stride: size, padding: 0, direction })
    });
    axes(3).into_iter().chain(window).collect()
}

/// Cells beside real positions are zero.
pub(super) fn padding(pointwise: &mut PointwiseBuilder, name: &str, domain: &Domain, id: TensorId) {
    let real = all_real(domain);
    if real.is_empty() {
        return;
    }
    let x = pointwise.tensor(id, domain.axes.len());
    let mask = pointwise.form(Linear::zero().plus_constant_masked(1, &real));
    pointwise.require(format!("{name}.padding"), &[(1, &[x, mask]), (-1, &[x])]);
}

impl Operator for MaxPool2d {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        site.sent_form(map)
    }

    /// What it sends is zero, or what arrived.
    fn sends_as(&self) -> Sends {
        Sends::Determined
    }

    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let pool = Pool::new(site)?;
        pool.choose(builder);
        pool.first(builder)
    }

    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        Pool::new(site)?.route(builder)
    }

    /// Beside the windows' image there is nothing. What lies within is one of the input's numbers.
    fn pointwise(
        &self,
        _builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        let domain = site.domain(site.layer()?.0);
        padding(pointwise, &format!("{}.z", site.name()), &domain, site.z()?.q);
        Ok(())
    }

    /// Nothing: it has no parameters.
    fn parameters(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for MaxPool2d {
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
        // The index of the first largest number of each window and channel.
        let mut best: Vec<Option<usize>> = vec![None; pass.samples * out];
        pooling::walk(pass.samples, tiles, |sample, window, place| {
            for channel in 0..n {
                let at = sample * len + place * n + channel;
                let best = &mut best[sample * out + window * n + channel];
                if best.is_none_or(|best| input[at] > input[best]) {
                    *best = Some(at);
                }
            }
        });
        let best: Vec<usize> = best.into_iter().flatten().collect();
        let mut chosen = vec![0; input.len()];
        best.iter().for_each(|at| chosen[*at] = 1);
        pass.append(&mut trace.tensors, "chosen", &chosen)?;
        let largest = |i: usize| i64::from(input[best[i]]);
        Ok(pass.round(&mut trace.tensors, "z", best.len(), &layer.z, largest)?.to_vec())
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
        let mut sent = vec![0; pass.samples * len];
        let chosen = pass.traced(&pass.own(traces)?.tensors, "chosen", sent.len())?;
        pooling::walk(pass.samples, tiles, |sample, window, place| {
            for channel in 0..n {
                let at = sample * len + place * n + channel;
                sent[at] = chosen[at] * gradient[sample * out + window * n + channel];
            }
        });
        pass.send(below, traces, sent.len(), |i| i64::from(sent[i]))
    }
}
