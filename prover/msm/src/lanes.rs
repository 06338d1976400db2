//! Arithmetic of BN254's base field on several elements at a time.
//!
//! Elements are nine limbs of 29 bits in Montgomery form with radix `2^261`, one 64-bit integer of
//! a lane for each of `N` elements. Products of limbs are 32 by 32 bits, for which processors have
//! vector instructions, and nine of them add up without carries: with four lanes about 11 ns a
//! product on a core where the scalar code of `ark-ff` takes 23 ns.
//!
//! *Normalised* elements have limbs below `2^29` and a value below `2q`. A *lazy* one is a
//! difference of two: limbs below `2^31`, value below `6q`. [`product`] takes one lazy and one
//! normalised operand: its columns stay below `9·(2^60 + 2^58) < 2^64`, its value below
//! `q·(1 + 12·q/2^261) < 2q`.

use ark_bn254::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};

use super::simd::{Lane, WORDS};

pub(crate) const LIMBS: usize = 9;
const BITS: u32 = 29;
const MASK: u64 = (1 << BITS) - 1;

/// `N` field elements.
#[derive(Clone, Copy)]
pub(crate) struct Elements<L: Lane<N>, const N: usize>([L; LIMBS]);

/// What [`Elements`] are in memory while a batch is worked on.
pub(crate) type Saved<const N: usize> = [[u64; N]; LIMBS];

/// An element in memory: Montgomery form with radix `2^261`, below `2q`, lowest limb first.
pub(crate) type Stored = [u64; WORDS];

/// An affine point in memory. The neutral element is all zeros, and the batched formulas do not
/// apply to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StoredPoint {
    pub(crate) x: Stored,
    pub(crate) y: Stored,
}

const Q: [u64; LIMBS] = limbs(&Fq::MODULUS.0);
/// `−q^(−1) mod 2^29`.
const NEGATIVE_INVERSE: u64 = {
    let mut inverse = 1u64;
    let mut i = 0;
    // Newton's iteration doubles the correct bits.
    while i < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(Q[0].wrapping_mul(inverse)));
        i += 1;
    }
    inverse.wrapping_neg() & MASK
};
/// `4q` with limbs large enough to subtract normalised ones from.
const FOUR_Q: [u64; LIMBS] = {
    let mut wide = [0u64; LIMBS];
    let mut carry = 0;
    let mut i = 0;
    while i < LIMBS {
        let value = 4 * Q[i] + carry;
        carry = if i + 1 < LIMBS { value >> BITS } else { 0 };
        wide[i] = value - (carry << BITS);
        i += 1;
    }
    // Lend 2^30 to every limb but the last from the next one, where it counts two.
    i = 0;
    while i + 1 < LIMBS {
        wide[i] += 1 << (BITS + 1);
        wide[i + 1] -= 2;
        i += 1;
    }
    wide
};
/// `2^261 − q`.
const COMPLEMENT: [u64; LIMBS] = {
    let mut out = [0u64; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        out[i] = MASK - Q[i];
        i += 1;
    }
    // q is odd, so that this does not carry.
    out[0] += 1;
    out
};
/// `2^32` over one more than the highest limb of `q`, rounded down.
const QUOTIENT_SCALE: u64 = (1 << 32) / (Q[LIMBS - 1] + 1);

/// Cuts an integer into limbs.
const fn limbs(integer: &[u64; 4]) -> [u64; LIMBS] {
    let mut out = [0u64; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        let offset = i * BITS as usize;
        let (word, shift) = (offset / 64, (offset % 64) as u32);
        out[i] = integer[word] >> shift;
        if shift + BITS > 64 && word < 3 {
            out[i] |= integer[word + 1] << (64 - shift);
        }
        out[i] &= MASK;
        i += 1;
    }
    out
}

/// The lower bits of columns.
#[inline(always)]
fn low<L: Lane<N>, const N: usize>(limb: L) -> L {
    limb.and(L::splat(MASK))
}

/// What a column carries into the next.
#[inline(always)]
fn high<L: Lane<N>, const N: usize>(limb: L) -> L {
    limb.shr(BITS)
}

/// Products with a constant below `2^32`.
#[inline(always)]
fn scale<L: Lane<N>, const N: usize>(limb: L, constant: u64) -> L {
    limb.mul(L::splat(constant))
}

impl<L: Lane<N>, const N: usize> Elements<L, N> {
    /// Gathers one element for each lane, normalised.
    #[inline(always)]
    pub(crate) fn load(elements: [&Stored; N]) -> Self {
        let words = L::gather(elements);
        let mut out = [L::splat(0); LIMBS];
        for (i, limb) in out.iter_mut().enumerate() {
            let offset = i * BITS as usize;
            let (word, shift) = (offset / 64, (offset % 64) as u32);
            let mut bits = words[word].shr(shift);
            if shift + BITS > 64 && word < 3 {
                bits = bits.add(words[word + 1].shl(64 - shift));
            }
            *limb = low(bits);
        }
        Self(out)
    }

    /// The normalised elements of all lanes.
    #[inline(always)]
    pub(crate) fn store(&self) -> [Stored; N] {
        let l = &self.0;
        L::scatter([
            l[0].add(l[1].shl(29)).add(l[2].shl(58)),
            l[2].shr(6).add(l[3].shl(23)).add(l[4].shl(52)),
            l[4].shr(12).add(l[5].shl(17)).add(l[6].shl(46)),
            l[6].shr(18).add(l[7].shl(11)).add(l[8].shl(40)),
        ])
    }

    /// Writes the elements to memory as they are.
    #[inline(always)]
    pub(crate) fn save(&self, to: &mut Saved<N>) {
        for (limb, to) in self.0.iter().zip(to) {
            *to = limb.to_array();
        }
    }

    /// What was saved.
    #[inline(always)]
    pub(crate) fn saved(from: &Saved<N>) -> Self {
        let mut out = [L::splat(0); LIMBS];
        for (limb, from) in out.iter_mut().zip(from) {
            *limb = L::new(*from);
        }
        Self(out)
    }

    /// `self − other` of normalised elements, lazy.
    #[inline(always)]
    pub(crate) fn sub(&self, other: &Self) -> Self {
        let mut out = self.0;
        for ((limb, other), four_q) in out.iter_mut().zip(&other.0).zip(FOUR_Q) {
            *limb = limb.add(L::splat(four_q)).sub(*other);
        }
        Self(out)
    }

    /// Reduces a sum of up to two lazy elements (value below `12q`, limbs below `2^33`) to a
    /// normalised one.
    #[inline(always)]
    pub(crate) fn normalise(&self) -> Self {
        let value = self.carried();
        // At most the true quotient by q, and short of it by less than one and a hundredth.
        let quotient = scale(value.0[LIMBS - 1], QUOTIENT_SCALE).shr(32);
        let mut reduced = value;
        for (limb, complement) in reduced.0.iter_mut().zip(COMPLEMENT) {
            *limb = limb.add(scale(quotient, complement));
        }
        let mut out = reduced.carried();
        out.0[LIMBS - 1] = low(out.0[LIMBS - 1]);
        out
    }

    /// Moves carries up; the last limb keeps what it gets.
    #[inline(always)]
    fn carried(&self) -> Self {
        let mut out = self.0;
        for i in 1..LIMBS {
            out[i] = out[i].add(high(out[i - 1]));
            out[i - 1] = low(out[i - 1]);
        }
        Self(out)
    }
}

/// The normalised product of a lazy (or normalised) and a normalised element.
#[inline(always)]
pub(crate) fn product<L: Lane<N>, const N: usize>(
    lazy: &Elements<L, N>,
    normalised: &Elements<L, N>,
) -> Elements<L, N> {
    let zero = L::splat(0);
    let mut t = [zero; LIMBS];
    for factor in normalised.0 {
        for (column, limb) in t.iter_mut().zip(lazy.0) {
            *column = column.add(limb.mul(factor));
        }
        let m = low(scale(low(t[0]), NEGATIVE_INVERSE));
        let carry = high(t[0].add(scale(m, Q[0])));
        t[0] = t[1].add(scale(m, Q[1])).add(carry);
        for j in 2..LIMBS {
            t[j - 1] = t[j].add(scale(m, Q[j]));
        }
        t[LIMBS - 1] = zero;
    }
    Elements(t).carried()
}

/// Coordinates of the sum of points `(x1, y1)` and `(x2, y2)`, given `1/(x2 − x1)`.
#[inline(always)]
pub(crate) fn add_points<L: Lane<N>, const N: usize>(
    (x1, y1): (&Elements<L, N>, &Elements<L, N>),
    (x2, y2): (&Elements<L, N>, &Elements<L, N>),
    inverse: &Elements<L, N>,
) -> (Elements<L, N>, Elements<L, N>) {
    let slope = product(&y2.sub(y1), inverse);
    let square = product(&slope, &slope);
    let x = square.sub(x1).sub(x2).normalise();
    let y = product(&x1.sub(&x), &slope).sub(y1).normalise();
    (x, y)
}

/// The stored form of a field element.
#[inline]
pub(crate) fn store(element: Fq) -> Stored {
    // From radix 2^256 to 2^261.
    let mut shifted = element;
    for _ in 0..5 {
        shifted.double_in_place();
    }
    shifted.0.0
}

/// The field element of a stored form.
pub(crate) fn unstore(stored: &Stored) -> Fq {
    let mut integer = BigInt(*stored);
    while integer >= Fq::MODULUS {
        ark_ff::BigInteger::sub_with_borrow(&mut integer, &Fq::MODULUS);
    }
    Fq::new_unchecked(integer) * INVERSE_OF_32
}

const INVERSE_OF_32: Fq =
    ark_ff::MontFp!("6156068307704796156256801615853608618695837512990012905131291907868969871164");

impl StoredPoint {
    pub(crate) const NEUTRAL: Self = Self { x: [0; 4], y: [0; 4] };

    pub(crate) fn new(point: &G1Affine) -> Self {
        point.xy().map_or(Self::NEUTRAL, |(x, y)| Self { x: store(x), y: store(y) })
    }

    pub(crate) fn is_neutral(&self) -> bool {
        *self == Self::NEUTRAL
    }

    pub(crate) fn to_affine(self) -> G1Affine {
        if self.is_neutral() {
            return G1Affine::zero();
        }
        G1Affine::new_unchecked(unstore(&self.x), unstore(&self.y))
    }
}

/// The inverse of every lane, or nothing if one is zero.
#[inline(always)]
pub(crate) fn invert<L: Lane<N>, const N: usize>(
    elements: &Elements<L, N>,
) -> Option<Elements<L, N>> {
    let inverses = invert_stored(&elements.store())?;
    Some(Elements::load(inverses.each_ref()))
}

/// The inverses, by one inversion of the scalar kind.
fn invert_stored<const N: usize>(elements: &[Stored; N]) -> Option<[Stored; N]> {
    let values = elements.each_ref().map(unstore);
    let mut products = [Fq::ONE; N];
    let mut all = Fq::ONE;
    for (value, product) in values.iter().zip(&mut products) {
        *product = all;
        all *= value;
    }
    let mut inverse = all.inverse()?;
    let mut out = [[0; WORDS]; N];
    for ((value, product), out) in values.iter().zip(&products).zip(&mut out).rev() {
        *out = store(inverse * product);
        inverse *= value;
    }
    Some(out)
}

/// One in every lane.
#[inline(always)]
pub(crate) fn ones<L: Lane<N>, const N: usize>() -> Elements<L, N> {
    let one = store(Fq::ONE);
    Elements::load([&one; N])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Form, Kernel};
    use ark_ff::UniformRand;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    /// Random elements, and those at the edges.
    fn samples(seed: u64) -> Vec<Fq> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut out =
            vec![Fq::ZERO, Fq::ONE, -Fq::ONE, Fq::from(2u64), Fq::from(u64::MAX), INVERSE_OF_32];
        out.extend((0..58).map(|_| Fq::rand(&mut rng)));
        out
    }

    fn load<L: Lane<N>, const N: usize>(values: &[Fq]) -> Elements<L, N> {
        let stored: [Stored; N] = std::array::from_fn(|l| store(values[l]));
        Elements::load(stored.each_ref())
    }

    /// As [`load`], but the stored integers are `q` larger.
    fn load_unreduced<L: Lane<N>, const N: usize>(values: &[Fq]) -> Elements<L, N> {
        let stored: [Stored; N] = std::array::from_fn(|l| {
            let mut integer = BigInt(store(values[l]));
            ark_ff::BigInteger::add_with_carry(&mut integer, &Fq::MODULUS);
            integer.0
        });
        Elements::load(stored.each_ref())
    }

    fn values<L: Lane<N>, const N: usize>(elements: &Elements<L, N>) -> Vec<Fq> {
        for limb in elements.0 {
            assert!(limb.to_array().iter().all(|&l| l <= MASK), "not normalised");
        }
        elements.store().iter().map(unstore).collect()
    }

    fn storing_round_trips<L: Lane<N>, const N: usize>() {
        for chunk in samples(1).chunks_exact(N) {
            assert_eq!(values(&load::<L, N>(chunk)), chunk);
            assert_eq!(values(&load_unreduced::<L, N>(chunk)), chunk);
            let elements = load::<L, N>(chunk);
            let mut memory = [[0; N]; LIMBS];
            elements.save(&mut memory);
            assert_eq!(values(&Elements::<L, N>::saved(&memory)), chunk);
        }
    }

    fn products_and_differences_match_the_field<L: Lane<N>, const N: usize>() {
        let (a, b) = (samples(2), samples(3));
        for loader in [load::<L, N>, load_unreduced::<L, N>] {
            for (i, x) in a.chunks_exact(N).enumerate() {
                for y in b.chunks_exact(N) {
                    let (u, v) = (loader(x), loader(y));
                    let expected: Vec<Fq> = x.iter().zip(y).map(|(x, y)| *x * y).collect();
                    assert_eq!(values(&product(&u, &v)), expected, "{i}");
                    let expected: Vec<Fq> = x.iter().zip(y).map(|(x, y)| *x - y).collect();
                    assert_eq!(values(&u.sub(&v).normalise()), expected);
                    let expected: Vec<Fq> = x.iter().zip(y).map(|(x, y)| (*x - y) * y).collect();
                    assert_eq!(values(&product(&u.sub(&v), &v)), expected);
                }
            }
        }
    }

    fn inverses_match_the_field<L: Lane<N>, const N: usize>() {
        // The first of the samples is zero, the others are not.
        let a = samples(4);
        for x in a[1..].chunks_exact(N) {
            let expected: Vec<Fq> = x.iter().map(|x| x.inverse().unwrap()).collect();
            assert_eq!(values(&invert(&load::<L, N>(x)).unwrap()), expected);
        }
        assert!(invert(&load::<L, N>(&a)).is_none());
        assert_eq!(values(&ones::<L, N>()), [Fq::ONE; N]);
    }

    /// All that is checked in every form.
    struct Checks;

    impl Kernel for Checks {
        type Output = ();

        #[inline(always)]
        fn run<L: Lane<N>, const N: usize>(self) {
            storing_round_trips::<L, N>();
            products_and_differences_match_the_field::<L, N>();
            inverses_match_the_field::<L, N>();
        }
    }

    #[test]
    fn every_form_computes_as_the_field_does() {
        assert_eq!(INVERSE_OF_32 * Fq::from(32u64), Fq::ONE);
        for form in Form::all() {
            form.run(Checks);
        }
    }

    #[test]
    fn points_round_trip() {
        for point in [G1Affine::generator(), -G1Affine::generator(), G1Affine::zero()] {
            assert_eq!(StoredPoint::new(&point).to_affine(), point);
        }
    }
}
