//! Sums of products with the modular reduction left to the end.
//!
//! Both accumulators work on the Montgomery limbs of their operands, as integers. A sum of
//! products is then an integer a few limbs longer than the modulus, and one reduction at the end
//! replaces one a term.

use ark_bn254::{Fr, FrConfig};
use ark_ff::{AdditiveGroup, BigInt, MontConfig, PrimeField};
use rayon::prelude::*;

use crate::Row;

/// Columns that [`fold_rows`] keeps in flight: 64 bytes each, so that a block stays in the first
/// level cache beside the row it reads.
const FOLD_BLOCK: usize = 256;

const MODULUS: [u64; 4] = Fr::MODULUS.0;

/// `lo + hi·2^256` as the Montgomery form of a field element.
///
/// `2^256` is the Montgomery form of one, so `hi·2^256` is that of the integer `hi`.
#[inline]
fn reduce_montgomery(mut lo: [u64; 4], hi: i128) -> Fr {
    // 2^256 < 6r: at most five subtractions.
    while !less_than(&lo, &MODULUS) {
        let mut borrow = false;
        for (limb, m) in lo.iter_mut().zip(MODULUS) {
            let (d, b0) = limb.overflowing_sub(m);
            let (d, b1) = d.overflowing_sub(u64::from(borrow));
            *limb = d;
            borrow = b0 | b1;
        }
    }
    let lo = Fr::new_unchecked(BigInt(lo));
    if hi == 0 { lo } else { lo + Fr::from(hi) }
}

#[inline]
fn less_than(a: &[u64; 4], b: &[u64; 4]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// A sum of products of field elements and signed 32-bit integers.
///
/// Each limb of the field element is multiplied by the integer into a signed 128-bit lane of its
/// own. A product is below `2^95`, so the lanes hold `2^31` additions with room to spare; adding
/// more than that is outside the contract of this type.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedAccumulator {
    lanes: [i128; 4],
}

impl SignedAccumulator {
    /// Adds `a·k`.
    #[inline(always)]
    pub fn add(&mut self, a: &Fr, k: i32) {
        for (lane, &limb) in self.lanes.iter_mut().zip(&a.0.0) {
            *lane += i128::from(limb) * i128::from(k);
        }
    }

    /// Adds all that `other` holds; the additions of both count towards the bound.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        for (lane, o) in self.lanes.iter_mut().zip(&other.lanes) {
            *lane += o;
        }
    }

    /// The sum, reduced.
    pub fn finish(&self) -> Fr {
        let mut limbs = [0u64; 4];
        let mut carry = 0i128;
        for (limb, lane) in limbs.iter_mut().zip(&self.lanes) {
            let sum = lane + carry;
            *limb = sum as u64;
            carry = sum >> 64;
        }
        reduce_montgomery(limbs, carry)
    }
}

/// `Σ_i a[i]·k[i]` on the calling thread; the longer slice is cut to the length of the shorter.
pub fn dot_i32(a: &[Fr], k: &[i32]) -> Fr {
    let mut sum = SignedAccumulator::default();
    for (a, &k) in a.iter().zip(k) {
        sum.add(a, k);
    }
    sum.finish()
}

/// `acc[j] += s·row[j]` for every `j` of the shorter slice.
pub fn axpy_i32(acc: &mut [SignedAccumulator], s: &Fr, row: &[i32]) {
    for (sum, &k) in acc.iter_mut().zip(row) {
        // Most rows are mostly zero; the test is cheaper than four products.
        if k != 0 {
            sum.add(s, k);
        }
    }
}

/// `Σ_i weights[i]·rows[i][j]` for every `j < len`, in parallel over columns.
///
/// # Panics
/// If `weights` and `rows` differ in length, or a row is wider than `len`.
pub fn fold_rows(weights: &[Fr], rows: &[&Row], len: usize) -> Vec<Fr> {
    assert_eq!(weights.len(), rows.len(), "one weight for each row");
    assert!(rows.iter().all(|row| row.width() <= len), "a row is wider than the fold");
    let mut folded = vec![Fr::ZERO; len];
    folded.par_chunks_mut(FOLD_BLOCK).enumerate().for_each(|(block, out)| {
        let start = block * FOLD_BLOCK;
        let mut acc = [SignedAccumulator::default(); FOLD_BLOCK];
        for (weight, row) in weights.iter().zip(rows) {
            fold_block(&mut acc[..out.len()], start, weight, row);
        }
        for (out, sum) in out.iter_mut().zip(&acc) {
            *out = sum.finish();
        }
    });
    folded
}

/// Adds `weight·row[start..start + acc.len()]`.
fn fold_block(acc: &mut [SignedAccumulator], start: usize, weight: &Fr, row: &Row) {
    match row {
        Row::Dense(entries) => axpy_i32(acc, weight, entries.get(start..).unwrap_or(&[])),
        Row::Sparse(entries) => {
            let first = entries.partition_point(|&(position, _)| (position as usize) < start);
            for &(position, k) in &entries[first..] {
                match acc.get_mut(position as usize - start) {
                    Some(sum) => sum.add(weight, k),
                    None => break,
                }
            }
        }
    }
}

/// A sum of products of pairs of field elements.
///
/// Holds the integer sum of the 512-bit products of Montgomery limbs in nine limbs, enough for
/// `2^68` additions.
#[derive(Clone, Copy, Debug, Default)]
pub struct WideAccumulator {
    limbs: [u64; 9],
}

impl WideAccumulator {
    /// Adds `a·b`.
    #[inline(always)]
    pub fn add(&mut self, a: &Fr, b: &Fr) {
        let product = widening_mul(&a.0.0, &b.0.0);
        let mut carry = false;
        for (limb, p) in self.limbs.iter_mut().zip(product) {
            let (sum, c0) = limb.overflowing_add(p);
            let (sum, c1) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = c0 | c1;
        }
        self.limbs[8] += u64::from(carry);
    }

    /// Adds all that `other` holds.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        let mut carry = 0u128;
        for (limb, &o) in self.limbs.iter_mut().zip(&other.limbs) {
            let sum = u128::from(*limb) + u128::from(o) + carry;
            *limb = sum as u64;
            carry = sum >> 64;
        }
    }

    /// The sum, by one Montgomery reduction.
    pub fn finish(&self) -> Fr {
        let mut limbs = self.limbs;
        for i in 0..4 {
            let factor = limbs[i].wrapping_mul(FrConfig::INV);
            let mut carry = 0u128;
            for (limb, &m) in limbs[i..].iter_mut().zip(&MODULUS) {
                let sum = u128::from(*limb) + u128::from(factor) * u128::from(m) + carry;
                *limb = sum as u64;
                carry = sum >> 64;
            }
            for limb in &mut limbs[i + 4..] {
                let sum = u128::from(*limb) + carry;
                *limb = sum as u64;
                carry = sum >> 64;
            }
        }
        let [_, _, _, _, a, b, c, d, top] = limbs;
        reduce_montgomery([a, b, c, d], i128::from(top))
    }
}

/// The product of two four-limb integers, lowest limb first.
#[inline(always)]
fn widening_mul(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let mut product = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0u64;
        for j in 0..4 {
            let sum = u128::from(a[i]) * u128::from(b[j])
                + u128::from(product[i + j])
                + u128::from(carry);
            product[i + j] = sum as u64;
            carry = (sum >> 64) as u64;
        }
        product[i + 4] = carry;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    fn rng(seed: u64) -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(seed)
    }

    #[test]
    fn signed_sum_matches_plain_sum() {
        let mut rng = rng(1);
        let mut sum = SignedAccumulator::default();
        let mut plain = Fr::ZERO;
        for _ in 0..1000 {
            let (a, k) = (Fr::rand(&mut rng), rng.r#gen::<i32>());
            sum.add(&a, k);
            plain += a * Fr::from(k);
            assert_eq!(sum.finish(), plain);
        }
    }

    #[test]
    fn signed_extremes() {
        let largest = Fr::new_unchecked(BigInt({
            let mut m = MODULUS;
            m[0] -= 1;
            m
        }));
        for k in [i32::MIN, -1, 0, 1, i32::MAX] {
            let mut sum = SignedAccumulator::default();
            let mut plain = Fr::ZERO;
            for _ in 0..50 {
                sum.add(&largest, k);
                plain += largest * Fr::from(k);
            }
            // Doubling reaches 50·2^25 additions, which would overflow 96-bit lanes.
            for _ in 0..25 {
                let copy = sum;
                sum.merge(&copy);
                plain.double_in_place();
            }
            assert_eq!(sum.finish(), plain, "k = {k}");
        }
    }

    #[test]
    fn wide_sum_matches_plain_sum() {
        let mut rng = rng(2);
        let (mut left, mut right) = (WideAccumulator::default(), WideAccumulator::default());
        let mut plain = Fr::ZERO;
        for i in 0..1000 {
            let (a, b) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
            if i % 3 == 0 {
                left.add(&a, &b)
            } else {
                right.add(&a, &b)
            }
            plain += a * b;
        }
        left.merge(&right);
        assert_eq!(left.finish(), plain);
    }

    #[test]
    fn wide_extremes_carry_into_the_ninth_limb() {
        let mut m = MODULUS;
        m[0] -= 1;
        let largest = Fr::new_unchecked(BigInt(m));
        let mut sum = WideAccumulator::default();
        let mut plain = Fr::ZERO;
        for _ in 0..100 {
            sum.add(&largest, &largest);
            plain += largest * largest;
        }
        assert_ne!(sum.limbs[8], 0);
        for _ in 0..50 {
            let copy = sum;
            sum.merge(&copy);
            plain.double_in_place();
        }
        assert_eq!(sum.finish(), plain);
    }

    #[test]
    #[should_panic(expected = "wider than the fold")]
    fn fold_refuses_wide_rows() {
        fold_rows(&[Fr::ZERO], &[&Row::Sparse(vec![(8, 1)])], 8);
    }

    fn any_row(len: usize) -> impl Strategy<Value = Row> {
        prop_oneof![
            prop::collection::vec(any::<i32>(), 0..=len).prop_map(Row::Dense),
            prop::collection::btree_map(0..len as u32, any::<i32>(), 0..20)
                .prop_map(|map| Row::Sparse(map.into_iter().collect())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn fold_matches_plain_sums(rows in prop::collection::vec(any_row(600), 0..6), seed: u64) {
            let mut rng = rng(seed);
            let weights: Vec<Fr> = rows.iter().map(|_| Fr::rand(&mut rng)).collect();
            let mut expected = vec![Fr::ZERO; 600];
            for (weight, row) in weights.iter().zip(&rows) {
                match row {
                    Row::Dense(v) => v.iter().enumerate().for_each(|(j, &k)| expected[j] += *weight * Fr::from(k)),
                    Row::Sparse(v) => v.iter().for_each(|&(j, k)| expected[j as usize] += *weight * Fr::from(k)),
                }
            }
            prop_assert_eq!(fold_rows(&weights, &rows.iter().collect::<Vec<_>>(), 600), expected);
        }

        #[test]
        fn dot_matches_plain_sum(k in prop::collection::vec(any::<i32>(), 0..50), seed: u64) {
            let mut rng = rng(seed);
            let a: Vec<Fr> = k.iter().map(|_| Fr::rand(&mut rng)).collect();
            let plain: Fr = a.iter().zip(&k).map(|(a, &k)| *a * Fr::from(k)).sum();
            prop_assert_eq!(dot_i32(&a, &k), plain);
        }
    }
}
