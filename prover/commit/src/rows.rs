//! Commitments to rows of small signed integers.

use std::sync::LazyLock;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::AdditiveGroup;
use rayon::prelude::*;
use zktrain_argument::curve::blinding_base;
use zktrain_msm::Row;
use zktrain_msm::fixed_base::FixedBase;
use zktrain_msm::rows::row_sums;

use crate::srs::Powers;

static BLINDING_TABLE: LazyLock<FixedBase> = LazyLock::new(|| FixedBase::new(blinding_base()));

/// Why rows cannot be committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// One blinding for each row.
    #[error("{got} blindings for {expected} rows")]
    BlindingCount {
        /// The number of rows.
        expected: usize,
        /// The number of blindings.
        got: usize,
    },
    /// A row is longer than the reference string.
    #[error("row {row} has {got} entries, the reference string serves {expected}")]
    RowTooLong {
        /// Which row.
        row: usize,
        /// The number of powers.
        expected: usize,
        /// The row's width.
        got: usize,
    },
    /// Positions of a sparse row are not strictly increasing.
    #[error("row {row} is not sorted at its entry {entry}")]
    Unsorted {
        /// Which row.
        row: usize,
        /// The first entry whose position does not exceed the one before.
        entry: usize,
    },
}

/// Commits to rows: `C_i = Σ_j rows[i][j]·g1[j] + blinds[i]·H`, with `H` the
/// [blinding base](zktrain_argument::curve::blinding_base).
///
/// # Errors
/// If there is not one blinding a row, a row is wider than `g1` is long, or a sparse row is not
/// sorted.
pub fn commit_rows(
    g1: Powers<'_>,
    rows: &[&Row],
    blinds: &[Fr],
) -> Result<Vec<G1Affine>, CommitError> {
    commit_to(&g1, rows, blinds)
}

/// The same over any bases.
fn commit_to(
    bases: &[G1Affine],
    rows: &[&Row],
    blinds: &[Fr],
) -> Result<Vec<G1Affine>, CommitError> {
    check_rows(bases, rows, blinds)?;
    let mut commitments = row_sums(bases, rows);
    let blinded = commitments.par_iter_mut().zip(blinds).filter(|(_, blind)| **blind != Fr::ZERO);
    blinded.for_each(|(commitment, blind)| *commitment += BLINDING_TABLE.mul(blind));
    Ok(G1Projective::normalize_batch(&commitments))
}

fn check_rows(g1: &[G1Affine], rows: &[&Row], blinds: &[Fr]) -> Result<(), CommitError> {
    if rows.len() != blinds.len() {
        return Err(CommitError::BlindingCount { expected: rows.len(), got: blinds.len() });
    }
    for (index, row) in rows.iter().enumerate() {
        if let Row::Sparse(entries) = row {
            let unsorted = entries.windows(2).position(|pair| pair[0].0 >= pair[1].0);
            if let Some(i) = unsorted {
                return Err(CommitError::Unsorted { row: index, entry: i + 1 });
            }
        }
        if row.width() > g1.len() {
            return Err(CommitError::RowTooLong {
                row: index,
                expected: g1.len(),
                got: row.width(),
            });
        }
    }
    Ok(())
}

/// The same sums without blinding by a bare multi-scalar multiplication of arkworks a row: what
/// benchmarks compare a prover with.
///
/// Rows go one after another, each split by sign and width of its entries and spread over the
/// threads by arkworks.
///
/// # Panics
/// If a row is wider than `g1` is long.
pub fn commit_floor(g1: Powers<'_>, rows: &[&Row]) -> Vec<G1Projective> {
    rows.iter().map(|row| floor_row(&g1, row)).collect()
}

fn floor_row(g1: &[G1Affine], row: &Row) -> G1Projective {
    let mut signs = [Magnitudes::default(), Magnitudes::default()];
    row.for_each(|position, entry| {
        if entry != 0 {
            signs[usize::from(entry < 0)].push(g1[position], entry.unsigned_abs());
        }
    });
    let [positive, negative] = signs;
    positive.sum() - negative.sum()
}

/// Entries of one sign by width, each with its base.
#[derive(Default)]
struct Magnitudes {
    ones: (Vec<G1Affine>, Vec<bool>),
    bytes: (Vec<G1Affine>, Vec<u8>),
    shorts: (Vec<G1Affine>, Vec<u16>),
    words: (Vec<G1Affine>, Vec<u32>),
}

impl Magnitudes {
    fn push(&mut self, base: G1Affine, magnitude: u32) {
        fn add<T>(group: &mut (Vec<G1Affine>, Vec<T>), base: G1Affine, scalar: T) {
            group.0.push(base);
            group.1.push(scalar);
        }
        match magnitude {
            0..=1 => add(&mut self.ones, base, magnitude == 1),
            2..=0xff => add(&mut self.bytes, base, magnitude as u8),
            0x100..=0xffff => add(&mut self.shorts, base, magnitude as u16),
            _ => add(&mut self.words, base, magnitude),
        }
    }

    fn sum(&self) -> G1Projective {
        G1Projective::msm_u1(&self.ones.0, &self.ones.1)
            + G1Projective::msm_u8(&self.bytes.0, &self.bytes.1)
            + G1Projective::msm_u16(&self.shorts.0, &self.shorts.1)
            + G1Projective::msm_u32(&self.words.0, &self.words.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::Srs;
    use ark_ff::UniformRand;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    static G1: LazyLock<Vec<G1Affine>> = LazyLock::new(|| {
        Srs::generate_g1(10, &mut ChaCha20Rng::seed_from_u64(1)).g1[..1024].to_vec()
    });

    fn naive(row: &Row, blind: Fr) -> G1Affine {
        let mut sum = blinding_base() * blind;
        row.for_each(|j, k| sum += G1[j] * Fr::from(k));
        sum.into_affine()
    }

    fn check(rows: &[Row], seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let blinds: Vec<Fr> = rows
            .iter()
            .enumerate()
            .map(|(i, _)| if i % 4 == 3 { Fr::ZERO } else { Fr::rand(&mut rng) })
            .collect();
        let rows: Vec<&Row> = rows.iter().collect();
        let expected: Vec<G1Affine> =
            rows.iter().zip(&blinds).map(|(row, b)| naive(row, *b)).collect();
        assert_eq!(commit_to(&G1, &rows, &blinds).unwrap(), expected);
        let floor = &rows.iter().map(|row| floor_row(&G1, row)).collect::<Vec<_>>();
        for ((floor, row), _) in floor.iter().zip(&rows).zip(&blinds) {
            assert_eq!(floor.into_affine(), naive(row, Fr::ZERO));
        }
    }

    /// A row of entries of at most `bits` bits and a sign.
    fn dense(len: usize, bits: u32, rng: &mut ChaCha20Rng) -> Row {
        let bound = 1i64 << bits;
        Row::Dense((0..len).map(|_| rng.gen_range(-bound + 1..bound) as i32).collect())
    }

    #[test]
    fn rows_of_every_width_match_plain_sums() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let rows: Vec<Row> = (1..=31).map(|bits| dense(97, bits, &mut rng)).collect();
        check(&rows, 3);
    }

    #[test]
    fn extremes_match_plain_sums() {
        let edges = vec![i32::MIN, i32::MAX, -1, 0, 1, i32::MIN + 1, 1 << 15, -(1 << 15), 0xffff];
        let rows = [
            Row::Dense(vec![]),
            Row::Sparse(vec![]),
            Row::Dense(vec![0; 1024]),
            Row::Dense(vec![1; 1024]),
            Row::Dense(vec![-1; 1024]),
            Row::Dense(vec![i32::MIN; 600]),
            Row::Sparse(vec![(1023, i32::MIN)]),
            Row::Sparse(vec![(0, 5), (1, 0), (1023, -5)]),
            Row::Dense(edges),
        ];
        check(&rows, 4);
    }

    #[test]
    fn many_rows_match_plain_sums() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let rows: Vec<Row> =
            (0..70).map(|i| dense(40 + i, [1, 8, 15, 16, 24][i % 5], &mut rng)).collect();
        check(&rows, 6);
    }

    #[test]
    fn equal_and_opposite_bases_are_added() {
        // Buckets that hold a base again, or its opposite, take the doubling and cancelling paths.
        let point = G1[3];
        let bases = vec![point, point, -point, point, point, -point, G1Affine::identity(), point];
        for row in
            [vec![7; 8], vec![1, 1, 1, -1, -1, -1, 9, 2], vec![300, 300, 300, 0, -300, 300, 1, 1]]
        {
            let mut expected = G1Projective::ZERO;
            bases.iter().zip(&row).for_each(|(base, k)| expected += *base * Fr::from(*k));
            let row = Row::Dense(row);
            let got = commit_to(&bases, &[&row, &row], &[Fr::ZERO; 2]).unwrap();
            assert_eq!(got, vec![expected.into_affine(); 2]);
        }
    }

    #[test]
    fn malformed_calls_are_typed_errors() {
        let row = Row::Dense(vec![1; 1025]);
        let error = commit_to(&G1, &[&row], &[Fr::ZERO]).unwrap_err();
        assert_eq!(error, CommitError::RowTooLong { row: 0, expected: 1024, got: 1025 });
        let error = commit_to(&G1, &[&Row::Dense(vec![])], &[]).unwrap_err();
        assert_eq!(error, CommitError::BlindingCount { expected: 1, got: 0 });
        for positions in [[4, 4], [4, 3]] {
            let row = Row::Sparse(positions.map(|p| (p, 1)).to_vec());
            let error = commit_to(&G1, &[&Row::Dense(vec![]), &row], &[Fr::ZERO; 2]).unwrap_err();
            assert_eq!(error, CommitError::Unsorted { row: 1, entry: 1 });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn any_rows_match_plain_sums(
            dense in prop::collection::vec(prop::collection::vec(any::<i32>(), 0..60), 0..4),
            sparse in prop::collection::btree_map(0u32..1024, -300i32..300, 0..40),
            seed: u64,
        ) {
            let mut rows: Vec<Row> = dense.into_iter().map(Row::Dense).collect();
            rows.push(Row::Sparse(sparse.into_iter().collect()));
            check(&rows, seed);
        }
    }
}
