//! Masks: streams of uniform field elements from a seed.
//!
//! Elements `4096·c .. 4096·(c + 1)` come from the keystream of ChaCha20 under the seed with
//! stream number `c`, so that any part can be made without what is before it. 32 bytes at a time
//! are read as a big-endian integer, its two highest bits cleared; what is not below the modulus
//! is dropped (about a quarter).
//!
//! Source: Bernstein, *ChaCha, a variant of Salsa20*; rejection keeps the elements uniform.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Elements of a stream that are made together.
pub(super) const CHUNK: usize = 1 << 12;

/// Bytes of keystream that are read at once.
const BUFFER: usize = 1 << 11;

/// What a mask is made of.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Seed(pub [u8; 32]);

/// Whether a mask is added or subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Added.
    Plus,
    /// Subtracted.
    Minus,
}

impl core::ops::Neg for Sign {
    type Output = Self;

    fn neg(self) -> Self {
        match self {
            Self::Plus => Self::Minus,
            Self::Minus => Self::Plus,
        }
    }
}

impl Seed {
    /// Calls `use_element` with position and value of the first elements of a chunk.
    fn for_each(&self, chunk: u64, count: usize, mut use_element: impl FnMut(usize, Fr)) {
        let mut rng = ChaCha20Rng::from_seed(self.0);
        rng.set_stream(chunk);
        let mut buffer = [0u8; BUFFER];
        let mut position = 0;
        while position < count {
            rng.fill_bytes(&mut buffer);
            let elements = buffer.chunks_exact(32).filter_map(sample);
            for element in elements.take(count - position) {
                use_element(position, element);
                position += 1;
            }
        }
        buffer.zeroize();
    }

    /// The inner product of the stream with weights.
    pub(super) fn inner(&self, weights: &[Fr]) -> Fr {
        let part = |(chunk, weights): (usize, &[Fr])| {
            let mut sum = Fr::ZERO;
            self.for_each(chunk as u64, weights.len(), |position, element| {
                if let Some(weight) = weights.get(position) {
                    sum += *weight * element;
                }
            });
            sum
        };
        weights.par_chunks(CHUNK).enumerate().map(part).sum()
    }
}

/// An element from 32 bytes; none where the integer is too large.
fn sample(bytes: &[u8]) -> Option<Fr> {
    let mut limbs = [0u64; 4];
    for (limb, word) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_be_bytes(word.try_into().ok()?);
    }
    let [a, b, c, d] = limbs;
    Fr::from_bigint(BigInt([a, b, c, d & (u64::MAX >> 2)]))
}

/// Adds masks to a vector.
pub(super) fn apply(vector: &mut [Fr], masks: &[(Sign, Seed)]) {
    vector.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, part)| {
        for (sign, seed) in masks {
            seed.for_each(chunk as u64, part.len(), |position, mask| {
                if let Some(element) = part.get_mut(position) {
                    match sign {
                        Sign::Plus => *element += mask,
                        Sign::Minus => *element -= mask,
                    }
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(seed: u8, count: usize) -> Vec<Fr> {
        let mut vector = vec![Fr::ZERO; count];
        apply(&mut vector, &[(Sign::Plus, Seed([seed; 32]))]);
        vector
    }

    #[test]
    fn a_stream_does_not_depend_on_its_length() {
        let long = stream(1, 2 * CHUNK + 77);
        for count in [0, 1, 5, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
            assert_eq!(stream(1, count), long[..count], "{count}");
        }
    }

    #[test]
    fn masks_cancel_and_seeds_differ() {
        let mut vector = stream(1, CHUNK + 3);
        apply(&mut vector, &[(Sign::Plus, Seed([2; 32])), (Sign::Minus, Seed([1; 32]))]);
        assert_eq!(vector, stream(2, CHUNK + 3));
        apply(&mut vector, &[(-Sign::Plus, Seed([2; 32]))]);
        assert!(vector.iter().all(|v| *v == Fr::ZERO));
        let (a, b) = (stream(1, CHUNK * 2), stream(2, CHUNK * 2));
        assert!(a.iter().zip(&b).all(|(a, b)| a != b));
        // Neither do chunks of one stream repeat.
        assert_ne!(a[..CHUNK], a[CHUNK..]);
    }

    #[test]
    fn inner_products_are_those_of_the_stream() {
        let (stream, weights) = (stream(3, CHUNK + 100), stream(4, CHUNK + 100));
        let expected: Fr = stream.iter().zip(&weights).map(|(a, b)| *a * b).sum();
        assert_eq!(Seed([3; 32]).inner(&weights), expected);
    }

    #[test]
    fn elements_are_uniform() {
        let count = 1 << 16;
        let mut highest = [0u32; 16];
        let mut ones = [0u32; 254];
        for element in stream(5, count) {
            let limbs = element.into_bigint().0;
            highest[(limbs[3] >> 58) as usize & 15] += 1;
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += (limbs[bit / 64] >> (bit % 64) & 1) as u32;
            }
        }
        // The low 250 bits are balanced within six standard deviations of 128.
        for (bit, ones) in ones.iter().take(250).enumerate() {
            assert!(ones.abs_diff(1 << 15) < 768 + 256 * u32::from(bit > 240), "{bit}: {ones}");
        }
        // The modulus is 12.1 sixteenths of 2^254: the tops below it are equally frequent.
        for (top, frequency) in highest.iter().enumerate().take(12) {
            assert!((5_000..5_900).contains(frequency), "{top}: {frequency}");
        }
        assert!(highest[13..].iter().all(|f| *f == 0));
    }

    #[test]
    fn the_stream_is_fixed() {
        use zktrain_argument::opening::scalar_bytes;
        let stream = stream(0, CHUNK + 1);
        let at = |index: usize| alloy_primitives::hex::encode(scalar_bytes(&stream[index]));
        // The first one is what RFC 8439's keystream of the zero key has at bytes 32 to 63.
        let expected = [
            "1a41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
            "1f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed",
            "2f3fdfd6c61578fbf5cf35bd3dd33b8009631634d21e42ac33960bd138e50d32",
        ];
        assert_eq!([0, 1, CHUNK].map(at), expected);
    }
}
