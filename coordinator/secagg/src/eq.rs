//! `eq`, and multilinear extensions of field elements.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// `eq(point, x)` for every `x`, the point's first coordinate in the lowest bit.
pub(crate) fn eq_table(point: &[Fr]) -> Vec<Fr> {
    let mut table = vec![Fr::ONE];
    for coordinate in point {
        let half = table.len();
        table.resize(2 * half, Fr::ZERO);
        let (low, high) = table.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            *high = *low * coordinate;
            *low -= *high;
        }
    }
    table
}

/// `eq(point, index)` for one index.
pub(crate) fn eq_at(point: &[Fr], index: usize) -> Fr {
    let factor = |(bit, r): (usize, &Fr)| if (index >> bit) & 1 == 1 { *r } else { Fr::ONE - r };
    point.iter().enumerate().map(factor).product()
}

/// The multilinear extension of `values` at `point`.
pub(crate) fn evaluate(values: &[Fr], point: &[Fr]) -> Fr {
    eq_table(point).iter().zip(values).map(|(e, v)| *e * v).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_agree_with_what_they_extend_and_are_linear_in_each_coordinate() {
        let values: Vec<Fr> = (3..11u64).map(Fr::from).collect();
        for (index, value) in values.iter().enumerate() {
            let corner: Vec<Fr> = (0..3).map(|bit| Fr::from((index >> bit & 1) as u64)).collect();
            assert_eq!(evaluate(&values, &corner), *value, "{index}");
        }
        let point: Vec<Fr> = [5u64, 7, 11].map(Fr::from).to_vec();
        for (index, entry) in eq_table(&point).iter().enumerate() {
            assert_eq!(eq_at(&point, index), *entry, "{index}");
        }
        for k in 0..3 {
            let at = |coordinate: Fr| {
                let mut point = point.clone();
                point[k] = coordinate;
                evaluate(&values, &point)
            };
            let line = at(Fr::ZERO) + point[k] * (at(Fr::ONE) - at(Fr::ZERO));
            assert_eq!(evaluate(&values, &point), line, "{k}");
        }
    }
}
