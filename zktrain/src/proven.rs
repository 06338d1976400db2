//! What a prover hands over.

use ark_bn254::Fr;
use zktrain_model::Hash;
use zktrain_model::trace::Parameters;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::file::{Registration, StoredProof};

/// A chain of proofs with what it begins with. All of it may be public, if it
/// [is zero-knowledge](Self::is_zero_knowledge).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProvenChain {
    /// The first model.
    pub genesis: Parameters,
    /// Draws the order of windows; none where that follows from the registration.
    pub nonce: Option<Hash>,
    /// Shows that the dataset is well formed, and whose it is.
    pub registration: Registration,
    /// One proof a window, in the order of training.
    pub proofs: Vec<(TrainingStatement, StoredProof)>,
}

impl ProvenChain {
    /// Whether it reveals nothing beyond its statements. What does not is for the owner alone: it has
    /// values that depend on the data.
    pub fn is_zero_knowledge(&self) -> bool {
        let plain = |proof: &StoredProof| matches!(proof, StoredProof::Plain(_));
        self.registration.is_compressed() && !self.proofs.iter().any(|(_, proof)| plain(proof))
    }
}

/// A model with what opens the commitments that a chain ends with: shows that it is the one that was
/// trained. It reveals the model, and nothing else.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelOpening {
    /// The model.
    pub model: Parameters,
    /// Blindings of its rows.
    pub blindings: Vec<Fr>,
}
