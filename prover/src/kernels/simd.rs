//! Four unsigned 64-bit integers, in one AVX2 register where the build target has them.
//!
//! The compiler does vectorise the portable form, but not reliably once it is inlined into longer
//! functions: batched additions were measured eight times slower with it.

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) use portable::Lane;
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
pub(crate) use vector::Lane;

/// Integers in a lane.
pub(crate) const LANES: usize = 4;

#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
mod vector {
    use super::LANES;
    use std::arch::x86_64::*;

    /// Four integers.
    #[derive(Clone, Copy)]
    pub(crate) struct Lane(__m256i);

    // SAFETY of every block below: the intrinsics work on registers and need nothing but AVX2,
    // which the build target has, or this module would not be compiled.
    impl Lane {
        #[inline(always)]
        pub(crate) fn new(v: [u64; LANES]) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_set_epi64x(v[3] as i64, v[2] as i64, v[1] as i64, v[0] as i64) })
        }

        #[inline(always)]
        pub(crate) fn splat(v: u64) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_set1_epi64x(v as i64) })
        }

        #[inline(always)]
        pub(crate) fn to_array(self) -> [u64; LANES] {
            // SAFETY: as above.
            unsafe {
                [
                    _mm256_extract_epi64::<0>(self.0) as u64,
                    _mm256_extract_epi64::<1>(self.0) as u64,
                    _mm256_extract_epi64::<2>(self.0) as u64,
                    _mm256_extract_epi64::<3>(self.0) as u64,
                ]
            }
        }

        /// Row `i` of the result holds integer `i` of every row.
        #[inline(always)]
        pub(crate) fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
            let [a, b, c, d] = rows.map(|row| row.0);
            // SAFETY: as above.
            unsafe {
                let (ab_even, ab_odd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
                let (cd_even, cd_odd) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
                [
                    Self(_mm256_permute2x128_si256::<0x20>(ab_even, cd_even)),
                    Self(_mm256_permute2x128_si256::<0x20>(ab_odd, cd_odd)),
                    Self(_mm256_permute2x128_si256::<0x31>(ab_even, cd_even)),
                    Self(_mm256_permute2x128_si256::<0x31>(ab_odd, cd_odd)),
                ]
            }
        }

        /// Sums modulo `2^64`.
        #[inline(always)]
        pub(crate) fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_add_epi64(self.0, other.0) })
        }

        /// Differences modulo `2^64`.
        #[inline(always)]
        pub(crate) fn sub(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_sub_epi64(self.0, other.0) })
        }

        /// Products of the lower 32 bits.
        #[inline(always)]
        pub(crate) fn mul(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_mul_epu32(self.0, other.0) })
        }

        /// Bits that both have.
        #[inline(always)]
        pub(crate) fn and(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_and_si256(self.0, other.0) })
        }

        /// Shifts right by `bits < 64`.
        #[inline(always)]
        pub(crate) fn shr(self, bits: u32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_srlv_epi64(self.0, Self::splat(bits.into()).0) })
        }

        /// Shifts left by `bits < 64`.
        #[inline(always)]
        pub(crate) fn shl(self, bits: u32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_sllv_epi64(self.0, Self::splat(bits.into()).0) })
        }
    }
}

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "avx2"))))]
mod portable {
    use super::LANES;

    /// Four integers.
    #[derive(Clone, Copy)]
    pub(crate) struct Lane([u64; LANES]);

    impl Lane {
        #[inline(always)]
        pub(crate) fn new(v: [u64; LANES]) -> Self {
            Self(v)
        }

        #[inline(always)]
        pub(crate) fn splat(v: u64) -> Self {
            Self([v; LANES])
        }

        #[inline(always)]
        pub(crate) fn to_array(self) -> [u64; LANES] {
            self.0
        }

        /// Row `i` of the result holds integer `i` of every row.
        #[inline(always)]
        pub(crate) fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
            std::array::from_fn(|i| Self(std::array::from_fn(|j| rows[j].0[i])))
        }

        #[inline(always)]
        fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
            Self(std::array::from_fn(|l| f(self.0[l], other.0[l])))
        }

        /// Sums modulo `2^64`.
        #[inline(always)]
        pub(crate) fn add(self, other: Self) -> Self {
            self.zip(other, u64::wrapping_add)
        }

        /// Differences modulo `2^64`.
        #[inline(always)]
        pub(crate) fn sub(self, other: Self) -> Self {
            self.zip(other, u64::wrapping_sub)
        }

        /// Products of the lower 32 bits.
        #[inline(always)]
        pub(crate) fn mul(self, other: Self) -> Self {
            self.zip(other, |a, b| (a & 0xffff_ffff) * (b & 0xffff_ffff))
        }

        /// Bits that both have.
        #[inline(always)]
        pub(crate) fn and(self, other: Self) -> Self {
            self.zip(other, |a, b| a & b)
        }

        /// Shifts right by `bits < 64`.
        #[inline(always)]
        pub(crate) fn shr(self, bits: u32) -> Self {
            Self(self.0.map(|v| v >> bits))
        }

        /// Shifts left by `bits < 64`.
        #[inline(always)]
        pub(crate) fn shl(self, bits: u32) -> Self {
            Self(self.0.map(|v| v << bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_forms_agree(a: [u64; LANES], b: [u64; LANES], bits in 0u32..64) {
            let (x, y) = (Lane::new(a), Lane::new(b));
            let (u, v) = (portable::Lane::new(a), portable::Lane::new(b));
            prop_assert_eq!(x.to_array(), a);
            prop_assert_eq!(x.add(y).to_array(), u.add(v).to_array());
            prop_assert_eq!(x.sub(y).to_array(), u.sub(v).to_array());
            prop_assert_eq!(x.mul(y).to_array(), u.mul(v).to_array());
            prop_assert_eq!(x.and(y).to_array(), u.and(v).to_array());
            prop_assert_eq!(x.shr(bits).to_array(), u.shr(bits).to_array());
            prop_assert_eq!(x.shl(bits).to_array(), u.shl(bits).to_array());
            let shifted = |k: u64| a.map(|v| v.rotate_left(k as u32 + bits));
            let rows: [[u64; LANES]; LANES] = std::array::from_fn(|k| shifted(k as u64));
            prop_assert_eq!(
                Lane::transpose(rows.map(Lane::new)).map(Lane::to_array),
                portable::Lane::transpose(rows.map(portable::Lane::new)).map(portable::Lane::to_array)
            );
            prop_assert_eq!(Lane::splat(a[0]).to_array(), portable::Lane::splat(a[0]).to_array());
        }
    }
}
