//! Saturating rounding of whole tensors, in parallel and in order.

use rayon::prelude::*;
use zktrain_model::manifest::RoundSpec;
use zktrain_model::quant::round_sat;
use zktrain_model::trace::Rounded;

/// Entries that one task rounds.
const BLOCK: usize = 1 << 14;

/// Room for `len` rounded values.
pub(crate) fn room(len: usize) -> Rounded {
    Rounded { q: vec![0; len], r: vec![0; len], excess: Vec::new() }
}

/// Rounds `x(0) … x(len − 1)` into `out` at `offset`.
///
/// Steps are written in order, so the excesses stay sorted.
pub(crate) fn round_into(
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
