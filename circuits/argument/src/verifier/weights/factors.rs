//! Factors of weights, each computed once.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use zktrain_model::relation::{Axis, AxisFactor};

use super::{Sliding, before, below, not_after, previous, unit_vector};
use crate::arith::{Arithmetic, Check};
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
    /// The number in the bits from a position on is where a window leads.
    Window(Box<Sliding>),
    /// This is zero.
    First(Vec<Coordinate>),
    /// This is below a bound.
    Below(usize, Vec<Coordinate>),
    /// The first of these is at most the second.
    NotAfter(Vec<Coordinate>, Vec<Coordinate>),
}

impl Factor {
    /// A public factor over axes of a claim's domain.
    ///
    /// # Errors
    /// What `coordinates` gives.
    pub fn of_axis<'c>(
        factor: AxisFactor,
        coordinates: impl Fn(usize) -> Result<&'c [Coordinate], Check>,
    ) -> Result<Self, Check> {
        Ok(match factor {
            AxisFactor::First(axis) => Self::First(coordinates(axis)?.to_vec()),
            AxisFactor::Below(axis, bound) => Self::Below(bound, coordinates(axis)?.to_vec()),
            AxisFactor::NotAfter(axis, other) => {
                Self::NotAfter(coordinates(axis)?.to_vec(), coordinates(other)?.to_vec())
            }
        })
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
    units: BTreeMap<(Unit, usize), Vec<V>>,
}

/// The numbers that a unit vector is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    /// That in the final point's bits from a position on.
    Final(usize),
    /// That in these coordinates of a claim's point.
    Point(Vec<Coordinate>),
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
            units: BTreeMap::new(),
        }
    }

    /// The product of factors; `None` if there are none.
    ///
    /// # Errors
    /// [`Check::Shape`] if a factor is about a coordinate that does not exist.
    pub fn product<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        factors: &[Factor],
    ) -> Result<Option<V>, A::Error> {
        let Some((last, before)) = factors.split_last() else { return Ok(None) };
        if let Some(known) = self.products.get(factors) {
            return Ok(Some(known.clone()));
        }
        let last = self.value(arith, last)?;
        let product = match self.product(arith, before)? {
            Some(before) => arith.mul(&before, &last),
            None => last,
        };
        self.products.insert(factors.to_vec(), product.clone());
        Ok(Some(product))
    }

    fn value<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        factor: &Factor,
    ) -> Result<V, A::Error> {
        if let Some(known) = self.known.get(factor) {
            return Ok(known.clone());
        }
        let value = match factor {
            Factor::Equal(shift, at) => self.equal(arith, *shift, at)?,
            Factor::Before(shift, at) => {
                let (rho, at) = (self.bits(*shift, at.len())?, self.at(at)?);
                before(arith, rho, &at)?
            }
            Factor::Previous(shift, at) => {
                let (rho, at) = (self.bits(*shift, at.len())?, self.at(at)?);
                previous(arith, rho, &at)?
            }
            Factor::Window(sliding) => self.window(arith, sliding)?,
            Factor::First(at) => below(arith, &self.at(at)?, 1),
            Factor::Below(bound, at) => below(arith, &self.at(at)?, *bound),
            Factor::NotAfter(at, end) => not_after(arith, &self.at(at)?, &self.at(end)?)?,
        };
        self.known.insert(factor.clone(), value.clone());
        Ok(value)
    }

    /// The unit vector of so many numbers, made once.
    fn units<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        unit: Unit,
        count: usize,
    ) -> Result<Vec<V>, A::Error> {
        let key = (unit, count);
        if let Some(known) = self.units.get(&key) {
            return Ok(known.clone());
        }
        let log = Axis::new(count).log as usize;
        let bits = match &key.0 {
            Unit::Final(shift) => self.bits(*shift, log)?.to_vec(),
            Unit::Point(at) if at.len() == log => self.at(at)?,
            Unit::Point(_) => return Err(Check::Shape("the axes of a window").into()),
        };
        let units = unit_vector(arith, &bits, count);
        self.units.insert(key, units.clone());
        Ok(units)
    }

    /// `eq`, sharing the product over the lower bits.
    fn equal<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        shift: usize,
        at: &[Coordinate],
    ) -> Result<V, A::Error> {
        let Some((last, lower)) = at.split_last() else { return Ok(arith.constant(Fr::one())) };
        let bit = self.equal_bit(arith, shift + lower.len(), *last)?;
        if lower.is_empty() {
            return Ok(bit);
        }
        let lower = self.value(arith, &Factor::Equal(shift, lower.to_vec()))?;
        Ok(arith.mul(&lower, &bit))
    }

    /// The weights of [`Sliding`] at the final point.
    fn window<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        sliding: &Sliding,
    ) -> Result<V, A::Error> {
        let [windows, places] = sliding.sizes();
        let at = self.units(arith, Unit::Point(sliding.at.clone()), windows)?;
        let within = self.units(arith, Unit::Point(sliding.within.clone()), places)?;
        let weights = sliding.weights(arith, &at, &within)?;
        let indices = self.units(arith, Unit::Final(sliding.shift), sliding.size)?;
        let mut total = arith.constant(Fr::zero());
        for (weight, index) in weights.iter().zip(&indices) {
            if let Some(weight) = weight {
                total = arith.mul_add(weight, index, &total);
            }
        }
        Ok(total)
    }

    fn equal_bit<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        bit: usize,
        at: Coordinate,
    ) -> Result<V, A::Error> {
        if let Some(known) = self.equal_bits.get(&(bit, at)) {
            return Ok(known.clone());
        }
        let x = self.rho.get(bit).ok_or(Check::Shape("a dimension of a tensor"))?;
        let value = arith.eq_bit(x, self.points.at(at)?);
        self.equal_bits.insert((bit, at), value.clone());
        Ok(value)
    }

    fn bits(&self, shift: usize, count: usize) -> Result<&'p [V], Check> {
        let bits = self.rho.get(shift..).and_then(|rest| rest.get(..count));
        bits.ok_or(Check::Shape("a dimension of a tensor"))
    }

    fn at(&self, coordinates: &[Coordinate]) -> Result<Vec<V>, Check> {
        coordinates.iter().map(|c| self.points.at(*c).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::Native;

    /// A factor that cannot be computed is an error, whatever it compares with.
    #[test]
    fn coordinates_that_do_not_exist_are_errors() {
        let one = Fr::from(1u64);
        let points = Points { first: vec![one; 2], second: vec![], leaf: vec![] };
        let rho = [one; 3];
        let value = |factor: Factor| Factors::new(&points, &rho).product(&mut Native, &[factor]);
        let known = vec![Coordinate::First(0), Coordinate::First(1)];
        let unknown = vec![Coordinate::First(1), Coordinate::First(2)];
        let beyond = Err(Check::Shape("the point of a claim"));
        assert!(value(Factor::Equal(1, known.clone())).is_ok());
        assert_eq!(value(Factor::Equal(1, unknown.clone())), beyond);
        assert_eq!(value(Factor::Before(1, unknown.clone())), beyond);
        assert_eq!(value(Factor::Previous(1, unknown.clone())), beyond);
        assert_eq!(value(Factor::First(unknown.clone())), beyond);
        assert_eq!(value(Factor::NotAfter(known.clone(), unknown.clone())), beyond);
        assert_eq!(value(Factor::NotAfter(unknown.clone(), known.clone())), beyond);
        assert_eq!(value(Factor::Below(2, unknown)), beyond);
        let beyond = Err(Check::Shape("a dimension of a tensor"));
        assert_eq!(value(Factor::Equal(2, known.clone())), beyond);
        assert_eq!(value(Factor::Before(2, known.clone())), beyond);
        assert_eq!(value(Factor::Previous(9, known)), beyond);
    }
}
