//! The [`ChallengeChain`] as the transcript that `halo2_proofs` writes and reads.

use std::io;

use ark_bn254::Fr;
use halo2_proofs::halo2curves::bn256;
use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite};
use zktrain_argument::opening::{Words, point_bytes, scalar_bytes};
use zktrain_model::Hash;

use super::convert::{from_point, from_scalar, to_point, to_scalar};
use crate::halo2::transcript::ChallengeChain;

/// A challenge of the chain, as halo2 wants to have it.
#[derive(Clone, Copy, Debug)]
pub struct Challenge(bn256::Fr);

impl EncodedChallenge<bn256::G1Affine> for Challenge {
    type Input = Fr;

    fn new(input: &Fr) -> Self {
        Self(to_scalar(input))
    }

    fn get_scalar(&self) -> bn256::Fr {
        self.0
    }
}

/// A proof in the making.
#[derive(Clone, Debug)]
pub struct Writer {
    chain: ChallengeChain,
    /// Whether halo2's own hash of the key has come by.
    started: bool,
    proof: Vec<u8>,
}

impl Writer {
    /// Starts from a key's digest.
    pub fn new(digest: Hash) -> Self {
        Self { chain: ChallengeChain::new(digest), started: false, proof: Vec::new() }
    }

    /// The proof.
    pub fn finish(self) -> Vec<u8> {
        self.proof
    }
}

/// A proof as halo2's own verifier reads it; the reference for ours.
#[derive(Clone, Debug)]
pub struct ReferenceReader<'a> {
    chain: ChallengeChain,
    started: bool,
    words: Words<'a>,
    left: usize,
}

impl<'a> ReferenceReader<'a> {
    /// Starts from a key's digest.
    pub fn new(digest: Hash, proof: &'a [u8]) -> Self {
        let (chain, words) = (ChallengeChain::new(digest), Words::new(proof, 0));
        Self { chain, started: false, words, left: proof.len() }
    }

    /// Whether everything has been read.
    pub fn is_finished(&self) -> bool {
        self.left == 0
    }

    fn take(&mut self, bytes: usize) -> io::Result<()> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }
}

/// The first scalar that halo2 absorbs is its own hash of the key, of a text
/// made for debugging. The digest is in its place.
fn common_scalar(chain: &mut ChallengeChain, started: &mut bool, scalar: &bn256::Fr) {
    if core::mem::replace(started, true) {
        chain.scalar(&from_scalar(scalar));
    }
}

impl Transcript<bn256::G1Affine, Challenge> for Writer {
    fn squeeze_challenge(&mut self) -> Challenge {
        Challenge::new(&self.chain.challenge())
    }
    fn common_point(&mut self, point: bn256::G1Affine) -> io::Result<()> {
        self.chain.point(&from_point(&point));
        Ok(())
    }
    fn common_scalar(&mut self, scalar: bn256::Fr) -> io::Result<()> {
        common_scalar(&mut self.chain, &mut self.started, &scalar);
        Ok(())
    }
}

impl TranscriptWrite<bn256::G1Affine, Challenge> for Writer {
    fn write_point(&mut self, point: bn256::G1Affine) -> io::Result<()> {
        let point = from_point(&point);
        self.chain.point(&point);
        self.proof.extend_from_slice(&point_bytes(&point));
        Ok(())
    }
    fn write_scalar(&mut self, scalar: bn256::Fr) -> io::Result<()> {
        let scalar = from_scalar(&scalar);
        self.chain.scalar(&scalar);
        self.proof.extend_from_slice(&scalar_bytes(&scalar));
        Ok(())
    }
}

impl Transcript<bn256::G1Affine, Challenge> for ReferenceReader<'_> {
    fn squeeze_challenge(&mut self) -> Challenge {
        Challenge::new(&self.chain.challenge())
    }
    fn common_point(&mut self, point: bn256::G1Affine) -> io::Result<()> {
        self.chain.point(&from_point(&point));
        Ok(())
    }
    fn common_scalar(&mut self, scalar: bn256::Fr) -> io::Result<()> {
        common_scalar(&mut self.chain, &mut self.started, &scalar);
        Ok(())
    }
}

impl TranscriptRead<bn256::G1Affine, Challenge> for ReferenceReader<'_> {
    fn read_point(&mut self) -> io::Result<bn256::G1Affine> {
        self.take(64)?;
        let point = self.words.point().map_err(io::Error::other)?;
        self.chain.point(&point);
        Ok(to_point(&point))
    }
    fn read_scalar(&mut self) -> io::Result<bn256::Fr> {
        self.take(32)?;
        let scalar = self.words.scalar().map_err(io::Error::other)?;
        self.chain.scalar(&scalar);
        Ok(to_scalar(&scalar))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::G1Affine;
    use ark_ec::AffineRepr;

    #[test]
    fn what_is_written_is_read_and_gives_the_same_challenges() {
        let point = to_point(&G1Affine::generator());
        let mut writer = Writer::new([1; 32]);
        writer.common_scalar(bn256::Fr::from(99)).unwrap();
        writer.common_scalar(bn256::Fr::from(3)).unwrap();
        writer.write_point(point).unwrap();
        writer.write_scalar(bn256::Fr::from(8)).unwrap();
        let challenge = writer.squeeze_challenge().get_scalar();
        let proof = writer.finish();
        let mut reader = ReferenceReader::new([1; 32], &proof);
        // Halo2's hash of the key does not matter.
        reader.common_scalar(bn256::Fr::from(98)).unwrap();
        reader.common_scalar(bn256::Fr::from(3)).unwrap();
        assert_eq!(reader.read_point().unwrap(), point);
        assert_eq!(reader.read_scalar().unwrap(), bn256::Fr::from(8));
        assert!(reader.is_finished());
        assert_eq!(reader.squeeze_challenge().get_scalar(), challenge);
        assert!(reader.read_scalar().is_err());
    }
}
