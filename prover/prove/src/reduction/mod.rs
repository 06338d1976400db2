//! The final sumcheck: every claim on the sheet becomes one evaluation.
//!
//! `Σ_x w(x)·P(x) = y` with `w` a sum of weights that split into a factor over
//! the row number and a factor over the position in the row. The row number is
//! bound first: for that, every distinct factor over positions meets the rows that
//! its weights are about (`rows`). Then all rows are folded into one, which the
//! opening needs anyway, and the rest is one row long.

mod groups;
mod rows;
mod stages;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zktrain_argument::arith::{Check, Native};
use zktrain_argument::transcript::Transcript;
use zktrain_argument::verifier::claims::{CombinedClaim, Points};

use groups::split;
use rows::{BoundRows, bind_rows};
use zktrain_commit::sheet::Sheet;
use zktrain_msm::eq::{eq_at, evaluate_field};

/// What the final sumcheck adds to the argument, and the folded row.
pub struct ReductionProof {
    /// Constant and quadratic coefficient of a variable.
    pub univariates: Vec<[Fr; 2]>,
    /// Where it ended, the address' lowest bit first.
    pub point: Vec<Fr>,
    /// `eq(point_hi, i)` for every row, in the order of the layout.
    pub row_weights: Vec<Fr>,
    /// All rows folded with these weights.
    pub folded: Vec<Fr>,
    /// The folded row at the low part of the point.
    pub value: Fr,
}

/// Runs the sumcheck over the combined claim.
///
/// # Errors
/// [`Check::Shape`] if the claim refers to something that the sheet does not have.
pub fn prove(
    sheet: &Sheet,
    claim: &CombinedClaim<'_, Fr>,
    points: &Points<Fr>,
    transcript: &mut Transcript<Fr>,
) -> Result<ReductionProof, Check> {
    let layout = sheet.layout();
    let (hi, lo) = (layout.hi_log() as usize, layout.row_log as usize);
    let groups = split(layout, claim, points)?;
    let mut univariates = Vec::with_capacity(hi + lo);
    let bound = bind_rows(sheet, groups, &mut univariates, transcript);
    let BoundRows { groups, challenges: high, folded } = bound;

    let row_weights: Vec<Fr> =
        layout.rows.iter().map(|row| eq_at(&high, row.index as usize)).collect();
    let mut weights = vec![Fr::zero(); 1 << lo];
    for group in &groups {
        let scale = group.high[0];
        let target = weights[group.start..].par_iter_mut().zip(&group.low);
        target.for_each(|(w, l)| *w += scale * l);
    }
    let low = bind_positions(folded.clone(), weights, &mut univariates, transcript);
    let value = evaluate_field(&folded, &low);
    let point = low.into_iter().chain(high).collect();
    Ok(ReductionProof { univariates, point, row_weights, folded, value })
}

/// Binds the position in the row.
fn bind_positions(
    mut folded: Vec<Fr>,
    mut weights: Vec<Fr>,
    univariates: &mut Vec<[Fr; 2]>,
    transcript: &mut Transcript<Fr>,
) -> Vec<Fr> {
    let mut challenges = Vec::new();
    while folded.len() > 1 {
        let message = product_round(&weights, &folded);
        let challenge = send(message, univariates, transcript);
        rayon::join(
            || super::relations::bind_low(&mut folded, challenge),
            || super::relations::bind_low(&mut weights, challenge),
        );
        challenges.push(challenge);
    }
    challenges
}

/// Constant and quadratic coefficient of `Σ_x u(x)·d(x)` in its lowest variable.
fn product_round(u: &[Fr], d: &[Fr]) -> [Fr; 2] {
    const PAIRS: usize = 1 << 10;
    let (u, d) = (u.par_chunks(2 * PAIRS), d.par_chunks(2 * PAIRS));
    u.zip(d)
        .map(|(u, d)| pair_sums(u, d))
        .reduce(|| [Fr::ZERO; 2], |a, b| [a[0] + b[0], a[1] + b[1]])
}

/// The same, on one thread.
fn pair_sums(u: &[Fr], d: &[Fr]) -> [Fr; 2] {
    let mut sums = [Fr::ZERO; 2];
    for (u, d) in u.chunks_exact(2).zip(d.chunks_exact(2)) {
        if d[0].is_zero() && d[1].is_zero() {
            continue;
        }
        sums[0] += u[0] * d[0];
        sums[1] += (u[1] - u[0]) * (d[1] - d[0]);
    }
    sums
}

fn send(message: [Fr; 2], univariates: &mut Vec<[Fr; 2]>, transcript: &mut Transcript<Fr>) -> Fr {
    transcript.absorb(&mut Native, "reduction round", &message);
    univariates.push(message);
    transcript.challenge(&mut Native, "reduction round")
}
