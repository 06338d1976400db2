//! Lanes in the vector registers of x86-64, and the check for them.
//!
//! All `unsafe` of the kernels is here. A lane's type never leaves [`Avx2::run`] and
//! [`Avx512::run`], and these take a value that only detection makes.

use std::arch::x86_64::*;

use super::{Kernel, Lane, WORDS};

/// Says that the processor has AVX2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// On processors that have it.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Runs a kernel that is compiled for AVX2, four lanes at a time.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2")]
        fn compiled<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Four, 4>()
        }
        // SAFETY: the processor has what the function is compiled for, as `self` says.
        unsafe { compiled(kernel) }
    }
}

/// Says that the processor has AVX-512, of a generation that does not slow down for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// On processors that have it. Those without IFMA, an extension that is not used here, are the
    /// first that had AVX-512: they lower their frequency for it, and some have one multiplier of
    /// that width where they have two for AVX2.
    pub(super) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512ifma");
        detected.then_some(Self(()))
    }

    /// Runs a kernel that is compiled for AVX-512, eight lanes at a time.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,avx512f")]
        fn compiled<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Eight, 8>()
        }
        // SAFETY: the processor has what the function is compiled for, as `self` says.
        unsafe { compiled(kernel) }
    }
}

/// Four integers.
#[derive(Clone, Copy)]
struct Four(__m256i);

// SAFETY of every block below: the intrinsics work on registers and need nothing but AVX2, which
// was detected, or there would be no value of this type.
impl Four {
    /// Row `i` of the result holds integer `i` of every row.
    #[inline(always)]
    fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        // SAFETY: as above.
        unsafe {
            let (ab_even, ab_odd) =
                (_mm256_unpacklo_epi64(a.0, b.0), _mm256_unpackhi_epi64(a.0, b.0));
            let (cd_even, cd_odd) =
                (_mm256_unpacklo_epi64(c.0, d.0), _mm256_unpackhi_epi64(c.0, d.0));
            [
                Self(_mm256_permute2x128_si256::<0x20>(ab_even, cd_even)),
                Self(_mm256_permute2x128_si256::<0x20>(ab_odd, cd_odd)),
                Self(_mm256_permute2x128_si256::<0x31>(ab_even, cd_even)),
                Self(_mm256_permute2x128_si256::<0x31>(ab_odd, cd_odd)),
            ]
        }
    }
}

impl Lane<4> for Four {
    #[inline(always)]
    fn new(v: [u64; 4]) -> Self {
        // SAFETY: both are 32 bytes that may have any value; integer 0 is the first of both.
        Self(unsafe { std::mem::transmute::<[u64; 4], __m256i>(v) })
    }

    #[inline(always)]
    fn splat(v: u64) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_set1_epi64x(v as i64) })
    }

    #[inline(always)]
    fn to_array(self) -> [u64; 4] {
        // SAFETY: as in `new`.
        unsafe { std::mem::transmute::<__m256i, [u64; 4]>(self.0) }
    }

    #[inline(always)]
    fn gather([a, b, c, d]: [&[u64; WORDS]; 4]) -> [Self; WORDS] {
        Self::transpose([Self::new(*a), Self::new(*b), Self::new(*c), Self::new(*d)])
    }

    #[inline(always)]
    fn scatter(words: [Self; WORDS]) -> [[u64; WORDS]; 4] {
        let [a, b, c, d] = Self::transpose(words);
        [a.to_array(), b.to_array(), c.to_array(), d.to_array()]
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_sub_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_mul_epu32(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_and_si256(self.0, other.0) })
    }

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_srlv_epi64(self.0, Self::splat(bits.into()).0) })
    }

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_sllv_epi64(self.0, Self::splat(bits.into()).0) })
    }
}

/// Eight integers.
#[derive(Clone, Copy)]
struct Eight(__m512i);

// SAFETY of every block below: the intrinsics work on registers and need nothing but AVX-512F and
// AVX2, which were detected, or there would be no value of this type.
impl Eight {
    /// Four integers and four more.
    #[inline(always)]
    fn join(low: Four, high: Four) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low.0), high.0) })
    }

    /// The first four integers.
    #[inline(always)]
    fn low(self) -> Four {
        // SAFETY: as above.
        Four(unsafe { _mm512_castsi512_si256(self.0) })
    }

    /// The last four integers.
    #[inline(always)]
    fn high(self) -> Four {
        // SAFETY: as above.
        Four(unsafe { _mm512_extracti64x4_epi64::<1>(self.0) })
    }
}

impl Lane<8> for Eight {
    #[inline(always)]
    fn new(v: [u64; 8]) -> Self {
        // SAFETY: both are 64 bytes that may have any value; integer 0 is the first of both.
        Self(unsafe { std::mem::transmute::<[u64; 8], __m512i>(v) })
    }

    #[inline(always)]
    fn splat(v: u64) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_set1_epi64(v as i64) })
    }

    #[inline(always)]
    fn to_array(self) -> [u64; 8] {
        // SAFETY: as in `new`.
        unsafe { std::mem::transmute::<__m512i, [u64; 8]>(self.0) }
    }

    #[inline(always)]
    fn gather([a, b, c, d, e, f, g, h]: [&[u64; WORDS]; 8]) -> [Self; WORDS] {
        let [low0, low1, low2, low3] = Four::gather([a, b, c, d]);
        let [high0, high1, high2, high3] = Four::gather([e, f, g, h]);
        [
            Self::join(low0, high0),
            Self::join(low1, high1),
            Self::join(low2, high2),
            Self::join(low3, high3),
        ]
    }

    #[inline(always)]
    fn scatter([p, q, r, s]: [Self; WORDS]) -> [[u64; WORDS]; 8] {
        let [a, b, c, d] = Four::scatter([p.low(), q.low(), r.low(), s.low()]);
        let [e, f, g, h] = Four::scatter([p.high(), q.high(), r.high(), s.high()]);
        [a, b, c, d, e, f, g, h]
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_sub_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_mul_epu32(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_srlv_epi64(self.0, Self::splat(bits.into()).0) })
    }

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_sllv_epi64(self.0, Self::splat(bits.into()).0) })
    }
}
