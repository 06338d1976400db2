//! The weights `eq(z, i)` of the pairs that a sumcheck sums over for one variable.

use ark_bn254::Fr;
use ark_ff::{One, Zero};

/// Variables of the inner factor of a split table: its 2^9 entries stay in the
/// first level cache.
const INNER_VARIABLES: usize = 9;

/// `eq` over every leading part of a point, each as a product of an inner and
/// an outer table, so that no table has the size of the layer.
pub(super) struct EqTables {
    /// Entry `j` is the table over the first `j` variables.
    inner: Vec<Vec<Fr>>,
    /// Entry `j` is the table over the `j` variables behind the inner ones.
    outer: Vec<Vec<Fr>>,
}

impl EqTables {
    /// The tables over the variables `z`.
    pub(super) fn new(z: &[Fr]) -> Self {
        let (inner, outer) = z.split_at(z.len().min(INNER_VARIABLES));
        Self { inner: ladder(inner), outer: ladder(outer) }
    }

    /// Tables `(inner, outer)` over the first `variables` variables: the weight
    /// of `i` is `outer[i / inner.len()]·inner[i % inner.len()]`.
    pub(super) fn over(&self, variables: usize) -> (&[Fr], &[Fr]) {
        let inner = variables.min(self.inner.len() - 1);
        (&self.inner[inner], &self.outer[variables - inner])
    }
}

fn ladder(z: &[Fr]) -> Vec<Vec<Fr>> {
    let mut tables = vec![vec![Fr::one()]];
    for t in z {
        let last = &tables[tables.len() - 1];
        let high: Vec<Fr> = last.iter().map(|v| *v * t).collect();
        let mut table: Vec<Fr> = last.iter().zip(&high).map(|(v, h)| *v - h).collect();
        table.extend(high);
        tables.push(table);
    }
    tables
}

/// `Σ_{i < end} eq(z, i)` for `end ≤ 2^|z|`, in `O(|z|)`.
pub(super) fn weight_below(z: &[Fr], end: usize) -> Fr {
    if end >> z.len() != 0 {
        return Fr::one();
    }
    let (mut sum, mut prefix) = (Fr::zero(), Fr::one());
    for (bit, t) in z.iter().enumerate().rev() {
        let high = prefix * t;
        if end >> bit & 1 == 1 {
            sum += prefix - high; // all indices with a zero where `end` has a one
            prefix = high;
        } else {
            prefix -= high;
        }
    }
    sum
}

/// `eq(z, index)`
pub(super) fn weight_of(z: &[Fr], index: usize) -> Fr {
    let factor = |(bit, t): (usize, &Fr)| {
        if index >> bit & 1 == 1 { *t } else { Fr::one() - t }
    };
    z.iter().enumerate().map(factor).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;
    use rand::SeedableRng;

    #[test]
    fn tables_and_prefix_sums_agree_with_the_definition() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let z: Vec<Fr> = (0..11).map(|_| Fr::rand(&mut rng)).collect();
        let tables = EqTables::new(&z);
        for variables in [0, 1, 5, 9, 10, 11] {
            let (inner, outer) = tables.over(variables);
            assert_eq!(inner.len() * outer.len(), 1 << variables);
            let mut sum = Fr::zero();
            for i in 0..1usize << variables {
                assert_eq!(weight_below(&z[..variables], i), sum);
                let weight = weight_of(&z[..variables], i);
                assert_eq!(outer[i / inner.len()] * inner[i % inner.len()], weight);
                sum += weight;
            }
            assert_eq!(weight_below(&z[..variables], 1 << variables), sum);
            assert_eq!(sum, Fr::one());
        }
    }
}
