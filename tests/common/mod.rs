//! A small training run, committed, proven and verified in memory.
#![allow(dead_code)]

pub mod cases;
pub mod cheats;
pub mod forge;
pub mod made;
pub mod plan;
pub mod reference;
pub mod round;

use std::sync::OnceLock;

use ark_bn254::Fr;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_commit::random::LocalKey;
use zktrain_commit::rows::commit_rows;
use zktrain_commit::sheet::Sheet;
use zktrain_commit::srs::{CheckedSrs, Srs};
use zktrain_model::manifest::Manifest;
use zktrain_model::relation::Group;
use zktrain_model::size::Limits;
use zktrain_model::trace::{Parameters, Trace};
use zktrain_prove::prove::CommittedRows;
use zktrain_prove::training::{
    Chunk, ChunkProved, Committed, Counts, Position, RegisteredDataset, TrainingProver,
    chunk_sizes, commit_model, derive_key, register_chunk,
};
use zktrain_prove::witness::training_sheet;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::{Binding, DatasetStatement, TrainingStatement};
use zktrain_trainer::dataset::Dataset;
use zktrain_trainer::train::{Trainer, last_state};
use zktrain_trainer::{initial_parameters, synthetic};
use zktrain_verify::training::ProofChain;

/// Logarithm of the powers of [`srs`]: enough for the network whose proof contracts measure, where
/// that is made, and for all others elsewhere.
const POWER: u32 = if matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"proofs") { 16 } else { 14 };

/// A reference string that tests share.
pub fn srs() -> &'static CheckedSrs {
    static SRS: OnceLock<CheckedSrs> = OnceLock::new();
    SRS.get_or_init(|| Srs::generate_g1(POWER, &mut ChaCha20Rng::seed_from_u64(7)).check().unwrap())
}

/// Makes what tests share: with a runtime of its own, as a test may be in one already.
pub fn apart<T: Send>(make: impl AsyncFnOnce() -> T + Send) -> T {
    let make = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(make())
    };
    std::thread::scope(|scope| scope.spawn(make).join().unwrap())
}

/// Everything up to the first proof.
pub struct Run {
    pub manifest: Manifest,
    pub key: TrainingKey,
    pub secret: LocalKey,
    pub data: Dataset,
    pub dataset: RegisteredDataset,
    pub chunks: Vec<(DatasetStatement, SheetProof)>,
    pub initial: Parameters,
    pub start: Committed,
    pub binding: Binding,
    pub nonce: [u8; 32],
}

impl Run {
    /// Registers `windows` windows of synthetic data.
    pub fn new(manifest: Manifest, windows: usize) -> Self {
        let initial = initial_parameters(&manifest.network().unwrap(), 1);
        Self::trained_on(manifest, initial, windows, &|_, _| {}, 3)
    }

    /// The run of a random case.
    pub fn of(case: &cases::Case, windows: usize) -> Option<Self> {
        let manifest = case.manifest()?;
        let network = manifest.network().unwrap();
        let scale = |index: usize, x: &mut f64| {
            let sample = index / network.input;
            let zero = case.zeroed && sample.is_multiple_of(network.window());
            *x *= if zero { 0.0 } else { case.stretch };
        };
        let initial = initial_parameters(&network, 1);
        Some(Self::trained_on(manifest, initial, windows, &scale, case.seed))
    }

    /// Registers synthetic data whose inputs are changed, given their index.
    pub fn trained_on(
        manifest: Manifest,
        initial: Parameters,
        windows: usize,
        change: &dyn Fn(usize, &mut f64),
        seed: u64,
    ) -> Self {
        let network = manifest.network().unwrap();
        let g1 = srs().g1();
        let bounded = Limits::default().admit(network.clone()).unwrap();
        let key = derive_key(manifest.hash(), bounded, srs()).unwrap();
        let secret = LocalKey::generate().unwrap();
        let rows = windows * network.window();
        let mut samples = synthetic::samples(&manifest, rows, seed).unwrap();
        samples.inputs.iter_mut().enumerate().for_each(|(index, x)| change(index, x));
        let data = samples.quantized(&network);
        let owner = [7; 20];
        let (dataset, chunks) = register(&key, &secret, &data, owner, windows);
        let start = Committed::start(&key, commit_model(&key, g1, &initial).unwrap());
        let binding =
            Binding { chain_id: 1, contract: [9; 20], domain: 3, round: 2, prover: owner };
        Self {
            manifest,
            key,
            secret,
            data,
            dataset,
            chunks,
            initial,
            start,
            binding,
            nonce: [9; 32],
        }
    }

    /// The rules that a chain of this run's proofs follows.
    pub fn chain(&self) -> ProofChain {
        ProofChain {
            binding: self.binding,
            dataset: self.dataset.tree.root(),
            windows: self.dataset.windows.len() as u64,
            nonce: self.nonce,
            model: self.start.model.points.clone(),
        }
    }

    /// Traces of the first proofs' windows in the drawn order, with the windows.
    pub fn traces(&self, count: usize) -> Vec<(u64, Trace)> {
        let network = self.key.network.network();
        let order =
            zktrain_model::schedule::window_order(self.nonce, 0, self.dataset.windows.len());
        let trainer = Trainer::new(network.clone()).unwrap();
        let mut model = self.initial.clone();
        let mut state = None;
        let mut traces = Vec::new();
        for window in order.into_iter().take(count) {
            let (x, y) = self.data.window(network, window).unwrap();
            let trace = trainer.train_window(&model, state.as_ref(), x, y).unwrap();
            state = last_state(network, &trace);
            model = trace.after.clone();
            traces.push((window as u64, trace));
        }
        traces
    }

    /// What makes this run's proofs.
    pub fn prover(&self) -> TrainingProver<'_> {
        TrainingProver {
            key: &self.key,
            g1: srs().g1(),
            secret: &self.secret,
            dataset: &self.dataset,
        }
    }

    /// Proves windows one after another.
    pub fn prove(&self, count: usize) -> Vec<(TrainingStatement, SheetProof)> {
        let mut before = self.start.clone();
        let mut proofs = Vec::new();
        for (index, (window, trace)) in self.traces(count).into_iter().enumerate() {
            let position = self.position(index, window);
            let proved = self.prover().prove(&before, position, &trace).unwrap();
            before = proved.after;
            proofs.push((proved.statement, proved.proof.reveal()));
        }
        proofs
    }

    pub fn position(&self, index: usize, window: u64) -> Position {
        let step = (index * self.key.network.steps) as u64;
        Position { binding: self.binding, step, window }
    }

    /// The first window's sheet, without multiplicities.
    pub fn first_sheet(&self) -> (u64, Sheet) {
        let (window, trace) = self.traces(1).remove(0);
        let key = &self.key;
        (window, training_sheet(&key.relation, &key.ids, &key.network, &trace).unwrap())
    }

    /// Proves a sheet as the first window's, whatever it holds, for a relation. Its data are those
    /// that the dataset is said to have, whatever they are: a commitment asks for nothing.
    pub fn prove_sheet(
        &self,
        key: &TrainingKey,
        window: u64,
        sheet: Sheet,
    ) -> (TrainingStatement, SheetProof) {
        let position = self.position(0, window);
        let dataset = self.committed_to(window, &sheet);
        let prover = TrainingProver { key, dataset: &dataset, ..self.prover() };
        let proved = prover.prove_sheet(&self.start, position, sheet, Counts::Missing).unwrap();
        (proved.statement, proved.proof.reveal())
    }
}

impl Run {
    /// The dataset with a sheet's data as one of its windows, which nobody has registered.
    pub fn committed_to(&self, window: u64, sheet: &Sheet) -> RegisteredDataset {
        let rows = sheet.group(Group::Data(0));
        let blinds: Vec<Fr> = (5u64..).map(Fr::from).take(rows.len()).collect();
        let points = commit_rows(srs().g1(), &rows, &blinds).unwrap();
        let mut windows = self.dataset.windows.clone();
        windows[usize::try_from(window).unwrap()] = CommittedRows { points, blinds };
        RegisteredDataset::new(windows)
    }
}

fn register(
    key: &TrainingKey,
    secret: &LocalKey,
    data: &Dataset,
    owner: [u8; 20],
    windows: usize,
) -> (RegisteredDataset, Vec<(DatasetStatement, SheetProof)>) {
    let network = key.network.network();
    let inputs: Vec<i32> = data.inputs.iter().map(|v| i32::from(*v)).collect();
    let labels: Vec<i32> = data.labels.iter().map(|v| i32::from(*v)).collect();
    let (mut first, mut chunks, mut all) = (0, Vec::new(), Vec::new());
    for windows_here in chunk_sizes(network, windows as u64).unwrap() {
        let samples = first * network.window()..(first + windows_here) * network.window();
        let chunk = Chunk {
            owner,
            total: windows as u64,
            first: first as u64,
            windows: windows_here,
            inputs: &inputs[samples.start * network.input..samples.end * network.input],
            labels: &labels[samples.start * network.output()..samples.end * network.output()],
        };
        let ChunkProved { statement, proof, windows: rows, .. } =
            register_chunk(key, srs().g1(), secret, &chunk).unwrap();
        chunks.push((statement, proof.reveal()));
        all.extend(rows);
        first += windows_here;
    }
    (RegisteredDataset::new(all), chunks)
}
