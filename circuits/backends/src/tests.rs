//! A relation that the verifier cannot read has no circuit.

use zktrain_argument::arith::Check;
use zktrain_model::compile::compile_training;
use zktrain_model::manifest::Manifest;
use zktrain_model::relation::{DimMap, Relation, TensorId, Term};
use zktrain_model::size::Limits;

use crate::{halo2, r1cs};

fn relation() -> Relation {
    let text = include_str!("../../model/tests/constraints/clipped.toml");
    let network = Manifest::from_toml(text).unwrap().network().unwrap();
    compile_training(&Limits::default().admit(network).unwrap()).unwrap().0
}

/// The first term of a linear check that reads a tensor of more than one position.
fn term(relation: &mut Relation) -> &mut Term {
    let terms = relation.linear.iter_mut().flat_map(|check| &mut check.form.terms);
    let mut long = terms.filter(|term| matches!(term.dims.as_slice(), [_, DimMap::Axis(_), ..]));
    long.next().unwrap()
}

type Spoil = (fn(&mut Relation), &'static str);

/// Both circuits and the native verifier read the same relation: none of them has a circuit of the
/// rest when a part cannot be read.
#[test]
fn a_relation_with_a_part_that_cannot_be_read_has_no_circuit() {
    let spoils: [Spoil; 6] = [
        (
            |r| r.zerochecks[0].constraints[0].monomials[0].factors[0] = 999,
            "a factor of a constraint",
        ),
        (|r| r.lookups[3].table = 99, "a lookup's table"),
        (|r| term(r).tensor = Some(TensorId(9999)), "a tensor of a claim"),
        (|r| _ = term(r).dims.pop(), "the dimensions of a tensor"),
        (|r| term(r).dims[1] = DimMap::Axis(99), "the axis of a claim"),
        (|r| r.layout.address_log = r.layout.row_log, ""),
    ];
    let whole = relation();
    assert!(halo2::shape(&whole).is_ok() && r1cs::compile(&whole).is_ok());
    for (spoil, part) in spoils {
        let mut relation = whole.clone();
        spoil(&mut relation);
        for error in [halo2::shape(&relation).unwrap_err(), r1cs::compile(&relation).unwrap_err()] {
            let Check::Shape(found) = error else { panic!("{part}: {error}") };
            assert!(part.is_empty() || part == found, "{part}: {found}");
        }
    }
}
