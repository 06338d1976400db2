//! Where blindings and masks come from.

use ark_bn254::Fr;
use ark_ff::UniformRand;
use rand::{RngCore, SeedableRng, rngs::OsRng};
use rand_chacha::ChaCha20Rng;
use sha3::{Digest, Keccak256};

use crate::commit::Row;

/// A secret of the owner's that never leaves the machine.
#[derive(Clone)]
pub struct LocalKey(pub [u8; 32]);

impl LocalKey {
    /// A fresh key from the operating system.
    pub fn generate() -> Self {
        let mut key = [0; 32];
        OsRng.fill_bytes(&mut key);
        Self(key)
    }
}

/// Randomness for one proof: a function of the local key, the witness and the
/// operating system's randomness. Two proofs never share any, not even with a
/// broken operating system generator unless the witness is the same too.
pub fn proof_rng(key: &LocalKey, rows: &[Row]) -> ChaCha20Rng {
    let mut fresh = [0; 32];
    OsRng.fill_bytes(&mut fresh);
    let mut digest = blake3::Hasher::new();
    for row in rows {
        digest.update(&(row.width() as u64).to_le_bytes());
        match row {
            Row::Dense(entries) => {
                let mut bytes = Vec::with_capacity(4 * entries.len());
                entries.iter().for_each(|e| bytes.extend_from_slice(&e.to_le_bytes()));
                digest.update(&bytes);
            }
            Row::Sparse(entries) => {
                for (position, entry) in entries {
                    digest.update(&position.to_le_bytes()).update(&entry.to_le_bytes());
                }
            }
        }
    }
    let seed = Keccak256::new()
        .chain_update(b"zktrain/randomness")
        .chain_update(key.0)
        .chain_update(digest.finalize().as_bytes())
        .chain_update(fresh)
        .finalize();
    ChaCha20Rng::from_seed(seed.into())
}

/// What hides the witness of one proof.
#[derive(Clone)]
pub struct Randomness {
    /// A blinding for each of the proof's own rows.
    pub blinds: Vec<Fr>,
    /// The mask row: it hides what the opening reveals.
    pub mask: Vec<Fr>,
    /// The mask row's blinding.
    pub mask_blinding: Fr,
    /// Makes challenges independent of the witness.
    pub salt: Fr,
}

impl Randomness {
    /// Fresh randomness for a proof with so many rows of its own, of `2^row_log` cells.
    pub fn fresh(key: &LocalKey, sheet: &[Row], own: usize, row_log: u32) -> Self {
        let mut rng = proof_rng(key, sheet);
        Self {
            blinds: scalars(&mut rng, own),
            mask: scalars(&mut rng, 1 << row_log),
            mask_blinding: Fr::rand(&mut rng),
            salt: Fr::rand(&mut rng),
        }
    }
}

/// Uniform scalars.
pub fn scalars(rng: &mut impl RngCore, count: usize) -> Vec<Fr> {
    (0..count).map(|_| Fr::rand(rng)).collect()
}
