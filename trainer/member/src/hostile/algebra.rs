//! What linear combinations of vectors say about unknown ones.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// A row with the combination of given vectors that it is.
struct Row {
    elements: Vec<Fr>,
    from: Vec<Fr>,
}

impl Row {
    /// Position of the first element that is not zero.
    fn lead(&self) -> Option<usize> {
        self.elements.iter().position(|element| *element != Fr::ZERO)
    }

    /// Subtracts so many times another row.
    fn less(&mut self, other: &Self, times: Fr) {
        let pairs = self.elements.iter_mut().zip(&other.elements);
        pairs.for_each(|(a, b)| *a -= times * b);
        self.from.iter_mut().zip(&other.from).for_each(|(a, b)| *a -= times * b);
    }
}

/// All linear relations of vectors: a basis of the combinations that are zero.
pub fn relations(vectors: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
    let (mut kept, mut relations): (Vec<(usize, Row)>, Vec<Vec<Fr>>) = Default::default();
    for (index, vector) in vectors.iter().enumerate() {
        let mut from = vec![Fr::ZERO; vectors.len()];
        from[index] = Fr::ONE;
        let mut row = Row { elements: vector.clone(), from };
        for (lead, known) in &kept {
            let times = row.elements[*lead] * known.elements[*lead].inverse().unwrap();
            row.less(known, times);
        }
        match row.lead() {
            Some(lead) => kept.push((lead, row)),
            None => relations.push(row.from),
        }
    }
    relations
}

/// The combinations of unknown vectors that somebody computes who holds some: a basis of their
/// coefficients.
///
/// Vectors have to be longer than there are of them, and to be random besides the relations that
/// are looked for, so that what vanishes in all elements vanishes as an expression. Unknown ones have
/// to be independent by themselves, also where most of their elements are zero: what vanishes of
/// them alone would be taken for something that somebody has computed.
///
/// # Panics
/// If they are not.
pub fn reached(held: &[Vec<Fr>], unknown: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
    let all: Vec<Vec<Fr>> = unknown.iter().chain(held).cloned().collect();
    assert!(all.iter().all(|vector| vector.len() >= all.len()), "vectors are too short");
    let mut combinations = relations(&all);
    let is_computed = |relation: &Vec<Fr>| relation[unknown.len()..].iter().any(|t| *t != Fr::ZERO);
    assert!(combinations.iter().all(is_computed), "unknown vectors depend on each other");
    combinations.iter_mut().for_each(|relation| relation.truncate(unknown.len()));
    combinations
}

/// Whether a vector is a combination of others.
pub fn is_spanned(vector: &[Fr], by: &[Vec<Fr>]) -> bool {
    let mut all = by.to_vec();
    let before = relations(&all).len();
    all.push(vector.to_vec());
    relations(&all).len() > before
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use zktrain_commit::random::scalars;

    use super::*;

    fn vectors(count: usize, length: usize, seed: u64) -> Vec<Vec<Fr>> {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        (0..count).map(|_| scalars(rng, length)).collect()
    }

    fn combine(of: &[(i64, &Vec<Fr>)]) -> Vec<Fr> {
        let length = of[0].1.len();
        let at = |k: usize| of.iter().map(|(times, v)| Fr::from(*times) * v[k]).sum();
        (0..length).map(at).collect()
    }

    #[test]
    fn hostile_coordinator_algebra_finds_what_masks_do_not_hide() {
        let (updates, masks) = (vectors(2, 20, 1), vectors(3, 20, 2));
        let [x, y] = [&updates[0], &updates[1]];
        let [a, b, c] = [&masks[0], &masks[1], &masks[2]];
        // Masks that nobody took off: nothing.
        let held = [combine(&[(3, x), (1, a)]), combine(&[(2, y), (-1, a), (1, b)])];
        assert!(reached(&held, &updates).is_empty());
        // Those of a pair cancel, and the other one is known: the weighted sum.
        let held = [combine(&[(3, x), (1, a)]), combine(&[(2, y), (-1, a)])];
        let found = reached(&held, &updates);
        let sum = vec![Fr::from(3u64), Fr::from(2u64)];
        assert_eq!(found.len(), 1);
        assert!(is_spanned(&found[0], std::slice::from_ref(&sum)));
        assert!(!is_spanned(&[Fr::ONE, Fr::ZERO], &found));
        // Lists without each other one in turn, and one with all: three unknown masks, four vectors.
        let held = [
            combine(&[(1, x), (1, a), (1, b), (1, c)]),
            combine(&[(1, x), (1, b), (1, c)]),
            combine(&[(1, x), (1, a), (1, c)]),
            combine(&[(1, x), (1, a), (1, b)]),
        ];
        let found = reached(&held, &updates);
        assert_eq!(found.len(), 1);
        assert!(is_spanned(&found[0], &[vec![Fr::ONE, Fr::ZERO]]));
        assert!(!is_spanned(&found[0], std::slice::from_ref(&sum)));
        assert!(reached(&held[1..], &updates).is_empty());
    }

    /// Vectors that are random in few elements alone, and more of them than there are such elements.
    #[test]
    #[should_panic(expected = "unknown vectors depend on each other")]
    fn hostile_coordinator_algebra_takes_no_relation_of_numbers_for_one_of_expressions() {
        let few = |seed| {
            let random = vectors(1, 3, seed).remove(0);
            [vec![Fr::ZERO; 17], random].concat()
        };
        let unknown: Vec<Vec<Fr>> = (4..8).map(few).collect();
        assert!(reached(&[], &unknown[..3]).is_empty());
        reached(&[], &unknown);
    }

    #[test]
    fn hostile_coordinator_algebra_knows_what_is_dependent() {
        let mut all = vectors(4, 6, 3);
        assert!(relations(&all).is_empty());
        all.push(combine(&[(2, &all[0]), (-5, &all[3])]));
        let found = relations(&all);
        assert_eq!(found.len(), 1);
        for k in 0..6 {
            let zero: Fr = found[0].iter().zip(&all).map(|(times, v)| *times * v[k]).sum();
            assert_eq!(zero, Fr::ZERO);
        }
        assert!(is_spanned(&all[4], &all[..4]) && !is_spanned(&all[4], &all[1..4]));
        assert!(is_spanned(&[Fr::ZERO; 6], &[]));
    }
}
