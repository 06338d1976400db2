//! The verifier's evaluation of all claims' weights at the final point.
//!
//! A claim's weight is a sum of terms `scale·coef·Π factors·selector`: the selector picks the
//! tensor, the factors follow its dimensions. Scales of terms that agree in everything else
//! are added first, and every factor is computed once: a circuit pays for each operation.

mod extensions;
mod factors;
mod selectors;

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use super::claims::{CombinedClaim, Coordinate, Part, Points};
use super::fr;
use crate::arith::Arithmetic;
use crate::relation::linear::axis_bits;
use crate::relation::{DimMap, SheetLayout, TensorId, Term};
pub use extensions::{before, below, previous};
use factors::{Factor, Factors};
pub use selectors::Selectors;

/// `(coefficient, scale)` of the terms that share a product of factors.
type Scales<V> = BTreeMap<Vec<Factor>, Vec<(i128, V)>>;

/// `Σ scale·weight(rho)` over the parts of a claim; `rho` is the final point, the address'
/// lowest bit first.
pub fn total<A: Arithmetic>(
    arith: &mut A,
    layout: &SheetLayout,
    points: &Points<A::Var>,
    rho: &[A::Var],
    claim: &CombinedClaim<'_, A::Var>,
) -> A::Var {
    let mut tensors: BTreeMap<TensorId, Scales<A::Var>> = BTreeMap::new();
    for part in &claim.parts {
        for term in &part.form.terms {
            let Some(id) = term.tensor else { continue };
            let product = term_factors(layout, part, term, id);
            let scales = tensors.entry(id).or_default().entry(product).or_default();
            scales.push((term.coef, part.scale.clone()));
        }
    }
    let one = arith.constant(Fr::one());
    let mut selectors = Selectors::new(arith, rho, one);
    let mut factors = Factors::new(points, rho);
    let mut sum = arith.constant(Fr::zero());
    for (id, scales) in &tensors {
        let tensor = layout.tensor(*id);
        let free = tensor
            .dims
            .iter()
            .fold(0u64, |mask, dim| mask | (((1u64 << dim.axis.log) - 1) << dim.shift));
        let selector = selectors.get(arith, free, tensor.base);
        let weight = weigh(arith, &mut factors, scales);
        sum = arith.mul_add(&selector, &weight, &sum);
    }
    sum
}

/// `Σ scale·constants` over the parts of a claim.
pub fn constants<A: Arithmetic>(
    arith: &mut A,
    claim: &CombinedClaim<'_, A::Var>,
    points: &Points<A::Var>,
) -> A::Var {
    let mut scales: Scales<A::Var> = BTreeMap::new();
    for part in &claim.parts {
        for term in part.form.terms.iter().filter(|t| t.tensor.is_none()) {
            let product = axis_factors(part, term).collect();
            scales.entry(product).or_default().push((term.coef, part.scale.clone()));
        }
    }
    weigh(arith, &mut Factors::new(points, &[]), &scales)
}

/// `Σ Π factors·Σ coef·scale`
fn weigh<A: Arithmetic>(
    arith: &mut A,
    factors: &mut Factors<'_, A::Var>,
    scales: &Scales<A::Var>,
) -> A::Var {
    let mut sum = arith.constant(Fr::zero());
    for (product, scales) in scales {
        let mut scale = arith.constant(Fr::zero());
        for (coef, part) in scales {
            let part = arith.scale(part, fr(*coef));
            scale = arith.add(&scale, &part);
        }
        sum = match factors.product(arith, product) {
            Some(product) => arith.mul_add(&product, &scale, &sum),
            None => arith.add(&sum, &scale),
        };
    }
    sum
}

fn term_factors<V>(
    layout: &SheetLayout,
    part: &Part<'_, V>,
    term: &Term,
    id: TensorId,
) -> Vec<Factor> {
    let dims = layout.tensor(id).dims.iter().zip(&term.dims);
    let dims = dims.filter_map(|(dim, map)| {
        let shift = dim.shift as usize;
        let at = |axis: &usize| axis_coordinates(part, *axis).to_vec();
        match map {
            DimMap::Sum => None,
            DimMap::Axis(axis) => Some(Factor::Equal(shift, at(axis))),
            DimMap::Before(axis) => Some(Factor::Before(shift, at(axis))),
            DimMap::Previous(axis) => Some(Factor::Previous(shift, at(axis))),
        }
    });
    // Dimensions of one index are the factor 1.
    let dims = dims.filter(|factor| !factor.is_trivial());
    dims.chain(axis_factors(part, term)).collect()
}

fn axis_factors<V>(part: &Part<'_, V>, term: &Term) -> impl Iterator<Item = Factor> {
    term.factors.iter().map(|factor| Factor::of_axis(*factor, |axis| axis_coordinates(part, axis)))
}

/// The part's coordinates of one axis, lowest bit first.
pub fn axis_coordinates<'c, V>(part: &'c Part<'_, V>, axis: usize) -> &'c [Coordinate] {
    part.point.get(axis_bits(&part.domain, axis)).unwrap_or_default()
}
