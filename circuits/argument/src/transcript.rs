//! The Fiat–Shamir transcript: a duplex sponge over Poseidon's permutation.
//!
//! The first state element is the capacity: it starts from a fixed tag, is
//! never absorbed into and never squeezed. What is absorbed, and in which
//! order, is fixed by the relation, whose hash is part of the first element
//! absorbed; so labels need no room in the sponge. They are kept for the test
//! that lists every absorb and challenge site.

use ark_bn254::Fr;
use ark_ff::Zero;

use crate::arith::Arithmetic;
use crate::poseidon::{RATE, WIDTH};

/// The capacity's start: "zktrain1" as a big-endian integer.
const TAG: u64 = 0x7a6b_7472_6169_6e31;

/// A transcript over the variables of a backend.
#[derive(Clone, Debug)]
pub struct Transcript<V> {
    state: [V; WIDTH],
    /// Rate elements absorbed since the last permutation.
    absorbed: usize,
    /// Rate elements already squeezed since the last permutation, if it was for squeezing.
    squeezed: Option<usize>,
    sites: Vec<Site>,
    permutations: usize,
}

/// One absorb or challenge site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// A message of so many elements went in.
    Absorb(&'static str, usize),
    /// So many challenges came out.
    Challenge(&'static str, usize),
}

impl<V: Clone> Transcript<V> {
    /// An empty transcript.
    pub fn new<A: Arithmetic<Var = V>>(arith: &mut A) -> Self {
        let zero = arith.constant(Fr::zero());
        let mut state: [V; WIDTH] = core::array::from_fn(|_| zero.clone());
        if let Some(capacity) = state.first_mut() {
            *capacity = arith.constant(Fr::from(TAG));
        }
        Self { state, absorbed: 0, squeezed: None, sites: Vec::new(), permutations: 0 }
    }

    /// Absorbs `values` in order.
    pub fn absorb<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        label: &'static str,
        values: &[V],
    ) {
        self.sites.push(Site::Absorb(label, values.len()));
        for value in values {
            self.squeezed = None;
            if self.absorbed == RATE {
                self.permute(arith);
            }
            let slot = rate_mut(&mut self.state, self.absorbed);
            *slot = arith.add(slot, value);
            self.absorbed += 1;
        }
    }

    /// One challenge.
    pub fn challenge<A: Arithmetic<Var = V>>(&mut self, arith: &mut A, label: &'static str) -> V {
        self.sites.push(Site::Challenge(label, 1));
        self.squeeze(arith)
    }

    /// `count` challenges.
    pub fn challenges<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        label: &'static str,
        count: usize,
    ) -> Vec<V> {
        self.sites.push(Site::Challenge(label, count));
        (0..count).map(|_| self.squeeze(arith)).collect()
    }

    /// Every site so far, in order.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Permutations so far: what a circuit of this verifier pays for.
    pub fn permutations(&self) -> usize {
        self.permutations
    }

    fn squeeze<A: Arithmetic<Var = V>>(&mut self, arith: &mut A) -> V {
        let position = match self.squeezed {
            Some(position) if position < RATE => position,
            _ => {
                self.permute(arith);
                0
            }
        };
        self.squeezed = Some(position + 1);
        rate_mut(&mut self.state, position).clone()
    }

    fn permute<A: Arithmetic<Var = V>>(&mut self, arith: &mut A) {
        arith.permute(&mut self.state);
        self.absorbed = 0;
        self.permutations += 1;
    }
}

/// An element of the rate, never the capacity. Every position has one: no message is dropped, and
/// no challenge is a constant.
#[allow(clippy::indexing_slicing)] // 1 + position % RATE < WIDTH
fn rate_mut<V>(state: &mut [V; WIDTH], position: usize) -> &mut V {
    const { assert!(RATE < WIDTH) };
    &mut state[1 + position % RATE]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::Native;

    fn squeeze_after(messages: &[&[u64]]) -> Vec<Fr> {
        let mut transcript = Transcript::new(&mut Native);
        for message in messages {
            let values: Vec<Fr> = message.iter().map(|v| Fr::from(*v)).collect();
            transcript.absorb(&mut Native, "message", &values);
        }
        transcript.challenges(&mut Native, "challenge", 6)
    }

    #[test]
    fn every_absorbed_element_changes_every_challenge() {
        let base = [1u64, 2, 3, 4, 5, 6, 7, 8, 9];
        let expected = squeeze_after(&[&base]);
        for index in 0..base.len() {
            let mut altered = base;
            altered[index] += 1;
            let got = squeeze_after(&[&altered]);
            assert!(expected.iter().zip(&got).all(|(a, b)| a != b), "element {index}");
        }
    }

    #[test]
    fn challenges_differ_and_the_capacity_is_never_squeezed() {
        let mut transcript = Transcript::new(&mut Native);
        transcript.absorb(&mut Native, "m", &[Fr::from(7u64)]);
        let challenges = transcript.challenges(&mut Native, "c", 12);
        for (i, a) in challenges.iter().enumerate() {
            assert!(challenges[i + 1..].iter().all(|b| a != b));
        }
        assert!(!challenges.contains(&transcript.state[0]));
    }

    #[test]
    fn absorbing_after_a_challenge_changes_the_next_one() {
        let run = |value: u64| {
            let mut transcript = Transcript::new(&mut Native);
            transcript.absorb(&mut Native, "a", &[Fr::from(1u64)]);
            let first = transcript.challenge(&mut Native, "c");
            transcript.absorb(&mut Native, "b", &[Fr::from(value)]);
            (first, transcript.challenge(&mut Native, "d"))
        };
        assert_eq!(run(1).0, run(2).0);
        assert_ne!(run(1).1, run(2).1);
    }
}
