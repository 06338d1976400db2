//! How many rows the verifier's halo2 circuit has at most.

use ark_bn254::Fr;

use crate::argument::{Argument, ArgumentShape};
use crate::arith::{Arithmetic, Check};
use crate::compress::{INPUTS, PublicInputs, constrain};
use crate::halo2::rounds::PERMUTATION_ROWS;
use crate::poseidon::WIDTH;
use crate::relation::Relation;

/// Rows of a relation's circuit at most: the verifier runs once over arithmetic that only counts.
///
/// # Errors
/// [`Check::Shape`] if the relation is one that the verifier cannot read.
pub(super) fn rows(relation: &Relation) -> Result<u64, Check> {
    let shape = ArgumentShape::of(relation);
    let elements = std::iter::repeat_n((), shape.elements());
    let mut counter = Counter::default();
    let argument = Argument::from_elements(&shape, elements).ok_or(Check::Shape("the argument"))?;
    let inputs = PublicInputs { h: (), kappa: (), fold: () };
    constrain(&mut counter, relation, &inputs, &argument)?;
    Ok(counter.rows(shape.elements() as u64))
}

/// What the verifier does, by kind.
#[derive(Debug, Default)]
struct Counter {
    permutations: u64,
    products: u64,
    sums: u64,
    assertions: u64,
}

impl Counter {
    fn rows(&self, elements: u64) -> u64 {
        let permutations = self.permutations * (PERMUTATION_ROWS + WIDTH) as u64;
        permutations + self.products + self.sums + self.assertions + elements + INPUTS as u64
    }
}

impl Arithmetic for Counter {
    type Var = ();
    type Error = Check;

    fn constant(&mut self, _: Fr) {}
    fn add(&mut self, (): &(), (): &()) {
        self.sums += 1;
    }
    fn sub(&mut self, (): &(), (): &()) {
        self.sums += 1;
    }
    fn mul(&mut self, (): &(), (): &()) {
        self.products += 1;
    }
    fn scale(&mut self, (): &(), _: Fr) {}
    fn shift(&mut self, (): &(), _: Fr) {}
    fn permute(&mut self, _: &mut [(); WIDTH]) {
        self.permutations += 1;
    }
    fn assert_equal(&mut self, _: Check, (): &(), (): &()) -> Result<(), Check> {
        self.assertions += 1;
        Ok(())
    }
}
