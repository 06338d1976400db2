//! Tables of `eq` and evaluations of multilinear extensions of integers.

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use rayon::prelude::*;

use crate::accumulate::dot_i32;

/// `eq(point, x)` for every `x`, the point's first coordinate in the lowest bit.
pub fn eq_table(point: &[Fr]) -> Vec<Fr> {
    eq_table_scaled(point, Fr::one())
}

/// `scale·eq(point, x)` for every `x`.
pub fn eq_table_scaled(point: &[Fr], scale: Fr) -> Vec<Fr> {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(scale);
    for coordinate in point {
        let half = table.len();
        table.resize(2 * half, Fr::zero());
        let (low, high) = table.split_at_mut(half);
        for (l, h) in low.iter_mut().zip(high) {
            *h = *l * coordinate;
            *l -= *h;
        }
    }
    table
}

/// Variables of the inner table of a split evaluation.
const INNER: usize = 12;

/// The multilinear extension of `values`, zero beyond them, at `point`.
pub fn evaluate(values: &[i32], point: &[Fr]) -> Fr {
    let (inner, outer) = point.split_at(point.len().min(INNER));
    let (inner, outer) = (eq_table(inner), eq_table(outer));
    values
        .par_chunks(inner.len())
        .zip(outer.par_iter())
        .map(|(values, weight)| dot_i32(&inner, values) * weight)
        .sum()
}

/// The multilinear extension of field elements at `point`.
pub fn evaluate_field(values: &[Fr], point: &[Fr]) -> Fr {
    eq_table(point).iter().zip(values).map(|(e, v)| *e * v).sum()
}

/// `eq(point, index)` for one index.
pub fn eq_at(point: &[Fr], index: usize) -> Fr {
    let factor = |(bit, r): (usize, &Fr)| if (index >> bit) & 1 == 1 { *r } else { Fr::one() - r };
    point.iter().enumerate().map(factor).product()
}
