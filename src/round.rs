//! One member's work in a round that a contract opened: train on the window that was drawn, from
//! the round's model, and prove it.

use std::path::Path;

use sha3::{Digest, Keccak256};
use zktrain_circuits::compressed::{CompressedProof, System};
use zktrain_circuits::merkle::Hash;
use zktrain_circuits::opening::point_bytes;
use zktrain_circuits::schedule::round_window;
use zktrain_circuits::statement::{Binding, TrainingStatement};
use zktrain_prover::training::{Committed, Position, TrainingProver, commit_model};
use zktrain_trainer::train::Trainer;

use crate::circuits::{Circuits, Shape};
use crate::commands::train::registered;
use crate::error::Error;
use crate::project::Project;
use crate::secrets::{read_key, write_state};
use crate::session::{Session, read_genesis};
use crate::ui::Ui;

/// What a round asks of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Chain, round and the member's address.
    pub binding: Binding,
    /// Draws the window.
    pub nonce: Hash,
    /// `keccak256` of the model's row commitments.
    pub parent: Hash,
}

/// Trains on the drawn window of the project's registered data and proves it, compressed. The
/// secret openings of the update stay in the project.
///
/// # Errors
/// If the model is not the round's, the data are not registered or have changed, or proving fails.
pub fn work(
    project: &Project,
    model: &Path,
    system: System,
    task: Task,
    ui: &Ui,
) -> Result<(TrainingStatement, CompressedProof), Error> {
    let _lock = project.lock()?;
    let session = Session::of_project(project, ui)?;
    let (network, g1) = (session.network(), &session.srs.g1);
    let (train, _, data) = registered(project, &session)?;
    let initial = read_genesis(model, network)?;
    let start = Committed::start(&session.key, commit_model(&session.key, g1, &initial)?);
    let got = rows_hash(&start.model.points);
    if got != task.parent {
        let [expected, got] = [task.parent, got].map(hex::encode);
        return Err(Error::ParentModel { path: model.to_owned(), expected, got });
    }
    let dataset = &data.dataset;
    let too_short = || Error::NoWindow { expected: network.window(), got: train.rows() };
    let windows = dataset.windows.len() as u64;
    let window = round_window(task.nonce, task.binding.prover, windows).ok_or_else(too_short)?;
    let index = usize::try_from(window).map_err(|_| too_short())?;
    let (x, y) = train.window(network, index).ok_or_else(too_short)?;
    let trace = Trainer::new(network.clone()).train_window(&initial, None, x, y)?;
    let secret = read_key(&project.key_path())?;
    let prover = TrainingProver { key: &session.key, g1, secret: &secret, dataset };
    let position = Position { binding: task.binding, step: 0, window };
    let proved = prover.prove(&start, position, &trace)?;
    let circuits = Circuits::new(&session, project, ui);
    let compressor = circuits.compressor(system, Shape::Training)?;
    let proof = compressor.compress(proved.h, &proved.claim, proved.proof)?;
    let statement = proved.statement;
    zktrain_verifier::training::verify(&session.key, &compressor.key(), &statement, &proof)
        .map_err(|source| Error::OwnProof { index: 0, source: Box::new(source) })?;
    let path = project.round_state_path(task.binding.round);
    write_state(&path, &task.id(), 0, &proved.after)?;
    Ok((statement, proof))
}

impl Task {
    /// What the secret openings of its update are kept under.
    fn id(&self) -> Hash {
        let hasher = Keccak256::new().chain_update(b"zktrain/task");
        let hasher = hasher.chain_update(self.binding.chain_id.to_be_bytes());
        let hasher = hasher.chain_update(self.binding.round.to_be_bytes());
        let hasher = hasher.chain_update(self.binding.prover);
        hasher.chain_update(self.nonce).chain_update(self.parent).finalize().into()
    }
}

/// `keccak256` of row commitments, 64 bytes each: what contracts know a model or an update by.
pub fn rows_hash(rows: &[ark_bn254::G1Affine]) -> Hash {
    let mut hasher = Keccak256::new();
    rows.iter().for_each(|row| hasher.update(point_bytes(row)));
    hasher.finalize().into()
}
