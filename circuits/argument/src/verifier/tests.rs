//! A relation and an argument that do not fit each other are refused; nothing is left out.

use zktrain_model::compile::{compile_dataset, compile_training};
use zktrain_model::manifest::Manifest;
use zktrain_model::relation::{DimMap, TensorId, Term};
use zktrain_model::size::Limits;

use super::*;
use crate::arith::Native;
use crate::counter::Counter;
use crate::fraction::LeafClaim;

fn relation() -> Relation {
    let manifest =
        Manifest::from_toml(include_str!("../../../model/tests/constraints/clipped.toml"));
    let network = Limits::default().admit(manifest.unwrap().network().unwrap()).unwrap();
    compile_training(&network).unwrap().0
}

fn zeros(relation: &Relation) -> Argument<Fr> {
    let shape = ArgumentShape::of(relation);
    let zeros = std::iter::repeat_n(Fr::zero(), shape.elements());
    Argument::from_elements(&shape, zeros).unwrap()
}

/// The first term of a linear check that reads a tensor of more than one position.
fn term(relation: &mut Relation) -> &mut Term {
    let terms = relation.linear.iter_mut().flat_map(|check| &mut check.form.terms);
    let mut long = terms.filter(|term| matches!(term.dims.as_slice(), [_, DimMap::Axis(_), ..]));
    long.next().unwrap()
}

/// What a key asks before anything is proven.
#[test]
fn a_relation_with_a_part_that_cannot_be_read_is_not_counted() {
    let spoils: [fn(&mut Relation); 4] = [
        |r| r.zerochecks[0].constraints[0].monomials[0].factors[0] = 999,
        |r| r.lookups[3].table = 99,
        |r| term(r).tensor = Some(TensorId(9999)),
        |r| r.layout.address_log = r.layout.row_log,
    ];
    let whole = relation();
    assert!(Counter::of(&whole).unwrap().assertions > 0);
    for (index, spoil) in spoils.into_iter().enumerate() {
        let mut relation = whole.clone();
        spoil(&mut relation);
        assert!(matches!(Counter::of(&relation), Err(Check::Shape(_))), "{index}");
    }
}

/// Of training and of registrations, with every part that a relation can have.
#[test]
fn every_relation_of_every_manifest_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/constraints");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut read = 0;
    for path in paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")) {
        let manifest = Manifest::from_toml(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let network = Limits::default().admit(manifest.network().unwrap()).unwrap();
        Counter::of(&compile_training(&network).unwrap().0).unwrap();
        Counter::of(&compile_dataset(&network, 1).unwrap().0).unwrap();
        read += 1;
    }
    assert!(read >= 7, "{read} manifests");
}

#[test]
fn arguments_of_another_shape_are_refused_before_anything_is_checked() {
    let relation = relation();
    let changes: [fn(&mut Argument<Fr>); 10] = [
        |a| _ = a.products.pop(),
        |a| a.products.push(Fr::zero()),
        |a| _ = a.univariates.pop(),
        |a| _ = a.univariates[0].pop(),
        |a| _ = a.left.pop(),
        |a| _ = a.right.pop(),
        |a| _ = a.polys.pop(),
        |a| _ = a.polys[0].pop(),
        |a| _ = a.fraction.layers.pop(),
        |a| _ = a.reduction.pop(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut argument = zeros(&relation);
        change(&mut argument);
        let mut transcript = Transcript::new(&mut Native);
        let result = verify(&mut Native, &mut transcript, &relation, &Fr::zero(), &argument);
        assert_eq!(result, Err(Check::Shape("the argument")), "{index}");
    }
}

/// What follows does not rely on the check above: each part refuses what it is short of.
#[test]
fn each_part_of_the_verifier_refuses_what_it_lacks() {
    let relation = relation();
    let argument = zeros(&relation);
    let (zero, arith) = (Fr::zero(), &mut Native);
    let short = ArgumentShape { variables: 0, ..ArgumentShape::of(&relation) };
    let share = Err(Check::Shape("a product's share of the sumcheck"));
    assert_eq!(initial_claim(arith, &relation, &short, &argument, &zero), share);
    let none = Err(Check::Shape("a polynomial of a sumcheck"));
    assert_eq!(next_claim(arith, &zero, &[], &zero), none);
    let axis = Err(Check::Shape("the outer axis of a product"));
    assert_eq!(final_relation(arith, &relation, &argument, &zero, &[], &[]), axis);

    let (mut pointwise, mut rest) = (relation.clone(), argument.clone());
    pointwise.products.clear();
    (rest.left, rest.right) = (vec![], vec![]);
    let domain = Err(Check::Shape("the domain of a pointwise check"));
    assert_eq!(final_relation(arith, &pointwise, &rest, &zero, &[], &[]), domain);
    rest.polys.pop();
    let checks = Err(Check::Shape("the list of pointwise checks"));
    assert_eq!(final_relation(arith, &pointwise, &rest, &zero, &[], &[]), checks);
}

#[test]
fn claims_without_a_value_or_a_challenge_are_refused() {
    let relation = relation();
    let leaf = |count: usize| LeafClaim {
        point: vec![Fr::zero(); count],
        numerator: Fr::zero(),
        denominator: Fr::zero(),
    };
    let log = ArgumentShape::of(&relation).log_leaves as usize;
    let combine = |argument: &Argument<Fr>, tables: usize, leaves: usize| {
        let lookup = LookupChallenges { beta: Fr::zero(), alphas: vec![Fr::zero(); tables] };
        let claim =
            claims::combine(&mut Native, &relation, argument, &lookup, &leaf(leaves), Fr::zero());
        claim.map(|_| ())
    };
    let (argument, tables) = (zeros(&relation), relation.tables.len());
    assert_eq!(combine(&argument, tables, log), Ok(()));
    let refused = |result: Result<(), Check>| matches!(result, Err(Check::Shape(_)));
    assert!(refused(combine(&argument, tables - 1, log)));
    assert!(refused(combine(&argument, tables + 1, log)));
    assert!(refused(combine(&argument, tables, 4)));
    let changes: [fn(&mut Argument<Fr>); 5] = [
        |a| _ = a.products.pop(),
        |a| _ = a.left.pop(),
        |a| _ = a.right.pop(),
        |a| _ = a.polys.pop(),
        |a| _ = a.polys[0].pop(),
    ];
    for change in changes {
        let mut changed = argument.clone();
        change(&mut changed);
        assert!(refused(combine(&changed, tables, log)));
    }
}
