//! Bits that say in which of two ranges a number lies.
//!
//! `s` is a bit and `q·z + r·s + c` a key of a table: `z` lies between two ends where the bit is 0, and between two
//! others where it is 1. Where these have nothing in common, `z` says what the bit is.

use super::equation::{Atom, LookupQuery, System};
use super::interval::Interval;
use super::pattern::bit;
use crate::relation::TensorId;

/// A number and the bit that it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// `z`
    pub input: TensorId,
    /// `s`
    pub bit: TensorId,
}

/// All bits that numbers tell.
pub fn signs(system: &System<'_>) -> Vec<Sign> {
    let bits: Vec<TensorId> = system.equations.iter().filter_map(|e| bit(system, e)).collect();
    system.queries.iter().filter_map(|query| sign(system, query, &bits)).collect()
}

fn sign(system: &System<'_>, query: &LookupQuery<'_>, bits: &[TensorId]) -> Option<Sign> {
    let (mut z, mut s, mut constant) = (None, None, 0i128);
    for monomial in &query.key {
        if !monomial.masks.is_empty() {
            return None;
        }
        let Some(atom) = monomial.atoms.first() else {
            constant = constant.checked_add(monomial.coef)?;
            continue;
        };
        let slot = if bits.contains(&atom.tensor) { &mut s } else { &mut z };
        let alone = monomial.plain().is_some() && atom.is_cellwise(system, &query.axes);
        (alone && slot.replace((*atom, monomial.coef)).is_none()).then_some(())?;
    }
    let ((z, q), (s, r)): ((Atom<'_>, i128), (Atom<'_>, i128)) = z.zip(s)?;
    let keys = Interval::below_power(query.table.log)?;
    // Any other factor could hide a fraction.
    let of = |constant: i128| match q {
        1 | -1 => keys.plus(Interval::point(constant.checked_neg()?)?)?.divided(q),
        _ => None,
    };
    let (zero, one) = of(constant).zip(of(constant.checked_add(r)?))?;
    zero.meet(one).is_none().then_some(Sign { input: z.tensor, bit: s.tensor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{PointwiseBuilder, RelationBuilder, TableKind};
    use crate::relation::{Allocator, AxisFactor, Domain, Group, Linear};

    const RANGE: TableKind = TableKind::Range(15);

    /// What is found of a bit, if it is one, and a key.
    fn found(is_bit: bool, key: impl FnOnce(Linear, TensorId, TensorId) -> Linear) -> Vec<Sign> {
        let mut allocator = Allocator::new(4);
        let parts = [("z", 4), ("s", 4), ("count", 1 << 15)];
        let parts = parts.map(|(name, size)| (name.to_owned(), vec![size]));
        let ids = allocator.place(Group::Trace, &parts);
        let (domain, mut builder) = (Domain::new(&[4]), RelationBuilder::new(vec![(RANGE, None)]));
        let mut pointwise = PointwiseBuilder::new(domain.clone());
        let s = pointwise.tensor(ids[1], 1);
        let square = if is_bit { 1 } else { 2 };
        pointwise.require("bit".into(), &[(square, &[s, s]), (-1, &[s])]);
        builder.pointwise(pointwise);
        let key = key(Linear::tensor(ids[0], 1), ids[0], ids[1]);
        builder.lookup("key".into(), &domain, RANGE, key, None).unwrap();
        let relation = builder.finish(allocator.finish(), &ids[2..]).unwrap();
        let found = signs(&System::of(&relation).unwrap());
        assert!(found.iter().all(|sign| (sign.input, sign.bit) == (ids[0], ids[1])));
        found
    }

    #[test]
    fn a_number_tells_a_bit_where_the_ranges_have_nothing_in_common() {
        let axis = [crate::relation::DimMap::Axis(0)];
        let with = |coef| move |z: Linear, _, s| z.plus(coef, s, &axis);
        assert_eq!(found(true, with(1 << 15)).len(), 1);
        assert_eq!(found(true, with(-(1 << 15))).len(), 1);
        assert_eq!(found(true, with((1 << 15) - 1)), []);
        assert_eq!(found(true, with(0)), []);
        assert_eq!(found(false, with(1 << 15)), []);
    }

    #[test]
    fn a_key_is_one_number_one_bit_and_a_constant() {
        let axis = [crate::relation::DimMap::Axis(0)];
        let key = |z: Linear, s| z.plus(1 << 15, s, &axis);
        assert_eq!(found(true, |z, _, s| key(z, s).plus_constant(-7)).len(), 1);
        assert_eq!(found(true, |z, id, s| key(z, s).plus(-2, id, &axis)), []);
        assert_eq!(found(true, |_, id, s| key(Linear::zero().plus(-1, id, &axis), s)).len(), 1);
        assert_eq!(found(true, |_, id, s| key(Linear::zero().plus(2, id, &axis), s)), []);
        assert_eq!(found(true, |_, _, s| key(Linear::zero(), s)), []);
        assert_eq!(found(true, |z, _, _| z), []);
        let masked = [AxisFactor::Below(0, 3)];
        assert_eq!(found(true, |z, _, s| key(z, s).plus_constant_masked(1, &masked)), []);
    }
}
