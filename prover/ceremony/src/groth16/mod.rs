//! Proves a compressed statement with Groth16.
//!
//! The proof is `A = α + Σ w_i·u_i(τ) + r·δ`, `B = β + Σ w_i·v_i(τ) + s·δ` and
//! `C = Σ w_i·l_i + h(τ)·Z(τ)/δ + s·A + r·B − r·s·δ` for fresh `r` and `s`, with the usual
//! quadratic arithmetic program: the constraints on a domain of roots of unity, followed by one
//! row `x_i·0 = 0` for each public variable, so that their polynomials are independent.
//!
//! Keys are laid out for speed: what vanishes is left out, everything in G1 but `A` is one
//! multi-scalar multiplication.
//!
//! Source: Groth, eprint 2016/260; Ben-Sasson et al., eprint 2013/507 for the reduction.

mod encoding;
mod file;
mod insecure;
mod key;
mod quotient;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::UniformRand;
use zktrain_backends::r1cs::Synthesis;
use zktrain_commit::random::{Label, LocalKey, NoRandomness, Randomness, scalars_digest};
use zktrain_verify::groth16::Groth16Proof;

pub(crate) use encoding::CheckedReader;
pub use encoding::ProvingKeyError;
pub use file::{KeyFileError, MAX_FILE_BYTES};
pub(crate) use file::{read_capped, write_whole};
pub use insecure::insecure_key;
#[cfg(test)]
pub(crate) use insecure::{Trapdoor, key_from};
pub use key::{ProvingKey, Query};

/// Why a statement could not be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Groth16ProveError {
    /// The key is for another circuit.
    #[error("the proving key is for a circuit with {expected} variables, this one has {got}")]
    Circuit {
        /// Variables of the key's circuit.
        expected: usize,
        /// Variables of the circuit at hand.
        got: usize,
    },
    /// The statement is false, or the witness is not one.
    #[error("constraint {index} of the compression circuit does not hold")]
    Unsatisfied {
        /// The first constraint that is broken.
        index: usize,
    },
    /// Nothing to blind with.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// How long the stages took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groth16Timings {
    /// The quotient polynomial.
    pub quotient: Duration,
    /// `A`
    pub a: Duration,
    pub b: Duration,
    pub c: Duration,
}

/// Proves that the synthesized circuit is satisfied.
///
/// # Errors
/// If it is not, or the key is for a circuit of another size. A key for another circuit of the
/// same size gives a proof that does not verify.
pub fn prove(
    key: &ProvingKey,
    synthesis: &Synthesis,
) -> Result<(Groth16Proof, Groth16Timings), Groth16ProveError> {
    prove_by(&LocalKey::new([0; 32]), key, synthesis)
}

/// As [`prove`], by the holder of a local key, which the blinding depends on too.
///
/// # Errors
/// As [`prove`].
pub fn prove_by(
    owner: &LocalKey,
    key: &ProvingKey,
    synthesis: &Synthesis,
) -> Result<(Groth16Proof, Groth16Timings), Groth16ProveError> {
    let Synthesis { system, assignment, products } = synthesis;
    let (expected, got) = (key.variables, system.variables());
    if expected != got || key.domain_log != system.domain_log() {
        return Err(Groth16ProveError::Circuit { expected, got });
    }
    if let Some(index) = products.iter().position(|[a, b, c]| *a * b != *c) {
        return Err(Groth16ProveError::Unsatisfied { index });
    }
    let mut timings = Groth16Timings::default();
    let known = [key.key.circuit, scalars_digest(&assignment[..system.public()])].concat();
    let witness = scalars_digest(assignment);
    let mut generator = Randomness::new(Label::Groth16, &known, owner, &witness)?;
    let (r, s) = (Fr::rand(&mut generator), Fr::rand(&mut generator));

    let started = Instant::now();
    let quotient = quotient::quotient(products, &assignment[..system.public()], key.domain_log);
    timings.quotient = started.elapsed();

    let started = Instant::now();
    let a_sum = G1Projective::msm_unchecked(&key.a.points, &key.a.select(assignment));
    let a = (a_sum + key.key.alpha_g1 + key.delta_g1 * r).into_affine();
    timings.a = started.elapsed();

    let started = Instant::now();
    let for_b = key.b_g2.select(assignment);
    let b_sum = G2Projective::msm_unchecked(&key.b_g2.points, &for_b);
    let b = (b_sum + key.key.beta_g2 + key.key.delta_g2 * s).into_affine();
    timings.b = started.elapsed();

    let started = Instant::now();
    let c = c_point(key, assignment, &quotient, a, r, s);
    timings.c = started.elapsed();
    Ok((Groth16Proof { a, b, c }, timings))
}

/// `Σ w_i·l_i + Σ h_i·(τ^i·Z/δ) + s·A + r·(β + Σ w_i·v_i)`; what `s·δ` adds to `B` cancels.
fn c_point(
    key: &ProvingKey,
    assignment: &[Fr],
    quotient: &[Fr],
    a: G1Affine,
    r: Fr,
    s: Fr,
) -> G1Affine {
    let mut bases = key.l.points.clone();
    let mut factors = key.l.select(assignment);
    bases.extend_from_slice(&key.h);
    factors.extend_from_slice(&quotient[..key.h.len()]);
    bases.extend_from_slice(&key.b_g1.points);
    factors.extend(key.b_g1.select(assignment).into_iter().map(|w| w * r));
    bases.extend([a, key.beta_g1]);
    factors.extend([s, r]);
    let sum = G1Projective::msm_unchecked(&bases, &factors);
    sum.into_affine()
}
