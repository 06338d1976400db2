//! A proof in the making: what is sent is absorbed and written down.

use ark_bn254::{Fr, G1Affine};
use zktrain_argument::opening::{point_bytes, scalar_bytes};
use zktrain_backends::halo2::transcript::ChallengeChain;
use zktrain_model::Hash;

/// The prover's side of the [`ChallengeChain`].
pub struct Halo2Transcript {
    chain: ChallengeChain,
    proof: Vec<u8>,
}

impl Halo2Transcript {
    /// Starts from a key's digest and the public inputs, which are not sent.
    pub fn new(digest: Hash, inputs: &[Fr]) -> Self {
        let mut chain = ChallengeChain::new(digest);
        inputs.iter().for_each(|input| chain.scalar(input));
        Self { chain, proof: Vec::new() }
    }

    /// Sends commitments.
    pub fn points(&mut self, points: &[G1Affine]) {
        for point in points {
            self.chain.point(point);
            self.proof.extend_from_slice(&point_bytes(point));
        }
    }

    /// Sends evaluations.
    pub fn scalars(&mut self, scalars: &[Fr]) {
        for scalar in scalars {
            self.chain.scalar(scalar);
            self.proof.extend_from_slice(&scalar_bytes(scalar));
        }
    }

    /// The next challenge.
    pub fn challenge(&mut self) -> Fr {
        self.chain.challenge()
    }

    /// The proof.
    pub fn finish(self) -> Vec<u8> {
        self.proof
    }
}
