//! The verifier's arithmetic over R1CS variables.

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use zktrain_argument::arith::{Arithmetic, Check};
use zktrain_argument::poseidon::WIDTH;

use super::system::{ONE, R1cs, R1csTerm};
use super::wire::R1csWire;

/// Combinations longer than this get a variable of their own: every use of a long one would cost
/// its length again.
const MAX_TERMS: usize = 16;

/// Collects constraints and the values that go with them.
///
/// Assertions never fail here: one that does not hold becomes a constraint that the assignment
/// breaks. What fails is [`Check::Shape`]: there is no circuit of a check that cannot be made.
#[derive(Clone, Debug)]
pub struct R1csBuilder {
    system: R1cs,
    assignment: Vec<Fr>,
    products: Vec<[Fr; 3]>,
}

/// A constraint system with an assignment, which may or may not satisfy it.
#[derive(Clone, Debug)]
pub struct Synthesis {
    /// The constraints.
    pub system: R1cs,
    /// A value for every variable.
    pub assignment: Vec<Fr>,
    /// The values of `a`, `b` and `c` in every constraint.
    pub products: Vec<[Fr; 3]>,
}

impl Synthesis {
    /// Whether every constraint holds.
    pub fn is_satisfied(&self) -> bool {
        self.products.iter().all(|[a, b, c]| *a * b == *c)
    }
}

/// A combination that is in the system, with its value.
#[derive(Clone, Copy)]
pub(super) struct Combination {
    number: u32,
    value: Fr,
}

impl R1csBuilder {
    /// A builder with these public inputs, and their wires.
    pub fn new<const N: usize>(inputs: [Fr; N]) -> (Self, [R1csWire; N]) {
        let mut assignment = vec![Fr::one()];
        assignment.extend(inputs);
        let builder = Self { system: R1cs::new(N as u32), assignment, products: Vec::new() };
        let mut variable = ONE;
        let wires = inputs.map(|value| {
            variable += 1;
            R1csWire::variable(variable, value)
        });
        (builder, wires)
    }

    /// A new variable of the witness.
    pub fn witness(&mut self, value: Fr) -> R1csWire {
        R1csWire::variable(self.allocate(value), value)
    }

    /// What was collected.
    pub fn finish(self) -> Synthesis {
        let Self { system, assignment, products } = self;
        Synthesis { system, assignment, products }
    }

    pub(super) fn allocate(&mut self, value: Fr) -> u32 {
        self.assignment.push(value);
        self.system.allocate()
    }

    /// Puts a wire's combination into the system.
    pub(super) fn combination(&mut self, wire: &R1csWire) -> Combination {
        self.combination_of(wire.terms.iter().copied(), wire.value)
    }

    /// Puts these terms into the system.
    pub(super) fn combination_of(
        &mut self,
        terms: impl IntoIterator<Item = R1csTerm>,
        value: Fr,
    ) -> Combination {
        Combination { number: self.system.combine(terms), value }
    }

    /// A new variable, and its combination.
    pub(super) fn allocate_combination(&mut self, value: Fr) -> (u32, Combination) {
        let variable = self.allocate(value);
        let term = R1csTerm { variable, coefficient: Fr::one() };
        (variable, self.combination_of([term], value))
    }

    /// Demands `a·b = c`.
    pub(super) fn constrain(&mut self, a: Combination, b: Combination, c: Combination) {
        self.system.constrain(a.number, b.number, c.number);
        self.products.push([a.value, b.value, c.value]);
    }

    /// A new variable with `variable = terms`.
    pub(super) fn define(&mut self, terms: impl IntoIterator<Item = R1csTerm>, value: Fr) -> u32 {
        let a = self.combination_of(terms, value);
        let one = R1csTerm { variable: ONE, coefficient: Fr::one() };
        let b = self.combination_of([one], Fr::one());
        let (variable, c) = self.allocate_combination(value);
        self.constrain(a, b, c);
        variable
    }

    /// The same value in a variable of its own.
    pub(super) fn materialize(&mut self, wire: &R1csWire) -> u32 {
        let variable = wire.as_variable().filter(|v| *v != ONE);
        variable.unwrap_or_else(|| self.define(wire.terms.iter().copied(), wire.value))
    }

    fn shortened(&mut self, wire: R1csWire) -> R1csWire {
        if wire.terms.len() <= MAX_TERMS {
            return wire;
        }
        R1csWire::variable(self.materialize(&wire), wire.value)
    }

    /// `a·b + c` as one variable: the constraint is `a·b = variable − c`.
    fn multiply(&mut self, a: &R1csWire, b: &R1csWire, c: &R1csWire) -> R1csWire {
        // Right factors cost a multiplication in G2 for each variable: the shorter one goes there.
        let (a, b) = if a.terms.len() < b.terms.len() { (b, a) } else { (a, b) };
        let value = a.value * b.value + c.value;
        let variable = self.allocate(value);
        let product = R1csWire::variable(variable, value).plus(-Fr::one(), c);
        let [a, b, c] = [a, b, &product].map(|wire| self.combination(wire));
        self.constrain(a, b, c);
        R1csWire::variable(variable, value)
    }
}

impl Arithmetic for R1csBuilder {
    type Var = R1csWire;
    type Error = Check;

    fn constant(&mut self, c: Fr) -> R1csWire {
        R1csWire::constant(c)
    }

    fn add(&mut self, a: &R1csWire, b: &R1csWire) -> R1csWire {
        self.shortened(a.plus(Fr::one(), b))
    }

    fn sub(&mut self, a: &R1csWire, b: &R1csWire) -> R1csWire {
        self.shortened(a.plus(-Fr::one(), b))
    }

    fn mul(&mut self, a: &R1csWire, b: &R1csWire) -> R1csWire {
        let zero = R1csWire::constant(Fr::zero());
        self.mul_add(a, b, &zero)
    }

    fn scale(&mut self, a: &R1csWire, c: Fr) -> R1csWire {
        a.scaled(c)
    }

    fn shift(&mut self, a: &R1csWire, c: Fr) -> R1csWire {
        a.plus(Fr::one(), &R1csWire::constant(c))
    }

    fn permute(&mut self, state: &mut [R1csWire; WIDTH]) {
        super::poseidon::permute(self, state);
    }

    fn assert_equal(&mut self, _: Check, a: &R1csWire, b: &R1csWire) -> Result<(), Check> {
        let difference = a.plus(-Fr::one(), b);
        let [one, zero] = [Fr::one(), Fr::zero()].map(R1csWire::constant);
        let [a, b, c] = [&difference, &one, &zero].map(|wire| self.combination(wire));
        self.constrain(a, b, c);
        Ok(())
    }

    fn mul_add(&mut self, a: &R1csWire, b: &R1csWire, c: &R1csWire) -> R1csWire {
        match (a.as_constant(), b.as_constant()) {
            (Some(factor), _) => self.shortened(c.plus(factor, b)),
            (_, Some(factor)) => self.shortened(c.plus(factor, a)),
            (None, None) => self.multiply(a, b, c),
        }
    }

    fn eq_bit(&mut self, x: &R1csWire, y: &R1csWire) -> R1csWire {
        // (2x − 1)·y + (1 − x)
        let [one, two] = [1u64, 2].map(Fr::from);
        let double = x.scaled(two).plus(-one, &R1csWire::constant(one));
        let complement = R1csWire::constant(one).plus(-one, x);
        self.mul_add(&double, y, &complement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::Field;
    use zktrain_argument::arith::Native;

    fn fr(x: u64) -> Fr {
        Fr::from(x)
    }

    #[test]
    fn linear_operations_are_free() {
        let (mut builder, [x, y]) = R1csBuilder::new([fr(5), fr(11)]);
        let sum = builder.add(&x, &y);
        let scaled = builder.scale(&sum, fr(3));
        let shifted = builder.shift(&scaled, fr(2));
        let three = builder.constant(fr(3));
        let by_constant = builder.mul(&shifted, &three);
        assert_eq!(by_constant.value, fr(150));
        assert!(builder.finish().system.constraints().is_empty());
    }

    #[test]
    fn gates_compute_what_the_native_arithmetic_does() {
        let values = [fr(5), fr(11), -fr(7)];
        let (mut builder, [x, y, z]) = R1csBuilder::new(values);
        let [a, b, c] = values;
        let pairs = [
            (builder.mul(&x, &y).value, Native.mul(&a, &b)),
            (builder.mul_add(&x, &y, &z).value, Native.mul_add(&a, &b, &c)),
            (builder.lerp(&x, &y, &z).value, Native.lerp(&a, &b, &c)),
            (builder.eq_bit(&x, &y).value, Native.eq_bit(&a, &b)),
            (builder.complement(&x).value, Native.complement(&a)),
            (builder.horner(&[x.clone(), y, z], &x).value, Native.horner(&values, &a)),
        ];
        for (index, (got, expected)) in pairs.into_iter().enumerate() {
            assert_eq!(got, expected, "operation {index}");
        }
        let synthesis = builder.finish();
        assert_eq!(synthesis.system.constraints().len(), 6);
        assert!(synthesis.is_satisfied());
        assert_eq!(synthesis.system.first_broken(&synthesis.assignment), None);
    }

    #[test]
    fn every_result_is_determined_by_its_constraint() {
        let (mut builder, [x, y, z]) = R1csBuilder::new([fr(5), fr(11), fr(13)]);
        let sum = builder.mul_add(&x, &y, &z);
        let bit = builder.eq_bit(&sum, &y);
        builder.mul(&bit, &sum);
        let Synthesis { system, mut assignment, .. } = builder.finish();
        for variable in 4..system.variables() {
            assignment[variable] += Fr::one();
            assert_eq!(system.first_broken(&assignment), Some(variable - 4));
            assignment[variable] -= Fr::one();
        }
    }

    #[test]
    fn long_sums_get_a_variable() {
        let (mut builder, _) = R1csBuilder::new([]);
        let mut sum = builder.constant(fr(1));
        for k in 0..100 {
            let next = builder.witness(fr(k));
            sum = builder.add(&sum, &next);
            assert!(sum.terms.len() <= MAX_TERMS);
        }
        assert_eq!(sum.value, fr(4951));
        let synthesis = builder.finish();
        assert!((1..100 / (MAX_TERMS - 1) + 1).contains(&synthesis.system.constraints().len()));
        assert!(synthesis.is_satisfied());
    }

    #[test]
    fn assertions_become_constraints() {
        for (left, satisfied) in [(25u64, true), (26, false)] {
            let (mut builder, [x, y]) = R1csBuilder::new([fr(5), fr(left)]);
            let square = builder.mul(&x, &x);
            builder.assert_equal(Check::Fold, &square, &y).unwrap();
            assert_eq!(builder.finish().is_satisfied(), satisfied);
        }
        let (mut builder, []) = R1csBuilder::new([]);
        let [one, two] = [R1csWire::constant(fr(1)), R1csWire::constant(fr(2))];
        builder.assert_equal(Check::Fold, &one, &one).unwrap();
        assert!(builder.clone().finish().is_satisfied());
        builder.assert_equal(Check::Fold, &one, &two).unwrap();
        assert!(!builder.finish().is_satisfied());
    }

    #[test]
    fn shape_does_not_depend_on_values() {
        let build = |seed: u64| {
            let inputs = [fr(seed), fr(seed).square(), fr(0)];
            let (mut builder, [x, y, z]) = R1csBuilder::new(inputs);
            let mut state = [x.clone(), y, z, R1csWire::constant(fr(3)), x];
            builder.permute(&mut state);
            let eq = builder.eq(&state[..2], &state[2..4]).unwrap();
            builder.assert_equal(Check::Fold, &eq, &state[4]).unwrap();
            builder.finish().system
        };
        assert_eq!(build(0), build(12345));
        assert_eq!(build(0).digest(), build(9).digest());
    }
}
