//! Roots and divisions in digits, each with everything that it takes and with one thing missing.

use super::*;
use crate::compile::{PointwiseBuilder, RelationBuilder, TableKind, all_real, axes};
use crate::relation::{Allocator, Domain, Group, Linear, Product};

/// Digits `16 + 16` of each of these numbers, and one tensor of numbers that are given.
struct Parts {
    builder: RelationBuilder,
    allocator: Allocator,
    counts: Vec<TensorId>,
    given: TensorId,
    numbers: Vec<[TensorId; 2]>,
}

const SIZES: [usize; 2] = [3, 4];

fn parts(count: usize) -> Parts {
    let mut allocator = Allocator::new(4);
    let named = |name: String| (name, SIZES.to_vec());
    let digits = (0..2 * count).map(|k| named(format!("x{}.{}", k / 2, k % 2)));
    let wanted: Vec<_> = core::iter::once(named("given".into()))
        .chain(digits)
        .chain([("count".to_owned(), vec![1 << 16])])
        .collect();
    let mut ids = allocator.place(Group::Trace, &wanted);
    let counts = ids.split_off(ids.len() - 1);
    let numbers = ids[1..].chunks(2).map(|pair| [pair[0], pair[1]]).collect();
    let builder = RelationBuilder::new(vec![(TableKind::Range(16), None)]);
    let mut parts = Parts { builder, allocator, counts, given: ids[0], numbers };
    for (k, id) in ids[1..].iter().enumerate() {
        let form = Linear::zero().plus(1, *id, &axes(2));
        parts.builder.range16(format!("x{}.{}.range", k / 2, k % 2), &domain(), form).unwrap();
    }
    parts
}

fn domain() -> Domain {
    Domain::new(&SIZES)
}

impl Parts {
    fn number(&self, k: usize) -> Linear {
        let [low, high] = self.numbers[k];
        Linear::zero().plus(1, low, &axes(2)).plus(1 << 16, high, &axes(2))
    }

    fn product(&mut self, [left, right]: [Linear; 2], out: Linear) {
        let none = || Domain::new(&[]);
        let (label, axes) = ("product".to_owned(), [domain(), none(), none(), none()]);
        self.builder.product(Product { label, axes, left, right, coef: 1, out });
    }

    fn certify(self, without: &str) -> Result<Certificate, Uncertified> {
        self.certify_with(without, 1 << 40)
    }

    /// The same where what is given is at most so large.
    fn certify_with(self, without: &str, most: i128) -> Result<Certificate, Uncertified> {
        let relation = self.builder.finish(self.allocator.finish(), &self.counts).unwrap();
        let relation = relation.without(|label| label == without);
        let mut given = Given::default();
        given.committed.insert(self.given, Interval::new(0, most).unwrap());
        certify(&relation, &given)
    }
}

/// `x0² + x1 = given`, `2·x0 − x1 − x2 = 0`
fn root(factor: i128) -> Parts {
    let mut it = parts(3);
    let out = Linear::zero().plus(1, it.given, &axes(2)).plus_form(-1, &it.number(1));
    it.product([it.number(0), it.number(0)], out);
    let room = Linear::zero().plus_form(factor, &it.number(0));
    let room = room.plus_form(-1, &it.number(1)).plus_form(-1, &it.number(2));
    it.builder.linear("room".into(), domain(), room);
    it
}

/// `x0·(given + 1) + x1 = 2^40`, `given − x1 − x2 = 0`
fn division(less: i128) -> Parts {
    let mut it = parts(3);
    let divisor = Linear::zero().plus(1, it.given, &axes(2)).plus_constant(1);
    let out = Linear::constant(1 << 40).plus_form(-1, &it.number(1));
    it.product([it.number(0), divisor], out);
    let room = Linear::zero().plus(1, it.given, &axes(2)).plus_constant(1 - less);
    let room = room.plus_form(-1, &it.number(1)).plus_form(-1, &it.number(2));
    it.builder.linear("room".into(), domain(), room);
    it
}

/// `x0·given + x1 = 2^40·[real]`, `given − [real] − x1 − x2 = 0`, and `x0 = 0` where nothing is real.
fn division_beside() -> Parts {
    let mut it = parts(3);
    let (given, real) = (Linear::zero().plus(1, it.given, &axes(2)), all_real(&domain()));
    let out = Linear::zero().plus_constant_masked(1 << 40, &real).plus_form(-1, &it.number(1));
    it.product([it.number(0), given.clone()], out);
    let room = given.plus_constant_masked(-1, &real);
    let room = room.plus_form(-1, &it.number(1)).plus_form(-1, &it.number(2));
    it.builder.linear("room".into(), domain(), room);
    let mut beside = PointwiseBuilder::new(domain());
    let mask = beside.form(Linear::zero().plus_constant_masked(1, &real));
    for (k, id) in it.numbers[0].into_iter().enumerate() {
        let x = beside.tensor(id, 2);
        beside.require(format!("beside{k}"), &[(1, &[x, mask]), (-1, &[x])]);
    }
    it.builder.pointwise(beside);
    it
}

#[test]
fn a_quotient_beside_real_rows_has_to_be_zero() {
    assert_eq!(division_beside().certify("").unwrap().determined.len(), 6);
    for label in ["beside0", "beside1", "room", "product"] {
        assert!(division_beside().certify(label).is_err(), "{label}");
    }
}

#[test]
fn a_root_takes_both_of_its_sides() {
    let certificate = root(2).certify("").unwrap();
    assert_eq!(certificate.determined.len(), 6);
    let labels = ["x0.0", "x0.1", "x1.0", "x1.1", "x2.0", "x2.1"].map(|x| format!("{x}.range"));
    for label in labels.iter().map(String::as_str).chain(["product", "room"]) {
        assert!(root(2).certify(label).is_err(), "{label}");
    }
    // A rest up to 3x is that of two numbers.
    assert!(matches!(root(3).certify(""), Err(Uncertified::Ambiguous { .. })));
}

#[test]
fn a_division_takes_a_remainder_below_its_divisor() {
    let certificate = division(1).certify("").unwrap();
    assert_eq!(certificate.determined.len(), 6);
    let labels = ["x0.0", "x0.1", "x1.0", "x1.1", "x2.0", "x2.1"].map(|x| format!("{x}.range"));
    for label in labels.iter().map(String::as_str).chain(["product", "room"]) {
        assert!(division(1).certify(label).is_err(), "{label}");
    }
    // A remainder that is the divisor itself is none.
    assert!(matches!(division(0).certify(""), Err(Uncertified::Ambiguous { .. })));
}

/// What is small has a last digit that can only be zero.
#[test]
fn a_digit_can_be_known_to_be_zero() {
    let digits = || {
        let mut it = parts(1);
        let form = it.number(0).plus(-1, it.given, &axes(2));
        it.builder.linear("number".into(), domain(), form);
        it
    };
    for most in [9, (1 << 32) - 1] {
        assert_eq!(digits().certify_with("", most).unwrap().determined.len(), 2);
        for label in ["x0.0.range", "x0.1.range", "number"] {
            assert!(digits().certify_with(label, most).is_err(), "{label}");
        }
    }
}
