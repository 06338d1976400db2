//! Sums of points weighted by small digits.
//!
//! The multi-scalar multiplications here all come down to *digit sums* `Σ_i d_i·(±P_i)` with
//! `0 < d_i < 2^bits`. Points of one digit sum and equal digit are added first. Then every digit is
//! split into its upper and lower half, which gives two digit sums of half as many bits, and again
//! equal digits are added; and so on, until the digits are single bits. With `n` items and `o`
//! digits that occur, this takes about `n − o` additions and `2·o` more, all of them in batches
//! (see [`super::affine`]), never more than buckets for either half alone would take.

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, PrimeGroup};
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::{affine::sum_runs, lanes::StoredPoint};

/// The largest number of bits of a digit.
pub(crate) const MAX_DIGIT_BITS: u32 = 16;

/// Bases of digit sums and their negatives, in the form that additions are made in.
pub(crate) struct Bases {
    /// Base `i` at `2i`, its negative at `2i + 1`: reading twice as much memory is cheaper than
    /// negating on the way.
    points: Vec<StoredPoint>,
    /// Whether one is the neutral element.
    neutral: bool,
}

impl Bases {
    /// Converts affine points: some 40 ns each.
    pub(crate) fn new(points: &[G1Affine]) -> Self {
        let mut stored = vec![StoredPoint::NEUTRAL; 2 * points.len()];
        stored.par_chunks_exact_mut(2).zip(points).with_min_len(1 << 10).for_each(|(pair, p)| {
            pair[0] = StoredPoint::new(p);
            pair[1] = StoredPoint::new(&-*p);
        });
        let neutral = points.iter().any(G1Affine::is_zero);
        Self { points: stored, neutral }
    }
}

/// One term of a digit sum: digit, index of the base, whether the base is negated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item(u64);

impl Item {
    /// A term. The digit must not be zero, the index must be below `2^31`.
    #[inline(always)]
    pub(crate) fn new(digit: u32, base: usize, negate: bool) -> Self {
        Self(u64::from(digit) << 32 | (base as u64) << 1 | u64::from(negate))
    }

    #[inline(always)]
    fn digit(self) -> usize {
        (self.0 >> 32) as usize
    }

    #[inline(always)]
    fn signed_base(self) -> u32 {
        self.0 as u32
    }
}

/// The digit sum of every list of items, whose digits are below `2^bits`.
///
/// # Panics
/// If a base's index is out of range, or `bits` exceeds [`MAX_DIGIT_BITS`].
pub(crate) fn digit_sums(bases: &Bases, lists: &[Vec<Item>], bits: u32) -> Vec<G1Projective> {
    assert!(bits <= MAX_DIGIT_BITS, "digits of {bits} bits");
    let padded = bits.next_power_of_two();
    let mut level = first_level(bases, lists, bits, padded);
    let mut width = padded;
    while width > 1 {
        width /= 2;
        level = level.split(width, lists.len() * (padded / width) as usize);
    }
    horner(&level, lists.len(), padded as usize)
}

/// Digit sums with equal digits added. A key is the number of the sum, then the digit; keys
/// increase.
struct Level {
    keys: Vec<u32>,
    points: Vec<StoredPoint>,
    /// Whether a point may be the neutral element.
    neutral: bool,
}

/// Adds the bases of equal digit in every list; keys leave `padded` bits for a digit.
fn first_level(bases: &Bases, lists: &[Vec<Item>], bits: u32, padded: u32) -> Level {
    let total = lists.iter().map(Vec::len).sum();
    let mut order = Vec::with_capacity(total);
    let (mut keys, mut lens) = (Vec::new(), Vec::new());
    let mut counts = Vec::new();
    for (sum, list) in lists.iter().enumerate() {
        let prefix = (sum as u32) << padded;
        let start = order.len();
        order.resize(start + list.len(), 0);
        sort_by_digit(list, bits, &mut counts, &mut order[start..], |digit, len| {
            keys.push(prefix | digit);
            lens.push(len);
        });
    }
    let load = |i: usize| bases.points[order[i] as usize];
    let mut neutral = bases.neutral;
    Level { points: sum_runs(load, &lens, &mut neutral), keys, neutral }
}

/// Writes the signed bases to `order`, those of equal digit together, and reports every digit that
/// occurs, in increasing order, with how often it does.
fn sort_by_digit(
    list: &[Item],
    bits: u32,
    counts: &mut Vec<u32>,
    order: &mut [u32],
    mut report: impl FnMut(u32, u32),
) {
    if list.len() < 1 << bits >> 3 {
        // Few items: sorting them is cheaper than visiting every digit.
        let mut sorted = list.to_vec();
        sorted.sort_unstable_by_key(|item| item.0);
        for (slot, item) in order.iter_mut().zip(&sorted) {
            *slot = item.signed_base();
        }
        for run in sorted.chunk_by(|a, b| a.digit() == b.digit()) {
            report(run[0].digit() as u32, run.len() as u32);
        }
        return;
    }
    counts.clear();
    counts.resize(1 << bits, 0);
    list.iter().for_each(|item| counts[item.digit()] += 1);
    let mut next = 0;
    for (digit, count) in counts.iter_mut().enumerate() {
        let len = std::mem::replace(count, next);
        if len > 0 {
            report(digit as u32, len);
            next += len;
        }
    }
    for item in list {
        let slot = &mut counts[item.digit()];
        order[*slot as usize] = item.signed_base();
        *slot += 1;
    }
}

impl Level {
    /// Splits digits of `2·width` bits into halves: sum `s` becomes the sums `2s` (lower halves)
    /// and `2s + 1` (upper halves) of `sums` in all.
    fn split(&self, width: u32, sums: usize) -> Level {
        let mut counts = vec![0u32; sums << width];
        let mask = (1u32 << width) - 1;
        let halves = |key: u32| {
            let (digit, sum) = (key & (mask << width | mask), key >> width >> width);
            [(2 * sum, digit & mask), (2 * sum + 1, digit >> width)]
                .map(|(sum, half)| (half != 0).then_some((sum << width | half) as usize))
        };
        for &key in &self.keys {
            halves(key).into_iter().flatten().for_each(|half| counts[half] += 1);
        }
        let (mut keys, mut lens) = (Vec::new(), Vec::new());
        let mut next = 0;
        for (key, count) in counts.iter_mut().enumerate() {
            let len = std::mem::replace(count, next);
            if len > 0 {
                keys.push(key as u32);
                lens.push(len);
                next += len;
            }
        }
        let mut order = vec![0u32; next as usize];
        for (i, &key) in self.keys.iter().enumerate() {
            for half in halves(key).into_iter().flatten() {
                order[counts[half] as usize] = i as u32;
                counts[half] += 1;
            }
        }
        let mut neutral = self.neutral;
        let points = sum_runs(|i| self.points[order[i] as usize], &lens, &mut neutral);
        Level { keys, points, neutral }
    }
}

/// Adds up digit sums of single bits: sum `s` of `bits` bits is made of the sums
/// `s·bits + position`, each times two to its position.
fn horner(level: &Level, sums: usize, bits: usize) -> Vec<G1Projective> {
    let mut out = vec![G1Projective::ZERO; sums];
    let mut rest = level.keys.iter().zip(&level.points).rev().peekable();
    for (sum, out) in out.iter_mut().enumerate().rev() {
        for position in (0..bits).rev() {
            out.double_in_place();
            let key = ((sum * bits + position) << 1 | 1) as u32;
            if let Some((_, point)) = rest.next_if(|(k, _)| **k == key) {
                *out += point.to_affine();
            }
        }
    }
    out
}

/// `Σ_k 2^(width·k)·digits[k]`.
pub(crate) fn combine(digits: &[G1Projective], width: u32) -> G1Projective {
    digits.iter().rev().fold(G1Projective::ZERO, |sum, digit| {
        let scaled = sum.mul_bigint([1u64 << width]);
        scaled + digit
    })
}

/// About how many additions a digit sum of `items` random digits of `bits` bits takes. What is
/// chosen by it never changes a result, only its cost.
pub(crate) fn estimated_additions(items: f64, bits: u32) -> f64 {
    let occupied = |items: f64, slots: f64| slots * (1.0 - (-items / slots).exp());
    let mut points = occupied(items, f64::from(1u32 << bits));
    let mut additions = items - points;
    let padded = bits.next_power_of_two();
    let mut width = padded;
    while width > 1 {
        width /= 2;
        let halves = 2.0 * points;
        let slots = f64::from(padded / width) * f64::from(1u32 << width);
        points = occupied(halves, slots.min(halves * 16.0));
        additions += halves - points;
    }
    // Doublings and additions of Horner's rule, in general formulas.
    additions + 3.0 * f64::from(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use ark_ec::CurveGroup;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    fn bases(n: u64) -> Vec<G1Affine> {
        let g = G1Projective::generator();
        (1..=n).map(|k| (g * Fr::from(k * k + 7)).into_affine()).collect()
    }

    #[test]
    fn digit_sums_match_plain_sums_at_every_width() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let bases = bases(300);
        for bits in 1..=MAX_DIGIT_BITS {
            let mut expected = Vec::new();
            let mut lists = Vec::new();
            for n in [0, 1, 3, 40, 300] {
                let mut sum = G1Projective::ZERO;
                let mut list = Vec::new();
                for (i, base) in bases.iter().enumerate().take(n) {
                    let (digit, negate) = (rng.gen_range(1..1u32 << bits), rng.r#gen());
                    list.push(Item::new(digit, i, negate));
                    let scalar = Fr::from(digit);
                    sum += *base * if negate { -scalar } else { scalar };
                }
                lists.push(list);
                expected.push(sum);
            }
            assert_eq!(digit_sums(&Bases::new(&bases), &lists, bits), expected, "{bits} bits");
        }
    }

    #[test]
    fn combining_weighs_digits() {
        let points: Vec<G1Projective> = bases(3).into_iter().map(Into::into).collect();
        for width in [1, 7, 16] {
            let weight = Fr::from(1u64 << width);
            let expected = points[0] + points[1] * weight + points[2] * (weight * weight);
            assert_eq!(combine(&points, width), expected);
        }
    }

    #[test]
    fn no_lists_no_sums() {
        assert!(digit_sums(&Bases::new(&[]), &[], 8).is_empty());
    }
}
