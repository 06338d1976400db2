//! The rows' domain, and the cosets on which the quotient is computed.
//!
//! Constraints have degree at most `7·(n − 1)`, so the quotient `h` by `X^n − 1` has fewer than
//! `6n` coefficients, `h = Σ_{i<6} X^{n·i}·h_i`. Six cosets of the domain determine it: on
//! `g_j·⟨ω⟩` the power `X^n` is the constant `s_j = g_j^n`, so that `h` agrees there with the
//! polynomial `Σ_i s_j^i·h_i` of degree below `n`; and the matrix `s_j^i` is invertible. That is
//! a quarter less than a domain of `8n` elements would take, by transforms of length `n` alone.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use ark_poly::Radix2EvaluationDomain;
use rayon::prelude::*;
use zktrain_backends::halo2::gates::DEGREE;
use zktrain_backends::halo2::key::omega;

/// Pieces of the quotient, and cosets that determine it.
pub const PIECES: usize = DEGREE - 1;

/// A multiplicative generator: its coset of any subgroup of order `2^k` has no element of one.
const GENERATOR: u64 = 7;

/// The domain of `2^log_rows` rows and its cosets.
#[derive(Clone, Debug)]
pub struct EvaluationDomain {
    /// Logarithm of the number of rows.
    pub log_rows: u32,
    rows: Radix2EvaluationDomain<Fr>,
    cosets: [Radix2EvaluationDomain<Fr>; PIECES],
    /// `1/(X^n − 1)` on each coset.
    vanishing_inverses: [Fr; PIECES],
    /// Row `i` gives `h_i` from the polynomials on the cosets.
    separation: [[Fr; PIECES]; PIECES],
}

impl EvaluationDomain {
    /// The domain of a circuit; `log_rows` is at most 25.
    pub fn new(log_rows: u32) -> Self {
        let rows = radix_two(log_rows, Fr::ONE);
        // Elements of a coset of the domain of order 8n: pairwise different modulo the rows'.
        let (mut shift, step) = (Fr::from(GENERATOR), omega(log_rows + 3));
        let cosets = [(); PIECES].map(|()| {
            let coset = radix_two(log_rows, shift);
            shift *= step;
            coset
        });
        let powers = cosets.map(|coset| coset.offset_pow_size);
        let inverse = |power: Fr| (power - Fr::ONE).inverse().unwrap_or_default();
        let separation = invert_vandermonde(&powers);
        Self { log_rows, rows, cosets, vanishing_inverses: powers.map(inverse), separation }
    }

    /// The number of rows.
    pub fn size(&self) -> usize {
        1 << self.log_rows
    }

    /// `ω`
    pub fn omega(&self) -> Fr {
        self.rows.group_gen
    }

    /// `1, ω, ω², …`
    pub fn roots(&self) -> Vec<Fr> {
        let next = |root: &Fr| Some(*root * self.rows.group_gen);
        std::iter::successors(Some(Fr::ONE), next).take(self.size()).collect()
    }

    /// The domain, for transforms.
    pub fn rows(&self) -> &Radix2EvaluationDomain<Fr> {
        &self.rows
    }

    /// A coset, for transforms; its elements are `g_j·ω^r` in order of `r`.
    pub fn coset(&self, index: usize) -> &Radix2EvaluationDomain<Fr> {
        &self.cosets[index]
    }

    /// `1/(X^n − 1)` on a coset.
    pub fn vanishing_inverse(&self, coset: usize) -> Fr {
        self.vanishing_inverses[coset]
    }

    /// `ℓ_0`, the Lagrange polynomial of the first row, on a coset. That of row `i` takes at
    /// element `r` the value of `ℓ_0` at element `r − i`.
    pub fn first_lagrange(&self, coset: usize) -> Vec<Fr> {
        let coset = &self.cosets[coset];
        let scale = (coset.offset_pow_size - Fr::ONE) * self.rows.size_inv;
        let mut values: Vec<Fr> =
            self.roots().par_iter().map(|root| coset.offset * root - Fr::ONE).collect();
        ark_ff::batch_inversion(&mut values);
        values.par_iter_mut().for_each(|value| *value *= scale);
        values
    }

    /// The pieces `h_i`, given the polynomials of degree below `n` that agree with `h` on the
    /// cosets.
    pub fn separate(&self, on_cosets: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
        let piece = |weights: &[Fr; PIECES]| {
            let mut piece = vec![Fr::ZERO; self.size()];
            piece.par_iter_mut().enumerate().for_each(|(k, to)| {
                let terms = weights.iter().zip(on_cosets);
                *to = terms.map(|(weight, polynomial)| *weight * polynomial[k]).sum();
            });
            piece
        };
        self.separation.iter().map(piece).collect()
    }
}

/// The coset `offset·⟨ω⟩`, with halo2's root of unity instead of arkworks'.
fn radix_two(log_rows: u32, offset: Fr) -> Radix2EvaluationDomain<Fr> {
    let size = 1u64 << log_rows;
    let generator = omega(log_rows);
    let inverse = |x: Fr| x.inverse().unwrap_or_default();
    Radix2EvaluationDomain {
        size,
        log_size_of_group: log_rows,
        size_as_field_element: Fr::from(size),
        size_inv: inverse(Fr::from(size)),
        group_gen: generator,
        group_gen_inv: inverse(generator),
        offset,
        offset_inv: inverse(offset),
        offset_pow_size: offset.pow([size]),
    }
}

/// The inverse of the matrix `points[j]^i`: column `j` holds the coefficients of the polynomial
/// that is one at `points[j]` and zero at the others.
fn invert_vandermonde(points: &[Fr; PIECES]) -> [[Fr; PIECES]; PIECES] {
    let mut inverse = [[Fr::ZERO; PIECES]; PIECES];
    for (j, point) in points.iter().enumerate() {
        let mut basis = vec![Fr::ONE];
        let mut denominator = Fr::ONE;
        for other in points.iter().enumerate().filter(|(k, _)| *k != j).map(|(_, other)| other) {
            denominator *= *point - other;
            basis.push(Fr::ZERO);
            for i in (0..basis.len()).rev() {
                let below = if i == 0 { Fr::ZERO } else { basis[i - 1] };
                basis[i] = below - *other * basis[i];
            }
        }
        let scale = denominator.inverse().unwrap_or_default();
        for (row, coefficient) in inverse.iter_mut().zip(basis) {
            row[j] = coefficient * scale;
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;
    use ark_poly::EvaluationDomain as _;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use zktrain_msm::polynomial::evaluate;

    #[test]
    fn pieces_come_back_from_six_cosets() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let domain = EvaluationDomain::new(5);
        let pieces: Vec<Vec<Fr>> =
            (0..PIECES).map(|_| (0..32).map(|_| Fr::rand(&mut rng)).collect()).collect();
        let whole: Vec<Fr> = pieces.concat();
        let on_cosets: Vec<Vec<Fr>> = (0..PIECES)
            .map(|index| {
                let coset = domain.coset(index);
                let values: Vec<Fr> = coset.elements().map(|x| evaluate(&whole, x)).collect();
                let elements = domain.roots().into_iter().map(|root| coset.offset * root);
                assert!(coset.elements().eq(elements));
                assert!(coset.elements().all(|x| {
                    (x.pow([32u64]) - Fr::ONE) * domain.vanishing_inverse(index) == Fr::ONE
                }));
                coset.ifft(&values)
            })
            .collect();
        assert_eq!(domain.separate(&on_cosets), pieces);
    }

    #[test]
    fn the_first_lagrange_polynomial_is_one_in_the_first_row() {
        let domain = EvaluationDomain::new(5);
        let mut unit = vec![Fr::ZERO; 32];
        unit[0] = Fr::ONE;
        let polynomial = domain.rows().ifft(&unit);
        for index in 0..PIECES {
            assert_eq!(domain.first_lagrange(index), domain.coset(index).fft(&polynomial));
        }
    }
}
