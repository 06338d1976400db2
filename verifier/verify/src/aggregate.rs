//! What a round's proven updates come to: the commitments that its sum has to open.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use rayon::prelude::*;

use crate::training::TrainingError;

/// `Σ w_i·C_{Δ_i}`, row by row; no rows without updates.
///
/// # Errors
/// [`TrainingError::RowCount`] if an update has another number of rows than the first.
pub fn weighted_rows(updates: &[(u32, &[G1Affine])]) -> Result<Vec<G1Affine>, TrainingError> {
    let expected = updates.first().map_or(0, |(_, rows)| rows.len());
    if let Some((_, other)) = updates.iter().find(|(_, rows)| rows.len() != expected) {
        return Err(TrainingError::RowCount { part: "update", expected, got: other.len() });
    }
    let sums: Vec<G1Projective> =
        (0..expected).into_par_iter().map(|row| weighted(updates, row)).collect();
    Ok(G1Projective::normalize_batch(&sums))
}

/// One row's sum. Every update has the row: their numbers of rows have been compared.
fn weighted(updates: &[(u32, &[G1Affine])], row: usize) -> G1Projective {
    let terms = updates.iter().filter_map(|(weight, rows)| Some((weight, rows.get(row)?)));
    terms.map(|(weight, row)| *row * Fr::from(*weight)).sum()
}

#[cfg(test)]
mod tests {
    use ark_ec::AffineRepr;

    use super::*;

    #[test]
    fn updates_of_different_sizes_are_not_summed() {
        let one = G1Affine::generator();
        let three = (one * Fr::from(3u64)).into_affine();
        let (long, short) = ([one; 2], [one]);
        assert_eq!(weighted_rows(&[]), Ok(vec![]));
        assert_eq!(weighted_rows(&[(1, &long), (2, &long)]), Ok(vec![three; 2]));
        let refused =
            |expected, got| Err(TrainingError::RowCount { part: "update", expected, got });
        assert_eq!(weighted_rows(&[(1, &long), (2, &short)]), refused(2, 1));
        assert_eq!(weighted_rows(&[(1, &short), (2, &long)]), refused(1, 2));
    }
}
