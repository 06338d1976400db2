//! The circuit of [`crate::compress::constrain`].

use ark_bn254::Fr;
use ark_ff::Zero;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, Result as SynthesisResult,
    SynthesisError, Variable,
};
use zktrain_argument::arith::Check;
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_model::relation::Relation;

use super::builder::{R1csBuilder, Synthesis};
use super::system::R1cs;
use crate::compress::{PublicInputs, constrain};

/// The argument does not have the shape that the relation demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the argument does not have the shape that the manifest demands: {expected} elements, got {got}"
)]
pub struct CompressionShape {
    /// Elements of an argument for the relation.
    pub expected: usize,
    /// Elements of the argument given; other parts can differ too.
    pub got: usize,
}

/// The constraint system of a relation.
///
/// # Errors
/// [`Check::Shape`] if the relation is malformed: there is no circuit of a part of it.
pub fn compile(relation: &Relation) -> Result<R1cs, Check> {
    let shape = ArgumentShape::of(relation);
    let zeros = core::iter::repeat_n(Fr::zero(), shape.elements());
    let inputs = PublicInputs { h: Fr::zero(), kappa: Fr::zero(), fold: Fr::zero() };
    let argument = Argument::from_elements(&shape, zeros).ok_or(Check::Shape("the argument"))?;
    Ok(build(relation, &inputs, &argument)?.system)
}

/// The statement and the witness of one compressed proof.
#[derive(Clone, Copy, Debug)]
pub struct R1csCompression<'a> {
    relation: &'a Relation,
    inputs: &'a PublicInputs<Fr>,
    argument: &'a Argument<Fr>,
}

impl<'a> R1csCompression<'a> {
    /// A statement with the argument that proves it.
    ///
    /// # Errors
    /// If the argument does not have the relation's shape.
    pub fn new(
        relation: &'a Relation,
        inputs: &'a PublicInputs<Fr>,
        argument: &'a Argument<Fr>,
    ) -> Result<Self, CompressionShape> {
        let shape = ArgumentShape::of(relation);
        if argument.has_shape(&shape) {
            return Ok(Self { relation, inputs, argument });
        }
        Err(CompressionShape { expected: shape.elements(), got: argument.to_elements().len() })
    }

    /// The constraints, and a value for every variable.
    ///
    /// # Errors
    /// [`Check::Shape`] if the relation is malformed.
    pub fn synthesize(&self) -> Result<Synthesis, Check> {
        build(self.relation, self.inputs, self.argument)
    }
}

fn build(
    relation: &Relation,
    inputs: &PublicInputs<Fr>,
    argument: &Argument<Fr>,
) -> Result<Synthesis, Check> {
    let (mut builder, inputs) = R1csBuilder::new(inputs.to_array());
    let shape = ArgumentShape::of(relation);
    let elements = argument.to_elements();
    let witness: Vec<_> = elements.into_iter().map(|value| builder.witness(value)).collect();
    let argument = Argument::from_elements(&shape, witness).ok_or(Check::Shape("the argument"))?;
    constrain(&mut builder, relation, &PublicInputs::from_array(inputs), &argument)?;
    Ok(builder.finish())
}

impl ConstraintSynthesizer<Fr> for R1csCompression<'_> {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> SynthesisResult<()> {
        let synthesis = self.synthesize().map_err(|_| SynthesisError::AssignmentMissing)?;
        synthesis.generate_constraints(cs)
    }
}

/// For programs that take an arkworks circuit.
impl ConstraintSynthesizer<Fr> for Synthesis {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> SynthesisResult<()> {
        let mut variables = vec![Variable::One];
        for (index, value) in self.assignment.iter().enumerate().skip(1) {
            let variable = if index < self.system.public() {
                cs.new_input_variable(|| Ok(*value))?
            } else {
                cs.new_witness_variable(|| Ok(*value))?
            };
            variables.push(variable);
        }
        let combinations: Option<Vec<_>> = self
            .system
            .combinations()
            .map(|terms| {
                let term = |t: &super::R1csTerm| {
                    Some((t.coefficient, *variables.get(t.variable as usize)?))
                };
                terms.iter().map(term).collect::<Option<Vec<_>>>().map(LinearCombination)
            })
            .collect();
        let combinations = combinations.ok_or(SynthesisError::AssignmentMissing)?;
        let get = |number: u32| {
            combinations.get(number as usize).cloned().ok_or(SynthesisError::AssignmentMissing)
        };
        for row in self.system.constraints() {
            let (a, b, c) = (get(row.a)?, get(row.b)?, get(row.c)?);
            cs.enforce_r1cs_constraint(|| a, || b, || c)?;
        }
        Ok(())
    }
}
