//! Divisions by a number that is known: `Q·S + r = N` and `S − 1 − r ≥ 0`, with `Q` and `r` not negative.
//!
//! So `0 ≤ r < S`: the divisor is not zero, and `N` says what quotient and remainder are. Both are in digits. Where nothing
//! is real it is enough that the quotient is zero: then `N` is the remainder.

use super::equation::{Atom, CellMonomial, Equation, System};
use super::ranges::Ranges;
use super::wide::{Number, factors, is_not_negative, monomials};
use crate::relation::{AxisFactor, TensorId};

/// The tensors of quotient and remainder, if an equation says that they are what its other cells have for them.
pub fn division<'a>(
    (system, ranges): (&System<'a>, &Ranges),
    equation: &Equation<'a>,
    known: impl Fn(&Atom<'a>) -> bool,
) -> Option<Vec<TensorId>> {
    let product = factors(equation)?;
    let is_known = |m: &CellMonomial<'a>| m.atoms.iter().all(&known);
    let [left, right] = [&product.left, &product.right].map(monomials);
    let (quotient, divisor) = match [&left, &right].map(|form| form.iter().all(&is_known)) {
        [false, true] => (left, right),
        [true, false] => (right, left),
        _ => return None,
    };
    let axes = &equation.axes;
    let open = equation.monomials.iter().filter(|m| !is_known(m)).cloned();
    let quotient = Number::of((system, ranges), axes, quotient.into_iter(), 1)?;
    let rest = Number::of((system, ranges), axes, open, -1)?;
    let less = |masks: Vec<AxisFactor>| {
        let one = CellMonomial { coef: -1, atoms: Vec::new(), masks };
        let room = divisor.iter().cloned().chain([one]).chain(rest.scaled(-1)?);
        Some(room.collect::<Vec<CellMonomial<'a>>>())
    };
    let holds = |room: Option<Vec<CellMonomial<'a>>>| {
        room.is_some_and(|room| is_not_negative((system, ranges), axes, &room))
    };
    let beside = quotient.tensors().all(|tensor| system.is_zero_beside(tensor));
    let tensors: Vec<TensorId> = quotient.tensors().chain(rest.tensors()).collect();
    (holds(less(Vec::new())) || beside && holds(less(real(equation)))).then_some(tensors)
}

/// Factors that are one at real positions.
fn real(equation: &Equation<'_>) -> Vec<AxisFactor> {
    let axes = equation.axes.iter().enumerate();
    let padded = axes.filter(|(_, axis)| !axis.size.is_power_of_two());
    padded.map(|(axis, size)| AxisFactor::Below(axis, size.size)).collect()
}
