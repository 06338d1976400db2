//! Polynomials by their coefficients, lowest first.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

/// `target += scale·f`
pub fn add_scaled(target: &mut [Fr], f: &[Fr], scale: Fr) {
    target.par_iter_mut().zip(f).with_min_len(1 << 10).for_each(|(t, f)| *t += scale * f);
}

/// `f(x)`
pub fn evaluate(f: &[Fr], x: Fr) -> Fr {
    f.iter().rev().fold(Fr::ZERO, |sum, coefficient| sum * x + coefficient)
}

/// Replaces `f` by its quotient by `X − a`; the remainder is dropped.
pub fn divide_by_linear(f: &mut Vec<Fr>, a: Fr) {
    for i in (1..f.len()).rev() {
        let carried = f[i] * a;
        f[i - 1] += carried;
    }
    f.drain(..1.min(f.len()));
}
