//! The owner's side: commits to data, trains, proves every window that was trained on.

mod builder;

use zktrain_commit::random::LocalKey;
use zktrain_model::Hash;
use zktrain_model::trace::{Parameters, Trace};
use zktrain_prove::compress::Compressor;
use zktrain_prove::training::{Committed, Position, RegisteredDataset, TrainingProver};
use zktrain_statement::statements::Binding;
use zktrain_trainer::replay::Replay;
use zktrain_trainer::{Metrics, window_metrics};
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::file::StoredProof;

pub use builder::ProverBuilder;

use crate::error::Error;
use crate::proven::{ModelOpening, ProvenChain};
use crate::setup::Setup;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProverStage {
    /// Windows are committed to.
    Registering,
    /// Windows are trained on, and that is proven.
    Proving,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProverProgress {
    /// Of what.
    pub stage: ProverStage,
    /// Windows done.
    pub done: usize,
    /// Windows to be done.
    pub total: usize,
    /// Of the last window, before each of its steps, if it was trained on.
    pub metrics: Option<Metrics>,
}

type Listener<'a> = Box<dyn FnMut(ProverProgress) + 'a>;

/// A chain of proofs in the making, by the owner of the data.
///
/// Training is deterministic: the same manifest, data, first model and nonce give the same models,
/// whatever machine it is. Proofs are blinded with fresh randomness.
pub struct Prover<'a> {
    setup: Setup,
    secret: LocalKey,
    binding: Binding,
    compressor: Option<Compressor>,
    dataset: RegisteredDataset,
    replay: Replay<'a>,
    /// Trained on and not proven, because proving failed: the next attempt begins with it.
    pending: Option<(u64, Trace)>,
    /// Commitments to the model after the last proof, with what opens them.
    at: Committed,
    model: Parameters,
    genesis_hash: Hash,
    chain: ProvenChain,
    listener: Listener<'a>,
}

impl Prover<'_> {
    /// Trains on the next windows, in the order that the nonce draws, and proves it; all proofs so
    /// far. Each is verified before it counts.
    ///
    /// # Errors
    /// If the manifest allows no more steps, training is refused, or a proof cannot be made.
    pub fn prove(&mut self, windows: usize) -> Result<&ProvenChain, Error> {
        let network = self.setup.network();
        let all = self.chain.proofs.len().saturating_add(windows);
        let (expected, got) = (network.max_steps, all.saturating_mul(network.steps));
        if got > expected {
            return Err(Error::TooManySteps { expected, got });
        }
        for done in 1..=windows {
            let metrics = Some(self.prove_next()?);
            (self.listener)(ProverProgress {
                stage: ProverStage::Proving,
                done,
                total: windows,
                metrics,
            });
        }
        Ok(&self.chain)
    }

    /// Windows of the data, which is how many proofs make an epoch.
    pub fn windows(&self) -> usize {
        self.dataset.windows.len()
    }

    /// What is handed to others: uncompressed proofs are for the owner alone.
    pub fn chain(&self) -> &ProvenChain {
        &self.chain
    }

    /// Keccak-256 of the row commitments of the first model, which is public: what a verifier pins.
    pub fn genesis_hash(&self) -> Hash {
        self.genesis_hash
    }

    /// The model after the last proof.
    pub fn model(&self) -> &Parameters {
        &self.model
    }

    /// The model after the last proof, with what shows that the chain ends with it: to be handed to
    /// those who may have the model.
    pub fn open_model(&self) -> ModelOpening {
        ModelOpening { model: self.model.clone(), blindings: self.at.model.blinds.clone() }
    }

    fn prove_next(&mut self) -> Result<Metrics, Error> {
        let (window, trace) = match self.pending.take() {
            Some(pending) => pending,
            None => self.replay.next_window()?,
        };
        match self.prove_window(window, &trace) {
            Ok(()) => {
                let metrics = window_metrics(self.setup.network(), &trace);
                self.model = trace.after;
                Ok(metrics)
            }
            Err(error) => {
                self.pending = Some((window, trace));
                Err(error)
            }
        }
    }

    fn prove_window(&mut self, window: u64, trace: &Trace) -> Result<(), Error> {
        let Setup { key, srs, .. } = &self.setup;
        let step = (self.chain.proofs.len() * key.network.steps) as u64;
        let position = Position { binding: self.binding, step, window };
        let (g1, secret, dataset) = (srs.checked().g1(), &self.secret, &self.dataset);
        let prover = TrainingProver { key, g1, secret, dataset };
        let proved = prover.prove(&self.at, position, trace)?;
        let (proof, circuit) = match &self.compressor {
            Some(by) => {
                let proof = by.compress(proved.proof)?;
                (StoredProof::Compressed(proof), by.key())
            }
            None => (StoredProof::Plain(proved.proof.reveal()), CircuitKey::default()),
        };
        zktrain_verify::training::verify(key, &circuit, &proved.statement, &proof)?;
        self.chain.proofs.push((proved.statement, proof));
        self.at = proved.after;
        Ok(())
    }
}
