//! The quotient `h = (a·b − c)/Z` of the quadratic arithmetic program.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, FftField, Field};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

/// The coefficients of `h`, as many as the domain has elements; the last one is zero.
///
/// `products` are the values of `a`, `b`, `c` in every constraint, `public` those of the public
/// variables, which take the rows after the constraints.
///
/// # Panics
/// If the field has no domain of `2^log` elements or the rows do not fit into it.
pub(super) fn quotient(products: &[[Fr; 3]], public: &[Fr], log: u32) -> Vec<Fr> {
    let domain = Radix2EvaluationDomain::<Fr>::new(1 << log).expect("a domain of the field");
    let coset = domain.get_coset(Fr::GENERATOR).expect("the generator is not zero");
    assert!(products.len() + public.len() <= domain.size(), "more rows than the domain has");
    let on_coset = |column: usize| {
        let mut values: Vec<Fr> = products.iter().map(|row| row[column]).collect();
        if column == 0 {
            values.extend_from_slice(public);
        }
        values.resize(domain.size(), Fr::ZERO);
        domain.ifft_in_place(&mut values);
        coset.fft_in_place(&mut values);
        values
    };
    let (mut a, (b, c)) =
        rayon::join(|| on_coset(0), || rayon::join(|| on_coset(1), || on_coset(2)));
    let vanishing = domain.evaluate_vanishing_polynomial(Fr::GENERATOR);
    let inverse = vanishing.inverse().expect("the coset avoids the domain");
    a.par_iter_mut().zip(&b).zip(&c).for_each(|((a, b), c)| *a = (*a * b - c) * inverse);
    coset.ifft_in_place(&mut a);
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;
    use ark_poly::DenseUVPolynomial;
    use ark_poly::{Polynomial, univariate::DensePolynomial};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn divides_exactly_when_constraints_hold() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut rows: Vec<[Fr; 3]> = (0..11)
            .map(|_| {
                let (a, b) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
                [a, b, a * b]
            })
            .collect();
        let public = [Fr::ONE, Fr::rand(&mut rng), Fr::rand(&mut rng)];
        let domain = Radix2EvaluationDomain::<Fr>::new(16).unwrap();
        let at = |rows: &[[Fr; 3]], column: usize, point: &Fr| {
            let mut values: Vec<Fr> = rows.iter().map(|row| row[column]).collect();
            if column == 0 {
                values.extend(public);
            }
            DensePolynomial::from_coefficients_vec(domain.ifft(&values)).evaluate(point)
        };
        for broken in [false, true] {
            if broken {
                rows[4][2] += Fr::ONE;
            }
            let h = quotient(&rows, &public, 4);
            let point = Fr::rand(&mut rng);
            let [a, b, c] = [0, 1, 2].map(|column| at(&rows, column, &point));
            let h_at = DensePolynomial::from_coefficients_slice(&h[..15]).evaluate(&point);
            let holds = h_at * domain.evaluate_vanishing_polynomial(point) == a * b - c;
            assert_eq!(holds, !broken);
            assert!(broken || h[15] == Fr::ZERO);
        }
    }
}
