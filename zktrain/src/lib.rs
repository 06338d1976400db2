#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod draft;
mod error;
mod folder;
mod proven;
mod prover;
mod reference_string;
mod registration;
mod roots;
mod setup;
mod verifier;

pub use draft::Draft;
pub use error::Error;
pub use proven::{ModelOpening, ProvenChain};
pub use prover::{Prover, ProverBuilder, ProverProgress, ProverStage};
pub use reference_string::ReferenceString;
pub use roots::{RootOfTrust, RootTrust};
pub use verifier::{ChainVerdict, Nonce, Verifier, VerifierBuilder};

pub use zktrain_ceremony::groth16::ProvingKey;
pub use zktrain_commit::random::LocalKey;
pub use zktrain_model::Hash;
pub use zktrain_model::manifest::{
    Kernel, LayerKind, LayerSpec, Loss, Manifest, Network, Optimizer, OptimizerKind, Schedule,
    ScheduleKind, Training,
};
pub use zktrain_model::size::Limits;
pub use zktrain_model::trace::Parameters;
pub use zktrain_statement::statements::{Binding, TrainingStatement};
pub use zktrain_trainer::dataset::{Dataset, Source, Table};
pub use zktrain_trainer::transformer::{Transformer, TransformerBlock};
pub use zktrain_trainer::{ClassWeights, Metrics, Scaling};
pub use zktrain_verify::file::{Registration, StoredProof};
pub use zktrain_verify::groth16::Groth16Key;
