//! One share of a sum: `x² = x·w`, where `w` is the sum of all `x` along one dimension and lies in a range.
//!
//! So every `x` is zero or `w`. If several were `w`, so many times `w` would be `w`: then `w` is zero, and all are.

use super::equation::{Atom, Equation, LookupQuery, System};
use super::interval::Interval;
use crate::relation::{DimMap, TensorId};

/// A tensor with one cell at most, along the dimension of that number, that is not zero, and what its cells are.
pub fn share(system: &System<'_>, equation: &Equation<'_>) -> Option<(TensorId, usize, Interval)> {
    let [square, product] = equation.monomials.as_slice() else { return None };
    let opposite = square.coef != 0 && square.coef.checked_add(product.coef) == Some(0);
    let masked = !square.masks.is_empty() || !product.masks.is_empty();
    if equation.product.is_some() || masked || !opposite {
        return None;
    }
    let ([x, same], [a, b]) = (square.atoms.as_slice(), product.atoms.as_slice()) else {
        return None;
    };
    let sum = if a == x { b } else { a };
    let both = x == same && [a, b].contains(&x);
    let dim = summed(x, sum)?;
    let interval = looked_up(system, sum.tensor, dim)?;
    let shown = both && x.is_cellwise(system, &equation.axes);
    shown.then_some((x.tensor, dim, interval.with_zero()))
}

/// The dimension along which the second cell is a sum of what the first one is.
fn summed(x: &Atom<'_>, sum: &Atom<'_>) -> Option<usize> {
    if x.tensor != sum.tensor || x.dims.len() != sum.dims.len() {
        return None;
    }
    let mut differ = x.dims.iter().zip(sum.dims).enumerate().filter(|(_, (x, sum))| x != sum);
    let (dim, (DimMap::Axis(_), DimMap::Sum)) = differ.next()? else { return None };
    differ.next().is_none().then_some(dim)
}

/// Where lookups hold the sums along a dimension, for every index of the others.
fn looked_up(system: &System<'_>, id: TensorId, dim: usize) -> Option<Interval> {
    let of = |query: &LookupQuery<'_>| held(system, query, id, dim);
    let mut found = system.queries.iter().filter_map(of);
    let first = found.next()?;
    found.try_fold(first, Interval::meet)
}

/// Where one lookup holds them.
fn held(
    system: &System<'_>,
    query: &LookupQuery<'_>,
    id: TensorId,
    dim: usize,
) -> Option<Interval> {
    let (mut sum, mut constant) = (None, 0i128);
    for monomial in &query.key {
        match monomial.atoms.as_slice() {
            [] if monomial.masks.is_empty() => constant = constant.checked_add(monomial.coef)?,
            [_] if sum.is_none() => sum = Some((monomial.coef, monomial.plain()?)),
            _ => return None,
        }
    }
    let (coef, atom) = sum.filter(|(coef, atom)| coef.abs() == 1 && atom.tensor == id)?;
    let tensor = system.layout.tensors().get(id.0)?;
    let mut seen = Vec::new();
    for (position, (own, map)) in tensor.dims.iter().zip(atom.dims).enumerate() {
        match map {
            DimMap::Sum if position == dim => {}
            DimMap::Axis(axis) if position != dim && !seen.contains(axis) => {
                seen.push(*axis);
                (query.axes.get(*axis)?.log == own.axis.log).then_some(())?;
            }
            _ => return None,
        }
    }
    let keys = Interval::below_power(query.table.log)?;
    keys.plus(Interval::point(constant.checked_neg()?)?)?.divided(coef)
}
