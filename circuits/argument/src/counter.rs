//! Arithmetic that only counts.

use ark_bn254::Fr;
use zktrain_model::relation::Relation;

use crate::arith::{Arithmetic, Check};
use crate::messages::{Argument, ArgumentShape};
use crate::poseidon::WIDTH;
use crate::transcript::Transcript;
use crate::verifier::verify;

/// What the verifier does, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Permutations of the sponge.
    pub permutations: u64,
    /// Products of two variables.
    pub products: u64,
    /// Sums and differences of two variables.
    pub sums: u64,
    /// Equalities demanded.
    pub assertions: u64,
}

impl Counter {
    /// What the verifier does for an argument about this relation.
    ///
    /// Its control flow depends on the relation alone, so a relation that it reads here is one that
    /// it reads over every arithmetic.
    ///
    /// # Errors
    /// [`Check::Shape`] if the relation is one that the verifier cannot read.
    pub fn of(relation: &Relation) -> Result<Self, Check> {
        let shape = ArgumentShape::of(relation);
        let elements = std::iter::repeat_n((), shape.elements());
        let argument = Argument::from_elements(&shape, elements);
        let argument = argument.ok_or(Check::Shape("the argument"))?;
        let mut counter = Self::default();
        let mut transcript = Transcript::new(&mut counter);
        verify(&mut counter, &mut transcript, relation, &(), &argument)?;
        Ok(counter)
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
