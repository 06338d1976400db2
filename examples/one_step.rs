//! The crates below the library, by hand: one window of synthetic data, trained, proven, verified. The
//! library itself is shorter: `zktrain/examples/csv_to_chain.rs`.
//!
//! ```sh
//! cargo run --release --example one_step
//! ```

use std::error::Error;

use rand::rngs::OsRng;
use zktrain_commit::random::LocalKey;
use zktrain_commit::srs::Srs;
use zktrain_model::size::Limits;
use zktrain_prove::training::{
    Committed, Position, RegisteredDataset, TrainingProver, commit_model, derive_key,
    register_window,
};
use zktrain_statement::statements::Binding;
use zktrain_trainer::train::Trainer;
use zktrain_trainer::{initial_parameters, synthetic, window_metrics};

fn main() -> Result<(), Box<dyn Error>> {
    // What everyone agrees on: the manifest, a reference string, the key derived from both.
    let manifest = synthetic::manifest(&[13, 7, 3], 8, 2)?;
    let network = manifest.network()?;
    let srs = Srs::generate_g1(network.row_log, &mut OsRng).check()?;
    let bounded = Limits::default().admit(network.clone())?;
    let key = derive_key(manifest.hash(), bounded, &srs)?;

    // The owner's side: commit to a window, train on it, prove what happened.
    let secret = LocalKey::generate()?;
    let data = synthetic::samples(&manifest, network.window(), 1)?.quantized(&network);
    let window = register_window(&key, srs.g1(), &secret, &data.inputs, &data.labels)?;
    let dataset = RegisteredDataset::new(vec![window]);
    let model = initial_parameters(&network, 1);
    let start = Committed::start(&key, commit_model(&key, srs.g1(), &model)?);
    let trainer = Trainer::new(network.clone())?;
    let trace = trainer.train_window(&model, None, &data.inputs, &data.labels)?;
    let binding = Binding { prover: [7; 20], ..Binding::default() };
    let position = Position { binding, step: 0, window: 0 };
    let prover = TrainingProver { key: &key, g1: srs.g1(), secret: &secret, dataset: &dataset };
    let proved = prover.prove(&start, position, &trace)?;

    // The key, the statement and the proof are enough to verify. Before it is sent it is compressed:
    // like this it is the owner's alone.
    zktrain_verify::training::verify(&key, &(), &proved.statement, proved.proof.revealed())?;
    let loss = window_metrics(&network, &trace).loss;
    println!("{} steps proven and verified, loss {loss:.4}", network.steps);
    Ok(())
}
