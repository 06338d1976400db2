//! What a chain of proofs keeps to.

use std::path::Path;

use ark_bn254::G1Affine;
use sha3::{Digest, Keccak256};
use zktrain_model::Hash;
use zktrain_statement::statements::{Binding, derived_nonce};

use crate::error::Error;
use crate::project::{Round, settings};

/// The rules of a chain that do not depend on the model: who, which data, which order.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Prover, chain, contract, domain and round.
    pub binding: Binding,
    /// Root of the registered dataset.
    pub dataset: Hash,
    pub windows: usize,
    /// Draws the order of windows.
    pub nonce: [u8; 32],
}

impl Rules {
    /// The rules of a round for a registered dataset.
    ///
    /// Outside a round the nonce is [`derived_nonce`].
    ///
    /// # Errors
    /// If the round's address or nonce is malformed.
    pub fn new(
        path: &Path,
        round: &Round,
        spec: &Hash,
        dataset: Hash,
        windows: usize,
    ) -> Result<Self, Error> {
        let binding = round.binding().map_err(|e| settings(path, e))?;
        let drawn = round.nonce().map_err(|e| settings(path, e))?;
        let derived = || derived_nonce(spec, &dataset);
        Ok(Self { binding, dataset, windows, nonce: drawn.unwrap_or_else(derived) })
    }

    /// Identifies a chain by its rules and first model: what secret state belongs to.
    pub fn chain_id(&self, spec: &Hash, model: &[G1Affine]) -> Hash {
        let mut hasher = Keccak256::new()
            .chain_update(b"zktrain/chain")
            .chain_update(spec)
            .chain_update(self.binding.to_bytes())
            .chain_update(self.dataset)
            .chain_update(self.nonce);
        for row in model {
            hasher.update(zktrain_argument::opening::point_bytes(row));
        }
        hasher.finalize().into()
    }
}
