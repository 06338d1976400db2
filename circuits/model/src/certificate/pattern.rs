//! Constraints that say more together than each alone.

use std::collections::BTreeSet;

use super::equation::{Atom, CellMonomial, Equation, LookupQuery, System};
use super::interval::Interval;
use crate::relation::{AxisFactor, DimMap, TensorId};

/// `c·x² − c·x = 0` for every cell of a tensor: a bit.
pub fn bit(system: &System<'_>, equation: &Equation<'_>) -> Option<TensorId> {
    if equation.product.is_some() {
        return None;
    }
    let [square, one] = equation.monomials.as_slice() else { return None };
    let (atom, [x, y]) = (one.plain()?, square.atoms.as_slice()) else { return None };
    let same = *x == atom && *y == atom && square.masks.is_empty();
    let opposite = one.coef != 0 && square.coef.checked_add(one.coef) == Some(0);
    (same && opposite && atom.is_cellwise(system, &equation.axes)).then_some(atom.tensor)
}

/// `a = z − s·z` with a bit `s`, and `p·a + q·z + r·s + c` in a range: two intervals for `z`,
/// one for each value of the bit.
#[derive(Clone, Debug)]
pub struct Choice {
    /// `z`
    pub input: TensorId,
    /// `a`
    pub output: TensorId,
    /// `s`
    pub bit: TensorId,
    /// `[p, q, r, c]`
    coefs: [i128; 4],
    keys: Interval,
}

impl Choice {
    /// The values of `z` where the bit is 0 and where it is 1.
    pub fn values(&self) -> Option<[Interval; 2]> {
        let [p, q, r, c] = self.coefs;
        let zero = p.checked_add(q)?;
        // Any other factor could hide a fraction.
        if zero.abs() != 1 || q.abs() != 1 {
            return None;
        }
        let shifted = |by: i128| self.keys.plus(Interval::point(by.checked_neg()?)?);
        Some([shifted(c)?.divided(zero)?, shifted(c.checked_add(r)?)?.divided(q)?])
    }

    /// Whether `z` says what the bit is.
    pub fn is_told_by_input(&self) -> bool {
        self.values().is_some_and(|[zero, one]| zero.meet(one).is_none())
    }
}

/// All choices by a bit.
pub fn choices(system: &System<'_>) -> Vec<Choice> {
    let bits: Vec<TensorId> = system.equations.iter().filter_map(|e| bit(system, e)).collect();
    let mut all = Vec::new();
    for equation in &system.equations {
        let Some([a, z, s]) = gate(equation) else { continue };
        let cells = [a, z, s].iter().all(|x| x.is_cellwise(system, &equation.axes));
        if !cells || !bits.contains(&s.tensor) {
            continue;
        }
        for query in &system.queries {
            let Some(coefs) = linear_in(&query.key, &[a, z, s]) else { continue };
            if let (true, Some(keys)) =
                (query.axes == equation.axes, Interval::below_power(query.table.log))
            {
                let (input, output, bit) = (z.tensor, a.tensor, s.tensor);
                all.push(Choice { input, output, bit, coefs, keys });
            }
        }
    }
    all
}

/// `a − z + s·z = 0`
fn gate<'a>(equation: &Equation<'a>) -> Option<[Atom<'a>; 3]> {
    if equation.product.is_some() || equation.monomials.len() != 3 {
        return None;
    }
    let find = |coef: i128, degree: usize| {
        let fits =
            |m: &&CellMonomial<'a>| m.coef == coef && m.atoms.len() == degree && m.masks.is_empty();
        let mut found = equation.monomials.iter().filter(fits);
        found.next().filter(|_| found.next().is_none())
    };
    let (a, z, gated) = (find(1, 1)?.plain()?, find(-1, 1)?.plain()?, find(1, 2)?);
    match gated.atoms.as_slice() {
        [s, x] | [x, s] if *x == z && *s != z => Some([a, z, *s]),
        _ => None,
    }
}

/// Coefficients of a form in exactly these cells, and its constant.
fn linear_in(form: &[CellMonomial<'_>], atoms: &[Atom<'_>; 3]) -> Option<[i128; 4]> {
    let mut coefs = [0i128; 4];
    for monomial in form {
        if !monomial.masks.is_empty() {
            return None;
        }
        let place = match monomial.atoms.as_slice() {
            [] => 3,
            [atom] => atoms.iter().position(|known| known == atom)?,
            _ => return None,
        };
        let coef = coefs.get_mut(place)?;
        *coef = coef.checked_add(monomial.coef)?;
    }
    Some(coefs)
}

/// Bits that sum to one along one axis, and `u·m = u·z`: `m` is the `z` at some real position.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// `u`
    pub bits: TensorId,
    /// `m`
    pub chosen: TensorId,
    /// `z`
    pub from: TensorId,
    /// Labels of the constraints that say so: all that may mention the bits.
    pub labels: Vec<&'a str>,
    /// Whether nothing in `from`, at a real position, exceeds what is chosen.
    pub is_largest: bool,
}

/// All selections.
pub fn selections<'a>(system: &System<'a>) -> Vec<Selection<'a>> {
    system.equations.iter().filter_map(|equation| selection(system, equation)).collect()
}

fn selection<'a>(system: &System<'a>, equation: &Equation<'a>) -> Option<Selection<'a>> {
    let [u, m, z] = chosen(equation)?;
    let axis = spare_axis(system, equation, &u, &m)?;
    let cells = [&u, &z].iter().all(|x| x.is_cellwise(system, &equation.axes));
    let is_bit = system.equations.iter().find(|e| bit(system, e) == Some(u.tensor))?;
    let one = system.equations.iter().find(|e| sums_to_one(system, e, &u, axis))?;
    let mut labels = vec![equation.label, is_bit.label, one.label];
    let size = equation.axes.get(axis)?;
    let real = (!size.size.is_power_of_two()).then_some(AxisFactor::Below(axis, size.size));
    if let Some(real) = real {
        // Padded positions cannot be chosen.
        let padding = |e: &&Equation<'a>| e.axes == equation.axes && zero_outside(e, &u, real);
        labels.push(system.equations.iter().find(padding)?.label);
    }
    let dominates =
        |query: &LookupQuery<'_>| query.axes == equation.axes && exceeds(&query.key, &m, &z, real);
    let masked = masked_choice(system, equation, [&u, &m, &z]);
    labels.extend(masked);
    let is_largest = system.queries.iter().any(dominates) || masked.is_some();
    let (bits, chosen, from) = (u.tensor, m.tensor, z.tensor);
    cells.then_some(Selection { bits, chosen, from, labels, is_largest })
}

/// If only positions where a mask is 1 can be chosen, and nothing exceeds what is chosen there: the label of the constraint
/// that says so of the bits.
///
/// `u·[mask] − u = 0`, and `n = m·[mask] − z·[mask]` is looked up, a number that is not negative as every key.
fn masked_choice<'a>(
    system: &System<'a>,
    equation: &Equation<'a>,
    [u, m, z]: [&Atom<'a>; 3],
) -> Option<&'a str> {
    let here = system.equations.iter().filter(|e| e.axes == equation.axes);
    let shown = |e: &Equation<'a>| masked_zero(e).filter(|(atom, _)| atom == u).map(|it| it.1);
    let (label, masks) = here.clone().find_map(|e| shown(e).map(|masks| (e.label, masks)))?;
    let mut keys = system.queries.iter().filter(|query| query.axes == equation.axes);
    let is_below = |e: &Equation<'a>, n: &Atom<'a>| {
        let wanted = [(1, n, &[][..]), (-1, m, &masks), (1, z, &masks)];
        let fits = |(monomial, (coef, atom, masks)): (
            &CellMonomial<'a>,
            &(i128, &Atom<'a>, &[AxisFactor]),
        )| {
            monomial.coef == *coef && monomial.atoms == [**atom] && monomial.masks == *masks
        };
        let all = e.monomials.len() == wanted.len() && e.product.is_none();
        all && e.monomials.iter().zip(&wanted).all(fits)
    };
    let looked_up = |query: &LookupQuery<'a>| match query.key.as_slice() {
        [key] if key.coef == 1 => key.plain(),
        _ => None,
    };
    let found =
        keys.any(|query| looked_up(query).is_some_and(|n| here.clone().any(|e| is_below(e, &n))));
    found.then_some(label)
}

/// `u·m − u·z = 0`
pub fn chosen<'a>(equation: &Equation<'a>) -> Option<[Atom<'a>; 3]> {
    let [plus, minus] = equation.monomials.as_slice() else { return None };
    let masked = !plus.masks.is_empty() || !minus.masks.is_empty();
    if equation.product.is_some() || masked || (plus.coef, minus.coef) != (1, -1) {
        return None;
    }
    let ([a, b], [c, d]) = (plus.atoms.as_slice(), minus.atoms.as_slice()) else { return None };
    let u = [a, b].into_iter().find(|x| [c, d].contains(x))?;
    let other = |pair: [&Atom<'a>; 2]| pair.into_iter().find(|x| *x != u).copied();
    Some([*u, other([a, b])?, other([c, d])?])
}

/// The one axis that the chosen value does not have.
fn spare_axis(
    system: &System<'_>,
    equation: &Equation<'_>,
    u: &Atom<'_>,
    m: &Atom<'_>,
) -> Option<usize> {
    let has = |atom: &Atom<'_>, axis: usize| atom.dims.contains(&DimMap::Axis(axis));
    let mut spare = (0..equation.axes.len()).filter(|axis| has(u, *axis) && !has(m, *axis));
    let (axis, None) = (spare.next()?, spare.next()) else { return None };
    // Every cell of `m` meets bits at all positions of the axis.
    m.is_cellwise(system, &equation.axes).then_some(axis)
}

/// `Σ u − 1 = 0`, the sum along one axis of `u`, for every index of the others.
fn sums_to_one(system: &System<'_>, equation: &Equation<'_>, u: &Atom<'_>, axis: usize) -> bool {
    let Some(at) = u.dims.iter().position(|map| *map == DimMap::Axis(axis)) else { return false };
    let Some(id) = one_hot(system, equation) else { return false };
    id == (u.tensor, at)
}

/// A tensor whose sum along one of its dimensions is 1 for every index of the others.
pub fn one_hot(system: &System<'_>, equation: &Equation<'_>) -> Option<(TensorId, usize)> {
    let [x, y] = equation.monomials.as_slice() else { return None };
    let (sum, constant) = if x.atoms.is_empty() { (y, x) } else { (x, y) };
    let atom = sum.plain()?;
    let opposite = sum.coef != 0 && constant.coef.checked_add(sum.coef) == Some(0);
    let exact = constant.atoms.is_empty() && constant.masks.is_empty();
    if equation.product.is_some() || !opposite || !exact {
        return None;
    }
    let tensor = system.layout.tensors().get(atom.tensor.0)?;
    let mut seen = Vec::new();
    let mut summed = None;
    for (position, (dim, map)) in tensor.dims.iter().zip(atom.dims).enumerate() {
        match map {
            DimMap::Sum if summed.is_none() => summed = Some(position),
            DimMap::Axis(a) if !seen.contains(a) => {
                seen.push(*a);
                let axis = equation.axes.get(*a)?;
                (axis.log == dim.axis.log).then_some(())?;
            }
            _ => return None,
        }
    }
    Some((atom.tensor, summed?))
}

/// `x·[real] − x = 0`
fn zero_outside(equation: &Equation<'_>, x: &Atom<'_>, real: AxisFactor) -> bool {
    masked_zero(equation).is_some_and(|(atom, masks)| atom == *x && masks == [real])
}

/// A cell that is zero where one of the masks is.
pub fn masked_zero<'a>(equation: &Equation<'a>) -> Option<(Atom<'a>, Vec<AxisFactor>)> {
    let [masked, bare] = equation.monomials.as_slice() else { return None };
    let atom = bare.plain()?;
    let opposite = bare.coef != 0 && masked.coef.checked_add(bare.coef) == Some(0);
    match (masked.atoms.as_slice(), masked.masks.as_slice()) {
        ([x], masks @ [_, ..]) if *x == atom && opposite && equation.product.is_none() => {
            Some((atom, masks.to_vec()))
        }
        _ => None,
    }
}

/// A key `m·[real] − z`: not negative, as every key.
fn exceeds(key: &[CellMonomial<'_>], m: &Atom<'_>, z: &Atom<'_>, real: Option<AxisFactor>) -> bool {
    let masks: Vec<AxisFactor> = real.into_iter().collect();
    let [x, y] = key else { return false };
    let fits = |monomial: &CellMonomial<'_>, coef: i128, atom: &Atom<'_>, masks: &[AxisFactor]| {
        monomial.coef == coef && monomial.atoms == [*atom] && monomial.masks == masks
    };
    fits(x, 1, m, &masks) && fits(y, -1, z, &[])
}

/// Tensors whose cells beside real positions are zero, whatever is padded.
pub fn zero_beside<'a>(system: &System<'a>) -> BTreeSet<TensorId> {
    let shown = |equation: &Equation<'a>| {
        let (atom, masks) = masked_zero(equation)?;
        let tensor = system.layout.tensors().get(atom.tensor.0)?;
        let mut dims = tensor.dims.iter().zip(atom.dims);
        let masked = dims.all(|(dim, map)| {
            let padded = !dim.axis.size.is_power_of_two();
            let DimMap::Axis(axis) = map else { return !padded };
            !padded || masks.contains(&AxisFactor::Below(*axis, dim.axis.size))
        });
        let everywhere = atom.is_cellwise(system, &equation.axes);
        (masked && everywhere).then_some(atom.tensor)
    };
    system.equations.iter().filter_map(shown).collect()
}
