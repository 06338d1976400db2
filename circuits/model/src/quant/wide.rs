//! Wide integers as digits of at most 16 bits, in mixed radix.
//!
//! What a division drops are digits too, whose radices multiply to the divisor: dividend, remainder and quotient are
//! one expansion, of which the quotient is the upper part. Every integer has one expansion.

/// Radix of a digit that nothing says otherwise of.
pub const RADIX: u32 = 1 << 16;
const BITS: u32 = 16;

/// How a wide integer is written, the lowest digit first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// 1 … 2^16 each; the last one, and all of the quotient's, 2^16.
    radices: Vec<u32>,
    /// Digits that the division drops.
    dropped: usize,
    /// Whether the last digit goes from −2^15 on.
    signed: bool,
}

/// One digit of an expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// What it is multiplied with.
    pub weight: i128,
    /// Its smallest value.
    pub lo: i64,
    /// Its largest value.
    pub hi: i64,
}

impl Expansion {
    /// Of numbers whose quotient by the product of `divisors`, 1 … 2^16 each, is at most `largest` in magnitude; not
    /// negative unless `signed`.
    pub fn new(divisors: &[u32], largest: i128, signed: bool) -> Self {
        let bits = i128::BITS - largest.max(1).leading_zeros() + u32::from(signed);
        let count = bits.div_ceil(BITS) as usize;
        let mut radices: Vec<u32> = divisors.to_vec();
        radices.resize(divisors.len() + count, RADIX);
        Self { radices, dropped: divisors.len(), signed }
    }

    /// Divisors of `2^bits`: what is left of whole digits first.
    pub fn power(bits: u32) -> Vec<u32> {
        let rest = (!bits.is_multiple_of(BITS)).then_some(1 << (bits % BITS));
        let whole = core::iter::repeat_n(RADIX, (bits / BITS) as usize);
        rest.into_iter().chain(whole).collect()
    }

    /// The digits, the lowest first.
    pub fn digits(&self) -> impl Iterator<Item = Digit> + '_ {
        let last = self.radices.len().saturating_sub(1);
        let mut weight = 1i128;
        self.radices.iter().enumerate().map(move |(index, radix)| {
            let lo = if self.signed && index == last { -(i64::from(*radix) / 2) } else { 0 };
            let digit = Digit { weight, lo, hi: lo + i64::from(*radix) - 1 };
            weight = weight.saturating_mul((*radix).into());
            digit
        })
    }

    /// The product of what is dropped.
    pub fn divisor(&self) -> i128 {
        let dropped = self.radices.iter().take(self.dropped);
        dropped.fold(1, |product, radix| product.saturating_mul((*radix).into()))
    }

    /// How many digits are dropped.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// How many digits there are.
    pub fn len(&self) -> usize {
        self.radices.len()
    }

    /// Whether there are none: never.
    pub fn is_empty(&self) -> bool {
        self.radices.is_empty()
    }

    /// The quotient's digits have so many bits together, one for its sign among them.
    pub fn bits(&self) -> u32 {
        BITS * (self.radices.len() - self.dropped) as u32
    }

    /// `⌊x/divisor⌋`
    pub fn quotient(&self, x: i128) -> i128 {
        x.div_euclid(self.divisor())
    }

    /// The digits of `x`; none if it has none.
    pub fn expand(&self, x: i128) -> Option<Vec<i32>> {
        let mut rest = x;
        let mut digits = Vec::with_capacity(self.radices.len());
        let (last, lower) = self.radices.split_last()?;
        for radix in lower {
            let radix = i128::from(*radix);
            digits.push(rest.rem_euclid(radix) as i32);
            rest = rest.div_euclid(radix);
        }
        let lo = if self.signed { -(i128::from(*last) / 2) } else { 0 };
        digits.push(i32::try_from(rest).ok()?);
        (lo..lo + i128::from(*last)).contains(&rest).then_some(digits)
    }
}

/// `⌊√x⌋` of a number that is not negative.
pub fn floor_sqrt(x: i128) -> i128 {
    x.max(0).isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expansion: &Expansion, digits: &[i32]) -> i128 {
        expansion.digits().zip(digits).map(|(digit, x)| digit.weight * i128::from(*x)).sum()
    }

    #[test]
    fn every_integer_has_one_expansion() {
        let expansion = Expansion::new(&[7, 1 << 3], (1 << 20) - 1, true);
        assert_eq!((expansion.len(), expansion.dropped(), expansion.divisor()), (4, 2, 56));
        for x in [0, 1, -1, 6, 7, 55, 56, -56, -57, 123_456, -(1 << 25), 55 << 20] {
            let digits = expansion.expand(x).unwrap();
            assert_eq!(value(&expansion, &digits), x);
            let inside = |(digit, x): (Digit, &i32)| (digit.lo..=digit.hi).contains(&(*x).into());
            assert!(expansion.digits().zip(&digits).all(inside), "{x}: {digits:?}");
            assert_eq!(expansion.quotient(x), x.div_euclid(56));
        }
        let most = 56i128 << 31;
        assert!(expansion.expand(most - 1).is_some() && expansion.expand(-most).is_some());
        assert!(expansion.expand(most).is_none() && expansion.expand(-most - 1).is_none());
    }

    #[test]
    fn there_are_as_many_digits_as_it_takes() {
        let digits = |largest, signed| Expansion::new(&[], largest, signed).len();
        assert_eq!([digits(0, false), digits(65_535, false), digits(65_536, false)], [1, 1, 2]);
        assert_eq!([digits(32_767, true), digits(32_768, true)], [1, 2]);
        assert_eq!(Expansion::power(28), [1 << 12, RADIX]);
        assert_eq!(Expansion::power(32), [RADIX, RADIX]);
        assert_eq!(Expansion::power(0), Vec::<u32>::new());
        assert!(Expansion::new(&[], 9, false).expand(-1).is_none());
    }

    #[test]
    fn roots_are_rounded_down() {
        for x in (0..2000).chain([(1 << 40) - 1, 1 << 40, (1 << 62) + 5]) {
            let root = floor_sqrt(x);
            assert!(root * root <= x && x < (root + 1) * (root + 1), "{x}");
        }
    }
}
