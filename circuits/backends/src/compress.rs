//! What a compressed proof shows: that the one verifier accepts some argument.
//!
//! **Statement.** Public are `h`, the digest of statement and rows, `κ` and `f`. There is an
//! argument that [`verifier::verify`] accepts for `h`, and `f` is the fold by `κ` of
//! the opening `(ρ, γ, v*)` in which it ends. The argument itself is the witness.
//!
//! **Why the fold.** `κ` is a hash of the very opening that the proof's reader is given, so a
//! reader who recomputes `κ` and `f` from that opening knows, but for a collision of two
//! different polynomials at a random point (at most `(n + 1)/|F|` for `n` coordinates), that it
//! is the circuit's opening. Three public inputs instead of one for each coordinate.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use zktrain_argument::arith::{Arithmetic, Check, Native};
use zktrain_argument::messages::Argument;
use zktrain_argument::transcript::Transcript;
use zktrain_argument::verifier::{self, Opening};
use zktrain_model::Hash;
use zktrain_model::relation::Relation;

/// Number of public inputs.
pub const INPUTS: usize = 3;

/// The public inputs, in the order of their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicInputs<V> {
    /// Digest of statement and rows, `transcript_start` in the statement.
    pub h: V,
    /// Digest of the opening, [`kappa`].
    pub kappa: V,
    /// The opening, folded by `kappa`.
    pub fold: V,
}

impl<V> PublicInputs<V> {
    /// The inputs in order.
    pub fn to_array(self) -> [V; INPUTS] {
        [self.h, self.kappa, self.fold]
    }

    /// From the inputs in order.
    pub fn from_array([h, kappa, fold]: [V; INPUTS]) -> Self {
        Self { h, kappa, fold }
    }
}

impl PublicInputs<Fr> {
    /// The inputs of a proof that ends in `opening`, given the seed of the same opening.
    pub fn new(h: Fr, seed: &Hash, opening: &Opening<Fr>) -> Self {
        let kappa = kappa(seed);
        Self { h, kappa, fold: fold(&mut Native, &kappa, opening) }
    }
}

/// `κ`: the opening's seed as a big-endian integer, reduced.
pub fn kappa(seed: &Hash) -> Fr {
    Fr::from_be_bytes_mod_order(seed)
}

/// `f = Σ_i κ^i·(ρ_0, …, ρ_{n−1}, γ, v*)_i`
pub fn fold<A: Arithmetic>(arith: &mut A, kappa: &A::Var, opening: &Opening<A::Var>) -> A::Var {
    let mut coefficients = opening.point.clone();
    coefficients.extend([opening.gamma.clone(), opening.value.clone()]);
    arith.horner(&coefficients, kappa)
}

/// The circuit's whole statement.
///
/// # Errors
/// The backend's, on the first check that fails.
pub fn constrain<A: Arithmetic>(
    arith: &mut A,
    relation: &Relation,
    inputs: &PublicInputs<A::Var>,
    argument: &Argument<A::Var>,
) -> Result<(), A::Error> {
    let mut transcript = Transcript::new(arith);
    let opening = verifier::verify(arith, &mut transcript, relation, &inputs.h, argument)?;
    let folded = fold(arith, &inputs.kappa, &opening);
    arith.assert_equal(Check::Fold, &folded, &inputs.fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fold_depends_on_every_part_of_the_opening() {
        let opening = Opening {
            point: (1..=5u64).map(Fr::from).collect(),
            gamma: Fr::from(6u64),
            value: Fr::from(7u64),
        };
        let kappa = Fr::from(10u64);
        let at = |opening: &Opening<Fr>| fold(&mut Native, &kappa, opening);
        assert_eq!(at(&opening), Fr::from(7_654_321u64));
        for index in 0..5 {
            let mut altered = opening.clone();
            altered.point[index] += Fr::from(1u64);
            assert_ne!(at(&altered), at(&opening));
        }
        assert_ne!(at(&Opening { gamma: kappa, ..opening.clone() }), at(&opening));
        assert_ne!(at(&Opening { value: kappa, ..opening.clone() }), at(&opening));
    }
}
