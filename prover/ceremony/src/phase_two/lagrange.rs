//! From `[τ^i]` to `[L_j(τ)]`: an inverse Fourier transform of group elements.

use ark_bn254::Fr;
use ark_ec::{
    CurveGroup,
    scalar_mul::glv::GLVConfig,
    short_weierstrass::{Affine, Projective},
};
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use super::multiples::{Digits, multiply};

/// Multiples that are worth a task of their own.
const TASK: usize = 32;

/// The Lagrange basis of the domain of `2^log` roots of unity, from as many powers; further points
/// are ignored. Works for powers times a common factor as well.
///
/// # Panics
/// If there are fewer points, or the field has no such domain.
pub(super) fn lagrange<C: GLVConfig<ScalarField = Fr>>(
    powers: &[Affine<C>],
    log: u32,
) -> Vec<Affine<C>> {
    let n = 1usize << log;
    let root = Fr::get_root_of_unity(n as u64).expect("a domain of the field");
    let inverse = root.inverse().expect("a root of unity");
    let reversed = |i: usize| if log == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - log) };
    let mut points: Vec<Projective<C>> = (0..n).map(|i| powers[reversed(i)].into()).collect();
    let twiddles = twiddles::<C>(inverse, n / 2);
    for half in (0..log).map(|layer| 1usize << layer) {
        let stride = n / (2 * half);
        points.par_chunks_exact_mut(2 * half).for_each(|block| {
            let (low, high) = block.split_at_mut(half);
            let pairs = low.par_iter_mut().zip(high).enumerate().with_min_len(TASK);
            pairs.for_each(|(j, (low, high))| {
                let twisted = if j == 0 { *high } else { multiply(*high, &twiddles[j * stride]) };
                *high = *low - twisted;
                *low += twisted;
            });
        });
    }
    let scale = Fr::from(n as u64).inverse().expect("a power of two");
    let scale = Digits::new::<C>(scale);
    points.par_iter_mut().with_min_len(TASK).for_each(|point| *point = multiply(*point, &scale));
    normalize(&points)
}

/// Affine forms, in parallel.
pub(super) fn normalize<C: GLVConfig>(points: &[Projective<C>]) -> Vec<Affine<C>> {
    points.par_chunks(1 << 12).flat_map_iter(Projective::normalize_batch).collect()
}

/// `1, root, root², …`
fn twiddles<C: GLVConfig<ScalarField = Fr>>(root: Fr, count: usize) -> Vec<Digits> {
    const CHUNK: usize = 1 << 10;
    let chunk = |start: usize| {
        let first = root.pow([start as u64]);
        let powers = std::iter::successors(Some(first), move |power| Some(*power * root));
        powers.take(CHUNK.min(count - start)).map(Digits::new::<C>)
    };
    (0..count).into_par_iter().step_by(CHUNK).flat_map_iter(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{g1, g2};
    use ark_ec::PrimeGroup;
    use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

    fn check<C: GLVConfig<ScalarField = Fr>>() {
        let tau = Fr::from(0x1234_5678_9abc_u64);
        for log in 0..6 {
            let powers = std::iter::successors(Some(Fr::ONE), |power| Some(*power * tau));
            let g = Projective::<C>::generator();
            let points: Vec<_> =
                powers.take((1 << log) + 3).map(|p| (g * p).into_affine()).collect();
            let domain = Radix2EvaluationDomain::<Fr>::new(1 << log).unwrap();
            let expected = domain.evaluate_all_lagrange_coefficients(tau);
            let expected: Vec<_> = expected.iter().map(|l| (g * l).into_affine()).collect();
            assert_eq!(lagrange(&points, log), expected, "2^{log}");
        }
    }

    #[test]
    fn matches_the_fields_lagrange_basis() {
        check::<g1::Config>();
        check::<g2::Config>();
    }
}
