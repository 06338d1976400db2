//! Factors of weights, each computed once.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::One;

use super::{before, below, previous};
use crate::arith::Arithmetic;
use crate::relation::AxisFactor;
use crate::verifier::claims::{Coordinate, Points};

/// A function of some of the final point's bits and of a claim's point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Factor {
    /// The bits from a position on are these.
    Equal(usize, Vec<Coordinate>),
    /// The number in the bits from a position on is smaller than this.
    Before(usize, Vec<Coordinate>),
    /// The number in the bits from a position on is one less than this.
    Previous(usize, Vec<Coordinate>),
    /// This is zero.
    First(Vec<Coordinate>),
    /// This is below a bound.
    Below(usize, Vec<Coordinate>),
}

impl Factor {
    /// A public factor over one axis of a claim's domain.
    pub fn of_axis<'c>(
        factor: AxisFactor,
        coordinates: impl FnOnce(usize) -> &'c [Coordinate],
    ) -> Self {
        match factor {
            AxisFactor::First(axis) => Self::First(coordinates(axis).to_vec()),
            AxisFactor::Below(axis, bound) => Self::Below(bound, coordinates(axis).to_vec()),
        }
    }

    /// Whether it is 1 because there are no bits to compare.
    pub fn is_trivial(&self) -> bool {
        matches!(self, Self::Equal(_, coordinates) if coordinates.is_empty())
    }
}

/// Evaluates factors and their products.
pub struct Factors<'p, V> {
    points: &'p Points<V>,
    rho: &'p [V],
    equal_bits: BTreeMap<(usize, Coordinate), V>,
    known: BTreeMap<Factor, V>,
    products: BTreeMap<Vec<Factor>, V>,
}

impl<'p, V: Clone> Factors<'p, V> {
    /// Factors at the final point `rho`.
    pub fn new(points: &'p Points<V>, rho: &'p [V]) -> Self {
        Self {
            points,
            rho,
            equal_bits: BTreeMap::new(),
            known: BTreeMap::new(),
            products: BTreeMap::new(),
        }
    }

    /// The product of factors; `None` if there are none.
    pub fn product<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        factors: &[Factor],
    ) -> Option<V> {
        let (last, before) = factors.split_last()?;
        if let Some(known) = self.products.get(factors) {
            return Some(known.clone());
        }
        let last = self.value(arith, last);
        let product = match self.product(arith, before) {
            Some(before) => arith.mul(&before, &last),
            None => last,
        };
        self.products.insert(factors.to_vec(), product.clone());
        Some(product)
    }

    fn value<A: Arithmetic<Var = V>>(&mut self, arith: &mut A, factor: &Factor) -> V {
        if let Some(known) = self.known.get(factor) {
            return known.clone();
        }
        let value = match factor {
            Factor::Equal(shift, at) => self.equal(arith, *shift, at),
            Factor::Before(shift, at) => {
                let (rho, at) = (self.bits(*shift, at.len()), self.at(at));
                before(arith, &rho, &at)
            }
            Factor::Previous(shift, at) => {
                let (rho, at) = (self.bits(*shift, at.len()), self.at(at));
                previous(arith, &rho, &at)
            }
            Factor::First(at) => below(arith, &self.at(at), 1),
            Factor::Below(bound, at) => below(arith, &self.at(at), *bound),
        };
        self.known.insert(factor.clone(), value.clone());
        value
    }

    /// `eq`, sharing the product over the lower bits.
    fn equal<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        shift: usize,
        at: &[Coordinate],
    ) -> V {
        let Some((last, lower)) = at.split_last() else { return arith.constant(Fr::one()) };
        let bit = self.equal_bit(arith, shift + lower.len(), *last);
        if lower.is_empty() {
            return bit;
        }
        let lower = self.value(arith, &Factor::Equal(shift, lower.to_vec()));
        arith.mul(&lower, &bit)
    }

    fn equal_bit<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        bit: usize,
        at: Coordinate,
    ) -> V {
        if let Some(known) = self.equal_bits.get(&(bit, at)) {
            return known.clone();
        }
        let value = match (self.rho.get(bit), self.points.get(at)) {
            (Some(x), Some(y)) => arith.eq_bit(x, y),
            _ => arith.constant(Fr::one()), // every claim lies in the sheet: never taken
        };
        self.equal_bits.insert((bit, at), value.clone());
        value
    }

    fn bits(&self, shift: usize, count: usize) -> Vec<V> {
        self.rho.iter().skip(shift).take(count).cloned().collect()
    }

    fn at(&self, coordinates: &[Coordinate]) -> Vec<V> {
        coordinates.iter().filter_map(|c| self.points.get(*c)).cloned().collect()
    }
}
