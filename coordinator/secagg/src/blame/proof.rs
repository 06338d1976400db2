//! What a defence holds, and its encoding.
//!
//! The test's digest; then words of 32 bytes, big-endian: `V_i`, `C_M`, `V_M`, `v*`, `b*`, `t*`, `z_i`,
//! the opening, `E_ij` in the order of addresses.

use alloy_primitives::{Address, B256, Keccak256};
use ark_bn254::{Fr, G1Affine};
use zktrain_argument::opening::{
    OpeningDecodeError, OpeningProof, Words, point_bytes, scalar_bytes,
};

const POINT: usize = 64;
const WORD: usize = 32;
/// Bytes before the pairs.
const FIXED: usize = WORD + 3 * POINT + 4 * WORD + OpeningProof::ENCODED_LEN;

/// Bytes of a defence with so many pairs.
pub(super) const fn bytes(pairs: usize) -> usize {
    FIXED + POINT * pairs
}

/// The parts of a defence that `γ` is drawn after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commitments {
    /// The test.
    pub test: B256,
    /// `V_i`
    pub value: G1Affine,
    /// `C_M`
    pub mask: G1Affine,
    /// `V_M`
    pub mask_value: G1Affine,
    /// `E_ij`
    pub pairs: Vec<G1Affine>,
}

/// A defence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub commitments: Commitments,
    pub response: Response,
}

/// What is revealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// `v*`
    pub value: Fr,
    /// `b*`
    pub blinding: Fr,
    /// `t*`
    pub link: Fr,
    /// `z_i`
    pub balance: Fr,
    /// Opens the masked row to `v*`.
    pub opening: OpeningProof,
}

impl Commitments {
    /// The part of a defence that is known before anything random is drawn.
    pub(super) fn known(
        test: B256,
        account: Address,
        pairs: &[G1Affine],
        update: &[G1Affine],
    ) -> B256 {
        let mut hash = Keccak256::new();
        hash.update(b"zktrain/secagg/v2/defence/known");
        hash.update(test);
        hash.update(account);
        for list in [pairs, update] {
            hash.update((list.len() as u64).to_be_bytes());
            list.iter().for_each(|point| hash.update(point_bytes(point)));
        }
        hash.finalize()
    }

    /// `γ`, and a digest that it follows from.
    pub(super) fn challenge(&self, account: Address, update: &[G1Affine]) -> (Fr, B256) {
        let mut hash = Keccak256::new();
        hash.update(b"zktrain/secagg/v2/defence");
        hash.update(self.test);
        hash.update(account);
        let fixed = [self.value, self.mask, self.mask_value];
        let lists = [fixed.as_slice(), &self.pairs, update];
        for list in lists {
            hash.update((list.len() as u64).to_be_bytes());
            list.iter().for_each(|point| hash.update(point_bytes(point)));
        }
        let digest = hash.finalize();
        (super::scalar(digest, "gamma", 0), digest)
    }
}

impl Response {
    /// Where the opening's transcript starts.
    pub(super) fn seed(
        digest: B256,
        value: &Fr,
        blinding: &Fr,
        link: &Fr,
        balance: &Fr,
    ) -> [u8; 32] {
        let mut hash = Keccak256::new();
        hash.update(digest);
        [value, blinding, link, balance].iter().for_each(|s| hash.update(scalar_bytes(s)));
        hash.finalize().0
    }
}

impl Proof {
    /// The encoding.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Commitments { test, value, mask, mask_value, pairs } = &self.commitments;
        let mut out = test.to_vec();
        [value, mask, mask_value].iter().for_each(|p| out.extend_from_slice(&point_bytes(p)));
        let Response { value, blinding, link, balance, opening } = &self.response;
        let scalars = [value, blinding, link, balance];
        scalars.iter().for_each(|s| out.extend_from_slice(&scalar_bytes(s)));
        out.extend_from_slice(&opening.to_bytes());
        pairs.iter().for_each(|pair| out.extend_from_slice(&point_bytes(pair)));
        out
    }

    /// Reads a defence among so many others.
    pub(super) fn from_bytes(bytes: &[u8], pairs: usize) -> Result<Self, OpeningDecodeError> {
        let (expected, got) = (self::bytes(pairs), bytes.len());
        let length = OpeningDecodeError::Length { expected, got };
        let (test, _) = bytes.split_first_chunk::<WORD>().ok_or(length)?;
        if got != expected {
            return Err(length);
        }
        let words = &mut Words::new(bytes, WORD);
        let [value, mask, mask_value] = [words.point()?, words.point()?, words.point()?];
        let [opened, blinding] = [words.scalar()?, words.scalar()?];
        let [link, balance] = [words.scalar()?, words.scalar()?];
        let opening = OpeningProof::read(words)?;
        let pairs = (0..pairs).map(|_| words.point()).collect::<Result<_, _>>()?;
        let commitments = Commitments { test: B256::from(*test), value, mask, mask_value, pairs };
        let response = Response { value: opened, blinding, link, balance, opening };
        Ok(Self { commitments, response })
    }
}
