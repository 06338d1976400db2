//! The Lagrange basis of a reference string: an inverse transform in the group.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{Field, PrimeField};
use rayon::prelude::*;
use zktrain_backends::halo2::key::omega;

/// Commitments to the Lagrange polynomials over the powers of halo2's root of
/// unity, from those to the monomials; a power of two of them.
///
/// `L_i = (1/n)·Σ_j ω^{−ij}·[τ^j]`, by decimation in time. Most of the work are
/// `n/2` multiplications by roots of unity a layer, layers without one left out.
pub fn lagrange(powers: &[G1Affine]) -> Vec<G1Affine> {
    let log = powers.len().trailing_zeros();
    let scale = Fr::from(powers.len() as u64).inverse().unwrap_or_default();
    let root = omega(log).inverse().unwrap_or_default();
    let mut values: Vec<G1Projective> = powers
        .par_iter()
        .enumerate()
        .map(|(index, _)| powers[reversed(index, log)] * scale)
        .collect();
    for layer in 1..=log {
        let twiddle = root.pow([1u64 << (log - layer)]);
        let size = 1usize << layer;
        let roots = geometric(twiddle, size / 2);
        values.par_chunks_mut(size).for_each(|block| {
            let (low, high) = block.split_at_mut(size / 2);
            low.par_iter_mut().zip(high).zip(&roots).enumerate().for_each(
                |(index, ((a, b), root))| {
                    let turned = if index == 0 { *b } else { b.mul_bigint(root.into_bigint()) };
                    *b = *a - turned;
                    *a += turned;
                },
            );
        });
    }
    G1Projective::normalize_batch(&values)
}

fn reversed(index: usize, log: u32) -> usize {
    if log == 0 { index } else { index.reverse_bits() >> (usize::BITS - log) }
}

/// `1, ratio, ratio², …`
pub(super) fn geometric(ratio: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::from(1u64)), |power| Some(*power * ratio)).take(count).collect()
}
