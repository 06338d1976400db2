//! The first largest of several: bits that choose it, places in an order.
//!
//! Of each window `Σ u = 1` over its places, bits all of them and zero beside them; `u·m = u·z`; and at every real
//! place `m − z − 1 + (u summed over the places so far, this one included) ≥ 0`. So `m` is the `z` of the chosen
//! place, no `z` exceeds it, and none before that place equals it: `z` alone says what `m` and `u` are.

use super::equation::{Atom, CellMonomial, Equation, LookupQuery, System};
use super::pattern::{bit, chosen};
use crate::relation::{AxisFactor, DimMap, TensorId};

/// Bits that choose the first largest.
#[derive(Clone, Debug)]
pub struct Pick {
    /// `u`
    pub bits: TensorId,
    /// `m`
    pub chosen: TensorId,
    /// `z`
    pub from: TensorId,
    /// The lookup, by number, that says which is the first: its running totals are along places, not along steps.
    pub query: usize,
}

/// All picks.
pub fn picks(system: &System<'_>) -> Vec<Pick> {
    system.equations.iter().filter_map(|equation| pick(system, equation)).collect()
}

/// `u·m − u·z = 0` on windows and their places.
struct Windows<'a, 'b> {
    equation: &'b Equation<'a>,
    u: Atom<'a>,
    m: Atom<'a>,
    z: Atom<'a>,
    /// Axes of the places, in their order: those that the largest does not follow.
    places: Vec<usize>,
}

fn pick<'a>(system: &System<'a>, equation: &Equation<'a>) -> Option<Pick> {
    let [u, m, z] = chosen(equation)?;
    let cells = [&u, &m].iter().all(|x| x.is_cellwise(system, &equation.axes));
    let follows = |axis: &usize| m.dims.contains(&DimMap::Axis(*axis));
    let places = (0..equation.axes.len()).filter(|axis| !follows(axis)).collect();
    let windows = Windows { equation, u, m, z, places };
    let all = (0..equation.axes.len()).all(|axis| u.dims.contains(&DimMap::Axis(axis)));
    let shown = cells && all && windows.are_bits(system) && windows.sum_to_one(system);
    let beside = windows.nothing_beside(system, &u, |axis| windows.places.contains(&axis))
        && windows.nothing_beside(system, &m, |axis| !windows.places.contains(&axis));
    let query = system.queries.iter().position(|query| windows.is_first(query))?;
    (shown && beside).then_some(Pick { bits: u.tensor, chosen: m.tensor, from: z.tensor, query })
}

impl<'a> Windows<'a, '_> {
    /// Factors that are one at the real positions of these axes.
    fn real(&self, of: impl Fn(usize) -> bool) -> Vec<AxisFactor> {
        let axes = self.equation.axes.iter().enumerate();
        let padded = axes.filter(|(axis, size)| of(*axis) && !size.size.is_power_of_two());
        padded.map(|(axis, size)| AxisFactor::Below(axis, size.size)).collect()
    }

    fn are_bits(&self, system: &System<'_>) -> bool {
        system.equations.iter().any(|e| bit(system, e) == Some(self.u.tensor))
    }

    /// Cells beside the real positions of these axes are zero.
    fn nothing_beside(
        &self,
        system: &System<'_>,
        atom: &Atom<'_>,
        of: impl Fn(usize) -> bool,
    ) -> bool {
        let wanted = self.real(of);
        wanted.is_empty() || system.is_zero_beside(atom.tensor)
    }

    /// `Σ u = 1` over places, for every real window, as sums of the tensor's dimensions.
    fn sum_to_one(&self, system: &System<'_>) -> bool {
        system.equations.iter().any(|e| self.is_sum(e).unwrap_or(false))
    }

    fn is_sum(&self, equation: &Equation<'_>) -> Option<bool> {
        let [x, y] = equation.monomials.as_slice() else { return None };
        let (sum, one) = if x.atoms.is_empty() { (y, x) } else { (x, y) };
        let atom = sum.plain().filter(|atom| atom.tensor == self.u.tensor)?;
        let opposite = sum.coef != 0 && one.coef.checked_add(sum.coef) == Some(0);
        let (mut real, mut seen) = (Vec::new(), Vec::new());
        for (own, map) in self.u.dims.iter().zip(atom.dims) {
            let DimMap::Axis(own) = own else { return None };
            let (size, is_place) = (self.equation.axes.get(*own)?, self.places.contains(own));
            match map {
                DimMap::Sum if is_place => {}
                DimMap::Axis(axis) if !is_place && !seen.contains(axis) => {
                    seen.push(*axis);
                    (equation.axes.get(*axis)? == size).then_some(())?;
                    let padded = !size.size.is_power_of_two();
                    real.extend(padded.then_some(AxisFactor::Below(*axis, size.size)));
                }
                _ => return None,
            }
        }
        let plain = equation.product.is_none() && one.atoms.is_empty();
        Some(plain && opposite && same(&one.masks, &real))
    }

    /// The key `m·[place] − z − [real] + (u so far)`, a number that is not negative as every key.
    fn is_first(&self, query: &LookupQuery<'a>) -> bool {
        let place = self.real(|axis| self.places.contains(&axis));
        let mut left: Vec<&CellMonomial<'a>> = query.key.iter().collect();
        let mut take = |coef: i128, atom: Option<(TensorId, &[DimMap])>, masks: &[AxisFactor]| {
            let fits = |monomial: &&CellMonomial<'a>| {
                let atoms: Vec<_> = monomial.atoms.iter().map(|a| (a.tensor, a.dims)).collect();
                monomial.coef == coef
                    && atoms == atom.into_iter().collect::<Vec<_>>()
                    && same(&monomial.masks, masks)
            };
            left.iter().position(fits).map(|position| left.remove(position)).is_some()
        };
        let [m, z] = [&self.m, &self.z].map(|atom| Some((atom.tensor, atom.dims)));
        let value = take(1, m, &place) && take(-1, z, &[]) && take(-1, None, &self.real(|_| true));
        let totals = self.so_far();
        let totals = totals.iter().all(|dims| take(1, Some((self.u.tensor, dims)), &[]));
        value && totals && left.is_empty() && query.axes == self.equation.axes
    }

    /// The places so far: those before this one along each axis, along which the outer ones are the same, and
    /// itself.
    fn so_far(&self) -> Vec<Vec<DimMap>> {
        let before = |first: usize| {
            let map = |dim: &DimMap| match dim {
                DimMap::Axis(axis) if *axis == first => DimMap::Before(first),
                DimMap::Axis(axis) if *axis > first && self.places.contains(axis) => DimMap::Sum,
                other => *other,
            };
            self.u.dims.iter().map(map).collect()
        };
        self.places.iter().map(|axis| before(*axis)).chain([self.u.dims.to_vec()]).collect()
    }
}

/// The same factors in whatever order.
fn same(left: &[AxisFactor], right: &[AxisFactor]) -> bool {
    left.len() == right.len() && left.iter().all(|factor| right.contains(factor))
}
