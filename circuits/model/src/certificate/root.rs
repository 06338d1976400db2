//! Square roots, rounded down: `x² + r = V` and `2x − r ≥ 0`, with `x` and `r` not negative.
//!
//! So `x² ≤ V ≤ x² + 2x < (x + 1)²`: `V` says what `x` is, and `r` with it. Both are in digits.

use super::equation::{Atom, Equation, System};
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
