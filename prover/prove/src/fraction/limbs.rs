//! Lazy arithmetic on the Montgomery limbs of field elements.
//!
//! The generic field operations end in a comparison with the modulus `r`, whose
//! branch the processor cannot predict, and reduce every product. Here values
//! may exceed `r`, nothing branches, and sums of products are reduced once.
//!
//! Bounds are given in units of `r`, of which 2^256 holds 5.28. A field element
//! is below 1. A product of values below `a` and `b` is below `1 + 0.19·a·b`;
//! `a·b`, or its sum over a [`dot`], must stay below 22.

use ark_bn254::{Fr, FrConfig};
use ark_ff::{BigInt, MontConfig, PrimeField};

/// A value of four limbs, lowest first.
pub(super) type Limbs = [u64; 4];

pub(super) const R: Limbs = Fr::MODULUS.0;
/// Twice the modulus.
pub(super) const R2: Limbs = plus(&R, &R);
/// Three times the modulus.
pub(super) const R3: Limbs = plus(&R2, &R);

/// The limbs of a field element, below 1.
#[inline(always)]
pub(super) fn of(a: &Fr) -> &Limbs {
    &a.0.0
}

/// The field element of a value below 2.
#[inline(always)]
pub(super) fn to_field(a: &Limbs) -> Fr {
    Fr::new_unchecked(BigInt(fold(a, &R)))
}

const fn plus(a: &Limbs, b: &Limbs) -> Limbs {
    let mut sum = [0; 4];
    let mut carry = false;
    let mut i = 0;
    while i < 4 {
        let (s, c0) = a[i].overflowing_add(b[i]);
        let (s, c1) = s.overflowing_add(carry as u64);
        sum[i] = s;
        carry = c0 | c1;
        i += 1;
    }
    sum
}

/// `a + b`, which must stay below 5.28.
#[inline(always)]
pub(super) fn add(a: &Limbs, b: &Limbs) -> Limbs {
    plus(a, b)
}

#[inline(always)]
fn minus(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let mut difference = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (d, b0) = a[i].overflowing_sub(b[i]);
        let (d, b1) = d.overflowing_sub(u64::from(borrow));
        difference[i] = d;
        borrow = b0 | b1;
    }
    (difference, borrow)
}

/// `a − b + m` for a multiple `m ≥ b` of the modulus: below the sum of the bounds of `a` and `m`.
#[inline(always)]
pub(super) fn sub(a: &Limbs, b: &Limbs, m: &Limbs) -> Limbs {
    plus(&minus(a, b).0, m) // both wrap around 2^256
}

/// `a − m` if that is not negative, else `a`. `m` is [`R`] or [`R2`].
#[inline(always)]
pub(super) fn fold(a: &Limbs, m: &Limbs) -> Limbs {
    let (difference, borrow) = minus(a, m);
    core::array::from_fn(|i| if borrow { a[i] } else { difference[i] })
}

/// `a + b·c + carry`, low and high.
#[inline(always)]
pub(super) fn mac(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(a) + u128::from(b) * u128::from(c) + u128::from(carry);
    (sum as u64, (sum >> 64) as u64)
}

/// The product of two values, `a` below 4.2, with Montgomery's factor removed.
#[inline(always)]
pub(super) fn mul(a: &Limbs, b: &Limbs) -> Limbs {
    let mut t = [0u64; 4];
    for b in b {
        let (low, mut carry) = mac(t[0], a[0], *b, 0);
        let k = low.wrapping_mul(FrConfig::INV);
        let (_, mut reduced) = mac(low, k, R[0], 0);
        for j in 1..4 {
            let (sum, c) = mac(t[j], a[j], *b, carry);
            carry = c;
            (t[j - 1], reduced) = mac(sum, k, R[j], reduced);
        }
        t[3] = carry + reduced; // no overflow: the value stays below 2^256
    }
    t
}

/// `Σ a·b` with one reduction.
#[inline(always)]
pub(super) fn dot<const N: usize>(pairs: [(&Limbs, &Limbs); N]) -> Limbs {
    let mut sum = [0; 8];
    for (i, (a, b)) in pairs.into_iter().enumerate() {
        let product = widen(a, b);
        if i == 0 {
            sum = product;
        } else {
            add_to(&mut sum, &product);
        }
    }
    reduce(sum)
}

/// Adds to the lowest limbs; returns the carry out of them.
#[inline(always)]
fn add_to(sum: &mut [u64], a: &[u64; 8]) -> bool {
    let mut carry = false;
    for (limb, a) in sum.iter_mut().zip(a) {
        let (s, c0) = limb.overflowing_add(*a);
        let (s, c1) = s.overflowing_add(u64::from(carry));
        *limb = s;
        carry = c0 | c1;
    }
    carry
}

/// The product as an integer.
#[inline(always)]
fn widen(a: &Limbs, b: &Limbs) -> [u64; 8] {
    let mut product = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (product[i + j], carry) = mac(product[i + j], a[j], b[i], carry);
        }
        product[i + 4] = carry;
    }
    product
}

/// Montgomery's reduction of a value below `22·r²`.
#[inline(always)]
fn reduce(mut t: [u64; 8]) -> Limbs {
    let mut top = false;
    for i in 0..4 {
        let k = t[i].wrapping_mul(FrConfig::INV);
        let (_, mut carry) = mac(t[i], k, R[0], 0);
        for j in 1..4 {
            (t[i + j], carry) = mac(t[i + j], k, R[j], carry);
        }
        let (sum, c0) = t[i + 4].overflowing_add(carry);
        let (sum, c1) = sum.overflowing_add(u64::from(top));
        t[i + 4] = sum;
        top = c0 | c1;
    }
    [t[4], t[5], t[6], t[7]]
}

/// A sum of products that is reduced at its end; holds 2^64 of them.
#[derive(Clone, Copy, Default)]
pub(super) struct ProductSum {
    limbs: [u64; 9],
}

impl ProductSum {
    /// Adds `a·b` for any two values.
    #[inline(always)]
    pub(super) fn add(&mut self, a: &Limbs, b: &Limbs) {
        let carry = add_to(&mut self.limbs, &widen(a, b));
        self.limbs[8] += u64::from(carry);
    }

    /// The sum as a field element.
    pub(super) fn finish(&self) -> Fr {
        let [a, b, c, d, e, f, g, h, top] = self.limbs;
        // The high half counts multiples of 2^256, the factor that reduction removes.
        let low = to_field(&reduce([a, b, c, d, 0, 0, 0, 0]));
        low + from_limbs(&[e, f, g, h]) + Fr::from(top)
    }
}

/// A sum of products of field elements and integers, reduced at its end.
///
/// Two's complement of six limbs: with integers of 76 bits it holds 2^52 products.
#[derive(Clone, Copy, Default)]
pub(super) struct IntegerSum {
    limbs: [u64; 6],
}

impl IntegerSum {
    /// Adds `a·k` for `a` below 1.
    #[inline(always)]
    pub(super) fn add(&mut self, a: &Limbs, k: i64) {
        let magnitude = k.unsigned_abs();
        let mut product = [0; 6];
        for (i, limb) in a.iter().enumerate() {
            (product[i], product[i + 1]) = mac(0, *limb, magnitude, product[i]);
        }
        self.add_signed(&product, k < 0);
    }

    /// Adds `a·k` for `a` below 1 and `k` below 2^76 in magnitude.
    #[inline(always)]
    pub(super) fn add_wide(&mut self, a: &Limbs, k: i128) {
        let magnitude = k.unsigned_abs();
        let mut product = [0; 6];
        for (i, limb) in a.iter().enumerate() {
            (product[i], product[i + 1]) = mac(0, *limb, magnitude as u64, product[i]);
        }
        let mut carry = 0;
        for (i, limb) in a.iter().enumerate() {
            let high = (magnitude >> 64) as u64;
            (product[i + 1], carry) = mac(product[i + 1], *limb, high, carry);
        }
        product[5] = carry;
        self.add_signed(&product, k < 0);
    }

    #[inline(always)]
    fn add_signed(&mut self, product: &[u64; 6], negative: bool) {
        let mask = u64::from(negative).wrapping_neg();
        let mut carry = negative;
        for (limb, p) in self.limbs.iter_mut().zip(product) {
            let (s, c0) = limb.overflowing_add(p ^ mask);
            let (s, c1) = s.overflowing_add(u64::from(carry));
            *limb = s;
            carry = c0 | c1;
        }
    }

    /// The sum as a field element.
    pub(super) fn finish(&self) -> Fr {
        let negative = self.limbs[5] >> 63 == 1;
        let mut magnitude = Self::default();
        magnitude.add_signed(&self.limbs, negative);
        let [a, b, c, d, e, f] = magnitude.limbs;
        // The high limbs count multiples of 2^256, the Montgomery form of one.
        let value = from_limbs(&[a, b, c, d]) + Fr::from(u128::from(f) << 64 | u128::from(e));
        if negative { -value } else { value }
    }
}

/// `2^64·a`: what [`combination`] takes.
pub(super) fn shifted(a: Fr) -> Limbs {
    *of(&(a * Fr::from(1u128 << 64)))
}

/// `Σ multipliers[i]·k[i]` for shifted multipliers and `Σ k[i] ≤ 2^64`.
#[inline(always)]
pub(super) fn combination<const N: usize>(multipliers: &[Limbs; N], k: &[u64; N]) -> Fr {
    let mut sum = [0u64; 5]; // at most r·2^64
    for (multiplier, k) in multipliers.iter().zip(k) {
        let mut carry = 0;
        for (limb, m) in sum.iter_mut().zip(multiplier) {
            (*limb, carry) = mac(*limb, *m, *k, carry);
        }
        sum[4] += carry;
    }
    let factor = sum[0].wrapping_mul(FrConfig::INV);
    let (_, mut carry) = mac(sum[0], factor, R[0], 0);
    let mut value = [0; 4];
    for i in 1..4 {
        (value[i - 1], carry) = mac(sum[i], factor, R[i], carry);
    }
    value[3] = sum[4] + carry; // the value is below 2
    to_field(&value)
}

/// The field element with these Montgomery limbs, of any size.
pub(super) fn from_limbs(limbs: &Limbs) -> Fr {
    let mut value = *limbs;
    for _ in 0..2 {
        value = fold(&value, &R2);
    }
    to_field(&fold(&value, &R))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{UniformRand, Zero};
    use rand::SeedableRng;

    #[test]
    fn lazy_operations_agree_with_the_field() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let mut sum = ProductSum::default();
        let mut expected = Fr::zero();
        for _ in 0..1000 {
            let [a, b, c, d]: [Fr; 4] = core::array::from_fn(|_| Fr::rand(&mut rng));
            let [x, y, z, w] = [of(&a), of(&b), of(&c), of(&d)];
            assert_eq!(from_limbs(&add(x, y)), a + b);
            assert_eq!(from_limbs(&sub(x, y, &R2)), a - b);
            assert_eq!(from_limbs(&mul(x, y)), a * b);
            assert_eq!(from_limbs(&dot([(x, y), (z, w)])), a * b + c * d);
            sum.add(x, y);
            expected += a * b;
            assert_eq!(sum.finish(), expected);
        }
    }

    #[test]
    fn integer_sums_agree_with_the_field() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(2);
        let mut sum = IntegerSum::default();
        let mut expected = Fr::zero();
        let largest = (1i128 << 76) - 1;
        for k in [0, 1, -1, i128::from(i64::MAX), i128::from(i64::MIN), largest, -largest] {
            for _ in 0..20 {
                let a = Fr::rand(&mut rng);
                if let Ok(k) = i64::try_from(k) {
                    sum.add(of(&a), k);
                    expected += a * Fr::from(k);
                    assert_eq!(sum.finish(), expected);
                }
                sum.add_wide(of(&a), k);
                expected += a * Fr::from(k);
                assert_eq!(sum.finish(), expected);
            }
        }
    }

    #[test]
    fn combinations_agree_with_the_field() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(3);
        let largest = -Fr::from(1u64) / Fr::from(1u128 << 64);
        for k in [[0, 0, 1], [u64::MAX, 1, 0], [1, 5, u64::MAX - 6], [1 << 63, 1 << 62, 1 << 62]] {
            let random: [Fr; 3] = core::array::from_fn(|_| Fr::rand(&mut rng));
            for m in [random, [largest; 3], [Fr::zero(); 3]] {
                let expected: Fr = m.iter().zip(&k).map(|(m, k)| *m * Fr::from(*k)).sum();
                assert_eq!(combination(&m.map(shifted), &k), expected);
            }
        }
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        let largest = minus(&R, &[1, 0, 0, 0]).0;
        let minus_one = from_limbs(&largest);
        let all_ones = [u64::MAX; 4];
        let of_all_ones = from_limbs(&all_ones);
        let twice = add(&largest, &largest);
        let five = add(&add(&twice, &twice), &largest);
        let double = minus_one + minus_one;
        let five_fold = double + double + minus_one;
        assert_eq!(from_limbs(&five), five_fold);
        let product = five_fold * double;
        let both = [(&five, &twice), (&five, &twice)];
        assert_eq!(from_limbs(&dot(both)), product + product);
        assert_eq!(from_limbs(&mul(&add(&twice, &twice), &five)), (double + double) * five_fold);
        let mut sum = ProductSum::default();
        let mut expected = Fr::zero();
        for _ in 0..300 {
            sum.add(&all_ones, &all_ones);
            expected += of_all_ones * of_all_ones;
        }
        assert!(sum.limbs[8] > 250);
        assert_eq!(sum.finish(), expected);
        assert_eq!(fold(&R, &R), [0; 4]);
        assert_eq!(to_field(&R), Fr::zero());
    }
}
