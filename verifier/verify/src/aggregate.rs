//! What a round's proven updates come to: the commitments that its sum has to open.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use rayon::prelude::*;

/// `Σ w_i·C_{Δ_i}`, row by row.
pub fn weighted_rows(updates: &[(u32, &[G1Affine])]) -> Vec<G1Affine> {
    let rows = updates.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0);
    let sums: Vec<G1Projective> =
        (0..rows).into_par_iter().map(|row| weighted(updates, row)).collect();
    G1Projective::normalize_batch(&sums)
}

fn weighted(updates: &[(u32, &[G1Affine])], row: usize) -> G1Projective {
    let terms = updates.iter().filter_map(|(weight, rows)| Some((weight, rows.get(row)?)));
    terms.map(|(weight, row)| *row * Fr::from(*weight)).sum()
}
