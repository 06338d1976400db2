//! The verifier as a halo2 circuit.
//!
//! [`gates`] is the constraint system, the same for every manifest. [`record`]
//! runs [`crate::compress::constrain`] once over the [`recorder`] and gives a
//! [`tape::Tape`]: rows, cells and copies. Its shape depends on the relation
//! alone; what the cells hold is the witness.

mod combine;
mod fuse;
pub mod gates;
pub mod key;
pub mod partial;
pub mod recorder;
#[cfg(any(test, feature = "reference"))]
pub mod reference;
pub mod rounds;
pub mod tape;
pub mod transcript;

#[cfg(test)]
mod tests;

use ark_bn254::Fr;
use zktrain_argument::arith::Check;
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_model::relation::Relation;

use crate::compress::{self, PublicInputs};
use recorder::Recorder;
use tape::Tape;

/// The circuit of a relation, filled with an argument. A wrong argument gives a
/// tape that breaks some constraint.
///
/// # Errors
/// [`Check::Shape`] if the argument lacks the relation's shape, or the relation is malformed.
pub fn record(
    relation: &Relation,
    inputs: PublicInputs<Fr>,
    argument: &Argument<Fr>,
) -> Result<Tape, Check> {
    let shape = ArgumentShape::of(relation);
    if !argument.has_shape(&shape) {
        return Err(ARGUMENT);
    }
    let (mut recorder, inputs) = Recorder::new(inputs);
    let elements: Vec<_> =
        argument.to_elements().into_iter().map(|value| recorder.witness(value)).collect();
    let argument = Argument::from_elements(&shape, elements).ok_or(ARGUMENT)?;
    compress::constrain(&mut recorder, relation, &inputs, &argument)?;
    recorder.finish()
}

const ARGUMENT: Check = Check::Shape("the argument");

/// The circuit of a relation with every witness zero: what keys are made from.
///
/// # Errors
/// [`Check::Shape`] if the relation is malformed.
pub fn shape(relation: &Relation) -> Result<Tape, Check> {
    let shape = ArgumentShape::of(relation);
    let zero = Fr::default();
    let zeros = std::iter::repeat_n(zero, shape.elements());
    let argument = Argument::from_elements(&shape, zeros).ok_or(ARGUMENT)?;
    record(relation, PublicInputs { h: zero, kappa: zero, fold: zero }, &argument)
}
