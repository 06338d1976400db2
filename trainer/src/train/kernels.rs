//! What operators compute with here: products in double precision, roundings in parallel and in order.

use rayon::prelude::*;
use zktrain_model::manifest::RoundSpec;
use zktrain_model::operators::{Operand, TensorKernels};
use zktrain_model::quant::round_sat;
use zktrain_model::trace::Rounded;

use super::product::{Matrix, product};

/// Entries that one task rounds.
const BLOCK: usize = 1 << 14;

/// All threads of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parallel;

impl TensorKernels for Parallel {
    type Matrix = Matrix;

    fn matrix(&self, values: &[i32], rows: usize, cols: usize) -> Matrix {
        Matrix::new(values, rows, cols)
    }

    fn product(&self, left: Operand<'_, Matrix>, right: Operand<'_, Matrix>) -> Vec<i64> {
        let view = |operand| match operand {
            Operand::Straight(matrix) => Matrix::view(matrix),
            Operand::Transposed(matrix) => Matrix::transposed(matrix),
        };
        // A product is fresh and row-major: its values are all that it holds.
        product(view(left), view(right)).into_raw_vec_and_offset().0
    }

    fn round(
        &self,
        out: &mut Rounded,
        offset: usize,
        len: usize,
        spec: &RoundSpec,
        x: impl Fn(usize) -> i64 + Sync,
    ) {
        round_into(out, offset, len, spec, x);
    }
}

/// Rounds `x(0) … x(len − 1)` into `out` at `offset`.
///
/// Steps are written in order, so the excesses stay sorted.
fn round_into(
    out: &mut Rounded,
    offset: usize,
    len: usize,
    spec: &RoundSpec,
    x: impl Fn(usize) -> i64 + Sync,
) {
    let q = &mut out.q[offset..offset + len];
    let r = &mut out.r[offset..offset + len];
    let excess: Vec<Vec<(u32, i64)>> = q
        .par_chunks_mut(BLOCK)
        .zip(r.par_chunks_mut(BLOCK))
        .enumerate()
        .map(|(block, (q, r))| {
            let mut excess = Vec::new();
            for (i, (q, r)) in q.iter_mut().zip(r).enumerate() {
                let at = block * BLOCK + i;
                let rounding = round_sat(x(at), spec);
                *q = rounding.q as i32;
                *r = rounding.r as i32;
                if rounding.e != 0 {
                    excess.push(((offset + at) as u32, rounding.e));
                }
            }
            excess
        })
        .collect();
    out.excess.extend(excess.into_iter().flatten());
}
