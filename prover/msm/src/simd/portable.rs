//! Lanes in plain integers, which the compiler may or may not put into vector registers.

use super::{Lane, WORDS};

/// `N` integers.
#[derive(Clone, Copy)]
pub(super) struct Lanes<const N: usize>([u64; N]);

impl<const N: usize> Lanes<N> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|l| f(self.0[l], other.0[l])))
    }
}

impl<const N: usize> Lane<N> for Lanes<N> {
    #[inline(always)]
    fn new(v: [u64; N]) -> Self {
        Self(v)
    }

    #[inline(always)]
    fn splat(v: u64) -> Self {
        Self([v; N])
    }

    #[inline(always)]
    fn to_array(self) -> [u64; N] {
        self.0
    }

    #[inline(always)]
    fn gather(rows: [&[u64; WORDS]; N]) -> [Self; WORDS] {
        std::array::from_fn(|word| Self(rows.map(|row| row[word])))
    }

    #[inline(always)]
    fn scatter(words: [Self; WORDS]) -> [[u64; WORDS]; N] {
        std::array::from_fn(|l| words.map(|word| word.0[l]))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, u64::wrapping_add)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, u64::wrapping_sub)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| (a & 0xffff_ffff) * (b & 0xffff_ffff))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        Self(self.0.map(|v| v >> bits))
    }

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        Self(self.0.map(|v| v << bits))
    }
}
