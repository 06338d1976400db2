//! The arithmetic that the verifier is written over.
//!
//! Section 5 of the design: the verifier is one function, run natively, as
//! halo2 cells and as R1CS variables. It may only do what this trait offers:
//! field operations, the Poseidon permutation and equality assertions. Its
//! control flow depends on the relation alone, never on a value.

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use crate::poseidon::{self, WIDTH};

/// A backend for the verifier's arithmetic.
pub trait Arithmetic {
    /// A field element of the backend: a value, a cell, a variable.
    type Var: Clone;
    /// What a failed assertion becomes. A check that cannot even be made, because the relation
    /// and the argument do not fit each other, is [`Check::Shape`] in every backend: a circuit
    /// without it would be another circuit.
    type Error: From<Check>;

    /// The constant `c`, fixed in the verifier's key.
    fn constant(&mut self, c: Fr) -> Self::Var;
    /// `a + b`
    fn add(&mut self, a: &Self::Var, b: &Self::Var) -> Self::Var;
    /// `a − b`
    fn sub(&mut self, a: &Self::Var, b: &Self::Var) -> Self::Var;
    /// `a·b`
    fn mul(&mut self, a: &Self::Var, b: &Self::Var) -> Self::Var;
    /// `c·a` for a constant `c`
    fn scale(&mut self, a: &Self::Var, c: Fr) -> Self::Var;
    /// `a + c` for a constant `c`
    fn shift(&mut self, a: &Self::Var, c: Fr) -> Self::Var;
    /// The Poseidon permutation of width 5.
    fn permute(&mut self, state: &mut [Self::Var; WIDTH]);
    /// Demands `a = b`; `check` says which check this is.
    fn assert_equal(
        &mut self,
        check: Check,
        a: &Self::Var,
        b: &Self::Var,
    ) -> Result<(), Self::Error>;

    /// `a·b + c`, one gate in the circuit backends.
    fn mul_add(&mut self, a: &Self::Var, b: &Self::Var, c: &Self::Var) -> Self::Var {
        let product = self.mul(a, b);
        self.add(&product, c)
    }

    /// `1 − a`
    fn complement(&mut self, a: &Self::Var) -> Self::Var {
        let one = self.constant(Fr::one());
        self.sub(&one, a)
    }

    /// `a + t·(b − a)`: the line through `a` at 0 and `b` at 1.
    fn lerp(&mut self, a: &Self::Var, b: &Self::Var, t: &Self::Var) -> Self::Var {
        let difference = self.sub(b, a);
        self.mul_add(t, &difference, a)
    }

    /// `Σ_i c_i·t^i`, by Horner's rule.
    fn horner(&mut self, coefficients: &[Self::Var], t: &Self::Var) -> Self::Var {
        let mut value: Option<Self::Var> = None;
        for c in coefficients.iter().rev() {
            value = Some(match value {
                None => c.clone(),
                Some(v) => self.mul_add(&v, t, c),
            });
        }
        value.unwrap_or_else(|| self.constant(Fr::zero()))
    }

    /// `eq(a, b) = Π_k (a_k·b_k + (1 − a_k)(1 − b_k))`
    ///
    /// # Errors
    /// [`Check::Shape`] if the points differ in length.
    fn eq(&mut self, a: &[Self::Var], b: &[Self::Var]) -> Result<Self::Var, Self::Error> {
        Check::same_length("the points of an equality", a, b)?;
        let mut product = self.constant(Fr::one());
        for (x, y) in a.iter().zip(b) {
            let factor = self.eq_bit(x, y);
            product = self.mul(&product, &factor);
        }
        Ok(product)
    }

    /// `x·y + (1 − x)(1 − y) = 1 − x − y + 2xy`
    fn eq_bit(&mut self, x: &Self::Var, y: &Self::Var) -> Self::Var {
        let xy = self.mul(x, y);
        let twice = self.add(&xy, &xy);
        let sum = self.add(x, y);
        let difference = self.sub(&twice, &sum);
        self.shift(&difference, Fr::one())
    }
}

/// Which assertion of the verifier failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Check {
    /// The sumcheck over products and pointwise relations ends in a wrong value.
    #[error("the sumcheck over products and pointwise relations")]
    Relations,
    /// The lookup fractions do not sum to zero.
    #[error("the sum of the lookup fractions")]
    LookupSum,
    /// A layer of the lookup tree, counted from its top.
    #[error("layer {0} of the lookup tree")]
    LookupLayer(u32),
    /// The final sumcheck does not end in the claimed evaluation of the sheet.
    #[error("the final reduction to one evaluation")]
    Reduction,
    /// The opening is not the one in the public inputs.
    #[error("the opening in the public inputs")]
    Fold,
    /// A part of the argument or of the relation does not fit the rest: there is nothing to check.
    #[error("the shape: {0} does not fit the relation")]
    Shape(&'static str),
}

impl Check {
    /// Refuses two lists of different length that are read side by side.
    ///
    /// # Errors
    /// [`Check::Shape`], which names `part`.
    pub fn same_length<A, B>(part: &'static str, a: &[A], b: &[B]) -> Result<(), Self> {
        if a.len() == b.len() { Ok(()) } else { Err(Self::Shape(part)) }
    }
}

/// Plain field elements: the reference backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

impl Arithmetic for Native {
    type Var = Fr;
    type Error = Check;

    fn constant(&mut self, c: Fr) -> Fr {
        c
    }
    fn add(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a + b
    }
    fn sub(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a - b
    }
    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }
    fn scale(&mut self, a: &Fr, c: Fr) -> Fr {
        *a * c
    }
    fn shift(&mut self, a: &Fr, c: Fr) -> Fr {
        *a + c
    }
    fn permute(&mut self, state: &mut [Fr; WIDTH]) {
        poseidon::permute(state);
    }
    fn assert_equal(&mut self, check: Check, a: &Fr, b: &Fr) -> Result<(), Check> {
        if a == b { Ok(()) } else { Err(check) }
    }
}
