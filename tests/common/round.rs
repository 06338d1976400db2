//! Members of one round, with data of their own, who prove what the round asks of them.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use zktrain_argument::opening::point_bytes;
use zktrain_model::manifest::Manifest;
use zktrain_model::schedule::round_window;
use zktrain_prove::compress::Compressor;
use zktrain_prove::halo2::{Halo2Params, log_rows};
use zktrain_prove::training::{
    Chunk, ChunkProved, Position, RegisteredDataset, TrainingProved, chunk_sizes, register_chunk,
};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_trainer::initial_parameters;
use zktrain_trainer::train::Trainer;
use zktrain_verify::evm::{encode_key, key_hash};

use super::{Run, srs};

/// Members of a domain, and what checks their proofs.
pub struct Cohort {
    pub members: Vec<Run>,
    pub compressor: Compressor,
}

/// A proof as it is handed in.
pub struct Delivered {
    pub statement: TrainingStatement,
    pub proof: CompressedProof,
}

impl Delivered {
    /// `keccak256` of the update's rows.
    pub fn update(&self) -> [u8; 32] {
        digest(&self.statement.update)
    }
}

impl Cohort {
    /// One member an account, each with so many windows of its own data; proofs by halo2.
    pub fn new(manifest: &Manifest, accounts: &[[u8; 20]], windows: usize) -> Self {
        let initial = initial_parameters(&manifest.network().unwrap(), 1);
        let member = |(index, account): (usize, &[u8; 20])| {
            let seed = 40 + index as u64;
            let (manifest, initial) = (manifest.clone(), initial.clone());
            let mut run = Run::trained_on(manifest, initial, windows, &|_, _| {}, seed);
            run.binding.prover = *account;
            run
        };
        let members: Vec<Run> = accounts.iter().enumerate().map(member).collect();
        let relation = members[0].key.relation.clone();
        let params = Halo2Params::new(srs(), log_rows(&relation).unwrap()).unwrap();
        Self { members, compressor: Compressor::halo2(relation, params).unwrap() }
    }

    /// The members' key.
    pub fn key(&self) -> &TrainingKey {
        &self.members[0].key
    }

    /// The key as contracts store it.
    pub fn contract_key(&self) -> Vec<u8> {
        let circuit = self.compressor.key().contract_bytes(ProofSystem::Halo2).unwrap();
        encode_key(self.key(), ProofSystem::Halo2, &circuit).unwrap()
    }

    /// The first model's rows.
    pub fn genesis(&self) -> &[G1Affine] {
        &self.members[0].start.model.points
    }

    /// The window that the nonce draws for a member.
    pub fn window(&self, member: usize, nonce: [u8; 32]) -> u64 {
        let run = &self.members[member];
        round_window(nonce, run.binding.prover, run.dataset.windows.len() as u64).unwrap()
    }

    /// A member's proof of a window of its data, started from the first model: for this place,
    /// which may name anybody as the prover.
    pub fn prove(&self, member: usize, place: Binding, window: u64) -> Delivered {
        let run = &self.members[member];
        let network = run.key.network.network();
        let (x, y) = run.data.window(network, window as usize).unwrap();
        let trainer = Trainer::new(network.clone()).unwrap();
        let trace = trainer.train_window(&run.initial, None, x, y).unwrap();
        let binding = Binding { prover: run.binding.prover, ..place };
        let position = Position { binding, step: 0, window };
        let TrainingProved { statement, proof, .. } =
            run.prover().prove(&run.start, position, &trace).unwrap();
        let proof = self.compressor.compress(proof).unwrap();
        Delivered { statement, proof }
    }
}

/// Registers a run's data for its member, as so many windows; the run's dataset is the one that
/// is registered.
pub fn register(run: &mut Run, total: usize) -> Vec<ChunkProved> {
    let network = run.key.network.clone();
    let [inputs, labels] = [&run.data.inputs, &run.data.labels]
        .map(|list| list.iter().map(|v| i32::from(*v)).collect::<Vec<i32>>());
    let (mut first, mut chunks, mut rows) = (0, Vec::new(), Vec::new());
    for windows in chunk_sizes(&network, total as u64).unwrap() {
        let samples = first * network.window()..(first + windows) * network.window();
        let chunk = Chunk {
            owner: run.binding.prover,
            total: total as u64,
            first: first as u64,
            windows,
            inputs: &inputs[samples.start * network.input..samples.end * network.input],
            labels: &labels[samples.start * network.output()..samples.end * network.output()],
        };
        let mut proved = register_chunk(&run.key, srs().g1(), &run.secret, &chunk).unwrap();
        rows.append(&mut proved.windows);
        chunks.push(proved);
        first += windows;
    }
    run.dataset = RegisteredDataset::new(rows);
    chunks
}

/// `keccak256` of row commitments, 64 bytes each.
pub fn digest(rows: &[G1Affine]) -> [u8; 32] {
    key_hash(&row_bytes(rows))
}

/// Row commitments as contracts read them.
pub fn row_bytes(rows: &[G1Affine]) -> Vec<u8> {
    rows.iter().flat_map(point_bytes).collect()
}

/// The weighted sum of updates, row by row.
pub fn aggregate(updates: &[&[G1Affine]], weights: &[u32]) -> Vec<G1Affine> {
    let rows = updates.first().map_or(0, |rows| rows.len());
    let sum = |row: usize| -> G1Projective {
        updates.iter().zip(weights).map(|(update, w)| update[row] * Fr::from(*w)).sum()
    };
    G1Projective::normalize_batch(&(0..rows).map(sum).collect::<Vec<_>>())
}
