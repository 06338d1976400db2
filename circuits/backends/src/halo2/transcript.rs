//! The Fiat–Shamir transcript of a compressed proof: a chain of Keccak-256.
//!
//! The state is 32 bytes; it starts from the key's digest. Messages gather in a
//! buffer, points as `x ‖ y` and scalars as one word, all big-endian. A challenge
//! replaces the state by `keccak256(state ‖ buffer)`, empties the buffer and is
//! the new state modulo the group's order (some field elements are likelier
//! than others by a factor of at most 6/5). Who hashes what and when is fixed by
//! the circuit's version, which is part of the digest; so no labels are needed.

use ark_bn254::{Fr, G1Affine};
use ark_ff::PrimeField;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::{point_bytes, scalar_bytes};
use zktrain_model::Hash;

#[derive(Clone, Debug)]
pub struct ChallengeChain {
    state: Hash,
    buffer: Vec<u8>,
}

impl ChallengeChain {
    /// Starts from a key's digest.
    pub fn new(digest: Hash) -> Self {
        Self { state: digest, buffer: Vec::new() }
    }

    /// Absorbs a scalar.
    pub fn scalar(&mut self, scalar: &Fr) {
        self.buffer.extend_from_slice(&scalar_bytes(scalar));
    }

    /// Absorbs a point.
    pub fn point(&mut self, point: &G1Affine) {
        self.buffer.extend_from_slice(&point_bytes(point));
    }

    /// The next challenge.
    pub fn challenge(&mut self) -> Fr {
        let hash = Keccak256::new().chain_update(self.state).chain_update(&self.buffer).finalize();
        self.state = hash.into();
        self.buffer.clear();
        Fr::from_be_bytes_mod_order(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::AffineRepr;

    #[test]
    fn the_chain_hashes_state_and_buffer() {
        let mut chain = ChallengeChain::new([7; 32]);
        chain.scalar(&Fr::from(5u64));
        chain.point(&G1Affine::generator());
        let mut bytes = vec![7; 32];
        bytes.extend([0; 31]);
        bytes.push(5);
        bytes.extend([0; 31]);
        bytes.push(1);
        bytes.extend([0; 31]);
        bytes.push(2);
        let first: Hash = Keccak256::digest(&bytes).into();
        assert_eq!(chain.challenge(), Fr::from_be_bytes_mod_order(&first));
        let second: Hash = Keccak256::digest(first).into();
        assert_eq!(chain.challenge(), Fr::from_be_bytes_mod_order(&second));
    }
}
