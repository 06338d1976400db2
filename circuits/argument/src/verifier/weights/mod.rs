//! The verifier's evaluation of all claims' weights at the final point.
//!
//! A claim's weight is a sum of terms `scale·coef·Π factors·selector`: the selector picks the
//! tensor, the factors follow its dimensions. Scales of terms that agree in everything else
//! are added first, and every factor is computed once: a circuit pays for each operation.

mod extensions;
mod factors;
mod selectors;
mod sliding;

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use zktrain_model::relation::linear::axis_bits;
use zktrain_model::relation::{DimMap, SheetLayout, Tensor, TensorId, Term, apart};

use super::claims::{CombinedClaim, Coordinate, Points, ScaledForm};
use super::fr;
use crate::arith::{Arithmetic, Check};
pub use extensions::{before, below, not_after, previous, unit_vector};
use factors::{Factor, Factors};
pub use selectors::Selectors;
pub use sliding::Sliding;

/// `(coefficient, scale)` of the terms that share a product of factors.
type Scales<V> = BTreeMap<Vec<Factor>, Vec<(i128, V)>>;

/// `Σ scale·weight(rho)` over the parts of a claim; `rho` is the final point, the address'
/// lowest bit first.
///
/// # Errors
/// [`Check::Shape`] if a form refers to a tensor, dimension or coordinate that is not there.
pub fn total<A: Arithmetic>(
    arith: &mut A,
    layout: &SheetLayout,
    points: &Points<A::Var>,
    rho: &[A::Var],
    claim: &CombinedClaim<'_, A::Var>,
) -> Result<A::Var, A::Error> {
    let mut tensors: BTreeMap<TensorId, Scales<A::Var>> = BTreeMap::new();
    for part in &claim.parts {
        for term in &part.form.terms {
            // Constants are on the claim's other side: see `constants`.
            let Some(id) = term.tensor else { continue };
            let product = term_factors(tensor_of(layout, id)?, part, term)?;
            let scales = tensors.entry(id).or_default().entry(product).or_default();
            scales.push((term.coef, part.scale.clone()));
        }
    }
    let one = arith.constant(Fr::one());
    let mut selectors = Selectors::new(arith, rho, one);
    let mut factors = Factors::new(points, rho);
    let mut sum = arith.constant(Fr::zero());
    for (id, scales) in &tensors {
        let tensor = tensor_of(layout, *id)?;
        let free = tensor
            .dims
            .iter()
            .fold(0u64, |mask, dim| mask | (((1u64 << dim.axis.log) - 1) << dim.shift));
        let selector = selectors.get(arith, free, tensor.base)?;
        let weight = weigh(arith, &mut factors, scales)?;
        sum = arith.mul_add(&selector, &weight, &sum);
    }
    Ok(sum)
}

/// `Σ scale·constants` over the parts of a claim.
///
/// # Errors
/// As [`total`].
pub fn constants<A: Arithmetic>(
    arith: &mut A,
    claim: &CombinedClaim<'_, A::Var>,
    points: &Points<A::Var>,
) -> Result<A::Var, A::Error> {
    let mut scales: Scales<A::Var> = BTreeMap::new();
    for part in &claim.parts {
        for term in part.form.terms.iter().filter(|t| t.tensor.is_none()) {
            let product = axis_factors(part, term).collect::<Result<Vec<_>, Check>>()?;
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
) -> Result<A::Var, A::Error> {
    let mut sum = arith.constant(Fr::zero());
    for (product, scales) in scales {
        let mut scale = arith.constant(Fr::zero());
        for (coef, part) in scales {
            let part = arith.scale(part, fr(*coef));
            scale = arith.add(&scale, &part);
        }
        sum = match factors.product(arith, product)? {
            Some(product) => arith.mul_add(&product, &scale, &sum),
            None => arith.add(&sum, &scale),
        };
    }
    Ok(sum)
}

fn tensor_of(layout: &SheetLayout, id: TensorId) -> Result<&Tensor, Check> {
    layout.tensors().get(id.0).ok_or(Check::Shape("a tensor of a claim"))
}

fn term_factors<V>(
    tensor: &Tensor,
    part: &ScaledForm<'_, V>,
    term: &Term,
) -> Result<Vec<Factor>, Check> {
    Check::same_length("the dimensions of a tensor", &tensor.dims, &term.dims)?;
    let mut factors = Vec::new();
    for (dim, map) in apart(&tensor.dims, &term.dims, &part.domain) {
        let (shift, bits) = (dim.shift as usize, dim.axis.log as usize);
        let at = |axis: &usize| {
            let coordinates = axis_coordinates(part, *axis)?;
            match coordinates.len() == bits {
                true => Ok(coordinates.to_vec()),
                false => Err(Check::Shape("an axis that a dimension follows")),
            }
        };
        let factor = match &map {
            DimMap::Sum => continue,
            DimMap::Window(window) => Factor::Window(Box::new(Sliding::of(&dim, window, part)?)),
            DimMap::Axis(axis) => Factor::Equal(shift, at(axis)?),
            DimMap::Before(axis) => Factor::Before(shift, at(axis)?),
            DimMap::Previous(axis) => Factor::Previous(shift, at(axis)?),
            // Taken apart: there is none.
            DimMap::Joined(..) => return Err(Check::Shape("an axis that a dimension follows")),
        };
        // Dimensions of one index are the factor 1.
        if !factor.is_trivial() {
            factors.push(factor);
        }
    }
    for factor in axis_factors(part, term) {
        factors.push(factor?);
    }
    Ok(factors)
}

fn axis_factors<V>(
    part: &ScaledForm<'_, V>,
    term: &Term,
) -> impl Iterator<Item = Result<Factor, Check>> {
    term.factors.iter().map(|factor| Factor::of_axis(*factor, |axis| axis_coordinates(part, axis)))
}

/// The part's coordinates of one axis, lowest bit first.
///
/// # Errors
/// [`Check::Shape`] if the domain has no such axis, or the point not as many coordinates.
pub fn axis_coordinates<'c, V>(
    part: &'c ScaledForm<'_, V>,
    axis: usize,
) -> Result<&'c [Coordinate], Check> {
    let missing = Check::Shape("the axis of a claim");
    let bits = axis_bits(&part.domain, axis).ok_or(missing)?;
    part.point.get(bits).ok_or(missing)
}
