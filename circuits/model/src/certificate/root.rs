//! Square roots, rounded down: `x² + r = V` and `2x − r ≥ 0`, with `x` and `r` not negative.
//!
//! So `x² ≤ V ≤ x² + 2x < (x + 1)²`: `V` says what `x` is, and `r` with it. Both are in digits, or all three are
//! cells of 16 bits and `V` is what a division by `2^16` leaves.

use super::equation::{Atom, CellMonomial, Equation, System};
use super::ranges::Ranges;
use super::wide::{Number, factors, is_not_negative, monomials};
use crate::relation::TensorId;

/// The tensors of root and rest, if an equation says that they are what its other cells have for a root.
pub fn root<'a>(
    (system, ranges): (&System<'a>, &Ranges),
    equation: &Equation<'a>,
    known: impl Fn(&Atom<'a>) -> bool,
) -> Option<Vec<TensorId>> {
    let product = factors(equation)?;
    let [left, right] = [&product.left, &product.right].map(monomials);
    let same = left.len() == right.len()
        && left.iter().zip(&right).all(|(a, b)| {
            a.coef == b.coef && a.atoms == b.atoms && a.masks.is_empty() && b.masks.is_empty()
        });
    let axes = &equation.axes;
    let open = equation.monomials.iter().filter(|m| !m.atoms.iter().all(&known)).cloned();
    let x = Number::of((system, ranges), axes, left.into_iter(), 1)?;
    let rest = Number::of((system, ranges), axes, open, -1)?;
    let twice = x.scaled(2)?.into_iter().chain(rest.scaled(-1)?).collect::<Vec<_>>();
    let tensors: Vec<TensorId> = x.tensors().chain(rest.tensors()).collect();
    (same && is_not_negative((system, ranges), axes, &twice)).then_some(tensors)
}

/// The tensors of `x`, `r` and `l`, if an equation says `2^16·(x² + r) + l` is what its other cells make up, all
/// three of 16 bits, and `2x − r` too.
///
/// `l` is the remainder of a division, so `x² + r` is its quotient, and the root of that is `x`. `is_key` says whether a
/// sum of cells is looked up in a range.
pub fn floor<'a>(
    (system, ranges): (&System<'a>, &Ranges),
    equation: &Equation<'a>,
    known: impl Fn(&Atom<'a>) -> bool,
    is_key: impl Fn(&[(Atom<'a>, i128)]) -> bool,
) -> Option<Vec<TensorId>> {
    const ONE: i128 = 1 << 16;
    if equation.product.is_some() {
        return None;
    }
    let is_open = |m: &&CellMonomial<'a>| !m.atoms.iter().all(&known);
    let open: Vec<_> = equation.monomials.iter().filter(is_open).collect();
    let square = open.iter().find(|m| m.coef == ONE && m.atoms.len() == 2 && m.masks.is_empty())?;
    let [x, y] = *square.atoms.as_slice() else { return None };
    let single = |coef: i128| open.iter().find(|m| m.coef == coef && m.plain().is_some());
    let (rest, low) = (single(ONE)?.plain()?, single(1)?.plain()?);
    let cells = [x, rest, low];
    let apart = x.tensor != rest.tensor && rest.tensor != low.tensor && low.tensor != x.tensor;
    let everywhere = cells.iter().all(|cell| cell.is_cellwise(system, &equation.axes));
    let short = cells
        .iter()
        .all(|cell| ranges.get(cell.tensor).is_some_and(|range| range.lo >= 0 && range.hi < ONE));
    let below = is_key(&[(x, 2), (rest, -1)]);
    (open.len() == 3 && x == y && apart && everywhere && short && below)
        .then(|| cells.map(|cell| cell.tensor).to_vec())
}
