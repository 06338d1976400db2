//! The constraints: what prover, key generation and ceremony share.

use ark_bn254::Fr;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::scalar_bytes;
use zktrain_model::Hash;

/// The variable that is always one.
pub const ONE: u32 = 0;

/// A coefficient times a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R1csTerm {
    /// The variable's number.
    pub variable: u32,
    /// Its coefficient, not zero.
    pub coefficient: Fr,
}

/// A constraint `a·b = c` between linear combinations, given by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R1csConstraint {
    /// The left factor.
    pub a: u32,
    /// The right factor.
    pub b: u32,
    /// The product.
    pub c: u32,
}

/// A rank-one constraint system. Variable 0 is one, then come the public inputs, then the witness.
///
/// Linear combinations are stored once and named by number, because the rounds of Poseidon use
/// each of theirs three times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct R1cs {
    public: u32,
    variables: u32,
    /// Where each combination's terms end.
    ends: Vec<u32>,
    terms: Vec<R1csTerm>,
    constraints: Vec<R1csConstraint>,
}

impl R1cs {
    /// A system without constraints over the constant and `inputs` public inputs.
    pub(super) fn new(inputs: u32) -> Self {
        Self { public: inputs + 1, variables: inputs + 1, ..Self::default() }
    }

    /// Variables that the verifier knows: the constant and the public inputs.
    pub fn public(&self) -> usize {
        self.public as usize
    }

    pub fn variables(&self) -> usize {
        self.variables as usize
    }

    /// The constraints, in order.
    pub fn constraints(&self) -> &[R1csConstraint] {
        &self.constraints
    }

    /// Number of linear combinations.
    pub fn combination_count(&self) -> usize {
        self.ends.len()
    }

    /// Number of terms in all combinations.
    #[cfg(test)]
    pub(crate) fn term_count(&self) -> usize {
        self.terms.len()
    }

    /// The terms of every combination, in the order of their numbers.
    pub fn combinations(&self) -> impl Iterator<Item = &[R1csTerm]> {
        let starts = core::iter::once(&0).chain(&self.ends);
        // `combine` alone adds ends, each the number of terms so far: the range is always there.
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.terms.get(*start as usize..*end as usize).unwrap_or_default())
    }

    /// The binary logarithm of the smallest domain that has room for the constraints and for one
    /// more for each public variable.
    pub fn domain_log(&self) -> u32 {
        (self.constraints.len() + self.public()).next_power_of_two().trailing_zeros()
    }

    /// Keccak-256 of everything that makes the system.
    pub fn digest(&self) -> Hash {
        let mut hasher = Keccak256::new().chain_update(b"zktrain/r1cs");
        for number in [self.public, self.variables, self.ends.len() as u32] {
            hasher.update(number.to_be_bytes());
        }
        for combination in self.combinations() {
            hasher.update((combination.len() as u32).to_be_bytes());
            for term in combination {
                hasher.update(term.variable.to_be_bytes());
                hasher.update(scalar_bytes(&term.coefficient));
            }
        }
        for constraint in &self.constraints {
            for number in [constraint.a, constraint.b, constraint.c] {
                hasher.update(number.to_be_bytes());
            }
        }
        hasher.finalize().into()
    }

    /// The value of every combination under an assignment; variables that it lacks count as zero.
    pub fn values(&self, assignment: &[Fr]) -> Vec<Fr> {
        let value = |terms: &[R1csTerm]| -> Fr {
            let at =
                |t: &R1csTerm| assignment.get(t.variable as usize).copied().unwrap_or_default();
            terms.iter().map(|term| at(term) * term.coefficient).sum()
        };
        self.combinations().map(value).collect()
    }

    /// The first constraint that an assignment breaks. An assignment of the wrong length or whose
    /// first entry is not one breaks the constraint "number 0", even where there is none.
    pub fn first_broken(&self, assignment: &[Fr]) -> Option<usize> {
        if assignment.len() != self.variables() || assignment.first() != Some(&Fr::from(1u64)) {
            return Some(0);
        }
        let values = self.values(assignment);
        let at = |number: u32| values.get(number as usize).copied();
        // A constraint over a combination that is not there is broken, too.
        self.constraints.iter().position(|row| match (at(row.a), at(row.b), at(row.c)) {
            (Some(a), Some(b), Some(c)) => a * b != c,
            _ => true,
        })
    }

    /// A new variable.
    pub(super) fn allocate(&mut self) -> u32 {
        self.variables += 1;
        self.variables - 1
    }

    /// A new combination.
    pub(super) fn combine(&mut self, terms: impl IntoIterator<Item = R1csTerm>) -> u32 {
        self.terms.extend(terms);
        self.ends.push(self.terms.len() as u32);
        self.ends.len() as u32 - 1
    }

    /// A new constraint.
    pub(super) fn constrain(&mut self, a: u32, b: u32, c: u32) {
        self.constraints.push(R1csConstraint { a, b, c });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Zero times zero would be zero.
    #[test]
    fn a_constraint_over_combinations_that_are_not_there_is_broken() {
        let mut system = R1cs::new(0);
        let one = [Fr::from(1u64)];
        assert_eq!(system.first_broken(&one), None);
        system.constrain(7, 7, 7);
        assert_eq!(system.first_broken(&one), Some(0));
    }
}
