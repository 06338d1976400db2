//! The copy argument's product.

use ark_bn254::Fr;
use ark_ff::Field;
use rayon::prelude::*;
use zktrain_backends::halo2::key::delta;
use zktrain_backends::halo2::tape::BLINDING_ROWS;

use super::Blinding;

/// Rows that share an inversion.
const BLOCK: usize = 1 << 10;

/// `Z` on the rows: one in the first row, then from row to row times
/// `Π_i (c_i + β·δ^i·ω^j + γ) / (c_i + β·σ_i + γ)`, up to the row before the last five, which are
/// blinding. In that row it is one again if the copies are equal.
///
/// A denominator of zero, for a few of all challenges, gives a proof that is not accepted.
pub fn product(
    advice: &[Vec<Fr>],
    permutation: &[Vec<Fr>],
    roots: &[Fr],
    beta: Fr,
    gamma: Fr,
    blinding: &Blinding,
) -> Vec<Fr> {
    let rows = roots.len();
    let names: Vec<Fr> = std::iter::successors(Some(beta), |name| Some(*name * delta()))
        .take(advice.len())
        .collect();
    let mut factors = vec![Fr::ONE; rows - BLINDING_ROWS];
    factors.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| {
        let start = block * BLOCK;
        for (row, out) in (start..).zip(out.iter_mut()) {
            let columns = advice.iter().zip(permutation);
            *out = columns.map(|(cells, images)| cells[row] + beta * images[row] + gamma).product();
        }
        ark_ff::batch_inversion(out);
        for (row, out) in (start..).zip(out.iter_mut()) {
            let columns = advice.iter().zip(&names);
            *out *= columns
                .map(|(cells, name)| cells[row] + *name * roots[row] + gamma)
                .product::<Fr>();
        }
    });
    let mut values = Vec::with_capacity(rows);
    let mut value = Fr::ONE;
    values.push(value);
    for factor in factors {
        value *= factor;
        values.push(value);
    }
    values.extend_from_slice(&blinding.product);
    values
}
