//! Local generation, for tests and demonstrations.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::ScalarMul};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;

use super::{MAX_POWER, PhaseTwoSections, Provenance, Srs};

impl Srs {
    /// A whole string as a ceremony makes it, with the sections that Groth16 needs: **insecure**,
    /// because the party that runs this could keep `τ`.
    ///
    /// # Panics
    /// If `power` exceeds [`MAX_POWER`].
    pub fn generate<R: RngCore + CryptoRng>(power: u32, rng: &mut R) -> Self {
        let (alpha, beta) = (nonzero(rng), nonzero(rng));
        let n = size(power);
        let (mut srs, powers) = generate_powers(power, 2 * n - 1, rng);
        let times =
            |factor: Fr| -> Vec<Fr> { powers[..n].par_iter().map(|p| *p * factor).collect() };
        srs.phase_two = Some(PhaseTwoSections {
            g2_powers: G2Projective::generator().batch_mul(&powers[..n]),
            alpha_g1: G1Projective::generator().batch_mul(&times(alpha)),
            beta_g1: G1Projective::generator().batch_mul(&times(beta)),
            beta_g2: (G2Affine::generator() * beta).into_affine(),
        });
        srs
    }

    /// Only what rows and circuits need: `2^power + 1` powers in G1 and two in G2. As **insecure** as
    /// [`Srs::generate`], and several times faster.
    ///
    /// # Panics
    /// If `power` exceeds [`MAX_POWER`].
    pub fn generate_g1<R: RngCore + CryptoRng>(power: u32, rng: &mut R) -> Self {
        generate_powers(power, size(power) + 1, rng).0
    }
}

fn size(power: u32) -> usize {
    assert!(power <= MAX_POWER, "power {power} exceeds {MAX_POWER}");
    1 << power
}

fn nonzero<R: RngCore>(rng: &mut R) -> Fr {
    loop {
        let scalar = Fr::rand(rng);
        if scalar != Fr::ZERO {
            return scalar;
        }
    }
}

/// The string without its phase-two sections, and the powers of `τ`.
fn generate_powers<R: RngCore>(power: u32, count: usize, rng: &mut R) -> (Srs, Vec<Fr>) {
    let tau = nonzero(rng);
    let powers = powers_of(tau, count);
    let srs = Srs {
        power,
        g1: G1Projective::generator().batch_mul(&powers),
        g2: [G2Affine::generator(), (G2Affine::generator() * tau).into_affine()],
        phase_two: None,
        provenance: Provenance::Insecure,
    };
    debug_assert_eq!(srs.g1[0], G1Affine::generator());
    (srs, powers)
}

/// `1, τ, τ², …` in parallel chunks.
fn powers_of(tau: Fr, count: usize) -> Vec<Fr> {
    const CHUNK: usize = 1 << 12;
    let mut powers = vec![Fr::ZERO; count];
    powers.par_chunks_mut(CHUNK).enumerate().for_each(|(i, chunk)| {
        let mut power = tau.pow([(i * CHUNK) as u64]);
        for slot in chunk {
            *slot = power;
            power *= tau;
        }
    });
    powers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::SrsError;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn generated_strings_satisfy_the_relations() {
        for power in [0, 1, 5] {
            let srs = Srs::generate(power, &mut ChaCha20Rng::seed_from_u64(1));
            assert_eq!(srs.g1.len(), (2 << power) - 1);
            assert!(srs.claims_insecure() && srs.info().claims_insecure);
            match power {
                // There is no [τ] in G1 that could be that of G2.
                0 => {
                    assert!(matches!(srs.check(), Err(SrsError::TooSmall { expected: 2, got: 1 })))
                }
                _ => drop(srs.check().unwrap()),
            }
        }
    }

    #[test]
    fn short_strings_satisfy_the_relations() {
        let srs = Srs::generate_g1(6, &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(srs.g1.len(), 65);
        assert!(srs.phase_two.is_none());
        srs.check().unwrap();
    }

    #[test]
    fn powers_are_consecutive_across_chunks() {
        let tau = Fr::from(3u64);
        let powers = powers_of(tau, 5000);
        assert_eq!(powers[0], Fr::ONE);
        assert!(powers.windows(2).all(|w| w[1] == w[0] * tau));
    }
}
