//! Opens polynomials at `x`, and some of them at `ωx` as well, with two commitments.
//!
//! With `A` the polynomials opened at both points, `B` those opened at `x`, `A(X) = Σ y'^j·A_j(X)`
//! and `B` alike, the first commitment is to
//! `H_1 = (A − line)/((X − x)(X − ωx)) + v·(B − B(x))/(X − x)`, the line through `A(x)` and
//! `A(ωx)`. With `u` drawn, `L = A + v·(u − ωx)·B − (u − x)(u − ωx)·H_1` minus its value at `u`
//! is divisible by `X − u`, and the second one is to the quotient `H_2`. Remainders are what the
//! evaluations say, so they are dropped.
//!
//! Source: Boneh, Drake, Fisch, Gabizon, eprint 2020/081.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use zktrain_msm::polynomial::{add_scaled, divide_by_linear};

use super::kernels::{Basis, Kernels};
use super::transcript::Halo2Transcript;

/// What is opened, in the verifier's order.
pub struct Opened<'a> {
    pub x: Fr,
    /// `ωx`
    pub below: Fr,
    /// Polynomials opened at both points.
    pub twice: Vec<&'a [Fr]>,
    /// Polynomials opened at `x`.
    pub once: Vec<&'a [Fr]>,
}

/// Sends both commitments.
pub fn open(kernels: &impl Kernels, transcript: &mut Halo2Transcript, opened: &Opened<'_>) {
    let Opened { x, below, .. } = *opened;
    let (joint, v) = (transcript.challenge(), transcript.challenge());
    let (twice, once) =
        rayon::join(|| combine(&opened.twice, joint), || combine(&opened.once, joint));
    let (mut first, mut quotient) = (twice.clone(), once.clone());
    divide_by_linear(&mut first, x);
    divide_by_linear(&mut first, below);
    divide_by_linear(&mut quotient, x);
    first.resize(first.len().max(quotient.len()), Fr::ZERO);
    add_scaled(&mut first, &quotient, v);
    let first = [first];
    transcript.points(&kernels.commit(Basis::Monomial, &first));

    let u = transcript.challenge();
    let [first] = first;
    let mut line = twice;
    line.resize(line.len().max(once.len()), Fr::ZERO);
    add_scaled(&mut line, &once, v * (u - below));
    add_scaled(&mut line, &first, -(u - x) * (u - below));
    divide_by_linear(&mut line, u);
    transcript.points(&kernels.commit(Basis::Monomial, &[line]));
}

/// `Σ_j weight^j·polynomial_j`
fn combine(polynomials: &[&[Fr]], weight: Fr) -> Vec<Fr> {
    let longest = polynomials.iter().map(|polynomial| polynomial.len()).max().unwrap_or(0);
    let mut sum = vec![Fr::ZERO; longest];
    let mut power = Fr::ONE;
    for polynomial in polynomials {
        add_scaled(&mut sum, polynomial, power);
        power *= weight;
    }
    sum
}
