//! A key made by one party, for tests and demonstrations.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup, scalar_mul::ScalarMul};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use zktrain_backends::r1cs::R1cs;
use zktrain_verify::groth16::{Groth16Key, KeyProvenance};

use super::{ProvingKey, Query};

/// The secrets behind a key: a party that knows them can prove anything.
#[derive(Clone, Copy)]
pub(crate) struct Trapdoor {
    pub tau: Fr,
    pub alpha: Fr,
    pub beta: Fr,
    pub delta: Fr,
}

impl Trapdoor {
    fn random<R: RngCore + CryptoRng>(rng: &mut R) -> Self {
        let mut scalar = || loop {
            let scalar = Fr::rand(rng);
            if scalar != Fr::ZERO {
                return scalar;
            }
        };
        Self { tau: scalar(), alpha: scalar(), beta: scalar(), delta: scalar() }
    }
}

/// A key for a circuit, **insecure**: the party that runs this could keep the trapdoor. Some
/// seconds for a circuit of 2^16 constraints, where a ceremony's start takes two minutes.
///
/// # Panics
/// If the circuit has other public inputs than a compressed statement, or exceeds the field's
/// largest domain of roots of unity.
pub fn insecure_key<R: RngCore + CryptoRng>(system: &R1cs, rng: &mut R) -> ProvingKey {
    key_from(system, &Trapdoor::random(rng))
}

/// The key that a trapdoor gives, with `γ = 1`.
pub(crate) fn key_from(system: &R1cs, trapdoor: &Trapdoor) -> ProvingKey {
    let Trapdoor { tau, alpha, beta, delta } = *trapdoor;
    let domain =
        Radix2EvaluationDomain::<Fr>::new(1 << system.domain_log()).expect("a domain of the field");
    let polynomials = Polynomials::at(system, &domain, tau);
    let inverse = delta.inverse().expect("delta is not zero");
    let vanishing = domain.evaluate_vanishing_polynomial(tau) * inverse;
    let powers = std::iter::successors(Some(vanishing), |power| Some(*power * tau));
    let h: Vec<Fr> = powers.take(domain.size() - 1).collect();
    let Polynomials { u, v, w } = polynomials;
    let mut k: Vec<Fr> =
        (&u, &v, &w).into_par_iter().map(|(u, v, w)| beta * u + alpha * v + w).collect();
    let public = system.public();
    k[public..].par_iter_mut().for_each(|k| *k *= inverse);

    let g1 = |scalars: &[Fr]| -> Vec<G1Affine> { G1Projective::generator().batch_mul(scalars) };
    let one = |scalar: Fr| (G1Projective::generator() * scalar).into_affine();
    let two = |scalar: Fr| (G2Projective::generator() * scalar).into_affine();
    let b_g1 = Query::new(0, g1(&v));
    let b_scalars = b_g1.select(&v);
    let b_points: Vec<G2Affine> = G2Projective::generator().batch_mul(&b_scalars);
    let b_g2 = Query { variables: b_g1.variables.clone(), points: b_points };
    let mut k = g1(&k);
    let l = Query::new(public as u32, k.split_off(public));
    ProvingKey {
        key: Groth16Key {
            provenance: KeyProvenance::Insecure,
            circuit: system.digest(),
            alpha_g1: one(alpha),
            beta_g2: two(beta),
            gamma_g2: two(Fr::ONE),
            delta_g2: two(delta),
            ic: k.try_into().expect("the public inputs of a compressed statement"),
        },
        variables: system.variables(),
        domain_log: system.domain_log(),
        beta_g1: one(beta),
        delta_g1: one(delta),
        a: Query::new(0, g1(&u)),
        b_g1,
        b_g2,
        l,
        h: g1(&h),
    }
}

/// The polynomials of every variable at one point.
struct Polynomials {
    u: Vec<Fr>,
    v: Vec<Fr>,
    w: Vec<Fr>,
}

impl Polynomials {
    fn at(system: &R1cs, domain: &Radix2EvaluationDomain<Fr>, tau: Fr) -> Self {
        let lagrange = domain.evaluate_all_lagrange_coefficients(tau);
        let mut weights = [(); 3].map(|()| vec![Fr::ZERO; system.combination_count()]);
        let [a, b, c] = &mut weights;
        for (row, weight) in system.constraints().iter().zip(&lagrange) {
            a[row.a as usize] += weight;
            b[row.b as usize] += weight;
            c[row.c as usize] += weight;
        }
        let scatter = |weights: &[Fr]| {
            let mut columns = vec![Fr::ZERO; system.variables()];
            for (terms, weight) in system.combinations().zip(weights) {
                if *weight != Fr::ZERO {
                    let add = |t: &zktrain_backends::r1cs::R1csTerm| {
                        columns[t.variable as usize] += t.coefficient * weight;
                    };
                    terms.iter().for_each(add);
                }
            }
            columns
        };
        let [mut u, v, w] = weights.map(|weights| scatter(&weights));
        let public = lagrange.iter().skip(system.constraints().len()).take(system.public());
        u.iter_mut().zip(public).for_each(|(u, weight)| *u += weight);
        Self { u, v, w }
    }
}
