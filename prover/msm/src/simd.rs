//! Several unsigned 64-bit integers at a time, in vector registers where the processor has them.
//!
//! The compiler does vectorise the portable form, but not reliably once it is inlined into longer
//! functions: batched additions were measured eight times slower with it.
//!
//! Which form is used is chosen when the program runs, for a whole [`Kernel`] at a time. Everything
//! that a kernel does with lanes must be inlined into it, so that it is compiled for the form's
//! instructions: functions are `inline(always)`, and there are loops where one would write
//! closures, which cannot be. A form above the portable one is used only after it has passed a
//! trial in this very program (see [`trial`]).

mod portable;
mod trial;
#[cfg(test)]
mod wrong;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86;

use std::sync::OnceLock;

/// Rows that are loaded and stored together have this many integers.
pub(crate) const WORDS: usize = 4;

/// Integers in a lane of the widest form.
pub(crate) const MOST_LANES: usize = 8;

/// `N` integers.
pub(crate) trait Lane<const N: usize>: Copy {
    /// These integers.
    fn new(v: [u64; N]) -> Self;

    /// The same integer everywhere.
    fn splat(v: u64) -> Self;

    /// The integers.
    fn to_array(self) -> [u64; N];

    /// Integer `l` of result `w` is integer `w` of row `l`.
    fn gather(rows: [&[u64; WORDS]; N]) -> [Self; WORDS];

    /// The rows that [`Lane::gather`] makes this of.
    fn scatter(words: [Self; WORDS]) -> [[u64; WORDS]; N];

    /// Sums modulo `2^64`.
    fn add(self, other: Self) -> Self;

    /// Differences modulo `2^64`.
    fn sub(self, other: Self) -> Self;

    /// Products of the lower 32 bits.
    fn mul(self, other: Self) -> Self;

    /// Bits that both have.
    fn and(self, other: Self) -> Self;

    /// Shifts right by `bits < 64`.
    fn shr(self, bits: u32) -> Self;

    /// Shifts left by `bits < 64`.
    fn shl(self, bits: u32) -> Self;
}

/// Work on lanes: long enough to be worth a choice, short enough to be compiled for every form.
pub(crate) trait Kernel {
    /// What comes of it.
    type Output;

    /// Does the work. To be marked `inline(always)`.
    fn run<L: Lane<N>, const N: usize>(self) -> Self::Output;
}

/// A form of lanes that this processor has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Form(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Four integers.
    Portable,
    /// Eight integers, as the widest form has: for tests where no processor has that.
    #[cfg(test)]
    PortableWide,
    /// Four integers, and a mistake.
    #[cfg(test)]
    Wrong(wrong::Operation),
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
}

impl Form {
    /// What every processor has.
    const PORTABLE: Self = Self(Kind::Portable);

    /// The fastest that computes what the portable one does: found out once.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Form> = OnceLock::new();
        *BEST.get_or_init(|| trial::first_right(Self::detected()))
    }

    /// Those above the portable one that this processor has, the fastest first.
    fn detected() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = x86::Avx512::detect().map(|found| Self(Kind::Avx512(found)));
            let avx2 = x86::Avx2::detect().map(|found| Self(Kind::Avx2(found)));
            avx512.into_iter().chain(avx2).collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        Vec::new()
    }

    /// Runs a kernel in this form.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Portable => kernel.run::<portable::Lanes<4>, 4>(),
            #[cfg(test)]
            Kind::PortableWide => kernel.run::<portable::Lanes<8>, 8>(),
            #[cfg(test)]
            Kind::Wrong(operation) => operation.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(found) => found.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(found) => found.run(kernel),
        }
    }

    /// All that this processor has, the fastest last.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut forms = vec![Self(Kind::PortableWide), Self::PORTABLE];
        forms.extend(Self::detected().into_iter().rev());
        forms
    }

    /// The portable one with a mistake.
    #[cfg(test)]
    fn wrong(operation: wrong::Operation) -> Self {
        Self(Kind::Wrong(operation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every operation on eight integers, however many lanes they take.
    struct Everything {
        a: [u64; MOST_LANES],
        b: [u64; MOST_LANES],
        bits: u32,
        rows: [[u64; WORDS]; MOST_LANES],
    }

    impl Kernel for Everything {
        type Output = (Vec<u64>, Vec<[u64; WORDS]>);

        #[inline(always)]
        fn run<L: Lane<N>, const N: usize>(self) -> Self::Output {
            let mut numbers = vec![0; 7 * MOST_LANES];
            let (a, b) = (self.a.as_chunks::<N>().0, self.b.as_chunks::<N>().0);
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                let (x, y) = (L::new(*a), L::new(*b));
                let results = [
                    L::splat(self.a[0]),
                    x.add(y),
                    x.sub(y),
                    x.mul(y),
                    x.and(y),
                    x.shr(self.bits),
                    x.shl(self.bits),
                ];
                for (result, out) in results.into_iter().zip(numbers.chunks_mut(MOST_LANES)) {
                    out[i * N..][..N].copy_from_slice(&result.to_array());
                }
            }
            let mut rows = Vec::new();
            for rows_of_lane in self.rows.as_chunks::<N>().0 {
                let words = L::gather(rows_of_lane.each_ref());
                numbers.extend(words[1].to_array());
                rows.extend(L::scatter(words));
            }
            (numbers, rows)
        }
    }

    /// What [`Everything`] is meant to be.
    fn plain(a: &[u64], b: &[u64], bits: u32, rows: &[[u64; WORDS]]) -> Vec<u64> {
        let low = |v: u64| v & u64::from(u32::MAX);
        let mut out = vec![a[0]; MOST_LANES];
        let pairs = || a.iter().zip(b);
        out.extend(pairs().map(|(a, b)| a.wrapping_add(*b)));
        out.extend(pairs().map(|(a, b)| a.wrapping_sub(*b)));
        out.extend(pairs().map(|(a, b)| low(*a) * low(*b)));
        out.extend(pairs().map(|(a, b)| a & b));
        out.extend(a.iter().map(|a| a >> bits));
        out.extend(a.iter().map(|a| a << bits));
        out.extend(rows.iter().map(|row| row[1]));
        out
    }

    proptest! {
        #[test]
        fn every_form_does_the_same(
            a: [u64; MOST_LANES],
            b: [u64; MOST_LANES],
            bits in 0u32..64,
            rows: [[u64; WORDS]; MOST_LANES],
        ) {
            let expected = plain(&a, &b, bits, &rows);
            for form in Form::all() {
                let (numbers, scattered) = form.run(Everything { a, b, bits, rows });
                prop_assert_eq!(&numbers, &expected, "{:?}", form);
                prop_assert_eq!(scattered, rows, "{:?}", form);
            }
        }
    }

    #[test]
    fn the_fastest_form_is_chosen() {
        assert_eq!(Form::all().last(), Some(&Form::best()));
        // What the build's floor has, a program that runs has as well.
        #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
        assert_ne!(Form::best(), Form::PORTABLE);
    }
}
