//! Proves an opening. The protocol is in [`zktrain_argument::opening::mercury`].
//!
//! Field work is about `4·2^c` products, group work two multi-scalar products of length `2^c` (for
//! `q` and `L`) and a few of length `2^{c/2}`.

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zktrain_argument::opening::Opener;
use zktrain_argument::opening::mercury::{Evaluations, OpeningProof, OpeningTranscript, split};
use zktrain_msm::eq::eq_table;
use zktrain_msm::msm_full;
use zktrain_msm::polynomial::{add_scaled, divide_by_linear, evaluate};

use crate::srs::Powers;

/// Opens the multilinear polynomial with `values` over the cube, committed to as
/// `Σ_j values[j]·g1[j]`, at `point` (coordinate `k` belongs to bit `k` of the index).
///
/// The commitment itself enters the transcript; this function computes it. Use
/// [`prove_committed`] where it is already known.
///
/// # Panics
/// If `values` does not have `2^point.len()` entries, or there are fewer powers `g1`.
pub fn prove(g1: Powers<'_>, values: Vec<Fr>, point: &[Fr], seed: [u8; 32]) -> OpeningProof {
    let commitment = commit(g1, &values);
    prove_committed(g1, &commitment, values, point, seed)
}

/// As [`prove`], for a commitment that the caller has.
///
/// A wrong commitment gives a proof that is rejected.
///
/// # Panics
/// If `values` does not have `2^point.len()` entries, or there are fewer powers `g1`.
pub fn prove_committed(
    g1: Powers<'_>,
    commitment: &G1Affine,
    values: Vec<Fr>,
    point: &[Fr],
    seed: [u8; 32],
) -> OpeningProof {
    assert!(!point.is_empty(), "an opening has at least one variable");
    assert_eq!(values.len(), 1 << point.len(), "one value for each corner of the cube");
    let (low, high) = point.split_at(split(point.len()).0);
    let h = fold(&values, &eq_table(low));
    let value = eq_table(high).iter().zip(&h).map(|(e, h)| *e * h).sum();
    let mut transcript = OpeningTranscript::new(seed, commitment, point, &value);

    let fold = commit(g1, &h);
    let alpha = transcript.alpha(&fold);
    let (q, g) = divide_by_binomial(&values, 1 << low.len(), alpha);
    let (quotient, remainder) = (commit(g1, &q), commit(g1, &g));
    let gamma = transcript.gamma(&quotient, &remainder);

    let mut s = products(&g, low);
    add_scaled(&mut s, &products(&h, high), gamma);
    let mut d = reversed(&g);
    add_scaled(&mut d, &reversed(&h), gamma);
    let (products, reversal) = (commit(g1, &s), commit(g1, &d));
    let zeta = transcript.zeta(&products, &reversal);

    let small = Small { g, h, s, d };
    // ζ = 0 has no inverse; no verifier accepts it, whatever the proof.
    let points = Points { alpha, zeta, inverse: zeta.inverse().unwrap_or_default() };
    let evaluations = small.evaluations(&points);
    let beta = transcript.beta(&evaluations);
    let w = small.batch_quotient(&points, beta);
    let batch = commit(g1, &w);

    let (z, delta) = transcript.linearisation(&batch);
    let mut l = values;
    add_scaled(&mut l, &q, alpha - z.pow([1 << low.len()]));
    add_scaled(&mut l, &small.linearised(&w, &points, beta, z, delta), Fr::ONE);
    divide_by_linear(&mut l, z);
    let linearisation = commit(g1, &l);
    OpeningProof {
        fold,
        quotient,
        remainder,
        products,
        reversal,
        evaluations,
        batch,
        linearisation,
    }
}

impl Opener for Powers<'_> {
    fn powers(&self) -> &[G1Affine] {
        self.as_slice()
    }

    fn open(
        &self,
        commitment: &G1Affine,
        values: Vec<Fr>,
        point: &[Fr],
        seed: [u8; 32],
    ) -> OpeningProof {
        prove_committed(*self, commitment, values, point, seed)
    }
}

/// The points of evaluation: `α`, `ζ` and `1/ζ`.
#[derive(Clone, Copy)]
struct Points {
    alpha: Fr,
    zeta: Fr,
    inverse: Fr,
}

/// The polynomials of length `2^{c/2}`.
struct Small {
    g: Vec<Fr>,
    h: Vec<Fr>,
    s: Vec<Fr>,
    d: Vec<Fr>,
}

impl Small {
    fn evaluations(&self, points: &Points) -> Evaluations {
        let pair = |f: &[Fr]| [evaluate(f, points.zeta), evaluate(f, points.inverse)];
        Evaluations { remainder: pair(&self.g), fold: pair(&self.h), products: pair(&self.s) }
    }

    /// `p = g + β·h + β²·S`
    fn batched(&self, beta: Fr) -> Vec<Fr> {
        let mut p = vec![Fr::ZERO; self.g.len().max(self.h.len()).max(self.s.len())];
        let scales = [Fr::ONE, beta, beta.square()];
        for (f, scale) in [&self.g, &self.h, &self.s].into_iter().zip(scales) {
            add_scaled(&mut p, f, scale);
        }
        p
    }

    /// `w`. The remainders of the divisions are what the evaluations say, and are dropped.
    fn batch_quotient(&self, points: &Points, beta: Fr) -> Vec<Fr> {
        let mut w = self.batched(beta);
        divide_by_linear(&mut w, points.zeta);
        divide_by_linear(&mut w, points.inverse);
        let (mut d, mut h) = (self.d.clone(), self.h.clone());
        divide_by_linear(&mut d, points.zeta);
        divide_by_linear(&mut h, points.alpha);
        w.resize(w.len().max(d.len()).max(h.len()), Fr::ZERO);
        add_scaled(&mut w, &d, beta.pow([3]));
        add_scaled(&mut w, &h, beta.pow([4]));
        w
    }

    /// `L` without `f` and `q`, up to its constant term, which the division drops.
    fn linearised(&self, w: &[Fr], points: &Points, beta: Fr, z: Fr, delta: Fr) -> Vec<Fr> {
        let (at_zeta, at_inverse) = (z - points.zeta, z - points.inverse);
        let line = delta * (z - points.alpha);
        let mut l = self.batched(beta);
        l.resize(l.len().max(self.d.len()).max(w.len()), Fr::ZERO);
        l.iter_mut().for_each(|l| *l *= line);
        add_scaled(&mut l, &self.d, line * beta.pow([3]) * at_inverse);
        add_scaled(&mut l, &self.h, delta * beta.pow([4]) * at_zeta * at_inverse);
        add_scaled(&mut l, w, -line * at_zeta * at_inverse);
        add_scaled(&mut l, &self.g, -Fr::ONE);
        l
    }
}

fn commit(g1: Powers<'_>, f: &[Fr]) -> G1Affine {
    msm_full(&g1[..f.len()], f).into_affine()
}

/// `h`: each run of as many values as there are weights, summed with the weights.
fn fold(values: &[Fr], weights: &[Fr]) -> Vec<Fr> {
    let row = |row: &[Fr]| row.iter().zip(weights).map(|(v, w)| *v * w).sum();
    values.par_chunks(weights.len()).with_min_len((1 << 10) / weights.len() + 1).map(row).collect()
}

/// Quotient and remainder of `f` by `X^b − α`.
fn divide_by_binomial(f: &[Fr], b: usize, alpha: Fr) -> (Vec<Fr>, Vec<Fr>) {
    let mut quotient = f.to_vec();
    for i in (0..f.len() - b).rev() {
        let carried = quotient[i + b] * alpha;
        quotient[i] += carried;
    }
    let above = quotient.split_off(b);
    (above, quotient)
}

/// `S` of one inner product: the coefficients of `A(X) + A(1/X)` at `X, X², …` for
/// `A = f(1/X)·P(X)`. The factors of `P` have two terms, so that no transform is needed.
fn products(f: &[Fr], u: &[Fr]) -> Vec<Fr> {
    let mut a = reversed(f);
    a.resize(2 * f.len() - 1, Fr::ZERO);
    for (k, u) in u.iter().enumerate() {
        let shift = 1 << k;
        for i in (0..a.len()).rev() {
            let below = if i < shift { Fr::ZERO } else { a[i - shift] };
            let step = *u * (below - a[i]);
            a[i] += step;
        }
    }
    let (low, high) = a.split_at(f.len());
    high.iter().zip(low.iter().rev().skip(1)).map(|(high, low)| *high + low).collect()
}

/// `X^{n−1}·f(1/X)` for `n` coefficients.
fn reversed(f: &[Fr]) -> Vec<Fr> {
    f.iter().rev().copied().collect()
}

#[cfg(test)]
mod cheats;
#[cfg(test)]
mod tests;
