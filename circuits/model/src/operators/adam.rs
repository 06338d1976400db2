//! Adam: an update that is the first moment of a gradient over the root of the second. Shared by all operators
//! that have parameters, as the other rule is.
//!
//! The second moment is carried as `s² + ρ + l/2^16`, so that its root is at hand: `s` is that root, and what the
//! division by `2^16` drops is not lost. See `docs/quantization.md`.

use super::arithmetic::{Pass, TensorKernels, Untraced};
use super::optimizer::{Blocks, Carried, Change, Ids};
use super::site::{differs, missing};
use crate::compile::{
    CompileError, Declaration, PointwiseBuilder, RelationBuilder, TableKind, axes, next,
};
use crate::manifest::{
    I16_HI, I16_LO, Lowering, MOMENT_FRAC, Manifest, ManifestError, ManifestErrorKind as Kind,
    Network, OptimizerKind, Rates, RoundSpec, UPDATE_SHIFT, derived, in_range,
};
use crate::quant::moment_step;
use crate::relation::{AxisFactor, DimMap, Domain, Linear, TensorId};
use crate::trace::{MOMENTS, ParameterTrace};

/// Largest magnitude of a gradient: the difference to the first moment has 16 bits.
pub const GRADIENT_HI: i64 = (1 << 14) - 1;
/// Largest number that is added to a root: their sum has 16 bits.
const MAX_EPSILON: i64 = 1 << 14;
/// Smallest largest rate: rounding it changes the learning rate by 1/16 at most.
pub const MIN_RATE: i32 = 8;

/// What a network with Adam computes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adam {
    /// `round(beta1·2^16)` and `round(beta2·2^16)`.
    pub betas: [i64; 2],
    /// The rates of all steps of a chain.
    pub rates: Rates,
}

impl Adam {
    /// That of a manifest; `None` of another optimizer.
    ///
    /// # Errors
    /// If rates are too large for updates of 16 bits, or too small to be precise.
    pub(crate) fn of(manifest: &Manifest, weight_frac: u32) -> Result<Option<Self>, ManifestError> {
        if manifest.optimizer.kind == OptimizerKind::Sgd {
            return Ok(None);
        }
        let rates = Rates::new(&manifest.optimizer, weight_frac, manifest.training.max_steps);
        let largest = rates.values().into_iter().max().unwrap_or(0);
        let most = i64::from(i32::MAX);
        in_range("quantization.weight_frac", MIN_RATE.into(), most, largest.into())?;
        let update = rates.largest_update();
        if update > I16_HI as f64 {
            let (max, got) = (15, bits(update));
            let kind = Kind::Overflow { what: "an update", max, got };
            return Err(ManifestError::new("quantization.weight_frac", kind));
        }
        Ok(Some(Self { betas: rates.betas(), rates }))
    }

    /// What moves the first moment, by the difference of the gradient to it.
    pub fn table(&self) -> TableKind {
        let [beta, _] = self.betas;
        TableKind::Mean { taken: (1 << MOMENT_FRAC) - beta }
    }
}

/// Bits of a number that is too large.
fn bits(x: f64) -> u32 {
    libm::log2(x).clamp(0.0, 1023.0) as u32 + 1
}

/// What is added to the roots of layer `l`, whose gradients have `frac` fractional bits.
pub(super) fn epsilon(lowering: &Lowering<'_>, frac: u32) -> Result<i64, ManifestError> {
    let scaled = lowering.manifest.optimizer.epsilon() * lowering.labels as f64;
    let epsilon = libm::floor(libm::scalbn(scaled, frac as i32) + 0.5).max(1.0) as i64;
    in_range("optimizer.epsilon", 1, MAX_EPSILON, epsilon)?;
    Ok(epsilon)
}

/// The rounding of an update of layer `l`, which has no multiplier of its own.
pub(super) fn update(lowering: &Lowering<'_>, l: usize) -> Result<RoundSpec, ManifestError> {
    let eta = lowering.quantization(l)?.eta;
    derived(format!("quantization.layers[{l}].eta"), 0, eta)?;
    let [x_min, x_max] = [I16_LO << UPDATE_SHIFT, I16_HI << UPDATE_SHIFT];
    Ok(RoundSpec { shift: UPDATE_SHIFT, lo: I16_LO, hi: I16_HI, x_min, x_max, bound_bits: 31 })
}

/// The moments of one kind of parameter: first moment, root, rest and fraction of the second.
#[derive(Clone, Debug)]
pub struct MomentIds {
    /// Before the first step, `(1, row…, n_out)`.
    pub before: [TensorId; 4],
    /// After each step, `(T, row…, n_out)`.
    pub after: [TensorId; 4],
}

/// Names of a parameter's moments, in the order in which they are committed to.
pub(crate) const PARTS: [&str; MOMENTS] = ["mean", "root", "rest", "low"];

/// Takes the next of each.
pub(super) fn moments(
    own: &Declaration<'_>,
    blocks: &mut Blocks<'_>,
) -> Result<Option<MomentIds>, CompileError> {
    if own.network.adam.is_none() {
        return Ok(None);
    }
    let four =
        |ids: &mut Ids<'_>| Ok::<_, CompileError>([next(ids)?, next(ids)?, next(ids)?, next(ids)?]);
    let [before, after] = &mut blocks.moments;
    Ok(Some(MomentIds { before: four(before)?, after: four(after)? }))
}

/// The rate of each step: `(T)`, and the number of steps that were done, before `(1, 1)` and after each `(T, 1)`.
#[derive(Clone, Debug)]
pub struct ClockIds {
    /// Steps before the first one.
    pub before: TensorId,
    /// Steps after each.
    pub after: TensorId,
    /// The rate of each.
    pub rate: TensorId,
}

impl ClockIds {
    /// A clock that counts on, and the rate that it says.
    ///
    /// # Errors
    /// If the table of rates was not declared.
    pub fn constrain(
        &self,
        builder: &mut RelationBuilder,
        network: &Network,
    ) -> Result<(), CompileError> {
        let Some(adam) = &network.adam else { return Err(missing("clock", "its rates")) };
        let domain = Domain::new(&[network.steps]);
        let now = Linear::zero().plus(1, self.after, &[DimMap::Axis(0), DimMap::Sum]);
        let done = [DimMap::Previous(0), DimMap::Sum];
        let before = [DimMap::Sum, DimMap::Sum];
        let counted = now.clone().plus(-1, self.after, &done);
        let counted = counted.plus_masked(-1, self.before, &before, &[AxisFactor::First(0)]);
        builder.linear("clock".into(), domain.clone(), counted.plus_constant(-1));
        let rate = Linear::tensor(self.rate, 1);
        let (table, key) = (TableKind::Rates(adam.rates), now.plus_constant(-1));
        builder.lookup("rate".into(), &domain, table, key, Some(rate))
    }
}

/// A change's moments and what they meet, as forms over its domain.
struct Moments<'a> {
    ids: &'a MomentIds,
    block: &'a [DimMap],
    step: usize,
}

impl Moments<'_> {
    fn now(&self, part: usize) -> Result<Linear, CompileError> {
        let id = self.ids.after.get(part).ok_or(CompileError::Exhausted)?;
        Ok(Linear::zero().plus(1, *id, self.block))
    }

    /// The same a step before: of the first step, the state.
    fn previous(&self, part: usize) -> Result<Linear, CompileError> {
        let ids = self.ids.after.get(part).zip(self.ids.before.get(part));
        let (after, before) = ids.ok_or(CompileError::Exhausted)?;
        let at = |step: DimMap| -> Vec<DimMap> {
            core::iter::once(step).chain(self.block.iter().skip(1).copied()).collect()
        };
        let first = [AxisFactor::First(self.step)];
        let previous = Linear::zero().plus(1, *after, &at(DimMap::Previous(self.step)));
        Ok(previous.plus_masked(1, *before, &at(DimMap::Sum), &first))
    }
}

/// The ranges of moments and update, and how they come about.
///
/// # Errors
/// If the network and the tensors differ.
pub(super) fn constrain(
    change: &Change<'_>,
    network: &Network,
    builder: &mut RelationBuilder,
    pointwise: &mut PointwiseBuilder,
) -> Result<(), CompileError> {
    let (name, domain, parameters) = (&change.name, &change.domain, change.parameters);
    let adam = network.adam.as_ref().ok_or_else(|| differs(name, "Adam"))?;
    let ids = parameters.moments.as_ref().ok_or_else(|| missing(name, "its moments"))?;
    let clip = parameters.clip.as_ref().ok_or_else(|| missing(name, "its gradient"))?;
    let rate = change.rate.ok_or_else(|| missing(name, "the rate"))?;
    let step = change.step;
    let moments = Moments { ids, block: &change.block, step };
    let own = axes(domain.axes.len());
    let gradient = Linear::zero().plus(1, clip.q, &own);
    let [mean, root, rest, low] =
        [moments.now(0)?, moments.now(1)?, moments.now(2)?, moments.now(3)?];

    let before = moments.previous(0)?;
    let difference = gradient.plus_form(-1, &before).plus_constant(1 << 15);
    let moved = mean.clone().plus_form(-1, &before);
    let (update, e) = (&parameters.update, i128::from(change.layer.epsilon));
    let [rest_id] = *update.r.as_slice() else { return Err(missing(name, "its remainder")) };
    let r = Linear::zero().plus(1, rest_id, &own);
    builder.lookup(format!("{name}.mean.move"), domain, adam.table(), difference, Some(moved))?;
    let ranges = [
        ("rest.range", rest.clone()),
        ("rest.below", Linear::zero().plus_form(2, &root).plus_form(-1, &rest)),
        ("low.range", low),
        ("update.q.range", Linear::zero().plus(1, update.q, &change.block).plus_constant(1 << 15)),
        ("update.r0.range", r.clone()),
        ("update.r0.below", root.plus_constant(e - 1).plus_form(-1, &r)),
    ];
    for (part, form) in ranges {
        builder.range16(format!("{name}.{part}"), domain, form)?;
    }
    second(pointwise, &moments, name, adam.betas[1], clip.q)?;
    let block = &change.block;
    let by = pointwise.mapped(ids.after[1], block);
    let q = pointwise.mapped(update.q, block);
    let (r, m) = (pointwise.mapped(rest_id, &own), pointwise.mapped(ids.after[0], block));
    let rate = pointwise.mapped(rate, &[DimMap::Axis(step)]);
    let all: [(i128, &[usize]); 4] = [(1, &[by, q]), (e, &[q]), (1, &[r]), (-1, &[rate, m])];
    pointwise.require(format!("{name}.update"), &all);
    Ok(())
}

/// `2^16·(s² + ρ) + l` is what the moment before keeps, with what it had dropped, and the gradient's square adds.
fn second(
    pointwise: &mut PointwiseBuilder,
    moments: &Moments<'_>,
    name: &str,
    beta: i64,
    gradient: TensorId,
) -> Result<(), CompileError> {
    let [_, ids @ ..] = moments.ids.after;
    let [s, rest, low] = ids.map(|id| pointwise.mapped(id, moments.block));
    let mut before = |part| Ok::<_, CompileError>(pointwise.form(moments.previous(part)?));
    let [s0, rest0, low0] = [before(1)?, before(2)?, before(3)?];
    let dims = axes(moments.block.len());
    let g = pointwise.mapped(gradient, &dims);
    let (one, kept) = (1i128 << MOMENT_FRAC, i128::from(beta));
    let all: [(i128, &[usize]); 7] = [
        (one, &[s, s]),
        (one, &[rest]),
        (1, &[low]),
        (-kept, &[s0, s0]),
        (-kept, &[rest0]),
        (-1, &[low0]),
        (kept - one, &[g, g]),
    ];
    pointwise.require(format!("{name}.second"), &all);
    Ok(())
}

/// Traces moments and update of one kind of parameter, whose clipped gradient is `clipped`, and returns the update.
///
/// # Errors
/// If moments or trace have other sizes than the parameters.
// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
pub(super) fn apply<K: TensorKernels>(
    pass: &Pass<'_, K>,
    clipped: &[i32],
    before: &Carried<'_>,
    trace: &mut ParameterTrace,
) -> Result<Vec<i32>, Untraced> {
    let (what, len) = ("a moment", clipped.len());
    let adam = pass.network.adam.as_ref().ok_or_else(|| pass.wrong("Adam", 1, 0))?;
    let zeros = vec![0; len];
    let known = match before.blocks.as_slice() {
        [] => [&zeros[..]; MOMENTS],
        [a, b, c, d] => [*a, *b, *c, *d],
        other => return Err(pass.wrong(what, MOMENTS, other.len())),
    };
    known.iter().try_for_each(|values| pass.expect(what, len, values.len()))?;
    let (start, whole) = (pass.start(len), len * pass.steps);
    let ParameterTrace { update, moments, .. } = trace;
    moments.resize(MOMENTS, Vec::new());
    for values in moments.iter_mut().chain([&mut update.q, &mut update.r]) {
        pass.expect(what, start, values.len())?;
        values.reserve_exact(whole.saturating_sub(values.len()));
    }
    let rule = AdamStep { adam, epsilon: pass.layer.epsilon, rate: before.rate };
    for i in 0..len {
        let number = |part: usize| i64::from(known[part][i]);
        let (next, q, r) = rule.next(clipped[i].into(), core::array::from_fn(number));
        for (values, value) in moments.iter_mut().zip(next) {
            values.push(value as i32);
        }
        update.q.push(q as i32);
        update.r.push(r as i32);
    }
    Ok(update.q[start..].to_vec())
}

/// One step of one parameter.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep<'a> {
    /// The moments' shares.
    pub adam: &'a Adam,
    /// What is added to the root.
    pub epsilon: i64,
    /// The step's rate.
    pub rate: i64,
}

impl AdamStep<'_> {
    /// Moments after, update and remainder, for a gradient and the moments before.
    pub fn next(&self, g: i64, [m, s, rest, low]: [i64; 4]) -> ([i64; 4], i64, i64) {
        let [first, second] = self.adam.betas;
        let one = 1i64 << MOMENT_FRAC;
        let m = m + moment_step(one - first, g - m);
        // Below 2^44: squares have 28 bits, and a root's rest fewer.
        let n = second * (s * s + rest) + low + (one - second) * g * g;
        let v = n >> MOMENT_FRAC;
        let s = v.isqrt();
        let divisor = s + self.epsilon;
        let scaled = self.rate * m;
        let (q, r) = (scaled.div_euclid(divisor), scaled.rem_euclid(divisor));
        ([m, s, v - s * s, n - (v << MOMENT_FRAC)], q, r)
    }
}
