//! How many rows the verifier's halo2 circuit has at most.

use zktrain_argument::arith::Check;
use zktrain_argument::counter::Counter;
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_argument::poseidon::WIDTH;
use zktrain_model::relation::Relation;

use crate::compress::{INPUTS, PublicInputs, constrain};
use crate::halo2::rounds::PERMUTATION_ROWS;

#[cfg(test)]
mod tests;

/// Rows of a relation's circuit at most, of however few rows its layout lists: the verifier runs
/// once over arithmetic that only counts. It is an upper bound, because how many gates the recorder
/// joins to one row is not known before it has run.
///
/// # Errors
/// [`Check::Shape`] if the relation is one that the verifier cannot read.
pub fn bound(relation: &Relation) -> Result<u64, Check> {
    let shape = ArgumentShape::of(relation);
    let elements = std::iter::repeat_n((), shape.elements());
    let mut counter = Counter::default();
    let argument = Argument::from_elements(&shape, elements).ok_or(Check::Shape("the argument"))?;
    let inputs = PublicInputs { h: (), kappa: (), fold: () };
    constrain(&mut counter, relation, &inputs, &argument)?;
    Ok(rows(&counter) + shape.elements() as u64)
}

/// Rows of what was counted, and of the public inputs.
fn rows(counter: &Counter) -> u64 {
    let permutations = counter.permutations * (PERMUTATION_ROWS + WIDTH) as u64;
    permutations + counter.products + counter.sums + counter.assertions + INPUTS as u64
}
