//! Values in the circuit: linear combinations of variables that no constraint has been spent on.

use std::rc::Rc;

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use super::system::{ONE, R1csTerm};

/// A linear combination of variables, and its value.
#[derive(Clone, Debug)]
pub struct R1csWire {
    pub(super) value: Fr,
    /// By increasing variable; no coefficient is zero.
    pub(super) terms: Rc<[R1csTerm]>,
}

impl R1csWire {
    pub(super) fn constant(value: Fr) -> Self {
        let term = R1csTerm { variable: ONE, coefficient: value };
        let terms = if value.is_zero() { Rc::from([]) } else { Rc::from([term]) };
        Self { value, terms }
    }

    pub(super) fn variable(variable: u32, value: Fr) -> Self {
        Self { value, terms: Rc::from([R1csTerm { variable, coefficient: Fr::one() }]) }
    }

    /// The value, if it is the same in every assignment.
    ///
    /// Only the combination decides, never the value: the circuit's shape depends on it.
    pub(super) fn as_constant(&self) -> Option<Fr> {
        match &*self.terms {
            [] => Some(Fr::zero()),
            [R1csTerm { variable: ONE, coefficient }] => Some(*coefficient),
            _ => None,
        }
    }

    /// The variable, if it is one alone.
    pub(super) fn as_variable(&self) -> Option<u32> {
        match &*self.terms {
            [R1csTerm { variable, coefficient }] if coefficient.is_one() => Some(*variable),
            _ => None,
        }
    }

    /// `factor·self`
    pub(super) fn scaled(&self, factor: Fr) -> Self {
        if factor.is_zero() {
            return Self::constant(Fr::zero());
        }
        let scale = |t: &R1csTerm| R1csTerm { coefficient: t.coefficient * factor, ..*t };
        Self { value: self.value * factor, terms: self.terms.iter().map(scale).collect() }
    }

    /// `self + factor·other`
    pub(super) fn plus(&self, factor: Fr, other: &Self) -> Self {
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let mut left = self.terms.iter().peekable();
        let mut right = other.terms.iter().peekable();
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => core::cmp::Ordering::Less,
                (None, Some(_)) => core::cmp::Ordering::Greater,
                (Some(l), Some(r)) => l.variable.cmp(&r.variable),
            };
            let from_left = if order.is_le() { left.next() } else { None };
            let from_right = if order.is_ge() { right.next() } else { None };
            let own = from_left.map_or_else(Fr::zero, |t| t.coefficient);
            let added = from_right.map_or_else(Fr::zero, |t| {
                if factor.is_one() { t.coefficient } else { t.coefficient * factor }
            });
            let coefficient = own + added;
            if let Some(term) = from_left.or(from_right).filter(|_| !coefficient.is_zero()) {
                terms.push(R1csTerm { variable: term.variable, coefficient });
            }
        }
        let added = if factor.is_one() { other.value } else { other.value * factor };
        Self { value: self.value + added, terms: terms.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(terms: &[(u32, u64)]) -> R1csWire {
        let zero = R1csWire::constant(Fr::zero());
        terms.iter().fold(zero, |sum, (variable, coefficient)| {
            sum.plus(Fr::from(*coefficient), &R1csWire::variable(*variable, Fr::from(7u64)))
        })
    }

    #[test]
    fn sums_are_sorted_and_hold_no_zeros() {
        let a = sum(&[(5, 2), (1, 3), (9, 1)]);
        let b = sum(&[(9, 1), (4, 1)]);
        let difference = a.plus(-Fr::one(), &b);
        let terms: Vec<_> = difference.terms.iter().map(|t| (t.variable, t.coefficient)).collect();
        let [two, three] = [2u64, 3].map(Fr::from);
        assert_eq!(terms, [(1, three), (4, -Fr::one()), (5, two)]);
        assert_eq!(difference.value, Fr::from(28u64));
        assert_eq!(difference.scaled(Fr::zero()).as_constant(), Some(Fr::zero()));
        assert_eq!(a.plus(-Fr::one(), &a).as_constant(), Some(Fr::zero()));
    }

    #[test]
    fn constants_and_variables_are_told_apart() {
        assert_eq!(R1csWire::constant(Fr::from(3u64)).as_constant(), Some(Fr::from(3u64)));
        assert_eq!(R1csWire::variable(4, Fr::zero()).as_constant(), None);
        assert_eq!(R1csWire::variable(4, Fr::zero()).as_variable(), Some(4));
        assert_eq!(sum(&[(4, 2)]).as_variable(), None);
        // The constant 1 is the variable 0.
        assert_eq!(R1csWire::constant(Fr::one()).as_variable(), Some(ONE));
    }
}
